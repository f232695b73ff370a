"""Where it began: services by how their steps in traces changed."""

from pipeline.model import FirstFailure, Localisation, TraceSign
from pipeline.render.context.basis import Basis, moment_view
from pipeline.render.figures import UNKNOWN, count, many, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import BeganView, FirstFailureView

_STATEMENT_CHARACTERS = 120
_NEAREST = 3


def began_view(basis: Basis) -> BeganView | None:
    """Return what traces tell of the beginning, null for a result that did not look."""
    told = basis.result.localisation
    if told is None:
        return None
    return BeganView(
        status=told.status,
        reason=Untrusted(told.reason[:1].upper() + told.reason[1:]),
        traces=_traces(told),
        by_chance=rate(told.nats_by_chance),
        candidates=[_candidate_view(one) for one in _shown(told)],
    )


def _shown(told: Localisation) -> list[FirstFailure]:
    """Leave out what has less for it than against it, but for the nearest where nothing has more.

    Its place among the others is in the result.
    """
    found = [one for one in told.candidates if one.nats > 0]
    return found or told.candidates[:_NEAREST]


def _traces(told: Localisation) -> str:
    limit = told.trace_limit
    is_cut = (
        limit is not None and max(told.baseline_trace_count, told.candidate_trace_count) >= limit
    )
    return (
        f"{many(told.baseline_trace_count, 'trace')} of the baseline and "
        f"{count(told.candidate_trace_count)} of the candidate window"
        + (" (a sample: there were more than are taken)" if is_cut else "")
    )


def _candidate_view(one: FirstFailure) -> FirstFailureView:
    return FirstFailureView(
        service=Untrusted(one.service_name),
        strength=one.strength,
        nats=rate(one.nats),
        traces=(
            f"{count(one.trace_count)} of {count(one.changed_trace_count)}"
            if one.changed_trace_count
            else UNKNOWN
        ),
        since=moment_view(one.since) if one.since else None,
        signs=[Untrusted(sign_words(sign)) for sign in one.signs],
    )


def sign_words(sign: TraceSign) -> str:
    """Return one sign as a sentence with its counts; it holds log text."""
    at = _short(sign.statement)
    now = f"{count(sign.candidate_count)} of {count(sign.candidate_of)}"
    before = f"{count(sign.baseline_count)} of {count(sign.baseline_of)}"
    if sign.kind == "cut_short":
        return f"{now} spans ended after “{at}”, before {before}"
    if sign.kind == "more_errors":
        return f"{now} spans logged “{at}”, before {before} at most in any service"
    if sign.kind == "silent":
        return (
            f"{now} calls by {sign.other_service} after “{at}” left no line of it, before {before}"
        )
    to = f"“{_short(sign.next_statement or '')}”"
    with_other = f" (with {sign.other_service})" if sign.other_service else ""
    return (
        f"“{at}” to {to}{with_other} took {_ms(sign.candidate_ms)} in place of "
        f"{_ms(sign.baseline_ms)}, typical of {count(sign.candidate_of)} and "
        f"{count(sign.baseline_of)} times"
    )


def _short(statement: str) -> str:
    if len(statement) <= _STATEMENT_CHARACTERS:
        return statement
    return statement[: _STATEMENT_CHARACTERS - 1] + "…"


def _ms(value: float | None) -> str:
    return f"{rate(value)} ms"
