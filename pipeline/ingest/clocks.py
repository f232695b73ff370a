"""Which time an event has: its own, its envelope's, its neighbours', and what was assumed for it.

A line's own time may lack its year, its date or its zone; there may be a second clock, the
envelope's; either may be impossible. Here each is settled for the events of a stream, in the order
in which they were written, and every assumption is a bit of `time_bits`: so that it can be told of
each event and counted of each source.

- A year is the one nearest to the dated lines before it, else to those of the stream's sample, else
  to the date in the file's name, else the last such day before the file was last written to. Beside
  an envelope's time an unfinished one is not needed.
- A date is that of the events before, a step back of more than two hours being the next day; the
  first is that of the file's name, else counted back from when the file was last written to.
- A zone is what the envelope's clock shows, else the one that is given, else UTC.
- Times before 1990 or after the run are none: clocks that were never set, or were set wrong.
- The line's own time stands unless it is more than a day from the envelope's.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from pipeline.ingest.layouts import DATELESS, YEARLESS
from pipeline.ingest.timestamps import complete_years, local_to_utc
from pipeline.schema import TIMESTAMP

HALF_A_YEAR = timedelta(days=181)
FAR_FROM_ENVELOPE = timedelta(hours=24)
# Programs with clocks that were never set write 1970 or 1980; logs of before 1990 are not read.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
# Times of day step back by less where threads wait for each other and where summer time ends.
_STEP_BACK = timedelta(hours=2)
_QUARTER_HOUR = 15 * 60 * 1_000_000
# How far two clocks may differ that show the same time: a line is written before it is collected.
_TOLERANCE = 5_000_000
# A step back of less is threads that wait for each other; of more, an hour that comes again.
_FOLD_STEP = timedelta(minutes=10)
_DISORDER = timedelta(seconds=5)
SKEW = timedelta(minutes=5)

# What may be told of an event's time; the place is the bit. Names of `time_flags`.
FLAGS = (
    "tz_assumed",  # no zone: read as UTC
    "tz_given",  # no zone: read in the zone that was named
    "tz_inferred",  # no zone: the envelope's clock shows it
    "tz_name",  # names a zone that its name alone does not tell
    "year_inferred",
    "date_inferred",
    "dst_ambiguous",  # an hour that occurs twice
    "dst_gap",  # an hour that does not occur
    "far_from_envelope",  # more than a day from the envelope's, which stands
    "out_of_window",  # impossible, and not used
    "out_of_order",  # earlier than the event before
    "skewed",  # minutes to hours from the envelope's
)
BIT = {name: 1 << place for place, name in enumerate(FLAGS)}
# What the ledger says of each, in words. Log text takes no part in them.
NOTES = {
    "year_inferred": "no year is written: taken is the nearest to what is known of the file",
    "date_inferred": "no date is written: days are counted from one that is known of the file",
    "tz_assumed": "no zone is written: UTC is assumed",
    "tz_given": "no zone is written: read in the zone that was given",
    "tz_inferred": "no zone is written: the envelope's clock shows it",
    "tz_name": "the zone is named by letters that do not tell which it is: --zone tells",
    "dst_ambiguous": "written in the hour that occurs twice when summer time ends",
    "dst_gap": "written in the hour that is left out when summer time begins",
    "far_from_envelope": "more than a day from the envelope's time, which is used",
    "skewed": "minutes to hours from the envelope's time",
    "out_of_window": "an impossible time, which is not used",
    "out_of_order": "more than 5 s before the event that precedes it",
    "interpolated": "no time of its own: that of the event before is used",
    "none": "no time at all: counted, but in no hour",
}
# Kinds that the ledger counts beside the flags: where the time is from.
_SOURCES = ("interpolated", "none")
_NAME_DATE = re.compile(
    r"(?<![0-9])((?:19|20)[0-9]{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12][0-9]|3[01])(?![0-9]{3})"
)


@dataclass(slots=True)
class Clocks:
    """The clocks of one stream: what is known of them before, and what its events have shown.

    *modified* is when each source was last written to, *named* the date in its name, *shown* the
    time that half of the dated lines of the stream's sample come after; *look_ahead* finds the
    moment of the first event of a source that has no dates (`first_moment`).
    *offset_micros* is the zone that the envelope shows, in microseconds east of UTC; *zone* the one
    that is given; *latest* the moment after which a time is impossible.
    """

    modified: tuple[datetime | None, ...]
    named: tuple[datetime | None, ...]
    zone: str | None = None
    offset_micros: int | None = None
    latest: datetime = LATEST
    shown: datetime | None = None
    look_ahead: Callable[[int], datetime | None] = lambda source: None
    firsts: dict[int, datetime | None] = field(default_factory=dict)
    last_times: dict[str, datetime] = field(default_factory=dict)
    last_dated: dict[str, datetime] = field(default_factory=dict)
    folds: dict[str, tuple[datetime, bool]] = field(default_factory=dict)

    def settle_envelope(self, records: pl.DataFrame, source: int) -> pl.DataFrame:
        """Settle an envelope's times that are written without year and zone, as syslog's are; adds
        `is_observed_assumed`.
        """
        observed = records["observed_timestamp"]
        oldest = observed.min()
        yearless = (observed.dt.year() == YEARLESS).fill_null(False)
        if not isinstance(oldest, datetime) or oldest.year > YEARLESS or not yearless.any():
            return records.with_columns(is_observed_assumed=pl.lit(False))
        rows = yearless.arg_true()
        anchors = pl.Series([self._year_anchor(source)], dtype=TIMESTAMP).new_from_index(
            0, len(rows)
        )
        years = complete_years(observed.gather(rows), anchors)
        if self.zone is not None:
            years = local_to_utc(years, self.zone)["timestamp"]
        return records.with_columns(observed.scatter(rows, years), is_observed_assumed=yearless)

    def settle(self, events: pl.DataFrame) -> pl.DataFrame:
        """Add `timestamp`, `time_source` and `time_bits` to *events* and settle their own times.

        *events* have `row` (their order within `key`), `source`, `payload_timestamp`, `has_zone`,
        `zone_name`, `observed_timestamp` and `is_observed_assumed`. They come back in the order of
        `row`; `payload_timestamp` is UTC then, and null where it is not used.
        """
        if not events["row"].is_sorted():
            events = events.sort("row")
        events = events.with_columns(time_bits=pl.lit(0, pl.UInt16))
        events = self._with_years(events)
        events = self._with_dates(events)
        events = self._with_zones(events)
        events = self._without_impossible(events)
        return self._with_timestamps(events)

    def _with_years(self, events: pl.DataFrame) -> pl.DataFrame:
        """Settle times without a year; the envelope's stands where there is one."""
        own = events["payload_timestamp"]
        oldest = own.min()
        if not isinstance(oldest, datetime) or oldest.year > YEARLESS:
            return self._remember_dated(events)
        yearless = (own.dt.year() == YEARLESS).fill_null(False)
        rows = yearless.arg_true()
        part = events[rows]
        dated = events.with_columns(
            dated=pl.when(_is_dated(own)).then("payload_timestamp").otherwise(None)
        )
        before = _filled(dated, "dated", self.last_dated).gather(rows)
        file = pl.Series([self._year_anchor(i) for i in range(len(self.modified))], dtype=TIMESTAMP)
        anchors = before.zip_with(before.is_not_null(), file.gather(part["source"]))
        years = complete_years(part["payload_timestamp"], anchors)
        years = years.set(part["observed_timestamp"].is_not_null(), None)
        events = self._remember_dated(events).with_columns(own.scatter(rows, years))
        return _flagged(
            events, "year_inferred", yearless & events["payload_timestamp"].is_not_null()
        )

    def _year_anchor(self, source: int) -> datetime | None:
        # Nearest to half a year before the end is the last such day that is not after the end.
        modified = self.modified[source]
        return self.shown or self.named[source] or (modified - HALF_A_YEAR if modified else None)

    def _remember_dated(self, events: pl.DataFrame) -> pl.DataFrame:
        own = events.filter(_is_dated(events["payload_timestamp"]))
        self.last_dated.update(_lasts(own, "payload_timestamp"))
        return events

    def _with_dates(self, events: pl.DataFrame) -> pl.DataFrame:
        """Settle times of day; the envelope's time stands where there is one."""
        own = events["payload_timestamp"]
        dateless = is_dateless(own)
        if not dateless.any():
            return events
        bare = dateless & events["observed_timestamp"].is_null()
        events = events.with_columns(own.set(dateless & ~bare, None))
        if not bare.any():
            return events
        chain = events.filter(pl.col("payload_timestamp").is_not_null()).select(
            "row", "key", "source", "payload_timestamp"
        )
        dated = self._dated_chain(chain)
        self.last_dated.update(_lasts(chain.join(dated, on="row"), "dated"))
        found = events.select("row").join(dated, on="row", how="left", maintain_order="left")
        events = events.with_columns(
            payload_timestamp=pl.Series(found["dated"]).zip_with(bare, events["payload_timestamp"])
        )
        return _flagged(events, "date_inferred", bare)

    def _dated_chain(self, chain: pl.DataFrame) -> pl.DataFrame:
        """Put each time of day within half a day of the time before it: columns `row`, `dated`."""
        is_bare = pl.col("payload_timestamp").dt.date() == DATELESS.date()
        start = pl.col("key") != pl.col("key").shift(1)
        lasts = {k: self.last_dated[k] for k in chain["key"].unique() if k in self.last_dated}
        firsts = pl.Series([self._first(i) for i in range(len(self.modified))], dtype=TIMESTAMP)
        micros = pl.col("payload_timestamp").cast(pl.Int64)
        return (
            chain.with_columns(
                before=pl.col("key").replace_strict(lasts, default=None, return_dtype=TIMESTAMP),
                first=firsts.gather(chain["source"]),
                is_bare=is_bare,
                is_start=start.fill_null(True),
            )
            .with_columns(
                anchor=pl.when(~pl.col("is_bare"))
                .then("payload_timestamp")
                .when("is_start")
                .then(pl.coalesce("before", "first"))
                .cast(pl.Int64),
                of_day=micros % _DAY,
            )
            .with_columns(segment=(~pl.col("is_bare") | pl.col("is_start")).cum_sum())
            .with_columns(
                step=pl.when(~pl.col("is_bare"))
                .then(0)
                .otherwise(
                    _step(
                        pl.col("of_day")
                        - pl.when("is_start")
                        .then(pl.col("anchor") % _DAY)
                        .otherwise(pl.col("of_day").shift(1))
                    )
                )
            )
            .select(
                "row",
                dated=(
                    pl.col("anchor").first().over("segment")
                    + pl.col("step").cum_sum().over("segment")
                ).cast(TIMESTAMP),
            )
        )

    def _first(self, source: int) -> datetime | None:
        """Return the moment with which a source without dates begins, or one close before."""
        if named := self.named[source]:
            return named + _STEP_BACK  # so that any time of that day is a step from it
        if source not in self.firsts:
            self.firsts[source] = self.look_ahead(source) or self.modified[source]
        return self.firsts[source]

    def _with_zones(self, events: pl.DataFrame) -> pl.DataFrame:
        """Shift times without a zone to UTC."""
        own = events["payload_timestamp"]
        open_ = own.is_not_null() & ~events["has_zone"]
        if not open_.any():
            return events
        named = open_ & events["zone_name"].is_not_null()
        rows = open_.arg_true()
        part = events[rows]
        if self.offset_micros is not None:
            settled = _by_envelope(part, self.offset_micros).with_columns(
                bits=pl.lit(BIT["tz_inferred"], pl.UInt16)
            )
        elif self.zone is not None:
            settled = self._by_zone(part, self.zone)
        else:
            settled = _by_nearest_envelope(part)
        events = events.with_columns(
            own.scatter(rows, settled["timestamp"]),
            events["time_bits"].scatter(rows, part["time_bits"] | settled["bits"]),
        )
        return _flagged(events, "tz_name", named)

    def _by_zone(self, part: pl.DataFrame, zone: str) -> pl.DataFrame:
        local = local_to_utc(part["payload_timestamp"], zone)
        times = local["timestamp"]
        is_fold = local["later"].is_not_null()
        if is_fold.any():
            times = self._unfolded(part, local, zone)
        bits = (
            pl.lit(BIT["tz_given"])
            + pl.when(is_fold).then(BIT["dst_ambiguous"]).otherwise(0)
            + pl.when(local["is_gap"]).then(BIT["dst_gap"]).otherwise(0)
        )
        return pl.DataFrame({"timestamp": times}).with_columns(bits=bits.cast(pl.UInt16))

    def _unfolded(self, part: pl.DataFrame, local: pl.DataFrame, zone: str) -> pl.Series:
        """Choose between the readings of an hour that occurs twice: the first, until time steps
        back; or the one that has the name that is written.
        """
        rows = local["later"].is_not_null().arg_true()
        fold = pl.concat([part, local.rename({"timestamp": "first"})], how="horizontal")[rows]
        keys = fold["key"].unique().to_list()
        states = {key: self.folds[key] for key in keys if key in self.folds}
        day = pl.col("payload_timestamp").dt.date()
        kept = pl.col("key").replace_strict(
            {key: top for key, (top, _) in states.items()}, default=None, return_dtype=TIMESTAMP
        )
        was_second = pl.col("key").replace_strict(
            {key: second for key, (_, second) in states.items()},
            default=False,
            return_dtype=pl.Boolean,
        )
        same = (kept.dt.date() == day).fill_null(False)
        group = ["key", day.alias("day")]
        fold = fold.with_columns(
            top=pl.max_horizontal(
                pl.col("payload_timestamp").cum_max().over(group), pl.when(same).then(kept)
            ),
            was_second=same & was_second,
        ).with_columns(
            is_second=(
                (pl.col("payload_timestamp") < pl.col("top") - _FOLD_STEP).cum_max().over(group)
                | pl.col("was_second")
            )
        )
        self.folds.update(
            {key: (top, second) for key, top, second in fold.group_by("key", maintain_order=True)
             .agg(pl.col("top").last(), pl.col("is_second").last()).rows()}
        )  # fmt: skip
        there = pl.col("first").dt.convert_time_zone(zone).dt.strftime("%Z")
        then = pl.col("later").dt.convert_time_zone(zone).dt.strftime("%Z")
        by_name = pl.when(pl.col("zone_name") == there).then("first").when(
            pl.col("zone_name") == then
        ).then("later")  # fmt: skip
        chosen = fold.select(
            pl.coalesce(by_name, pl.when("is_second").then("later").otherwise("first"))
        ).to_series()
        return local["timestamp"].scatter(rows, chosen)

    def _without_impossible(self, events: pl.DataFrame) -> pl.DataFrame:
        latest = self.latest
        for name in ("payload_timestamp", "observed_timestamp"):
            times = events[name]
            wrong = ((times < EARLIEST) | (times > latest)).fill_null(False)
            if wrong.any():
                events = events.with_columns(times.set(wrong, None))
                events = _flagged(events, "out_of_window", wrong)
        return events

    def _with_timestamps(self, events: pl.DataFrame) -> pl.DataFrame:
        own, observed = events["payload_timestamp"], events["observed_timestamp"]
        if observed.null_count() < len(observed):
            # An envelope whose year is assumed proves nothing against a time with its own.
            apart = (own - observed).abs().set(events["is_observed_assumed"], None)
            far = (apart > FAR_FROM_ENVELOPE).fill_null(False)
            events = _flagged(events, "far_from_envelope", far)
            skewed = (apart > SKEW).fill_null(False) & ~far
            events = _flagged(events, "skewed", skewed)
            own = own.set(far, None)
        by_envelope = own.is_null() & observed.is_not_null() & events["is_observed_assumed"]
        if by_envelope.any():
            events = _flagged(events, "year_inferred", by_envelope)
            events = _flagged(events, "tz_given" if self.zone else "tz_assumed", by_envelope)
        timed = events.with_columns(
            timestamp=own.zip_with(own.is_not_null(), observed),
            time_source=pl.select(
                pl.when(own.is_not_null())
                .then(pl.lit("payload"))
                .when(observed.is_not_null())
                .then(pl.lit("envelope"))
                .otherwise(pl.lit("none"))
            ).to_series(),
        )
        timed = self._with_order(timed)
        if timed["timestamp"].null_count():
            filled = _filled(timed, "timestamp", self.last_times)
            gained = timed["timestamp"].is_null() & filled.is_not_null()
            timed = timed.with_columns(
                timestamp=filled,
                time_source=pl.when(gained).then(pl.lit("interpolated")).otherwise("time_source"),
            )
        self.last_times.update(_lasts(timed, "timestamp"))
        return timed

    def _with_order(self, timed: pl.DataFrame) -> pl.DataFrame:
        before = timed.select(pl.col("timestamp").shift(1).over("key")).to_series()
        # The first of a block comes after the last of the block before.
        starts = timed["key"].is_first_distinct()
        if starts.any() and self.last_times:
            keys = timed["key"].filter(starts).to_list()
            known = pl.Series([self.last_times.get(key) for key in keys], dtype=TIMESTAMP)
            before = before.scatter(starts.arg_true(), known)
        back = (before - timed["timestamp"] > _DISORDER).fill_null(False)
        return _flagged(timed, "out_of_order", back)


