"""Which lines are one event, and which level a line without one has."""

import pytest

from tests.ingest.support import read_event, read_text

HEAD = "2026-03-02 10:00:00,125 - shop - ERROR - request failed\n"
NEXT = "2026-03-02 10:00:01,125 - shop - INFO - next\n"

PLAIN = """Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/starlette/app.py", line 10, in call
    await self.app()
  File "/app/shop/orders.py", line 41, in place
    total = row["total"]
            ~~~^^^^^^^^^
KeyError: 'total'
"""
CAUSE = """Traceback (most recent call last):
  File "/app/shop/db.py", line 7, in query
    connect()
ConnectionRefusedError: [Errno 111] Connection refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/shop/orders.py", line 42, in place
    query()
shop.errors.Unavailable: no database
"""


def test_two_traces_under_two_headers_are_two_errors() -> None:
    read = read_text(HEAD + PLAIN + HEAD + CAUSE)
    assert read.events["exception_type"].to_list() == ["KeyError", "ConnectionRefusedError"]


def test_two_traces_without_headers_are_two_errors() -> None:
    read = read_text(PLAIN + PLAIN + PLAIN)
    assert read.events["line_count"].to_list() == [7, 7, 7]


def test_an_announced_trace_belongs_to_its_announcement() -> None:
    event = read_event("ERROR:    Exception in ASGI application\n" + CAUSE)
    assert event["body"].startswith("Exception in ASGI application\nTraceback")
    assert event["exception_type"] == "ConnectionRefusedError"


def test_blank_lines_between_events_are_in_none() -> None:
    read = read_text(HEAD + "\n\n" + NEXT + "\n")
    assert read.events["line_count"].to_list() == [1, 1]
    assert read.ledger["blank_line_count"].sum() == 3


def test_blank_lines_inside_a_trace_belong_to_it() -> None:
    read = read_text(HEAD + CAUSE + "\n" + NEXT)
    assert read.events["line_count"].to_list() == [1 + CAUSE.count("\n"), 1]
    assert read.ledger["blank_line_count"].sum() == 1


def test_a_statement_of_many_lines_is_one_record() -> None:
    text = (
        "2026-03-02 10:00:00.125 UTC [61] ERROR:  syntax error at end of input\n"
        "2026-03-02 10:00:00.125 UTC [61] STATEMENT:  SELECT *\n"
        "\tFROM carts\n"
        "\tWHERE\n"
        "2026-03-02 10:00:01 UTC [61] LOG:  checkpoint starting: time\n"
    )
    read = read_text(text)
    assert read.events["line_count"].to_list() == [4, 1]
    assert read.events["body"][0].endswith("STATEMENT:  SELECT *\n\tFROM carts\n\tWHERE")


def test_an_event_that_never_ends_is_cut() -> None:
    read = read_text(HEAD + "  more\n" * 2500 + NEXT)
    assert read.events["line_count"].sum() == 2502
    assert read.events["line_count"].max() == 1000


@pytest.mark.parametrize(
    "line",
    [
        "SELECT error_message FROM jobs",
        "added 0 errors to the errors table",
        "level=info msg=\"last error was long ago\"",
        "retrying after Error handling was improved",
        "INFO the previous ERROR is gone",
    ],
)  # fmt: skip
def test_the_word_error_in_prose_is_no_error(line: str) -> None:
    assert read_event(line + "\n")["severity_number"] < 17


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("ERROR something broke", 17),
        ("shop [ERROR] something broke", 17),
        ("error: something broke", 17),
        ("WARNING: something is odd", 13),
        ("Segmentation fault (core dumped)", 21),
        ("panic: runtime error: index out of range", 21),
        ("hello", 0),
    ],
)
def test_level_words_count_where_programs_write_them(line: str, number: int) -> None:
    event = read_event(line + "\n")
    assert (event["severity_number"], event["is_severity_inferred"]) == (number, True)


@pytest.mark.parametrize(
    "text", ["\n   hello\n   again\n", "\n\n\t}\n\n  x\n", "\n  at a.b(C.java:3)\n"]
)
def test_blank_lines_at_the_beginning_hide_nothing_of_what_follows(text: str) -> None:
    read = read_text(text)

    assert read.events["body"].str.join("\n").item() == text.strip("\n")
    row = read.ledger.row(0, named=True)
    assert row["event_line_count"] + row["blank_line_count"] == row["line_count"]
    assert row["event_line_count"] == read.events["line_count"].sum()
