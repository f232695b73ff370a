"""Is the baseline normal itself: incidents, and faults that already run when it ends.

A fault inside the baseline raises what is expected and hides its own return. For each class the
stretch of buckets that its rest explains worst is looked for (Poisson's likelihood ratio over
stretches of growing length: a scan statistic, Kulldorff, Communications in Statistics 26, 1997)
and tested as the candidate is: a negative binomial of the rest's own noise, predicted from the
rest. Decided on baseline counts alone, with one exception: what the candidate repeats at the same
time of day is a schedule. `benchmarks/detection.py --part baseline` measures it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl

from pipeline.detection.distributions import nbinom_sf
from pipeline.detection.rates import place
from pipeline.model import Window
from pipeline.schema import TIMESTAMP

EVERY_CLASS = ""  # the series_id of a stretch that is cut out for all classes
AUDIT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "series_id": pl.String,
    "start": TIMESTAMP,
    "end": TIMESTAMP,
    "kind": pl.String,
    "event_count": pl.Int64,
    "expected_count": pl.Float64,
    "is_cut": pl.Boolean,
}
# One clean baseline in a thousand may lose a stretch of some class; shared by all that was tried.
_FALSE_CUTS = 1e-3
# Storms are cut to two or three events in ten minutes: ten take longer than a storm lasts.
_LEAST_EXCESS = 10.0
# Less than a tenth more in the baseline changes no verdict: such stretches stay.
_LEAST_SHARE = 0.1
# Days differ by less than this; a fault that goes on is told from noise by going on.
_INCIDENT_RATIO, _RUNNING_RATIO = 3.0, 2.0
_USUAL_FAST, _USUAL_SLOW, _USUAL_WEIGHT = 0.1, 0.02, 12.0
# A class never seen outside the stretch: as for the candidate, a tenth of an event is expected.
_PRIOR, _PRIOR_UNSEEN = 0.5, 0.1
# Shorter baselines show no rest to compare a stretch with, and shorter rests carry no verdict.
_LEAST_BUCKETS, _LEAST_REST_SECONDS = 12, 6 * 3600.0
_MOST_STRETCHES = 4
# A schedule: the candidate has a third of the stretch's rate at its time of day, and three times
# its own rate elsewhere.
_REPEATED_SHARE, _REPEATED_RATIO = 1 / 3, 3.0


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Buckets [first, last) with their count and what the rest predicts for them."""

    first: int
    last: int
    count: float
    expected: float
    gain: float


@dataclass(slots=True)
class _Class:
    """One class's covered baseline buckets in order of time, and its candidate's."""

    series_id: str
    starts: list[datetime] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)
    raw: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)
    after: list[tuple[datetime, float, float]] = field(default_factory=list)

    def sizes(self) -> Iterator[list[float]]:
        """Yield what the rate may be per: time, and requests where they are known."""
        yield self.seconds
        if len(self.requests) == len(self.seconds) and sum(self.requests) > 0:
            yield self.requests


def audit_baseline(
    series: pl.DataFrame, baseline: Window | Sequence[Window], candidate: Window
) -> pl.DataFrame:
    """Find the stretches of the baseline that are not normal by the baseline's own rest.

    *series* and the windows are those given to `detect`. Returns a row for each (`AUDIT_SCHEMA`):
    `kind` is "incident" (it ended within the baseline), "running" (it reaches the baseline's end)
    or "step" (the class stands above its rest for more than half of the baseline, or too little is
    left without the stretch: told, and not cut). `event_count` is raw, `expected_count` what the
    rest predicts. `series_id` is `EVERY_CLASS` where the errors of all classes together stand out
    and no class alone explains it.
    """
    placed = place(series, baseline, candidate)
    known = _read(placed)
    if not known:
        return pl.DataFrame(schema=AUDIT_SCHEMA)
    bucket = _bucket_length(known[0].starts)
    rows: list[tuple[object, ...]] = []
    for one in known:
        rows += _audit(one, bucket, len(known) + 1)
    everything = _together(known, rows)
    if len(known) > 1 and everything is not None:
        rows += _audit(everything, bucket, len(known) + 1)
    return pl.DataFrame(rows, schema=AUDIT_SCHEMA, orient="row").sort("series_id", "start")


