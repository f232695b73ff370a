"""The plan, what has to hold afterwards, and how long it may take."""

from collections import defaultdict
from collections.abc import Sequence

from pipeline.model import Criterion, Remediation, Result
from pipeline.render.context.basis import Basis
from pipeline.render.figures import duration, many, percent, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ActionView, CriterionView, Link, PhaseView
from pipeline.render.words import name_of

_MAX_NAMES = 5

_CRITERION_WORDS = {"pass": "pass", "fail": "fail", "insufficient": "not enough data"}
_CRITERION_TONES = {"pass": "ok", "fail": "bad", "insufficient": "plain"}


# Title, and what is left to people there beside owner and time.
_PHASES: dict[str, tuple[str, str]] = {
    "contain": ("Contain", "owner, due, hours"),
    "repair": ("Repair", "hours"),
    "validate": ("Validate", "owner, due, hours"),
}


def phase_views(basis: Basis) -> list[PhaseView]:
    """Return the phases in their order, each with its actions by priority; none without a plan."""
    ordered = sorted(basis.result.remediation, key=_by_priority)
    if not ordered:
        return []
    return [
        PhaseView(
            title=title,
            hint=hint,
            is_repair=phase == "repair",
            actions=[_action(basis, one) for one in ordered if one.phase == phase],
        )
        for phase, (title, hint) in _PHASES.items()
    ]


def _action(basis: Basis, one: Remediation) -> ActionView:
    is_known = one.source.startswith("knowledge base")
    return ActionView(
        priority=f"{one.priority}.",
        known=Untrusted(one.action if is_known else ""),
        own=Untrusted("" if is_known else one.action),
        then=Untrusted(one.then or ""),
        answers=basis.link(one.answers) or Link(Untrusted(one.answers), ""),
        share=percent(one.expected_excess_share),
        has_share=one.expected_excess_share is not None,
        source=Untrusted(one.source),
        undone_if=Untrusted(one.undone_if),
        verified_by=Untrusted(one.verified_by),
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


def escalation(result: Result) -> tuple[str, str]:
    """Return the clauses of the rule that give the level, and the others."""
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
        noticed=percent(one.power),
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
    based = f"from {many(estimate.based_on_count, 'earlier incident')} of the same class"
    if estimate.chance is None:
        return f"{hours}, {based}"
    return f"{hours}, {based}; the next lies in that range with {percent(estimate.chance)}"
