"""The findings table and what is still normal."""

from collections.abc import Sequence

from pipeline.model import Finding
from pipeline.render import charts
from pipeline.render.context.basis import Basis, more_of, tone_of
from pipeline.render.figures import bars, count, interval, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import FindingRow, Link
from pipeline.render.words import (
    change_of,
    first_seen_of,
    has_baseline,
    is_risen,
    name_of,
    state_of,
)


def finding_rows(basis: Basis) -> list[FindingRow]:
    """Return the rows of the table: rises first, in order of appearance."""
    return [finding_row(basis, one) for one in _ordered(basis)[: basis.caps.findings]]


def findings_more(basis: Basis) -> str:
    """Say what is not in the table."""
    return more_of(_ordered(basis)[basis.caps.findings :])


def _ordered(basis: Basis) -> list[Finding]:
    risen = {one.finding_id for one in basis.risen}
    rest = (one for one in basis.result.findings if one.finding_id not in risen)
    return [*basis.risen, *rest]


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
        interval=interval(one.rate_ratio_lower, one.rate_ratio_upper),
        spark=charts.spark(drawn, basis.floor, onset=one.onset if is_risen(one) else None),
        course=bars(_halved(rates, 24), top),
    )


def unchanged_names(basis: Basis) -> list[str]:
    """Return the classes that were tested and found unchanged."""
    names = [basis.names[one] for one in basis.result.unchanged if one in basis.names]
    return list(dict.fromkeys(names))


# ---- charts


def _halved(values: Sequence[float | None], most: int) -> list[float | None]:
    """Join neighbours until at most *most* values are left."""
    per_cell = max(1, -(-len(values) // most))
    groups = [values[at : at + per_cell] for at in range(0, len(values), per_cell)]
    known = [[value for value in group if value is not None] for group in groups]
    return [sum(group) / len(group) if group else None for group in known]
