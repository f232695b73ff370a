"""Every kind of doubt, in the order in which one explains a class best, and what each says."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline.diagnosis.premises import (
    amplification,
    back_fill,
    clocks,
    duplicates,
    levels,
    loggers,
    losses,
)
from pipeline.diagnosis.premises.facts import Doubt, Facts
from pipeline.diagnosis.premises.words import Texts
from pipeline.model import WindowName

_SEARCHES: tuple[Callable[[Facts], Iterable[Doubt]], ...] = (
    duplicates.find_copies,
    duplicates.find_doubled,
    levels.find_renamed,
    loggers.find_renamed,
    amplification.find_twins,
    amplification.find_amplified,
    back_fill.find_far,
    clocks.find_zones,
    clocks.find_skews,
    back_fill.find_late,
    losses.find_losses,
)
_TEXTS: Texts = {
    **duplicates.TEXTS,
    **levels.TEXTS,
    **loggers.TEXTS,
    **amplification.TEXTS,
    **back_fill.TEXTS,
    **clocks.TEXTS,
    **losses.TEXTS,
}


def find_doubts(facts: Facts) -> list[Doubt]:
    """Return every artefact that is found, those first that explain a class best."""
    return [doubt for search in _SEARCHES for doubt in search(facts)]


def text_of(
    kind: str,
    query_id: str,
    numbers: Mapping[str, Any],
    service_name: str | None,
    window: WindowName | None,
) -> str:
    """Return what a premise says, of *numbers* as its doubt has them for *kind* and *query_id*."""
    where = {"baseline": " in the baseline", "candidate": " in the candidate window"}
    return _TEXTS[kind, query_id](
        numbers, service_name or "several services", where.get(window or "", "")
    )
