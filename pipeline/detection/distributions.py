"""Tail probabilities and quantiles on the standard library: what the tests need, and nothing else.

The incomplete beta and gamma functions are evaluated by continued fractions and series (modified
Lentz; Press et al., Numerical Recipes, 3rd edition, sections 6.2 and 6.4). Their leading factor is
a point probability in its saddle-point form (Loader, "Fast and accurate computation of binomial
probabilities", 2000): differences of log-gammas lose six digits at counts of a thousand million.
SciPy is the oracle of the tests; at run time it would be the largest part of the installation.
"""

import math

_TINY = 1e-300
_EPSILON = 1e-14
# The fractions need a few times the square root of the count: enough for counts of 10^9.
_MAX_STEPS = 1_000_000
# Below this product of dispersion and count, a negative binomial cannot be told from a Poisson.
_NEARLY_POISSON = 1e-10


def nbinom_sf(count: float, mean: float, dispersion: float) -> float:
    """Return P[Y >= count] for a negative binomial of variance mean + dispersion * mean^2.

    A dispersion of zero is the Poisson distribution. A count of zero or less has probability 1.
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if dispersion * (count + mean) < _NEARLY_POISSON:
        return _gamma_tails(count, mean)[0]
    scaled = mean * dispersion
    return _beta(count, 1.0 / dispersion, scaled / (1 + scaled), 1 / (1 + scaled))


def nbinom_cdf(count: float, mean: float, dispersion: float) -> float:
    """Return P[Y <= count]; the complement of `nbinom_sf` without its cancellation."""
    if count < 0:
        return 0.0
    if mean <= 0:
        return 1.0
    if dispersion * (count + 1 + mean) < _NEARLY_POISSON:
        return _gamma_tails(count + 1, mean)[1]
    scaled = mean * dispersion
    return _beta(1.0 / dispersion, count + 1, 1 / (1 + scaled), scaled / (1 + scaled))


def nbinom_ppf(probability: float, mean: float, dispersion: float) -> int:
    """Return the smallest count whose distribution function reaches *probability* (under 1)."""
    if mean <= 0 or probability <= 0:
        return 0
    deviation = math.sqrt(mean + dispersion * mean * mean)
    low, high = -1, math.ceil(mean + 2 * deviation)
    while not _reaches(high, probability, mean, dispersion):
        low, high = high, 2 * high + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _reaches(middle, probability, mean, dispersion):
            high = middle
        else:
            low = middle
    return high


def poisson_ppf(probability: float, mean: float) -> int:
    """Return the smallest count whose Poisson distribution function reaches *probability*."""
    return nbinom_ppf(probability, mean, 0.0)


def binomial_sf(count: int, trials: int, probability: float) -> float:
    """Return P[X >= count] of *trials* that each succeed with *probability*."""
    if count <= 0:
        return 1.0
    if count > trials or probability <= 0:
        return 0.0
    if probability >= 1:
        return 1.0
    return _beta(count, trials - count + 1.0, probability, 1.0 - probability)


def student_sf(t: float, freedom: float) -> float:
    """Return P[T >= t] for Student's t with *freedom* degrees of freedom."""
    share = freedom / (freedom + t * t)
    tail = 0.5 * _beta(freedom / 2, 0.5, share, 1 - share)
    return tail if t >= 0 else 1 - tail


def beta_ppf(probability: float, a: float, b: float) -> float:
    """Return the x in [0, 1] below which a Beta(a, b) variable stays with *probability*."""
    low, high = 0.0, 1.0
    # Sixty halvings end at the spacing of doubles near one; a small x is found to its own digits.
    for _ in range(60):
        middle = (low + high) / 2
        if _beta(a, b, middle, 1 - middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _reaches(count: int, probability: float, mean: float, dispersion: float) -> bool:
    """Compare in the smaller tail, where the digits are."""
    if probability > 0.5:
        return nbinom_sf(count + 1, mean, dispersion) <= 1 - probability
    return nbinom_cdf(count, mean, dispersion) >= probability


def _beta(a: float, b: float, x: float, y: float) -> float:
    """Regularised incomplete beta function I_x(a, b); *y* is 1 - x, given to keep its digits."""
    if x <= 0:
        return 0.0
    if y <= 0:
        return 1.0
    front = a * b / (a + b) * _binomial_mass(a, b, x, y)
    if x < (a + 1) / (a + b + 2):
        return min(front * _beta_fraction(a, b, x) / a, 1.0)
    return max(1.0 - front * _beta_fraction(b, a, y) / b, 0.0)


def _binomial_mass(k: float, rest: float, x: float, y: float) -> float:
    """C(k + rest, k) x^k y^rest for real k and rest above zero."""
    n = k + rest
    exponent = (
        _stirling_error(n)
        - _stirling_error(k)
        - _stirling_error(rest)
        - _deviance(k, n * x)
        - _deviance(rest, n * y)
    )
    return math.exp(exponent) * math.sqrt(n / (2 * math.pi * k * rest))


def _stirling_error(n: float) -> float:
    """ln(n!) less Stirling's formula for it."""
    if n < 15:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2 * math.pi)
    square = n * n
    return (
        1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square
    ) / n


def _deviance(x: float, mean: float) -> float:
    """x ln(x / mean) + mean - x without cancellation where the two are close."""
    if mean <= 0:
        return math.inf
    if abs(x - mean) >= 0.1 * (x + mean):
        return x * math.log(x / mean) + mean - x
    ratio = (x - mean) / (x + mean)
    total, term, step = (x - mean) * ratio, 2 * x * ratio, 1
    while True:
        term *= ratio * ratio
        larger = total + term / (2 * step + 1)
        if larger == total:
            return total
        total, step = larger, step + 1


def _beta_fraction(a: float, b: float, x: float) -> float:
    # Tens of thousands of calls a run: the guards against zero are `or`, not calls.
    c, d = 1.0, 1.0 / ((1 - (a + b) * x / (a + 1)) or _TINY)
    result = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1.0 / ((1 + even * d) or _TINY), (1 + even / c) or _TINY
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1.0 / ((1 + odd * d) or _TINY), (1 + odd / c) or _TINY
        result *= d * c
        if abs(d * c - 1) < _EPSILON:
            break
    return result


def _gamma_tails(a: float, x: float) -> tuple[float, float]:
    """Regularised incomplete gamma functions (P, Q): P[Poisson(x) >= a] and P[Poisson(x) < a]."""
    front = a * math.exp(-_stirling_error(a) - _deviance(a, x)) / math.sqrt(2 * math.pi * a)
    if x < a + 1:
        lower = min(front * _gamma_series(a, x), 1.0)
        return lower, 1.0 - lower
    upper = min(front * _gamma_fraction(a, x), 1.0)
    return 1.0 - upper, upper


def _gamma_series(a: float, x: float) -> float:
    term = total = 1.0 / a
    for _ in range(_MAX_STEPS):
        a += 1
        term *= x / a
        total += term
        if term < total * _EPSILON:
            break
    return total


def _gamma_fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / (b or _TINY)
    result = d
    for i in range(1, _MAX_STEPS):
        factor = -i * (i - a)
        b += 2
        d, c = 1 / ((factor * d + b) or _TINY), (b + factor / c) or _TINY
        result *= d * c
        if abs(d * c - 1) < _EPSILON:
            break
    return result
