"""A class that ends where a like one begins: a new logger, or another format."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from pipeline.diagnosis.premises.facts import Doubt, Facts
from pipeline.diagnosis.premises.moves import ALIKE, STILL_OLD, has_moved, likeness
from pipeline.diagnosis.premises.words import Texts
from pipeline.model import WindowName

_ROLLOUT = timedelta(hours=1)


def find_renamed(facts: Facts) -> Iterable[Doubt]:
    """A class that ends where a like one begins, in the same service."""
    fallen = [name for name in facts.fallen() if facts.totals[name]["baseline_count"]]
    taken: set[str] = set()
    pairs = [
        (-likeness(facts.totals[name], facts.totals[other]), name, other)
        for name in facts.risen()
        for other in fallen
        if not facts.totals[name]["baseline_count"]
        and facts.totals[name]["kind"] == facts.totals[other]["kind"]
        and facts.services[name] <= facts.services[other]
    ]
    for score, name, other in sorted(pairs):
        if -score < ALIKE or {name, other} & taken or not _succeeds(facts, name, other):
            continue
        old = facts.totals[other]
        counts: dict[WindowName, int] = {
            "baseline": old["baseline_count"],
            "candidate": old["candidate_count"],
        }
        if not has_moved(facts, name, counts):
            continue
        taken |= {name, other}
        numbers = {
            "old_finding_id": other,
            "old_baseline_count": counts["baseline"],
            "old_candidate_count": counts["candidate"],
            "candidate_count": facts.totals[name]["candidate_count"],
        }
        yield Doubt(
            "new_logger", facts.home(name), "candidate", numbers, "finding_totals",
            finding_id=name, partners=(other,),
            minutes=pl.concat([facts.of(name), facts.of(other)]),
        )  # fmt: skip


def _succeeds(facts: Facts, name: str, other: str) -> bool:
    began = facts.totals[name]["candidate_first"]
    old = facts.of(other).filter(pl.col("window_name") == "candidate")
    late = int(old.filter(pl.col("bucket_start") > began + _ROLLOUT)["event_count"].sum())
    return bool(late <= STILL_OLD * facts.totals[name]["candidate_count"])


def _logger_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"a like class of {service} ends where it begins ({numbers['old_baseline_count']:,} events "
        f"in the baseline, {numbers['old_candidate_count']:,} since): a new logger or format"
    )


TEXTS: Texts = {
    ("new_logger", "finding_totals"): _logger_words,
}
