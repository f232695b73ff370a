"""When a rise began: the posterior of the change's minute, given the class's own noise.

A class runs at its baseline rate times c before minute t, and at r times it from t on; the baseline
fixes c but for slow noise. Within a clock hour all minutes share one gamma-distributed factor, so
an hour's counts are negative binomial: without it, the first busy hour passes for the change (a
Poisson likelihood ratio's 95 % interval covers 40 to 80 % on such counts). The probability of every
t is summed over a grid of c and r; its median is the onset, its outer points the interval
(change points: Siegmund, Sequential Analysis, 1985; Barry and Hartigan, JASA 88, 1993).

A class that was never seen before began before its first event, by a wait like those between its
events: with k of them in S seconds, P[wait > x] = (1 + x / S)^-k (Strauss and Sadler, "Classical
confidence intervals and Bayesian probability estimates for ends of local taxon ranges",
Mathematical Geology 21, 1989: when did a species appear, of which the first bones are known?).
`docs/decisions/003-onset.md` has errors and coverage.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

import polars as pl

from pipeline.detection.seasons import find_season, hour_number
from pipeline.model import Onset, Window

_MINUTE = timedelta(minutes=1)
_MINIMUM_COUNT = 3
# The class's hourly dispersion is drawn to a usual one, which counts for twelve hours.
_USUAL_FAST, _USUAL_HOURS, _LEAST_FAST = 0.1, 12.0, 0.01
# Days differ by about 14 % at the same traffic.
_SLOW = 0.02
# The noise is an estimate taken for known, and busy hours follow busy hours: measured on both
# families of noise, 1 % left out at either end covers what 2.5 % should.
_TAIL = 0.01
# An earlier ending must explain more than one more free parameter would. Endings are tried every
# ten minutes of a day; of longer windows, 144 of them.
_END_GAIN, _END_STEP, _END_COUNT = 2.0, 10, 144
# Nodes and weights: a three-point Gauss-Hermite rule for c; even steps of a deviation for r.
_EDGE, _SIDE = math.sqrt(3), math.log(1 / 6)
_LEVELS = ((-_EDGE, _SIDE), (0.0, math.log(2 / 3)), (_EDGE, _SIDE))
_STEPS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)
_LEAST_RISE = 1.1
# A new class's rate when it began is told by its first waits alone: what it does hours later, when
# retries pile up or users give up, says nothing of the wait before the first. Ten tell a rate to a
# third, and that is in the tail.
_EARLY_WAITS = 10


@dataclass(frozen=True, slots=True)
class _Minutes:
    """The candidate's minutes with the class's noise: what the posterior needs."""

    times: list[datetime]
    counts: list[float]
    active: list[bool]
    expected: list[float]
    hours: list[int]
    fast: float
    level_deviation: float
    is_new: bool
    begin: datetime

    def gap_before(self, index: int) -> timedelta:
        """Return how long nothing was covered before a minute."""
        return self.times[index] - (self.times[index - 1] + _MINUTE if index else self.begin)

    def known_before(self, index: int) -> datetime:
        """Return the last covered moment before a minute: its start, but for a gap."""
        return self.times[index] - self.gap_before(index)


def find_onset(
    minutes: pl.DataFrame, baseline: Window | Sequence[Window], candidate: Window
) -> Onset | None:
    """Estimate when one series' rise began; None when the window holds no rise.

    *minutes* has a row for every minute: `bucket_start`, `covered_seconds`, `capped_count` or
    `event_count`, optionally `exposure` (used where it explains the baseline better than time).
    Times are those of minutes: `refine_onset` takes the events'. A rise that ended before the
    window's end is found too, its end to ten minutes in a day.
    """
    read = _read(minutes, baseline, candidate)
    if read is None:
        return None
    start, end = _likeliest(read)
    if start is None:
        return None
    chances = _posterior(read, start, end)
    lower, middle, upper = _shares(chances, (_TAIL, 0.5, 1 - _TAIL))
    first = read.active.index(True)
    # Where one or two events lie far before what most probably is the rise, they are strays.
    if read.is_new and (middle <= first or sum(read.active[:middle]) >= _MINIMUM_COUNT):
        found = _before_first(read, first, _waits(read, first, end) or chances[:first])
        # Two waits tell how far back it may have begun, and no more.
        is_told = sum(read.active[first + 1 : end]) >= _MINIMUM_COUNT
        return found if is_told else replace(found, onset=read.times[first])
    return Onset(
        read.times[middle], read.known_before(min(lower, middle)), read.times[upper] + _MINUTE
    )


def refine_onset(onset: Onset, timestamps: pl.Series, *, is_new: bool) -> Onset:
    """Add the first event at or after *onset*; *is_new* when the baseline has none.

    *timestamps* are the events' times, UTC, in any order. A class without a baseline cannot have
    begun after its first event, which therefore closes the interval; the wait before it is reckoned
    from the event, not from its minute.
    """
    times: list[datetime] = timestamps.drop_nulls().sort().to_list()
    if is_new and times and onset.onset_upper - _MINUTE <= times[0] <= onset.onset_upper:
        into_minute = times[0] - (onset.onset_upper - _MINUTE)
        begun = onset.onset + into_minute
        return Onset(begun, min(onset.onset_lower, begun), times[0], times[0])
    return replace(onset, first_event=next((at for at in times if at >= onset.onset), None))


def _shares(chances: Sequence[float], shares: Sequence[float]) -> list[int]:
    """Return the minutes in which the sum of *chances* reaches *shares* of the whole."""
    until = list(accumulate(chances))
    return [
        next(index for index, value in enumerate(until) if value >= share * until[-1])
        for share in shares
    ]


def _before_first(read: _Minutes, first: int, chances: Sequence[float]) -> Onset:
    """Return the onset of a class whose first event is in minute *first*, as if at its beginning.

    *chances*: of every minute before that one. The median's place within its minute counts: for a
    fast class a minute is long.
    """
    upper = read.times[first] + _MINUTE
    if not sum(chances):
        return Onset(read.times[first], read.known_before(first), upper)
    lower, middle = _shares(chances, (_TAIL, 0.5))
    half, before, until = 0.5 * sum(chances), sum(chances[:middle]), sum(chances[: middle + 1])
    into = 0.0
    if before and not read.gap_before(middle):
        into = math.log(half / before) / math.log(until / before)
    return Onset(read.times[middle] + into * _MINUTE, read.known_before(lower), upper)


def _waits(read: _Minutes, first: int, end: int) -> list[float]:
    """Return the chances of the minutes before *first* by the waits between the first events.

    What is counted is minutes with events, and their rate told by those without: lines of one
    failure, or of one retry storm, are one. Empty where there is no second such minute.
    """
    later = [index for index in range(first + 1, end) if read.active[index]][:_EARLY_WAITS]
    if not later:
        return []
    count, minutes = len(later), later[-1] - first
    # All minutes busy: the rate is at least what would leave half a minute of them empty.
    rate = -math.log1p(-min(count, minutes - 0.5) / minutes)
    after = [(1 + wait * rate / count) ** -count for wait in range(first, -1, -1)]
    return [
        (right - left) * (1 + read.gap_before(index) / _MINUTE)
        for index, (left, right) in enumerate(pairwise(after))
    ]


def _read(
    minutes: pl.DataFrame, baseline: Window | Sequence[Window], candidate: Window
) -> _Minutes | None:
    stretches = [baseline] if isinstance(baseline, Window) else list(baseline)
    start = pl.col("bucket_start")
    inside = pl.any_horizontal(
        pl.lit(False), *((start >= w.start) & (start < w.end) for w in stretches)
    )
    frame = _with_size(minutes.filter(pl.col("covered_seconds") > 0).sort("bucket_start"))
    after = frame.filter((start >= candidate.start) & (start < candidate.end))
    hourly = _by_hour(frame.filter(inside))
    if hourly.is_empty() or after.is_empty():
        return None
    total = float(hourly["count"].sum())
    # A class without a baseline tells by its own hours what it follows, and how noisily.
    first = pl.col("bucket_start").filter(pl.col("count") > 0).min()
    teacher = hourly if total else _by_hour(after.filter(pl.col("bucket_start") >= first))
    if not teacher["count"].sum():
        return None
    name = max(("seconds", "size"), key=lambda measure: _likelihood(teacher, measure))
    if not float(hourly[name].sum()):
        name = "seconds"
    if name == "seconds" and total:
        hourly, after = _with_season(hourly, after)
        teacher = hourly
    rate = (total + 0.5) / float(hourly[name].sum())
    hours: list[datetime] = after["hour"].to_list()
    known = {hour: index for index, hour in enumerate(dict.fromkeys(hours))}
    return _Minutes(
        times=after["bucket_start"].to_list(),
        counts=after["count"].to_list(),
        active=after["is_active"].to_list(),
        expected=[rate * size for size in after[name].to_list()],
        hours=[known[hour] for hour in hours],
        fast=_fast_noise(teacher, name),
        level_deviation=min(math.sqrt(_SLOW + 1 / (total + 0.5)), 1.0),
        is_new=total == 0,
        begin=candidate.start,
    )


def _with_season(hourly: pl.DataFrame, after: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Weigh the seconds by what the class does at the same hour of other days, where it is proven.

    A nightly job's first busy minute is no change.
    """
    hours = hourly.select(hour_number("hour"))["hour"].to_list()
    season = find_season(hourly["count"].to_list(), hourly["seconds"].to_list(), hours)
    if season is None:
        return hourly, after

    covered, total = float(hourly["seconds"].sum()), float(hourly["count"].sum())
    own = after.select(hour_number("hour"))["hour"].to_list()
    factors = pl.Series("seconds", [season.factor(hour) for hour in own], pl.Float64)
    apart = pl.Series("seconds", season.apart, pl.Float64)
    return (
        hourly.with_columns(apart * (covered / total)),
        after.with_columns(factors * after["seconds"]),
    )


