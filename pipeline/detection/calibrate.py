"""What the test does on somebody's own counts: regressions of known size are planted in them.

A stretch of the length of a usual candidate window is taken out of the counts and judged against
all the rest: as it is (each rise is a false alarm), and with each kind of change planted in some of
its classes (each that is not found is missed). Extra events are drawn as a Poisson process on top
of what was counted, in proportion to requests where these are known; so the noise of the class
stays, and only what is added is ideal. Counts in, numbers out; the only chance is the seed's.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

import polars as pl

from pipeline.detection.audit import audit_baseline, cut_out
from pipeline.detection.compare import DetectionSettings
from pipeline.detection.onset import find_onset
from pipeline.detection.rates import detect
from pipeline.detection.storms import cap_storms
from pipeline.errors import UndecidableError
from pipeline.facts import Calibration, Planted
from pipeline.model import State, Window

_RISES = (State.NEW, State.INCREASED, State.ESCALATING, State.RETURNED)
_FALLS = (State.DECREASED, State.GONE)
# A class of fewer events in a window shows no test of this kind what it can do.
PLANTABLE_COUNT = 10.0
NEW_PER_HOUR = 3.0
RAMP_END = 3.0
# One class in four changes: the others stay what the test draws the usual noise from.
_PLANTED_SHARE = 0.25
# As many windows as give this many class-windows: some seconds of work.
_CLASS_WINDOWS, _FEWEST, _MOST = 200, 3, 8
# Dating costs most, and a median wants no more.
_MOST_DATED = 8
_DAY = 86_400.0

_RATIOS = {"x1.5": 1.5, "x2": 2.0, "x3": 3.0}
KINDS = (*_RATIOS, "new", "ramp", "silence")


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted: *minutes* (series_id, bucket_start, bucket: the start of the one that it
    lies in, event_count) and *buckets* (series_id, bucket_start, covered_seconds, exposure,
    exposure_kind) of *whole*; *window_seconds* is the length of a usual candidate.
    """

    minutes: pl.DataFrame
    buckets: pl.DataFrame
    whole: Window
    window_seconds: float
    bucket_seconds: int


