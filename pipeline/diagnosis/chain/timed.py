"""What follows by time alone: how much of it is drawn, and how sure it is."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from pipeline.diagnosis.chain.graph import triangles
from pipeline.diagnosis.chain.words import in_baseline, percent, seconds
from pipeline.model import ChainEdge, ChainNote, Finding

# An edge explains at least this share of the later class, a third of what the best one does, and
# more than chance spreads.
_DIRECT_SHARE, _OF_BEST, _ERRORS = 0.15, 0.3, 5.0
_FEWEST_EXCESS = 3.0
# Where this much of what follows also goes before, neither comes first.
_OPPOSITE = 0.25
# A control that finds half of what the edge has beyond chance is as good as the edge.
_CONTROL = 0.5
_SUPPORTED_TOGETHER = 8
_SUSPECTED = 0.05
# Of the later class this share, and three standard errors, may be without an earlier one.
_UNEXPLAINED = 0.06
_SHORTEST_NAME = 4
_CONTROLS = ("chance_share", "clock_share", "baseline_share")

Pair = tuple[str, str]
Rows = Mapping[Pair, Mapping[str, Any]]


@dataclass(slots=True)
class Timed:
    """Edges by lags, best first; pairs whose order lags do not tell; and what to say of them."""

    edges: list[ChainEdge] = field(default_factory=list)
    unordered: list[tuple[str, str]] = field(default_factory=list)
    notes: list[ChainNote] = field(default_factory=list)


def timed_edges(
    shown: Mapping[str, Finding],
    lags: pl.DataFrame,
    is_open: Callable[[str, str], bool],
    tied: Sequence[ChainEdge],
) -> Timed:
    """Return what the lag test (`pipeline.detection.find_lags`) shows among *shown*.

    *is_open* tells whether a pair is to be decided by time. *tied* edges are known already; a class
    that ids explain needs no other one before it.
    """
    rows = {
        (row["source_id"], row["target_id"]): row
        for row in lags.iter_rows(named=True)
        if row["source_id"] in shown
        and row["target_id"] in shown
        and is_open(row["source_id"], row["target_id"])
    }
    chosen = {pair for pair in rows if _is_direct(pair, rows)}
    found = Timed()
    for one, other in sorted(chosen):
        if _is_mutual(rows, one, other) and ((other, one) not in chosen or one < other):
            found.unordered.append((one, other))
            text = "they come together, now one first and now the other: one cause of both possible"
            found.notes.append(ChainNote("common_cause_possible", [one, other], text))
    both = {frozenset(pair) for pair in found.unordered}
    chosen = {
        pair
        for pair in chosen
        if frozenset(pair) not in both
        and not (pair[::-1] in chosen and _renewed(rows, pair) < _renewed(rows, pair[::-1]))
    }
    known = chosen | {(edge.source, edge.target) for edge in tied}
    for first, middle, last in list(triangles(known)):
        across, onward = rows.get((first, last)), rows.get((middle, last))
        if across is not None and onward is not None:
            is_line = onward["direct_share"] >= across["direct_share"]
            chosen.discard((first, last) if is_line else (middle, last))
    unexplained = {
        target: _unexplained(
            shown[target], [row for (_, name), row in rows.items() if name == target]
        )
        for target in {pair[1] for pair in chosen}
    }
    for pair in sorted(chosen, key=lambda pair: (-rows[pair]["direct_share"], pair)):
        is_passed_on = any(
            _is_passed_on(rows, first, pair) for first, middle in known if middle == pair[0]
        )
        edge, note = _edge(pair, rows[pair], shown, unexplained[pair[1]], is_passed_on)
        found.edges.append(edge)
        found.notes += note
    return found


def onset_edges(
    shown: Mapping[str, Finding], pairs: Sequence[tuple[str, str]], lags: pl.DataFrame
) -> list[ChainEdge]:
    """Order *pairs* that belong together by their onsets, where the intervals are apart."""
    rows = {(row["source_id"], row["target_id"]): row for row in lags.iter_rows(named=True)}
    edges = []
    for pair in pairs:
        for one, other in (pair, pair[::-1]):
            upper, lower = shown[one].onset_upper, shown[other].onset_lower
            row = rows.get((one, other))
            if upper is None or lower is None or upper >= lower or row is None:
                continue
            edge, _ = _edge((one, other), row, shown, 0.0, is_passed_on=False)
            text = f"{edge.checked}; lags do not tell which is first, its rise began first"
            edges.append(replace(edge, grade="hypothesis", checked=text))
    return edges


def _is_direct(pair: Pair, rows: Rows) -> bool:
    row = rows[pair]
    if not row["is_significant"] or _excess(rows, pair) < _FEWEST_EXCESS:
        return False
    best = max(one["direct_share"] or 0.0 for (_, name), one in rows.items() if name == pair[1])
    least = max(_DIRECT_SHARE, _ERRORS * row["direct_error"], _OF_BEST * best)
    return bool(row["direct_share"] >= least)


def _excess(rows: Rows, pair: Pair) -> float:
    """Return how many events of the later follow the earlier itself."""
    row = rows[pair]
    return float((row["direct_share"] or 0.0) * row["target_count"])


def _renewed(rows: Rows, pair: Pair) -> float:
    """Return the same beside the later's own past, and by the plain count where that was not
    asked.
    """
    row = rows.get(pair)
    if row is None:
        return 0.0
    if row["renewed_share"] is not None:
        return float(row["renewed_share"] * row["target_count"])
    beyond = row["share"] - row["chance_share"] if row["p_value"] < _SUSPECTED else 0.0
    return float(beyond * row["target_count"])


def _is_mutual(rows: Rows, one: str, other: str) -> bool:
    there, back = _renewed(rows, (one, other)), _renewed(rows, (other, one))
    return min(there, back) >= _OPPOSITE * max(there, back)


def _is_passed_on(rows: Rows, first: str, pair: Pair) -> bool:
    """Tell whether *first* shows in the later class only by way of the earlier one.

    Were both effects of a cause that is not in the logs, what comes before one of them would tell
    of the other also where that one is known.
    """
    row = rows.get((first, pair[1]))
    if row is None or not row["is_significant"] or row["direct_share"] is None:
        return False
    return bool(row["direct_share"] < _OF_BEST * rows[pair]["direct_share"])


def _unexplained(finding: Finding, rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the share of the class that comes without any of the earlier ones, beyond what the
    baseline lets expect; 0 where chance may be it.
    """
    rows = [row for row in rows if row["direct_share"] is not None]
    if not rows or any(row["is_cut"] for row in rows):
        return 0.0
    count = rows[0]["target_count"]
    explained = sum(max(row["direct_share"], 0.0) for row in rows) * count
    tied = max(row["tied_share"] for row in rows) * count
    variance = sum((row["direct_error"] * count) ** 2 for row in rows)
    rest = count - explained - tied
    excess = rest - (finding.expected_count or 0.0)
    is_clear = excess > 3 * math.sqrt(max(rest, 1.0) + variance)
    return excess / count if is_clear and excess > _UNEXPLAINED * count else 0.0


