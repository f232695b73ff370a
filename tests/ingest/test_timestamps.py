"""Times of every notation, and years that are not written."""

import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest.timestamps import LAYOUTS, complete_years, parse_rfc3339, parse_times
from pipeline.schema import TIMESTAMP
from tests.ingest.support import options, read_paths, read_text

MOMENT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("iso", "2026-03-02T10:00:00Z"),
        ("iso", "2026-03-02 11:00:00,000 +0100"),
        ("iso", "2026-03-02 10:00:00"),
        ("slash", "2026/03/02 10:00:00"),
        ("slash_dash", "2026/03/02 - 10:00:00"),
        ("clf_blank", "02/Mar/2026 10:00:00"),
        ("dotted", "2026.03.02 10:00:00.000000"),
        ("day_month_dash", "02-Mar-2026 10:00:00"),
        ("clf", "02/Mar/2026:15:30:00 +0530"),
        ("day_month_name", "2 Mar 2026 10:00:00.000"),
        ("c_weekday", "Mon Mar  2 10:00:00 2026"),
        ("yymmdd", "260302 10:00:00"),
        ("yymmdd_slash", "26/03/02 10:00:00"),
        ("yymmdd_compact", "260302 100000"),
        ("c_weekday", "Mon Mar 2 10:00:00.000 2026"),
        ("clf_blank", "2/Mar/2026 10:00:00"),
        ("day_month_colons", "2-Mar-2026::10:00:00"),
        ("compact_dot", "20260302.100000,000"),
        ("compact_colon", "20260302-10:0:0:0"),
        ("db2", "2026-03-02-10.00.00.000000"),
        ("day_first_dash", "02-03-2026 13:00:00 +0300"),
        ("bsd_year", "Mar  2 2026 10:00:00"),
        ("month_first", "03/02/2026 10:00:00"),
        ("month_first_dash", "03/02/2026-10:00:00.000000"),
        ("month_first_12", "3/2/2026, 10:00:00 AM"),
        ("month_name_12", "Mar 2, 2026 10:00:00 AM"),
        ("month_name_12", "Mar 2, 2026, 10:00:00\u202fAM UTC"),
        ("time_date", "10:00:00 UTC 03/02/2026"),
        ("tai64n", "@4000000069a55faa00000000"),
        ("epoch", "1772445600"),
        ("epoch", "1772445600000"),
        ("epoch", "1772445600000000"),
        ("epoch", "1772445600000000000"),
    ],
)
def test_notation_gives_the_moment(layout: str, text: str) -> None:
    found = parse_times(pl.Series([text, "no time", None]), (layout,))
    assert found["timestamp"].to_list() == [MOMENT, None, None]


def test_milliseconds_that_are_not_padded_are_no_fraction() -> None:
    found = parse_times(pl.Series(["20260302-10:0:0:7"]), ("compact_colon",))
    assert found["timestamp"].to_list() == [MOMENT.replace(microsecond=7000)]


@pytest.mark.parametrize(
    "text", ["2026-02-30T10:00:00Z", "2026-13-01T10:00:00Z", "", "1", "9" * 19]
)
def test_what_is_no_date_is_null(text: str) -> None:
    assert parse_times(pl.Series([text]), tuple(LAYOUTS))["timestamp"].null_count() == 1


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
