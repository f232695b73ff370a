"""All that was counted, tested and explained, put together as the typed result."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from pipeline.diagnosis import audits, criteria, escalation, health, hypotheses, plan, statements
from pipeline.diagnosis import chain as chains
from pipeline.diagnosis import changes as happenings
from pipeline.diagnosis import findings as building
from pipeline.diagnosis.correlates import find_correlates
from pipeline.diagnosis.coverage import EVERYTHING
from pipeline.diagnosis.coverage import Coverage as ServiceCoverage
from pipeline.diagnosis.endpoints import Interval, build_endpoints, with_details
from pipeline.diagnosis.understanding import not_understood, parse_coverage
from pipeline.diagnosis.windows import Choice
from pipeline.model import (
    SCHEMA_VERSION,
    Coverage,
    DataWarning,
    Finding,
    Level,
    Onset,
    PastIncident,
    Premise,
    QueryFacts,
    Redaction,
    Result,
    Run,
    SourceFacts,
    TimeNote,
    Totals,
    Verdict,
    WindowFacts,
    WindowName,
    Windows,
)
from pipeline.schema import LEDGER

# Below this share of understood lines, or of covered time, the numbers say too little.
_LOW_TIME_COVERAGE = 0.5
_SHORT_BASELINE_HOURS = 24.0
# A stray byte spoils a word; one byte in a hundred is a language.
_GARBLED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Tested:
    """What the detection stage found: verdicts and series of classes, and of all errors
    together.
    """

    minutes: pl.DataFrame
    verdicts: pl.DataFrame
    hourly: pl.DataFrame
    total_verdict: pl.DataFrame
    total_hourly: pl.DataFrame
    onsets: Mapping[str, Onset]
    audit: pl.DataFrame
    ramps: pl.DataFrame
    premises: Sequence[Premise] = ()
    service_onsets: Mapping[tuple[str, str], Onset] = field(default_factory=dict)
    restarts: pl.DataFrame | None = None
    lags: pl.DataFrame | None = None


def assemble(
    marts: Mapping[str, pl.DataFrame],
    tested: Tested,
    choice: Choice,
    coverage: ServiceCoverage,
    ledger: pl.DataFrame,
    known: hypotheses.Known,
    interval: Interval,
    run: Run,
    queries: list[QueryFacts],
    captured: health.Captured,
    bounds: criteria.Bounds,
    rule: escalation.Rule,
    past: Sequence[PastIncident] | None = None,
    sign_count: int = 0,
) -> Result:
    """Return the result of a run; *marts* by the names of `queries/marts`.

    *bounds* tells what the baseline explains, *rule* the level; *past* are earlier incidents,
    None where no history was kept. *sign_count*: by how many signs changes were
    looked for. *captured*: what files beside the logs say.
    """
    windows = _windows(marts["window_totals"], choice, coverage)
    cuts, steps = audits.read_audit(tested.audit, marts["finding_totals"])
    ramps, growing = audits.read_ramps(tested.ramps, marts["finding_totals"])
    windows.baseline.excluded.extend(audits.of_window(cuts, coverage))
    found = building.build_findings(
        building.Tables(
            totals=marts["finding_totals"],
            services=marts["finding_services"],
            samples=marts["finding_samples"],
            locations=marts["finding_locations"],
            intervals=marts["finding_intervals"],
            verdicts=tested.verdicts,
            hourly=tested.hourly,
            minutes=tested.minutes,
        ),
        find_correlates(marts["finding_values"], interval),
        tested.onsets,
        known.entries,
        choice.candidate,
        windows.candidate.covered_seconds,
        tested.premises,
        cuts,
        ramps,
        tested.service_onsets,
    )
    found = building.with_aliases(found, marts["finding_aliases"])
    changes = happenings.find_changes(marts["change_lines"])
    found = happenings.with_changes_before(found, changes, marts["finding_minutes"])
    told = happenings.shown(changes, found)
    totals = _totals(windows, tested.total_verdict, interval)
    rises = {
        one.finding_id: one.title for one in found if one.is_regression and one.kind == "error"
    }
    endpoints = build_endpoints(
        marts["endpoint_totals"], marts["correlated_endpoints"], rises, interval
    )
    listed = with_details(
        endpoints,
        marts["endpoint_latencies"],
        marts["unfinished_requests"],
        marts["mentioned_endpoints"],
    )
    gaps = [gap for name, own in sorted(coverage.gaps.items()) if name for gap in own]
    is_comparable = _is_covered(windows, choice) and _is_alike(coverage, choice)
    verdict = statements.verdict_of(found, bool(choice.baseline), is_comparable)
    asked = criteria.criteria_of(found, endpoints, windows, _levels(tested), bounds)
    worst = next((one.finding_id for one in found if one.is_regression), None)
    alike = None if past is None else [one for one in past if one.finding_id == worst]
    estimate, reason = plan.recovery_of(alike)
    chain = chains.build_chain(
        found,
        chains.Tables(
            pairs=marts["correlated_pairs"],
            endpoints=marts["correlated_endpoints"],
            causes=marts["stated_causes"],
            triples=marts["correlated_triples"],
            lags=tested.lags if tested.lags is not None else chains.NO_LAGS,
            request_count=windows.candidate.request_count,
        ),
        changes=told,
        premises=tested.premises,
        candidate=choice.candidate,
    )
    warnings = [
        *_strangers(coverage),
        *_warnings(tested.premises, choice, ledger, windows),
        *steps,
        *growing,
        *audits.read_restarts(tested.restarts, marts["finding_totals"]),
    ]
    found = hypotheses.with_checks(
        known,
        hypotheses.Facts(
            findings={one.finding_id: one for one in found},
            chain=chain,
            changes=changes,
            warnings=warnings,
            gaps=gaps,
            baseline=windows.baseline,
            candidate=windows.candidate,
            formats=_formats(ledger),
            interval=interval,
            is_compared=bool(choice.baseline),
        ),
    )
    return Result(
        schema_version=SCHEMA_VERSION,
        verdict=verdict,
        headline=statements.headline_of(
            verdict,
            found,
            totals,
            windows.baseline,
            windows.candidate,
            is_alike=_is_alike(coverage, choice),
        ),
        run=run,
        windows=windows,
        totals=totals,
        coverage=Coverage(
            parse_coverage=parse_coverage(ledger),
            unclassified_share=_unclassified_share(found),
            sources=_sources(ledger),
            gaps=gaps,
            warnings=warnings,
            service_count=marts["service_minutes"]["service_name"].n_unique(),
        ),
        findings=found,
        chain=chain,
        changes=told,
        endpoints=listed,
        health=health.health_of(
            found,
            listed,
            _services(marts["service_minutes"]),
            gaps,
            is_decided=verdict is not Verdict.CANNOT_DECIDE,
            captured=captured,
        ),
        evidence=statements.evidence_of(
            found, endpoints, windows.baseline, windows.candidate, told
        ),
        remediation=plan.remediation_of(found, asked, chain, changes),
        criteria=asked,
        escalation=escalation.escalation_of(
            rule, escalation.facts_of(verdict, found, endpoints, totals, windows.candidate)
        ),
        recovery_estimate=estimate,
        unchanged=building.unchanged(found),
        queries=queries,
        hourly=building.hourly_points(tested.total_hourly),
        premises=list(tested.premises),
        recovery_reason=reason,
        change_search=happenings.search_of(marts["change_lines"], changes, told, sign_count),
        facts=captured.files,
    )


def _levels(tested: Tested) -> dict[str | None, Level]:
    """Return the usual rate of each class by its id, and of all errors under None."""
    rows: list[tuple[str | None, Mapping[str, Any]]] = [
        (row["series_id"], row) for row in tested.verdicts.iter_rows(named=True)
    ]
    rows += [(None, row) for row in tested.total_verdict.iter_rows(named=True)]
    found = {name: criteria.level_of(row) for name, row in rows}
    return {name: level for name, level in found.items() if level is not None}


def _windows(totals: pl.DataFrame, choice: Choice, coverage: ServiceCoverage) -> Windows:
    rows = {row["window_name"]: row for row in totals.iter_rows(named=True)}
    first = choice.baseline[0].start if choice.baseline else None
    last = choice.baseline[-1].end if choice.baseline else None

    def facts(name: WindowName, start: Any, end: Any, text: str) -> WindowFacts:  # noqa: ANN401  # datetime or None
        row = rows.get(name, {})
        stretches = choice.baseline if name == "baseline" else (choice.candidate,)
        covered = sum(
            coverage.covered_seconds({EVERYTHING: 1.0}, name, one.start, one.end)
            for one in stretches
        )
        return WindowFacts(
            start=start,
            end=end,
            covered_seconds=covered,
            event_count=int(row.get("event_count") or 0),
            error_count=int(row.get("error_count") or 0),
            warning_count=int(row.get("warning_count") or 0),
            request_count=int(row.get("request_count") or 0),
            failed_request_count=int(row.get("failed_request_count") or 0),
            description=text,
        )  # fmt: skip

    return Windows(
        baseline=facts("baseline", first, last, choice.description),
        candidate=facts(
            "candidate", choice.candidate.start, choice.candidate.end, "the time under question"
        ),
    )


def _is_covered(windows: Windows, choice: Choice) -> bool:
    whole = sum(window.seconds for window in choice.baseline)
    return (
        windows.baseline.covered_seconds >= 30
        and windows.candidate.covered_seconds >= _LOW_TIME_COVERAGE * choice.candidate.seconds
        and windows.baseline.covered_seconds >= min(_LOW_TIME_COVERAGE * whole, 6 * 3600)
    )


def _is_alike(coverage: ServiceCoverage, choice: Choice) -> bool:
    """Tell whether there is a service to compare; of another folder only its user knows that."""
    return choice.baseline_origin == "baseline" or not _strangers(coverage)


def _totals(windows: Windows, verdict: pl.DataFrame, interval: Interval) -> Totals:
    before, after = windows.baseline, windows.candidate
    hours = before.covered_seconds / 3600, after.covered_seconds / 3600
    ratio = lower = upper = None
    if hours[0] and hours[1]:
        # The test's own interval knows the scatter of hours; counts alone would be too sure.
        if verdict.height and verdict["rate_ratio"][0] is not None:
            row = verdict.row(0, named=True)
            ratio = (after.error_count / hours[1]) / (before.error_count / hours[0])
            scale = ratio / row["rate_ratio"] if row["rate_ratio"] else None
            lower = _scaled(row["rate_ratio_lower"], scale)
            upper = _scaled(row["rate_ratio_upper"], scale)
        else:
            ratio, lower, upper = interval(
                before.error_count, hours[0], after.error_count, hours[1]
            )
        # Where the test judged other counts (storms cut, by request), its interval is not of these.
        highest = math.inf if upper is None else upper
        if ratio is not None and not (lower or 0.0) <= ratio <= highest:
            ratio, lower, upper = interval(
                before.error_count, hours[0], after.error_count, hours[1]
            )
    return Totals(
        baseline_rate=before.error_count / hours[0] if hours[0] else None,
        candidate_rate=after.error_count / hours[1] if hours[1] else None,
        rate_ratio=ratio,
        rate_ratio_lower=lower,
        rate_ratio_upper=upper,
        rate_unit="errors/hour",
        baseline_rate_per_1000_requests=_per_thousand(before),
        candidate_rate_per_1000_requests=_per_thousand(after),
    )


def _scaled(value: float | None, scale: float | None) -> float | None:
    return None if value is None or scale is None else value * scale


def _per_thousand(window: WindowFacts) -> float | None:
    return 1000 * window.error_count / window.request_count if window.request_count else None


def _formats(ledger: pl.DataFrame) -> frozenset[str]:
    return frozenset(ledger["format_names"].explode().drop_nulls().to_list())


def _unclassified_share(found: Sequence[Finding]) -> float | None:
    errors = [one for one in found if one.kind == "error"]
    total = sum(one.candidate_count + one.baseline_count for one in errors)
    unnamed = sum(one.candidate_count + one.baseline_count for one in errors if not one.error_class)
    return unnamed / total if total else None


def _sources(ledger: pl.DataFrame) -> list[SourceFacts]:
    rows = ledger.select(*LEDGER).sort("log_file_path").iter_rows(named=True)
    return [
        SourceFacts(
            **{
                **row,
                "time_notes": [TimeNote(**note) for note in row["time_notes"] or ()],
                "redactions": [Redaction(**one) for one in row["redactions"] or ()],
            }
        )
        for row in rows
    ]


def _services(minutes: pl.DataFrame) -> dict[str, tuple[int, int]]:
    counted = (
        minutes.filter(pl.col("window_name") == "candidate")
        .group_by("service_name")
        .agg(pl.col("event_count").sum(), pl.col("error_count").sum())
    )
    return {name: (events, errors) for name, events, errors in counted.iter_rows()}


def _time_warnings(ledger: pl.DataFrame) -> list[DataWarning]:
    """Say of all files together what was assumed of times, most events first."""
    notes = ledger.select(pl.col("time_notes").explode(empty_as_null=False).struct.unnest())
    counted = (
        notes.filter(~pl.col("kind").is_in(_SMALL_NOTES))
        .group_by("kind", "text")
        .agg(pl.len().alias("files"), pl.col("event_count").sum())
        .sort("event_count", "kind", "text", descending=[True, False, False])
    )
    return [
        DataWarning(
            "time_assumed",
            f"{text}: {count:,} {'event' if count == 1 else 'events'} of "
            f"{files:,} of {ledger.height:,} files",
        )
        for _, text, files, count in counted.iter_rows()
    ]


def _reach(ledger: pl.DataFrame) -> str:
    """Say between which times the lines of all sources lie."""
    first, last = ledger["first_timestamp"].min(), ledger["last_timestamp"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return ""
    return f" (the logs' lines are of {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M})"


# Usual, and told of each file in the table of sources.
_SMALL_NOTES = ("out_of_order", "interpolated", "tz_given")


def _strangers(coverage: ServiceCoverage) -> list[DataWarning]:
    """Warn where no service logs in both windows: then unlike things are compared."""
    before, after = (coverage.present[name] - {EVERYTHING} for name in ("baseline", "candidate"))
    if not before or not after or before & after:
        return []
    text = "no service logs in both windows: what is compared is not alike"
    return [DataWarning("no_common_service", text)]


def _warnings(
    premises: Sequence[Premise], choice: Choice, ledger: pl.DataFrame, windows: Windows
) -> list[DataWarning]:
    warnings = [*not_understood(ledger), *choice.warnings]
    warnings += [DataWarning(one.kind, one.text) for one in premises]
    warnings += _reading_warnings(ledger)
    hours = windows.baseline.covered_seconds / 3600
    if choice.baseline and hours <= 0:
        reach = _reach(ledger)
        text = f"no line lies in the baseline window{reach}: name logs or a time that have some"
        warnings.insert(0, DataWarning("empty_baseline", text))
    elif choice.baseline and hours < _SHORT_BASELINE_HOURS:
        text = (
            f"the baseline covers {hours:.1f} h, less than a day: what only happens at other hours "
            "may look new"
        )
        warnings.append(DataWarning("short_baseline", text))
    warnings += _time_warnings(ledger)
    failed = ledger.filter(pl.col("error").is_not_null())
    for path, reason in (
        failed.select("log_file_path", "error").sort("log_file_path").head(5).rows()
    ):
        warnings.append(DataWarning("unreadable_source", f"{path}: {reason}"))
    if failed.height > 5:
        text = f"{failed.height - 5:,} more files were not read: see the sources"
        warnings.append(DataWarning("unreadable_source", text))
    return warnings


def _reading_warnings(ledger: pl.DataFrame) -> list[DataWarning]:
    warnings = []
    backwards = ledger.filter("is_reversed").height
    if backwards:
        text = f"{backwards:,} of {ledger.height:,} files run from new to old and were read so"
        warnings.append(DataWarning("order_reversed", text))
    garbled = ledger.filter(
        pl.col("undecodable_byte_count") > _GARBLED_SHARE * pl.col("byte_count")
    )
    if garbled.height:
        text = (
            f"{garbled.height:,} of {ledger.height:,} files hold text that is in another encoding "
            "than they were read in, and is shown in part: --encoding names it"
        )
        warnings.append(DataWarning("low_coverage", text))
    return warnings