def flag_names(is_reversed: pl.Expr) -> pl.Expr:
    """Return the expression that turns `time_bits` into the list `time_flags`."""
    shown = {name: bit for name, bit in BIT.items() if name not in ("out_of_order", "skewed")}
    return pl.concat_list(
        *(
            pl.when(pl.col("time_bits") & bit != 0).then(pl.lit(name))
            for name, bit in shown.items()
        ),
        pl.when(is_reversed).then(pl.lit("reversed_file")),
    ).list.drop_nulls()


def count_by_source(events: pl.DataFrame) -> dict[int, dict[str, int]]:
    """Count each flag, and the events without a time of their own, of each source."""
    counted = events.group_by("source").agg(
        *((pl.col("time_bits") & bit != 0).sum().alias(name) for name, bit in BIT.items()),
        *((pl.col("time_source") == name).sum().alias(name) for name in _SOURCES),
    )
    return {
        source: {
            name: count for name, count in zip(counted.columns[1:], counts, strict=True) if count
        }
        for source, *counts in counted.rows()
    }


def is_dateless(times: pl.Series) -> pl.Series:
    """Tell which of *times* are times of day, without a date."""
    return times.dt.date().eq(DATELESS.date()).fill_null(False)


def time_notes(counts: Mapping[str, int]) -> list[dict[str, object]]:
    """Return the ledger's notes on the times of a source: what was assumed, of how many events."""
    return [
        {"kind": kind, "event_count": counts[kind], "text": text}
        for kind, text in NOTES.items()
        if counts.get(kind)
    ]