def calibrate_counts(counts: Counts, seed: int, *, is_placebo: bool = False) -> Calibration:
    """Judge windows of *counts* against the rest, with nothing and with known changes planted.

    With *is_placebo*, windows that do not overlap, and nothing planted. Raises `UndecidableError`
    where there is no class, or less than two windows to compare.
    """
    classes = counts.buckets["series_id"].n_unique()
    windows = _apart(counts)
    if not classes:
        raise UndecidableError("cannot calibrate: no error was counted in these logs")
    if len(windows) < 2 or counts.bucket_seconds > _DAY:
        raise UndecidableError("cannot calibrate: the logs are too short, or too long, to be cut")
    tally = _Tally()
    rng = random.Random(seed)
    if not is_placebo:
        wanted = min(max(_CLASS_WINDOWS // classes, _FEWEST), _MOST)
        places = _places(counts)
        windows = sorted(rng.sample(places, min(wanted, len(places))), key=lambda one: one.start)
    rates = {} if is_placebo else _rates(counts)
    for window in windows:
        _try_window(_Bench(counts, window), rates, rng, tally)
    return Calibration(
        seed=seed,
        is_placebo=is_placebo,
        start=counts.whole.start,
        end=counts.whole.end,
        window_seconds=counts.window_seconds,
        class_count=classes,
        window_count=len(windows),
        class_window_count=tally.tested,
        false_alarm_count=tally.alarms,
        false_alarms_per_1000=1000 * tally.alarms / tally.tested if tally.tested else None,
        windows_with_alarm_count=tally.alarmed,
        false_suspicion_count=tally.suspicions,
        budget=DetectionSettings().false_discovery_rate,
        planted=[] if is_placebo else [tally.kinds[kind].summary(kind) for kind in KINDS],
    )


@dataclass(slots=True)
class _Found:
    """What became of one kind of change."""

    count: int = 0
    confirmed: int = 0
    told: int = 0  # confirmed or suspected; of silence: not taken for a change
    errors: list[float] = field(default_factory=list)

    def summary(self, kind: str) -> Planted:
        share = 1 / self.count if self.count else None
        is_rise = kind != "silence"
        return Planted(
            kind=kind,
            count=self.count,
            confirmed=self.confirmed * share if share and is_rise else None,
            confirmed_or_suspected=self.told * share if share and is_rise else None,
            held_back=self.told * share if share and not is_rise else None,
            dated_count=len(self.errors),
            onset_error_minutes=median(self.errors) if self.errors else None,
        )


@dataclass(slots=True)
class _Tally:
    tested: int = 0
    alarms: int = 0
    alarmed: int = 0
    suspicions: int = 0
    kinds: dict[str, _Found] = field(default_factory=lambda: {kind: _Found() for kind in KINDS})

    def add_null(self, verdicts: pl.DataFrame) -> None:
        known = verdicts.filter(pl.col("state") != State.UNKNOWN)
        alarms = int(known["is_regression"].sum())
        self.tested += known.height
        self.alarms += alarms
        self.alarmed += bool(alarms)
        self.suspicions += known.filter(_is_suspected()).height


def _is_suspected() -> pl.Expr:
    return (pl.col("confidence") == "suspected") & pl.col("state").is_in([*_RISES])


def _apart(counts: Counts) -> list[Window]:
    """Return windows that do not overlap, from the end of the counts backwards."""
    places = sorted(_places(counts), key=lambda one: one.start, reverse=True)
    chosen: list[Window] = []
    for one in places:
        if not chosen or one.end <= chosen[-1].start:
            chosen.append(one)
    return chosen[::-1]


def _places(counts: Counts) -> list[Window]:
    """Return every window that begins with an hour and a bucket."""
    length = timedelta(seconds=counts.window_seconds)
    starts: list[datetime] = counts.buckets["bucket_start"].unique().sort().to_list()
    return [
        Window(start, start + length)
        for start in starts
        if not start.minute and start + length <= counts.whole.end
    ]


def _size() -> pl.Expr:
    """What a class's rate is per here: requests where they are known, else covered time."""
    is_asked = (pl.col("exposure_kind") == "requests").fill_null(value=False)
    return (
        pl.when(is_asked).then("exposure").otherwise("covered_seconds").cast(pl.Float64)
    ).fill_null(0.0)


def _rates(counts: Counts) -> dict[str, float]:
    """Return the usual events per `_size`, storms cut, of classes that something can be planted
    in.
    """
    capped = (
        cap_storms(counts.minutes, counts.whole)
        .group_by("series_id")
        .agg(pl.col("capped_count").sum())
    )
    sizes = counts.buckets.group_by("series_id").agg(size=_size().sum())
    joined = capped.join(sizes, on="series_id").sort("series_id").filter(pl.col("size") > 0)
    least = PLANTABLE_COUNT * counts.whole.seconds / counts.window_seconds
    return {name: count / size for name, count, size in joined.iter_rows() if count >= least}


class _Bench:
    """One window, with all the rest moved before it: a baseline of the same hours of day."""

    def __init__(self, counts: Counts, window: Window) -> None:
        self.counts, self.window = counts, window
        back = timedelta(seconds=math.ceil(counts.whole.seconds / _DAY) * _DAY)
        self._back = back
        stretches = [
            Window(window.end - back, counts.whole.end - back),
            Window(counts.whole.start, window.start),
        ]
        self.baseline = [one for one in stretches if one.seconds > 0]
        self.buckets = self._moved(counts.buckets, "bucket_start")
        self.minutes = self._moved(counts.minutes, "bucket_start", "bucket")
        series, _ = self._series(self.minutes, self.buckets)
        self._audit = audit_baseline(series, self.baseline, window)

    def _moved(self, frame: pl.DataFrame, *names: str) -> pl.DataFrame:
        is_after = pl.col("bucket_start") >= self.window.end
        return frame.with_columns(
            pl.when(is_after).then(pl.col(name) - pl.lit(self._back)).otherwise(name).alias(name)
            for name in names
        )

    def _series(
        self, minutes: pl.DataFrame, buckets: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the buckets as `detect` takes them, and the minutes, with storms cut."""
        # As in a run: where minutes are the buckets, a storm is what is looked for.
        is_capped = self.counts.bucket_seconds > 60
        capped = (
            cap_storms(minutes, self.baseline)
            if is_capped
            else minutes.with_columns(capped_count="event_count")
        )
        summed = capped.group_by("series_id", bucket_start="bucket").agg(
            pl.col("event_count", "capped_count").sum()
        )
        series = buckets.join(
            summed, on=["series_id", "bucket_start"], how="left", maintain_order="left"
        ).with_columns(pl.col("event_count", "capped_count").fill_null(0))
        return series, capped

    def judge(
        self, minutes: pl.DataFrame, buckets: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Return verdicts, series and minutes, by what a run does."""
        series, capped = self._series(minutes, buckets)
        series = cut_out(series, self._audit)
        return detect(series, self.baseline, self.window), series, capped

    def onset(
        self, name: str, offset: str, series: pl.DataFrame, minutes: pl.DataFrame
    ) -> datetime | None:
        """Date the rise of the class *name*; a bucket's size is spread evenly over its minutes."""
        own = series.filter(pl.col("series_id") == name)
        columns = ["bucket_start", "event_count", "capped_count", "covered_seconds"]
        if offset != "time" and not own["exposure"].null_count():
            columns.append("exposure")
        within = pl.col("bucket_start") >= self.window.start
        step = self.counts.bucket_seconds // 60
        sizes = own.filter(within).select(
            pl.col("bucket_start").alias("bucket"),
            *(pl.col(size) / step for size in columns[3:]),
        )
        grid = pl.DataFrame({"at": range(step)}).select(after=pl.duration(minutes="at"))
        counted = minutes.filter(pl.col("series_id") == name).select(columns[:3])
        fine = (
            sizes.join(grid, how="cross")
            .with_columns(bucket_start=pl.col("bucket") + pl.col("after"))
            .join(counted, on="bucket_start", how="left")
            .with_columns(pl.col("event_count", "capped_count").fill_null(0))
            .filter(pl.col("bucket_start") < self.window.end)
        )
        frame = pl.concat(
            [own.filter(~within).select(columns), fine.select(columns)], how="vertical_relaxed"
        )
        found = find_onset(frame, self.baseline, self.window)
        return found.onset if found else None


def _try_window(
    bench: _Bench, rates: Mapping[str, float], rng: random.Random, tally: _Tally
) -> None:
    verdicts, _, _ = bench.judge(bench.minutes, bench.buckets)
    tally.add_null(verdicts)
    if not rates:
        return
    for kind in KINDS:
        names = sorted(rng.sample(sorted(rates), max(round(len(rates) * _PLANTED_SHARE), 1)))
        begin = bench.window.start
        if kind != "ramp":
            # In the first half, so that as much of the window is left as a run would wait for.
            hours = int(bench.window.seconds / 7200)
            begin += timedelta(hours=rng.randrange(max(hours, 1)))
        if kind not in ("ramp", "silence"):
            begin += timedelta(minutes=rng.randrange(60))
        minutes, buckets, names = _plant(bench, kind, names, rates, begin, rng)
        judged = bench.judge(minutes, buckets)
        _note(tally.kinds[kind], kind, bench, judged, names, begin)


def _note(
    found: _Found,
    kind: str,
    bench: _Bench,
    judged: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame],
    names: Sequence[str],
    begin: datetime,
) -> None:
    verdicts, series, minutes = judged
    found.count += len(names)
    own = verdicts.filter(pl.col("series_id").is_in([*names]))
    if kind == "silence":
        is_taken = pl.col("is_regression") | pl.col("state").is_in([*_FALLS])
        found.told += own.filter(~is_taken).height
        return
    confirmed = own.filter("is_regression")
    found.confirmed += confirmed.height
    found.told += confirmed.height + own.filter(_is_suspected()).height
    if kind == "ramp":  # it has no moment at which it began to stand out
        return
    for name, offset in confirmed.select("series_id", "offset").iter_rows():
        if len(found.errors) == _MOST_DATED:
            break
        at = bench.onset(name, offset, series, minutes)
        if at is not None:
            found.errors.append(abs((at - begin).total_seconds()) / 60)


def _plant(
    bench: _Bench,
    kind: str,
    names: Sequence[str],
    rates: Mapping[str, float],
    begin: datetime,
    rng: random.Random,
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Return minutes and buckets with a change from *begin* on, and the classes that have it."""
    minutes, buckets = bench.minutes, bench.buckets
    own = buckets.filter(pl.col("series_id").is_in([*names]))
    if kind == "silence":
        after = (pl.col("bucket_start") >= begin) & pl.col("series_id").is_in([*names])
        dark = pl.when(after).then(0.0).otherwise("covered_seconds").alias("covered_seconds")
        return minutes.filter(~after), buckets.with_columns(dark), [*names]
    if kind == "new":
        own = own.with_columns(series_id="planted " + pl.col("series_id"))
        buckets = pl.concat([buckets, own])
    rows: list[tuple[str, datetime, datetime, int]] = []
    step = bench.counts.bucket_seconds // 60
    inside = (pl.col("bucket_start") >= bench.window.start) & (
        pl.col("bucket_start") < bench.window.end
    )
    sized = own.filter(inside).sort("series_id", "bucket_start")
    for name, bucket, size, seconds in sized.select(
        "series_id", "bucket_start", _size().alias("size"), "covered_seconds"
    ).iter_rows():
        for number in range(step):
            at = bucket + timedelta(minutes=number)
            if not begin <= at < bench.window.end:
                continue
            if kind == "new":
                mean = NEW_PER_HOUR * seconds / 3600
            else:
                mean = (_ratio(kind, at, bench.window) - 1) * rates[name] * size
            if drawn := _poisson(rng, mean / step):
                rows.append((name, at, bucket, drawn))
    columns = ["series_id", "bucket_start", "bucket", "event_count"]
    schema = {name: minutes.schema[name] for name in columns}
    more = pl.DataFrame(rows, schema=schema, orient="row")
    joined = (
        pl.concat([minutes.select(columns), more])
        .group_by(columns[:3])
        .agg(pl.col("event_count").sum())
        .sort(columns[:2])
    )
    return joined, buckets, own["series_id"].unique().sort().to_list()


def _ratio(kind: str, at: datetime, window: Window) -> float:
    if kind != "ramp":
        return _RATIOS[kind]
    return 1 + (RAMP_END - 1) * (at - window.start).total_seconds() / window.seconds


def _poisson(rng: random.Random, mean: float) -> int:
    """Draw a count: by multiplication when it is small (Knuth), by the normal when large."""
    if mean > 30:
        return max(round(rng.gauss(mean, math.sqrt(mean))), 0)
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
