"""How long requests took: a sample of all requests, counted by endpoint, hour and class of length.

Most requests are only counted, and looking at each for its duration would cost what counting saves.
So some are drawn: the first of each file, and of the others one in `SHARE`, by a hash of the line's
number. Which these are depends on the file alone, not on how it is read, so that counts are the
same with and without the scanner, which hands over what is drawn (`is_drawn` in scan.c). A request
that was drawn stands for as many as were not (`request_weight`).

Durations are counted in classes of equal ratio, so that parts add up and a quantile is off by no
more than half a class, 4 %.
"""

from datetime import datetime

import polars as pl

from pipeline.ingest.counts import hour_of
from pipeline.routes import http_route, without_numbers
from pipeline.schema import LATENCIES

# One request in so many is drawn: of a million, fifteen thousand.
SHARE = 64
# Lines of each file of which all requests are drawn: small files are looked at whole.
WHOLE_LINES = 2000
# Knuth's multiplicative hash: neighbouring lines get places far apart, so that a pair of lines that
# alternate is not seen from one side only.
MULTIPLIER = 2_654_435_761
_PLACES = 2**32
CLASSES_PER_DOUBLING = 8
# A microsecond and some days: what is outside is no duration of a request.
_SHORTEST, _LONGEST = 1e-3, 1e9

_KEYS = (
    "bucket_start", "service_name", "http_request_method", "http_route", "duration_class",
)  # fmt: skip


def is_drawn(whole_lines: int = WHOLE_LINES) -> pl.Expr:
    """Tell which events of a table with `line_number` are drawn, if they are requests; of the first
    *whole_lines* all are.
    """
    number = pl.col("line_number")
    place = (number.cast(pl.UInt64) * MULTIPLIER) % _PLACES
    return (number <= whole_lines) | (place < _PLACES // SHARE)


def latencies_of(
    drawn: pl.DataFrame, borders: tuple[datetime, ...], whole_lines: int = WHOLE_LINES
) -> pl.DataFrame:
    """Count the requests *drawn* that have `duration_ms`: columns `LATENCIES`."""
    timed = drawn.filter(pl.col("duration_ms").is_between(0.0, _LONGEST))
    if timed.is_empty():
        return pl.DataFrame(schema=LATENCIES)
    classes = pl.max_horizontal("duration_ms", pl.lit(_SHORTEST)).log(2.0) * CLASSES_PER_DOUBLING
    routes = http_route(without_numbers(timed["url_path"]))
    is_whole = pl.col("line_number") <= whole_lines
    rows = timed.select(
        "service_name",
        "http_request_method",
        bucket_start=hour_of(borders),
        http_route=routes,
        duration_class=classes.floor().cast(pl.Int16),
        sample_count=pl.lit(1, pl.Int64),
        request_weight=pl.when(is_whole).then(1).otherwise(SHARE).cast(pl.Int64),
        first_timestamp="timestamp",
        last_timestamp="timestamp",
    )
    return merge_latencies([rows.select(*LATENCIES)])


def merge_latencies(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Add up counts of durations; columns `LATENCIES`, unsorted."""
    if not parts:
        return pl.DataFrame(schema=LATENCIES)
    return (
        pl.concat(parts)
        .group_by(*_KEYS)
        .agg(
            pl.col("sample_count").sum(),
            pl.col("request_weight").sum(),
            pl.col("first_timestamp").min(),
            pl.col("last_timestamp").max(),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in LATENCIES.items())
    )
