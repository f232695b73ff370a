"""Counts by minute to the series that the rate test takes: buckets with coverage and exposure.

A class's buckets are covered as far as the services that log it were logging, in proportion to how
much of it each logs. Its exposure is the requests of those services, else those of the front proxy,
else the calm events (below warning) of those services. Error lines are never exposure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipeline.diagnosis.coverage import EVERYTHING, Coverage, all_buckets, bucket_seconds
from pipeline.diagnosis.windows import Choice
from pipeline.model import Onset, WindowName
from pipeline.schema import TIMESTAMP, Schema

TOTAL = "total"
_GRID: Schema = {
    "window_name": pl.String,
    "bucket_start": TIMESTAMP,
    "bucket_end": TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class Grid:
    """The buckets of both windows: window_name, bucket_start, bucket_end, in time order."""

    frame: pl.DataFrame
    bucket_seconds: int


def make_grid(choice: Choice, seconds: int | None = None) -> Grid:
    """Cut both windows into buckets of *seconds*, by default as long as suits the windows."""
    seconds = seconds or bucket_seconds(choice)
    frame = pl.DataFrame(all_buckets(choice, seconds), schema=_GRID, orient="row")
    return Grid(frame.sort("window_name", "bucket_start"), seconds)


def in_buckets(rows: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """Replace the minute `bucket_start` of *rows* (with window_name) by that of its bucket."""
    starts = grid.frame.select("window_name", "bucket_start", coarse=pl.col("bucket_start"))
    return (
        rows.sort("bucket_start")
        .join_asof(
            starts.sort("bucket_start"),
            on="bucket_start",
            by="window_name",
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(bucket_start=pl.col("coarse"))
        .drop("coarse")
    )


def service_coverage(services: Sequence[str], grid: Grid, coverage: Coverage) -> pl.DataFrame:
    """Return covered seconds of each bucket for each service: service_name, + grid columns."""
    rows: list[tuple[str, WindowName, datetime, float]] = [
        (name, window, start, coverage.covered_seconds({name: 1.0}, window, start, end))
        for name in services
        for window, start, end in grid.frame.iter_rows()
    ]
    schema: Schema = {
        "service_name": pl.String,
        "window_name": pl.String,
        "bucket_start": TIMESTAMP,
        "covered_seconds": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def service_traffic(service_minutes: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """Return requests and calm events of each service and bucket (missing rows: none)."""
    return (
        in_buckets(service_minutes, grid)
        .group_by("service_name", "window_name", "bucket_start")
        .agg(
            pl.col("request_count").sum(),
            pl.col("calm_event_count").sum(),
            pl.col("error_count").sum(),
        )
    )


def finding_series(
    minutes: pl.DataFrame,
    shares: pl.DataFrame,
    grid: Grid,
    covered: pl.DataFrame,
    traffic: pl.DataFrame,
) -> pl.DataFrame:
    """Return one row per finding and bucket, as `detection.detect` takes them, plus `window_name`.

    *minutes*: series_id, window_name, bucket_start, event_count, capped_count. *shares*: series_id,
    service_name, weight (summing to 1 for each series). *covered* and *traffic* as returned above.
    """
    names = minutes.select("series_id").unique().sort("series_id")
    counts = (
        in_buckets(minutes, grid)
        .group_by("series_id", "window_name", "bucket_start")
        .agg(pl.col("event_count").sum(), pl.col("capped_count").sum())
    )
    keys = ["series_id", "window_name", "bucket_start"]
    cover = (
        shares.join(covered, on="service_name")
        .group_by(keys)
        .agg((pl.col("covered_seconds") * pl.col("weight")).sum())
    )
    frame = (
        names.join(grid.frame.select("window_name", "bucket_start"), how="cross")
        .join(counts, on=keys, how="left")
        .join(cover, on=keys, how="left")
        .join(_exposure(shares, traffic), on=keys, how="left")
        .join(_exposure_kinds(shares, traffic), on="series_id", how="left")
        .with_columns(
            pl.col("event_count").fill_null(0),
            pl.col("capped_count").fill_null(0),
            pl.col("covered_seconds").fill_null(0.0),
            exposure=pl.when(pl.col("exposure_kind").is_not_null()).then(
                pl.col("exposure").fill_null(0.0)
            ),
        )
    )
    return frame.sort(keys)


def _front(traffic: pl.DataFrame) -> str | None:
    """Return the service that answers most requests: the front proxy, or what stands for it."""
    totals = (
        traffic.group_by("service_name")
        .agg(pl.col("request_count").sum())
        .filter(pl.col("request_count") > 0)
        .sort("request_count", "service_name", descending=[True, False])
    )
    return str(totals["service_name"][0]) if totals.height else None


def _exposure_kinds(shares: pl.DataFrame, traffic: pl.DataFrame) -> pl.DataFrame:
    front = _front(traffic)
    calm = traffic.filter(pl.col("calm_event_count") > 0).select("service_name").unique()
    if front is not None:
        return shares.select("series_id").unique().with_columns(exposure_kind=pl.lit("requests"))
    return (
        shares.join(calm, on="service_name", how="semi")
        .select("series_id")
        .unique()
        .with_columns(exposure_kind=pl.lit("events"))
    )


def _exposure(shares: pl.DataFrame, traffic: pl.DataFrame) -> pl.DataFrame:
    keys = ["series_id", "window_name", "bucket_start"]
    front = _front(traffic)
    if front is None:
        own = shares.select("series_id", "service_name").join(traffic, on="service_name")
        return own.group_by(keys).agg(exposure=pl.col("calm_event_count").sum().cast(pl.Float64))
    answering = traffic.filter(pl.col("request_count") > 0).select("service_name").unique()
    served = shares.select("series_id", "service_name").join(
        answering, on="service_name", how="semi"
    )
    rest = shares.join(served, on="series_id", how="anti").select("series_id").unique()
    rest = rest.with_columns(service_name=pl.lit(front))
    chosen = pl.concat([served, rest.select("series_id", "service_name")])
    joined = chosen.join(traffic, on="service_name")
    return joined.group_by(keys).agg(exposure=pl.col("request_count").sum().cast(pl.Float64))


def shares_of(services: pl.DataFrame) -> pl.DataFrame:
    """Return how much of each finding each service logs: series_id, service_name, weight."""
    counts = pl.col("baseline_count") + pl.col("candidate_count")
    return services.select(
        series_id=pl.col("finding_id"),
        service_name=pl.col("service_name"),
        weight=counts / counts.sum().over("finding_id"),
    )


def onset_minutes(
    series: pl.DataFrame,
    minutes: pl.DataFrame,
    covered: list[tuple[datetime, float]],
    *,
    with_exposure: bool,
) -> pl.DataFrame:
    """Return one series' buckets as `detection.find_onset` takes them.

    *series*: its rows of `finding_series` (the baseline's before the first of *covered* are kept as
    they are); *minutes*: its minute counts from there on; *covered*: start and covered seconds of
    every minute in which the rise may have begun. A bucket's exposure is spread over its minutes as
    far as they are covered.
    """
    columns = ["bucket_start", "event_count", "capped_count", "covered_seconds"]
    schema: Schema = {"bucket_start": TIMESTAMP, "covered_seconds": pl.Float64}
    grid = pl.DataFrame(covered, schema=schema, orient="row")
    counts = minutes.group_by("bucket_start").agg(
        pl.col("event_count").sum(), pl.col("capped_count").sum()
    )
    candidate = grid.join(counts, on="bucket_start", how="left").with_columns(
        pl.col("event_count").fill_null(0), pl.col("capped_count").fill_null(0)
    )
    before = pl.col("window_name") == "baseline"
    baseline = series.filter(before & (pl.col("bucket_start") < grid["bucket_start"].min()))
    if with_exposure and not series["exposure"].null_count():
        columns.append("exposure")
        candidate = _spread(candidate, series)
    return pl.concat([baseline.select(columns), candidate.select(columns)], how="vertical_relaxed")


def _spread(minutes: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """Add `exposure` to *minutes*: that of the bucket of *series* in which each lies."""
    coarse = series.sort("bucket_start").select(
        "bucket_start", at=pl.col("bucket_start"), whole=pl.col("exposure")
    )
    share = pl.col("covered_seconds") / pl.col("covered_seconds").sum().over("at")
    return (
        minutes.sort("bucket_start")
        .join_asof(coarse, on="bucket_start", strategy="backward")
        .with_columns(exposure=pl.col("whole") * share.fill_nan(0.0))
        .with_columns(pl.col("exposure").fill_null(0.0))
    )


def onset_table(onsets: Mapping[str, Onset], risen: Iterable[str] = ()) -> pl.DataFrame:
    """Return *onsets* by finding_id as a table that queries can read; of *risen* classes that could
    not be dated with null.
    """
    names = sorted({*onsets, *risen})
    rows = [(name, onsets[name].onset if name in onsets else None) for name in names]
    schema: Schema = {"finding_id": pl.String, "onset": TIMESTAMP}
    return pl.DataFrame(rows, schema=schema, orient="row")


def shift_baseline(frame: pl.DataFrame, shift: timedelta) -> pl.DataFrame:
    """Move the baseline's buckets back by *shift* (`Choice.shift`)."""
    if not shift:
        return frame
    moved = pl.col("bucket_start") - pl.lit(shift)
    return frame.with_columns(
        bucket_start=pl.when(pl.col("window_name") == "baseline")
        .then(moved)
        .otherwise("bucket_start")
        .cast(TIMESTAMP)
    )


