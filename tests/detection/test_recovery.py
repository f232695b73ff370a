"""What a mended system may still count: a predictive bound, and hours in which a fault shows."""

import itertools

import numpy as np
import pytest
from scipy import stats

from pipeline.detection.recovery import (
    chance_of_fewer,
    count_level,
    find_limits,
    most_explained,
    share_level,
)
from pipeline.model import Level

SURE = 1e9  # degrees of freedom: the dispersion is known
LEVELS = [
    Level(rate, noise, drift, unsure, freedom, 48.0)
    for rate in (0.02, 0.5, 4.0, 120.0)
    for noise, drift, unsure, freedom in [
        (0.0, 0.0, 0.0, SURE),
        (0.1, 0.02, 0.1, 12.0),
        (0.4, 0.08, 1.0, 4.0),
    ]
]


@pytest.mark.parametrize("rate", [0.02, 0.5, 4.0, 120.0])
@pytest.mark.parametrize("hours", [3.0, 24.0])
@pytest.mark.parametrize("chance", [0.05, 0.002])
def test_without_noise_it_is_poissons_quantile(rate: float, hours: float, chance: float) -> None:
    level = Level(rate, 0.0, 0.0, 0.0, SURE, 48.0)
    assert most_explained(level, hours, chance) == stats.poisson.ppf(1 - chance, rate * hours)


def test_with_known_noise_it_is_the_negative_binomials_quantile() -> None:
    level, hours = Level(4.0, 0.2, 0.03, 0.1, SURE, 48.0), 6.0
    dispersion = (0.2 / hours + 0.03) * (1 + hours / 48) + 0.1
    size, mean = 1 / dispersion, 24.0

    bound = most_explained(level, hours, 0.01)

    assert bound == stats.nbinom.ppf(0.99, size, size / (size + mean))
    fewer = (0.2 / hours + 0.03) * (1 + hours / 48)
    assert chance_of_fewer(level, 4.0, 20, hours) == pytest.approx(
        stats.nbinom.cdf(20, 1 / fewer, 1 / fewer / (1 / fewer + mean)), rel=1e-6
    )


@pytest.mark.parametrize("level", LEVELS)
def test_more_hours_and_less_chance_explain_more(level: Level) -> None:
    by_hours = [most_explained(level, hours, 0.01) for hours in (1, 3, 12, 48, 168)]
    by_chance = [most_explained(level, 6, chance) for chance in (0.2, 0.05, 0.01, 0.001)]

    for one in (by_hours, by_chance):
        assert all(a <= b for a, b in itertools.pairwise(one))
    unsure = Level(level.rate, level.noise, level.drift, level.unsure + 1, level.freedom, 48.0)
    assert most_explained(unsure, 6, 0.01) >= most_explained(level, 6, 0.01)


@pytest.mark.parametrize("level", LEVELS)
def test_a_fault_of_half_the_excess_shows_in_the_hours_asked_for(level: Level) -> None:
    now = 8 * level.rate + 1
    limits = find_limits(level, now, 3.0, 0.01)

    assert limits.hours >= 3 and limits.power is not None and limits.unmended is not None
    assert limits.bound == most_explained(level, limits.hours, 0.01)
    if limits.power >= 0.975:
        assert limits.unmended in (pytest.approx((now + level.rate) / 2), now)
    missed = chance_of_fewer(level, limits.unmended, limits.bound, limits.hours)
    assert limits.power == pytest.approx(1 - missed)


def test_a_rare_fault_needs_longer_and_a_new_class_none_at_all() -> None:
    new = Level(0.0, 0.1, 0.02, 10.0, 12.0, 24.0)
    often, seldom = find_limits(new, 20.0, 3.0, 0.02), find_limits(new, 0.3, 3.0, 0.02)

    assert (often.hours, often.bound) == (3.0, 0)
    assert seldom.hours > 20 and seldom.bound == 0
    assert find_limits(new, 20.0, 24.0, 0.02).hours == 24.0


def test_what_cannot_be_told_from_noise_says_with_which_chance_it_shows() -> None:
    noisy = Level(10.0, 0.5, 0.3, 0.2, 6.0, 24.0)
    limits = find_limits(noisy, 14.0, 3.0, 0.01)

    assert limits.unmended == 14.0
    assert limits.power is not None and limits.power < 0.5


def test_a_share_is_bound_by_as_many_requests_as_usually_come() -> None:
    level = share_level(4, 4000, 24.0)
    limits = find_limits(level, 0.3, 3.0, 0.01, exposure_per_hour=200.0)

    assert level.rate == pytest.approx(4.5 / 4001)
    assert limits.bound == most_explained(level, limits.hours, 0.01, 200.0 * limits.hours)
    assert share_level(0, 0, 24.0).rate == 0.0
    assert find_limits(level, None, 3.0, 0.01).power is None


def test_counts_of_a_class_that_is_as_usual_stay_within_its_bound() -> None:
    rng = np.random.default_rng(3)
    failed = 0
    for _ in range(300):
        rate = np.exp(rng.uniform(np.log(0.2), np.log(30)))
        before = int(rng.poisson(24 * rate))
        level = count_level(before, 24.0)
        later = rng.poisson(6 * rate * rng.gamma(6 / 0.1, 0.1 / 6))
        failed += int(before > 0 and later > most_explained(level, 6.0, 0.02))
    assert failed <= 0.02 * 300