def _edge(
    pair: Pair,
    row: Mapping[str, Any],
    shown: Mapping[str, Finding],
    unexplained: float,
    is_passed_on: bool,
) -> tuple[ChainEdge, list[ChainNote]]:
    earlier, later = shown[pair[0]], shown[pair[1]]
    doubts, notes = [], []
    if not _is_clean(row, "clock_share"):
        doubts.append("moved by whole minutes it is as strong: both may go by the clock")
    if not _is_clean(row, "baseline_share"):
        doubts.append("it was as strong before the rise")
    if unexplained:
        doubts.append(f"{percent(unexplained)} of the later come without the earlier")
        text = "much of the later comes without the earlier: one cause of both possible"
        notes.append(ChainNote("common_cause_possible", list(pair), text))
    is_named = _names(later, earlier)
    if row["together_count"] < _SUPPORTED_TOGETHER and not is_named:
        doubts.append("few events")
    if not is_passed_on and not is_named:
        doubts.append("two effects of a cause that is not in the logs would look the same")
    controls = [row[name] for name in _CONTROLS if row[name] is not None]
    checked = [*_checked(row), *doubts]
    if is_named:
        checked.append("the later names the earlier's service")
    edge = ChainEdge(
        source=pair[0],
        target=pair[1],
        evidence="lag",
        grade="hypothesis" if doubts else "supported",
        together_count=row["together_count"],
        share=row["share"],
        lift=row["share"] / row["chance_share"] if row["chance_share"] else None,
        median_lag_seconds=row["median_lag_seconds"],
        negative_control=max(controls, default=None),
        checked="; ".join(checked),
        shuffled_share=row["chance_share"],
        baseline_share=row["baseline_share"],
    )
    return edge, notes


def _is_clean(row: Mapping[str, Any], control: str) -> bool:
    """Tell whether a control finds less than half of what the edge has beyond chance."""
    if row[control] is None:
        return True
    chance = row["chance_share"]
    return bool(row[control] - chance < _CONTROL * (row["share"] - chance))


def _names(later: Finding, earlier: Finding) -> bool:
    """Tell whether texts of *later* name a service of *earlier* that is not its own, too."""
    own = {one.service_name for one in later.services}
    words = {
        word
        for text in (later.title, later.template, *(one.body for one in later.samples))
        for word in re.findall(r"[a-z0-9_-]+", (text or "").lower())
    }
    names = {one.service_name.lower() for one in earlier.services if one.service_name not in own}
    return any(len(name) >= _SHORTEST_NAME and name in words for name in names)


def _checked(row: Mapping[str, Any]) -> list[str]:
    """Say what the edge rests on, in numbers."""
    moved = f"{percent(row['chance_share'])} when the later is moved in time"
    if row["clock_share"] is not None:
        moved += f", at most {percent(row['clock_share'])} by whole minutes"
    asked = f"{row['asked_count']:,} of {row['target_count']:,} " if row["is_thinned"] else (
        f"{row['asked_count']:,} "
    )  # fmt: skip
    return [
        f"{percent(row['share'])} of {asked}later events have the earlier at most "
        f"{seconds(row['lag_seconds'])} before",
        moved,
        in_baseline(row["baseline_share"], row["baseline_count"], "events"),
        f"beside all others before it, {percent(min(max(row['direct_share'] or 0.0, 0.0), 1.0))} "
        "follow it itself",
    ]
