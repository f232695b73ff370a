"""What is asked for after a rise: actions, success criteria, the level by rule.

Actions come from the knowledge base or from the place that the traces name, never from a guess at
the cause; whose action it is, and by when, is left to people.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pipeline.diagnosis.findings import regressions
from pipeline.diagnosis.statements import called, endpoint_name, rate_text
from pipeline.model import (
    Chain,
    Criterion,
    Endpoint,
    Escalation,
    Finding,
    Remediation,
    Totals,
    Verdict,
    WindowFacts,
)

# A rise is over when three times the baseline's rate is not reached: below that, chance explains
# it.
_CRITERION_HOURS = 3.0
_TOTAL_MARGIN = 1.1


def remediation_of(
    findings: Sequence[Finding], criteria: Sequence[Criterion], chain: Chain
) -> list[Remediation]:
    """Return one action a regression, by the share of the excess that it answers.

    What to do comes from the knowledge base where it has an entry; else the action is to look at
    the place that the traces name. The share is of the excess of all regressions of its kind: the
    finding's own, and of what follows from it in *chain* as much as followed it.
    """
    found = [one for one in regressions(findings) if one.kind == "error"]
    found = found or regressions(findings)
    excess = {one.finding_id: _excess(one) for one in found}
    total = sum(excess.values())
    answered = {one.finding_id: _answered(one.finding_id, excess, chain) for one in found}
    by_finding = {one.scope["finding_id"]: one for one in criteria if "finding_id" in one.scope}
    ordered = sorted(found, key=lambda one: (-answered[one.finding_id], one.finding_id))
    actions = []
    for priority, one in enumerate(ordered, start=1):
        knowledge = one.knowledge
        criterion = by_finding.get(one.finding_id)
        actions.append(
            Remediation(
                priority=priority,
                action=_action(one),
                answers=one.finding_id,
                expected_excess_share=answered[one.finding_id] / total if total else None,
                source=f"knowledge base: {knowledge.knowledge_id}" if knowledge else "this input",
                undone_if=f"{called(one)} follows from another finding that is mended first",
                verified_by=criterion.criterion_id if criterion else None,
            )
        )
    return actions


def _answered(start: str, excess: Mapping[str, float], chain: Chain) -> float:
    """Return the excess that goes when *start* goes: its own, and of each finding that follows it
    the largest product of shares on a way there. What is only a hypothesis is no way.
    """
    ids = {node.node_id: node.finding_id for node in chain.nodes}
    ways: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for edge in chain.edges:
        if edge.grade != "hypothesis":
            ways[edge.source].append((edge.target, min(edge.share, 1.0)))
    shares = {node: 1.0 for node, finding in ids.items() if finding == start}
    waiting = list(shares)
    while waiting:
        at = waiting.pop()
        for target, share in ways[at]:
            reached = shares[at] * share
            if reached > shares.get(target, 0.0) + 1e-9:
                shares[target] = reached
                waiting.append(target)
    followers = {ids[node]: share for node, share in shares.items() if ids.get(node) != start}
    return excess[start] + sum(
        excess.get(name, 0.0) * share for name, share in sorted(followers.items(), key=str) if name
    )


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
    baseline: WindowFacts | None = None,
) -> list[Criterion]:
    """Return the success criteria, each with its value in the candidate window.

    The activity that is usual is the baseline's: requests, else events below a warning.

    A class is over when its hourly rate is back at what its baseline explains; a new class, when it
    is gone. Three covered hours are asked for, since less shows little.
    """
    criteria: list[Criterion] = []
    for one in regressions(findings):
        if one.kind != "error":
            continue
        threshold = (one.baseline_rate or 0.0) * _TOTAL_MARGIN
        name = called(one)
        text = (
            f"{name}: no event"
            if not threshold
            else f"{name}: at most {rate_text(threshold)} per hour"
        )
        criteria.append(
            _criterion(len(criteria), text, "event_rate", _scope(one), threshold,
                       one.candidate_rate)
        )  # fmt: skip
    if criteria and totals.baseline_rate is not None:
        threshold = totals.baseline_rate * _TOTAL_MARGIN
        text = f"all errors: at most {rate_text(threshold)} per hour"
        scope = {"kind": "error"}
        criteria.append(
            _criterion(len(criteria), text, "error_rate", scope, threshold, totals.candidate_rate)
        )
    for endpoint in endpoints:
        if not endpoint.is_affected:
            continue
        threshold = _share(endpoint.baseline_failure_count, endpoint.baseline_request_count) or 0.0
        value = _share(endpoint.candidate_failure_count, endpoint.candidate_request_count)
        limit = f"at most {threshold * _TOTAL_MARGIN * 100:.2f} % of requests fail"
        text = f"{endpoint_name(endpoint)}: {limit if threshold else 'no request fails'}"
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
    usual, unit = _activity(baseline or candidate)
    return [replace(one, usual_activity=usual, activity_unit=unit) for one in criteria]


# A service that logs less of a class than this may be silent without hiding it.
_MAIN_SHARE = 0.1


def _scope(finding: Finding) -> dict[str, str]:
    """Return what finds the same class in later logs, also under other rules and masks, and which
    services have to be logging for its absence to mean something.
    """
    least = _MAIN_SHARE * finding.candidate_count
    services = [one.service_name for one in finding.services if one.candidate_count >= least]
    names = {
        "finding_id": finding.finding_id,
        "kind": finding.kind,
        "error_class": finding.error_class,
        "exception_type": finding.exception_type,
        "template": finding.template,
        "fingerprint": finding.fingerprint,
        "services": ", ".join(services),
    }
    return {name: value for name, value in names.items() if value}


def _activity(
    window: WindowFacts,
) -> tuple[float | None, Literal["requests", "events"] | None]:
    hours = window.covered_seconds / 3600
    calm = window.event_count - window.error_count - window.warning_count
    if not hours or calm <= 0:
        return None, None
    if window.request_count:
        return window.request_count / hours, "requests"
    return calm / hours, "events"


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
