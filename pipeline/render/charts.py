"""Pure geometry: numbers in, coordinates out. Markup is in ``reports/macros/charts.html.j2``.

Rates are events per covered hour. Positions are in units of the drawing, rounded to a tenth, so
that the same numbers give the same bytes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pipeline.model import ChainEdge, ChainNode, HourlyPoint
from pipeline.render.figures import count, minute, rate

# Less than a tenth of a bucket covered: one event would be shown as ten.
LEAST_COVERAGE = 0.1
FULL_COVERAGE = 0.95
_EPOCH = datetime(2000, 1, 3, tzinfo=UTC)  # a Monday, so that ticks a week apart begin a week
_STEPS = tuple(
    timedelta(minutes=number)
    for number in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160, 40320)
)
Scale = Callable[[float], float]
_BREAK = 18.0  # width of the mark where time is left out


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
    """Return at most *limit* slots in order of time; neighbours are added where there are more.

    A slot never spans both windows or a stretch without buckets. Bounds of added buckets are the
    sums of their bounds: wider than the band of the sum would be, never narrower. *borders* are
    the ends of windows, which cut the last bucket short.
    """
    ordered = sorted(points, key=lambda point: point.bucket_start)
    if not ordered:
        return []
    step = bucket_length(ordered)
    width = _merged_step(ordered, step, limit)
    groups: list[list[HourlyPoint]] = []
    for point in ordered:
        if groups and _belongs(groups[-1], point, step, width):
            groups[-1].append(point)
        else:
            groups.append([point])
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


def _merged_step(points: Sequence[HourlyPoint], step: timedelta, limit: int) -> timedelta:
    if len(points) <= limit:
        return step
    wanted = step * len(points) / limit
    # Merging stops at borders, so a slightly longer step than the count asks for may be needed.
    for candidate in _STEPS:
        if candidate >= wanted * 1.05 and candidate % step == timedelta(0):
            return candidate
    return step * math.ceil(len(points) / limit)


def _belongs(
    group: Sequence[HourlyPoint], point: HourlyPoint, step: timedelta, width: timedelta
) -> bool:
    same = (group[0].bucket_start - _EPOCH) // width == (point.bucket_start - _EPOCH) // width
    is_next = point.bucket_start - group[-1].bucket_start <= 1.5 * step
    return width > step and same and is_next and group[0].window == point.window


def _slot(group: Sequence[HourlyPoint], end: datetime, usual: timedelta) -> Slot:
    start = group[0].bucket_start
    hours = (end - start) / timedelta(hours=1)
    covered = sum(point.coverage for point in group) / len(group)
    exposed = hours * covered
    events = sum(point.event_count for point in group)
    is_drawn = covered >= LEAST_COVERAGE and exposed > 0

    def per_hour(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / exposed if is_drawn and len(known) == len(values) else None

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


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis at *at*, with its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A mark of the time axis; *date* is empty where the day has not changed."""

    at: float
    label: str
    date: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Area:
    """A stretch of the time axis with what it means."""

    at: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of the drawing."""

    x: float
    y: float


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
    days: list[float]
    breaks: list[float]
    candidate: list[Area]
    gaps: list[Area]
    band: str
    expected: str
    line: str
    partial: str
    above: list[Dot]
    onset: float | None
    onset_label: str
    is_onset_left: bool
    hits: list[Area]


def nice_ticks(top: float, wanted: int = 3) -> list[float]:
    """Return ticks from zero to at least *top*, at round distances.

    >>> nice_ticks(930), nice_ticks(0), nice_ticks(1.4)
    ([0.0, 500.0, 1000.0], [0.0, 1.0], [0.0, 0.5, 1.0, 1.5])
    """
    if top < 1e-6 or not math.isfinite(top):
        return [0.0, 1.0]
    raw = top / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    distance = next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999
    )
    return [number * distance for number in range(math.ceil(top / distance - 1e-9) + 1)]


class _TimeAxis:
    """Slots laid side by side by their length; where time is left out stands a break."""

    def __init__(self, drawn: Sequence[Slot], left: float, right: float) -> None:
        self._slots = drawn
        self.breaks: list[float] = []
        holes = sum(1 for a, b in pairwise(drawn) if b.start > a.end)
        hours = sum((slot.end - slot.start) / timedelta(hours=1) for slot in drawn)
        gap = min(_BREAK, (right - left) / (4 * holes)) if holes else 0.0
        self.per_hour = (right - left - holes * gap) / hours if hours else 0.0
        self._starts: list[float] = []
        at = left
        for number, slot in enumerate(drawn):
            if number and slot.start > drawn[number - 1].end:
                self.breaks.append(at + gap / 2)
                at += gap
            self._starts.append(at)
            at += self._length(slot)

    def _length(self, slot: Slot) -> float:
        return (slot.end - slot.start) / timedelta(hours=1) * self.per_hour

    def area(self, number: int) -> tuple[float, float]:
        return self._starts[number], self._length(self._slots[number])

    def center(self, number: int) -> float:
        at, width = self.area(number)
        return at + width / 2

    def at(self, moment: datetime) -> float | None:
        """Return where *moment* lies, nothing when it lies in no slot."""
        for number, slot in enumerate(self._slots):
            if slot.start <= moment < slot.end:
                return (
                    self._starts[number]
                    + (moment - slot.start) / timedelta(hours=1) * self.per_hour
                )
        return None

    def ticks(self, distance: float) -> list[TimeTick]:
        """Return ticks at round times, at least *distance* apart."""
        wanted = timedelta(hours=distance / self.per_hour) if self.per_hour else _STEPS[-1]
        step = next((one for one in _STEPS if one >= wanted), _STEPS[-1])
        found: list[TimeTick] = []
        for number, slot in enumerate(self._slots):
            moment = _EPOCH + -((_EPOCH - slot.start) // step) * step
            while moment < slot.end:
                at = (
                    self._starts[number]
                    + (moment - slot.start) / timedelta(hours=1) * self.per_hour
                )
                if not found or at - found[-1].at >= distance * 0.8:
                    found.append(self._tick(moment, at, step, found))
                moment += step
        return found

    def _tick(
        self, moment: datetime, at: float, step: timedelta, found: list[TimeTick]
    ) -> TimeTick:
        day = f"{moment:%d %b}"
        if step >= timedelta(days=1):
            return TimeTick(_round(at), day, "", not found)
        known = [tick.date for tick in found if tick.date]
        return TimeTick(
            _round(at), f"{moment:%H:%M}", "" if known[-1:] == [day] else day, not found
        )

    def midnights(self) -> list[float]:
        return [
            _round(self._starts[number])
            for number, slot in enumerate(self._slots)
            if slot.start.hour == 0 and slot.start.minute == 0 and number
        ]


def _round(value: float) -> float:
    return round(value, 1)


def rate_chart(
    drawn: Sequence[Slot],
    *,
    onset: datetime | None = None,
    noun: str = "events",
    width: int = 960,
    height: int = 250,
    tick_distance: float = 90.0,
) -> RateChart:
    """Return the drawing of *drawn*, which may be empty; *noun* says what is counted."""
    left, right, top, bottom = 48, 12, 24, 34
    axis = _TimeAxis(drawn, left, width - right)
    known = (value for slot in drawn for value in (slot.rate, slot.expected, slot.upper))
    highest = max((value for value in known if value is not None), default=0.0)
    ticks = nice_ticks(highest)
    floor, plot = height - bottom, height - bottom - top

    def y(value: float) -> float:
        return floor - value / ticks[-1] * plot

    onset_at = axis.at(onset) if onset else None
    return RateChart(
        width=width,
        height=height,
        left=left,
        right=width - right,
        top=top,
        bottom=floor,
        depth=plot,
        rates=[Tick(_round(y(value)), rate(value)) for value in ticks],
        times=axis.ticks(tick_distance),
        days=axis.midnights(),
        breaks=[_round(at) for at in axis.breaks],
        candidate=_window_areas(drawn, axis, "candidate"),
        gaps=_gap_areas(drawn, axis),
        band=_band(drawn, axis, y),
        expected=_curve([(axis.center(n), s.expected) for n, s in enumerate(drawn)], drawn, y),
        line=_line(drawn, axis, y, is_partial=False),
        partial=_line(drawn, axis, y, is_partial=True),
        above=[
            Dot(_round(axis.center(number)), _round(y(slot.rate)))
            for number, slot in enumerate(drawn)
            if slot.is_above and slot.rate is not None
        ],
        onset=None if onset_at is None else _round(onset_at),
        onset_label=f"onset {onset:%H:%M:%S}" if onset else "",
        is_onset_left=onset_at is not None and onset_at < width / 2,
        hits=[_hit(axis.area(number), slot, noun) for number, slot in enumerate(drawn)],
    )


def _hit(area: tuple[float, float], slot: Slot, noun: str) -> Area:
    return Area(_round(area[0]), _round(area[1]), slot_words(slot, noun))


def slot_words(slot: Slot, noun: str) -> str:
    """Return what a slot holds: time, count, rate, expectation, and how much of it was covered."""
    text = f"{minute(slot.start)}: {count(slot.event_count)} {noun}"
    if slot.rate is None:
        return f"{text}, too little covered for a rate"
    if slot.rate != slot.event_count:
        text += f", {rate(slot.rate)} per hour"
    if slot.expected is not None:
        text += f"; expected {rate(slot.expected)}"
        if slot.upper is not None:
            text += f" ({rate(slot.lower)} to {rate(slot.upper)})"
    if slot.is_above:
        text += ", above the band"
    return f"{text}; {slot.coverage:.0%} covered".replace("%", " %") if slot.is_partial else text


def _window_areas(drawn: Sequence[Slot], axis: _TimeAxis, window: str) -> list[Area]:
    numbers = [number for number, slot in enumerate(drawn) if slot.window == window]
    if not numbers:
        return []
    start = axis.area(numbers[0])[0]
    last, length = axis.area(numbers[-1])
    return [Area(_round(start), _round(last + length - start), f"{window} window")]


def _gap_areas(drawn: Sequence[Slot], axis: _TimeAxis) -> list[Area]:
    """Return each run of slots without a rate as one area."""
    areas: list[Area] = []
    number = 0
    while number < len(drawn):
        end = number
        while end < len(drawn) and drawn[end].rate is None:
            end += 1
        if end > number:
            start = axis.area(number)[0]
            last, length = axis.area(end - 1)
            title = (
                f"not covered: {minute(drawn[number].start)} to {minute(drawn[end - 1].end)} UTC"
            )
            areas.append(Area(_round(start), _round(last + length - start), title))
        number = end + 1
    return areas


def _is_joined(earlier: Slot, later: Slot) -> bool:
    return earlier.end >= later.start


def _curve(places: Sequence[tuple[float, float | None]], drawn: Sequence[Slot], y: Scale) -> str:
    parts: list[str] = []
    is_open = False
    for number, (x, value) in enumerate(places):
        if value is None:
            is_open = False
            continue
        joined = is_open and _is_joined(drawn[number - 1], drawn[number])
        parts.append(f"{'L' if joined else 'M'}{_round(x):g} {_round(y(value)):g}")
        is_open = True
    return "".join(parts)


def _line(drawn: Sequence[Slot], axis: _TimeAxis, y: Scale, *, is_partial: bool) -> str:
    """Return the line's full segments, or those that touch a slot which is covered in part."""
    parts: list[str] = []
    pen = -1  # the slot at which the path ends
    for number, slot in enumerate(drawn):
        if slot.rate is None:
            continue
        place = f"{_round(axis.center(number)):g} {_round(y(slot.rate)):g}"
        before = drawn[number - 1] if number else None
        if before is None or before.rate is None or not _is_joined(before, slot):
            # A segment of no length, so that a slot without neighbours is seen at all.
            if slot.is_partial is is_partial:
                parts.append(f"M{place}h0")
                pen = number
        elif (slot.is_partial or before.is_partial) is is_partial:
            start = f"{_round(axis.center(number - 1)):g} {_round(y(before.rate)):g}"
            parts.append(f"L{place}" if pen == number - 1 else f"M{start}L{place}")
            pen = number
    return "".join(parts)


