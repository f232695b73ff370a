"""A message that is logged at another level than before."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pipeline.diagnosis.premises.facts import FEWEST_BEFORE, Doubt, Facts, counted, window_counts
from pipeline.diagnosis.premises.moves import STILL_OLD, has_moved
from pipeline.diagnosis.premises.words import Texts

_LEVELS = ((21, "FATAL"), (17, "ERROR"), (13, "WARN"), (9, "INFO"), (5, "DEBUG"), (1, "TRACE"))


def find_renamed(facts: Facts) -> Iterable[Doubt]:
    """The same template at another level before: counted over all levels it is judged again."""
    risen = facts.risen()
    if not risen:
        return
    facts.recall(_almost_new(facts, risen))
    others = facts.ask("level_minutes")
    for name in risen:
        rows = others.filter(pl.col("finding_id") == name)
        counts = window_counts(rows)
        own = facts.totals[name]
        if counts["baseline"] < FEWEST_BEFORE or not has_moved(facts, name, counts):
            continue
        numbers = {
            "other_baseline_count": counts["baseline"],
            "other_candidate_count": counts["candidate"],
            "baseline_count": own["baseline_count"],
            "candidate_count": own["candidate_count"],
            "other_severity_number": int(rows["severity_number"].min() or 0),  # type: ignore[arg-type]
            "severity_number": own["severity_number"],
        }
        yield Doubt(
            "level_renamed", facts.home(name), "candidate", numbers, "level_minutes",
            finding_id=name, partners=_same_template(facts, name),
            minutes=pl.concat([facts.of(name), counted(rows)]),
        )  # fmt: skip


def _almost_new(facts: Facts, risen: Iterable[str]) -> list[str]:
    """Return the templates of classes that the baseline hardly has, most events first.

    An instance that was replaced early may have logged some.
    """
    rows = [facts.totals[name] for name in risen]
    new = [
        row
        for row in rows
        if row["template_id"] is not None
        and row["candidate_count"] >= FEWEST_BEFORE
        and row["baseline_count"] <= STILL_OLD * row["candidate_count"]
    ]
    new.sort(key=lambda row: (-row["candidate_count"], row["template_id"]))
    return list(dict.fromkeys(row["template_id"] for row in new))


def _same_template(facts: Facts, name: str) -> tuple[str, ...]:
    own = facts.totals[name]
    return tuple(
        other
        for other in facts.fallen()
        if own["template_id"] is not None
        and facts.totals[other]["template_id"] == own["template_id"]
        and facts.totals[other]["kind"] != own["kind"]
        and facts.services[other] & facts.services[name]
    )


def _level_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{service} logged the same message as {_level_name(numbers['other_severity_number'])} "
        f"{numbers['other_baseline_count']:,} times in the baseline and "
        f"{numbers['other_candidate_count']:,} times since"
    )


def _level_name(number: int) -> str:
    return next((name for least, name in _LEVELS if number >= least), "of unknown level")


TEXTS: Texts = {
    ("level_renamed", "level_minutes"): _level_words,
}
