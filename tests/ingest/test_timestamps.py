"""Times of every notation, and years that are not written."""

import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest.layouts import EVIDENT, LAYOUTS
from pipeline.ingest.timestamps import (
    complete_years,
    fitting_layouts,
    local_to_utc,
    numeric_order,
    parse_rfc3339,
    parse_times,
)
from pipeline.schema import TIMESTAMP
from tests.ingest.support import options, read_paths, read_text

MOMENT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
TIMES = tomllib.loads(Path(__file__).with_name("times.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", TIMES["time"], ids=lambda case: case["text"])
def test_notation_gives_the_moment(case: dict[str, str]) -> None:
    moment = datetime.fromisoformat(case["is"]).replace(tzinfo=UTC)
    layout = case.get("from", case["layout"])
    found = parse_times(pl.Series([case["text"], "no time", None]), (layout,))
    assert found["timestamp"].to_list() == [moment, None, None]
    assert found["zone_name"].to_list() == [case.get("zone"), None, None]


def test_notations_do_not_take_each_others_times() -> None:
    cases = [case for case in TIMES["time"] if case["layout"] in EVIDENT]
    text = pl.Series([case["text"] for case in cases])
    moments = [datetime.fromisoformat(case["is"]).replace(tzinfo=UTC) for case in cases]
    assert parse_times(text, fitting_layouts(text))["timestamp"].to_list() == moments


def test_every_notation_has_a_case() -> None:
    assert {case.get("from", case["layout"]) for case in TIMES["time"]} >= set(LAYOUTS)


def test_what_is_no_time_is_null() -> None:
    text = pl.Series(TIMES["nothing"])
    found = parse_times(text, EVIDENT)["timestamp"]
    assert text.filter(found.is_not_null()).to_list() == []


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["13/02/2026 10:00:00", "02/03/2026 10:00:00"], "day_first"),
        (["02/13/2026 10:00:00", "02/03/2026 10:00:00"], "month_first"),
        (["03/02/2026 10:00:00", "03/03/2026 10:00:00"], "month_first"),
        (["02/03/2026 10:00:00", "03/03/2026 10:00:00"], "day_first"),
        (["02/03/2026 10:00:00", "02/03/2026 11:00:00"], None),
        (["13/02/2026 10:00:00", "02/13/2026 10:00:00"], None),
        (["no date"], None),
    ],
)
def test_order_of_day_and_month_is_what_the_stream_shows(
    texts: list[str], order: str | None
) -> None:
    assert numeric_order(pl.Series(texts)) == order


@pytest.mark.parametrize(
    ("local", "zone", "utc", "later", "is_gap"),
    [
        ("2026-07-02T12:00:00", "Europe/Berlin", "2026-07-02T10:00:00", None, False),
        (
            "2024-10-27T02:30:00",
            "Europe/Berlin",
            "2024-10-27T00:30:00",
            "2024-10-27T01:30:00",
            False,
        ),
        ("2024-03-31T02:30:00", "Europe/Berlin", "2024-03-31T01:30:00", None, True),
        # Half an hour, in a zone of half hours.
        (
            "2024-04-07T01:45:00",
            "Australia/Lord_Howe",
            "2024-04-06T14:45:00",
            "2024-04-06T15:15:00",
            False,
        ),
        ("2026-03-02T15:45:00", "Asia/Kathmandu", "2026-03-02T10:00:00", None, False),
    ],
)
def test_local_times_are_read_by_the_rules_of_their_zone(
    local: str, zone: str, utc: str, later: str | None, is_gap: bool
) -> None:
    times = pl.Series([datetime.fromisoformat(local)]).cast(TIMESTAMP)
    found = local_to_utc(times, zone).row(0)
    moments = [datetime.fromisoformat(t).replace(tzinfo=UTC) if t else None for t in (utc, later)]
    assert found == (*moments, is_gap)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-03-02T10:00:00Z", 0),
        ("2026-03-02T10:00:00.5Z", 500_000),
        ("2026-03-02T10:00:00.123456789Z", 123_456),
        ("2026-03-02T12:00:00.000001+02:00", 1),
    ],
)
def test_times_of_runtimes_keep_their_microseconds(text: str, micros: int) -> None:
    # Alone and beside another notation: two ways through the code.
    for others in ([], ["2026-03-02T10:00:00+00:00"]):
        found = parse_rfc3339(pl.Series([text, *others]))[0]
        assert found == MOMENT.replace(microsecond=micros)


@pytest.mark.parametrize(
    ("month", "day", "anchor", "year"),
    [
        (3, 2, datetime(2026, 3, 2, tzinfo=UTC), 2026),
        (12, 31, datetime(2026, 1, 1, tzinfo=UTC), 2025),
        (1, 1, datetime(2025, 12, 31, tzinfo=UTC), 2026),
        (2, 29, datetime(2025, 1, 5, tzinfo=UTC), 2024),
    ],
)
def test_year_that_is_not_written_is_the_nearest(
    month: int, day: int, anchor: datetime, year: int
) -> None:
    times = pl.Series([datetime(1972, month, day, 5, tzinfo=UTC)], dtype=TIMESTAMP)
    found = complete_years(times, pl.Series([anchor], dtype=TIMESTAMP))
    assert found.to_list() == [datetime(year, month, day, 5, tzinfo=UTC)]


def test_file_without_years_ends_when_it_was_last_written_to(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_text("Dec 31 23:59:59 node-1 cron[3]: old\nJan  2 10:00:00 node-1 cron[3]: new\n")
    written = datetime(2026, 1, 2, 10, 0, 1, tzinfo=UTC).timestamp()
    os.utime(path, (written, written))
    events = read_paths(path).events
    assert events["timestamp"].dt.year().to_list() == [2025, 2026]
    assert "year_inferred" in events["time_flags"].to_list()[0]
    summer = read_paths(path, options_=options(zone="America/New_York")).events
    assert summer["timestamp"].dt.hour().to_list() == [4, 15]


def test_without_a_year_the_envelopes_time_stands() -> None:
    line = "2020-01-01T00:00:01.000000000Z stderr F E1231 23:59:59.500000       1 a.go:3] late\n"
    event = read_text(line * 3).events.row(0, named=True)
    assert event["timestamp"] == datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert (event["time_source"], event["time_flags"]) == ("envelope", [])


def test_times_without_a_zone_are_those_of_the_zone_that_is_given() -> None:
    text = "2026-07-02 10:00:00,000 - a - INFO - m\n2026-07-02T10:00:00Z other\n"
    read = read_text(text, options(zone="Europe/Berlin"))
    assert read.events["timestamp"].dt.hour().to_list() == [8, 10]
    assert read.events["time_flags"].to_list() == [["tz_given"], []]
