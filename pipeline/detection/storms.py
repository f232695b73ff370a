"""Retry storms: minutes-long floods of one class that say little about its rate.

A minute counts for at most what its class's usual minute could give by chance; the usual minute is told by the
median hour, so that a storm cannot raise its own cap. Reports keep the raw counts, the test decides on the capped.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.detection.distributions import poisson_ppf
from pipeline.model import Window

# A minute is cut at the 99.9 % Poisson quantile of twice its usual rate: doubling is never cut.
_QUANTILE, _HEADROOM = 0.999, 2.0
_SEASON_DAYS = 3


def cap_storms(minutes: pl.DataFrame, baseline: Window | Sequence[Window]) -> pl.DataFrame:
    """Add `capped_count` to one-minute buckets (`series_id`, `bucket_start`, `event_count`).

    The cap of a class comes from its baseline alone: the median hour, or the hours in which it is active at all; with
    three days of baseline or more, the median of the same hour of day. Never below 1.
    """
    stretches = [baseline] if isinstance(baseline, Window) else list(baseline)
    start = pl.col("bucket_start")
    inside = pl.any_horizontal(
        pl.lit(False), *((start >= w.start) & (start < w.end) for w in stretches)
    )
    hours = sum(window.seconds for window in stretches) / 3600
    before = minutes.filter(inside).with_columns(hour=start.dt.truncate("1h"))
    hourly = before.group_by("series_id", "hour").agg(
        pl.col("event_count").sum(), active=(pl.col("event_count") > 0).sum()
    )
    usual = {
        name: _usual_hour(counts, active, hours)
        for name, counts, active in hourly.group_by("series_id")
        .agg("event_count", pl.col("active").sum())
        .rows()
    }
    names = minutes["series_id"].unique().to_list()
    table = {name: max(usual.get(name, 0.0), 0.0) for name in names}
    rate = pl.col("series_id").replace_strict(table, return_dtype=pl.Float64)
    frame = minutes.with_columns(usual=rate)
    if hours >= 24 * _SEASON_DAYS:
        frame = _with_season(frame, hourly, hours)
    caps = {
        value: max(poisson_ppf(_QUANTILE, _HEADROOM * value / 60), 1)
        for value in frame["usual"].unique().to_list()
    }
    cap = pl.col("usual").replace_strict(caps, return_dtype=pl.Int64)
    return frame.with_columns(
        capped_count=pl.min_horizontal(pl.col("event_count"), cap).cast(pl.Int64)
    ).drop("usual")


def _usual_hour(counts: list[int], active_minutes: int, hours: float) -> float:
    """Return the larger of the median hour and the active minutes an hour: both resist storms."""
    if hours <= 0:
        return 0.0
    zeros = max(round(hours) - len(counts), 0)
    ordered = sorted([*counts, *([0] * zeros)])
    return max(float(ordered[len(ordered) // 2]), active_minutes / hours)


def _with_season(frame: pl.DataFrame, hourly: pl.DataFrame, hours: float) -> pl.DataFrame:
    days = max(round(hours / 24), 1)
    season = (
        hourly.with_columns(of_day=pl.col("hour").dt.hour())
        .group_by("series_id", "of_day")
        .agg(
            seasonal=pl.when(pl.len() > days / 2)
            .then(pl.col("event_count").median())
            .otherwise(0.0)
        )
    )
    return (
        frame.with_columns(of_day=pl.col("bucket_start").dt.hour())
        .join(season, on=["series_id", "of_day"], how="left", maintain_order="left")
        .with_columns(usual=pl.max_horizontal("usual", pl.col("seasonal").fill_null(0.0)))
        .drop("of_day", "seasonal")
    )
