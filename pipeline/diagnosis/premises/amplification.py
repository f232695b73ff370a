"""One failure that is logged more often than before."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pipeline.diagnosis.premises.facts import (
    FEWEST,
    FEWEST_BEFORE,
    NEARLY_ALL,
    Doubt,
    Facts,
    Row,
    by_window,
    measured,
)
from pipeline.diagnosis.premises.moves import ALIKE, likeness
from pipeline.diagnosis.premises.words import Texts, many
from pipeline.model import State

# So many of the requests of either carry both, and so close.
_TWIN_SHARE = 0.95
_TWIN_SECONDS = 1.0
# Below this growth of events per failure, a rise is hardly made by it.
_GROWTH = 1.3


def find_twins(facts: Facts) -> Iterable[Doubt]:
    """A new class that stands beside each event of a like one: one failure, logged by two."""
    new = [name for name in facts.risen() if not facts.totals[name]["baseline_count"]]
    if not new:
        return
    rows = facts.ask("twin_classes").filter(pl.col("finding_id").is_in(new))
    found: set[str] = set()
    for row in rows.iter_rows(named=True):
        name, other = row["finding_id"], row["other_id"]
        if (
            name in found
            or row["together_count"] < max(FEWEST, _TWIN_SHARE * row["other_count"])
            or row["together_count"] < _TWIN_SHARE * row["own_count"]
            or row["own_count"] < NEARLY_ALL * facts.totals[name]["candidate_count"]
            or abs(row["median_lag_seconds"]) > _TWIN_SECONDS
            or not facts.totals[other]["baseline_count"]
            or facts.services[name] != facts.services[other]
            or likeness(facts.totals[name], facts.totals[other]) < ALIKE
        ):
            continue
        found.add(name)
        numbers = {
            "other_finding_id": other,
            "request_count": row["own_count"],
            "together_count": row["together_count"],
        }
        yield Doubt(
            "log_amplification", facts.home(name), "candidate", numbers, "twin_classes",
            finding_id=name, state=State.STEADY,
        )  # fmt: skip


def find_amplified(facts: Facts) -> Iterable[Doubt]:
    """More events a request: judged by distinct requests."""
    units = by_window(facts.ask("unit_totals"))
    for name in facts.risen():
        rows = [units[name].get(window) for window in ("baseline", "candidate")]
        before, after = rows
        if (
            before is None
            or after is None
            or after["request_count"] < FEWEST
            or before["request_count"] < FEWEST_BEFORE
            or any(
                row["request_event_count"] < NEARLY_ALL * row["event_count"] for row in rows if row
            )
            or _per_request(after) < _GROWTH * _per_request(before)
        ):
            continue
        numbers = {
            "baseline_events_per_request": _per_request(before),
            "candidate_events_per_request": _per_request(after),
            "baseline_request_count": before["request_count"],
            "candidate_request_count": after["request_count"],
        }
        yield Doubt(
            "log_amplification", facts.home(name), "candidate", numbers, "unit_totals",
            finding_id=name, minutes=measured(facts, name, "request_count"),
        )  # fmt: skip


def _per_request(row: Row) -> float:
    return float(row["request_event_count"] / row["request_count"])


def _twin_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{numbers['together_count']:,} of its {many(numbers['request_count'], 'request')} carry "
        f"a class that {service} knew before, within a second: one failure is logged twice"
    )


def _amplified_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{service} logs {numbers['candidate_events_per_request']:.1f} events a failing request, "
        f"against {numbers['baseline_events_per_request']:.1f} in the baseline; the failing "
        f"requests themselves are {numbers['baseline_request_count']:,}, then "
        f"{numbers['candidate_request_count']:,}"
    )


TEXTS: Texts = {
    ("log_amplification", "twin_classes"): _twin_words,
    ("log_amplification", "unit_totals"): _amplified_words,
}
