"""What has to hold on later logs for the incident to be over, as data that can be checked again.

Every regression and every affected endpoint has one: at most what its baseline explains, over as
many hours as a fault that was not mended needs to show. Latency has none, since durations are not
compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pipeline.diagnosis.findings import regressions
from pipeline.diagnosis.statements import called, endpoint_name, many, rate_text
from pipeline.model import Criterion, Endpoint, Finding, Level, Windows

# All criteria together of a system that recovered pass so often, whatever their number.
_ALL_PASS = 0.95
# Less shows little, however clear the numbers: what is started again needs its time to fail.
_LEAST_HOURS = 3.0
# What is compared by hours of the day or week is so again by whole days or weeks only.
_WHOLE = {"hour_of_day": 24.0, "hour_of_week": 168.0}
# A service that logs less of a class than this may be silent without hiding it.
_MAIN_SHARE = 0.1
LEVEL_COLUMNS = ("usual_rate", "noise", "drift", "unsure", "freedom", "baseline_hours")


class Limits(Protocol):
    """*bound* events in *hours*, against a fault of rate *unmended* that shows with *power*."""

    @property
    def hours(self) -> float:
        """Covered hours to look at."""

    @property
    def bound(self) -> int:
        """The most events that pass in these."""

    @property
    def unmended(self) -> float | None:
        """Rate of the fault that is to be noticed; None: not known."""

    @property
    def power(self) -> float | None:
        """How likely it is noticed, 0 to 1."""


class Bounds(Protocol):
    """The functions of `pipeline.detection.recovery`, which tell what a baseline explains."""

    def find_limits(
        self,
        level: Level,
        value_now: float | None,
        least_hours: float,
        chance: float,
        exposure_per_hour: float = 1.0,
    ) -> Limits:
        """Return bound and hours."""

    def most_explained(
        self, level: Level, hours: float, chance: float, exposure: float | None = None
    ) -> int:
        """Return the most events that *level* explains."""

    def count_level(self, count: int, hours: float) -> Level:
        """Return what a count lets expect, by a usual noise."""

    def share_level(self, failures: int, requests: int, hours: float) -> Level:
        """Return what failures of requests let expect, by a usual noise."""


def level_of(verdict: Mapping[str, Any] | None) -> Level | None:
    """Return what the rate test knows of a class's usual rate; None where it tested nothing."""
    if verdict is None or verdict.get("usual_rate") is None:
        return None
    return Level(*(float(verdict[name]) for name in LEVEL_COLUMNS))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A criterion before its limits: counts are of the candidate window, over *hours* covered."""

    metric: str
    scope: dict[str, str]
    name: str
    level: Level
    count: int
    hours: float
    exposure: float
    least_hours: float = _LEAST_HOURS

    @property
    def is_share(self) -> bool:
        return self.metric == "failure_share"

    @property
    def value(self) -> float | None:
        return self.count / self.exposure if self.exposure else None


def criteria_of(
    findings: Sequence[Finding],
    endpoints: Sequence[Endpoint],
    windows: Windows,
    levels: Mapping[str | None, Level],
    bounds: Bounds,
) -> list[Criterion]:
    """Return the success criteria, each with its value in the candidate window.

    *levels* are by finding_id, that of all errors together under None; where one is missing, the
    counts of the windows stand in with a usual noise. The activity that is usual is the baseline's:
    requests, else events below a warning.
    """
    risen = regressions(findings)
    if not risen:
        return []
    asked = [_of_finding(one, windows, levels.get(one.finding_id), bounds) for one in risen]
    if windows.baseline.covered_seconds:
        asked.append(_of_all(windows, levels.get(None), bounds))
    asked += [_of_endpoint(one, windows, bounds) for one in endpoints if one.is_affected]
    chance = (1 - _ALL_PASS) / len(asked)
    usual = _activity(windows)
    return [
        _criterion(f"c{number}", one, chance, usual, bounds)
        for number, one in enumerate(asked, start=1)
    ]


def _of_finding(one: Finding, windows: Windows, level: Level | None, bounds: Bounds) -> _Asked:
    hours = _hours(one.candidate_count, one.candidate_rate, windows.candidate.covered_seconds)
    before = _hours(one.baseline_count, one.baseline_rate, windows.baseline.covered_seconds)
    return _Asked(
        metric="event_rate",
        scope=_scope(one),
        name=called(one),
        level=level or bounds.count_level(one.baseline_count, before),
        count=one.candidate_count,
        hours=hours,
        exposure=hours,
        least_hours=_WHOLE.get(one.compared_per or "", _LEAST_HOURS),
    )


def _hours(count: int, rate: float | None, covered_seconds: float) -> float:
    """Return for how long a class's services were logging: what its rate is per."""
    return count / rate if count and rate else covered_seconds / 3600


