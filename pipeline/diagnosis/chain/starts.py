"""Where a chain begins: endpoints whose requests failed, and changes before the first failure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from pipeline.diagnosis.chain.tied import MINIMUM_TOGETHER
from pipeline.diagnosis.chain.words import percent
from pipeline.model import ChainEdge, ChainNode, Change, Finding, Window

# An endpoint is drawn as the beginning where most of a class's requests went to it.
_ENDPOINT_SHARE = 0.2
_MAX_ENDPOINTS = 5
# A change shows within minutes, if it shows at once.
_SOON = timedelta(minutes=10)
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
    """Return the last change before the onset of each first failure, where one is near.

    The control is the same kind of change at other times: in the baseline, where the failure did
    not follow, and how much of the candidate window lies as near after one.
    """
    nodes: dict[str, ChainNode] = {}
    edges = []
    for name in first:
        change = _last_before(shown[name], changes)
        if change is None or change.timestamp is None:
            continue
        edge = _change_edge(shown[name], change, changes, candidate)
        if edge is not None:
            label = f"{change.kind} of {change.service_name}"
            nodes[edge.source] = ChainNode(edge.source, "event", label, None)
            edges.append(edge)
    return list(nodes.values()), edges


def _last_before(finding: Finding, changes: Sequence[Change]) -> Change | None:
    begin, end = _beginning(finding)
    if begin is None or end is None:
        return None
    near = [one for one in changes if begin - _SOON <= one.timestamp <= end]
    own = {one.service_name for one in finding.services}
    ranked = sorted(
        near, key=lambda one: (one.service_name in own, one.timestamp, one.service_name, one.kind)
    )
    return ranked[-1] if ranked else None


def _beginning(finding: Finding) -> tuple[datetime | None, datetime | None]:
    """Return between when a class rose; one that was new did so before its first event."""
    begin, end = finding.onset_lower, finding.onset_upper
    if finding.baseline_count == 0 and finding.first_seen is not None:
        end = min(finding.first_seen, end) if end is not None else finding.first_seen
    if begin is not None and end is not None and begin > end:
        begin = end
    return begin, end


def _change_edge(
    finding: Finding, change: Change, changes: Sequence[Change], candidate: Window
) -> ChainEdge | None:
    alike = [one for one in changes if one.kind == change.kind]
    before = [one for one in alike if one.timestamp < candidate.start]
    near = _near_share([one.timestamp for one in alike], candidate)
    if near > _COMMON:
        return None
    _, end = _beginning(finding)
    is_own = change.service_name in {one.service_name for one in finding.services}
    is_supported = is_own and near <= _RARE and not before
    if before:
        told = f"{len(before):,} of its kind in the baseline were not followed by a rise"
    else:
        told = "none of its kind in the baseline"
    place = "the same service" if is_own else "another service"
    minutes = _SOON.total_seconds() / 60
    return ChainEdge(
        source=f"event {change.timestamp:%Y-%m-%dT%H:%M:%S} {change.kind} {change.service_name}",
        target=finding.finding_id,
        evidence="lag",
        grade="supported" if is_supported else "hypothesis",
        together_count=1,
        share=1.0,
        lift=None,
        median_lag_seconds=(end - change.timestamp).total_seconds() if end else None,
        negative_control=near,
        checked=f"a change of {place} at most {minutes:g} min before the rise; {told}; "
        f"{percent(near)} of the window lie so near after one",
        shuffled_share=near,
        baseline_share=0.0 if before else None,
    )


def _near_share(times: Sequence[datetime], window: Window) -> float:
    """Return the share of *window* that lies soon after one of *times*."""
    covered, reached = timedelta(), window.start
    for time in sorted(times):
        begin, end = max(time, reached), min(time + _SOON, window.end)
        if end > begin:
            covered += end - begin
            reached = end
    return covered / (window.end - window.start)