def _with_size(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `count`, `seconds` and `size`: the hour's exposure spread evenly over its minutes."""
    seconds = pl.col("covered_seconds").cast(pl.Float64)
    frame = frame.select(
        "bucket_start",
        pl.col("bucket_start").dt.truncate("1h").alias("hour"),
        seconds.alias("seconds"),
        (pl.col("event_count") > 0).alias("is_active"),
        pl.col("capped_count" if "capped_count" in frame.columns else "event_count")
        .cast(pl.Float64)
        .alias("count"),
        (pl.col("exposure") if "exposure" in frame.columns else seconds).alias("size"),
    )
    if frame["size"].null_count() or not frame["size"].sum():
        return frame.with_columns(size="seconds")
    size, covered = pl.col("size").sum().over("hour"), pl.col("seconds").sum().over("hour")
    return frame.with_columns(size=size / covered * pl.col("seconds"))


def _by_hour(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.group_by("hour", maintain_order=True).agg(pl.col("count", "seconds", "size").sum())


def _likelihood(hourly: pl.DataFrame, measure: str) -> float:
    """Poisson log-likelihood of hourly counts in proportion to *measure*."""
    counts: list[float] = hourly["count"].to_list()
    sizes: list[float] = hourly[measure].to_list()
    if not sum(sizes):
        return -math.inf
    rate = sum(counts) / sum(sizes)
    seen = [(count, size) for count, size in zip(counts, sizes, strict=True) if count]
    if any(not size for _, size in seen):
        return -math.inf
    return math.fsum(count * math.log(rate * size) for count, size in seen)


def _fast_noise(hourly: pl.DataFrame, measure: str) -> float:
    counts: list[float] = hourly["count"].to_list()
    sizes: list[float] = hourly[measure].to_list()
    rate = sum(counts) / sum(sizes)
    means = [rate * size for size in sizes]
    square = sum(mean * mean for mean in means)
    if not square:
        return _USUAL_FAST
    excess = sum((y - m) ** 2 - m for y, m in zip(counts, means, strict=True)) / square
    weight = len(means) * min(sum(means) / len(means), 1.0)
    shrunk = (weight * max(excess - _SLOW, 0.0) + _USUAL_HOURS * _USUAL_FAST) / (
        weight + _USUAL_HOURS
    )
    return max(shrunk, _LEAST_FAST)


def _likeliest(read: _Minutes) -> tuple[int | None, int]:
    """Return the start that explains the window best by Poisson's ratio, and the rise's end."""
    size = len(read.counts)
    hour = sum(read.expected) / (read.hours[-1] + 1)
    best, at, until = 0.0, None, size
    step = max(_END_STEP, size // _END_COUNT)
    for end in [size, *range(size - size % step or size - step, 0, -step)]:
        value, start, ratio = _best_start(read.counts[:end], read.expected[:end])
        inflation = 1 + read.fast * hour * ratio
        if start is not None and value > best + (_END_GAIN * inflation if end != size else 0.0):
            best, at, until = value, start, end
    return at, until


def _best_start(counts: list[float], expected: list[float]) -> tuple[float, int | None, float]:
    y = e = best = 0.0
    at, ratio = None, 1.0
    for index in range(len(counts) - 1, -1, -1):
        y += counts[index]
        e += expected[index]
        if y > e > 0 and y >= _MINIMUM_COUNT:
            value = y * math.log(y / e) - (y - e)
            if value > best:
                best, at, ratio = value, index, y / e
    return best, at, ratio


def _posterior(read: _Minutes, start: int, end: int) -> list[float]:
    """Return the relative probability of every minute of [0, end) as the first of the rise."""
    y, e = sum(read.counts[start:end]), sum(read.expected[start:end])
    hours = read.hours[end - 1] - read.hours[start] + 1
    deviation = math.sqrt(1 / y + read.fast / hours + _SLOW)
    logs: list[list[float]] = []
    for node, weight in _LEVELS:
        level = math.exp(node * read.level_deviation)
        for step in _STEPS:
            ratio = y / e * math.exp(step * deviation)
            if ratio >= _LEAST_RISE * level:
                logs.append(_log_chances(read, end, level, ratio, weight))
    if not logs:
        return [1.0 if index == start else 0.0 for index in range(end)]
    top = max(map(max, logs))
    return [
        sum(math.exp(value - top) for value in column) * (1 + read.gap_before(index) / _MINUTE)
        for index, column in enumerate(zip(*logs, strict=True))
    ]


def _log_chances(
    read: _Minutes, end: int, level: float, ratio: float, weight: float
) -> list[float]:
    """Log-likelihood of each minute as the change, for one level before and one ratio after."""
    size = 1 / read.fast
    counts, means = _hourly(read, end)
    before, after = math.log(level), math.log(ratio)
    as_before = [y * before - (y + size) * math.log1p(level * m / size)
                 for y, m in zip(counts, means, strict=True)]  # fmt: skip
    as_after = [y * after - (y + size) * math.log1p(ratio * m / size)
                for y, m in zip(counts, means, strict=True)]  # fmt: skip
    done = weight + sum(as_after)
    values, hour, y, m = [], -1, 0.0, 0.0
    for index in range(end):
        if read.hours[index] != hour:
            if hour >= 0:
                done += as_before[hour]
            hour, y, m = read.hours[index], 0.0, 0.0
            done -= as_after[hour]
        mixed = level * m + ratio * (means[hour] - m)
        values.append(
            done + y * before + (counts[hour] - y) * after
            - (counts[hour] + size) * math.log1p(mixed / size)
        )  # fmt: skip
        y += read.counts[index]
        m += read.expected[index]
    return values


def _hourly(read: _Minutes, end: int) -> tuple[list[float], list[float]]:
    counts, means = [0.0] * (read.hours[end - 1] + 1), [0.0] * (read.hours[end - 1] + 1)
    for index in range(end):
        counts[read.hours[index]] += read.counts[index]
        means[read.hours[index]] += read.expected[index]
    return counts, means
