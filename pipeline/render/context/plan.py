"""The plan, what has to hold afterwards, and how long it may take."""

from pipeline.model import Criterion, Remediation, Result
from pipeline.render.context.basis import Basis
from pipeline.render.figures import duration, many, percent, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ActionView, CriterionView, Link

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
        undone_if=Untrusted(one.undone_if or ""),
        verified_by=Untrusted(one.verified_by or ""),
    )


def _by_priority(one: Remediation) -> int:
    return one.priority


def criterion_view(one: Criterion) -> CriterionView:
    """Return a success criterion with its value now."""
    return CriterionView(
        criterion_id=Untrusted(one.criterion_id),
        text=Untrusted(one.text),
        value_now=_criterion_value(one, one.value_now),
        threshold=_criterion_value(one, one.threshold),
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
