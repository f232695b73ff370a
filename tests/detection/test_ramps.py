"""Slow ramps: found by the day that is stated in advance, and nothing that is no ramp."""

import math
import random

import polars as pl
import pytest

from pipeline.detection import find_ramps
from pipeline.detection.distributions import student_sf
from pipeline.detection.ramps import day_of_report
from tests.detection.draws import days, hours, noisy, table, traffic


def growing(rng: random.Random, name: str, length: int, growth: float) -> pl.DataFrame:
    """A class of 20/h with a day's wave and days that differ by 10 %."""
    factors = days(rng)
    counts = [
        noisy(rng, 20 * (1 + growth) ** (hour / 24) * traffic(hour) * next(factors))
        for hour in range(24 * length)
    ]
    return table(name, counts)


def found(series: pl.DataFrame, length: int) -> pl.DataFrame:
    last = 24 * (length - 1)
    return find_ramps(series, hours(0, last), hours(last, last + 24))


def test_four_percent_a_day_is_reported_by_the_stated_day() -> None:
    # Days that differ by 10 %, and hours by gamma noise of shape 10.
    stated = day_of_report(0.04, 20 * 24, 0.01 + 0.1 / 24)
    assert stated is not None and stated <= 20
    rng = random.Random(4)

    parts = [growing(rng, f"s{index:02d}", 20, 0.04) for index in range(40)]
    ramps = found(pl.concat(parts), 20)

    assert ramps.height >= 0.95 * 40
    assert ramps["growth_per_day"].median() == pytest.approx(0.04, abs=0.008)
    assert ramps["reference_ratio"].median() == pytest.approx(1.04**19, rel=0.1)
    assert ramps["yesterday_ratio"].median() == pytest.approx(1.04, rel=0.12)
    by_then = [part.head(24 * stated) for part in parts]
    assert found(pl.concat(by_then), stated).height >= 0.65 * 40


def test_what_does_not_grow_is_no_ramp() -> None:
    rng = random.Random(5)

    parts = [growing(rng, f"s{index:03d}", 14, 0.0) for index in range(120)]

    assert found(pl.concat(parts), 14).is_empty()


def test_a_step_is_no_ramp(rng: random.Random) -> None:
    counts = [noisy(rng, 10 if hour < 24 * 10 else 30) for hour in range(24 * 20)]

    assert found(table("one", counts), 20).is_empty()


def test_errors_that_grow_with_the_requests_are_no_ramp(rng: random.Random) -> None:
    requests = [1000 * 1.05 ** (hour / 24) for hour in range(24 * 20)]
    counts = [noisy(rng, size / 100) for size in requests]

    assert found(table("one", counts, exposure=requests), 20).is_empty()
    assert found(table("one", counts), 20).height == 1


def test_few_days_show_no_slope(rng: random.Random) -> None:
    assert found(growing(rng, "one", 5, 0.5), 5).is_empty()


@pytest.mark.parametrize(
    ("t", "freedom", "tail"),
    [(0.0, 5, 0.5), (2.015, 5, 0.05), (-2.015, 5, 0.95), (3.552, 18, 0.001137)],
)
def test_students_tail(t: float, freedom: float, tail: float) -> None:
    assert math.isclose(student_sf(t, freedom), tail, rel_tol=2e-3)