def with_known(
    audit: pl.DataFrame,
    series: pl.DataFrame,
    baseline: Sequence[Window],
    spells: Sequence[tuple[str, datetime, datetime | None]],
) -> pl.DataFrame:
    """Add to *audit* the times in which a class is known to have been in trouble: a class, from, to
    (null: it goes on), of kind "known".

    They are cut where six covered hours of the baseline are left, as everything that is. What is
    expected in them is not known.
    """
    inside = pl.any_horizontal(
        pl.lit(False),
        *((pl.col("bucket_start") >= w.start) & (pl.col("bucket_start") < w.end) for w in baseline),
    )
    own = series.filter(inside, pl.col("series_id").is_in([name for name, _, _ in spells]))
    end = max((window.end for window in baseline), default=None)
    bucket = _bucket_length(own["bucket_start"].unique().sort().to_list())
    rows: list[tuple[object, ...]] = []
    for name, start, until in spells:
        # A bucket in which it began or ended is part of it.
        from_, to = start.replace(minute=0, second=0, microsecond=0), until or end
        at = pl.col("bucket_start")
        cut = own.filter(pl.col("series_id") == name, at >= from_, at <= to)
        if cut.is_empty() or to is None:
            continue
        whole = own.filter(pl.col("series_id") == name)
        rest = float(whole["covered_seconds"].sum()) - float(cut["covered_seconds"].sum())
        last = cut["bucket_start"].max()
        assert isinstance(last, datetime)
        row = (name, from_, last + bucket, "known", cut["event_count"].sum(),
               None, rest >= _LEAST_REST_SECONDS)  # fmt: skip
        rows.append(row)
    known = pl.DataFrame(rows, schema=AUDIT_SCHEMA, orient="row").filter("is_cut")
    return pl.concat([audit, known]).sort("series_id", "start")


def cut_out(series: pl.DataFrame, audit: pl.DataFrame) -> pl.DataFrame:
    """Return *series* with the stretches of *audit* that are to be cut marked as not covered.

    *series* has `series_id`, `bucket_start` and `covered_seconds`; what is not covered is evidence
    of nothing, neither of errors nor of their absence.
    """
    for name, start, end in audit.filter("is_cut").select("series_id", "start", "end").iter_rows():
        inside = (pl.col("bucket_start") >= start) & (pl.col("bucket_start") < end)
        if name != EVERY_CLASS:
            inside &= pl.col("series_id") == name
        series = series.with_columns(
            covered_seconds=pl.when(inside).then(0.0).otherwise("covered_seconds")
        )
    return series


def _read(placed: pl.DataFrame) -> list[_Class]:
    """Gather the classes that have enough events and buckets to show anything."""
    rows = placed.filter(pl.col("window").is_not_null(), pl.col("covered_seconds") > 0)
    before = pl.col("window") == "baseline"
    busy = rows.filter(before).group_by("series_id").agg(
        pl.col("capped_count").sum().alias("total"), pl.len().alias("size")
    ).filter(pl.col("total") >= _LEAST_EXCESS, pl.col("size") >= _LEAST_BUCKETS)  # fmt: skip
    rows = rows.join(busy.select("series_id"), on="series_id", how="semi")
    found: dict[str, _Class] = {}
    columns = ("series_id", "window", "bucket_start", "event_count", "capped_count",
               "covered_seconds", "exposure", "exposure_kind")  # fmt: skip
    ordered = rows.sort("series_id", "bucket_start").select(columns)
    for name, window, start, raw, count, seconds, exposure, kind in ordered.iter_rows():
        one = found.setdefault(name, _Class(name))
        if window == "candidate":
            one.after.append((start, float(count), seconds))
            continue
        one.starts.append(start)
        one.counts.append(float(count))
        one.raw.append(raw)
        one.seconds.append(seconds)
        if exposure is not None and kind == "requests":
            one.requests.append(exposure)
    return list(found.values())


def _bucket_length(starts: Sequence[datetime]) -> timedelta:
    return min((b - a for a, b in pairwise(starts)), default=timedelta(hours=1))


