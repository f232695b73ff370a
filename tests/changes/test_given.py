"""Changes that the user names, and what is said of those that cannot be read."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from pipeline.changes import given_changes
from pipeline.diagnosis.times import parse_absolute
from pipeline.errors import UsageError

UTC_TIMES = partial(parse_absolute, zone=None)
AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T08:15Z deploy api 1.4.2 by hand",
        "2026-03-02 08:15:00Z  Deploy api 1.4.2   by hand",
        "2026-03-02 08:15 deploy api 1.4.2\nby hand",
        "@1772439300 deploy api 1.4.2 by hand",
    ],
)
def test_an_event_is_a_time_a_kind_a_service_and_a_text(text: str) -> None:
    (row,) = given_changes([text], [], UTC_TIMES).to_dicts()

    assert (row["timestamp"], row["kind"], row["service_name"], row["text"], row["is_given"]) == (
        AT, "deploy", "api", "1.4.2 by hand", True,
    )  # fmt: skip


def test_a_text_is_not_needed_and_all_services_may_be_meant() -> None:
    (row,) = given_changes(["2026-03-02T08:15Z config *"], [], UTC_TIMES).to_dicts()

    assert (row["service_name"], row["text"], row["log_file_path"]) == ("*", "", None)


@pytest.mark.parametrize(
    "text",
    [
        '{"time": "2026-03-02T08:15Z", "kind": "deploy", "service": "api", "text": "1.4.2"}\n\n',
        '{"timestamp": "@1772439300", "kind": "deploy", "service_name": "api", "text": "1.4.2"}',
        "time,kind,service,text\n2026-03-02T08:15Z,deploy,api,1.4.2\n",
        "\ufeffText,Who,Service_Name,Kind,Timestamp\r\n1.4.2,kim,api,deploy,2026-03-02T08:15Z\r\n",
    ],
)
def test_a_file_holds_json_lines_or_csv(text: str, tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text(text, encoding="utf-8", newline="")

    (row,) = given_changes([], [str(path)], UTC_TIMES).to_dicts()

    assert (row["timestamp"], row["kind"], row["service_name"], row["text"]) == (
        AT, "deploy", "api", "1.4.2",
    )  # fmt: skip
    assert row["log_file_path"] == str(path)
    assert row["line_number"] == (2 if "{" not in text else 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("deploy", "a time, a kind and a service are needed"),
        ("2026-03-02T08:15Z deploy", "a time, a kind and a service are needed"),
        ("2026-13-02T08:15Z deploy api", "is not a time"),
        ("06:00 deploy api", "depends on the data"),
        ("2026-03-02T08:15Z de/ploy api", "is no kind"),
    ],
)
def test_what_is_wrong_with_an_event_is_said(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        given_changes([text], [], UTC_TIMES)

    assert text in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"time": "2026-03-02T08:15Z", "kind": "deploy"}', "line 1: service is missing"),
        (b'{"time": "2026-03-02T08:15Z"\n', "line 1: not JSON"),
        (b'{"a": 1}\n[1]\n', "line 1: time is missing"),
        (b"time,kind,service\n2026-03-02T08:15Z,deploy,api\nx,deploy,api\n", "line 3: 'x' is not"),
        (b"time,kind,service\n2026-03-02T08:15Z,deploy\n", "line 2: service is missing"),
        (b"2026-03-02T08:15Z,deploy,api\n", "line 1: no column is named time"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * (10 * 2**20 + 1), "more than 10 MiB"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    data: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "events"
    path.write_bytes(data)

    with pytest.raises(UsageError, match=reason) as caught:
        given_changes([], [str(path)], UTC_TIMES)

    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        given_changes([], [str(tmp_path / "none")], UTC_TIMES)
