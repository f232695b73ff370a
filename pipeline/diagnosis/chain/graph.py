"""Ways through the chain, and what of it says nothing new."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from pipeline.model import ChainEdge


def reached_from(edges: Iterable[ChainEdge], start: str) -> set[str]:
    """Return the nodes that a way along *edges* leads to from *start*."""
    following: dict[str, set[str]] = {}
    for edge in edges:
        following.setdefault(edge.source, set()).add(edge.target)
    waiting, reached = [start], set[str]()
    while waiting:
        for name in following.get(waiting.pop(), set()) - reached:
            reached.add(name)
            waiting.append(name)
    return reached


def linked_pairs(edges: Sequence[ChainEdge]) -> set[frozenset[str]]:
    """Return the pairs of which one is reached from the other along *edges*."""
    return {
        frozenset((start, name))
        for start in {edge.source for edge in edges}
        for name in reached_from(edges, start)
    }


def without_circles(better: Sequence[ChainEdge], more: Iterable[ChainEdge]) -> list[ChainEdge]:
    """Return *better* and those of *more*, in their order, that add something to them.

    One that would close a circle, or lead where a way leads already, adds nothing.
    """
    kept = list(better)
    for edge in more:
        leads = edge.target in reached_from(kept, edge.source)
        if not leads and edge.source not in reached_from(kept, edge.target):
            kept.append(edge)
    return kept


def triangles(pairs: Collection[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Yield (first, middle, last) where all three edges among them are there."""
    onward: dict[str, list[str]] = {}
    for source, target in sorted(pairs):
        onward.setdefault(source, []).append(target)
    for first, middles in onward.items():
        for middle in middles:
            for last in onward.get(middle, ()):
                if (first, last) in pairs:
                    yield first, middle, last
