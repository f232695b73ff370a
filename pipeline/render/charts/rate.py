"""A line over time with what was expected, where it began to rise, and where nothing is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.render.charts.axes import (
    Area,
    Scale,
    Tick,
    TimeAxis,
    TimeTick,
    nice_ticks,
    place,
    rounded,
    rules,
    without_flat,
)
from pipeline.render.charts.slots import Slot
from pipeline.render.figures import count, duration, minute, rate

LEFT, RIGHT = 52, 12  # margins of all drawings that share an axis of time


@dataclass(frozen=True, slots=True)
class RateChart:
    """A line over time with its expected band; paths are in the syntax of SVG."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    depth: int  # of the plot, between top and bottom
    rates: list[Tick]
    times: list[TimeTick]
    grid: str
    days: str
    breaks: list[float]
    candidate: list[Area]
    gaps: list[Area]
    band: str
    expected: str
    line: str
    partial: str
    above: str  # places without length, to be drawn with round ends
    onset: float | None
    onset_range: Area | None
    onset_label: str
    is_onset_left: bool
    hits: list[Area]

    @property
    def kinds(self) -> frozenset[str]:
        """Name what is drawn, for a key: ``line``, ``partial``, ``band`` and so on."""
        return frozenset(
            name
            for name in ("line", "partial", "expected", "band", "above", "candidate", "gaps")
            if getattr(self, name)
        )


@dataclass(frozen=True, slots=True)
class Axis:
    """Times below drawings that share them."""

    width: int
    height: int
    times: list[TimeTick]


def axis_strip(drawn: Sequence[Slot], *, width: int = 960) -> Axis:
    """Return the axis of time that stands below drawings of the same slots without one."""
    axis = TimeAxis.of(drawn, LEFT, width - RIGHT)
    return Axis(width, 34, axis.ticks())


def rate_chart(
    drawn: Sequence[Slot],
    *,
    shared: Sequence[Slot] = (),
    onset: datetime | None = None,
    onset_range: tuple[datetime, datetime] | None = None,
    noun: str = "events",
    width: int = 960,
    height: int = 250,
    tick_count: int = 3,
    has_times: bool = True,
) -> RateChart:
    """Return the drawing of *drawn*, which may be empty; *noun* says what is counted.

    *shared* are slots of which the axis of time is made, so that several drawings stand on the
    same; *has_times* leaves room for its labels. *onset_range* are the bounds of *onset*.
    """
    top, bottom = 22 if onset and has_times else 8, 34 if has_times else 6
    axis = TimeAxis.of([*shared, *drawn], LEFT, width - RIGHT)
    known = (value for slot in drawn for value in (slot.rate, slot.expected, slot.upper))
    highest = max((value for value in known if value is not None), default=0.0)
    # Beside nothing at all, what was expected is not blown up to fill the drawing.
    is_quiet = highest > 0 and not any(slot.rate for slot in drawn)
    ticks = nice_ticks(max(highest, 1.0) if is_quiet else highest, tick_count)
    floor, plot = height - bottom, height - bottom - top

    def y(value: float) -> float:
        return floor - value / ticks[-1] * plot

    marks = [Tick(rounded(y(value)), rate(value)) for value in ticks]
    onset_at = axis.at(onset) if onset else None
    return RateChart(
        width=width,
        height=height,
        left=LEFT,
        right=width - RIGHT,
        top=top,
        bottom=floor,
        depth=plot,
        rates=marks,
        times=axis.ticks() if has_times else [],
        grid=rules(marks, LEFT, width - RIGHT),
        days=axis.days(top, plot),
        breaks=axis.breaks,
        candidate=_window_areas(drawn, axis, "candidate"),
        gaps=_gap_areas(drawn, axis),
        band=_band(drawn, axis, y),
        expected=curve([slot.expected for slot in drawn], drawn, axis, y),
        line=_line(drawn, axis, y, is_partial=False),
        partial=_line(drawn, axis, y, is_partial=True),
        above="".join(
            f"M{place(axis.center(slot), y(slot.rate))}h0"
            for slot in drawn
            if slot.is_above and slot.rate is not None
        ),
        onset=None if onset_at is None else rounded(onset_at),
        onset_range=_range_area(axis, onset_range) if onset_at is not None else None,
        onset_label=_onset_words(onset, onset_range) if onset else "",
        # The label ends at the rule, but for one too near to the left side to have room there.
        is_onset_left=onset_at is not None and onset_at < LEFT + 240,
        hits=_hits(drawn, axis, noun, is_joined=not has_times),
    )


def _onset_words(onset: datetime, bounds: tuple[datetime, datetime] | None) -> str:
    words = f"onset {onset:%H:%M:%S}"
    if bounds is None:
        return words
    off = max((onset - bounds[0]).total_seconds(), (bounds[1] - onset).total_seconds())
    return f"{words} ± {duration(off)}" if off >= 1 else f"{words} ± 1 s"


def _range_area(axis: TimeAxis, bounds: tuple[datetime, datetime] | None) -> Area | None:
    if bounds is None:
        return None
    x, width = axis.area(*bounds)
    return Area(rounded(x), rounded(width), "95 % interval of the onset") if width >= 0.1 else None