def _together(known: Sequence[_Class], rows: Sequence[tuple[object, ...]]) -> _Class | None:
    """Sum all classes over their common buckets, without those that stand out by themselves."""
    apart = {row[0] for row in rows}
    rest = [one for one in known if one.series_id not in apart]
    if len(rest) < 2:
        return None
    counts: dict[datetime, tuple[float, int]] = {}
    for one in rest:
        for start, count, raw in zip(one.starts, one.counts, one.raw, strict=True):
            before = counts.get(start, (0.0, 0))
            counts[start] = (before[0] + count, before[1] + raw)
    whole = max(rest, key=lambda one: sum(one.seconds))
    shared = [index for index, start in enumerate(whole.starts) if start in counts]
    after: dict[datetime, tuple[float, float]] = {}
    for one in rest:
        for start, count, seconds in one.after:
            so_far = after.get(start, (0.0, 0.0))
            after[start] = (so_far[0] + count, max(so_far[1], seconds))
    return _Class(
        EVERY_CLASS,
        [whole.starts[index] for index in shared],
        [counts[whole.starts[index]][0] for index in shared],
        [counts[whole.starts[index]][1] for index in shared],
        [whole.seconds[index] for index in shared],
        [whole.requests[index] for index in shared]
        if len(whole.requests) == len(whole.seconds)
        else [],
        [(start, *values) for start, values in sorted(after.items())],
    )


def _audit(one: _Class, bucket: timedelta, class_count: int) -> list[tuple[object, ...]]:
    """Find stretches one after the other, the worst first, each against what is left."""
    left = list(range(len(one.counts)))
    rows: list[tuple[object, ...]] = []
    level = _FALSE_CUTS / (len(left) * class_count)
    for _ in range(_MOST_STRETCHES):
        if len(left) < _LEAST_BUCKETS:
            break
        found = _worst(one, left)
        if found is None or not _stands_out(one, left, found, level):
            break
        taken = left[found.first : found.last]
        rest = left[: found.first] + left[found.last :]
        kind, is_cut = _kind(one, left, found, rest)
        if kind == "incident" and _is_schedule(one, taken):
            break
        rows.append((
            one.series_id, one.starts[taken[0]], one.starts[taken[-1]] + bucket, kind,
            sum(one.raw[index] for index in taken), found.expected, is_cut,
        ))  # fmt: skip
        if not is_cut:
            break
        left = rest
    return rows


def _kind(
    one: _Class, left: Sequence[int], found: _Stretch, rest: Sequence[int]
) -> tuple[str, bool]:
    kept = sum(one.seconds[index] for index in rest)
    whole = sum(one.seconds)
    # A baseline of less than twelve hours is judged by its half.
    is_enough = kept >= min(_LEAST_REST_SECONDS, whole / 2)
    if not is_enough or 2 * kept < whole:
        return "step", False
    return ("running" if left[found.last - 1] == len(one.counts) - 1 else "incident"), True


def _worst(one: _Class, left: Sequence[int]) -> _Stretch | None:
    """Return the stretch with the largest likelihood ratio by what explains it best."""
    found = [_scan(one, left, sizes) for sizes in one.sizes()]
    if any(stretch is None for stretch in found):
        return None
    return min((stretch for stretch in found if stretch), key=lambda stretch: stretch.gain)


def _scan(one: _Class, left: Sequence[int], sizes: Sequence[float]) -> _Stretch | None:
    count, size = [0.0], [0.0]
    for index in left:
        count.append(count[-1] + one.counts[index])
        size.append(size[-1] + sizes[index])
    best = None
    for first, last in _tried(len(left)):
        stretch = _stretch(count, size, first, last, len(one.counts) - 1 == left[-1])
        if stretch is not None and (best is None or stretch.gain > best.gain):
            best = stretch
    return None if best is None else _sharpened(best, count, size, len(one.counts) - 1 == left[-1])