def _of_all(windows: Windows, level: Level | None, bounds: Bounds) -> _Asked:
    before, now = windows.baseline, windows.candidate
    hours = now.covered_seconds / 3600
    return _Asked(
        metric="error_rate",
        scope={"kind": "error"},
        name="all errors",
        level=level or bounds.count_level(before.error_count, before.covered_seconds / 3600),
        count=now.error_count,
        hours=hours,
        exposure=hours,
    )


def _of_endpoint(one: Endpoint, windows: Windows, bounds: Bounds) -> _Asked:
    scope = {
        "service_name": one.service_name,
        "http_request_method": one.http_request_method,
        "http_route": one.http_route,
    }
    return _Asked(
        metric="failure_share",
        scope=scope,
        name=endpoint_name(one),
        level=bounds.share_level(
            one.baseline_failure_count,
            one.baseline_request_count,
            windows.baseline.covered_seconds / 3600,
        ),
        count=one.candidate_failure_count,
        hours=windows.candidate.covered_seconds / 3600,
        exposure=one.candidate_request_count,
    )


def _criterion(
    criterion_id: str,
    one: _Asked,
    chance: float,
    usual: tuple[float | None, Literal["requests", "events"] | None],
    bounds: Bounds,
) -> Criterion:
    per_hour = one.exposure / one.hours if one.hours else 0.0
    limits = bounds.find_limits(one.level, one.value, one.least_hours, chance, per_hour)
    size = limits.hours * per_hour
    threshold = limits.bound / size if size else 0.0
    status: Literal["pass", "fail", "insufficient"] = "insufficient"
    if one.value is not None:
        most = bounds.most_explained(one.level, one.hours, chance, one.exposure)
        status = "fail" if one.count > most else "pass"
    return Criterion(
        criterion_id=criterion_id,
        text=_text(one, limits, threshold),
        metric=one.metric,
        scope=one.scope,
        threshold=threshold,
        minimum_exposure=limits.hours,
        value_now=one.value,
        status=status,
        usual_activity=usual[0],
        activity_unit=usual[1],
        hours=limits.hours,
        bound=limits.bound,
        chance=chance,
        unmended=limits.unmended,
        power=limits.power,
        expected=one.level,
    )


def _text(one: _Asked, limits: Limits, threshold: float) -> str:
    if not limits.bound:
        return f"{one.name}: no {'request fails' if one.is_share else 'event'}"
    if one.is_share:
        return f"{one.name}: at most {threshold * 100:.2g} % of requests fail"
    most = f"at most {many(limits.bound, 'event')} in {limits.hours:g} covered hours"
    return f"{one.name}: {most}, {rate_text(threshold)} per hour"


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
    windows: Windows,
) -> tuple[float | None, Literal["requests", "events"] | None]:
    window = windows.baseline if windows.baseline.covered_seconds else windows.candidate
    hours = window.covered_seconds / 3600
    calm = window.event_count - window.error_count - window.warning_count
    if not hours or calm <= 0:
        return None, None
    if window.request_count:
        return window.request_count / hours, "requests"
    return calm / hours, "events"
