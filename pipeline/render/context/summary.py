"""The findings table and what is still normal."""

from collections.abc import Sequence

from pipeline.model import Finding, Result, State, Verdict
from pipeline.render import charts
from pipeline.render.context.basis import Basis, tone_of
from pipeline.render.figures import bars, count, rate
from pipeline.render.prose import leads_of
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import FindingRow, LeadView, Link
from pipeline.render.words import (
    change_of,
    first_seen_of,
    has_baseline,
    is_risen,
    name_of,
    ratio_bounds,
    state_of,
)


def leads(result: Result) -> list[LeadView]:
    """Return the first screen in words."""
    return [LeadView(line.label, Untrusted(line.text)) for line in leads_of(result)]


def shown_findings(basis: Basis) -> list[Finding]:
    """Return what the table shows: rises by appearance, or all where nothing was compared."""
    is_open = basis.result.verdict is Verdict.CANNOT_DECIDE
    return basis.result.findings if is_open else basis.risen


def findings_title(basis: Basis) -> str:
    """Say what the table holds."""
    if basis.result.verdict is Verdict.CANNOT_DECIDE:
        return "All classes of errors and warnings, none of them compared"
    return "Findings, earliest first where that can be told"


def other_findings(basis: Basis) -> list[Finding]:
    """Return the findings that are folded away: those that did not rise."""
    shown = {one.finding_id for one in shown_findings(basis)}
    return [one for one in basis.result.findings if one.finding_id not in shown]


def finding_rows(basis: Basis, found: Sequence[Finding]) -> list[FindingRow]:
    """Return *found* as rows of the findings table."""
    return [finding_row(basis, one) for one in found]


def finding_row(basis: Basis, one: Finding) -> FindingRow:
    """Return one finding as a row, its course on the floor that all share."""
    drawn = basis.sparks[one.finding_id]
    rates = [slot.rate for slot in drawn]
    top = max([basis.floor, *(value for value in rates if value is not None)])
    return FindingRow(
        link=Link(Untrusted(name_of(one)), basis.anchors.get(one.finding_id, "")),
        title=Untrusted("" if one.title == name_of(one) else one.title),
        state=state_of(one),
        tone=tone_of(one),
        first_seen=first_seen_of(one),
        baseline_rate=rate(one.baseline_rate),
        candidate_rate=rate(one.candidate_rate),
        baseline_count=count(one.baseline_count if has_baseline(one) else None),
        candidate_count=count(one.candidate_count),
        change=change_of(one),
        interval=ratio_bounds(one),
        spark=charts.spark(drawn, basis.floor, onset=one.onset if is_risen(one) else None),
        course=bars(_halved(rates, 24), top),
        keys=basis.keys(one),
    )


def unchanged_names(basis: Basis) -> list[str]:
    """Return the classes that were tested and found as before, those with a name of theirs first.

    What is new and too rare to be a rise is neither: it stands among the others.
    """
    tested = set(basis.result.unchanged)
    found = [
        one
        for one in basis.result.findings
        if one.finding_id in tested and one.state is State.STEADY
    ]
    ordered = sorted(found, key=lambda one: one.error_class is None)
    return list(dict.fromkeys(name_of(one) for one in ordered))


def _halved(values: Sequence[float | None], most: int) -> list[float | None]:
    """Join neighbours until at most *most* values are left."""
    per_cell = max(1, -(-len(values) // most))
    groups = [values[at : at + per_cell] for at in range(0, len(values), per_cell)]
    known = [[value for value in group if value is not None] for group in groups]
    return [sum(group) / len(group) if group else None for group in known]
