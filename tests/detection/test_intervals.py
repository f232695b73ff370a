"""Intervals of ratios against exact conditional ones, and the band of a chart."""

import math
import random

import polars as pl
import pytest
from scipy import stats

from pipeline.detection import detect, expected_band, rate_ratio_interval
from tests.detection.draws import hours, noisy, poisson, table, traffic

WEEK, DAY = hours(0, 168), hours(168, 192)


@pytest.mark.parametrize(("before", "after"), [(1, 1), (3, 9), (0, 4), (12, 0), (40, 90), (5, 800)])
def test_small_counts_have_the_exact_conditional_interval(before: int, after: int) -> None:
    ratio, lower, upper = rate_ratio_interval(before, 7.0, after, 2.0)
    exact = stats.binomtest(after, before + after).proportion_ci(0.95, "exact")
    assert ratio == (pytest.approx(after / before * 3.5) if before else None)
    assert lower == pytest.approx(exact.low / (1 - exact.low) * 3.5, rel=1e-6)
    if before:
        assert upper == pytest.approx(exact.high / (1 - exact.high) * 3.5, rel=1e-6)
    else:
        assert upper is None


def test_large_counts_have_the_interval_of_the_log_ratio() -> None:
    ratio, lower, upper = rate_ratio_interval(4000, 1.0, 5000, 1.0)
    spread = 1.96 * math.sqrt(1 / 4000 + 1 / 5000)
    assert ratio == 1.25
    assert lower == pytest.approx(1.25 * math.exp(-spread), rel=1e-4)
    assert upper == pytest.approx(1.25 * math.exp(spread), rel=1e-4)


def test_the_two_forms_meet() -> None:
    _, lower_small, upper_small = rate_ratio_interval(199, 1.0, 300, 1.0)
    _, lower_large, upper_large = rate_ratio_interval(200, 1.0, 300, 1.0)
    assert lower_small == pytest.approx(lower_large, rel=0.02)
    assert upper_small == pytest.approx(upper_large, rel=0.02)


@pytest.mark.parametrize(("before", "after"), [(3, 9), (0, 4), (12, 0), (4000, 5000)])
def test_dispersion_widens(before: int, after: int) -> None:
    _, lower, upper = rate_ratio_interval(before, 1.0, after, 1.0)
    _, wide_lower, wide_upper = rate_ratio_interval(before, 1.0, after, 1.0, 0.1)
    assert lower is not None
    assert wide_lower is not None
    assert wide_lower < lower or after == 0 == wide_lower
    if before:
        assert upper is not None
        assert wide_upper is not None
        assert wide_upper > upper


def test_unknown_exposure_gives_nothing() -> None:
    assert rate_ratio_interval(3, None, 4, 1.0) == (None, None, None)
    assert rate_ratio_interval(3, 1.0, 4, 0.0) == (None, None, None)


def test_two_zeros_say_nothing() -> None:
    assert rate_ratio_interval(0, 1.0, 0, 1.0) == (None, 0.0, None)


def test_lower_end_without_baseline_is_a_number() -> None:
    ratio, lower, upper = rate_ratio_interval(0, 10.0, 8, 1.0)
    assert (ratio, upper) == (None, None)
    assert lower is not None
    assert lower > 5


@pytest.mark.parametrize("mean", [4, 60, 600])
def test_interval_covers_the_planted_ratio(rng: random.Random, mean: float) -> None:
    covers = 0
    for _ in range(400):
        before, after = poisson(rng, mean), poisson(rng, 1.5 * mean)
        _, lower, upper = rate_ratio_interval(before, 1.0, after, 1.0)
        covers += (lower or 0.0) <= 1.5 <= (upper or math.inf)
    assert covers >= 0.925 * 400


def _frame(rng: random.Random) -> pl.DataFrame:
    wave = [traffic(hour) for hour in range(192)]
    counts = [noisy(rng, 20 * size) for size in wave]
    return table("a", counts, exposure=[3000 * size for size in wave])


def test_band_follows_exposure_and_holds_most_buckets(rng: random.Random) -> None:
    frame = _frame(rng)
    band = expected_band(frame, detect(frame, WEEK, DAY), WEEK, DAY)
    assert band["window"].value_counts().sort("count")["count"].to_list() == [24, 168]
    night, noon = band["expected_count"][2], band["expected_count"][14]
    assert noon > 3 * night
    inside = band.select(pl.col("event_count").is_between("lower", "upper")).to_series()
    assert 0.9 <= float(inside.mean()) <= 1.0  # type: ignore[arg-type]


def test_band_sums_to_what_detect_expects(rng: random.Random) -> None:
    frame = _frame(rng)
    found = detect(frame, WEEK, DAY)
    band = expected_band(frame, found, WEEK, DAY).filter(window="candidate")
    assert band["expected_count"].sum() == pytest.approx(found["expected_count"][0])


def test_band_is_null_where_nothing_was_covered(rng: random.Random) -> None:
    counts = [noisy(rng, 20) for _ in range(192)]
    covered = [3600.0] * 100 + [0.0] * 10 + [3600.0] * 82
    frame = table("a", counts, covered=covered)
    band = expected_band(frame, detect(frame, WEEK, DAY), WEEK, DAY)
    is_null = band["expected_count"].is_null() & band["lower"].is_null() & band["upper"].is_null()
    assert is_null.arg_true().to_list() == list(range(100, 110))


def test_band_of_an_untested_class_is_null(rng: random.Random) -> None:
    frame = _frame(rng)
    band = expected_band(frame, detect(frame, [], DAY), [], DAY)
    assert band.height == 24
    assert band["expected_count"].null_count() == 24


def test_band_draws_only_the_classes_it_is_given(rng: random.Random) -> None:
    frame = pl.concat([_frame(rng), _frame(rng).with_columns(series_id=pl.lit("b"))])
    found = detect(frame, WEEK, DAY).filter(series_id="b")
    assert expected_band(frame, found, WEEK, DAY)["series_id"].unique().to_list() == ["b"]
