"""What the audit of the baseline means: what was left out of it and why, and what was only seen."""

from collections.abc import Sequence

import polars as pl

from pipeline.diagnosis.coverage import EVERYTHING, Coverage
from pipeline.diagnosis.times import shown
from pipeline.model import DataWarning, Exclusion

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
        numbers = f"{row['event_count']:,} events, {_rounded(row['expected_count'])} by the rest"
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


def _name(row: dict[str, object]) -> str:
    name = str(row["error_class"] or row["exception_type"] or row["template"] or row["kind"])
    return name if len(name) <= _NAME_CHARACTERS else name[: _NAME_CHARACTERS - 1] + "…"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1g}" if value < 1 else f"{value:.1f}"
