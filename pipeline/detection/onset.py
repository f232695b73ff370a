"""When a rise began: the profile likelihood ratio over every minute of the candidate window.

For each minute t, the class is taken to run at its baseline rate before t and at its own rate after; the start is where
that explains the window best (the generalised likelihood ratio of change-point analysis; Siegmund, Sequential Analysis,
1985). The interval holds the minutes that explain it nearly as well. `docs/decisions/003-onset.md` has its coverage.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from pipeline.model import Onset, Window

# Twice the likelihood drop of a 95 % interval: counts of real errors scatter more than Poisson's.
_DROP = 4.0
_MINIMUM_COUNT = 3


def find_onset(
    minutes: pl.DataFrame, baseline: Window | Sequence[Window], candidate: Window
) -> Onset | None:
    """Estimate when one series' rise began; None when the window holds no rise.

    *minutes* are one-minute buckets: `bucket_start`, `event_count` or `capped_count`, `covered_seconds`, optionally
    `exposure`. Times are those of minutes: `refine_onset` moves them to events. A rise that ended before the
    window's end is found too, by trying every ending on a grid of ten minutes.
    """
    stretches = [baseline] if isinstance(baseline, Window) else list(baseline)
    count = "capped_count" if "capped_count" in minutes.columns else "event_count"
    start = pl.col("bucket_start")
    inside = pl.any_horizontal(
        pl.lit(False), *((start >= w.start) & (start < w.end) for w in stretches)
    )
    before = minutes.filter(inside)
    seconds = float(before["covered_seconds"].sum() or 0.0)
    after = minutes.filter((start >= candidate.start) & (start < candidate.end)).sort("bucket_start")
    if seconds <= 0 or after.is_empty():
        return None
    total = float(before[count].sum() or 0.0)
    rate = (total + 0.5) / seconds
    times: list[datetime] = after["bucket_start"].to_list()
    counts = [float(value) for value in after[count].to_list()]
    expected = [rate * value for value in after["covered_seconds"].to_list()]
    found = _profile(counts, expected)
    if found is None:
        return None
    at, lower, upper = found
    minute = timedelta(minutes=1)
    return Onset(times[at], times[lower], times[upper] + minute)


def refine_onset(onset: Onset, timestamps: pl.Series, *, is_new: bool) -> Onset:
    """Move *onset* forward to the first event at or after it; *is_new* when the baseline has none.

    *timestamps* are the events' times, UTC. A class without a baseline cannot have begun after its first
    event, which therefore closes the interval.
    """
    later = timestamps.filter(timestamps >= onset.onset).sort()
    first = later[0] if len(later) else onset.onset
    if is_new and len(timestamps):
        first = min(first, timestamps.min())  # type: ignore[type-var, assignment]
        return Onset(first, min(onset.onset_lower, first), max(first, min(onset.onset_upper, first)))
    return Onset(first, min(onset.onset_lower, first), max(onset.onset_upper, first))


def _profile(counts: list[float], expected: list[float]) -> tuple[int, int, int] | None:
    """Return the index of the best start and the first and last that come near it."""
    size = len(counts)
    best: tuple[float, int] = (0.0, size)
    grid = [size, *range(size - size % 10 or size - 10, 0, -10)] if size > 10 else [size]
    for end in grid:
        value = max(_ratios(counts[:end], expected[:end]), default=0.0)
        # An earlier ending must explain clearly more than one more free parameter would.
        if value > best[0] + (2.0 if end != size else 0.0):
            best = (value, end)
    if best[0] <= 0:
        return None
    ratios = _ratios(counts[: best[1]], expected[: best[1]])
    top = max(ratios)
    at = ratios.index(top)
    while at + 1 < best[1] and counts[at] == 0:
        at += 1
    near = [index for index, value in enumerate(ratios) if value >= top - _DROP]
    return at, near[0], max(near[-1], at)


def _ratios(counts: list[float], expected: list[float]) -> list[float]:
    y = e = 0.0
    ratios = []
    for count, mean in zip(reversed(counts), reversed(expected), strict=True):
        y += count
        e += mean
        rises = y > e and y >= _MINIMUM_COUNT and e > 0
        ratios.append(y * math.log(y / e) - (y - e) if rises else 0.0)
    ratios.reverse()
    return ratios
