"""Counts with planted truths, drawn by the standard library from fixed seeds."""

import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from pipeline.model import Window

START = datetime(2026, 3, 2, tzinfo=UTC)


def hours(first: int, last: int) -> Window:
    """The window from hour *first* to hour *last* of the test's time."""
    return Window(START + timedelta(hours=first), START + timedelta(hours=last))


def table(
    series_id: str,
    counts: Sequence[int],
    *,
    seconds: float = 3600.0,
    covered: Sequence[float] | None = None,
    exposure: Sequence[float] | None = None,
    start: datetime = START,
) -> pl.DataFrame:
    """One series' buckets of *seconds* from *start* on."""
    size = len(counts)
    return pl.DataFrame(
        {
            "series_id": [series_id] * size,
            "bucket_start": [start + timedelta(seconds=seconds * at) for at in range(size)],
            "event_count": list(counts),
            "covered_seconds": [float(value) for value in covered or [seconds] * size],
            "exposure": list(exposure) if exposure else [None] * size,
        },
        schema={
            "series_id": pl.String,
            "bucket_start": pl.Datetime("us", "UTC"),
            "event_count": pl.Int64,
            "covered_seconds": pl.Float64,
            "exposure": pl.Float64,
        },
    )


def poisson(rng: random.Random, mean: float) -> int:
    """Draw a Poisson count: by multiplication when small, by the normal when large."""
    if mean > 30:
        return max(round(rng.gauss(mean, math.sqrt(mean))), 0)
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def noisy(rng: random.Random, mean: float, shape: float = 10.0) -> int:
    """Draw a count with gamma noise of *shape* on its mean."""
    return poisson(rng, mean * rng.gammavariate(shape, 1 / shape))


def traffic(hour: int) -> float:
    """A day's wave with mean one."""
    return 1 + 0.6 * math.cos(2 * math.pi * (hour % 24 - 14) / 24)


def days(rng: random.Random, deviation: float = 0.1) -> Iterator[float]:
    """Endless day factors, each 24 hours long."""
    while True:
        factor = math.exp(rng.gauss(0, deviation))
        for _ in range(24):
            yield factor