def name_date(path: str) -> datetime | None:
    """Return the day in a file's name (`app-2026-03-02.log`, `app.20260302.gz`), or its folder's.

    >>> name_date("logs/app-20260302.log")
    datetime.datetime(2026, 3, 2, 0, 0, tzinfo=datetime.timezone.utc)
    """
    for part in reversed(path.split("/")[-2:]):
        for year, month, day in reversed(_NAME_DATE.findall(part)):
            try:
                return datetime(int(year), int(month), int(day), tzinfo=UTC)
            except ValueError:
                continue
    return None


def first_moment(times: Iterable[pl.Series], modified: datetime) -> datetime | None:
    """Return the moment of the first of *times* of day (on `DATELESS`), given in blocks in order,
    when the last is the nearest such time to *modified*. None where there is no time.
    """
    passed, first, last = 0, None, None
    for block in times:
        of_day = block.drop_nulls().cast(pl.Int64) % _DAY
        if of_day.is_empty():
            continue
        first = int(of_day[0]) if first is None else first
        chain = pl.DataFrame({"of_day": [first if last is None else last, *of_day]})
        passed += int(chain.select(_step(pl.col("of_day").diff()).sum()).item() or 0)
        last = int(of_day[-1])
    if first is None or last is None:
        return None
    written = modified.replace(hour=0, minute=0, second=0, microsecond=0)
    ends = [written + timedelta(days=days, microseconds=last) for days in (-1, 0, 1)]
    end = min(ends, key=lambda moment: abs(moment - modified))
    return end - timedelta(microseconds=passed)


