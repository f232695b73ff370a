"""The DuckDB session: order of queries, what can be read, and what is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import QueryError
from pipeline.schema import EVENTS, MINUTES, TIMESTAMP, Schema
from pipeline.sql import Session, classify, load_queries, references, run_order, title
from pipeline.store import write_table

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATTERNS = {
    "rule_order": [1, 1, 2, 3],
    "pattern_order": [0, 1, 0, 0],
    "error_class": ["timeout", "timeout", "refused", "quote"],
    "kind": ["timeout", "timeout", "network", "x"],
    "literal": ["timed out", "timeout", "refused", "'"],
    "regex": [r"(?i)timed out", r"(?i)timeout\b", "(?i)refused", "'; drop"],
}


def windows() -> pl.DataFrame:
    schema: Schema = {
        "window_name": pl.String,
        "origin": pl.String,
        "window_start": TIMESTAMP,
        "window_end": TIMESTAMP,
    }
    rows = [("candidate", "candidate", NOON, NOON.replace(hour=13))]
    return pl.DataFrame(rows, schema=schema, orient="row")


def events(*bodies: str) -> pl.DataFrame:
    rows = [
        {"timestamp": NOON, "service_name": "api", "body": body, "severity_number": 17,
         "log_file_path": "a.log", "line_number": at, "byte_offset": at}
        for at, body in enumerate(bodies)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=EVENTS)


def test_queries_run_after_those_they_read() -> None:
    names = run_order(load_queries())

    at = {name: place for place, name in enumerate(names)}
    read = {name: references(text) & at.keys() for name, text in load_queries().items()}
    assert sorted(names) == sorted(load_queries())
    assert [name for name in names if any(at[one] > at[name] for one in read[name])] == []


def test_a_circle_of_queries_is_refused() -> None:
    with pytest.raises(QueryError, match="circle"):
        run_order({"a": "select * from b", "b": "select * from a"})


@pytest.mark.parametrize("text", ["select 1; select 2", "create table x (y int)", "selct 1", ""])
def test_only_one_select_statement_is_a_query(text: str) -> None:
    with pytest.raises(QueryError):
        references(text)


def test_references_see_through_joins_subqueries_and_ctes() -> None:
    text = (
        "with a as (select * from x) select * from a join y using (k) where k in (select k from z)"
    )

    assert references(text) >= {"x", "y", "z"}


def test_title_is_the_first_line_of_the_header() -> None:
    assert title("-- What it is. One row per day.\nselect 1") == "What it is. One row per day."


def test_unknown_query_is_refused_with_the_names_that_exist() -> None:
    with Session() as session, pytest.raises(QueryError, match="no_such") as caught:
        session.frame("no_such")

    assert "window_totals" in (caught.value.hint or "")


def test_a_query_whose_table_is_missing_is_refused() -> None:
    with Session() as session, pytest.raises(QueryError, match="stg_minutes"):
        session.frame("service_minutes")


def test_a_missing_parameter_is_refused() -> None:
    with Session() as session:
        session.register("keys", pl.DataFrame({"key_id": [0], "text": ["x"]}))
        session.register("patterns", pl.DataFrame(PATTERNS))

        with pytest.raises(QueryError, match="pattern_hits"):
            session.frame("pattern_hits", {"rule_order": 1})


def test_events_are_read_from_all_parts_with_their_origin(tmp_path: Path) -> None:
    parts = {"baseline": [tmp_path / "b0.parquet"], "candidate": [tmp_path / "c0.parquet"]}
    write_table(parts["baseline"][0], events("old"))
    write_table(parts["candidate"][0], events("new", "newer"))

    with Session() as session:
        session.read_events(parts)
        session.register("windows", windows())
        found = session.frame("stg_events").sort("body")

    assert found.select("body", "origin", "window_name").rows() == [
        ("new", "candidate", "candidate"),
        ("newer", "candidate", "candidate"),
        ("old", "baseline", None),
    ]


def test_a_file_name_with_glob_signs_reads_that_file_only(tmp_path: Path) -> None:
    # DuckDB expands `*`, `?` and `[...]` in the names it is given, also in lists.
    folder = tmp_path / "run[1]*"
    folder.mkdir()
    (tmp_path / "run1").mkdir()
    write_table(folder / "c.parquet", events("mine"))
    write_table(tmp_path / "run1" / "c.parquet", events("other"))

    with Session() as session:
        session.read_events({"candidate": [folder / "c.parquet"]})
        session.register("windows", windows())
        found = session.frame("stg_events")

    assert found["body"].to_list() == ["mine"]


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "body=other"
    folder.mkdir()
    write_table(folder / "c.parquet", events("mine"))

    with Session() as session:
        session.read_events({"candidate": [folder / "c.parquet"]})
        session.register("windows", windows())
        found = session.frame("stg_events")

    assert found["body"].to_list() == ["mine"]


def test_times_come_back_as_utc_microseconds() -> None:
    minute = {
        "bucket_start": NOON, "service_name": "api", "event_count": 1, "error_count": 0,
        "warning_count": 0, "request_count": 0, "failed_request_count": 0,
        "first_timestamp": NOON, "last_timestamp": NOON, "origin": "candidate",
    }  # fmt: skip
    table = pl.DataFrame([minute], schema={**MINUTES, "origin": pl.String})

    with Session() as session:
        session.register("minutes", table)
        session.register("windows", windows())
        found = session.frame("service_minutes")

    assert found.schema["bucket_start"] == TIMESTAMP
    assert found["bucket_start"][0] == NOON


def test_the_first_pattern_in_rule_order_names_a_text() -> None:
    texts = pl.Series(["Connection refused: timed out", "READ TIMEOUT", "Refused", "fine", None])

    named = classify(texts, pl.DataFrame(PATTERNS))

    assert dict(named.select("text", "error_class").rows()) == {
        "Connection refused: timed out": "timeout",
        "READ TIMEOUT": "timeout",
        "Refused": "refused",
    }


def test_equal_texts_are_named_once() -> None:
    texts = pl.Series(["refused"] * 1000)

    assert classify(texts, pl.DataFrame(PATTERNS)).height == 1


def test_no_text_gives_an_empty_table_of_the_same_columns() -> None:
    named = classify(pl.Series([None], dtype=pl.String), pl.DataFrame(PATTERNS))

    assert named.is_empty()
    assert named.columns == ["text", "error_class", "error_kind"]


@pytest.mark.parametrize(
    "text",
    [
        "'; drop table keys; --",
        "$regex refused",
        "{{ 7 * 7 }} refused",
        "\x00 refused \x1b[31m",
        "refused \N{RIGHT-TO-LEFT OVERRIDE} \N{PILE OF POO}",
        json.dumps({"a": "refused"}),
    ],
)
def test_hostile_text_is_a_value_like_any_other(text: str) -> None:
    named = classify(pl.Series([text]), pl.DataFrame(PATTERNS))

    assert named["text"].to_list() == [text]
