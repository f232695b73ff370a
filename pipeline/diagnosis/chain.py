"""What followed from what, as far as the logs themselves tie events together.

Evidence, in order: causes that traces state, and classes that occur under the same request or trace
id, one after the other. Where neither ties two findings together nothing is drawn; where their
onset intervals overlap, the order is said to be unknown. A first failure precedes the others. It is
not a root cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.model import Chain, ChainEdge, ChainNode, Finding

# Below these, ids that two classes share may be a coincidence of a few requests.
MINIMUM_TOGETHER = 3
MINIMUM_SHARE = 0.2
# An endpoint is drawn as the beginning where most of a class's requests went to it.
_ENDPOINT_SHARE = 0.2
_MAX_ENDPOINTS = 5


@dataclass(frozen=True, slots=True)
class Tables:
    """The marts the chain is built from: correlated_pairs, correlated_endpoints, stated_causes."""

    pairs: pl.DataFrame
    endpoints: pl.DataFrame
    causes: pl.DataFrame


def build_chain(findings: Sequence[Finding], tables: Tables) -> Chain:
    """Return the chain over the regressions among *findings*."""
    shown = {finding.finding_id: finding for finding in findings if finding.is_regression}
    edges = [*_stated(shown, tables.causes), *_traced(shown, tables.pairs)]
    followed = {edge.target for edge in edges}
    first = [name for name in shown if name not in followed]
    tied = {name for edge in edges for name in (edge.source, edge.target)}
    begun, endpoint_edges = _endpoints(shown, [name for name in first if name in tied], tables)
    nodes = [*begun, *(_node(finding) for finding in shown.values())]
    return Chain(
        nodes=nodes,
        edges=[*endpoint_edges, *edges],
        first_failures=[name for name in first if name in tied or not edges],
        order_unknown=_unordered(list(shown.values()), edges),
    )


def _node(finding: Finding) -> ChainNode:
    kind = "status" if finding.kind == "failed_request" else "finding"
    label = finding.error_class or finding.title
    if kind == "status":
        label = finding.title
    return ChainNode(finding.finding_id, kind, label, finding.finding_id)  # type: ignore[arg-type]


def _stated(shown: Mapping[str, Finding], causes: pl.DataFrame) -> list[ChainEdge]:
    """Edges from a class to one whose traces name it as their cause."""
    by_type: dict[str, list[str]] = {}
    for finding in shown.values():
        if finding.exception_type:
            by_type.setdefault(finding.exception_type, []).append(finding.finding_id)
    counts: dict[tuple[str, str], int] = {}
    for row in causes.iter_rows(named=True):
        target = row["finding_id"]
        if target not in shown:
            continue
        types = {link.partition(":")[0].strip() for link in row["exception_chain"]}
        for name in sorted(types):
            for source in by_type.get(name, ()):
                if source != target:
                    key = (source, target)
                    counts[key] = counts.get(key, 0) + row["together_count"]
    return [
        ChainEdge(
            source=source,
            target=target,
            evidence="stated",
            grade="observed",
            together_count=count,
            share=count / max(shown[target].candidate_count, 1),
            lift=None,
            median_lag_seconds=None,
            negative_control=None,
        )
        for (source, target), count in sorted(counts.items())
    ]


def _traced(shown: Mapping[str, Finding], pairs: pl.DataFrame) -> list[ChainEdge]:
    """Edges between classes under one id; of two opposite ones the more frequent is kept."""
    rows: dict[tuple[str, str], dict[str, Any]] = {
        (row["source_id"], row["target_id"]): row
        for row in pairs.iter_rows(named=True)
        if row["source_id"] in shown and row["target_id"] in shown
    }
    edges = []
    for (source, target), row in sorted(rows.items()):
        opposite = rows.get((target, source))
        is_weaker = opposite is not None and opposite["together_count"] >= row["together_count"]
        if row["together_count"] < MINIMUM_TOGETHER or row["share"] < MINIMUM_SHARE or is_weaker:
            continue
        edges.append(
            ChainEdge(
                source=source,
                target=target,
                evidence="trace",
                grade="observed",
                together_count=row["together_count"],
                share=row["share"],
                lift=None,
                median_lag_seconds=row["median_lag_seconds"],
                negative_control=None,
            )
        )
    return edges


def _endpoints(
    shown: Mapping[str, Finding], first: Sequence[str], tables: Tables
) -> tuple[list[ChainNode], list[ChainEdge]]:
    """Return the endpoints whose failed requests carry the ids of the first failures."""
    nodes: dict[str, ChainNode] = {}
    edges = []
    for row in tables.endpoints.iter_rows(named=True):
        is_enough = row["together_count"] >= MINIMUM_TOGETHER and row["share"] >= _ENDPOINT_SHARE
        if row["finding_id"] not in first or not is_enough:
            continue
        if shown[row["finding_id"]].kind == "failed_request":
            continue
        label = f"{row['http_request_method'] or ''} {row['http_route']}".strip()
        name = f"endpoint {label}"
        if name not in nodes and len(nodes) >= _MAX_ENDPOINTS:
            continue
        nodes[name] = ChainNode(name, "endpoint", label, None)
        edges.append(
            ChainEdge(
                source=name,
                target=row["finding_id"],
                evidence="trace",
                grade="observed",
                together_count=row["together_count"],
                share=row["share"],
                lift=None,
                median_lag_seconds=None,
                negative_control=None,
            )
        )
    return list(nodes.values()), edges


def _linked(edges: Sequence[ChainEdge]) -> set[frozenset[str]]:
    """Return the pairs of which one is reached from the other along edges."""
    following: dict[str, set[str]] = {}
    for edge in edges:
        following.setdefault(edge.source, set()).add(edge.target)
    linked = set()
    for start in following:
        waiting, reached = [start], set[str]()
        while waiting:
            for name in following.get(waiting.pop(), set()) - reached:
                reached.add(name)
                waiting.append(name)
        linked |= {frozenset((start, name)) for name in reached}
    return linked


def _unordered(findings: Sequence[Finding], edges: Sequence[ChainEdge]) -> list[list[str]]:
    """Return the pairs that no path ties together and whose onset intervals overlap."""
    linked = _linked(edges)
    pairs = []
    for at, one in enumerate(findings):
        for other in findings[at + 1 :]:
            if frozenset((one.finding_id, other.finding_id)) in linked:
                continue
            if not (
                one.onset_lower and other.onset_lower and one.onset_upper and other.onset_upper
            ):
                continue
            if one.onset_lower <= other.onset_upper and other.onset_lower <= one.onset_upper:
                pairs.append([one.finding_id, other.finding_id])
    return pairs
