"""The failure chain as a graph in layers, from the top down."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.model import ChainEdge, ChainNode
from pipeline.render.charts.axes import place, rounded

REST = -1  # the number of the box of all that is folded


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the chain; *number* is its place in the list that was given, -1 for the rest."""

    number: int
    x: float
    y: float
    width: float
    height: float

    @property
    def is_rest(self) -> bool:
        """Tell whether this box stands for the nodes that are not drawn by themselves."""
        return self.number == REST


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
    """The chain drawn in layers from the top down; *folded* nodes stand in one box."""

    width: int
    height: int
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """An edge between two nodes that are drawn, all by their numbers."""

    number: int
    source: int
    target: int


@dataclass(frozen=True, slots=True)
class Ends:
    """Where an edge leaves its box below, and where its head begins above the other box."""

    x1: float
    y1: float
    x2: float
    y2: float


MAX_BOXES = 12
_TOP, _TIP = 6.0, 8.0
_RETURN_TOP = 30.0  # room above the first row for arrows that come back to it
_ROW_BOXES = 4
_BOX_WIDTH, _BOX_HEIGHT = 244.0, 46.0
_ROW_STEP, _BOX_GAP = 96.0, 22.0
_LANE = 38.0  # beside the boxes, for an arrow that passes rows, and its label
_LABEL = 12.0  # more for the label of the outermost of these


def chain_graph(nodes: Sequence[ChainNode], edges: Sequence[ChainEdge]) -> Graph:
    """Return the places of nodes and edges.

    Of more than `MAX_BOXES` nodes those with the strongest ties are drawn, and the rest are folded
    into one box. Thickness is the share of the later events that an edge covers.
    """
    kept = _kept(nodes, edges)
    folded = len(nodes) - len(kept)
    names = {nodes[at].node_id: at for at in kept}
    links = [
        Link(number, names[edge.source], names[edge.target])
        for number, edge in enumerate(edges)
        if edge.source in names and edge.target in names and edge.source != edge.target
    ]
    rows = _rows(kept, [(link.source, link.target) for link in links])
    level = {number: at for at, row in enumerate(rows) for number in row}
    passing = [link for link in links if level[link.target] - level[link.source] != 1]
    if folded:
        rows.append([REST])
    # Lanes are taken by turns from both sides.
    left, right = _margin(len(passing[::2])), _margin(len(passing[1::2]))
    inner = max((len(row) for row in rows), default=1) * (_BOX_WIDTH + _BOX_GAP) + _BOX_GAP
    top = _RETURN_TOP if any(level[link.target] == 0 for link in passing) else _TOP
    places = _places(rows, left, inner, top)
    arrows = _arrows(links, passing, places, [edge.share for edge in edges])
    is_below = any(level[link.source] == len(rows) - 1 for link in passing)
    room = _ROW_STEP - _BOX_HEIGHT
    height = top + _TOP + max(len(rows), 1) * _ROW_STEP - (room / 2 if is_below else room)
    return Graph(
        width=round(left + inner + right),
        height=round(height),
        boxes=list(places.values()),
        arrows=_apart(arrows),
        folded=folded,
    )


def _arrows(
    links: Sequence[Link],
    passing: Sequence[Link],
    places: Mapping[int, Box],
    shares: Sequence[float],
) -> list[Arrow]:
    """Return an arrow a link; those *passing* rows go around the boxes."""
    leaves = _ports([(link.number, link.source, link.target) for link in links], places)
    enters = _ports([(link.number, link.target, link.source) for link in links], places)
    arrows = []
    for link in links:
        start, end = places[link.source].y + _BOX_HEIGHT, places[link.target].y - _TIP
        ends = Ends(leaves[link.number], start, enters[link.number], end)
        thickness = rounded(1.2 + 4.8 * min(max(shares[link.number], 0.0), 1.0))
        if link in passing:
            between = [box for box in places.values() if _is_between(box, ends)]
            arrows.append(_around(link.number, ends, between, passing.index(link), thickness))
        else:
            arrows.append(_straight(link.number, ends, thickness))
    return arrows


def _margin(lanes: int) -> float:
    return lanes * _LANE + _LABEL if lanes else 0.0


def _places(rows: Sequence[Sequence[int]], left: float, inner: float, top: float) -> dict[int, Box]:
    """Return the boxes of all rows, each row in the middle of *inner* to the right of *left*."""
    places: dict[int, Box] = {}
    for level, row in enumerate(rows):
        indent = left + (inner - len(row) * (_BOX_WIDTH + _BOX_GAP) + _BOX_GAP) / 2
        for at, number in enumerate(row):
            x = indent + at * (_BOX_WIDTH + _BOX_GAP)
            y = top + level * _ROW_STEP
            places[number] = Box(number, rounded(x), y, _BOX_WIDTH, _BOX_HEIGHT)
    return places


def _is_between(box: Box, ends: Ends) -> bool:
    top, bottom = sorted((ends.y1 - _BOX_HEIGHT, ends.y2 + _TIP))
    return top <= box.y <= bottom


def _kept(nodes: Sequence[ChainNode], edges: Sequence[ChainEdge]) -> list[int]:
    """Return the numbers of the nodes that are drawn by themselves, in the order given."""
    if len(nodes) <= MAX_BOXES:
        return list(range(len(nodes)))
    ties = dict.fromkeys((node.node_id for node in nodes), 0.0)
    for edge in edges:
        for name in {edge.source, edge.target} & ties.keys():
            ties[name] += edge.share * edge.together_count
    ranked = sorted(range(len(nodes)), key=lambda at: (-ties[nodes[at].node_id], at))
    return sorted(ranked[: MAX_BOXES - 1])


