"""Tables of counts and tests to findings: one for each class of errors that was tested."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from pipeline.model import (
    CodeLocation,
    Confidence,
    Correlate,
    Exclusion,
    Finding,
    HourlyPoint,
    Interarrival,
    Knowledge,
    Onset,
    Premise,
    Ramp,
    Sample,
    ServiceCount,
    State,
    Window,
    WindowName,
)
from pipeline.signs import Entry

# Still going on: the last ten minutes hold at least half of what the window's own rate would give.
_ONGOING = timedelta(minutes=10)
_ONGOING_SHARE = 0.5
_TITLE_CHARACTERS = 160
_SAMPLE_CHARACTERS = 2048
_WORSE_FIRST = {
    State.NEW: 0,
    State.ESCALATING: 0,
    State.RETURNED: 0,
    State.INCREASED: 0,
    State.BURST: 1,
    State.UNKNOWN: 2,
    State.STEADY: 3,
    State.DECREASED: 4,
    State.GONE: 5,
}
_KINDS = {"error": 0, "failed_request": 1, "warning": 2}


@dataclass(frozen=True, slots=True)
class Tables:
    """The marts that findings are built from; see `queries/marts` for their columns."""

    totals: pl.DataFrame
    services: pl.DataFrame
    samples: pl.DataFrame
    locations: pl.DataFrame
    intervals: pl.DataFrame
    verdicts: pl.DataFrame
    hourly: pl.DataFrame
    minutes: pl.DataFrame


def build_findings(
    tables: Tables,
    correlates: Mapping[str, list[Correlate]],
    onsets: Mapping[str, Onset],
    entries: Mapping[str, Entry],
    candidate: Window,
    candidate_seconds: float,
    premises: Sequence[Premise] = (),
    excluded: Sequence[Exclusion] = (),
    ramps: Mapping[str, Ramp] | None = None,
    service_onsets: Mapping[tuple[str, str], Onset] | None = None,
) -> list[Finding]:
    """Return a finding for each row of *tables.totals*, worse ones first.

    *verdicts* has `series_id` = finding_id; *hourly* one row per series and bucket with
    `expected_count`, `lower`, `upper`. A finding without a verdict (no baseline) has state unknown
    and no expectation. *candidate_seconds*: how much of *candidate* is covered. *excluded*: what
    was cut out of the baseline of all classes or of one.
    *entries*: of the knowledge base, by finding_id.
    *service_onsets*: by finding_id and service name, where a class rose in several services.
    """
    verdicts = {row["series_id"]: row for row in tables.verdicts.iter_rows(named=True)}
    services = _grouped(tables.services, "finding_id")
    samples = _grouped(tables.samples, "finding_id")
    locations = {row["finding_id"]: row for row in tables.locations.iter_rows(named=True)}
    intervals = {row["finding_id"]: row for row in tables.intervals.iter_rows(named=True)}
    hourly = _grouped(tables.hourly, "series_id")
    recent = _recent(tables.minutes, candidate.end)
    explained = {name: one.premise_id for one in premises for name in one.finding_ids}
    found = []
    for row in tables.totals.iter_rows(named=True):
        name = row["finding_id"]
        usual = row["candidate_count"] / max(candidate_seconds, 1.0) * _ONGOING.total_seconds()
        last = recent.get(name, 0)
        found.append(
            _finding(
                row,
                verdicts.get(name, {}),
                had_ended=any(
                    one.finding_id == name and one.end < candidate.start for one in excluded
                ),
                onset=onsets.get(name),
                is_ongoing=last > 0 and last >= _ONGOING_SHARE * usual,
                services=[
                    _service(one, (service_onsets or {}).get((name, one["service_name"])))
                    for one in services[name]
                ],
                samples=[_sample(one) for one in samples[name]],
                message=next((one["exception_message"] for one in samples[name]), None),
                correlates=correlates.get(name, []),
                premise_id=explained.get(name),
                location=_location(locations.get(name)),
                intervals=_intervals(intervals.get(name)),
                hourly=[_point(one) for one in hourly[name]],
                knowledge=entries[name].knowledge if name in entries else None,
                candidate_rate=3600 * row["candidate_count"] / candidate_seconds
                if candidate_seconds
                else None,
                excluded=[one for one in excluded if one.finding_id == name],
                ramp=(ramps or {}).get(name),
            )
        )
    return sorted(found, key=_badness)


def with_aliases(findings: Sequence[Finding], aliases: pl.DataFrame) -> list[Finding]:
    """Return *findings* with their ids in results of other masks; *aliases*: `finding_aliases`."""
    ids = _grouped(aliases, "finding_id")
    return [
        replace(one, alias_ids=[row["alias_id"] for row in ids[one.finding_id]]) for one in findings
    ]


def _grouped(frame: pl.DataFrame, key: str) -> defaultdict[str, list[dict[str, Any]]]:
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        groups[row[key]].append(row)
    return groups


def _recent(minutes: pl.DataFrame, end: datetime) -> dict[str, int]:
    last = minutes.filter(
        (pl.col("window_name") == "candidate") & (pl.col("bucket_start") >= end - _ONGOING)
    )
    counted = last.group_by("series_id").agg(pl.col("event_count").sum())
    return dict(counted.iter_rows())


def _finding(
    row: Mapping[str, Any],
    verdict: Mapping[str, Any],
    *,
    had_ended: bool,
    onset: Onset | None,
    is_ongoing: bool,
    services: list[ServiceCount],
    samples: list[Sample],
    message: str | None,
    correlates: list[Correlate],
    premise_id: str | None,
    location: CodeLocation | None,
    intervals: Interarrival | None,
    hourly: list[HourlyPoint],
    knowledge: Knowledge | None,
    candidate_rate: float | None,
    excluded: list[Exclusion],
    ramp: Ramp | None,
) -> Finding:
    kind = row["kind"]
    # Warnings are never a regression: they are tested and shown, and decide nothing.
    is_regression = bool(verdict.get("is_regression")) and kind != "warning"
    state = State(verdict.get("state", State.UNKNOWN))
    # What was cut out of the baseline and had ended there: the class is not new, it came back.
    if state is State.NEW and had_ended:
        state = State.RETURNED
    return Finding(
        finding_id=row["finding_id"],
        kind=kind,
        severity_number=row["severity_number"],
        error_class=row["error_class"],
        title=_title(row, message),
        template_id=row["template_id"],
        template=row["template"],
        fingerprint=row["fingerprint"],
        state=state,
        confidence=Confidence(verdict.get("confidence", Confidence.NONE)),
        is_regression=is_regression,
        baseline_count=row["baseline_count"],
        candidate_count=row["candidate_count"],
        expected_count=verdict.get("expected_count"),
        baseline_rate=verdict.get("baseline_rate"),
        candidate_rate=verdict.get("candidate_rate", candidate_rate),
        rate_ratio=verdict.get("rate_ratio"),
        rate_ratio_lower=verdict.get("rate_ratio_lower"),
        rate_ratio_upper=verdict.get("rate_ratio_upper"),
        p_value=verdict.get("p_value"),
        q_value=verdict.get("q_value"),
        minimum_detectable_ratio=verdict.get("minimum_detectable_ratio"),
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        is_ongoing=is_ongoing,
        onset=onset.onset if onset else None,
        onset_lower=onset.onset_lower if onset else None,
        onset_upper=onset.onset_upper if onset else None,
        first_after_onset=onset.first_event if onset else None,
        compared_per=verdict.get("offset") if verdict.get("p_value") is not None else None,
        interarrival_seconds=intervals,
        services=services,
        exception_type=row["exception_type"],
        exception_message=_cut(message, _SAMPLE_CHARACTERS),
        code_location=location,
        hourly=hourly,
        samples=samples,
        correlates=correlates,
        knowledge=knowledge,
        scope_name=row["scope_name"],
        premise_id=premise_id,
        baseline_excluded=excluded,
        ramp=ramp,
        is_service_order_known=_is_order_known(services),
    )


def titles(totals: pl.DataFrame) -> dict[str, str]:
    """Return a short name of each finding, from `finding_totals` alone."""
    return {
        row["finding_id"]: row["error_class"] or _title(row, None)
        for row in totals.iter_rows(named=True)
    }


def _title(row: Mapping[str, Any], message: str | None) -> str:
    if row["kind"] == "failed_request":
        return f"HTTP {row['http_response_status_code']} answers"
    if row["exception_type"]:
        name = row["exception_type"].rsplit(".", 1)[-1]
        first_line = (message or "").strip().partition("\n")[0]
        return _cut(f"{name}: {first_line}" if first_line else name, _TITLE_CHARACTERS) or name
    return _cut(row["template"], _TITLE_CHARACTERS) or "(an empty message)"


def _cut(text: str | None, limit: int) -> str | None:
    if text is None or len(text) <= limit:
        return text
    return text[: limit - 1] + "…"


def _service(row: Mapping[str, Any], onset: Onset | None) -> ServiceCount:
    return ServiceCount(
        row["service_name"],
        row["baseline_count"],
        row["candidate_count"],
        onset=onset.onset if onset else None,
        onset_lower=onset.onset_lower if onset else None,
        onset_upper=onset.onset_upper if onset else None,
    )


def _is_order_known(services: Iterable[ServiceCount]) -> bool | None:
    """Say whether no two onset intervals overlap; None when there are not two."""
    intervals = sorted(
        (one.onset_lower, one.onset_upper)
        for one in services
        if one.onset_lower is not None and one.onset_upper is not None
    )
    if len(intervals) < 2:
        return None
    return all(one[1] < other[0] for one, other in pairwise(intervals))


def _sample(row: Mapping[str, Any]) -> Sample:
    return Sample(
        log_file_path=row["log_file_path"],
        line_number=row["line_number"],
        byte_offset=row["byte_offset"],
        timestamp=row["timestamp"],
        service_name=row["service_name"],
        body=_cut(row["body"], _SAMPLE_CHARACTERS) or "",
        byte_length=row["byte_length"],
    )


def _location(row: Mapping[str, Any] | None) -> CodeLocation | None:
    if row is None:
        return None
    return CodeLocation(
        row["code_file_path"], row["code_line_number"], row["code_function_name"], row["share"]
    )


def _intervals(row: Mapping[str, Any] | None) -> Interarrival | None:
    return Interarrival(row["p10"], row["p50"], row["p90"]) if row else None


def _point(row: Mapping[str, Any]) -> HourlyPoint:
    window: WindowName = row["window_name"]
    length = row["bucket_seconds"]
    return HourlyPoint(
        bucket_start=row["bucket_start"],
        window=window,
        event_count=row["event_count"],
        expected_count=row["expected_count"],
        lower=row["lower"],
        upper=row["upper"],
        exposure=row["exposure"],
        coverage=min(row["covered_seconds"] / length, 1.0) if length else 0.0,
    )


def hourly_points(frame: pl.DataFrame) -> list[HourlyPoint]:
    """Return the points of one series, in the order of *frame*."""
    return [_point(row) for row in frame.iter_rows(named=True)]


def _badness(finding: Finding) -> tuple[object, ...]:
    """Order: regressions, then suspected, then the rest; within each by what they add."""
    confidences = {Confidence.CONFIRMED: 0, Confidence.SUSPECTED: 1, Confidence.NONE: 2}
    confidence = confidences[finding.confidence]
    excess = finding.candidate_count - (finding.expected_count or 0.0)
    return (
        not finding.is_regression,
        _KINDS[finding.kind] if finding.is_regression else 0,
        confidence,
        _WORSE_FIRST[finding.state],
        _KINDS[finding.kind],
        -excess,
        finding.finding_id,
    )


def regressions(findings: Iterable[Finding]) -> list[Finding]:
    """Return those that are regressions, in order."""
    return [finding for finding in findings if finding.is_regression]


def suspected(findings: Iterable[Finding]) -> list[Finding]:
    """Return rises that are suspected only, warnings left out."""
    return [
        finding
        for finding in findings
        if finding.confidence is Confidence.SUSPECTED and finding.kind != "warning"
    ]


def unchanged(findings: Sequence[Finding]) -> list[str]:
    """Return the ids of those that were tested and are neither confirmed nor suspected."""
    return [
        finding.finding_id
        for finding in findings
        if finding.confidence is Confidence.NONE and finding.state is not State.UNKNOWN
    ]
