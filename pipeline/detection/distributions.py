"""Tail probabilities on the standard library: what the rate test needs, and nothing else.

The incomplete beta and gamma functions are evaluated by their continued fractions and series (modified Lentz; Press et
al., Numerical Recipes, 3rd edition, sections 6.2 and 6.4). SciPy is the oracle of the tests; it is not needed
at run time, where it would be the largest part of the installation.
"""

import math

_TINY = 1e-300
_EPSILON = 1e-14
_MAX_STEPS = 20_000


def nbinom_sf(count: float, mean: float, dispersion: float) -> float:
    """Return P[Y >= count] for a negative binomial with *mean* and variance mean + dispersion * mean^2.

    A dispersion of zero is the Poisson distribution. A count of zero or less has probability 1.
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if dispersion < 1e-9:
        return _gamma_lower(count, mean)
    size = 1.0 / dispersion
    return _beta(count, size, mean / (mean + size))


def nbinom_cdf(count: float, mean: float, dispersion: float) -> float:
    """Return P[Y <= count]; the complement of `nbinom_sf` without its cancellation."""
    if count < 0:
        return 0.0
    if mean <= 0:
        return 1.0
    if dispersion < 1e-9:
        return 1.0 - _gamma_lower(count + 1, mean)
    size = 1.0 / dispersion
    return _beta(size, count + 1, size / (mean + size))


def poisson_ppf(probability: float, mean: float) -> int:
    """Return the smallest count whose Poisson distribution function reaches *probability*."""
    if mean <= 0:
        return 0
    # Sum the mass upwards; means here are counts of a minute, so this is a few steps.
    if mean > 500:
        return math.ceil(mean + 3.1 * math.sqrt(mean) + 2)
    mass = total = math.exp(-mean)
    count = 0
    while total < probability and count < 100_000:
        count += 1
        mass *= mean / count
        total += mass
    return count


def _beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return min(front * _beta_fraction(a, b, x) / a, 1.0)
    return max(1.0 - front * _beta_fraction(b, a, 1 - x) / b, 0.0)


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _away(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1.0 / _away(1 + even * d), _away(1 + even / c)
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1.0 / _away(1 + odd * d), _away(1 + odd / c)
        result *= d * c
        if abs(d * c - 1) < _EPSILON:
            break
    return result


def _gamma_lower(a: float, x: float) -> float:
    """Regularised lower incomplete gamma function P(a, x) = P[Poisson(x) >= a] for whole a."""
    if x <= 0:
        return 0.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1.0 / a
        n = a
        for _ in range(_MAX_STEPS):
            n += 1
            term *= x / n
            total += term
            if term < total * _EPSILON:
                break
        return min(front * total, 1.0)
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    result = d
    for i in range(1, _MAX_STEPS):
        an = -i * (i - a)
        b += 2
        d, c = 1 / _away(an * d + b), _away(b + an / c)
        result *= d * c
        if abs(d * c - 1) < _EPSILON:
            break
    return max(1.0 - front * result, 0.0)


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
