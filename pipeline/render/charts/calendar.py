"""A calendar: days side by side, their hours below each other; and stretches of time as lanes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.render.charts.axes import Tick, TimeAxis, TimeTick, rounded

Span = tuple[datetime, datetime]
_DAY = timedelta(days=1)
_HOURS = 24


@dataclass(frozen=True, slots=True)
class Shape:
    """All fields of one level of a day, as one path."""

    level: str
    path: str


@dataclass(frozen=True, slots=True)
class Column:
    """A day: its hours by level, and what the runs of that day said (*verdict* empty: no run)."""

    shapes: list[Shape]
    verdict: str
    title: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days by hours; *hours* are the marks at the left, *strip* where verdicts lie."""

    width: int
    height: int
    left: int
    bottom: int
    strip: int
    times: list[TimeTick]
    hours: list[Tick]
    columns: list[Column]


@dataclass(frozen=True, slots=True)
class Day:
    """What a day's column shows: a level for each hour that is known, by its number."""

    start: datetime
    levels: Mapping[int, str]
    verdict: str
    title: str


def calendar(days: Sequence[Day], *, width: int = 960, row_height: int = 9) -> Calendar:
    """Return the drawing of *days*, which follow each other; hours without a level are gaps."""
    left, right, top = 50, width - 8, 6
    span = (days[0].start, days[-1].start + _DAY)
    axis = TimeAxis([span], left, right)
    bottom = top + _HOURS * row_height
    columns = []
    for day in days:
        x, length = axis.area(day.start, day.start + _DAY)
        room = rounded(length - 1 if length > 4 else length)
        shapes = _shapes(day.levels, rounded(x), room, top, row_height)
        columns.append(Column(shapes, day.verdict, day.title, rounded(x), room))
    return Calendar(
        width=width,
        height=bottom + 54,
        left=left,
        bottom=bottom + 20,
        strip=bottom + 4,
        times=axis.ticks(),
        hours=[
            Tick(top + (hour + 0.5) * row_height, f"{hour:02d}:00") for hour in range(0, _HOURS, 6)
        ],
        columns=columns,
    )


def _shapes(
    levels: Mapping[int, str], x: float, width: float, top: int, height: int
) -> list[Shape]:
    """Return one path a level; neighbouring hours of a level are one field."""
    paths: dict[str, list[str]] = {}
    hour = 0
    while hour < _HOURS:
        level, first = levels.get(hour, ""), hour
        while hour < _HOURS and levels.get(hour, "") == level:
            hour += 1
        if level:
            depth = (hour - first) * height - 1
            place = f"M{x:g} {top + first * height}h{width:g}v{depth}h-{width:g}z"
            paths.setdefault(level, []).append(place)
    return [Shape(level, "".join(own)) for level, own in sorted(paths.items())]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a lane; *kind*: open or over."""

    x: float
    y: int
    width: float
    height: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Spells:
    """Lanes of stretches below each other; *rows* are the names' baselines."""

    width: int
    height: int
    left: int
    bottom: int
    times: list[TimeTick]
    rows: list[Tick]
    stretches: list[Stretch]


def spell_lanes(
    lanes: Sequence[Sequence[tuple[datetime, datetime | None, str]]],
    span: Span,
    *,
    width: int = 960,
    row_height: int = 22,
) -> Spells:
    """Return the drawing of *lanes*, each with from, to (null: goes on) and words."""
    left, right, top = 200, width - 8, 6
    axis = TimeAxis([span], left, right)
    found = []
    for number, lane in enumerate(lanes):
        for start, end, words in lane:
            x, length = axis.area(start, max(end or span[1], start + timedelta(microseconds=1)))
            if length <= 0:
                continue  # before or after what is shown
            kind = "over" if end else "open"
            y = top + number * row_height + 5
            # Minutes in a year must still be seen.
            room = rounded(max(length, 2.0))
            found.append(Stretch(rounded(x), y, room, row_height - 10, kind, words))
    bottom = top + len(lanes) * row_height
    return Spells(
        width=width,
        height=bottom + 34,
        left=left,
        bottom=bottom,
        times=axis.ticks(),
        rows=[Tick(top + at * row_height + row_height / 2 + 4, "") for at in range(len(lanes))],
        stretches=found,
    )
