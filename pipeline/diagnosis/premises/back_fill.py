"""Old lines that came late, and lines of a wrong clock."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pipeline.diagnosis.premises.facts import FEWEST_BEFORE, Doubt, Facts, by_window, measured
from pipeline.diagnosis.premises.words import Texts, many

_FEW_FAR = 0.9


def find_far(facts: Facts) -> Iterable[Doubt]:
    """Times more than a day from the envelope's: old lines that came late, or a wrong clock."""
    quality = facts.ask("data_quality").filter(pl.col("far_from_envelope_count") > 0)
    old = set()
    for row in quality.iter_rows(named=True):
        far, events = row["far_from_envelope_count"], row["event_count"]
        is_few = far < _FEW_FAR * events
        if is_few:
            old.add(row["service_name"])
        numbers = {"far_count": far, "event_count": events}
        kind = "back_filled" if is_few else "wrong_clock"
        yield Doubt(kind, row["service_name"], None, numbers, "data_quality")
    if not old:
        return
    units = by_window(facts.ask("unit_totals"))
    for name in facts.risen():
        after = units[name].get("candidate")
        if after and after["far_count"] and facts.services[name] <= old:
            numbers = {"far_count": after["far_count"], "event_count": after["event_count"]}
            yield Doubt(
                "back_filled", facts.home(name), "candidate", numbers, "unit_totals",
                finding_id=name, minutes=measured(facts, name, "near_count"),
            )  # fmt: skip


def find_late(facts: Facts) -> Iterable[Doubt]:
    """Old events between newer ones: they count at their own time."""
    rows = facts.ask("late_events").filter(pl.col("late_count") >= FEWEST_BEFORE)
    for (service,), own in rows.group_by("service_name", maintain_order=True):
        numbers = {
            "late_count": int(own["late_count"].sum()),
            "late_hours": float(own["late_seconds"].max() or 0.0) / 3600,  # type: ignore[arg-type]
            "first_timestamp": _iso(own["first_timestamp"].min()),
            "last_timestamp": _iso(own["last_timestamp"].max()),
        }
        yield Doubt("back_filled", str(service), None, numbers, "late_events")


def _iso(moment: Any) -> str | None:  # noqa: ANN401  # what polars calls a time
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment is not None else None


def _far_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{many(numbers['far_count'], 'kept line')} of {numbers['event_count']:,} of {service} "
        "carry a time more than 24 h from that of their envelope, the others do not"
    )


def _far_class_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{numbers['far_count']:,} of its {many(numbers['event_count'], 'event')} carry a time "
        "more than 24 h from that of their envelope and came late"
    )


def _wrong_clock_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{many(numbers['far_count'], 'kept line')} of {numbers['event_count']:,} of {service} "
        "carry a time more than 24 h from that of their envelope, whose time is used"
    )


def _late_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{many(numbers['late_count'], 'kept line')} of {service} stand after lines up to "
        f"{numbers['late_hours']:.1f} h newer; they count at their own time, "
        f"{numbers['first_timestamp']} to {numbers['last_timestamp']}"
    )


TEXTS: Texts = {
    ("back_filled", "data_quality"): _far_words,
    ("back_filled", "unit_totals"): _far_class_words,
    ("back_filled", "late_events"): _late_words,
    ("wrong_clock", "data_quality"): _wrong_clock_words,
}