def _tried(size: int) -> Iterator[tuple[int, int]]:
    """Yield the borders of stretches: lengths grow by a third, to three quarters of the whole."""
    length = 1
    while length <= size * 3 // 4:
        step = max(length // 8, 1)
        for first in range(0, size - length, step):
            yield first, first + length
        yield size - length, size
        length = max(length + 1, length * 4 // 3)


def _stretch(
    count: Sequence[float], size: Sequence[float], first: int, last: int, ends_at_end: bool
) -> _Stretch | None:
    y = count[last] - count[first]
    if y < _LEAST_EXCESS:
        return None
    inside = size[last] - size[first]
    rest = count[-1] - y
    outside = size[-1] - inside
    if inside <= 0 or outside <= 0:
        return None
    expected = (rest + (_PRIOR if rest else _PRIOR_UNSEEN)) / outside * inside
    is_running = ends_at_end and last == len(count) - 1
    ratio = _RUNNING_RATIO if is_running else _INCIDENT_RATIO
    if y < ratio * expected or y - expected < max(_LEAST_EXCESS, _LEAST_SHARE * rest):
        return None
    even = count[-1] * inside / size[-1]
    gain = y * math.log(y / even)
    if rest:
        gain += rest * math.log(rest / (count[-1] - even))
    return _Stretch(first, last, y, expected, gain)


def _sharpened(
    best: _Stretch, count: Sequence[float], size: Sequence[float], ends_at_end: bool
) -> _Stretch:
    """Move either border by one bucket as long as that explains more."""
    for _ in range(len(count)):
        moves = (
            _stretch(count, size, best.first + left, best.last + right, ends_at_end)
            for left, right in ((-1, 0), (1, 0), (0, -1), (0, 1))
            if 0 <= best.first + left < best.last + right < len(count)
        )
        better = max((move for move in moves if move), key=lambda move: move.gain, default=None)
        if better is None or better.gain <= best.gain:
            break
        best = better
    return best


def _stands_out(one: _Class, left: Sequence[int], found: _Stretch, level: float) -> bool:
    """Is the stretch beyond what the rest predicts, whatever the rate is per?"""
    return all(_chance(one, left, found, sizes) < level for sizes in one.sizes())


def _chance(one: _Class, left: Sequence[int], found: _Stretch, sizes: Sequence[float]) -> float:
    inside = left[found.first : found.last]
    rest = [*left[: found.first], *left[found.last :]]
    total, outside = sum(one.counts[at] for at in rest), sum(sizes[at] for at in rest)
    if not outside:
        return 1.0
    prior = _PRIOR if total else _PRIOR_UNSEEN
    rate = (total + prior) / outside
    width = len(inside)
    counts, means = [one.counts[at] for at in rest], [rate * sizes[at] for at in rest]
    usual = _USUAL_FAST / width + _USUAL_SLOW
    alpha = max(_dispersion(counts, means, 1, _USUAL_FAST + _USUAL_SLOW) / width + _USUAL_SLOW,
                _dispersion(counts, means, width, usual))  # fmt: skip
    mean = rate * sum(sizes[at] for at in inside)
    return nbinom_sf(found.count, mean, alpha + 1 / (total + prior))


def _dispersion(counts: Sequence[float], means: Sequence[float], width: int, usual: float) -> float:
    """Moment estimate between blocks of *width* buckets, drawn to the *usual* one."""
    blocks = len(counts) // width
    if blocks < 2:
        return usual
    starts = range(len(counts) - blocks * width, len(counts), width)
    pairs = [(sum(counts[at : at + width]), sum(means[at : at + width])) for at in starts]
    square = sum(mean * mean for _, mean in pairs)
    if not square:
        return usual
    own = sum((y - mean) ** 2 - mean for y, mean in pairs) / square
    weight = blocks * min(sum(mean for _, mean in pairs) / blocks, 1.0)
    return (weight * max(own, 0.0) + _USUAL_WEIGHT * usual) / (weight + _USUAL_WEIGHT)


def _is_schedule(one: _Class, taken: Sequence[int]) -> bool:
    """Does the candidate do the same at the same time of day, and not elsewhere?"""
    clock = {_time_of_day(one.starts[index]) for index in taken}
    seconds = sum(one.seconds[index] for index in taken)
    rate = sum(one.counts[index] for index in taken) / seconds
    same = [(count, size) for start, count, size in one.after if _time_of_day(start) in clock]
    other = [(count, size) for start, count, size in one.after if _time_of_day(start) not in clock]
    if not same:
        return False
    again = sum(count for count, _ in same) / sum(size for _, size in same)
    elsewhere = sum(count for count, _ in other) / max(sum(size for _, size in other), 1.0)
    return again >= _REPEATED_SHARE * rate and again >= _REPEATED_RATIO * elsewhere


def _time_of_day(moment: datetime) -> tuple[int, int]:
    return moment.hour, moment.minute
