"""What works, what is broken, and what this input cannot tell: statements of counts, by component.

Nothing is said to work that was not seen at work, and what no line tells is listed as not known.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from pipeline.diagnosis.findings import regressions, suspected
from pipeline.diagnosis.statements import called, endpoint_name, many
from pipeline.model import Endpoint, FactFile, Finding, Gap, Health, HealthStatement, State

# Routes by which orchestrators and monitors ask whether a service is there.
_PROBE = re.compile(
    r"(?i)/[^/]*(?:health|ready|readiness|live|liveness|ping|metrics|heartbeat)\w*$"
)
_FALLEN = (State.STEADY, State.DECREASED, State.GONE)
_GAP_WORDS = {"silent": "no lines", "absent": "no lines", "thin": "far fewer lines than usual"}


@dataclass(frozen=True, slots=True)
class Captured:
    """What files that were captured beside the logs say, and which questions they answer."""

    files: list[FactFile] = field(default_factory=list)
    working: list[HealthStatement] = field(default_factory=list)
    broken: list[HealthStatement] = field(default_factory=list)
    unknown: list[HealthStatement] = field(default_factory=list)
    answers: frozenset[str] = frozenset()


def health_of(
    findings: Sequence[Finding],
    endpoints: Sequence[Endpoint],
    services: Mapping[str, tuple[int, int]],
    gaps: Sequence[Gap],
    *,
    is_decided: bool,
    captured: Captured | None = None,
) -> Health:
    """Return the three columns. *services*: name to (events, errors) in the candidate window.

    Where nothing was compared (*is_decided* false), a service that logged is not said to work. What
    was *captured* beside the logs stands first: it says most about containers. A question that
    neither it nor the logs answer is listed with what would.
    """
    captured = captured or Captured()
    counted = [one for one in endpoints if one.is_counted]
    risen = _services_of(regressions(findings))
    maybe = [one for one in suspected(findings) if one.state not in _FALLEN]
    doubtful = _services_of(maybe) - risen
    logged = {name: seen for name, seen in sorted(services.items()) if seen[0]}
    sound = [name for name in logged if name not in risen | doubtful and is_decided]
    return Health(
        working=[
            *captured.working,
            *_answering(counted),
            *(_usual(name, *logged[name]) for name in sound),
        ],
        broken=[
            *captured.broken,
            *_risen(findings),
            *_failing(counted),
            *_hanging(endpoints),
        ],
        unknown=[
            *captured.unknown,
            *_not_read(captured.files),
            *_unsure(maybe, doubtful),
            *([] if is_decided else [_untested(name, *seen) for name, seen in logged.items()]),
            *_silent(gaps),
            *([] if counted else [_without_requests()]),
            *_open_questions(captured.answers | _answered_by(endpoints)),
        ],
    )  # fmt: skip


@cache
def questions() -> tuple[tuple[str, str, str], ...]:
    """Return what logs alone do not answer: name, what is not known, and what would tell it."""
    text = (files("pipeline") / "diagnosis" / "questions.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["question"]
    return tuple((one["name"], one["unknown"], one["told_by"]) for one in rows)


def _open_questions(answered: frozenset[str]) -> list[HealthStatement]:
    return [
        HealthStatement(name, f"not in this input: {unknown}; {told_by}", None)
        for name, unknown, told_by in questions()
        if name not in answered
    ]


def _not_read(captured: Sequence[FactFile]) -> list[HealthStatement]:
    return [
        HealthStatement(
            "facts",
            f"a captured file tells nothing: {one.problem}",
            "fact_files",
            source=one.file_name,
        )
        for one in captured
        if one.problem is not None
    ]


def _services_of(findings: Iterable[Finding]) -> set[str]:
    return {
        service.service_name
        for one in findings
        for service in one.services
        if service.candidate_count
    }


def _risen(findings: Sequence[Finding]) -> list[HealthStatement]:
    return [
        HealthStatement(
            one.services[0].service_name if one.services else "?",
            f"{called(one)}: {many(one.candidate_count, 'event')}, "
            f"{many(one.baseline_count, 'event')} in the baseline",
            "finding_totals",
        )
        for one in regressions(findings)
    ]


def _failing(endpoints: Sequence[Endpoint]) -> list[HealthStatement]:
    return [
        HealthStatement(
            one.service_name,
            f"{endpoint_name(one)} failed {one.candidate_failure_count:,} of "
            f"{many(one.candidate_request_count, 'request')}",
            "endpoint_totals",
        )
        for one in endpoints
        if one.is_affected
    ]


def _hanging(endpoints: Sequence[Endpoint]) -> list[HealthStatement]:
    return [
        HealthStatement(
            one.service_name,
            f"{many(one.unfinished_count, 'request')} of {endpoint_name(one)} began, and no line "
            "says that they ended",
            "unfinished_requests",
        )
        for one in endpoints
        if one.unfinished_count
    ]


def _answered_by(endpoints: Sequence[Endpoint]) -> frozenset[str]:
    """Return the questions that lines of requests answer."""
    answered = {"durations"} if any(one.latency is not None for one in endpoints) else set()
    if any(one.unfinished_count is not None for one in endpoints):
        answered.add("hanging requests")
    return frozenset(answered)


def _answering(endpoints: Sequence[Endpoint]) -> list[HealthStatement]:
    """Name each probe by itself, and count the other sound endpoints of a service together."""
    sound = [
        one
        for one in endpoints
        if not one.is_affected and one.candidate_request_count and _is_healthy(one)
    ]
    others: defaultdict[str, list[Endpoint]] = defaultdict(list)
    said = []
    for one in sorted(sound, key=_soundest_first):
        if _PROBE.search(one.http_route):
            said.append(_answered(one.service_name, endpoint_name(one), [one]))
        else:
            others[one.service_name].append(one)
    for service, found in sorted(others.items()):
        name = endpoint_name(found[0]) if len(found) == 1 else f"{len(found):,} endpoints"
        said.append(_answered(service, name, found))
    return said


def _answered(service: str, name: str, found: Sequence[Endpoint]) -> HealthStatement:
    requests = sum(one.candidate_request_count for one in found)
    failures = sum(one.candidate_failure_count for one in found)
    of_these = f"{failures:,} of them with a failure" if failures else "none with a failure"
    return HealthStatement(
        service, f"{name} answered {many(requests, 'request')}, {of_these}", "endpoint_totals"
    )


def _usual(name: str, events: int, errors: int) -> HealthStatement:
    logged = f"logged {many(events, 'event')}"
    text = (
        f"{logged}, {many(errors, 'error')}, no more than usual"
        if errors
        else f"{logged}, no error"
    )
    return HealthStatement(name, text, "service_minutes")


def _untested(name: str, events: int, errors: int) -> HealthStatement:
    return HealthStatement(
        name,
        f"logged {many(events, 'event')}, {many(errors, 'error')}; whether that is usual was not "
        "tested",
        "service_minutes",
    )


def _unsure(maybe: Sequence[Finding], doubtful: set[str]) -> list[HealthStatement]:
    """Name the rises that are only suspected, in services that have no confirmed one."""
    return [
        HealthStatement(
            service.service_name, f"a rise of {called(one)} is suspected only", "finding_totals"
        )
        for one in maybe
        for service in one.services
        if service.candidate_count and service.service_name in doubtful
    ]


def _silent(gaps: Sequence[Gap]) -> list[HealthStatement]:
    return [
        HealthStatement(
            gap.service_name,
            f"{_GAP_WORDS[gap.kind]} from {gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} "
            "UTC",
            "service_minutes",
        )
        for gap in gaps
        if gap.window == "candidate"
    ]


def _without_requests() -> HealthStatement:
    return HealthStatement(
        "endpoints", "no access line in the input: which requests failed, and how many", None
    )


def _is_healthy(endpoint: Endpoint) -> bool:
    return endpoint.candidate_failure_count * 100 <= endpoint.candidate_request_count


def _soundest_first(endpoint: Endpoint) -> tuple[int, int, str, str]:
    return (
        endpoint.candidate_failure_count,
        -endpoint.candidate_request_count,
        endpoint.http_route,
        endpoint.http_request_method,
    )
