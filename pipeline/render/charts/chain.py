"""The failure chain as a graph in layers, from the top down."""

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


MAX_BOXES = 12
_ROW_BOXES = 4
_BOX_WIDTH, _BOX_HEIGHT = 244.0, 46.0
_ROW_STEP, _BOX_GAP = 96.0, 22.0
_LANE = 26.0  # beside the boxes, for an arrow that passes rows


def chain_graph(nodes: Sequence[ChainNode], edges: Sequence[ChainEdge]) -> Graph:
    """Return the places of nodes and edges.

    Of more than `MAX_BOXES` nodes those with the strongest ties are drawn, and the rest are folded
    into one box. Thickness is the share of the later events that an edge covers.
    """
    kept = _kept(nodes, edges)
    folded = len(nodes) - len(kept)
    names = {nodes[at].node_id: at for at in kept}
    links = [
        (number, names[edge.source], names[edge.target])
        for number, edge in enumerate(edges)
        if edge.source in names and edge.target in names and edge.source != edge.target
    ]
    rows = _rows(kept, [(source, target) for _, source, target in links])
    if folded:
        rows.append([REST])
    widest = max((len(row) for row in rows), default=1)
    is_passing = any(_passed(rows, source, target) for _, source, target in links)
    aside = 2 * _LANE if is_passing else 0.0
    width = widest * (_BOX_WIDTH + _BOX_GAP) + _BOX_GAP + 2 * aside
    places: dict[int, Box] = {}
    for level, row in enumerate(rows):
        indent = (width - len(row) * (_BOX_WIDTH + _BOX_GAP) + _BOX_GAP) / 2
        for at, number in enumerate(row):
            x = indent + at * (_BOX_WIDTH + _BOX_GAP)
            places[number] = Box(number, rounded(x), 6 + level * _ROW_STEP, _BOX_WIDTH, _BOX_HEIGHT)
    leaves = _ports([(number, source, target) for number, source, target in links], places)
    enters = _ports([(number, target, source) for number, source, target in links], places)
    arrows = [
        _arrow(
            number,
            (places[source], leaves[number]),
            (places[target], enters[number]),
            edges[number].share,
            width,
        )
        for number, source, target in links
    ]
    height = max(len(rows), 1) * _ROW_STEP - (_ROW_STEP - _BOX_HEIGHT) + 12
    return Graph(round(width), round(height), list(places.values()), _apart(arrows), folded)


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
    """Layer by the longest way from a beginning; a circle cannot make a node sink for ever."""
    depth = dict.fromkeys(kept, 0)
    for _ in kept:
        for source, target in links:
            depth[target] = max(depth[target], min(depth[source] + 1, len(kept) - 1))
    rows: list[list[int]] = []
    for level in sorted(set(depth.values())):
        layer = [number for number in kept if depth[number] == level]
        layer = _below_their_sources(layer, links, rows)
        rows.extend(layer[at : at + _ROW_BOXES] for at in range(0, len(layer), _ROW_BOXES))
    return rows


def _below_their_sources(
    layer: Sequence[int], links: Sequence[tuple[int, int]], rows: Sequence[Sequence[int]]
) -> list[int]:
    """Order a layer by where its sources stand, so that arrows cross less."""
    spot = {number: at / len(row) for row in rows for at, number in enumerate(row)}

    def middle(number: int) -> float:
        above = [spot[source] for source, target in links if target == number and source in spot]
        return sum(above) / len(above) if above else 0.5

    return sorted(layer, key=middle)


def _passed(rows: Sequence[Sequence[int]], source: int, target: int) -> bool:
    """Tell whether an arrow passes a row, which it must do aside of the boxes."""
    level = {number: at for at, row in enumerate(rows) for number in row}
    return level[target] - level[source] != 1


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


def _arrow(
    number: int, start: tuple[Box, float], end: tuple[Box, float], share: float, width: float
) -> Arrow:
    (source, x1), (target, x2) = start, end
    rows = (target.y - source.y) / _ROW_STEP
    thickness = rounded(1.2 + 4.8 * min(max(share, 0.0), 1.0))
    if abs(rows - 1) < 0.5:
        y1, y2 = source.y + source.height, target.y - 8
        middle = (y1 + y2) / 2
        path = f"M{place(x1, y1)}C{place(x1, middle)} {place(x2, middle)} {place(x2, y2)}"
        head = f"M{place(x2 - 6, y2)}h12l-6 8z"
        # Beside the end of the arrow, which comes down straight.
        return Arrow(number, path, head, rounded(x2 + 9), rounded(y2 - 2), thickness)
    # Edges over several rows, along a row or back go aside, so as not to run through boxes.
    is_left = x1 + x2 < width - 1 or rows < 0
    side = -1.0 if is_left else 1.0
    x1 = source.x if is_left else source.x + source.width
    x2 = (target.x if is_left else target.x + target.width) + side * 8
    y1, y2 = source.y + source.height / 2, target.y + target.height / 2
    far = (min(x1, x2) if is_left else max(x1, x2)) + side * _LANE * min(abs(rows) / 2 + 0.6, 1.8)
    path = f"M{place(x1, y1)}C{place(far, y1)} {place(far, y2)} {place(x2, y2)}"
    head = f"M{place(x2, y2 - 6)}v12l{-8 * side:g} -6z"
    at = (x1 + 6 * far + x2) / 8 if is_left else (x1 + 6 * far + x2) / 8 - 4
    return Arrow(number, path, head, rounded(at), rounded((y1 + y2) / 2 + 4), thickness)


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
