"""Which problems a run found, and which of those told before are over.

Without a history of runs only one result speaks, and what it cannot tell stays as it was: an
all-clear needs a window that was read, a service that logged all of it, and a rate as usual.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipeline.model import Finding, Result, Verdict
from pipeline.notices import Handling, Problem

RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a history of runs says of one finding: its state over runs, and what people said."""

    state: str
    handling: Handling = "none"


def standing(
    result: Result, known: Iterable[Problem], over_runs: Mapping[str, Standing] | None = None
) -> list[Problem]:
    """Return the problems of *result* and those *known* that are over, worst first.

    A problem is a confirmed regression; one that was told stays one until it is known to be over.
    *over_runs* (by finding id) has the last word on states.
    """
    over_runs = over_runs or {}
    findings = {one.finding_id: one for one in result.findings}
    found = {one.finding_id: _problem(one) for one in result.findings if one.is_regression}
    for before in known:
        now = _of(before, findings)
        if now is not None and now.finding_id != before.finding_id and now.is_regression:
            # The same under other masks: it goes on under the id that it was told with.
            found.pop(now.finding_id, None)
            found[before.finding_id] = replace(_problem(now), finding_id=before.finding_id)
        elif before.finding_id not in found:
            state = RESOLVED if _is_over(before, now, result) else before.state
            found[before.finding_id] = replace(_as_of(before, now), state=state)
    for finding_id, told in over_runs.items():
        if finding_id in found:
            found[finding_id] = replace(found[finding_id], state=told.state, handling=told.handling)
    order = {one.finding_id: at for at, one in enumerate(result.findings)}
    return sorted(
        found.values(), key=lambda one: (order.get(one.finding_id, len(order)), one.title)
    )


def _problem(one: Finding) -> Problem:
    return Problem(
        finding_id=one.finding_id,
        kind=one.kind,
        error_class=one.error_class,
        title=one.title,
        state=one.state.value,
        severity_number=one.severity_number,
        first_seen=one.first_seen,
        onset=one.onset,
        onset_lower=one.onset_lower,
        onset_upper=one.onset_upper,
        rate=one.candidate_rate,
        usual_rate=one.baseline_rate,
        services=tuple(service.service_name for service in one.services if service.candidate_count),
        is_ongoing=one.is_ongoing,
    )


def _of(before: Problem, findings: Mapping[str, Finding]) -> Finding | None:
    """Return the finding that *before* is now, also where its id changed with the masks."""
    if before.finding_id in findings:
        return findings[before.finding_id]
    return next((one for one in findings.values() if before.finding_id in one.alias_ids), None)


def _as_of(before: Problem, now: Finding | None) -> Problem:
    """Return *before* with the rate of now; what it was told with stays."""
    if now is None:
        return replace(before, rate=None, is_ongoing=False)
    return replace(before, rate=now.candidate_rate, is_ongoing=now.is_ongoing)


def _is_over(before: Problem, now: Finding | None, result: Result) -> bool:
    if result.verdict is Verdict.CANNOT_DECIDE or not result.windows.candidate.event_count:
        return False
    absent = {gap.service_name for gap in result.coverage.gaps if gap.window == "candidate"}
    if absent & set(before.services):
        return False  # who says nothing has not been mended
    if now is None or now.candidate_count == 0:
        return _has_logged(before, result)
    # A rise that goes on becomes the normal of a baseline that moves along: the usual rate is that
    # of when it was told. What could not be told from it counts as usual.
    if before.usual_rate is None or now.candidate_rate is None:
        return False
    return now.candidate_rate <= before.usual_rate * max(now.minimum_detectable_ratio or 1.0, 1.0)


def _has_logged(before: Problem, result: Result) -> bool:
    """Tell whether the services of *before* wrote anything in the candidate window.

    A file may hold many services, and then names none: its gaps have told who is silent.
    """
    start = result.windows.candidate.start
    seen: set[str | None] = set()
    for one in result.coverage.sources:
        if one.event_count and (start is None or (one.last_timestamp or start) >= start):
            seen.add(one.service_name)
    return None in seen or set(before.services) <= seen
