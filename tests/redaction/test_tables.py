"""Tables lose their secrets in every column, by what a value is and by what its name says."""

from dataclasses import dataclass

import polars as pl

from pipeline.redaction import Redactor, redact_columns, redact_events, redact_fields
from pipeline.schema import EVENTS

REDACTOR = Redactor()


def events(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{"log_file_path": "a.log", **row} for row in rows], schema=EVENTS)


def test_every_column_is_looked_at() -> None:
    table = events(
        {"body": "password=hunter2"},
        {"exception_message": "password=hunter2", "exception_stacktrace": "x\npassword=hunter2"},
        {"exception_chain": ["A: x", "B: password=hunter2"]},
        {"url_path": "/a?password=hunter2", "http_route": "/a/password=hunter2"},
        {"attributes": {"note": "password=hunter2", "other": "x"}},
        {"scope_name": "password=hunter2", "service_name": "password=hunter2"},
    )

    cleaned, _ = redact_events(table, REDACTOR)

    assert "hunter2" not in str(cleaned.to_dicts())
    assert cleaned.schema == table.schema
    assert cleaned["exception_chain"].to_list()[2] == ["A: x", "B: password=[redacted:password]"]
    assert cleaned["exception_chain"].to_list()[0] is None
    assert cleaned.height == table.height


def test_a_field_is_secret_by_its_name() -> None:
    table = events(
        {"attributes": {"password": "hunter2", "user": "bob"}},
        {"attributes": {"http.request.header.authorization": "xyz", "db.Password": "abc"}},
        {"attributes": {"token_count": "512", "password": "null", "secretName": "tls"}},
        {"attributes": {"session_id": "64a2f1b4.1f", "pwd": "/srv/app", "passwd": "/srv/App"}},
        {"attributes": None},
        {"attributes": {}},
    )

    cleaned, counts = redact_events(table, REDACTOR)

    assert [dict(one) if one is not None else None for one in cleaned["attributes"].to_list()] == [
        {"password": "[redacted:password]", "user": "bob"},
        {
            "http.request.header.authorization": "[redacted:authorization]",
            "db.Password": "[redacted:password]",
        },
        {"token_count": "512", "password": "null", "secretName": "tls"},
        {"session_id": "64a2f1b4.1f", "pwd": "/srv/app", "passwd": "[redacted:password]"},
        None,
        {},
    ]
    assert counts.sort("kind").rows() == [("a.log", "authorization", 1), ("a.log", "password", 3)]


def test_counts_are_of_events_not_of_columns() -> None:
    table = events(
        {"body": "password=a password=b", "exception_message": "password=a"},
        {"body": "nothing"},
        {"body": "token=abc password=c", "log_file_path": "b.log"},
    )

    _, counts = redact_events(table, REDACTOR)

    assert sorted(counts.rows()) == [
        ("a.log", "password", 1), ("b.log", "password", 1), ("b.log", "token", 1),
    ]  # fmt: skip


def test_a_table_without_secrets_is_the_same_object() -> None:
    table = events({"body": "connection refused"})

    cleaned, counts = redact_events(table, REDACTOR)

    assert cleaned is table
    assert counts.is_empty()
    assert redact_columns(table, REDACTOR) is table


def test_the_path_of_a_file_stays() -> None:
    table = events({"log_file_path": "password=x1.log"})

    assert redact_columns(table, REDACTOR)["log_file_path"][0] == "password=x1.log"


@dataclass(frozen=True)
class Inner:
    text: str
    number: int


@dataclass(frozen=True)
class Outer:
    one: Inner
    many: list[Inner]
    named: dict[str, str]
    pair: tuple[str, ...]


def test_values_of_any_depth() -> None:
    value = Outer(Inner("password=x1", 1), [Inner("y", 2)], {"a": "token=abc"}, ("secret=abc", "z"))

    assert redact_fields(value, REDACTOR) == Outer(
        Inner("password=[redacted:password]", 1),
        [Inner("y", 2)],
        {"a": "token=[redacted:token]"},
        ("secret=[redacted:secret]", "z"),
    )
    assert redact_fields(value, REDACTOR, skip=(Inner,)).one == value.one


def test_a_value_without_secrets_is_the_same_object() -> None:
    value = Inner("x", 1)

    assert redact_fields(value, REDACTOR) is value
