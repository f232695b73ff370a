"""What a run says to the hypotheses of the knowledge base: each sign is looked for, and counted.

A sign that is there supports a hypothesis and does not prove it. One that is absent refutes
nothing by itself, since most causes need not be logged; entries name what does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from pipeline.diagnosis.endpoints import Interval
from pipeline.model import (
    Chain,
    Change,
    Confidence,
    DataWarning,
    Finding,
    Gap,
    HypothesisCheck,
    SignCheck,
    Standing,
    WindowFacts,
)
from pipeline.signs import Entry, Hypothesis, Sign

# What fell silent shortly before may be the cause; clocks and onsets are off by a minute.
_BEFORE, _AFTER = timedelta(minutes=30), timedelta(minutes=1)
_CHANGES = "change_lines"
# A value that four of five events share is where they come from.
_MOST = 0.8
# What half of a class's events say is true of the class.
_HALF = 0.5
# Of fewer events no share tells anything; from three services on, they share what is behind them.
_FEWEST, _MANY = 5, 3
# Traffic varies from day to day by a quarter and more: half as much again may overload something.
_MORE_TRAFFIC, _SAME_TRAFFIC = 1.5, 1.05


@dataclass(frozen=True, slots=True)
class Sought:
    """A text to look for in events: of one class, or of all where *error_class* is empty."""

    literal: str
    regex: str
    error_class: str


@dataclass(frozen=True, slots=True)
class Known:
    """Entries by finding_id, the findings that are looked into, and the rows of `sign_hits` by what
    was looked for.
    """

    entries: Mapping[str, Entry]
    looked_into: Sequence[str]
    hits: Mapping[Sought, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Facts:
    """What else signs are held against."""

    findings: Mapping[str, Finding]
    chain: Chain
    changes: Sequence[Change]
    warnings: Sequence[DataWarning]
    gaps: Sequence[Gap]
    baseline: WindowFacts
    candidate: WindowFacts
    formats: frozenset[str]
    interval: Interval
    is_compared: bool


def risen(findings: Iterable[Mapping[str, Any]], verdicts: pl.DataFrame) -> list[str]:
    """Return the ids of findings whose hypotheses are looked into: those that rose, or all errors
    where nothing was tested. *findings*: rows of `finding_totals`.
    """
    if verdicts.is_empty():
        return [row["finding_id"] for row in findings if row["kind"] != "warning"]
    rows = verdicts.filter(pl.col("confidence") != "none")
    names = set(rows["series_id"].to_list())
    return [row["finding_id"] for row in findings if row["finding_id"] in names]


def sought(entries: Iterable[Entry]) -> list[Sought]:
    """Return the texts that entries have looked for, each once and in order."""
    found = {
        _sought(sign, entry): None
        for entry in entries
        for one in entry.hypotheses
        for sign in (*one.supported_by, *one.refuted_by)
        if sign.is_text
    }
    return sorted(found, key=lambda one: (one.literal, one.regex, one.error_class))


def _sought(sign: Sign, entry: Entry) -> Sought:
    own_class = entry.error_class if sign.kind == "own" and not _is_status(entry) else ""
    return Sought(sign.values[0], sign.regex or "", own_class)


def _is_status(entry: Entry) -> bool:
    """Tell whether an entry is of failed requests, which have no class but a status."""
    return entry.error_class.startswith("http_")


def with_checks(known: Known, facts: Facts) -> list[Finding]:
    """Return the findings, those that are looked into with what was found."""
    return [
        _with_checks(one, known, facts)
        if name in known.entries and name in known.looked_into
        else one
        for name, one in facts.findings.items()
    ]


def _with_checks(finding: Finding, known: Known, facts: Facts) -> Finding:
    if finding.knowledge is None:
        return finding
    entry = known.entries[finding.finding_id]
    case = _Case(finding, entry, known.hits, facts)
    checks = [_check(case, one) for one in entry.hypotheses]
    return replace(finding, knowledge=replace(finding.knowledge, hypothesis_checks=checks))


@dataclass(frozen=True, slots=True)
class _Case:
    """One finding with all that its hypotheses are held against."""

    finding: Finding
    entry: Entry
    hits: Mapping[Sought, pl.DataFrame]
    facts: Facts

    def rows(self, sign: Sign) -> pl.DataFrame:
        return self.hits[_sought(sign, self.entry)]


def _check(case: _Case, one: Hypothesis) -> HypothesisCheck:
    signs = [
        _look(case, sign, is_against=is_against)
        for is_against, those in ((False, one.supported_by), (True, one.refuted_by))
        for sign in those
    ]
    status, reason = _standing(signs), one.untold
    is_absent = status in ("not_seen", "not_known")
    if is_absent and one.logs_of and not _has_log(case.facts.formats, one.logs_of):
        status, reason = "not_known", f"no source has a log of {' or '.join(one.logs_of)}"
    return HypothesisCheck(one.text, status, signs, one.refuted_if, reason)


def _has_log(formats: Iterable[str], wanted: tuple[str, ...]) -> bool:
    return any(name.startswith(wanted) for name in formats)


def _standing(signs: Sequence[SignCheck]) -> Standing:
    """Return what all signs of a hypothesis say together; signs for and against say nothing."""
    found = {sign.status for sign in signs}
    if {"supported", "refuted"} <= found:
        return "seen"
    order: tuple[Standing, ...] = ("refuted", "supported", "seen", "not_seen")
    return next((status for status in order if status in found), "not_known")


# ---- signs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """What looking for a sign gave, before it is known whether it is one for or against."""

    status: Standing  # "supported" where the sign is there, whichever way it counts
    text: str
    query_id: str
    event_count: int | None = None
    baseline_count: int | None = None
    finding_id: str | None = None
    log_file_path: str | None = None
    line_number: int | None = None


def _look(case: _Case, sign: Sign, *, is_against: bool) -> SignCheck:
    found = _find(case.finding, sign, case)
    # A sign against that is there refutes, and one whose opposite is there supports.
    turned: dict[Standing, Standing] = {"supported": "refuted", "refuted": "supported"}
    status = turned.get(found.status, found.status) if is_against else found.status
    return SignCheck(
        kind=sign.kind,
        is_against=is_against,
        looked_for=sign.looked_for,
        status=status,
        text=found.text,
        event_count=found.event_count,
        baseline_count=found.baseline_count,
        finding_id=found.finding_id,
        log_file_path=found.log_file_path,
        line_number=found.line_number,
        query_id=found.query_id,
    )


def _find(finding: Finding, sign: Sign, case: _Case) -> _Found:
    facts = case.facts
    match sign.kind:
        case "class":
            return _other_class(finding, sign, facts)
        case "own":
            return _own_text(finding, case.rows(sign))
        case "logged":
            return _logged(finding, case.rows(sign), facts)
        case "change":
            return _change(finding, sign, facts)
        case "warning":
            return _warning(sign, facts)
        case "follows":
            return _follows(finding, facts)
        case "traffic":
            return _traffic(facts)
        case "spread":
            return _spread(finding, sign)
        case "silence":
            return _silence(finding, facts)


def _other_class(finding: Finding, sign: Sign, facts: Facts) -> _Found:
    """A class that rose and did not begin later supports; one that is as ever tells nothing."""
    own = [one for one in facts.findings.values() if one.error_class in sign.values]
    own = [one for one in own if one.finding_id != finding.finding_id]
    present = [one for one in own if one.candidate_count]
    if not present:
        return _Found("not_seen", "none in this input", "finding_totals", 0, _before(own))
    began = _began(finding, latest=True)
    rises = [one for one in present if _is_risen(one, facts)]
    early = [one for one in rises if _is_before(one, began)]
    best = max(early or rises or present, key=lambda one: one.candidate_count)
    total = sum(one.candidate_count for one in present)
    named = sorted({one.error_class for one in early or rises or present if one.error_class})
    counts = f"{', '.join(named[:_MANY])}: {_counts(total, _before(own), facts)}"
    place = best.samples[0] if best.samples else None
    if early:
        status: Standing = "supported"
        text = f"{counts}{_since(best, finding)}"
    elif rises:
        status, text = "seen", f"{counts}, which began later"
    else:
        status, text = "seen", f"{counts}, no rise"
    return _Found(
        status, text, "finding_totals", total, _before(own), best.finding_id,
        place.log_file_path if place else None, place.line_number if place else None,
    )  # fmt: skip


def _before(findings: Iterable[Finding]) -> int:
    return sum(one.baseline_count for one in findings)


def _counts(count: int, baseline_count: int, facts: Facts) -> str:
    events = f"{count:,} event{'' if count == 1 else 's'}"
    return f"{events}, {baseline_count:,} in the baseline" if facts.is_compared else events


def _is_risen(one: Finding, facts: Facts) -> bool:
    return one.confidence is not Confidence.NONE or not facts.is_compared


def _began(one: Finding, *, latest: bool) -> datetime | None:
    """Return when it began: an end of its interval, or its first event where it has no onset."""
    if one.onset is None:
        return one.first_seen
    return (one.onset_upper if latest else one.onset_lower) or one.onset


def _is_before(one: Finding, began: datetime | None) -> bool:
    start = _began(one, latest=False)
    return began is None or start is None or start <= began


def _since(one: Finding, finding: Finding) -> str:
    """Say when the other class began, and how long before this one."""
    if one.onset is None or finding.onset is None:
        return ""
    minutes = round((finding.onset - one.onset).total_seconds() / 60)
    if minutes < 1:
        return ", which began at about the same time"
    return f", which began {minutes:,} min before it"


def _own_text(finding: Finding, hits: pl.DataFrame) -> _Found:
    rows = hits.filter(pl.col("finding_id") == finding.finding_id).to_dicts()
    count = rows[0]["candidate_count"] if rows else 0
    total = finding.candidate_count
    if not count:
        return _Found("not_seen", f"in none of its {total:,} events", "sign_hits", 0)
    status: Standing = "supported" if count >= _HALF * total else "seen"
    text = f"in {count:,} of its {total:,} events"
    return _Found(
        status, text, "sign_hits", count, rows[0]["baseline_count"], finding.finding_id,
        rows[0]["log_file_path"], rows[0]["line_number"],
    )  # fmt: skip


def _logged(finding: Finding, hits: pl.DataFrame, facts: Facts) -> _Found:
    rows = hits.filter(pl.col("finding_id") != finding.finding_id)
    count, before = (int(rows[name].sum()) for name in ("candidate_count", "baseline_count"))
    if not count:
        return _Found("not_seen", "none in this input", "sign_hits", 0, before)
    first = rows.filter(pl.col("candidate_count") > 0).sort(
        "first_timestamp", "log_file_path", "line_number"
    ).row(0, named=True)  # fmt: skip
    _, lower, _ = facts.interval(
        before, facts.baseline.covered_seconds, count, facts.candidate.covered_seconds
    )
    # What the baseline does not have at all is a sign however rare it is; else it has to rise.
    rose = not facts.is_compared or not before or (lower or 0.0) > 1.0
    counts = _counts(count, before, facts)
    return _Found(
        "supported" if rose else "seen",
        counts if rose else f"{counts}, no rise",
        "sign_hits", count, before, first["finding_id"],
        first["log_file_path"], first["line_number"],
    )  # fmt: skip


def _change(finding: Finding, sign: Sign, facts: Facts) -> _Found:
    """A change of the kind in the half hour before; one that the class never followed tells less.

    The changes and the control on the baseline are those of the card (`diagnosis.changes`).
    """
    changes = {one.change_id: one for one in facts.changes}
    near = [
        one
        for one in finding.changes_before
        if one.change_id in changes and changes[one.change_id].kind in sign.values
    ]
    if not near:
        text = "none is logged in the half hour before it began"
        return _Found("not_seen", text, _CHANGES, 0)
    best = min(near, key=lambda one: (not one.is_same_service, one.seconds_before))
    change = changes[best.change_id]
    minutes = round(max(best.seconds_before, 0.0) / 60)
    when = f"{minutes:,} min before it began" if minutes else "within a minute of when it began"
    text = f"{change.kind} of {change.service_name} {when}"
    harmless = best.baseline_count > 0 and not best.baseline_followed_count
    if harmless:
        text += f"; {best.baseline_count:,} of the same in the baseline, and it followed none"
    # That something else began, which had not run before, is mostly the beginning of the logs.
    is_strange = change.kind == "start" and not best.is_same_service
    return _Found("seen" if harmless or is_strange else "supported", text, _CHANGES, len(near))


def _warning(sign: Sign, facts: Facts) -> _Found:
    texts = [one.text for one in facts.warnings if one.kind in sign.values]
    if not texts:
        return _Found("not_seen", "nothing of the kind was found", "ledger_sources")
    return _Found("supported", texts[0], "ledger_sources")


def _follows(finding: Finding, facts: Facts) -> _Found:
    nodes = {node.node_id: node for node in facts.chain.nodes}
    edges = [
        edge
        for edge in facts.chain.edges
        if nodes[edge.target].finding_id == finding.finding_id and edge.grade != "hypothesis"
    ]
    if not edges:
        return _Found("not_seen", "no class is known to precede it", "correlated_pairs", 0)
    best = max(edges, key=lambda edge: edge.together_count)
    node = nodes[best.source]
    text = f"follows {node.label} {best.together_count:,} times"
    return _Found(
        "supported", text, "correlated_pairs", best.together_count, finding_id=node.finding_id
    )


def _traffic(facts: Facts) -> _Found:
    before, after = facts.baseline, facts.candidate
    if not before.request_count or not after.request_count:
        return _Found("not_known", "no requests are logged in both windows", "window_totals")
    ratio, lower, _ = facts.interval(
        before.request_count, before.covered_seconds, after.request_count, after.covered_seconds
    )
    if ratio is None:
        return _Found("not_known", "the time of a window is not known", "window_totals")
    text = f"{ratio:.2f} times the requests per hour of the baseline"
    if ratio >= _MORE_TRAFFIC and (lower or 0.0) > 1.0:
        status: Standing = "supported"
    else:
        status = "refuted" if ratio <= _SAME_TRAFFIC else "seen"
    return _Found(status, text, "window_totals", after.request_count, before.request_count)


def _spread(finding: Finding, sign: Sign) -> _Found:
    if finding.candidate_count < _FEWEST:
        return _Found("not_known", "too few events to tell", "finding_values")
    if sign.values == ("services",):
        return _many_services(finding)
    own = [one for one in finding.correlates if one.kind in sign.values and one.share >= _MOST]
    usual = [one for one in own if (one.lift or 0.0) > 1.0 / _MOST]
    if not usual:
        return _Found("not_seen", "no value stands out", "finding_values")
    best = max(usual, key=lambda one: one.share)
    text = f"{best.kind} {best.value}: {best.share * 100:.0f} % of its events"
    return _Found("supported", text, "finding_values", best.event_count)


def _many_services(finding: Finding) -> _Found:
    named = [one for one in finding.services if one.candidate_count]
    text = f"{len(named):,} services have it"
    is_many = len(named) >= _MANY
    return _Found("supported" if is_many else "not_seen", text, "finding_services", len(named))


def _silence(finding: Finding, facts: Facts) -> _Found:
    began = finding.onset or finding.first_seen
    if began is None:
        return _Found("not_known", "it is not known when it began", "service_minutes")
    own = {one.service_name for one in finding.services}
    near = [
        gap
        for gap in facts.gaps
        if gap.window == "candidate"
        and gap.service_name not in own
        and gap.kind != "thin"
        and gap.start <= began + _AFTER
        and gap.end >= began - _BEFORE
    ]
    if not near:
        return _Found("not_seen", "no other service fell silent then", "service_minutes", 0)
    names = sorted({gap.service_name for gap in near})
    text = f"{', '.join(names[:3])} logged nothing then"
    return _Found("supported", text, "service_minutes", len(names))
