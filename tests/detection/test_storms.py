"""`cap_storms`: floods of minutes are cut, rises of hours are not."""

import random
from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.detection import cap_storms
from pipeline.model import Window
from tests.detection.draws import START, hours, poisson, table, traffic

WEEK = hours(0, 168)


def minutes(rng: random.Random, rate: float, last_day: float | None = None) -> pl.DataFrame:
    """Eight days of minutes at *rate* an hour, the last at *last_day*."""
    per_hour = [rate] * 168 + [rate if last_day is None else last_day] * 24
    counts = [poisson(rng, hour / 60) for hour in per_hour for _ in range(60)]
    return table("a", counts, seconds=60)


def add(frame: pl.DataFrame, first_minute: int, count: int, size: int) -> pl.DataFrame:
    """Add *size* events to each of *count* minutes."""
    at = pl.int_range(pl.len())
    inside = (at >= first_minute) & (at < first_minute + count)
    return frame.with_columns(event_count=pl.col("event_count") + inside.cast(pl.Int64) * size)


def day_sum(frame: pl.DataFrame, column: str = "capped_count") -> int:
    """Sum of the last day."""
    return int(frame.filter(pl.col("bucket_start") >= WEEK.end)[column].sum())


@pytest.mark.parametrize("rate", [0.5, 5, 30, 300])
def test_usual_counts_are_hardly_cut(rng: random.Random, rate: float) -> None:
    frame = cap_storms(minutes(rng, rate), WEEK)
    kept, all_events = frame.select("capped_count", "event_count").sum().row(0)
    assert kept >= 0.97 * all_events


@pytest.mark.parametrize("rate", [5, 30, 300])
def test_doubled_rate_is_hardly_cut(rng: random.Random, rate: float) -> None:
    frame = cap_storms(minutes(rng, rate, 2 * rate), WEEK)
    assert day_sum(frame) >= 0.97 * day_sum(frame, "event_count")


@pytest.mark.parametrize("rate", [5, 30, 300])
def test_lasting_rise_to_fifty_times_keeps_its_size(rng: random.Random, rate: float) -> None:
    frame = cap_storms(minutes(rng, rate, 50 * rate), WEEK)
    assert day_sum(frame) >= 0.9 * day_sum(frame, "event_count")


@pytest.mark.parametrize("rate", [0.2, 2, 30])
@pytest.mark.parametrize("length", [1, 5])
def test_storm_of_minutes_weighs_little(rng: random.Random, rate: float, length: int) -> None:
    quiet = minutes(rng, rate)
    stormy = add(quiet, 175 * 60 + 7, length, 400)
    more = day_sum(cap_storms(stormy, WEEK)) - day_sum(cap_storms(quiet, WEEK))
    assert more <= 6 + rate


def test_storm_in_the_baseline_does_not_raise_its_own_cap(rng: random.Random) -> None:
    quiet = minutes(rng, 5)
    stormy = quiet
    for hour in range(3, 168, 12):
        stormy = add(stormy, hour * 60, 5, 1000)
    before = cap_storms(quiet, WEEK).filter(pl.col("bucket_start") >= WEEK.end)
    after = cap_storms(stormy, WEEK).filter(pl.col("bucket_start") >= WEEK.end)
    assert_frame_equal(before, after)


def test_cap_knows_the_hour_of_day(rng: random.Random) -> None:
    counts = [poisson(rng, 600 * traffic(hour) ** 4 / 60) for hour in range(192) for _ in range(60)]
    frame = cap_storms(table("a", counts, seconds=60), WEEK)
    assert day_sum(frame) >= 0.98 * day_sum(frame, "event_count")


def test_minutes_without_rows_have_no_events(rng: random.Random) -> None:
    dense = minutes(rng, 4)
    sparse = dense.filter(pl.col("event_count") > 0)
    expected = cap_storms(dense, WEEK).filter(pl.col("event_count") > 0)
    assert_frame_equal(cap_storms(sparse, WEEK), expected)


def test_rows_keep_their_order_and_columns(rng: random.Random) -> None:
    frame = pl.concat(
        [minutes(rng, 4), minutes(rng, 40).with_columns(series_id=pl.lit("b"))]
    ).sample(fraction=1.0, shuffle=True, seed=3)
    capped = cap_storms(frame, WEEK)
    assert_frame_equal(capped.drop("capped_count"), frame)
    key = ["series_id", "bucket_start"]
    ordered = cap_storms(frame.sort(key), WEEK)
    assert_frame_equal(capped.sort(key), ordered)


def test_new_class_of_minutes_keeps_enough_to_be_found() -> None:
    baseline = hours(0, 12)
    frame = table("a", [30] * 10, seconds=60, start=baseline.end + timedelta(minutes=30))
    assert cap_storms(frame, baseline)["capped_count"].sum() >= 3


def test_short_baseline_cuts_single_minutes_only() -> None:
    baseline = Window(START, START + timedelta(minutes=5))
    frame = table("a", [0] * 5 + [1, 1, 1, 1, 1, 50], seconds=60)
    assert cap_storms(frame, baseline)["capped_count"].sum() >= 6


def test_empty_table_gains_the_column() -> None:
    capped = cap_storms(table("a", [], seconds=60), WEEK)
    assert capped.height == 0
    assert capped.schema["capped_count"] == pl.Int64
