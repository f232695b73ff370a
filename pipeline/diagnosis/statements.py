"""What the report says in words and what it asks for: verdict, health, evidence, plan, criteria.

Every sentence is made of numbers that a query gave; what the input cannot tell is said to be
unknown. Nothing here names a root cause.
"""

from collections.abc import Iterable, Sequence

from pipeline.diagnosis.findings import regressions, suspected
from pipeline.model import (
    Change,
    Endpoint,
    Evidence,
    Finding,
    State,
    Totals,
    Verdict,
    WindowFacts,
)

# From here on a percentage is harder to read than a multiple.
_MANY_TIMES = 10.0


def verdict_of(findings: Sequence[Finding], has_baseline: bool, is_covered: bool) -> Verdict:
    """Return the answer in one word; without a baseline or coverage nothing is decided."""
    if not has_baseline or not is_covered:
        return Verdict.CANNOT_DECIDE
    if regressions(findings):
        return Verdict.REGRESSION
    return Verdict.WATCH if suspected(findings) else Verdict.NORMAL


def headline_of(
    verdict: Verdict,
    findings: Sequence[Finding],
    totals: Totals,
    baseline: WindowFacts,
    candidate: WindowFacts,
    *,
    is_alike: bool = True,
) -> str:
    """Return the title line, made of numbers; *is_alike*: some service logs in both windows."""
    if verdict is Verdict.CANNOT_DECIDE:
        if baseline.covered_seconds <= 0:
            return f"{many(candidate.error_count, 'error')} and no baseline to compare them with"
        if not is_alike:
            return "No service logs in both windows, so that nothing can be compared"
        return "Not enough of the logs is covered to compare the two windows"
    change = _change(totals, baseline, candidate)
    found = regressions(findings)
    if not found:
        names = len(suspected(findings))
        more = f"; {many(names, 'suspected rise')}" if names else "; no class rose beyond chance"
        return f"{change}{more}"
    parts = []
    for state, word in (
        (State.NEW, "new"),
        (State.RETURNED, "returned"),
        (State.ESCALATING, "escalating"),
        (State.INCREASED, "increased"),
    ):
        count = sum(1 for one in found if one.state is state and one.kind == "error")
        if count:
            parts.append(f"{count} {word}")
    failed = sum(1 for one in found if one.kind == "failed_request")
    words = ", ".join(parts)
    classes = f"{words} error class{'es' if sum(map(_lead, parts)) != 1 else ''}" if parts else ""
    statuses = f"more {' and '.join(_statuses(found))}" if failed else ""
    return f"{change}; {' and '.join(part for part in (classes, statuses) if part)}"


def _lead(part: str) -> int:
    return int(part.partition(" ")[0])


def _statuses(found: Iterable[Finding]) -> list[str]:
    return sorted({one.title for one in found if one.kind == "failed_request"})


def _change(totals: Totals, baseline: WindowFacts, candidate: WindowFacts) -> str:
    before, after = totals.baseline_rate, totals.candidate_rate
    if before is None or after is None:
        return f"{many(candidate.error_count, 'error')}"
    counts = f"errors {rate_text(before)} → {rate_text(after)} per hour"
    if not before or totals.rate_ratio is None:
        return counts[0].upper() + counts[1:]
    if totals.rate_ratio >= _MANY_TIMES:
        times = f"\N{MULTIPLICATION SIGN} {totals.rate_ratio:,.0f}"
        return f"Errors {times}: {rate_text(before)} → {rate_text(after)} per hour"
    percent = (totals.rate_ratio - 1) * 100
    return f"Errors {percent:+.0f} %: {rate_text(before)} → {rate_text(after)} per hour"


def rate_text(value: float) -> str:
    """Return a rate to three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def called(finding: Finding) -> str:
    """Return what a finding is called in the report: its class, or its title where it has none."""
    if finding.kind == "failed_request":
        return finding.title
    return finding.error_class or finding.title


def endpoint_name(endpoint: Endpoint) -> str:
    """Return method and route."""
    return f"{endpoint.http_request_method} {endpoint.http_route}".strip()


def many(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def evidence_of(
    findings: Sequence[Finding],
    endpoints: Sequence[Endpoint],
    baseline: WindowFacts,
    candidate: WindowFacts,
    changes: Sequence[Change] = (),
) -> list[Evidence]:
    """Return statements about this input, each confirmed, refuted or unknown.

    Each says what it was counted from; the last ones say what only people can tell.
    """
    found = regressions(findings)
    statements = [
        *(_rise(one) for one in found),
        *_traffic(baseline, candidate),
        *_endpoints(endpoints),
        *_course(found, candidate),
    ]
    return [*statements, _changed(found, changes)]


def _changed(found: Sequence[Finding], changes: Sequence[Change]) -> Evidence:
    """Say whether a change of the system is known that came before what rose in its own service."""
    text = "A change of code, configuration or data came just before"
    by_id = {one.change_id: one for one in changes}
    before = [
        by_id[at.change_id]
        for one in found
        for at in one.changes_before
        if at.is_same_service and at.is_order_known and at.change_id in by_id
    ]
    if not before:
        return Evidence(text, "unknown", "change_lines", "no change event in the input")
    kinds = sorted({f"{at.kind.replace('_', ' ')} of {at.service_name}" for at in before})
    more = f" and {len(kinds) - 3} more" if len(kinds) > 3 else ""
    return Evidence(text, "confirmed", "change_lines", ", ".join(kinds[:3]) + more)


def _rise(one: Finding) -> Evidence:
    counts = f"{one.baseline_count:,} → {many(one.candidate_count, 'event')}"
    text = (
        f"{called(one)} is more frequent than its baseline explains: {counts}"
        if one.baseline_count
        else f"{called(one)} did not occur in the baseline: {counts}"
    )
    return Evidence(text, "confirmed", "finding_totals", None)


def _traffic(baseline: WindowFacts, candidate: WindowFacts) -> list[Evidence]:
    text = "Requests rose by more than 10 %, too"
    if not (baseline.request_count and candidate.request_count):
        return [Evidence(text, "unknown", None, "no requests in both windows")]
    before = baseline.request_count / max(baseline.covered_seconds, 1.0) * 3600
    after = candidate.request_count / max(candidate.covered_seconds, 1.0) * 3600
    counted = f"{text}: {rate_text(before)} → {rate_text(after)} per covered hour"
    return [
        Evidence(counted, "confirmed" if after > 1.1 * before else "refuted", "window_totals", None)
    ]


def _endpoints(endpoints: Sequence[Endpoint]) -> list[Evidence]:
    if not endpoints:
        return [Evidence("Some endpoints fail more than before", "unknown", None, "no access line")]
    affected = sum(1 for one in endpoints if one.is_affected)
    counted = f"{affected:,} of {len(endpoints):,}"
    some = f"Some endpoints fail more than before: {counted}"
    rest = f"All endpoints fail more than before: {counted}"
    return [
        Evidence(some, "confirmed" if affected else "refuted", "endpoint_totals", None),
        *(
            [
                Evidence(
                    rest,
                    "confirmed" if affected == len(endpoints) else "refuted",
                    "endpoint_totals",
                    None,
                )
            ]
            if affected
            else []
        ),
    ]


def _course(found: Sequence[Finding], candidate: WindowFacts) -> list[Evidence]:
    if not found or candidate.end is None:
        return []
    ongoing = sum(1 for one in found if one.is_ongoing)
    text = f"It went on to the end of the data: {ongoing:,} of {many(len(found), 'rise')}"
    return [Evidence(text, "confirmed" if ongoing else "refuted", "finding_minutes", None)]
