"""Lines small enough for a table cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.render.charts.axes import TimeAxis, rounded
from pipeline.render.charts.rate import curve
from pipeline.render.charts.slots import Slot


@dataclass(frozen=True, slots=True)
class Spark:
    """A line small enough for a table cell."""

    width: int
    height: int
    line: str
    onset: float | None


def spark(
    drawn: Sequence[Slot],
    floor: float,
    *,
    onset: datetime | None = None,
    width: int = 110,
    height: int = 24,
) -> Spark:
    """Return a sparkline; its top is *floor* at least, so that single events stay low."""
    axis = TimeAxis.of(drawn, 1, width - 1)
    top = max([floor, *(slot.rate for slot in drawn if slot.rate is not None)])

    def y(value: float) -> float:
        return height - 2 - (value / top if top > 0 else 0.0) * (height - 4)

    at = axis.at(onset) if onset else None
    line = curve([slot.rate for slot in drawn], drawn, axis, y)
    return Spark(width, height, line, None if at is None else rounded(at))
