"""Errors that come with every start of their service, and those that only happen to."""

import random
from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from pipeline.detection import find_restart_errors
from pipeline.schema import TIMESTAMP, Schema
from tests.detection.draws import START

DAY = 86_400.0


def at(minutes: Iterable[float], window: str = "baseline", count: int = 3) -> pl.DataFrame:
    rows = [("a", window, START + timedelta(minutes=minute), count) for minute in minutes]
    schema: Schema = {
        "series_id": pl.String, "window_name": pl.String, "bucket_start": TIMESTAMP,
        "event_count": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def starts(minutes: Iterable[float], window: str = "baseline") -> pl.DataFrame:
    frame = at(minutes, window).rename({"bucket_start": "start"})
    return frame.select("series_id", "window_name", "start")


def test_a_class_that_follows_every_start_is_found() -> None:
    minutes = pl.concat([at([101, 103, 501, 901, 902, 1200]), at([1500], "candidate")])
    begun = pl.concat([starts([100, 500, 900]), starts([1499, 1700], "candidate")])

    (found,) = find_restart_errors(minutes, begun, DAY).iter_rows(named=True)

    assert (found["start_count"], found["followed_count"]) == (3, 3)
    assert (found["event_count"], found["after_count"]) == (18, 15)
    assert (found["candidate_start_count"], found["candidate_followed_count"]) == (2, 1)


def test_one_start_is_no_habit() -> None:
    assert find_restart_errors(at([101, 102]), starts([100]), DAY).is_empty()


def test_starts_that_mostly_pass_without_it_are_no_cause() -> None:
    assert find_restart_errors(at([101, 501]), starts(range(100, 1000, 100)), DAY).is_empty()


def test_what_comes_all_day_is_there_after_starts_too(rng: random.Random) -> None:
    minutes = at(sorted(rng.sample(range(1440), 200)))

    assert find_restart_errors(minutes, starts([100, 500, 900]), DAY).is_empty()


def test_no_starts_and_no_events_find_nothing() -> None:
    assert find_restart_errors(at([5]), starts([]), DAY).is_empty()
    assert find_restart_errors(at([]), starts([100, 500]), DAY).is_empty()
    assert find_restart_errors(at([101], "candidate"), starts([100], "candidate"), 0.0).is_empty()


def test_only_its_own_starts_count() -> None:
    begun = starts([100, 500, 900]).with_columns(series_id=pl.lit("b"))
    assert find_restart_errors(at([101, 501, 901]), begun, DAY).is_empty()
