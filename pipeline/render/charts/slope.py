"""Before and after on a log scale, with a row of its own for zero."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.render.charts.axes import Tick, log_ticks, place, rounded
from pipeline.render.figures import rate

_ROOM = 15.0  # between labels: one line of text
_ZERO_ROOM = 34.0  # between the lowest power of ten and the row of zero


@dataclass(frozen=True, slots=True)
class Slope:
    """One class: its heights before and after, where its label stands, and what it says.

    *before* and *after* are null where the rate is not known. *leader* is the path from the place
    to the label; *number* is its place in the list that was given.
    """

    number: int
    before: float | None
    after: float | None
    label: float
    leader: str
    value: str


@dataclass(frozen=True, slots=True)
class SlopeChart:
    """Two rulers with a line for each class; *zero* is the height of the row of zero."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    label_x: int
    zero: float
    ticks: list[Tick]
    slopes: list[Slope]


def slope_chart(
    pairs: Sequence[tuple[float | None, float | None]],
    *,
    width: int = 720,
    height: int = 340,
    left: int = 90,
    right: int = 330,
) -> SlopeChart:
    """Return the drawing of *pairs*, rates before and after; a null rate is not drawn.

    Labels stand at the right, apart from each other; the drawing grows where they need more room.
    """
    top = 30
    height = max(height, top + round((len(pairs) + 2) * _ROOM) + 20)
    powers = log_ticks([value for pair in pairs for value in pair if value is not None])
    zero = float(height - 18)
    floor = zero - _ZERO_ROOM
    low = math.log10(powers[0]) if powers else 0.0
    span = math.log10(powers[-1]) - low if powers else 1.0

    def y(value: float | None) -> float | None:
        if value is None or not math.isfinite(value):
            return None
        if value <= 0:
            return zero
        return floor - (math.log10(value) - low) / span * (floor - top)

    heights = [(y(before), y(after)) for before, after in pairs]
    wanted = [
        (at if at is not None else other if other is not None else zero) for other, at in heights
    ]
    labels = spread(wanted, _ROOM, top, zero)
    slopes = [
        Slope(
            number,
            None if before is None else rounded(before),
            None if after is None else rounded(after),
            rounded(labels[number]),
            ""
            if after is None
            else f"M{place(right + 5, after)}L{place(right + 22, labels[number])}",
            rate(pairs[number][1]),
        )
        for number, (before, after) in enumerate(heights)
    ]
    ticks = [Tick(rounded(y(value) or 0.0), rate(value)) for value in powers]
    return SlopeChart(
        width=width,
        height=height,
        left=left,
        right=right,
        top=top,
        bottom=round(floor),
        label_x=right + 26,
        zero=rounded(zero),
        ticks=ticks,
        slopes=slopes,
    )


def spread(wanted: Sequence[float], room: float, top: float, bottom: float) -> list[float]:
    """Return places at least *room* apart, each as near to its wish as that leaves.

    Wishes are kept in their order. Groups that would overlap are laid around the mean of their
    wishes, and joined with the next where they still do.
    """
    order = sorted(range(len(wanted)), key=lambda at: (wanted[at], at))
    groups: list[tuple[float, int]] = []  # the middle of each group, and how many stand in it
    for at in order:
        groups.append((wanted[at], 1))
        while len(groups) > 1:
            (above, many), (below, more) = groups[-2:]
            if below - above >= (many + more) / 2 * room:
                break
            groups[-2:] = [((above * many + below * more) / (many + more), many + more)]
    places: list[float] = []
    for middle, number in groups:
        places += [middle + (at - (number - 1) / 2) * room for at in range(number)]
    places = _within(places, room, top, bottom)
    return [places[order.index(at)] for at in range(len(wanted))]


def _within(places: Sequence[float], room: float, top: float, bottom: float) -> list[float]:
    """Push sorted *places* back between the borders; with too many they pass the bottom."""
    pushed: list[float] = []
    limit = bottom
    for at in reversed(places):
        pushed.append(min(at, limit))
        limit = pushed[-1] - room
    pushed.reverse()
    limit = top
    for number, at in enumerate(pushed):
        pushed[number] = max(at, limit)
        limit = pushed[number] + room
    return pushed