def _band(drawn: Sequence[Slot], axis: _TimeAxis, y: Scale) -> str:
    runs: list[list[int]] = []
    for number, slot in enumerate(drawn):
        if slot.lower is None or slot.upper is None:
            continue
        if runs and runs[-1][-1] == number - 1 and _is_joined(drawn[number - 1], slot):
            runs[-1].append(number)
        else:
            runs.append([number])
    paths = []
    for run in runs:
        ends = [(axis.area(run[0])[0], run[0]), (sum(axis.area(run[-1])), run[-1])]
        places = [ends[0], *((axis.center(number), number) for number in run), ends[1]]
        over = [f"{_round(x):g} {_round(y(drawn[n].upper or 0.0)):g}" for x, n in places]
        under = [f"{_round(x):g} {_round(y(drawn[n].lower or 0.0)):g}" for x, n in reversed(places)]
        paths.append("M" + "L".join([*over, *under]) + "Z")
    return "".join(paths)


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
    axis = _TimeAxis(drawn, 1, width - 1)
    top = max([floor, *(slot.rate for slot in drawn if slot.rate is not None)])

    def y(value: float) -> float:
        return height - 2 - (value / top if top > 0 else 0.0) * (height - 4)

    at = axis.at(onset) if onset else None
    line = _curve([(axis.center(n), slot.rate) for n, slot in enumerate(drawn)], drawn, y)
    return Spark(width, height, line, None if at is None else _round(at))


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
    """Classes by time, by how far each is above what was expected."""

    width: int
    height: int
    left: int
    bottom: int
    times: list[TimeTick]
    rows: list[Tick]
    cells: list[Cell]


