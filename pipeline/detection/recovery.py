"""How many events a baseline explains in some hours, and for how long to look until that tells.

The model is that of the rate test (`compare`): a count of mean m over h covered hours has variance

    m + ((noise / h + drift) (1 + h / hours) + unsure) m^2

The bound is an upper predictive limit: what is no more than usual passes it by chance as seldom as
was asked. A fault that was not mended must not lie below it by chance either; where the two are too
close in a few hours, more hours are asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.detection.compare import DetectionSettings
from pipeline.detection.distributions import nbinom_cdf, nbinom_ppf, nbinom_sf
from pipeline.detection.intervals import mixed_tail
from pipeline.model import Level

# Half as much again as the 95 % that are promised: later logs are never exactly as busy as usual.
_POWER = 0.975
# Whole hours up to a day, then steps that people plan in, up to a week: nobody waits longer.
_HOURS = (*range(1, 25), 30, 36, 48, 60, 72, 96, 120, 144, 168)
# Where no length tells with certainty, the shortest that tells nearly as well as the longest.
_NEARLY = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """*bound* events may come in *hours*; an unmended fault of rate *unmended* would exceed that
    with probability *power* (null: it is not known what an unmended fault does).
    """

    hours: float
    bound: int
    unmended: float | None
    power: float | None


def most_explained(level: Level, hours: float, chance: float, exposure: float | None = None) -> int:
    """Return the most events that *level* explains in *hours*: more come with at most *chance*.

    *exposure* is what the rate is per, for the whole time: requests; by default the hours.
    """
    mean = level.rate * (hours if exposure is None else exposure)
    if mean <= 0 or hours <= 0:
        return 0
    alpha, freedom = _dispersion(level, hours), level.freedom

    def is_explained(count: int) -> bool:
        return mixed_tail(nbinom_sf, count + 1, mean, alpha, level.unsure, freedom) <= chance

    low, high = -1, nbinom_ppf(1 - chance, mean, alpha + level.unsure)
    while not is_explained(high):
        low, high = high, 2 * high + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_explained(middle) else (middle, high)
    return high


def chance_of_fewer(
    level: Level, rate: float, count: int, hours: float, exposure: float | None = None
) -> float:
    """Return the probability of at most *count* events, were their rate *rate* with the noise of
    *level*.
    """
    mean = rate * (hours if exposure is None else exposure)
    if hours <= 0:
        return 1.0
    return mixed_tail(nbinom_cdf, count, mean, _dispersion(level, hours), 0.0, level.freedom)


def find_limits(
    level: Level,
    value_now: float | None,
    least_hours: float,
    chance: float,
    exposure_per_hour: float = 1.0,
) -> Limits:
    """Return bound and hours by which a fault that now has *value_now* is told from none.

    The fault to be noticed is half of the excess; where no length up to a week tells that from
    *level*, all of it. Rates are of what *exposure_per_hour* counts; *least_hours* are asked for in
    any case.
    """
    lengths = _lengths(least_hours)
    if value_now is None or value_now <= level.rate or exposure_per_hour <= 0:
        return Limits(lengths[0], _bound(level, lengths[0], chance, exposure_per_hour), None, None)
    half = (level.rate + value_now) / 2
    best = _shortest(level, half, lengths, chance, exposure_per_hour)
    if best.power is not None and best.power >= _POWER:
        return best
    return _shortest(level, value_now, lengths, chance, exposure_per_hour)


def count_level(count: int, hours: float, settings: DetectionSettings | None = None) -> Level:
    """Return what *count* events in *hours* let expect where nothing is known of their noise."""
    return _usual(count / hours if hours else 0.0, count, hours, settings)


def share_level(
    failures: int, requests: int, hours: float, settings: DetectionSettings | None = None
) -> Level:
    """Return what *failures* of *requests* in *hours* let expect, per request.

    None of a few requests does not say that none ever fails: half a failure is added (Jeffreys).
    Without a request nothing is explained.
    """
    rate = (failures + 0.5) / (requests + 1) if requests else 0.0
    return _usual(rate, failures, hours, settings)


def _usual(rate: float, count: int, hours: float, settings: DetectionSettings | None) -> Level:
    of = settings or DetectionSettings()
    return Level(
        rate=rate,
        noise=of.unseen * of.default_fast,
        drift=of.unseen * of.default_slow,
        unsure=1 / (count + of.prior_count),
        freedom=of.pool_weight,
        hours=hours,
    )


def _dispersion(level: Level, hours: float) -> float:
    replicates = min(hours / level.hours, 1.0) if level.hours else 1.0
    return (level.noise / hours + level.drift) * (1 + replicates)


def _lengths(least: float) -> Sequence[float]:
    """Return the hours to choose from: multiples of whole days where days are what is compared."""
    step = 24 if least >= 24 else 1
    fitting = [float(one) for one in _HOURS if one >= least and one % step == 0]
    return fitting or [math.ceil(least)]


def _bound(level: Level, hours: float, chance: float, per_hour: float) -> int:
    return most_explained(level, hours, chance, per_hour * hours)


def _shortest(
    level: Level, rate: float, lengths: Sequence[float], chance: float, per_hour: float
) -> Limits:
    tried: list[Limits] = []
    for hours in lengths:
        bound = _bound(level, hours, chance, per_hour)
        power = 1 - chance_of_fewer(level, rate, bound, hours, per_hour * hours)
        tried.append(Limits(hours, bound, rate, power))
        if power >= _POWER:
            return tried[-1]
    best = max(one.power or 0.0 for one in tried)
    return next(one for one in tried if (one.power or 0.0) >= best - _NEARLY)
