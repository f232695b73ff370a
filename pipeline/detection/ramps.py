"""Slow ramps: a rate that grows day by day, too slowly for any two windows to show it.

Whole days, counted back from the end of the candidate, are fitted with a line on the logarithm of
their rates; its slope is tested by Student's t against what the days scatter around it. The frozen
reference is the line's own first day; yesterday is the day before. A step is no ramp: no single
step may explain the days much better than the line does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from pipeline.detection.distributions import student_sf
from pipeline.detection.rates import place
from pipeline.model import Window

RAMP_SCHEMA: dict[str, type[pl.DataType]] = {
    "series_id": pl.String,
    "days": pl.Int64,
    "growth_per_day": pl.Float64,
    "reference_ratio": pl.Float64,
    "yesterday_ratio": pl.Float64,
    "p_value": pl.Float64,
}
_DAY = timedelta(days=1)
# Fewer days carry no slope; a day that is covered by less than half is left out.
_LEAST_DAYS, _LEAST_COVERED = 7, 12 * 3600.0
# Below five events a day, logarithms of counts are not near a normal distribution.
_LEAST_PER_DAY = 5.0
# A class among hundreds must pass by itself, and have grown by half: less is not acted on.
RAMP_P, RAMP_RATIO = 1e-3, 1.5
# Days differ by a tenth at the same traffic, however alike those were that were seen.
_LEAST_SCATTER = 0.005
# The step's day is free, so it fits what only scatters around a line better than the line by a
# quarter; of a true step of x1.5 or more, less than half is left.
_STEP_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class _Line:
    slope: float
    error: float
    squares: float


def find_ramps(
    series: pl.DataFrame, baseline: Window | Sequence[Window], candidate: Window
) -> pl.DataFrame:
    """Find the classes whose rate has been growing slowly; a row for each (`RAMP_SCHEMA`).

    *series* and the windows are those given to `detect`, with buckets of a day or less. What grows
    must grow per covered second, and per request where requests are known. `growth_per_day` is a
    ratio less one; `reference_ratio` is the last day against the first by the line,
    `yesterday_ratio` the last two days' counted rates (null when yesterday had none).
    """
    rows = (
        place(series, baseline, candidate)
        .filter(pl.col("window").is_not_null(), pl.col("covered_seconds") > 0)
        .with_columns(_day=((pl.lit(candidate.end) - pl.col("bucket_start")) / _DAY).ceil())
    )
    requests = pl.when(pl.col("exposure_kind") == "requests").then("exposure")
    days = rows.group_by("series_id", "_day").agg(
        pl.col("capped_count").sum(), pl.col("covered_seconds").sum(),
        requests.sum().alias("_requests"), requests.null_count().alias("_unknown"),
    )  # fmt: skip
    days = days.filter(pl.col("covered_seconds") >= _LEAST_COVERED)
    days = days.sort("series_id", "_day", descending=[False, True])
    found = []
    for (name,), own in days.group_by("series_id", maintain_order=True):
        row = _ramp(str(name), own)
        if row is not None:
            found.append(row)
    return pl.DataFrame(found, schema=RAMP_SCHEMA, orient="row").sort("series_id")


def day_of_report(growth_per_day: float, counts_per_day: float, scatter: float) -> int | None:
    """Return after how many days a ramp is reported with 80 % power, by the rule of `find_ramps`.

    *counts_per_day* is the rate of the first day, *scatter* the variance of a day's logarithm
    beyond Poisson's. None when that takes more than a year.
    """
    slope = math.log1p(growth_per_day)
    for days in range(_LEAST_DAYS, 366):
        usual = counts_per_day * math.exp(slope * days / 2)
        deviation = math.sqrt(1 / usual + max(scatter, _LEAST_SCATTER))
        error = deviation / math.sqrt(days * (days * days - 1) / 12)
        power_point = slope / error - 0.84  # the 80 % point of a normal variable
        has_grown = slope * (days - 1) >= math.log(RAMP_RATIO) + 0.84 * error * (days - 1)
        if power_point > 0 and student_sf(power_point, days - 2) < RAMP_P and has_grown:
            return days
    return None


def _ramp(name: str, own: pl.DataFrame) -> tuple[object, ...] | None:
    counts: list[float] = own["capped_count"].cast(pl.Float64).to_list()
    if len(counts) < _LEAST_DAYS or sum(counts) / len(counts) < _LEAST_PER_DAY:
        return None
    at: list[float] = [-day for day in own["_day"].to_list()]
    seconds: list[float] = own["covered_seconds"].to_list()
    sizes = [seconds]
    if not own["_unknown"].sum() and min(own["_requests"].to_list()) > 0:
        sizes.append(own["_requests"].to_list())
    lines = [_fit(at, counts, size) for size in sizes]
    line = min(lines, key=lambda one: one.slope)
    span = at[-1] - at[0]
    p = max(student_sf(one.slope / one.error, len(counts) - 2) for one in lines)
    if p >= RAMP_P or line.slope * span < math.log(RAMP_RATIO):
        return None
    if any(
        _best_step(counts, size) < _STEP_SHARE * one.squares
        for one, size in zip(lines, sizes, strict=True)
    ):
        return None
    rates = [count / size for count, size in zip(counts, seconds, strict=True)]
    is_next = at[-1] - at[-2] == 1
    return (
        name, round(span) + 1, math.expm1(line.slope), math.exp(line.slope * span),
        rates[-1] / rates[-2] if is_next and rates[-2] else None, p,
    )  # fmt: skip


def _logs(counts: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Return the logarithm of each day's rate; a day without events counts as half of one."""
    return [math.log(max(count, 0.5) / size) for count, size in zip(counts, sizes, strict=True)]


def _fit(at: Sequence[float], counts: Sequence[float], sizes: Sequence[float]) -> _Line:
    """Fit the line by least squares; the error of its slope is by what the days scatter."""
    values = _logs(counts, sizes)
    size = len(at)
    middle, mean = sum(at) / size, sum(values) / size
    square = sum((x - middle) ** 2 for x in at)
    slope = sum((x - middle) * (y - mean) for x, y in zip(at, values, strict=True)) / square
    left = sum((y - mean - slope * (x - middle)) ** 2 for x, y in zip(at, values, strict=True))
    variance = max(left / (size - 2), size / sum(counts) + _LEAST_SCATTER)
    return _Line(slope, math.sqrt(variance / square), left)


def _best_step(counts: Sequence[float], sizes: Sequence[float]) -> float:
    """Return what the best single step leaves of the squares."""
    values = _logs(counts, sizes)

    def squares(part: Sequence[float]) -> float:
        mean = sum(part) / len(part)
        return sum((value - mean) ** 2 for value in part)

    return min(squares(values[:cut]) + squares(values[cut:]) for cut in range(1, len(values)))
