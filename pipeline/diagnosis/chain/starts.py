"""Where a chain begins: endpoints whose requests failed, and changes before the first failure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from pipeline.diagnosis.chain.tied import MINIMUM_TOGETHER
from pipeline.diagnosis.chain.words import percent
from pipeline.model import ChainEdge, ChainNode, Change, ChangeBefore, Finding, Window

# An endpoint is drawn as the beginning where most of a class's requests went to it.
_ENDPOINT_SHARE = 0.2
_MAX_ENDPOINTS = 5
# A change shows within minutes, if it shows at once.
_SOON = 600.0  # seconds
# Where changes are so frequent that one is always near, being near says nothing.
_COMMON = 0.2
_RARE = 0.05

Starts = tuple[list[ChainNode], list[ChainEdge]]


def endpoints_before(
    shown: Mapping[str, Finding], first: Sequence[str], endpoints: pl.DataFrame
) -> Starts:
    """Return the endpoints whose failed requests carry the ids of the first failures."""
    nodes: dict[str, ChainNode] = {}
    edges = []
    for row in endpoints.iter_rows(named=True):
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
                checked=f"of {row['id_count']:,} ids of the later {row['together_count']:,} are of "
                "failed requests to it",
            )
        )
    return list(nodes.values()), edges


def changes_before(
    shown: Mapping[str, Finding],
    first: Sequence[str],
    changes: Sequence[Change],
    candidate: Window,
) -> Starts:
    """Return the last change before the rise of each first failure, where one is near.

    The control is the same kind of change at other times: in the baseline, where the failure did
    not follow, and how much of the candidate window lies as near after one.
    """
    by_id = {one.change_id: one for one in changes}
    nodes: dict[str, ChainNode] = {}
    edges = []
    for name in first:
        near = [
            one
            for one in shown[name].changes_before
            if one.change_id in by_id and 0 < one.seconds_before <= _SOON
        ]
        if not near:
            continue
        last = min(
            near, key=lambda one: (not one.is_same_service, one.seconds_before, one.change_id)
        )
        change = by_id[last.change_id]
        share = _near_share([one for one in changes if one.kind == change.kind], candidate)
        if share > _COMMON:
            continue
        node = ChainNode(f"event {change.change_id}", "event", _label(change), None)
        nodes[node.node_id] = node
        edges.append(_change_edge(node.node_id, name, last, share))
    return list(nodes.values()), edges


def _label(change: Change) -> str:
    words = [change.kind.replace("_", " "), "of", change.service_name]
    return " ".join([*words, change.version] if change.version else words)


def _change_edge(source: str, target: str, before: ChangeBefore, near: float) -> ChainEdge:
    count, followed = before.baseline_count, before.baseline_followed_count
    is_sure = before.is_same_service and before.is_order_known
    is_supported = is_sure and near <= _RARE and not count
    place = "the same service" if before.is_same_service else "another service"
    told = f"{followed:,} of {count:,} of its kind in the baseline were followed by the class"
    return ChainEdge(
        source=source,
        target=target,
        evidence="lag",
        grade="supported" if is_supported else "hypothesis",
        together_count=1,
        share=1.0,
        lift=None,
        median_lag_seconds=before.seconds_before,
        negative_control=max(near, followed / count) if count else near,
        checked="; ".join(
            [
                f"a change of {place} at most {_SOON / 60:g} min before the rise",
                *([] if before.is_order_known else ["the rise may have begun before it"]),
                told if count else "none of its kind in the service's baseline",
                f"{percent(near)} of the window lie so near after one of its kind",
            ]
        ),
        shuffled_share=near,
        baseline_share=followed / count if count else None,
    )


def _near_share(changes: Sequence[Change], window: Window) -> float:
    """Return the share of *window* that lies soon after one of *changes*."""
    soon = timedelta(seconds=_SOON)
    covered, reached = timedelta(), window.start
    for one in sorted(changes, key=lambda one: one.timestamp):
        begin = max(one.timestamp, reached)
        end = min((one.last_timestamp or one.timestamp) + soon, window.end)
        if end > begin:
            covered += end - begin
            reached = end
    return covered / (window.end - window.start)
