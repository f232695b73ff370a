"""Intervals and limits: how large a ratio is, and how large one must be to be found."""

import math
from collections.abc import Callable

from pipeline.detection.distributions import beta_ppf, nbinom_sf

# Two-sided 95 %.
_TAIL, _Z95 = 0.025, 1.959964
# From here on, the logarithm of a Poisson count is normal to the second digit of the limits.
_LARGE_COUNT = 200
# Three-point Gauss-Hermite rule: exact for the moments that matter of a log-normal scale.
_NODES = ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6))


def rate_ratio_interval(
    baseline_count: float,
    baseline_exposure: float | None,
    candidate_count: float,
    candidate_exposure: float | None,
    dispersion: float = 0.0,
) -> tuple[float | None, float | None, float | None]:
    """Return (ratio, lower, upper): candidate rate over baseline rate with its 95 % interval.

    Exposures are of any one unit (requests, seconds). *dispersion* is the variance of the log
    ratio beyond Poisson's. Small counts have the exact conditional interval (Clopper and Pearson,
    Biometrika 26, 1934, of the candidate's share of all events), large ones that of the log ratio.
    A baseline of zero gives a ratio and an upper end of None, and a lower end that is a number;
    all three are None where an exposure is missing or zero.
    """
    if not baseline_exposure or not candidate_exposure:
        return None, None, None
    scale = baseline_exposure / candidate_exposure
    if not baseline_count and not candidate_count:
        return None, 0.0, None
    ratio = candidate_count / baseline_count * scale if baseline_count else None
    if ratio and min(baseline_count, candidate_count) >= _LARGE_COUNT:
        spread = _Z95 * math.sqrt(1 / baseline_count + 1 / candidate_count + dispersion)
        return ratio, ratio * math.exp(-spread), ratio * math.exp(spread)
    lower = upper = None
    if candidate_count:
        share = beta_ppf(_TAIL, candidate_count, baseline_count + 1)
        lower = _widen(share / (1 - share) * scale, ratio, dispersion, -1)
    if baseline_count:
        rest = beta_ppf(_TAIL, baseline_count, candidate_count + 1)
        upper = _widen((1 - rest) / rest * scale, ratio, dispersion, 1)
    return ratio, lower or 0.0, upper


def _widen(limit: float, ratio: float | None, dispersion: float, sign: int) -> float:
    """Add a variance to the distance of a limit from its ratio, on the logarithm."""
    extra = _Z95 * math.sqrt(dispersion)
    if not ratio or not limit:
        return limit * math.exp(sign * extra)
    return ratio * math.exp(sign * math.hypot(math.log(limit / ratio), extra))


def mixed_tail(
    tail: Callable[[float, float, float], float],
    count: float,
    mean: float,
    alpha: float,
    fixed: float,
    freedom: float,
) -> float:
    """Average a negative binomial's *tail* over what is not known of its dispersion.

    The dispersion is *fixed* plus *alpha*, which was estimated with *freedom* degrees of freedom;
    as with Student's t against the normal, taking it for known makes small p-values too small.
    """
    spread = math.sqrt(2 / freedom)
    return sum(
        weight * tail(count, mean, fixed + alpha * math.exp(node * spread))
        for node, weight in _NODES
    )


def predictive_limits(
    count: float, expected: float, alpha: float, fixed: float, freedom: float
) -> tuple[float, float | None]:
    """Return the 95 % limits of the ratio count / *expected* by inverting the test at mid-p.

    Half of the count's own probability is left out of either tail: with whole tails the interval of
    a small count covers 98 %. The upper limit is None where none is found.
    """

    def above(ratio: float) -> float:
        mean = ratio * expected
        return 0.5 * sum(
            mixed_tail(nbinom_sf, y, mean, alpha, fixed, freedom) for y in (count, count + 1)
        )

    center = max(count, 0.5) / expected
    lower = solve(above, _TAIL, center, -1) if count else 0.0
    return lower or 0.0, solve(above, 1 - _TAIL, center, 1)


def detectable_ratio(
    expected: float,
    needed: Callable[[float], bool],
    alpha: float,
    fixed: float,
    freedom: float,
) -> float | None:
    """Return the smallest ratio that would pass *needed* (of a count) with 80 % power."""
    low, high = math.floor(expected), math.ceil(expected) + 4
    while not needed(high):
        low, high = high, 2 * high
        if high > 1e12:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if needed(middle) else (middle, high)

    def found(ratio: float) -> float:
        return mixed_tail(nbinom_sf, high, ratio * expected, alpha, fixed, freedom)

    return solve(found, 0.8, high / expected, 1)


def solve(rising: Callable[[float], float], target: float, start: float, sign: int) -> float | None:
    """Find x beyond *start* (up for sign 1, down for -1) where *rising* reaches *target*.

    Works on the logarithm of x and of the odds; None when x lies beyond a factor of e^30.
    """

    def gap(at: float) -> float:
        value = min(max(rising(math.exp(at)), 1e-300), 1 - 1e-16)
        return math.log(value / (1 - value)) - math.log(target / (1 - target))

    step, edge = 0.5, math.log(start)
    at_edge = gap(edge)
    for _ in range(6):
        beyond = edge + sign * step
        at_beyond = gap(beyond)
        if at_beyond * sign >= 0:
            return math.exp(_regula_falsi(gap, edge, at_edge, beyond, at_beyond))
        edge, at_edge, step = beyond, at_beyond, 2 * step
    return None


def _regula_falsi(
    gap: Callable[[float], float], a: float, at_a: float, b: float, at_b: float
) -> float:
    """Root between a and b by the Illinois rule: an end that stays twice is halved."""
    for _ in range(30):
        if abs(b - a) < 1e-4 or at_a == at_b:
            break
        c = (a * at_b - b * at_a) / (at_b - at_a)
        at_c = gap(c)
        if abs(at_c) < 1e-4:
            return c
        if at_c * at_b < 0:
            a, at_a = b, at_b
        else:
            at_a /= 2
        b, at_b = c, at_c
    return b
