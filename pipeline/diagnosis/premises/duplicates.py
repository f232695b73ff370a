"""Lines that are there twice: in two files, or written twice at once."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pipeline.diagnosis.premises.facts import (
    FEWEST,
    NEARLY_ALL,
    Doubt,
    Facts,
    Row,
    by_window,
    is_risen,
    measured,
)
from pipeline.diagnosis.premises.words import Texts, many
from pipeline.model import State, WindowName

_NOTHING: Row = {"confidence": "none", "state": State.UNKNOWN}


def find_copies(facts: Facts) -> Iterable[Doubt]:
    """Lines of two files: they were taken out before anything was counted."""
    rows = facts.ask("data_quality").filter(pl.col("copy_count") > 0)
    if rows.height:
        numbers = {
            "copy_count": int(rows["copy_count"].sum()),
            "event_count": int(rows["event_count"].sum()),
        }
        yield Doubt("duplicate_lines", _only(rows["service_name"]), None, numbers, "data_quality")


def find_doubled(facts: Facts) -> Iterable[Doubt]:
    """The same text twice at once, all the time: two handlers, or two ways to the same store."""
    units = by_window(facts.ask("unit_totals"))
    plain: dict[tuple[str | None, WindowName], list[int]] = {}
    for name, windows in sorted(units.items()):
        before, after = windows.get("baseline"), windows.get("candidate")
        doubled: list[WindowName] = [
            window for window in ("baseline", "candidate") if _is_doubled(windows.get(window))
        ]
        risen = name in facts.totals and is_risen(facts.verdicts.get(name, _NOTHING))
        if after and doubled == ["candidate"] and risen:
            numbers = {
                "event_count": after["event_count"],
                "text_count": after["unit_count"],
                "baseline_event_count": before["event_count"] if before else 0,
                "baseline_text_count": before["unit_count"] if before else 0,
            }
            yield Doubt(
                "duplicate_lines", facts.home(name), "candidate", numbers, "unit_totals",
                finding_id=name, minutes=measured(facts, name, "text_count"),
                keeps_traffic=False,
            )  # fmt: skip
        else:
            for window in doubled:
                sums = plain.setdefault((facts.home(name), window), [0, 0])
                sums[0] += windows[window]["event_count"]
                sums[1] += windows[window]["unit_count"]
    for (service, window), (events, texts) in sorted(plain.items(), key=repr):
        numbers = {"event_count": events, "text_count": texts}
        yield Doubt("duplicate_lines", service, window, numbers, "unit_totals")


def _is_doubled(row: Row | None) -> bool:
    return (
        row is not None
        and row["unit_count"] >= FEWEST
        and row["usual_size"] >= 2
        and row["usual_unit_count"] >= NEARLY_ALL * row["unit_count"]
        and row["precise_count"] >= NEARLY_ALL * row["event_count"]
    )


def _only(names: pl.Series) -> str | None:
    return str(names[0]) if names.n_unique() == 1 else None


def _copies_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{many(numbers['copy_count'], 'kept line')} of {numbers['event_count']:,} of {service} "
        "stand in two files with the same service, time and text; they are counted once"
    )


def _doubled_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    before = ""
    if numbers.get("baseline_text_count"):
        before = (
            f", against {numbers['baseline_event_count']:,} of "
            f"{numbers['baseline_text_count']:,} in the baseline"
        )
    return (
        f"{service} writes the same text at the same moment more than once{where}: "
        f"{many(numbers['event_count'], 'event')} of "
        f"{many(numbers['text_count'], 'distinct text and time', 'distinct texts and times')}"
        f"{before}"
    )


TEXTS: Texts = {
    ("duplicate_lines", "data_quality"): _copies_words,
    ("duplicate_lines", "unit_totals"): _doubled_words,
}
