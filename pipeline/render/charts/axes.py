"""Axes: where a time or a number lies, and the marks that say so."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.render.charts.slots import EPOCH, STEPS, Slot

Scale = Callable[[float], float]
Span = tuple[datetime, datetime]
_BREAK = 18.0  # width of the mark where time is left out
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis at *at*, with its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A mark of the time axis; *date* is empty where the day has not changed.

    *anchor* says which part of the label lies at the mark: the first begins there, so that it does
    not run into the labels of the other axis, and one at the right end ends there.
    """

    at: float
    label: str
    date: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Area:
    """A stretch of the time axis with what it means."""

    at: float
    width: float
    title: str


def rounded(value: float) -> float:
    """Return *value* to a tenth of a unit: nothing smaller is seen."""
    return round(value, 1)


def place(x: float, y: float) -> str:
    """Return a point in the syntax of paths."""
    return f"{rounded(x):g} {rounded(y):g}"


def without_flat(parts: Sequence[str]) -> list[str]:
    """Return the steps of a path without the inner points of level stretches, which draw nothing:
    a class that was silent for a week is two points.
    """
    levels = [part.rpartition(" ")[2] for part in parts]
    last = len(parts) - 1
    return [
        part
        for at, part in enumerate(parts)
        if not (
            0 < at < last
            and part.startswith("L")
            and parts[at + 1].startswith("L")
            and levels[at - 1] == levels[at] == levels[at + 1]
        )
    ]


def rules(ticks: Sequence[Tick], left: float, right: float) -> str:
    """Return a path of level rules at *ticks*."""
    return "".join(f"M{left:g} {tick.at:g}h{right - left:g}" for tick in ticks)


def nice_ticks(top: float, wanted: int = 3) -> list[float]:
    """Return ticks from zero to at least *top*, at round distances.

    >>> nice_ticks(930), nice_ticks(0), nice_ticks(1.4), nice_ticks(930, 1)
    ([0.0, 500.0, 1000.0], [0.0, 1.0], [0.0, 0.5, 1.0, 1.5], [0.0, 1000.0])
    """
    if top < 1e-6 or not math.isfinite(top):
        return [0.0, 1.0]
    raw = top / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    distance = next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999
    )
    return [number * distance for number in range(math.ceil(top / distance - 1e-9) + 1)]


def log_ticks(values: Sequence[float]) -> list[float]:
    """Return powers of ten around the positive of *values*, at most seven; none without any.

    >>> log_ticks([0.5, 300]), log_ticks([0.0]), log_ticks([10.0])
    ([0.1, 1.0, 10.0, 100.0, 1000.0], [], [10.0, 100.0])
    """
    positive = [value for value in values if value > 0 and math.isfinite(value)]
    if not positive:
        return []
    low = math.floor(math.log10(min(positive)) + 1e-9)
    high = max(math.ceil(math.log10(max(positive)) - 1e-9), low + 1)
    step = math.ceil((high - low) / 6)
    return [10.0**power for power in range(low, high + step, step)]


class TimeAxis:
    """Stretches of time laid side by side by their length; where time is left out is a break."""

    def __init__(self, spans: Sequence[Span], left: float, right: float) -> None:
        """Lay *spans*, which may touch and overlap, between *left* and *right*."""
        self._parts: list[Span] = []
        for start, end in sorted(spans):
            if self._parts and start <= self._parts[-1][1]:
                self._parts[-1] = (self._parts[-1][0], max(end, self._parts[-1][1]))
            else:
                self._parts.append((start, end))
        self.left, self.right = left, right
        holes = len(self._parts) - 1
        hours = sum((end - start) / _HOUR for start, end in self._parts)
        gap = min(_BREAK, (right - left) / (4 * holes)) if holes > 0 else 0.0
        self.per_hour = (right - left - max(holes, 0) * gap) / hours if hours else 0.0
        self._starts: list[float] = []
        self.breaks: list[float] = []
        at = left
        for number, (start, end) in enumerate(self._parts):
            if number:
                self.breaks.append(rounded(at + gap / 2))
                at += gap
            self._starts.append(at)
            at += (end - start) / _HOUR * self.per_hour

    @classmethod
    def of(cls, drawn: Sequence[Slot], left: float, right: float) -> "TimeAxis":
        """Return the axis on which *drawn* takes all the room."""
        return cls([(slot.start, slot.end) for slot in drawn], left, right)

    def at(self, moment: datetime, *, is_end: bool = False) -> float | None:
        """Return where *moment* lies, nothing when it is left out.

        Where one part ends another may begin at some distance: *is_end* asks for the end.
        """
        for (start, end), x in zip(self._parts, self._starts, strict=True):
            if start <= moment < end or (is_end and start < moment <= end):
                return x + (moment - start) / _HOUR * self.per_hour
        return None

    def area(self, start: datetime, end: datetime) -> tuple[float, float]:
        """Return left side and width of a stretch; what is left out of it has no width."""
        pieces = []
        for (begin, finish), x in zip(self._parts, self._starts, strict=True):
            first, last = max(begin, start), min(finish, end)
            if first < last:
                offset = x + (first - begin) / _HOUR * self.per_hour
                pieces.append((offset, offset + (last - first) / _HOUR * self.per_hour))
        return (pieces[0][0], pieces[-1][1] - pieces[0][0]) if pieces else (self.left, 0.0)

    def center(self, slot: Slot) -> float:
        """Return the middle of *slot*."""
        at, width = self.area(slot.start, slot.end)
        return at + width / 2

    def ticks(self, distance: float = 90.0) -> list[TimeTick]:
        """Return ticks at round times, at least *distance* apart."""
        wanted = timedelta(hours=distance / self.per_hour) if self.per_hour else STEPS[-1]
        step = next((one for one in STEPS if one >= wanted), STEPS[-1])
        found: list[TimeTick] = []
        day = ""
        for (start, end), x in zip(self._parts, self._starts, strict=True):
            moment = EPOCH + -((EPOCH - start) // step) * step
            while moment < end:
                at = x + (moment - start) / _HOUR * self.per_hour
                if not found or at - found[-1].at >= distance * 0.8:
                    today = f"{moment:%d %b}"
                    is_shown = today != day
                    found.append(self._tick(moment, at - x, at, step, today if is_shown else ""))
                    day = today
                moment += step
        return found

    def _tick(
        self, moment: datetime, into: float, at: float, step: timedelta, day: str
    ) -> TimeTick:
        """Return the mark at *at*, which lies *into* a part of the axis."""
        anchor = "first" if into < 20 else "end" if self.right - at < 20 else "middle"
        if step >= timedelta(days=1):
            return TimeTick(rounded(at), f"{moment:%d %b}", "", anchor)
        return TimeTick(rounded(at), f"{moment:%H:%M}", day, anchor)

    def days(self, top: float, depth: float) -> str:
        """Return a path of rules where days begin; none where they would be a grey carpet."""
        return "".join(f"M{rounded(x):g} {top:g}v{depth:g}" for x in self._midnights())

    def _midnights(self) -> list[float]:
        if self.per_hour * 24 < 12:
            return []
        found = []
        for (start, end), x in zip(self._parts, self._starts, strict=True):
            moment = start.replace(hour=0, minute=0, second=0, microsecond=0) + 24 * _HOUR
            while moment < end:
                found.append(x + (moment - start) / _HOUR * self.per_hour)
                moment += 24 * _HOUR
        return found