def uncapped(minutes: pl.DataFrame) -> pl.DataFrame:
    """Return *minutes* with `capped_count` equal to the count: without a baseline nothing is
    usual.
    """
    return minutes.with_columns(capped_count=pl.col("event_count"))


def total_series(
    service_minutes: pl.DataFrame, grid: Grid, covered: pl.DataFrame, traffic: pl.DataFrame
) -> pl.DataFrame:
    """Return the series of all error events together, id `TOTAL`; columns of `finding_series`."""
    minutes = service_minutes.select(
        "window_name",
        "bucket_start",
        series_id=pl.lit(TOTAL),
        event_count=pl.col("error_count"),
        capped_count=pl.col("error_count"),
    )
    everything = pl.DataFrame({"series_id": [TOTAL], "service_name": [EVERYTHING], "weight": [1.0]})
    return finding_series(minutes, everything, grid, covered, traffic)


def with_bucket_lengths(series: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """Add `bucket_seconds`: buckets at window borders are shorter."""
    length = (pl.col("bucket_end") - pl.col("bucket_start")).dt.total_seconds(fractional=True)
    lengths = grid.frame.select("window_name", "bucket_start", bucket_seconds=length)
    return series.join(
        lengths, on=["window_name", "bucket_start"], how="left", maintain_order="left"
    )


def without_band(series: pl.DataFrame) -> pl.DataFrame:
    """Add an empty expectation: without a baseline nothing is expected."""
    nothing = pl.lit(None, pl.Float64)
    return series.with_columns(expected_count=nothing, lower=nothing, upper=nothing)