def _step(between: pl.Expr) -> pl.Expr:
    """Return how far it is from one time of day to the next, given their difference: hardly back,
    else forward, on the next day where need be.
    """
    back = _STEP_BACK // timedelta(microseconds=1)
    return (between + back) % _DAY - back


def _is_dated(own: pl.Series) -> pl.Series:
    return (own.dt.year() > YEARLESS).fill_null(False)


def _flagged(events: pl.DataFrame, name: str, rows: pl.Series) -> pl.DataFrame:
    if not rows.any():
        return events
    bit = pl.when(rows).then(pl.lit(BIT[name], pl.UInt16)).otherwise(pl.lit(0, pl.UInt16))
    return events.with_columns(time_bits=pl.col("time_bits") | bit)


def _filled(events: pl.DataFrame, column: str, lasts: Mapping[str, datetime]) -> pl.Series:
    """Fill *column* forward within each key, from what the key had last in the blocks before."""
    keys = events["key"].unique()
    known = {key: lasts[key] for key in keys if key in lasts}
    previous = pl.col("key").replace_strict(known, default=None, return_dtype=TIMESTAMP)
    return events.select(
        pl.coalesce(pl.col(column).forward_fill().over("key"), previous)
    ).to_series()


def _lasts(events: pl.DataFrame, column: str) -> dict[str, datetime]:
    lasts = events.group_by("key").agg(pl.col(column).drop_nulls().last())
    return {key: last for key, last in lasts.rows() if last is not None}