# Upper limits of the ratio to the expected count for levels 1, 2 and 3.
HEAT_LIMITS = (2.0, 4.0, 16.0)
# Half an event an hour: without it, one event where none is expected would be infinitely many.
_LEAST_EXPECTED = 0.5


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


def _heat_runs(drawn: Sequence[Slot]) -> list[tuple[int, int]]:
    """Return first and last slot of each field: rises stand alone, the rest is joined."""
    runs: list[tuple[int, int]] = []
    for number, slot in enumerate(drawn):
        level = heat_level(slot)
        is_same = bool(runs) and level == heat_level(drawn[runs[-1][1]])
        if is_same and level not in "1234" and _is_joined(drawn[number - 1], slot):
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _run_words(run: Sequence[Slot]) -> str:
    if len(run) == 1:
        return slot_words(run[0], "events")
    events = count(sum(slot.event_count for slot in run))
    words = {"0": "in the band", "gap": "not covered", "none": "no expectation"}
    end = minute(run[-1].end)
    return f"{minute(run[0].start)} to {end} UTC: {events} events, {words[heat_level(run[0])]}"


def heat_map(
    rows: Sequence[tuple[str, Sequence[Slot]]], *, width: int = 960, row_height: int = 24
) -> HeatMap:
    """Return the fields of *rows*, each a name for the tooltip and its slots."""
    left, right, top = 190, 8, 6
    cells: list[Cell] = []
    marks: list[Tick] = []
    longest = max((drawn for _, drawn in rows), key=len, default=[])
    for number, (name, drawn) in enumerate(rows):
        axis = _TimeAxis(drawn, left, width - right)
        at = top + number * row_height
        marks.append(Tick(at + row_height / 2 + 4, name))
        for first, last in _heat_runs(drawn):
            x = axis.area(first)[0]
            end, length = axis.area(last)
            cell_size = (_round(max(end + length - x - 1, 0.5)), row_height - 1)
            title = _run_words(drawn[first : last + 1])
            cells.append(Cell(_round(x), at, *cell_size, heat_level(drawn[first]), title))
    bottom = top + len(rows) * row_height
    times = _TimeAxis(longest, left, width - right).ticks(90.0)
    return HeatMap(width, bottom + 34, left, bottom, times, marks, cells)


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the chain; *number* is its place in the list that was given."""

    number: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """An edge of the chain; *number* is its place in the list that was given."""

    number: int
    path: str
    head: str
    label_x: float
    label_y: float
    thickness: float


@dataclass(frozen=True, slots=True)
class Graph:
    """The chain drawn in layers from the top down; *folded* nodes found no place."""

    width: int
    height: int
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    folded: int = 0


MAX_BOXES = 12
_ROW_BOXES = 4
_BOX_WIDTH, _BOX_HEIGHT = 244.0, 46.0
_ROW_STEP, _BOX_GAP = 96.0, 22.0


def chain_graph(nodes: Sequence[ChainNode], edges: Sequence[ChainEdge]) -> Graph:
    """Return the places of nodes and edges; beyond `MAX_BOXES` nodes the least tied are folded."""
    tied = {name for edge in edges for name in (edge.source, edge.target)}
    ranked = sorted(range(len(nodes)), key=lambda at: (nodes[at].node_id not in tied, at))
    kept = sorted(ranked[:MAX_BOXES])
    names = {nodes[at].node_id: at for at in kept}
    links = [
        (number, names[edge.source], names[edge.target])
        for number, edge in enumerate(edges)
        if edge.source in names and edge.target in names and edge.source != edge.target
    ]
    rows = _rows(kept, [(source, target) for _, source, target in links])
    widest = max((len(row) for row in rows), default=1)
    width = widest * (_BOX_WIDTH + _BOX_GAP) + 2 * _BOX_GAP
    places: dict[int, Box] = {}
    for level, row in enumerate(rows):
        indent = (width - len(row) * (_BOX_WIDTH + _BOX_GAP) + _BOX_GAP) / 2
        for at, number in enumerate(row):
            x = indent + at * (_BOX_WIDTH + _BOX_GAP)
            places[number] = Box(number, _round(x), 6 + level * _ROW_STEP, _BOX_WIDTH, _BOX_HEIGHT)
    arrows = [
        _arrow(number, places[source], places[target], edges[number].share)
        for number, source, target in links
    ]
    height = max(len(rows), 1) * _ROW_STEP - (_ROW_STEP - _BOX_HEIGHT) + 12
    return Graph(round(width), round(height), list(places.values()), arrows, len(nodes) - len(kept))


def _rows(kept: Sequence[int], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Layer by the longest way from a beginning; a circle cannot make a node sink for ever."""
    depth = dict.fromkeys(kept, 0)
    for _ in kept:
        for source, target in links:
            depth[target] = max(depth[target], min(depth[source] + 1, len(kept) - 1))
    rows: list[list[int]] = []
    for level in sorted(set(depth.values())):
        layer = [number for number in kept if depth[number] == level]
        rows.extend(layer[at : at + _ROW_BOXES] for at in range(0, len(layer), _ROW_BOXES))
    return rows


def _arrow(number: int, source: Box, target: Box, share: float) -> Arrow:
    x1, x2 = source.x + source.width / 2, target.x + target.width / 2
    is_down = target.y > source.y
    y1 = source.y + source.height if is_down else source.y
    y2 = target.y - 7 if is_down else target.y + target.height + 7
    # Edges over several rows bend aside, so as not to run through the boxes between.
    rows = abs(target.y - source.y) / _ROW_STEP
    aside = 0.0 if rows <= 1 else _BOX_WIDTH * 0.62 if x2 >= x1 else -_BOX_WIDTH * 0.62
    middle = (y1 + y2) / 2
    path = (
        f"M{_round(x1):g} {_round(y1):g}C{_round(x1 + aside):g} {_round(middle):g} "
        f"{_round(x2 + aside):g} {_round(middle):g} {_round(x2):g} {_round(y2):g}"
    )
    tip = 7 if is_down else -7
    head = f"M{_round(x2 - 5):g} {_round(y2):g}h10l-5 {tip}z"
    label_x = (x1 + x2) / 2 + aside * 0.75 + 6
    thickness = _round(1.2 + 2.2 * min(max(share, 0.0), 1.0))
    return Arrow(number, path, head, _round(label_x), _round(middle + 4), thickness)
