"""What the report says in words and what it asks for: verdict, health, evidence, plan, criteria.

Every sentence is made of numbers that a query gave; what the input cannot tell is said to be
unknown. Nothing here names a root cause.
"""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.diagnosis.findings import regressions, suspected
from pipeline.model import (
    Criterion,
    Endpoint,
    Escalation,
    Evidence,
    Finding,
    Gap,
    Health,
    HealthStatement,
    Remediation,
    State,
    Totals,
    Verdict,
    WindowFacts,
)

_UNKNOWN_FROM_LOGS = (
    ("container state", "restarts, health checks and exit codes of containers"),
    ("resources", "CPU, memory, disk and network use"),
    ("database", "connections, locks, schema and migrations that no log line names"),
    ("hanging requests", "requests that never finished: access lines are written when one ends"),
)
# A rise is over when three times the baseline's rate is not reached: below that, chance explains
# it.
_CRITERION_HOURS = 3.0
_TOTAL_MARGIN = 1.1
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
) -> str:
    """Return the title line, made of numbers."""
    if verdict is Verdict.CANNOT_DECIDE:
        if baseline.covered_seconds <= 0:
            return f"{_many(candidate.error_count, 'error')} and no baseline to compare them with"
        return "Not enough of the logs is covered to compare the two windows"
    change = _change(totals, baseline, candidate)
    found = regressions(findings)
    if not found:
        names = len(suspected(findings))
        more = f"; {_many(names, 'suspected rise')}" if names else "; no class rose beyond chance"
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
        return f"{_many(candidate.error_count, 'error')}"
    counts = f"errors {_rate(before)} → {_rate(after)} per hour"
    if not before or totals.rate_ratio is None:
        return counts[0].upper() + counts[1:]
    if totals.rate_ratio >= _MANY_TIMES:
        times = f"\N{MULTIPLICATION SIGN} {totals.rate_ratio:,.0f}"
        return f"Errors {times}: {_rate(before)} → {_rate(after)} per hour"
    percent = (totals.rate_ratio - 1) * 100
    return f"Errors {percent:+.0f} %: {_rate(before)} → {_rate(after)} per hour"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def health_of(
    findings: Sequence[Finding],
    endpoints: Sequence[Endpoint],
    services: Mapping[str, tuple[int, int]],
    gaps: Sequence[Gap],
) -> Health:
    """Say what works, what is broken, and what this input cannot tell.

    *services*: name to (events, errors) in the candidate window.
    """
    broken = [
        HealthStatement(
            one.services[0].service_name if one.services else "?",
            f"{one.error_class or one.title}: {_many(one.candidate_count, 'event')}, "
            f"{_many(one.baseline_count, 'event')} in the baseline",
            "finding_totals",
        )
        for one in regressions(findings)
    ]
    broken += [
        HealthStatement(
            one.service_name,
            f"{_name(one)} failed {one.candidate_failure_count:,} of "
            f"{one.candidate_request_count:,} requests",
            "endpoint_totals",
        )
        for one in endpoints
        if one.is_affected
    ]
    risen = {
        service.service_name
        for one in regressions(findings)
        for service in one.services
        if service.candidate_count
    }
    working = [
        HealthStatement(
            one.service_name,
            f"{_name(one)} answered {one.candidate_request_count:,} requests, "
            f"{one.candidate_failure_count:,} of them with a failure",
            "endpoint_totals",
        )
        for one in sorted(endpoints, key=_soundest_first)
        if not one.is_affected and one.candidate_request_count and _is_healthy(one)
    ]
    working += [
        HealthStatement(
            name, f"logged {events:,} events, {errors:,} errors, none of them risen",
            "service_minutes",
        )
        for name, (events, errors) in sorted(services.items())
        if events and name not in risen
    ]  # fmt: skip
    unknown = [
        HealthStatement(gap.service_name, f"no lines {_span(gap)}", "service_minutes")
        for gap in gaps
        if gap.window == "candidate"
    ]
    unknown += [
        HealthStatement(name, f"not in logs: {text}", None) for name, text in _UNKNOWN_FROM_LOGS
    ]
    return Health(working=working, broken=broken, unknown=unknown)


def _span(gap: Gap) -> str:
    return f"from {gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} UTC"


def _is_healthy(endpoint: Endpoint) -> bool:
    return endpoint.candidate_failure_count * 100 <= endpoint.candidate_request_count


def _soundest_first(endpoint: Endpoint) -> tuple[int, int, str, str]:
    return (
        endpoint.candidate_failure_count,
        -endpoint.candidate_request_count,
        endpoint.http_route,
        endpoint.http_request_method,
    )


def _name(endpoint: Endpoint) -> str:
    return f"{endpoint.http_request_method} {endpoint.http_route}".strip()


def evidence_of(
    findings: Sequence[Finding],
    endpoints: Sequence[Endpoint],
    baseline: WindowFacts,
    candidate: WindowFacts,
) -> list[Evidence]:
    """Return statements about this input, each confirmed, refuted or unknown."""
    found = regressions(findings)
    requests = "unknown"
    if baseline.request_count and candidate.request_count:
        before = baseline.request_count / max(baseline.covered_seconds, 1.0)
        after = candidate.request_count / max(candidate.covered_seconds, 1.0)
        requests = "confirmed" if after > 1.1 * before else "refuted"
    statements = [
        Evidence(
            "Requests rose by more than 10 % as well",
            requests,  # type: ignore[arg-type]
            "window_totals" if requests != "unknown" else None,
            None,
        )
    ]
    statements += [
        Evidence(
            f"{one.error_class or one.title} did not occur in the baseline"
            if not one.baseline_count
            else f"{one.error_class or one.title} is more frequent than its baseline explains",
            "confirmed",
            "finding_totals",
            None,
        )
        for one in found
    ]
    if endpoints:
        affected = sum(1 for one in endpoints if one.is_affected)
        statements.append(
            Evidence(
                f"Failures are limited to {affected} of {len(endpoints)} endpoints",
                "confirmed" if affected < len(endpoints) else "refuted",
                "endpoint_totals",
                None,
            )
        )
    statements.append(
        Evidence("What changed in code, configuration or data", "unknown", None, None)
    )
    return statements


