"""Buckets as they are drawn: joined where there are too many, without a rate where uncovered."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pipeline.model import HourlyPoint
from pipeline.render.figures import duration

# Less than a tenth of a bucket covered: one event would be shown as ten.
LEAST_COVERAGE = 0.1
FULL_COVERAGE = 0.95
# A line of more points than this is denser than the screen; hours over more than a week are noise.
MOST_POINTS = 500
_LONG, _LONG_STEP = timedelta(days=7), timedelta(hours=6)
EPOCH = datetime(2000, 1, 3, tzinfo=UTC)  # a Monday, so that ticks a week apart begin a week
STEPS = tuple(
    timedelta(minutes=number)
    for number in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160, 40320)
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One bucket as drawn: rates are null where too little is covered.

    *is_partial*: shorter than its neighbours, or not covered in full.
    """

    start: datetime
    end: datetime
    window: str
    event_count: int
    coverage: float
    rate: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    is_partial: bool

    @property
    def is_above(self) -> bool:
        """Tell whether more happened than the band allows."""
        return self.rate is not None and self.upper is not None and self.rate > self.upper


def slots(
    points: Sequence[HourlyPoint], limit: int, borders: Sequence[datetime] = ()
) -> list[Slot]:
    """Return slots in order of time; neighbours are added where there are more than *limit*.

    Buckets below six hours are added to six hours where they are more than seven days. A slot
    never spans both windows or a stretch without buckets: where these alone are more than *limit*,
    more are returned. Bounds of added buckets are the sums of their bounds: wider than the band of
    the sum would be, never narrower. *borders* are the ends of windows, which cut the last bucket
    short.
    """
    ordered = sorted(points, key=lambda point: point.bucket_start)
    if not ordered:
        return []
    step = bucket_length(ordered)
    width, groups = _grouped(ordered, step, min(limit, MOST_POINTS))
    starts = [group[0].bucket_start for group in groups]
    ends = [*starts[1:], starts[-1] + width]
    return [
        _slot(group, min([end, group[-1].bucket_start + step, *_after(borders, group)]), width)
        for group, end in zip(groups, ends, strict=True)
    ]


def _after(borders: Sequence[datetime], group: Sequence[HourlyPoint]) -> list[datetime]:
    return [border for border in borders if border > group[-1].bucket_start]


def bucket_length(points: Sequence[HourlyPoint]) -> timedelta:
    """Return the usual distance of neighbouring buckets, an hour where there is but one."""
    distances = sorted(
        later.bucket_start - earlier.bucket_start
        for earlier, later in pairwise(points)
        if later.bucket_start > earlier.bucket_start
    )
    return distances[len(distances) // 2] if distances else timedelta(hours=1)


def joined_words(points: Sequence[HourlyPoint], drawn: Sequence[Slot]) -> str:
    """Return how long the slots are, and of what buckets they were added where they were."""
    if not drawn:
        return ""
    lengths = sorted((slot.end - slot.start).total_seconds() for slot in drawn)
    usual = duration(lengths[len(lengths) // 2])
    step = bucket_length(sorted(points, key=lambda point: point.bucket_start))
    own = duration(step.total_seconds())
    return usual if len(drawn) >= len(points) or usual == own else f"{usual} (added from {own})"


def add_points(series: Sequence[Sequence[HourlyPoint]]) -> list[HourlyPoint]:
    """Return the series added up by bucket; what one of them does not know, the sum does not.

    Coverage is the mean: each of the series is missing its own part.
    """
    by_start: dict[tuple[datetime, str], list[HourlyPoint]] = {}
    for points in series:
        for point in points:
            by_start.setdefault((point.bucket_start, point.window), []).append(point)
    return [
        HourlyPoint(
            bucket_start=group[0].bucket_start,
            window=group[0].window,
            event_count=sum(point.event_count for point in group),
            expected_count=_total([point.expected_count for point in group]),
            lower=_total([point.lower for point in group]),
            upper=_total([point.upper for point in group]),
            exposure=None,
            coverage=sum(point.coverage for point in group) / len(group),
        )
        for _, group in sorted(by_start.items())
    ]


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _grouped(
    points: Sequence[HourlyPoint], step: timedelta, limit: int
) -> tuple[timedelta, list[list[HourlyPoint]]]:
    """Return the shortest step by which at most *limit* groups are left, with its groups."""
    is_long = step * len(points) > _LONG
    least = max(step, _LONG_STEP) if is_long else step
    if least == step and len(points) <= limit:
        return step, [[point] for point in points]
    wanted = max(least, step * len(points) / limit)
    steps = [one for one in STEPS if one >= wanted and one % step == timedelta(0)]
    coarse = step * math.ceil(max(wanted / step, 1))
    found: list[list[HourlyPoint]] = []
    seconds = [round((point.bucket_start - EPOCH).total_seconds()) for point in points]
    # Merging stops at borders, so a longer step than the count asks for may be needed.
    for width in [*steps, *(coarse * factor for factor in (1, 2, 4, 8))]:
        found = _groups(points, seconds, round(step.total_seconds()), round(width.total_seconds()))
        if len(found) <= limit:
            return width, found
    return coarse * 8, found


def _groups(
    points: Sequence[HourlyPoint], seconds: Sequence[int], step: int, width: int
) -> list[list[HourlyPoint]]:
    """Join *points*, which begin at *seconds*, to groups of *width* seconds from a round time on.

    Neighbours are joined only where they are *step* apart and of the same window.
    """
    groups: list[list[HourlyPoint]] = []
    for number, (point, at) in enumerate(zip(points, seconds, strict=True)):
        before = points[number - 1]
        is_next = number > 0 and at - seconds[number - 1] <= 1.5 * step
        same = at // width == seconds[number - 1] // width
        if is_next and same and width > step and before.window == point.window:
            groups[-1].append(point)
        else:
            groups.append([point])
    return groups


def _slot(group: Sequence[HourlyPoint], end: datetime, usual: timedelta) -> Slot:
    start = group[0].bucket_start
    hours = (end - start) / timedelta(hours=1)
    covered = sum(point.coverage for point in group) / len(group)
    exposed = hours * covered
    events = sum(point.event_count for point in group)
    is_drawn = covered >= LEAST_COVERAGE and exposed > 0

    def per_hour(values: Sequence[float | None]) -> float | None:
        total = _total(values)
        return total / exposed if is_drawn and total is not None else None

    return Slot(
        start=start,
        end=end,
        window=group[0].window,
        event_count=events,
        coverage=covered,
        rate=events / exposed if is_drawn else None,
        expected=per_hour([point.expected_count for point in group]),
        lower=per_hour([point.lower for point in group]),
        upper=per_hour([point.upper for point in group]),
        is_partial=min(covered, (end - start) / usual) < FULL_COVERAGE,
    )
