"""Clocks that differ: from their envelope's, or from one another's."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pipeline.diagnosis.premises.facts import (
    FEWEST,
    FEWEST_BEFORE,
    Doubt,
    Facts,
    counted,
    window_counts,
)
from pipeline.diagnosis.premises.words import Texts, many, span

_HALF_HOUR = 1800.0
# A zone is off by whole half hours; a line is collected within seconds, at worst a minute or so.
_ZONE_TOLERANCE, _ZONE_SPREAD = 90.0, 120.0
# A line cannot be collected before it is written: a clock ahead of its envelope's is wrong. Behind
# it by half a minute it may be collected late, but not steadily so.
_AHEAD, _BEHIND = 2.0, 30.0
_LONGEST_WAIT = 60.0  # calls that time out end at a constant lag, too: beyond this few do


def find_zones(facts: Facts) -> Iterable[Doubt]:
    """Own times that are whole half hours from the envelope's, or steadily off by less."""
    offsets = facts.ask("clock_offsets")
    shifted: set[str] = set()
    for row in offsets.iter_rows(named=True):
        service, window = row["service_name"], row["window_name"]
        middle, spread = row["p50"], row["p90"] - row["p10"]
        step = row["half_hours"]
        numbers = {"event_count": row["event_count"], "seconds_ahead": middle}
        if row["event_count"] < FEWEST_BEFORE:
            continue
        if step and abs(middle - step * _HALF_HOUR) <= _ZONE_TOLERANCE and spread <= _ZONE_SPREAD:
            shifted.add(service)
            numbers["hours_ahead"] = step / 2
            yield Doubt("zone_mix", service, window, numbers, "clock_offsets")
        elif row["event_count"] < FEWEST:
            continue
        elif (middle >= _AHEAD or middle <= -_BEHIND) and spread <= max(1.0, 0.25 * abs(middle)):
            yield Doubt("clock_skew", service, window, numbers, "clock_offsets")
        elif step < 0:
            yield Doubt("back_filled", service, window, numbers, "clock_offsets")
    risen = [name for name in facts.risen() if facts.services[name] <= shifted]
    if not risen:
        return
    minutes = facts.ask("envelope_minutes")
    for name in risen:
        own = minutes.filter(pl.col("finding_id") == name)
        counts = window_counts(own)
        numbers = {
            "baseline_count": counts["baseline"],
            "candidate_count": counts["candidate"],
        }
        yield Doubt(
            "zone_mix", facts.home(name), None, numbers, "envelope_minutes",
            finding_id=name, minutes=counted(own), keeps_traffic=False,
        )  # fmt: skip


def find_skews(facts: Facts) -> Iterable[Doubt]:
    """The same requests at a constant distance in two services."""
    for row in facts.ask("id_offsets").iter_rows(named=True):
        middle, spread = row["p50"], row["p90"] - row["p10"]
        if row["id_count"] < FEWEST or spread > max(0.5, 0.05 * abs(middle)):
            continue
        halves = round(middle / _HALF_HOUR)
        is_zone = halves != 0 and abs(middle - halves * _HALF_HOUR) <= _ZONE_TOLERANCE
        # Two kinds of failure that lie equally far apart are no chance, and no single timeout.
        is_skew = abs(middle) > _LONGEST_WAIT or (abs(middle) >= _AHEAD and row["pair_count"] > 1)
        if not is_zone and not is_skew:
            continue
        numbers = {
            "other_service_name": row["other_service_name"],
            "request_count": row["id_count"],
            "seconds_later": middle,
        }
        kind = "zone_mix" if is_zone else "clock_skew"
        yield Doubt(kind, row["service_name"], None, numbers, "id_offsets")


def _zone_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    hours = numbers["hours_ahead"]
    way = "ahead of" if hours > 0 else "behind"
    return (
        f"{many(numbers['event_count'], 'kept line')} of {service}{where} carry a time "
        f"{abs(hours):g} h {way} their envelope's: another zone than the one that is written"
    )


def _zone_class_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{service} changed its zone; by its envelope's clock there are "
        f"{numbers['baseline_count']:,} events in the baseline and "
        f"{numbers['candidate_count']:,} since"
    )


def _ids_zone_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    hours = round(numbers["seconds_later"] / 1800) / 2
    return (
        f"the same {many(numbers['request_count'], 'request')} stand in "
        f"{numbers['other_service_name']} {abs(hours):g} h {_later(hours)} than in {service}: one "
        "of the two writes another zone; the order of their errors is not known"
    )


def _ids_skew_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    seconds = numbers["seconds_later"]
    return (
        f"the same {many(numbers['request_count'], 'request')} stand in "
        f"{numbers['other_service_name']} {span(abs(seconds))} {_later(seconds)} than in "
        f"{service}, always by as much: their clocks differ, or one logs that much later; the "
        "order of their errors is not known"
    )


def _later(number: float) -> str:
    return "later" if number > 0 else "earlier"


def _skew_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    ahead = numbers["seconds_ahead"]
    way = "ahead of" if ahead > 0 else "behind"
    return (
        f"the clock of {service} is {span(abs(ahead))} {way} its envelope's{where} "
        f"({many(numbers['event_count'], 'kept line')}): its order among others is not known"
    )


def _delayed_words(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{many(numbers['event_count'], 'kept line')} of {service}{where} were collected "
        f"{span(abs(numbers['seconds_ahead']))} after they were written; they count at their own "
        "time"
    )


TEXTS: Texts = {
    ("zone_mix", "clock_offsets"): _zone_words,
    ("zone_mix", "envelope_minutes"): _zone_class_words,
    ("zone_mix", "id_offsets"): _ids_zone_words,
    ("clock_skew", "clock_offsets"): _skew_words,
    ("clock_skew", "id_offsets"): _ids_skew_words,
    ("back_filled", "clock_offsets"): _delayed_words,
}