def _by_envelope(part: pl.DataFrame, offset: int) -> pl.DataFrame:
    """Shift by the zone that the envelope shows; where its clock shows a change of an hour or half
    an hour since (summer time), by that too.
    """
    times = (pl.col("payload_timestamp").cast(pl.Int64) - offset).alias("times")
    rest = pl.col("times") - pl.col("observed_timestamp").cast(pl.Int64)
    changed = pl.coalesce(
        pl.when((rest - step).abs() <= _TOLERANCE).then(pl.lit(step, pl.Int64))
        for step in (4 * _QUARTER_HOUR, -4 * _QUARTER_HOUR, 2 * _QUARTER_HOUR, -2 * _QUARTER_HOUR)
    )
    return part.select(times, "observed_timestamp").select(
        timestamp=(pl.col("times") - changed.fill_null(0)).cast(TIMESTAMP)
    )


def _by_nearest_envelope(part: pl.DataFrame) -> pl.DataFrame:
    """Read times without a zone that is known: as UTC, or in the zone which puts a time on the
    envelope's to the second. A time that is off by more than a zone's step from it is not used.
    """
    if part["observed_timestamp"].null_count() == part.height:
        assumed = pl.lit(BIT["tz_assumed"], pl.UInt16).alias("bits")
        return part.select(pl.col("payload_timestamp").cast(TIMESTAMP).alias("timestamp"), assumed)
    own = pl.col("payload_timestamp").cast(pl.Int64)
    apart = own - pl.col("observed_timestamp").cast(pl.Int64)
    step = (apart / _QUARTER_HOUR).round().cast(pl.Int64)
    fits = step.is_between(-48, 56) & ((apart - step * _QUARTER_HOUR).abs() <= _TOLERANCE)
    fits = fits.fill_null(False)
    is_other = (apart.abs() > _QUARTER_HOUR).fill_null(False) & ~fits
    return part.select(
        timestamp=pl.when(fits)
        .then(own - step * _QUARTER_HOUR)
        .when(~is_other)
        .then(own)
        .cast(TIMESTAMP),
        bits=pl.when(fits)
        .then(BIT["tz_inferred"])
        .when(is_other)
        .then(BIT["skewed"])
        .otherwise(BIT["tz_assumed"])
        .cast(pl.UInt16),
    )