def _rows(kept: Sequence[int], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Layer by the longest way from a beginning; edges that close a circle do not count."""
    depth = dict.fromkeys(kept, 0)
    onward = _without_circles(kept, links)
    for _ in kept:
        for source, target in onward:
            depth[target] = max(depth[target], depth[source] + 1)
    rows: list[list[int]] = []
    for level in sorted(set(depth.values())):
        layer = [number for number in kept if depth[number] == level]
        layer = _below_their_sources(layer, links, rows)
        rows.extend(layer[at : at + _ROW_BOXES] for at in range(0, len(layer), _ROW_BOXES))
    return rows


def _without_circles(
    kept: Sequence[int], links: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return *links* but for those that lead back to where a walk along them came from."""
    nexts: dict[int, list[int]] = {number: [] for number in kept}
    for source, target in links:
        nexts[source].append(target)
    onward: list[tuple[int, int]] = []
    done: set[int] = set()

    def walk(number: int, path: frozenset[int]) -> None:
        for target in nexts[number]:
            if target in path:
                continue
            onward.append((number, target))
            if target not in done:
                walk(target, path | {target})
        done.add(number)

    # Where nothing leads to, a walk begins; what only circles lead to is walked last.
    reached = {target for _, target in links}
    for number in sorted(kept, key=lambda at: at in reached):
        if number not in done:
            walk(number, frozenset({number}))
    return onward


def _below_their_sources(
    layer: Sequence[int], links: Sequence[tuple[int, int]], rows: Sequence[Sequence[int]]
) -> list[int]:
    """Order a layer by where its sources stand, so that arrows cross less."""
    spot = {number: at / len(row) for row in rows for at, number in enumerate(row)}

    def middle(number: int) -> float:
        above = [spot[source] for source, target in links if target == number and source in spot]
        return sum(above) / len(above) if above else 0.5

    return sorted(layer, key=middle)


def _ports(links: Sequence[tuple[int, int, int]], places: Mapping[int, Box]) -> dict[int, float]:
    """Return where each edge meets its box, so that edges of one box do not lie on one another.

    *links*: number of the edge, its box here, its box at the other end.
    """
    met: dict[int, list[tuple[float, int]]] = {}
    for number, here, there in links:
        met.setdefault(here, []).append((places[there].x, number))
    return {
        number: places[here].x + places[here].width * (at + 1) / (len(found) + 1)
        for here, found in met.items()
        for at, (_, number) in enumerate(sorted(found))
    }


def _straight(number: int, ends: Ends, thickness: float) -> Arrow:
    """Return an arrow to the next row; its label is beside its end, which comes down straight."""
    middle = (ends.y1 + ends.y2) / 2
    path = (
        f"M{place(ends.x1, ends.y1)}C{place(ends.x1, middle)} {place(ends.x2, middle)} "
        f"{place(ends.x2, ends.y2)}"
    )
    return Arrow(number, path, _head(ends), rounded(ends.x2 + 9), rounded(ends.y2 - 2), thickness)


def _around(number: int, ends: Ends, between: Sequence[Box], turn: int, thickness: float) -> Arrow:
    """Return an arrow over several rows, along a row or back, which goes around all boxes.

    It runs in the gaps between rows to a lane beside the boxes of the rows *between*; *turn* is
    which of these arrows it is, so that each has a lane of its own.
    """
    side = -1 if turn % 2 == 0 else 1
    far = turn // 2 * _LANE + 14
    edges = [box.x for box in between] if side < 0 else [box.x + box.width for box in between]
    lane = (min(edges) - far) if side < 0 else (max(edges) + far)
    out, back = ends.y1 + 10 + turn % 4 * 3, ends.y2 - 12 - turn % 4 * 3
    path = _rounded_path(
        [(ends.x1, ends.y1), (ends.x1, out), (lane, out), (lane, back), (ends.x2, back),
         (ends.x2, ends.y2)]
    )  # fmt: skip
    label_x = lane - 34 if side < 0 else lane + 6
    return Arrow(
        number, path, _head(ends), rounded(label_x), rounded((out + back) / 2 + 4), thickness
    )


def _head(ends: Ends) -> str:
    return f"M{place(ends.x2 - 6, ends.y2)}h12l-6 {_TIP:g}z"


def _rounded_path(corners: Sequence[tuple[float, float]]) -> str:
    """Return straight lines through *corners*, each corner rounded off."""
    parts = [f"M{place(*corners[0])}"]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        into, out = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{place(*into)}Q{place(*corner)} {place(*out)}")
    return "".join([*parts, f"L{place(*corners[-1])}"])


def _towards(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Return the point six units from *start* on the way to *end*, or half of a shorter way."""
    length = math.dist(start, end)
    share = min(6.0, length / 2) / length if length else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _apart(arrows: Sequence[Arrow]) -> list[Arrow]:
    """Move labels down that would lie on one another."""
    taken: list[tuple[float, float]] = []
    moved = []
    for arrow in arrows:
        x, y = arrow.label_x, arrow.label_y
        while any(abs(x - other_x) < 36 and abs(y - other_y) < 12 for other_x, other_y in taken):
            y += 12
        taken.append((x, y))
        moved.append(Arrow(arrow.number, arrow.path, arrow.head, x, rounded(y), arrow.thickness))
    return moved
