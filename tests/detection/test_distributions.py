"""The tail probabilities agree with SciPy, far into both tails and for very large counts."""

import itertools
import math

import pytest
from scipy import stats

from pipeline.detection.distributions import (
    beta_ppf,
    nbinom_cdf,
    nbinom_ppf,
    nbinom_sf,
    poisson_ppf,
)

MEANS = [1e-6, 0.01, 0.3, 1.0, 7.5, 60.0, 800.0, 25_000.0, 1e6]
DISPERSIONS = [1e-6, 1e-4, 0.005, 0.02, 0.3, 1.0, 4.0, 50.0]
# The count, as a share of the mean.
SHARES = [0.0, 0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 3.0, 10.0]
GRID = list(itertools.product(MEANS, DISPERSIONS))


def _count(mean: float, share: float) -> int:
    return math.ceil(mean * share)


@pytest.mark.parametrize(("mean", "dispersion"), GRID)
def test_negative_binomial_tails_agree_with_scipy(mean: float, dispersion: float) -> None:
    # SciPy takes the success probability, whose digits end where the variance is the mean's own.
    excess = dispersion * mean
    oracle = (
        stats.nbinom(1 / dispersion, 1 / (1 + excess)) if excess > 1e-9 else stats.poisson(mean)
    )
    for share in SHARES:
        count = _count(mean, share)
        upper, lower = float(oracle.sf(count - 1)), float(oracle.cdf(count))
        assert nbinom_sf(count, mean, dispersion) == pytest.approx(upper, rel=1e-7, abs=1e-280)
        assert nbinom_cdf(count, mean, dispersion) == pytest.approx(lower, rel=1e-7, abs=1e-280)


@pytest.mark.parametrize("mean", MEANS)
def test_zero_dispersion_is_the_poisson_distribution(mean: float) -> None:
    oracle = stats.poisson(mean)
    for share in SHARES:
        count = _count(mean, share)
        upper, lower = float(oracle.sf(count - 1)), float(oracle.cdf(count))
        assert nbinom_sf(count, mean, 0.0) == pytest.approx(upper, rel=1e-9, abs=1e-280)
        assert nbinom_cdf(count, mean, 0.0) == pytest.approx(lower, rel=1e-9, abs=1e-280)


@pytest.mark.parametrize("deviations", [-6, -2, 0, 2, 6])
def test_counts_of_a_thousand_million_keep_their_digits(deviations: int) -> None:
    mean = 1e9
    count = round(mean + deviations * math.sqrt(mean))
    # The normal distribution is the oracle: here SciPy's Poisson is wrong by a factor of three.
    assert nbinom_sf(count, mean, 0.0) == pytest.approx(float(stats.norm.sf(deviations)), rel=5e-3)
    wide = round(mean * (1 + deviations * 0.1))
    oracle = stats.nbinom(50, 1 / (1 + 0.02 * mean))
    assert nbinom_sf(wide, mean, 0.02) == pytest.approx(float(oracle.sf(wide - 1)), rel=1e-6)


def test_extreme_tail_is_small_but_not_zero() -> None:
    value = nbinom_sf(300, 3.0, 0.02)
    oracle = float(stats.nbinom(50, 1 / 1.06).sf(299))
    assert 0 < value < 1e-150
    assert math.log(value) == pytest.approx(math.log(oracle), rel=1e-9)


@pytest.mark.parametrize(("mean", "dispersion"), GRID)
def test_both_tails_share_the_count_itself(mean: float, dispersion: float) -> None:
    for share in SHARES:
        count = _count(mean, share)
        both = nbinom_sf(count + 1, mean, dispersion) + nbinom_cdf(count, mean, dispersion)
        assert both == pytest.approx(1.0, abs=1e-9)


def test_degenerate_arguments_have_certain_answers() -> None:
    assert nbinom_sf(0, 5.0, 0.1) == 1.0
    assert nbinom_sf(1, 0.0, 0.1) == 0.0
    assert nbinom_cdf(-1, 5.0, 0.1) == 0.0
    assert nbinom_cdf(0, 0.0, 0.1) == 1.0
    assert poisson_ppf(0.999, 0.0) == 0


@pytest.mark.parametrize("probability", [0.001, 0.025, 0.5, 0.975, 0.999])
@pytest.mark.parametrize("mean", [0.01, 0.4, 3.0, 41.0, 900.0, 70_000.0])
def test_quantiles_agree_with_scipy(mean: float, probability: float) -> None:
    assert poisson_ppf(probability, mean) == int(stats.poisson(mean).ppf(probability))
    for dispersion in (0.005, 0.2, 3.0):
        oracle = stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))
        assert nbinom_ppf(probability, mean, dispersion) == int(oracle.ppf(probability))


@pytest.mark.parametrize(("a", "b"), [(1, 1), (0.5, 9.5), (3, 400), (1, 1e6), (2_000, 3_000)])
def test_beta_quantiles_agree_with_scipy(a: float, b: float) -> None:
    for probability in (0.025, 0.5, 0.975):
        oracle = float(stats.beta(a, b).ppf(probability))
        assert beta_ppf(probability, a, b) == pytest.approx(oracle, rel=1e-8)
