"""Hours of the day and of the week: what a class does at the same hour on other days.

A nightly job fails at night, and users come by day. Where requests do not tell that, the same hours
of other days do: three days for hours of the day, three weeks for hours of the week, for with less
nobody can tell a habit from a bad night. Each hour's factor is a gamma-Poisson estimate, drawn to
one (an hour of the week to its hour of the day) as far as the hours resemble each other (empirical
Bayes: Clayton and Kaldor, Biometrics 43, 1987). It is only used where every day, predicted from the
other days, is told better by it: a profile fitted to a day explains that day's noise, too.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

HOUR_OF_DAY, HOUR_OF_WEEK = "hour_of_day", "hour_of_week"
_DAY, _WEEK = 24, 168
_TO_MONDAY = 72  # 1970 began on a Thursday
_LEAST_PERIODS = 3
# A tenth of an hour may lie outside every log and be a day of baseline still.
_COVERED = 0.9
# Between hours, a variance of 0.01 (10 % up and down) moves no verdict.
_LEAST_VARIANCE = 0.01
# However different the hours are, an hour without events expects half a one in all of the baseline.
_LEAST_WEIGHT = 0.5
# ln 20 by the class's own noise, as for what a rate is per.
_MARGIN = 3.0
_AGREEING = 2 / 3


@dataclass(frozen=True, slots=True)
class Season:
    """A class's profile over the hours of a day or a week.

    *factors*: of each hour on the class's mean rate, one where the hour was never covered;
    *weights*: events on which each rests; *apart*: the mean of every baseline bucket, predicted
    from the other days; *periods*: days or weeks that tell an hour; *noise*: the variance of an
    hour's counts between days over their mean.
    """

    name: str
    factors: list[float]
    weights: list[float]
    apart: list[float]
    periods: int
    noise: float

    def factor(self, hour: int) -> float:
        """Return the factor of an hour, counted from any one midnight."""
        return self.factors[hour % len(self.factors)]

    def uncertainty(self, expected: Sequence[float], hours: Sequence[int]) -> float:
        """Return the relative variance of the sum of *expected* that comes from the factors."""
        by_slot: dict[int, float] = defaultdict(float)
        for mean, hour in zip(expected, hours, strict=True):
            by_slot[hour % len(self.factors)] += mean
        total = sum(by_slot.values())
        parts = (mean * mean / self.weights[slot] for slot, mean in by_slot.items())
        return sum(parts) / (total * total)


@dataclass(frozen=True, slots=True)
class _Level:
    """Factors of one level of hours on the means of the level above."""

    factors: list[float]
    weights: list[float]
    apart: list[float]
    noise: float


def hour_number(column: str) -> pl.Expr:
    """Return `hour`: the hours of a time *column*, UTC, counted from a Monday's midnight."""
    return (pl.col(column).dt.epoch("s") // 3600 + _TO_MONDAY).alias("hour")


def find_season(
    counts: Sequence[float], seconds: Sequence[float], hours: Sequence[int]
) -> Season | None:
    """Return the profile that the baseline proves, None where it proves none.

    *counts* and covered *seconds* of the buckets, and the *hours* in which they begin, counted from
    any one midnight (of a Monday, if it is to be told).
    """
    total, covered = sum(counts), sum(seconds)
    if not total or covered < _COVERED * _LEAST_PERIODS * _DAY * 3600:
        return None
    flat = [total / covered * size for size in seconds]
    found = _season(HOUR_OF_DAY, counts, flat, hours, _DAY, None)
    if covered >= _COVERED * _LEAST_PERIODS * _WEEK * 3600:
        found = _season(HOUR_OF_WEEK, counts, flat, hours, _WEEK, found) or found
    return found


def gain(counts: Sequence[float], means: Sequence[float], others: Sequence[float]) -> float:
    """Return the Poisson log-likelihood of *means* less that of *others*; zeros are no means."""
    total = 0.0
    for count, mean, other in zip(counts, means, others, strict=True):
        total += other - mean
        if count:
            if not mean or not other:
                return math.inf if mean else -math.inf
            total += count * math.log(mean / other)
    return total


def _season(
    name: str,
    counts: Sequence[float],
    flat: Sequence[float],
    hours: Sequence[int],
    size: int,
    above: Season | None,
) -> Season | None:
    """Return the profile over *size* hours on top of that *above*, if it is proven beyond it."""

    def upper(hour: int) -> float:
        return above.factor(hour) if above else 1.0

    means = [mean * upper(hour) for mean, hour in zip(flat, hours, strict=True)]
    level = _level(counts, means, hours, size)
    if level is None:
        return None
    # What this level adds for a day that the level above was not fitted to.
    before = above.apart if above else list(flat)
    apart = [
        one * own / mean if mean else one
        for one, own, mean in zip(before, level.apart, means, strict=True)
    ]
    if gain(counts, apart, before) < _MARGIN * level.noise:
        return None
    if not _is_habit(counts, apart, before, hours):
        return None
    factors = [factor * upper(slot) for slot, factor in enumerate(level.factors)]
    periods = max(round(len(set(hours)) / size), 1)
    return Season(name, factors, level.weights, apart, periods, level.noise)


def _is_habit(
    counts: Sequence[float], means: Sequence[float], others: Sequence[float], hours: Sequence[int]
) -> bool:
    """Do most days agree? Two storms at the same hour would do for the sum."""
    days: dict[int, list[int]] = defaultdict(list)
    for index, hour in enumerate(hours):
        days[hour // _DAY].append(index)
    agreeing = sum(
        gain(*([values[index] for index in day] for values in (counts, means, others))) > 0
        for day in days.values()
    )
    return agreeing >= _AGREEING * len(days)


def _level(
    counts: Sequence[float], means: Sequence[float], hours: Sequence[int], size: int
) -> _Level | None:
    own: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    slots = [[0.0, 0.0] for _ in range(size)]
    for count, mean, hour in zip(counts, means, hours, strict=True):
        for sums in (own[hour % size, hour // size], slots[hour % size]):
            sums[0] += count
            sums[1] += mean
    noise = _noise(own, slots)
    square = sum(mean * mean for _, mean in slots)
    variance = sum((count - mean) ** 2 - noise * mean for count, mean in slots) / square
    if variance < _LEAST_VARIANCE:
        return None
    weight = max(1 / variance, _LEAST_WEIGHT)
    apart = []
    for mean, hour in zip(means, hours, strict=True):
        count, expected = slots[hour % size]
        own_count, own_expected = own[hour % size, hour // size]
        apart.append(mean * (count - own_count + weight) / (expected - own_expected + weight))
    return _Level(
        [(count + weight) / (mean + weight) for count, mean in slots],
        [count + weight for count, _ in slots],
        apart,
        noise,
    )


def _noise(own: dict[tuple[int, int], list[float]], slots: Sequence[Sequence[float]]) -> float:
    """Return the variance of an hour's counts between days over their mean, at least Poisson's."""
    squares = means = 0.0
    for (slot, _), (count, mean) in own.items():
        whole, expected = slots[slot]
        if expected:
            share = mean / expected
            squares += (count - whole * share) ** 2
            means += whole * share * (1 - share)
    return max(squares / means, 1.0) if means else 1.0
