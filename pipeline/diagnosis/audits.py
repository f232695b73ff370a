"""What the audit of the baseline means: what was left out of it and why, and what was only seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipeline.diagnosis.coverage import EVERYTHING, Coverage
from pipeline.diagnosis.times import shown
from pipeline.model import Confidence, DataWarning, Exclusion, Ramp, State

_NAME_CHARACTERS = 80


def read_audit(
    audit: pl.DataFrame, totals: pl.DataFrame
) -> tuple[list[Exclusion], list[DataWarning]]:
    """Return the stretches that were cut out, in order of time, and warnings of those that stay.

    *audit*: columns `detection.audit.AUDIT_SCHEMA`, an empty series_id stands for all classes;
    *totals*: finding_id and the names of each class.
    """
    names = {row["finding_id"]: _name(row) for row in totals.iter_rows(named=True)}
    cuts, warnings = [], []
    for row in audit.sort("start", "series_id").iter_rows(named=True):
        name = names.get(row["series_id"], "all errors together")
        numbers = f"{row['event_count']:,} events"
        if row["expected_count"] is not None:
            numbers += f", {_rounded(row['expected_count'])} by the rest"
        if row["is_cut"]:
            cuts.append(
                Exclusion(
                    row["start"],
                    row["end"],
                    f"{_REASONS[row['kind']]}: {name}: {numbers}",
                    row["series_id"] or None,
                    row["event_count"],
                    row["expected_count"],
                )
            )
        else:
            text = (
                f"the baseline is not one level: {name}: {numbers} of it, from "
                f"{shown(row['start'])} to {shown(row['end'])}; too little is left without that "
                "stretch, so it stays, and a rise of this class may be larger than is shown"
            )
            warnings.append(DataWarning("baseline_contaminated", text))
    return cuts, warnings


_REASONS = {
    "incident": "an incident within the baseline",
    "known": "a time in which earlier runs found it in trouble",
    "running": "a rise that already ran when the baseline ended",
}


def of_window(cuts: Sequence[Exclusion], coverage: Coverage) -> list[Exclusion]:
    """Return all that does not count in the baseline: stretches without any log, and *cuts*."""
    silent = [
        Exclusion(gap.start, gap.end, "no service logged")
        for gap in coverage.gaps.get(EVERYTHING, ())
        if gap.window == "baseline"
    ]
    return sorted([*silent, *cuts], key=lambda one: (one.start, one.end, one.finding_id or ""))


def with_ramps(verdicts: pl.DataFrame, ramps: pl.DataFrame) -> pl.DataFrame:
    """Return *verdicts* in which a class that grows slowly, and is called steady, is suspected."""
    if verdicts.is_empty() or ramps.is_empty():
        return verdicts
    is_ramp = pl.col("series_id").is_in(ramps["series_id"].to_list()) & (
        pl.col("state") == State.STEADY.value
    )
    return verdicts.with_columns(
        state=pl.when(is_ramp).then(pl.lit(State.INCREASED.value)).otherwise("state"),
        confidence=pl.when(is_ramp)
        .then(pl.lit(Confidence.SUSPECTED.value))
        .otherwise("confidence"),
    )


def read_restarts(restarts: pl.DataFrame | None, totals: pl.DataFrame) -> list[DataWarning]:
    """Return a warning for each class of `detection.find_restart_errors`."""
    if restarts is None:
        return []
    names = {row["finding_id"]: _name(row) for row in totals.iter_rows(named=True)}
    return [
        DataWarning("restart_errors", _restart_words(names.get(row["series_id"], ""), row))
        for row in restarts.iter_rows(named=True)
    ]


def _restart_words(name: str, row: Mapping[str, Any]) -> str:
    text = (
        f"{name} is normal at a restart: in the baseline it came within ten minutes after "
        f"{row['followed_count']:,} of the {row['start_count']:,} times that its service began to "
        f"log again ({row['after_count']:,} of its {row['event_count']:,} events)"
    )
    if not row["candidate_start_count"]:
        return f"{text}; in the window under question its service shows no such start"
    return (
        f"{text}; in the window under question after {row['candidate_followed_count']:,} of "
        f"{row['candidate_start_count']:,}: if there are more of it, ask why the service restarts"
    )


def read_ramps(
    ramps: pl.DataFrame, totals: pl.DataFrame
) -> tuple[dict[str, Ramp], list[DataWarning]]:
    """Return the ramps by finding_id, and a warning for each; *ramps*: `detection.find_ramps`."""
    names = {row["finding_id"]: _name(row) for row in totals.iter_rows(named=True)}
    found, warnings = {}, []
    for row in ramps.iter_rows(named=True):
        name = row.pop("series_id")
        found[name] = Ramp(**row)
        text = f"{names.get(name, name)} has been growing slowly: {ramp_words(found[name])}"
        warnings.append(DataWarning("slow_ramp", text))
    return found, warnings


def ramp_words(ramp: Ramp) -> str:
    """Say how fast and for how long, against the first day and against yesterday."""
    text = (
        f"{100 * ramp.growth_per_day:+.1f} % a day over {ramp.days} days, "
        f"{ramp.reference_ratio:.1f} times the first day's rate"
    )
    if ramp.yesterday_ratio is None:
        return text
    return f"{text} (against the day before: {ramp.yesterday_ratio:.2f} times)"


def _name(row: dict[str, object]) -> str:
    name = str(row["error_class"] or row["exception_type"] or row["template"] or row["kind"])
    return name if len(name) <= _NAME_CHARACTERS else name[: _NAME_CHARACTERS - 1] + "…"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1g}" if value < 1 else f"{value:.1f}"
