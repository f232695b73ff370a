"""Retry storms: minutes-long floods of one class that say little about its rate.

A minute counts for at most what its class's usual minute could give by chance, and so do ten
minutes. What is usual is told by the median hour, so that a storm cannot raise its own cap.
Reports keep the raw counts, the test decides on the capped ones.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.detection.distributions import poisson_ppf
from pipeline.model import Window

# A count is cut at the 99.9 % Poisson quantile of twice its usual rate: doubling is never cut.
_QUANTILE, _HEADROOM = 0.999, 2.0
_MINUTE_FLOOR = 1
# Ten minutes of a rare class hold at most two: a storm of five minutes must not weigh five. A class
# never seen before must be able to stand out within ten minutes, which takes three.
_SLOT, _SLOT_MINUTES, _SLOT_FLOOR, _SLOT_FLOOR_NEW = "10m", 10, 2, 3
# With less baseline than this nobody knows which ten minutes are usual.
_SLOT_BASELINE_HOURS = 6
# Below five events an hour, the largest of 24 medians is mostly chance.
_SEASON_DAYS, _SEASON_LEAST = 3, 5.0
_KEY = ("series_id", "bucket_start")


def cap_storms(minutes: pl.DataFrame, baseline: Window | Sequence[Window]) -> pl.DataFrame:
    """Add `capped_count` to one-minute buckets (`series_id`, `bucket_start`, `event_count`).

    Rows keep their order; a minute without a row has no events. The usual rate of a class is that
    of its baseline's median hour, or of the minutes in which it is active at all; with three days
    of baseline or more, also the median of the same hour of day. Outside the baseline, an hour
    that is busy in five of its six slots of ten minutes is a rise, not a storm, and counts in full.
    """
    stretches = [baseline] if isinstance(baseline, Window) else list(baseline)
    start = pl.col("bucket_start")
    inside = pl.any_horizontal(
        pl.lit(False), *((start >= w.start) & (start < w.end) for w in stretches)
    )
    hours = sum(window.seconds for window in stretches) / 3600
    frame = minutes.with_row_index("_row").with_columns(
        _inside=inside, _hour=start.dt.truncate("1h"), _slot=start.dt.truncate(_SLOT)
    )
    frame = _with_usual(frame, hours)
    frame = _with_caps(frame).with_columns(
        capped_count=pl.min_horizontal("event_count", "_minute_cap").cast(pl.Int64)
    )
    if hours >= _SLOT_BASELINE_HOURS:
        frame = _cut_slots(frame)
    return frame.sort("_row").select(*minutes.columns, pl.col("capped_count").cast(pl.Int64))


def _with_usual(frame: pl.DataFrame, hours: float) -> pl.DataFrame:
    """Add `_usual`, events an hour."""
    before = frame.filter("_inside")
    hourly = before.group_by("series_id", "_hour").agg(
        pl.col("event_count").sum(), active=(pl.col("event_count") > 0).sum()
    )
    usual = hourly.group_by("series_id").agg(
        _median_of(pl.col("event_count"), pl.lit(round(hours))).alias("_median"),
        (pl.col("active").sum() / max(hours, 1e-9)).alias("_active"),
    )
    frame = frame.join(usual, on="series_id", how="left", maintain_order="left")
    frame = frame.join(
        _sustained(frame), on=["series_id", "_hour"], how="left", maintain_order="left"
    )
    rates = ["_median", "_active", "_sustained"]
    if hours >= 24 * _SEASON_DAYS:
        frame, rates = _with_season(frame, hourly, hours), [*rates, "_seasonal"]
    return frame.with_columns(_usual=pl.max_horizontal(pl.col(rates).fill_null(0.0)))


def _median_of(counts: pl.Expr, size: pl.Expr) -> pl.Expr:
    """Upper median of *size* counts of which only those above zero have rows."""
    missing = pl.max_horizontal(size - counts.len(), pl.lit(0))
    at = (missing + counts.len()) // 2 - missing
    return pl.when(at >= 0).then(counts.sort().get(at, null_on_oob=True)).otherwise(0).cast(float)


def _sustained(frame: pl.DataFrame) -> pl.DataFrame:
    """Rate of the second-quietest of an hour's six slots: a storm, in two of them, is not in it."""
    slots = (
        frame.filter(~pl.col("_inside"))
        .group_by("series_id", "_hour", "_slot")
        .agg(pl.col("event_count").sum())
    )
    second = pl.col("event_count").sort().get(pl.len() - 5, null_on_oob=True)
    return slots.group_by("series_id", "_hour").agg(
        pl.when(pl.len() >= 5).then(6.0 * second).otherwise(0.0).alias("_sustained")
    )


def _with_season(frame: pl.DataFrame, hourly: pl.DataFrame, hours: float) -> pl.DataFrame:
    days = max(round(hours / 24), 1)
    season = (
        hourly.with_columns(_of_day=pl.col("_hour").dt.hour())
        .group_by("series_id", "_of_day")
        .agg(_median_of(pl.col("event_count"), pl.lit(days)).alias("_seasonal"))
        .filter(pl.col("_seasonal") >= _SEASON_LEAST)
    )
    return frame.with_columns(_of_day=pl.col("bucket_start").dt.hour()).join(
        season, on=["series_id", "_of_day"], how="left", maintain_order="left"
    )


def _with_caps(frame: pl.DataFrame) -> pl.DataFrame:
    usual = frame["_usual"].unique().to_list()

    def cap(size: int) -> pl.Expr:
        quantiles = [poisson_ppf(_QUANTILE, _HEADROOM * rate * size / 60) for rate in usual]
        return pl.col("_usual").replace_strict(usual, quantiles, return_dtype=pl.Int64)

    is_known = pl.col("_active") > 0
    slot_floor = pl.when(is_known).then(_SLOT_FLOOR).otherwise(_SLOT_FLOOR_NEW)
    return frame.with_columns(
        _minute_cap=pl.max_horizontal(cap(1), pl.lit(_MINUTE_FLOOR)),
        _slot_cap=pl.max_horizontal(cap(_SLOT_MINUTES), slot_floor),
    )


def _cut_slots(frame: pl.DataFrame) -> pl.DataFrame:
    """Cut the minutes of a slot, in order of time, where their sum passes the slot's cap."""
    frame = frame.sort(*_KEY)
    until = pl.col("capped_count").cum_sum().over("series_id", "_slot")
    before = until - pl.col("capped_count")
    cap = pl.col("_slot_cap")
    return frame.with_columns(
        capped_count=pl.min_horizontal(until, cap) - pl.min_horizontal(before, cap)
    )
