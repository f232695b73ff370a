"""Counts of all events, kept or not: by hour and what they are, and by minute and service."""

from datetime import datetime

import polars as pl

from pipeline.routes import http_route, without_numbers
from pipeline.schema import ERROR_SEVERITY, MINUTES, ROLLUP, TIMESTAMP, WARN_SEVERITY


def _routes(events: pl.DataFrame) -> pl.Expr:
    paths = events["url_path"].drop_nulls().unique()
    if paths.is_empty():
        return pl.lit(None, pl.String)
    return pl.col("url_path").replace_strict(
        paths, http_route(paths), default=None, return_dtype=pl.String
    )


def rollup_of(events: pl.DataFrame, borders: tuple[datetime, ...]) -> pl.DataFrame:
    """Count every event by hour and who, what, which route: columns `ROLLUP`."""
    keys = [
        "service_name", "container_name", "log_iostream", "severity_number",
        "http_request_method", "url_path", "http_response_status_code",
    ]  # fmt: skip
    paths = without_numbers(events["url_path"])
    counted = (
        events.with_columns(paths)
        .group_by(hour_of(borders).alias("bucket_start"), *keys)
        .agg(
            event_count=pl.len().cast(pl.Int64),
            first_timestamp=pl.col("timestamp").min(),
            last_timestamp=pl.col("timestamp").max(),
        )
    )
    return merge_rollup([counted.with_columns(http_route=_routes(counted)).select(*ROLLUP)])


def hour_of(borders: tuple[datetime, ...]) -> pl.Expr:
    """Return where the hour of `timestamp` begins, or its part after one of *borders*."""
    hour = pl.col("timestamp").dt.truncate("1h")
    start = hour
    for border in sorted(borders):
        is_after = (pl.col("timestamp") >= border) & (hour == pl.lit(border).dt.truncate("1h"))
        start = pl.when(is_after).then(pl.lit(border, TIMESTAMP)).otherwise(start)
    return start


def merge_rollup(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Add up rollups; columns `ROLLUP`, unsorted."""
    keys = [name for name in ROLLUP if name not in _SUMMED]
    return _merge(parts, keys, ["event_count"], ROLLUP)


def merge_minutes(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Add up minute counts; columns `MINUTES`, unsorted."""
    keys = ["bucket_start", "service_name"]
    return _merge(parts, keys, [name for name in MINUTES if name.endswith("_count")], MINUTES)


_SUMMED = {"event_count", "first_timestamp", "last_timestamp"}


def _merge(
    parts: list[pl.DataFrame],
    keys: list[str],
    sums: list[str],
    schema: dict[str, pl.DataType | type[pl.DataType]],
) -> pl.DataFrame:
    if not parts:
        return pl.DataFrame(schema=schema)
    return (
        pl.concat(parts)
        .group_by(keys)
        .agg(
            *(pl.col(name).sum() for name in sums),
            pl.col("first_timestamp").min(),
            pl.col("last_timestamp").max(),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    )


def minutes_of(events: pl.DataFrame) -> pl.DataFrame:
    """Count every event by minute and service: columns `MINUTES`; events without a time are left
    out.
    """
    is_access = pl.col("http_response_status_code").is_not_null()
    is_error = (pl.col("severity_number") >= ERROR_SEVERITY) & ~is_access
    is_warning = (
        pl.col("severity_number").is_between(WARN_SEVERITY, ERROR_SEVERITY - 1) & ~is_access
    )
    counts = {
        "error_count": is_error,
        "warning_count": is_warning,
        "request_count": is_access,
        "failed_request_count": is_access & (pl.col("http_response_status_code") >= 500),
    }
    return (
        events.filter(pl.col("timestamp").is_not_null())
        .group_by(pl.col("timestamp").dt.truncate("1m").alias("bucket_start"), "service_name")
        .agg(
            event_count=pl.len(),
            **{name: test.fill_null(False).sum() for name, test in counts.items()},
            first_timestamp=pl.col("timestamp").min(),
            last_timestamp=pl.col("timestamp").max(),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in MINUTES.items())
    )