def remediation_of(findings: Sequence[Finding], criteria: Sequence[Criterion]) -> list[Remediation]:
    """Return one action a regression, by the share of the excess that it answers.

    What to do comes from the knowledge base where it has an entry; else the action is to look at
    the place that the traces name. The share is of the excess of all regressions of its kind.
    """
    found = [one for one in regressions(findings) if one.kind == "error"]
    found = found or regressions(findings)
    total = sum(_excess(one) for one in found)
    by_finding = {one.scope["finding_id"]: one for one in criteria if "finding_id" in one.scope}
    ordered = sorted(found, key=lambda one: (-_excess(one), one.finding_id))
    actions = []
    for priority, one in enumerate(ordered, start=1):
        knowledge = one.knowledge
        criterion = by_finding.get(one.finding_id)
        actions.append(
            Remediation(
                priority=priority,
                action=_action(one),
                answers=one.finding_id,
                expected_excess_share=_excess(one) / total if total else None,
                source=f"knowledge base: {knowledge.knowledge_id}" if knowledge else "this input",
                undone_if=f"{one.error_class or one.title} follows from another finding that is "
                "mended first",
                verified_by=criterion.criterion_id if criterion else None,
            )
        )
    return actions


def _action(finding: Finding) -> str:
    if finding.knowledge and finding.knowledge.check_first:
        return finding.knowledge.check_first[0]
    place = finding.code_location
    if place:
        line = f":{place.code_line_number}" if place.code_line_number else ""
        return f"Look at {place.code_file_path}{line}, the place that its traces name"
    if finding.services:
        return f"Look at {finding.services[0].service_name} around the onset"
    return "Look at the samples around the onset"


def _excess(finding: Finding) -> float:
    return max(finding.candidate_count - (finding.expected_count or 0.0), 0.0)


def criteria_of(
    findings: Sequence[Finding],
    endpoints: Sequence[Endpoint],
    totals: Totals,
    candidate: WindowFacts,
) -> list[Criterion]:
    """Return the success criteria, each with its value in the candidate window.

    A class is over when its hourly rate is back at what its baseline explains; a new class, when it
    is gone. Three covered hours are asked for, since less shows little.
    """
    criteria: list[Criterion] = []
    for one in regressions(findings):
        if one.kind != "error":
            continue
        threshold = (one.baseline_rate or 0.0) * _TOTAL_MARGIN
        name = one.error_class or one.title
        text = (
            f"{name}: no event" if not threshold else f"{name}: at most {_rate(threshold)} per hour"
        )
        criteria.append(
            _criterion(len(criteria), text, "event_rate", {"finding_id": one.finding_id},
                       threshold, one.candidate_rate)
        )  # fmt: skip
    if criteria and totals.baseline_rate is not None:
        threshold = totals.baseline_rate * _TOTAL_MARGIN
        text = f"all errors: at most {_rate(threshold)} per hour"
        scope = {"kind": "error"}
        criteria.append(
            _criterion(len(criteria), text, "error_rate", scope, threshold, totals.candidate_rate)
        )
    for endpoint in endpoints:
        if not endpoint.is_affected:
            continue
        threshold = _share(endpoint.baseline_failure_count, endpoint.baseline_request_count) or 0.0
        value = _share(endpoint.candidate_failure_count, endpoint.candidate_request_count)
        text = f"{_name(endpoint)}: at most {threshold * _TOTAL_MARGIN:.2%} of requests fail"
        scope = {
            "service_name": endpoint.service_name,
            "http_request_method": endpoint.http_request_method,
            "http_route": endpoint.http_route,
        }
        criteria.append(
            _criterion(
                len(criteria), text, "failure_share", scope, threshold * _TOTAL_MARGIN, value
            )
        )
    return criteria


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _criterion(
    number: int,
    text: str,
    metric: str,
    scope: dict[str, str],
    threshold: float,
    value: float | None,
) -> Criterion:
    return Criterion(
        criterion_id=f"c{number + 1}",
        text=text,
        metric=metric,
        scope=scope,
        threshold=threshold,
        minimum_exposure=_CRITERION_HOURS,
        value_now=value,
        status="insufficient" if value is None else "fail" if value > threshold else "pass",
    )


def escalation_of(
    verdict: Verdict, findings: Sequence[Finding], endpoints: Sequence[Endpoint]
) -> Escalation:
    """Return the level by a rule that the report prints with it."""
    found = regressions(findings)
    is_ongoing = any(one.is_ongoing for one in found)
    affected = sum(1 for one in endpoints if one.is_affected)
    rule = (
        "critical: a regression that goes on at the end of the data or affects endpoints; "
        "high: any other regression; watch: suspected only; none: otherwise; "
        "unknown: no decision possible"
    )
    if verdict is Verdict.CANNOT_DECIDE:
        return Escalation("unknown", rule)
    if found:
        return Escalation("critical" if is_ongoing or affected else "high", rule)
    return Escalation("watch" if verdict is Verdict.WATCH else "none", rule)
