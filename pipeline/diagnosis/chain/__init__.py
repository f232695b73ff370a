"""What followed from what, as far as the logs themselves tie events together.

Evidence, in order: causes that traces state (here); classes under the same request or trace id
(`tied`); lags, where no id decides (`timed`); the order of onsets, where lags show that two belong
together and not which is first. Endpoints and changes stand before the first failures (`starts`).
An edge that a way along others explains is left out (`graph`). A first failure precedes the others.
It is not a root cause.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from pipeline.diagnosis.chain.graph import linked_pairs, without_circles
from pipeline.diagnosis.chain.starts import changes_before, endpoints_before
from pipeline.diagnosis.chain.tied import Ties
from pipeline.diagnosis.chain.timed import onset_edges, timed_edges
from pipeline.model import (
    Chain,
    ChainEdge,
    ChainNode,
    ChainNote,
    Change,
    Finding,
    Premise,
    Window,
)

NO_TRIPLES = pl.DataFrame(
    schema={name: pl.String for name in ("first_id", "second_id", "third_id")}
)
NO_LAGS = pl.DataFrame(
    schema={
        "source_id": pl.String, "target_id": pl.String, "is_cut": pl.Boolean,
        "direct_share": pl.Float64,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tables:
    """What the chain is built from: marts by their names (`correlated_pairs`,
    `correlated_endpoints`, `stated_causes`, `correlated_triples`), and what the lag test found.

    *request_count*: requests of the candidate window, 0 where they are not known.
    """

    pairs: pl.DataFrame
    endpoints: pl.DataFrame
    causes: pl.DataFrame
    triples: pl.DataFrame = field(default_factory=NO_TRIPLES.clone)
    lags: pl.DataFrame = field(default_factory=NO_LAGS.clone)
    request_count: int = 0


def build_chain(
    findings: Sequence[Finding],
    tables: Tables,
    changes: Sequence[Change] = (),
    premises: Sequence[Premise] = (),
    candidate: Window | None = None,
) -> Chain:
    """Return the chain over the regressions among *findings*.

    *changes* of the system may stand before the first failures, where *candidate* is the window
    under question. *premises* say whose clocks differ: between these, times tell no order.
    """
    shown = {finding.finding_id: finding for finding in findings if finding.is_regression}
    clocks = _odd_clocks(premises)
    stated = _stated(shown, tables.causes)
    ties = Ties(shown.keys(), tables.pairs, tables.triples, tables.request_count)
    skewed: list[tuple[str, str]] = []
    tied = []
    for edge in ties.edges():
        if _is_one_clock(shown[edge.source], shown[edge.target], clocks):
            tied.append(edge)
        else:
            skewed.append((edge.source, edge.target))
    edges = without_circles(stated, sorted(tied, key=lambda one: (-one.share, one.source)))

    def is_open(source: str, target: str) -> bool:
        return not ties.are_tied(source, target) and _is_one_clock(
            shown[source], shown[target], clocks
        )

    timed = timed_edges(shown, tables.lags, is_open, edges)
    by_onset = onset_edges(shown, timed.unordered, tables.lags)
    edges = without_circles(without_circles(edges, timed.edges), by_onset)
    followed = {edge.target for edge in edges}
    first = [name for name in shown if name not in followed]
    in_chain = {name for edge in edges for name in (edge.source, edge.target)}
    # Of what has an id: a class without one, before it by lags only, has no endpoint to show.
    identified = {edge.target for edge in edges if edge.evidence != "lag"}
    begun, before = endpoints_before(
        shown, [name for name in shown if name in in_chain - identified], tables.endpoints
    )
    if candidate is not None:
        events, after_changes = changes_before(shown, first, changes, candidate)
        begun, before = [*events, *begun], [*after_changes, *before]
    unknown = _unordered(list(shown.values()), edges)
    mixed = [*skewed, *ties.unordered(), *timed.unordered]
    ways = linked_pairs(edges)
    unknown += [
        list(pair) for pair in mixed if list(pair) not in unknown and frozenset(pair) not in ways
    ]
    return Chain(
        nodes=[*begun, *(_node(finding) for finding in shown.values())],
        edges=[*before, *edges],
        first_failures=[name for name in first if name in in_chain or not edges],
        order_unknown=unknown,
        notes=[*_of_edges(timed.notes, edges), *_limits(tables.lags, shown), *_of_clocks(skewed)],
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
            checked=f"{count:,} traces of the later name the earlier's type as their cause",
        )
        for (source, target), count in sorted(counts.items())
    ]


_CLOCK_KINDS = ("clock_skew", "zone_mix")


def _odd_clocks(premises: Sequence[Premise]) -> set[str]:
    """Return the services whose clock is not that of others."""
    odd: set[str] = set()
    for one in premises:
        if one.kind in _CLOCK_KINDS:
            names = (one.service_name, one.numbers.get("other_service_name"))
            odd |= {name for name in names if name}
    return odd


def _is_one_clock(one: Finding, other: Finding, odd: Collection[str]) -> bool:
    """Tell whether the two are of the same service, or neither of one with a clock of its own."""
    names = [{at.service_name for at in finding.services} for finding in (one, other)]
    is_same = names[0] == names[1] and len(names[0]) == 1
    return is_same or not (names[0] | names[1]) & set(odd)


def _unordered(findings: Sequence[Finding], edges: Sequence[ChainEdge]) -> list[list[str]]:
    """Return the pairs that no path ties together and whose onset intervals overlap."""
    linked = linked_pairs(edges)
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


def _of_edges(notes: Sequence[ChainNote], edges: Sequence[ChainEdge]) -> list[ChainNote]:
    """Return the notes on edges that are drawn, or on pairs of which none is."""
    drawn = {frozenset((edge.source, edge.target)) for edge in edges}
    ways = linked_pairs(edges)
    return [
        note
        for note in notes
        if frozenset(note.node_ids) in drawn or frozenset(note.node_ids) not in ways
    ]


def _limits(lags: pl.DataFrame, shown: Mapping[str, Finding]) -> list[ChainNote]:
    """Say what the lag test did not look at."""
    notes = []
    if lags.height:
        tested = set(lags["target_id"].to_list()) | set(lags["source_id"].to_list())
        left = [name for name in shown if name not in tested]
        if left:
            text = "too few events for a test on times, or too many classes: only ids tell"
            notes.append(ChainNote("not_tested", left, text))
        cut = lags.filter("is_cut")["target_id"].unique().sort().to_list()
        if cut:
            text = (
                "more than 20,000 events of a class: lags are measured on the first from its onset"
            )
            notes.append(ChainNote("capped", [name for name in cut if name in shown], text))
    return notes


def _of_clocks(skewed: Sequence[tuple[str, str]]) -> list[ChainNote]:
    text = "their clocks differ: the order of times is not that of events"
    return [ChainNote("clocks_differ", list(pair), text) for pair in skewed]
