"""What is normal at an hour of the day, or of the week, the same hours of other days tell."""

import random
from datetime import timedelta
from typing import Any

import pytest

from pipeline.detection import detect, expected_band, find_onset
from pipeline.detection.seasons import find_season
from tests.detection.draws import START, hours, noisy, poisson, table, traffic

NIGHT = 3


def nightly(
    rng: random.Random, first: int, last: int, rate: float = 40, factor: float = 1
) -> list[int]:
    """Hourly counts of a job that fails for an hour each night, *factor* times in the last day."""
    return [
        noisy(rng, rate * (factor if hour >= last - 24 else 1), 20) if hour % 24 == NIGHT else 0
        for hour in range(first, last)
    ]


def verdict(
    counts: list[int], baseline: int, size: int, exposure: list[float] | None = None
) -> dict[str, Any]:
    series = table("a", counts, exposure=exposure)
    found = detect(series, hours(0, baseline), hours(baseline, baseline + size))
    return found.row(0, named=True)


def test_a_nightly_job_does_not_alarm_every_night(rng: random.Random) -> None:
    """A week of baseline, and the six hours that hold the job."""
    for _ in range(20):
        found = verdict(nightly(rng, 0, 192), 168, 6)
        assert (found["is_regression"], found["offset"]) == (False, "hour_of_day")
        assert found["expected_count"] == pytest.approx(40, rel=0.25)


def test_a_nightly_job_that_fails_three_times_as_often_is_found(rng: random.Random) -> None:
    found = verdict(nightly(rng, 0, 192, factor=3), 168, 6)

    assert found["is_regression"]
    assert found["rate_ratio"] == pytest.approx(3, rel=0.3)


def test_errors_at_hours_that_never_had_any_are_a_rise(rng: random.Random) -> None:
    counts = nightly(rng, 0, 192)
    counts[168 + 10 : 168 + 14] = [20] * 4
    series = table("a", counts)

    found = detect(series, hours(0, 168), hours(168 + 8, 168 + 16)).row(0, named=True)

    assert found["is_regression"]


@pytest.mark.parametrize(("days", "offset"), [(2, "time"), (3, "hour_of_day"), (7, "hour_of_day")])
def test_three_days_tell_the_hours_of_a_day(rng: random.Random, days: int, offset: str) -> None:
    assert verdict(nightly(rng, 0, 24 * days + 24), 24 * days, 6)["offset"] == offset


@pytest.mark.parametrize(("weeks", "is_found"), [(2, False), (3, True), (4, True)])
def test_three_weeks_tell_the_hours_of_a_week(
    rng: random.Random, weeks: int, is_found: bool
) -> None:
    """A job of Mondays is judged on a Monday."""
    counts = [
        noisy(rng, 60, 20) if hour % 168 == NIGHT else poisson(rng, 0.2)
        for hour in range(168 * weeks + 24)
    ]

    found = verdict(counts, 168 * weeks, 6)

    assert (found["offset"] == "hour_of_week") is is_found
    assert not found["is_regression"]


def test_what_has_no_hours_is_per_time(rng: random.Random) -> None:
    names = [
        verdict([noisy(rng, rate, 5) for _ in range(192)], 168, 6)["offset"]
        for rate in (0.3, 2, 10, 100)
        for _ in range(15)
    ]

    assert names.count("time") >= 58


def test_storms_at_any_hour_are_no_hours(rng: random.Random) -> None:
    for _ in range(10):
        counts = [poisson(rng, 1) for _ in range(192)]
        for _ in range(5):
            counts[rng.randrange(168)] = 200
        assert verdict(counts, 168, 6)["offset"] == "time"


def test_one_bad_night_is_no_habit(rng: random.Random) -> None:
    counts = [poisson(rng, 2) for _ in range(192)]
    counts[24 * 5 + NIGHT] = 300

    assert verdict(counts, 168, 6)["offset"] == "time"


def test_requests_are_preferred_to_their_hours(rng: random.Random) -> None:
    """Half of the traffic with as many errors is a rise, whatever the hour."""
    requests = [1000 * traffic(hour) * (0.5 if hour >= 168 else 1) for hour in range(192)]
    counts = [poisson(rng, 40 * traffic(hour)) for hour in range(192)]

    found = verdict(counts, 168, 24, exposure=requests)

    assert (found["offset"], found["is_regression"]) == ("requests", True)


def test_factors_are_drawn_to_one_where_a_class_is_rare(rng: random.Random) -> None:
    factors = []
    for rate in (1.0, 100.0):
        counts = [poisson(rng, rate * traffic(hour)) for hour in range(24 * 28)]
        season = find_season(counts, [3600.0] * len(counts), range(len(counts)))
        assert season is not None
        factors.append(season.factor(14))
    assert 1 < factors[0] < 1.6 + 0.3
    assert factors[1] == pytest.approx(1.6, rel=0.05)


def test_no_errors_and_no_history_have_no_season() -> None:
    assert find_season([0.0] * 168, [3600.0] * 168, range(168)) is None
    assert find_season([], [], []) is None
    assert find_season([5.0] * 48, [3600.0] * 48, range(48)) is None


def test_hours_without_any_baseline_expect_the_mean(rng: random.Random) -> None:
    """The logs of the night were never kept."""
    counts = [poisson(rng, 30 * traffic(hour)) for hour in range(192)]
    covered = [0.0 if hour % 24 < 6 and hour < 168 else 3600.0 for hour in range(192)]
    counts = [count if size else 0 for count, size in zip(counts, covered, strict=True)]
    season = find_season(counts[:168], covered[:168], range(168))

    assert season is not None
    assert season.factor(2) == 1.0
    assert season.factor(14) > 1.1


def test_the_band_of_a_chart_follows_the_hours(rng: random.Random) -> None:
    series = table("a", nightly(rng, 0, 192))
    windows = hours(0, 168), hours(168, 192)

    band = expected_band(series, detect(series, *windows), *windows)

    expected = band.filter(window="candidate")["expected_count"].to_list()
    assert expected[NIGHT] == pytest.approx(40, rel=0.25)
    assert max(expected[:NIGHT] + expected[NIGHT + 1 :]) < 1


def test_a_nightly_job_that_fails_more_since_tonight_began_with_the_job(rng: random.Random) -> None:
    """Its first busy minute of every night is no change: that of the later, larger rise is."""
    counts = []
    for minute in range(192 * 60):
        hour, at = divmod(minute, 60)
        rate = 1.0 if hour % 24 == NIGHT else 0.02
        is_risen = hour >= 168 + NIGHT + 8 or (hour == 168 + NIGHT and at >= 60)
        counts.append(poisson(rng, rate * (20 if is_risen else 1)))
    onset = find_onset(table("a", counts, seconds=60), hours(0, 168), hours(168, 192))

    assert onset is not None
    assert abs(onset.onset - (START + timedelta(hours=168 + NIGHT + 8))) <= timedelta(minutes=30)
