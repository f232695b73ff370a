"""Which time an event has, where its line does not tell all of it, and what is said of that."""

import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from pipeline.ingest.clocks import first_moment, name_date
from pipeline.ingest.layouts import DATELESS
from tests.ingest.support import options, read_paths, read_text

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 3, 3, 2, tzinfo=UTC)


def _times(read: pl.DataFrame) -> list[str | None]:
    return read["timestamp"].dt.strftime("%m-%d %H:%M").to_list()


def _notes(ledger: pl.DataFrame) -> dict[str, int]:
    return {note["kind"]: note["event_count"] for note in ledger["time_notes"][0]}


def test_days_without_dates_count_on_from_the_date_in_the_files_name() -> None:
    clocks = ("10:00:00", "23:00:00", "22:59:59", "01:00:00")
    text = "".join(f"{clock}.000 [main] INFO  a.B -- m\n" for clock in clocks)
    read = read_text(text, name="app-2026-03-02.log")
    assert _times(read.events) == ["03-02 10:00", "03-02 23:00", "03-02 22:59", "03-03 01:00"]
    assert "date_inferred" in read.events["time_flags"][0]
    assert _notes(read.ledger)["date_inferred"] == 4


def test_days_without_dates_end_when_the_file_was_last_written_to(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    hours = [hour % 24 for hour in range(20, 20 + 60)]
    path.write_text("".join(f"{hour:02}:00:00.000 [main] INFO  a.B -- m\n" for hour in hours))
    written = datetime(2026, 3, 5, 7, 0, 1, tzinfo=UTC).timestamp()
    os.utime(path, (written, written))
    for size in (1 << 20, 256):
        events = read_paths(path, options_=options(block_bytes=size)).events
        assert events["timestamp"][0] == datetime(2026, 3, 2, 20, tzinfo=UTC)
        assert events["timestamp"][-1] == datetime(2026, 3, 5, 7, tzinfo=UTC)


def test_envelope_stands_where_the_line_has_no_date() -> None:
    line = "2026-03-02T10:00:00.500000000Z stderr F 18:00:00.000 [main] INFO  a.B -- m\n"
    event = read_text(line * 3).events.row(0, named=True)
    assert event["timestamp"] == datetime(2026, 3, 2, 10, 0, 0, 500_000, tzinfo=UTC)
    assert (event["time_source"], event["time_flags"]) == ("envelope", [])


def test_hour_that_occurs_twice_is_its_first_until_time_steps_back() -> None:
    clocks = ("01:30", "02:30", "02:50", "02:10", "02:59", "03:00")
    text = "".join(f"2024-10-27 {clock}:00,000 - a - INFO - m\n" for clock in clocks)
    read = read_text(text, options(zone=BERLIN))
    utc = ["10-26 23:30", "10-27 00:30", "10-27 00:50", "10-27 01:10", "10-27 01:59", "10-27 02:00"]
    assert _times(read.events) == utc
    small = read_text(text, options(zone=BERLIN, block_bytes=64))
    assert _times(small.events) == utc
    assert _notes(read.ledger)["dst_ambiguous"] == 4


def test_hour_that_is_left_out_is_read_as_before_the_change() -> None:
    text = "2024-03-31 02:30:00,000 - a - INFO - m\n2024-03-31 03:00:00,000 - a - INFO - m\n"
    read = read_text(text, options(zone=BERLIN))
    assert _times(read.events) == ["03-31 01:30", "03-31 01:00"]
    assert _notes(read.ledger)["dst_gap"] == 1


def test_impossible_times_are_none_and_do_not_widen_what_the_file_covers() -> None:
    years = ("2026", "1970", "2099", "9999", "2026", "2026", "2026")
    text = "".join(f"{year}-03-01 00:00:00,000 - a - INFO - m\n" for year in years)
    read = read_text(text, options(now=NOW))
    assert read.events["timestamp"].dt.year().unique().to_list() == [2026]
    assert _notes(read.ledger)["out_of_window"] == 3
    assert read.ledger["last_timestamp"][0].year == 2026


def test_times_after_the_run_stand_when_all_are() -> None:
    text = "2027-03-01 00:00:00,000 - a - INFO - m\n" * 5
    assert read_text(text, options(now=NOW)).events["timestamp"].dt.year().to_list() == [2027] * 5


def test_time_that_is_days_from_the_envelopes_is_not_used() -> None:
    line = "2026-03-02T10:00:00Z stdout F 2026-01-05T10:00:00Z INFO replayed\n"
    event = read_text(line * 3).events.row(0, named=True)
    assert event["timestamp"] == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert (event["time_source"], event["time_flags"]) == ("envelope", ["far_from_envelope"])


def test_name_of_a_zone_is_not_guessed_but_flagged() -> None:
    text = '{"time":"2026-03-02 10:00:00 CST","level":"error","msg":"m"}\n' * 3
    read = read_text(text)
    assert _times(read.events) == ["03-02 10:00"] * 3
    assert read.events["time_flags"][0].to_list() == ["tz_assumed", "tz_name"]
    given = read_text(text, options(zone="Asia/Shanghai"))
    assert _times(given.events) == ["03-02 02:00"] * 3


def test_notation_that_the_format_does_not_expect_is_found_in_the_stream() -> None:
    text = '{"ts":"Mon, 02 Mar 2026 11:00:00 +0100","level":"info","msg":"m"}\n'
    assert _times(read_text(text).events) == ["03-02 10:00"]


def test_date_in_a_name_is_one_that_exists() -> None:
    assert name_date("logs/app-2026-03-02.log") == datetime(2026, 3, 2, tzinfo=UTC)
    assert name_date("2026/logs-20260302/app.log") == datetime(2026, 3, 2, tzinfo=UTC)
    assert name_date("app-20260231.log") is None
    assert name_date("app-123456789.log") is None


def test_first_moment_counts_the_days_back_across_blocks() -> None:
    def block(*hours: int) -> pl.Series:
        return pl.Series([DATELESS.replace(hour=hour) for hour in hours])

    end = datetime(2026, 3, 5, 7, 0, 1, tzinfo=UTC)
    found = first_moment([block(20, 23), block(), block(1, 22), block(3, 7)], end)
    assert found == datetime(2026, 3, 3, 20, tzinfo=UTC)
    assert first_moment([], end) is None


def test_order_of_day_and_month_is_that_of_the_stream() -> None:
    text = "02/03/2026 10:00:00 began to copy\n23/03/2026 10:00:00 ERROR no route\n"
    assert _times(read_text(text).events) == ["03-02 10:00", "03-23 10:00"]
    alone = read_text("02/03/2026 10:00:00 began to copy\n")
    assert _times(alone.events) == [None]


def test_lines_before_the_first_dated_one_take_its_year() -> None:
    text = "I0302 10:00:00.000001 1 a.go:1] m\n" * 3
    text += 'time="2024-03-02T10:00:01Z" level=info msg=m\n' * 3
    read = read_text(text, options(now=NOW))
    assert read.events["timestamp"].dt.year().unique().to_list() == [2024]
