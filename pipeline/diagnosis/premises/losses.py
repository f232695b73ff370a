"""Notices that lines were left out: counts are too low by what they state."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pipeline.diagnosis.premises.facts import Doubt, Facts
from pipeline.diagnosis.premises.words import Texts, many
from pipeline.model import State, WindowName

_LOST_SHARE = 0.05


def find_losses(facts: Facts) -> Iterable[Doubt]:
    """Notices that lines were left out: counts are too low by what they state."""
    rows = facts.ask("loss_notices")
    lost: dict[str, dict[WindowName, int]] = {}
    for row in rows.iter_rows(named=True):
        service, window = row["service_name"], row["window_name"]
        lost.setdefault(service, {})[window] = row["lost_count"]
        numbers = {
            "notice_count": row["notice_count"],
            "stated_count": row["stated_count"],
            "lost_count": row["lost_count"],
        }
        yield Doubt("sampled", service, window, numbers, "loss_notices")
    if not lost:
        return
    kept = facts.ask("service_minutes").group_by("service_name", "window_name").agg(
        pl.col("event_count").sum()
    )  # fmt: skip
    events = {(service, window): count_ for service, window, count_ in kept.iter_rows()}
    for name in facts.fallen():
        service = facts.home(name)
        if service in lost and lost[service].get("candidate") is not None:
            numbers = {"lost_count": lost[service]["candidate"]}
            yield Doubt(
                "sampled", service, "candidate", numbers, "loss_notices",
                finding_id=name, state=State.UNKNOWN,
            )  # fmt: skip
    for name in facts.risen():
        service = facts.home(name)
        missing = lost.get(service or "", {}).get("baseline", 0)
        read = events.get((service, "baseline"), 0)
        if not service or not read or missing < _LOST_SHARE * read:
            continue
        factor = (read + missing) / read
        numbers = {"lost_count": missing, "event_count": read, "factor": factor}
        yield Doubt(
            "sampled", service, "baseline", numbers, "loss_notices",
            finding_id=name, minutes=_scaled(facts.of(name), factor),
        )  # fmt: skip


def _scaled(minutes: pl.DataFrame, factor: float) -> pl.DataFrame:
    """Multiply the baseline's counts; what is left of one minute goes to the next."""
    is_before = pl.col("window_name") == "baseline"
    total = (pl.col("event_count").cum_sum().over("window_name") * factor).round().cast(pl.Int64)
    more = total - total.shift(1, fill_value=0).over("window_name")
    return minutes.sort("window_name", "bucket_start").with_columns(
        event_count=pl.when(is_before).then(more).otherwise("event_count")
    )


def _lost_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    if "factor" in numbers:
        return _lost_class_words(numbers, service, where)
    if "notice_count" not in numbers:
        return f"lines of {service} were left out{where}"
    stated = (
        f"{many(numbers['lost_count'], 'line')} by their own count"
        if numbers["stated_count"]
        else "how many is not known"
    )
    return (
        f"{many(numbers['notice_count'], 'notice')} that lines of {service} were left "
        f"out{where}: {stated}; counts there are too low, and a fall is not believed"
    )


def _lost_class_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{many(numbers['lost_count'], 'line')} of {service} were left out of its baseline of "
        f"{numbers['event_count']:,}, which is taken {numbers['factor']:.1f} times therefore"
    )


TEXTS: Texts = {
    ("sampled", "loss_notices"): _lost_words,
}
