"""The plan, what has to hold afterwards, and how long it may take."""

from collections import defaultdict
from collections.abc import Sequence

from pipeline.model import Criterion, Remediation, Result
from pipeline.render.context.basis import Basis
from pipeline.render.figures import duration, many, percent, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ActionView, CriterionView, Link
from pipeline.render.words import name_of

_MAX_NAMES = 5

_CRITERION_WORDS = {"pass": "pass", "fail": "fail", "insufficient": "not enough data"}
_CRITERION_TONES = {"pass": "ok", "fail": "bad", "insufficient": "plain"}


def action_views(basis: Basis) -> list[ActionView]:
    """Return the actions by priority."""
    ordered = sorted(basis.result.remediation, key=_by_priority)
    return [_action(basis, one) for one in ordered]


def _action(basis: Basis, one: Remediation) -> ActionView:
    return ActionView(
        priority=str(one.priority),
        action=Untrusted(one.action),
        answers=basis.link(one.answers) or Link(Untrusted(one.answers), ""),
        share=percent(one.expected_excess_share),
        source=Untrusted(one.source),
        verified_by=Untrusted(one.verified_by or ""),
    )


def _by_priority(one: Remediation) -> int:
    return one.priority


def hit(basis: Basis) -> list[Untrusted]:
    """Say what fails now: the endpoints by service, and the services that log risen classes."""
    affected = [one for one in basis.result.endpoints if one.is_affected]
    by_service: defaultdict[str, list[str]] = defaultdict(list)
    for one in affected:
        by_service[one.service_name].append(f"{one.http_request_method} {one.http_route}".strip())
    texts = [
        f"{name}: {_listed(routes)} fail more than before" for name, routes in by_service.items()
    ]
    named = {service.service_name for one in basis.regressions for service in one.services
             if service.candidate_count}  # fmt: skip
    texts += [f"{name}: logs {_listed(_classes_in(basis, name))}" for name in sorted(named)]
    return [Untrusted(text) for text in texts[: basis.caps.statements]]


def _classes_in(basis: Basis, service_name: str) -> list[str]:
    found = [
        name_of(one)
        for one in basis.regressions
        for service in one.services
        if service.service_name == service_name and service.candidate_count
    ]
    return list(dict.fromkeys(found))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES])
    return f"{shown} and {len(names) - _MAX_NAMES:,} more" if len(names) > _MAX_NAMES else shown


def verifiable(basis: Basis) -> list[Link]:
    """Return the cards whose knowledge tells how a repair is verified."""
    found = [one for one in basis.cards if one.knowledge is not None and one.knowledge.verify]
    return [Link(Untrusted(name_of(one)), basis.anchors[one.finding_id]) for one in found]


def escalation(result: Result) -> tuple[str, str]:
    """Return the clause of the rule that gave the level, and the others."""
    clauses = [clause.strip() for clause in result.escalation.rule.split(";") if clause.strip()]
    prefix = f"{result.escalation.level}:"
    applied = [one.removeprefix(prefix).strip() for one in clauses if one.startswith(prefix)]
    others = [one for one in clauses if not one.startswith(prefix)]
    return "; ".join(applied), "; ".join(others)


def criterion_view(one: Criterion) -> CriterionView:
    """Return a success criterion with its value now."""
    return CriterionView(
        criterion_id=Untrusted(one.criterion_id),
        text=Untrusted(one.text),
        value_now=_criterion_value(one, one.value_now),
        exposure=duration(one.minimum_exposure * 3600),
        status=_CRITERION_WORDS[one.status],
        tone=_CRITERION_TONES[one.status],
    )


def _criterion_value(one: Criterion, value: float | None) -> str:
    if one.metric.endswith("share"):
        return percent(value)
    return rate(value) if value is None or not one.metric.endswith("rate") else f"{rate(value)}/h"


def recovery(result: Result) -> str:
    """Return the range of hours with what it rests on, or nothing."""
    estimate = result.recovery_estimate
    if estimate is None:
        return ""
    hours = f"{rate(estimate.hours_low)} to {rate(estimate.hours_high)} hours"
    return f"{hours}, from {many(estimate.based_on_count, 'earlier incident')} of the same class"
