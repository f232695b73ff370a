"""The sentences in which premises are told: made of the numbers that a query gave, no log text."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.model import WindowName

_LEVELS = ((21, "FATAL"), (17, "ERROR"), (13, "WARN"), (9, "INFO"), (5, "DEBUG"), (1, "TRACE"))
_MINUTE, _HOUR = 60.0, 3600.0


def text_of(
    kind: str,
    query_id: str,
    numbers: Mapping[str, Any],
    service_name: str | None,
    window: WindowName | None,
) -> str:
    """Return what a premise says; *numbers* as `premises` gives them for *kind* and *query_id*."""
    return _TEXTS[kind, query_id](numbers, service_name or "several services", _where(window))


def _where(window: WindowName | None) -> str:
    return {"baseline": " in the baseline", "candidate": " in the candidate window"}.get(
        window or "", ""
    )


def _copies(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{_many(numbers['copy_count'], 'kept line')} of {numbers['event_count']:,} of {service} "
        "stand in two files with the same service, time and text; they are counted once"
    )


def _doubled(numbers: Mapping[str, Any], service: str, where: str) -> str:
    before = ""
    if numbers.get("baseline_text_count"):
        before = (
            f", against {numbers['baseline_event_count']:,} of "
            f"{numbers['baseline_text_count']:,} in the baseline"
        )
    return (
        f"{service} writes the same text at the same moment more than once{where}: "
        f"{_many(numbers['event_count'], 'event')} of "
        f"{_many(numbers['text_count'], 'distinct text and time', 'distinct texts and times')}"
        f"{before}"
    )


def _level(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{service} logged the same message as {_level_name(numbers['other_severity_number'])} "
        f"{numbers['other_baseline_count']:,} times in the baseline and "
        f"{numbers['other_candidate_count']:,} times since"
    )


def _level_name(number: int) -> str:
    return next((name for least, name in _LEVELS if number >= least), "of unknown level")


def _logger(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"a like class of {service} ends where it begins ({numbers['old_baseline_count']:,} events "
        f"in the baseline, {numbers['old_candidate_count']:,} since): a new logger or format"
    )


def _twin(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{numbers['together_count']:,} of its {_many(numbers['request_count'], 'request')} carry "
        f"a class that {service} knew before, within a second: one failure is logged twice"
    )


def _amplified(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{service} logs {numbers['candidate_events_per_request']:.1f} events a failing request, "
        f"against {numbers['baseline_events_per_request']:.1f} in the baseline; the failing "
        f"requests themselves are {numbers['baseline_request_count']:,}, then "
        f"{numbers['candidate_request_count']:,}"
    )


def _far(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{_many(numbers['far_count'], 'kept line')} of {numbers['event_count']:,} of {service} "
        "carry a time more than 24 h from that of their envelope, the others do not"
    )


def _far_class(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{numbers['far_count']:,} of its {_many(numbers['event_count'], 'event')} carry a time "
        "more than 24 h from that of their envelope and came late"
    )


def _wrong_clock(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{_many(numbers['far_count'], 'kept line')} of {numbers['event_count']:,} of {service} "
        "carry a time more than 24 h from that of their envelope, whose time is used"
    )


def _zone(numbers: Mapping[str, Any], service: str, where: str) -> str:
    hours = numbers["hours_ahead"]
    way = "ahead of" if hours > 0 else "behind"
    return (
        f"{_many(numbers['event_count'], 'kept line')} of {service}{where} carry a time "
        f"{abs(hours):g} h {way} their envelope's: another zone than the one that is written"
    )


def _zone_class(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{service} changed its zone; by its envelope's clock there are "
        f"{numbers['baseline_count']:,} events in the baseline and "
        f"{numbers['candidate_count']:,} since"
    )


def _ids_zone(numbers: Mapping[str, Any], service: str, where: str) -> str:
    hours = round(numbers["seconds_later"] / 1800) / 2
    return (
        f"the same {_many(numbers['request_count'], 'request')} stand in "
        f"{numbers['other_service_name']} {abs(hours):g} h {_later(hours)} than in {service}: one "
        "of the two writes another zone; the order of their errors is not known"
    )


def _ids_skew(numbers: Mapping[str, Any], service: str, where: str) -> str:
    seconds = numbers["seconds_later"]
    return (
        f"the same {_many(numbers['request_count'], 'request')} stand in "
        f"{numbers['other_service_name']} {_span(abs(seconds))} {_later(seconds)} than in "
        f"{service}, always by as much: their clocks differ, or one logs that much later; the "
        "order of their errors is not known"
    )


def _later(number: float) -> str:
    return "later" if number > 0 else "earlier"


def _skew(numbers: Mapping[str, Any], service: str, where: str) -> str:
    ahead = numbers["seconds_ahead"]
    way = "ahead of" if ahead > 0 else "behind"
    return (
        f"the clock of {service} is {_span(abs(ahead))} {way} its envelope's{where} "
        f"({_many(numbers['event_count'], 'kept line')}): its order among others is not known"
    )


def _delayed(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{_many(numbers['event_count'], 'kept line')} of {service}{where} were collected "
        f"{_span(abs(numbers['seconds_ahead']))} after they were written; they count at their own "
        "time"
    )


def _late(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{_many(numbers['late_count'], 'kept line')} of {service} stand after lines up to "
        f"{numbers['late_hours']:.1f} h newer; they count at their own time, "
        f"{numbers['first_timestamp']} to {numbers['last_timestamp']}"
    )


def _lost(numbers: Mapping[str, Any], service: str, where: str) -> str:
    if "factor" in numbers:
        return _lost_class(numbers, service, where)
    if "notice_count" not in numbers:
        return f"lines of {service} were left out{where}"
    stated = (
        f"{_many(numbers['lost_count'], 'line')} by their own count"
        if numbers["stated_count"]
        else "how many is not known"
    )
    return (
        f"{_many(numbers['notice_count'], 'notice')} that lines of {service} were left "
        f"out{where}: {stated}; counts there are too low, and a fall is not believed"
    )


def _lost_class(numbers: Mapping[str, Any], service: str, where: str) -> str:
    return (
        f"{_many(numbers['lost_count'], 'line')} of {service} were left out of its baseline of "
        f"{numbers['event_count']:,}, which is taken {numbers['factor']:.1f} times therefore"
    )


def _span(seconds: float) -> str:
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:.1f} h"
    return f"{seconds / _MINUTE:.1f} min" if seconds >= 2 * _MINUTE else f"{seconds:.1f} s"


def _many(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


_TEXTS: Mapping[tuple[str, str], Callable[[Mapping[str, Any], str, str], str]] = {
    ("duplicate_lines", "data_quality"): _copies,
    ("duplicate_lines", "unit_totals"): _doubled,
    ("level_renamed", "level_minutes"): _level,
    ("new_logger", "finding_totals"): _logger,
    ("log_amplification", "twin_classes"): _twin,
    ("log_amplification", "unit_totals"): _amplified,
    ("back_filled", "data_quality"): _far,
    ("back_filled", "unit_totals"): _far_class,
    ("back_filled", "clock_offsets"): _delayed,
    ("back_filled", "late_events"): _late,
    ("wrong_clock", "data_quality"): _wrong_clock,
    ("zone_mix", "clock_offsets"): _zone,
    ("zone_mix", "envelope_minutes"): _zone_class,
    ("zone_mix", "id_offsets"): _ids_zone,
    ("clock_skew", "clock_offsets"): _skew,
    ("clock_skew", "id_offsets"): _ids_skew,
    ("sampled", "loss_notices"): _lost,
}
