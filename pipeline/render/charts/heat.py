"""The heat map: classes by time, by how far each is above what was expected."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.render.charts.axes import Tick, TimeAxis, TimeTick, rounded
from pipeline.render.charts.rate import slot_words
from pipeline.render.charts.slots import Slot
from pipeline.render.figures import count, minute

# Upper limits of the ratio to the expected count for levels 1, 2 and 3.
HEAT_LIMITS = (2.0, 4.0, 16.0)
# Half an event an hour: without it, one event where none is expected would be infinitely many.
_LEAST_EXPECTED = 0.5
_LEVEL_WORDS = {"0": "in the band", "gap": "not covered", "none": "no expectation"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A field of the heat map; *level*: 0 in the band, 1-4 above it, ``gap`` or ``none``."""

    x: float
    y: int
    width: float
    height: int
    level: str
    title: str


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Classes by time; *rows* are the names' baselines, *levels* those that are drawn."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    times: list[TimeTick]
    days: str
    breaks: list[float]
    rows: list[Tick]
    cells: list[Cell]
    levels: frozenset[str]


def heat_level(slot: Slot) -> str:
    """Return the level of one field."""
    if slot.rate is None:
        return "gap"
    if slot.upper is None or slot.expected is None:
        return "none"
    if slot.rate <= slot.upper:
        return "0"
    times = slot.rate / max(slot.expected, _LEAST_EXPECTED)
    return str(1 + sum(times >= limit for limit in HEAT_LIMITS))


def heat_runs(drawn: Sequence[Slot]) -> list[list[Slot]]:
    """Return neighbours of the same level, together."""
    runs: list[list[Slot]] = []
    for slot in drawn:
        last = runs[-1][-1] if runs else None
        if last and heat_level(last) == heat_level(slot) and last.end >= slot.start:
            runs[-1].append(slot)
        else:
            runs.append([slot])
    return runs


def _fields(drawn: Sequence[Slot]) -> list[list[Slot]]:
    """Return what is drawn as one field: rises stand alone, the rest is joined."""
    return [
        field
        for run in heat_runs(drawn)
        for field in ([[slot] for slot in run] if heat_level(run[0]) in "1234" else [run])
    ]


def _words(field: Sequence[Slot]) -> str:
    if len(field) == 1:
        return slot_words(field[0], "events")
    events = count(sum(slot.event_count for slot in field))
    return (
        f"{minute(field[0].start)} to {minute(field[-1].end)} UTC: {events} events, "
        f"{_LEVEL_WORDS[heat_level(field[0])]}"
    )


def heat_map(rows: Sequence[Sequence[Slot]], *, width: int = 960, row_height: int = 24) -> HeatMap:
    """Return the fields of *rows*, each the slots of a class; all stand on one axis of time."""
    left, right, top = 200, width - 8, 6
    axis = TimeAxis([(s.start, s.end) for drawn in rows for s in drawn], left, right)
    cells: list[Cell] = []
    for number, drawn in enumerate(rows):
        for field in _fields(drawn):
            x, length = axis.area(field[0].start, field[-1].end)
            room = rounded(max(length - 1, 0.5))
            at = top + number * row_height
            level = heat_level(field[0])
            cells.append(Cell(rounded(x), at, room, row_height - 1, level, _words(field)))
    marks = [
        Tick(top + number * row_height + row_height / 2 + 4, "") for number in range(len(rows))
    ]
    bottom = top + len(rows) * row_height
    return HeatMap(
        width=width,
        height=bottom + 34,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        times=axis.ticks(),
        days=axis.days(top, bottom - top),
        breaks=axis.breaks,
        rows=marks,
        cells=cells,
        levels=frozenset(cell.level for cell in cells),
    )