def _hits(drawn: Sequence[Slot], axis: TimeAxis, noun: str, *, is_joined: bool) -> list[Area]:
    """Return what is told of each slot; *is_joined*: of neighbours without an event, together."""
    runs: list[list[Slot]] = []
    for slot in drawn:
        if is_joined and runs and _is_calm(slot) and _is_calm(runs[-1][-1]):
            runs[-1].append(slot)
        else:
            runs.append([slot])
    found = []
    for run in runs:
        x, width = axis.area(run[0].start, run[-1].end)
        words = slot_words(run[0], noun)
        if len(run) > 1:
            words = f"{minute(run[0].start)}: 0 {noun} until {minute(run[-1].end)}"
        found.append(Area(rounded(x), rounded(width), words))
    return found


def _is_calm(slot: Slot) -> bool:
    return slot.rate is not None and not slot.event_count and not slot.is_partial


def slot_words(slot: Slot, noun: str) -> str:
    """Return what a slot holds: time, count, rate, expectation, and how much of it was covered."""
    text = f"{minute(slot.start)}: {count(slot.event_count)} {noun}"
    if slot.rate is None:
        return f"{text}, too little covered for a rate"
    if slot.rate != slot.event_count:
        text += f", {rate(slot.rate)}/h"
    if slot.expected is not None:
        text += f"; expected {rate(slot.expected)}"
        if slot.upper is not None:
            text += f" ({rate(slot.lower)} to {rate(slot.upper)})"
    if slot.is_above:
        text += ", above the band"
    return f"{text}; {slot.coverage:.0%} covered".replace("%", " %") if slot.is_partial else text


def _window_areas(drawn: Sequence[Slot], axis: TimeAxis, window: str) -> list[Area]:
    found = [slot for slot in drawn if slot.window == window]
    if not found:
        return []
    x, width = axis.area(found[0].start, found[-1].end)
    return [Area(rounded(x), rounded(width), f"{window} window")]


def _gap_areas(drawn: Sequence[Slot], axis: TimeAxis) -> list[Area]:
    """Return each run of slots without a rate as one area."""
    runs: list[list[Slot]] = []
    for number, slot in enumerate(drawn):
        if slot.rate is not None:
            continue
        if number and drawn[number - 1].rate is None and _is_joined(drawn[number - 1], slot):
            runs[-1].append(slot)
        else:
            runs.append([slot])
    areas = []
    for run in runs:
        x, width = axis.area(run[0].start, run[-1].end)
        title = f"not covered: {minute(run[0].start)} to {minute(run[-1].end)} UTC"
        areas.append(Area(rounded(x), rounded(width), title))
    return areas


def _is_joined(earlier: Slot, later: Slot) -> bool:
    return earlier.end >= later.start


def curve(values: Sequence[float | None], drawn: Sequence[Slot], axis: TimeAxis, y: Scale) -> str:
    """Return a path through the known *values* of *drawn*; it breaks at the others."""
    parts: list[str] = []
    is_open = False
    for number, (slot, value) in enumerate(zip(drawn, values, strict=True)):
        if value is None:
            is_open = False
            continue
        joined = is_open and _is_joined(drawn[number - 1], slot)
        parts.append(f"{'L' if joined else 'M'}{place(axis.center(slot), y(value))}")
        is_open = True
    # A single place has no length: a segment of none lets round line ends show it.
    return f"{parts[0]}h0" if len(parts) == 1 else "".join(without_flat(parts))


def _line(drawn: Sequence[Slot], axis: TimeAxis, y: Scale, *, is_partial: bool) -> str:
    """Return the line's full segments, or those that touch a slot which is covered in part."""
    parts: list[str] = []
    pen = -1  # the slot at which the path ends
    for number, slot in enumerate(drawn):
        if slot.rate is None:
            continue
        at = place(axis.center(slot), y(slot.rate))
        before = drawn[number - 1] if number else None
        if before is None or before.rate is None or not _is_joined(before, slot):
            # A segment of no length, so that a slot without neighbours is seen at all.
            if slot.is_partial is is_partial:
                parts.append(f"M{at}h0")
                pen = number
        elif (slot.is_partial or before.is_partial) is is_partial:
            start = place(axis.center(before), y(before.rate))
            parts.append(f"L{at}" if pen == number - 1 else f"M{start}L{at}")
            pen = number
    return "".join(without_flat(parts))


def _band(drawn: Sequence[Slot], axis: TimeAxis, y: Scale) -> str:
    runs: list[list[Slot]] = []
    for number, slot in enumerate(drawn):
        if slot.lower is None or slot.upper is None:
            continue
        before = drawn[number - 1] if number else None
        if runs and runs[-1][-1] is before and _is_joined(before, slot):
            runs[-1].append(slot)
        else:
            runs.append([slot])
    paths = []
    for run in runs:
        x, width = axis.area(run[0].start, run[-1].end)
        spots = [
            (x, run[0]),
            *((axis.center(slot), slot) for slot in run),
            (x + width, run[-1]),
        ]
        over = [f"L{place(x, y(slot.upper or 0.0))}" for x, slot in spots]
        under = [f"L{place(x, y(slot.lower or 0.0))}" for x, slot in reversed(spots)]
        paths.append("M" + "".join([*without_flat(over), *without_flat(under)])[1:] + "Z")
    return "".join(paths)
