"""What each service logged over time: gaps in its logs, changes, and when its errors began."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.render.charts.axes import Area, Span, Tick, TimeAxis, TimeTick, place, rounded
from pipeline.render.figures import minute, moment

_DIAMOND = "l6 6l-6 6l-6 -6z"


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which a service did not log as usual; *kind*: silent, absent or thin."""

    start: datetime
    end: datetime
    kind: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One service: its gaps, when its errors rose, and what changed; times are UTC."""

    gaps: Sequence[Gap] = ()
    onsets: Sequence[datetime] = ()
    changes: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a lane; *kind*: onset or change."""

    path: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a lane; *kind*: logged, silent, absent or thin."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class LaneChart:
    """Lanes below each other on one axis of time; *rows* are the names' baselines."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    depth: int
    times: list[TimeTick]
    days: str
    breaks: list[float]
    windows: list[Area]
    rows: list[Tick]
    bars: list[Bar]
    marks: list[Mark]
    kinds: frozenset[str]


def lane_chart(
    lanes: Sequence[Lane],
    baseline: Span | None,
    candidate: Span | None,
    *,
    width: int = 960,
    row_height: int = 26,
) -> LaneChart:
    """Return the drawing of *lanes* over both windows; without a window it has no length.

    A service counts as logging wherever coverage names no gap: bars end where gaps begin.
    """
    left, right, top = 200, width - 8, 6
    spans = [span for span in (baseline, candidate) if span is not None and span[0] < span[1]]
    axis = TimeAxis(spans, left, right)
    bars: list[Bar] = []
    marks: list[Mark] = []
    for number, lane in enumerate(lanes):
        y = top + number * row_height + 6.0
        bars += _bars(lane, spans, axis, y, row_height - 12.0)
        marks += _marks(lane, axis, y + (row_height - 12.0) / 2)
    bottom = top + len(lanes) * row_height
    area = axis.area(*candidate) if candidate else (0.0, 0.0)
    return LaneChart(
        width=width,
        height=bottom + 34,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        depth=bottom - top,
        times=axis.ticks(),
        days=axis.days(top, bottom - top),
        breaks=axis.breaks,
        windows=[Area(rounded(area[0]), rounded(area[1]), "candidate window")] if area[1] else [],
        rows=[
            Tick(top + number * row_height + row_height / 2 + 4, "") for number in range(len(lanes))
        ],
        bars=bars,
        marks=marks,
        kinds=frozenset([*(bar.kind for bar in bars), *(mark.kind for mark in marks)]),
    )


def _bars(lane: Lane, spans: Sequence[Span], axis: TimeAxis, y: float, height: float) -> list[Bar]:
    found: list[Bar] = []
    for start, end in spans:
        at = start
        for gap in sorted(lane.gaps, key=lambda gap: (gap.start, gap.end)):
            first, last = max(gap.start, at), min(gap.end, end)
            if first >= last:
                continue
            found += _bar(axis, at, first, "logged", y, height)
            found += _bar(axis, first, last, gap.kind, y, height)
            at = last
        found += _bar(axis, at, end, "logged", y, height)
    return found


def _bar(
    axis: TimeAxis, start: datetime, end: datetime, kind: str, y: float, height: float
) -> list[Bar]:
    if start >= end:
        return []
    x, width = axis.area(start, end)
    title = f"{minute(start)} to {minute(end)} UTC: {kind}"
    # A gap of a minute in a week must still be seen.
    return [Bar(rounded(x), y, rounded(max(width, 1.5)), height, kind, title)]


def _marks(lane: Lane, axis: TimeAxis, y: float) -> list[Mark]:
    found = []
    for kind, moments in (("change", lane.changes), ("onset", lane.onsets)):
        for one in sorted(set(moments)):
            x = axis.at(one)
            if x is not None:
                path = (
                    f"M{place(x, y - 9)}v18" if kind == "onset" else f"M{place(x, y - 6)}{_DIAMOND}"
                )
                found.append(Mark(path, kind, f"{kind}: {moment(one)} UTC"))
    return found
