"""The sentences and figures of the first screen; they stand alone, as a message would."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.model import Endpoint, Finding, Result, State, Verdict, WindowFacts
from pipeline.render.figures import (
    TIMES,
    UNKNOWN,
    count,
    duration,
    interval,
    many,
    moment,
    percent,
    rate,
    ratio,
)
from pipeline.render.happenings import summary_words
from pipeline.render.views import Tile
from pipeline.render.words import (
    STATE_WORDS,
    baseline_words,
    earliest_onset,
    is_order_known,
    is_risen,
    lacks_baseline,
    main_path,
    name_of,
    other_warnings,
    path_tail,
    place_of,
    regressions_of,
)

_MAX_NAMES = 4
_NAME_CHARACTERS = 80
_DOUBT_CHARACTERS = 200
_STATUS = re.compile(r"HTTP \d+ answers")


@dataclass(frozen=True, slots=True)
class Lead:
    """One line of the first screen: the question that it answers, and full sentences."""

    label: str
    text: str


def leads_of(result: Result) -> list[Lead]:
    """Return the first screen in words: what, since when, how bad, where, what to do next.

    A question that this input does not answer has no line, but for the one after the next step.
    """
    lines = [
        Lead("What", _what(result)),
        Lead("Since", _since(result)),
        Lead("How bad", " ".join(part for part in (_totals(result), _reach(result)) if part)),
        Lead("Where", _where(result)),
        Lead("Next", _next(result)),
        Lead("Just before", summary_words(result)),
        Lead("Doubt", _doubt(result)),
        Lead("Calibrated", _calibrated(result)),
    ]
    return [line for line in lines if line.text]


def lead_of(result: Result) -> list[str]:
    """Return the first screen as sentences without the questions that they answer."""
    return [line.text for line in leads_of(result)]


def _what(result: Result) -> str:
    if result.verdict is Verdict.CANNOT_DECIDE:
        return _undecided(result)
    found = regressions_of(result)
    if found:
        classes = many(len(found), "class", "classes")
        verb, whose = ("is", "its") if len(found) == 1 else ("are", "their")
        is_known = len(found) > 1 and is_order_known(found, result.chain)
        order = ", in order of appearance" if is_known else ""
        return f"{classes} {verb} above what {whose} baseline explains{order}: {_names(found)}."
    risen = [one for one in result.findings if is_risen(one)]
    if not risen:
        return " ".join(
            part for part in ("No class rose beyond what chance explains.", _power(result)) if part
        )
    errors = [one for one in risen if one.kind != "warning"]
    warnings = len(risen) - len(errors)
    said = ["Nothing is confirmed."]
    if errors:
        said.append(f"Suspected only: {_names(errors)}.")
    if warnings:
        classes = many(warnings, "class of warnings", "classes of warnings")
        said.append(f"{classes} rose; warnings decide nothing.")
    return " ".join(said)


def _undecided(result: Result) -> str:
    """Say why nothing was compared, and that this is no all-clear."""
    words = baseline_words(result).removeprefix("none").removeprefix(": ").rstrip(".")
    if result.windows.baseline.start is not None:
        why = (
            "No line of the logs lies in the baseline."
            if lacks_baseline(result)
            else "Too little of the two windows is covered by logs."
        )
    else:
        why = f"{words[:1].upper()}{words[1:]}." if words else "There is no baseline."
    return f"Nothing could be compared, so nothing here says that the logs are normal. {why}"


def _names(found: Sequence[Finding]) -> str:
    counts = Counter(_quoted(name_of(one)) for one in found)
    names = [
        f"{name} ({number} messages)" if number > 1 else name for name, number in counts.items()
    ]
    shown = ", ".join(names[:_MAX_NAMES])
    return f"{shown} and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else shown


def _quoted(name: str) -> str:
    """Return a name so that it is told from the sentence: what is more than a word in quotes."""
    if " " not in name or _STATUS.fullmatch(name):
        return name
    return f"“{name if len(name) <= _NAME_CHARACTERS else name[:_NAME_CHARACTERS] + '…'}”"


def _power(result: Result) -> str:
    """Say how large a rise would have been seen: a normal verdict is worth no more than that."""
    tested = [one for one in result.findings if one.minimum_detectable_ratio is not None]
    if not tested:
        return ""
    largest = max(tested, key=lambda one: (one.baseline_count, one.finding_id))
    return (
        f"For the most frequent class, {_quoted(name_of(largest))}, a rise of {TIMES} "
        f"{ratio(largest.minimum_detectable_ratio)} would have been confirmed with 80 % power."
    )


def _since(result: Result) -> str:
    found = regressions_of(result)
    onset = earliest_onset(result)
    if not found:
        return ""
    began = (
        f"The first rise began at about {moment(onset)} UTC{_bounds(found, onset)}."
        if onset
        else f"When the rise began cannot be told from these counts{_first_line(found)}."
    )
    return f"{began} {_until(found, result.windows.candidate.end)}".strip()


def _first_line(found: Sequence[Finding]) -> str:
    firsts = [one.first_seen for one in found if one.state is State.NEW and one.first_seen]
    return f"; the first line is of {moment(min(firsts))} UTC" if firsts else ""


def _bounds(found: Sequence[Finding], onset: datetime) -> str:
    one = next(one for one in found if one.onset == onset)
    if one.onset_lower is None or one.onset_upper is None or one.onset_lower == one.onset_upper:
        return ""
    first = one.first_after_onset
    times = (onset, one.onset_lower, one.onset_upper, first or onset)
    is_one_day = len({at.astimezone(UTC).date() for at in times}) == 1
    lower, upper, line = (f"{at.astimezone(UTC):%H:%M:%S}" if is_one_day else moment(at)
                          for at in times[1:])  # fmt: skip
    return f" (95 % {lower} to {upper}{f'; first line {line}' if first else ''})"


def _until(found: Sequence[Finding], end: datetime | None) -> str:
    if any(one.is_ongoing for one in found):
        return f"It was still going on at the end of the data, {moment(end)} UTC."
    last = max((one.last_seen for one in found if one.last_seen), default=None)
    if last is None or end is None:
        return ""
    before = duration(max((end - last).total_seconds(), 0.0))
    return (
        f"Last seen {moment(last)} UTC, {before} before the end of the data; "
        "whether it is over, later logs tell."
    )


def _totals(result: Result) -> str:
    totals, windows = result.totals, result.windows
    if totals.baseline_rate is None or windows.baseline.start is None:
        return f"{_counted(windows.candidate)}{_most(result)}." if windows.candidate.start else ""
    before, after = rate(totals.baseline_rate), rate(totals.candidate_rate)
    text = f"All errors: {before} → {after} per covered hour"
    if totals.rate_ratio is not None:
        bounds = interval(totals.rate_ratio_lower, totals.rate_ratio_upper)
        text += f", {TIMES} {ratio(totals.rate_ratio)}" + (f" (95 % {bounds})" if bounds else "")
    per_request = totals.baseline_rate_per_1000_requests, totals.candidate_rate_per_1000_requests
    if None not in per_request:
        text += f"; per 1,000 requests {rate(per_request[0])} → {rate(per_request[1])}"
    return f"{text}."


def _counted(window: WindowFacts) -> str:
    return f"{many(window.error_count, 'error')} in {duration(window.covered_seconds)} covered"


def _most(result: Result) -> str:
    """Name the most frequent errors, where nothing was compared."""
    errors = sorted(_errors(result), key=lambda one: (-one.candidate_count, one.finding_id))
    counted = [f"{_quoted(name_of(one))} ({one.candidate_count:,})" for one in errors[:_MAX_NAMES]]
    return f", most of all {', '.join(counted)}" if counted else ""


def _errors(result: Result) -> list[Finding]:
    return [one for one in result.findings if one.kind == "error" and one.candidate_count]


def _reach(result: Result) -> str:
    counted = [one for one in result.endpoints if one.is_counted]
    if not counted:
        return ""
    affected = [one for one in counted if one.is_affected]
    verb = "fails" if len(affected) == 1 else "fail"
    text = f"{len(affected)} of {many(len(counted), 'endpoint')} {verb} more than before"
    if not affected:
        return f"{text}."
    worst = max(affected, key=lambda one: (one.candidate_failure_count, one.http_route))
    which = "" if len(affected) == 1 else "most of all "
    return f"{text}, {which}{_endpoint(worst)}."


def _endpoint(one: Endpoint) -> str:
    share = one.candidate_failure_count / max(one.candidate_request_count, 1)
    name = f"{one.http_request_method} {one.http_route}".strip()
    return f"{name}: {percent(share)} of {many(one.candidate_request_count, 'request')}"


def _where(result: Result) -> str:
    is_open = result.verdict is Verdict.CANNOT_DECIDE
    found = _errors(result) if is_open else regressions_of(result)
    counts: Counter[str] = Counter()
    for one in found:
        for service in one.services:
            counts[service.service_name] += service.candidate_count
    ranked = sorted(((n, name) for name, n in counts.items() if n), key=lambda at: (-at[0], at[1]))
    shown = [f"{name} ({n:,})" for n, name in ranked[:_MAX_NAMES]]
    more = f" and {len(ranked) - _MAX_NAMES} more" if len(ranked) > _MAX_NAMES else ""
    whose = "The errors" if is_open else "Its events" if len(found) == 1 else "Their events"
    said = [f"{whose} are in {', '.join(shown)}{more}."] if shown else []
    return " ".join([*said, *_order(result)])


def _order(result: Result) -> list[str]:
    """Name what comes first, and the place in the code that its traces name."""
    by_id = {one.finding_id: one for one in result.findings}
    first = [by_id[one] for one in result.chain.first_failures if one in by_id]
    if not first or len(main_path(result.chain)) < 2:
        return []
    places = [place_of(one) for one in first[:1] if one.code_location is not None]
    at = f", at {places[0]}" if places else ""
    return [f"First failure in the chain: {_names(first)}{at}; this is order, not proof."]


def _next(result: Result) -> str:
    """Return the first step: the knowledge base's check, or what the input lacks."""
    if result.verdict is Verdict.CANNOT_DECIDE and lacks_baseline(result):
        return "Give logs of a normal time: --baseline DIR, or a longer stretch of the same logs."
    for one in _in_order_of_looking(result):
        name = _quoted(name_of(one))
        if one.knowledge is not None and one.knowledge.check_first:
            return f"Check first for {name} (knowledge base): {one.knowledge.check_first[0]}"
        if one.code_location is not None:
            return f"Look at {place_of(one)}, which the traces of {name} name."
        if one.samples:
            sample = one.samples[0]
            at = f"{path_tail(sample.log_file_path)}:{sample.line_number}"
            return f"Look at the lines before {at}, an event of {name}."
    return ""


def _in_order_of_looking(result: Result) -> list[Finding]:
    """Return what to look at first: where an order is known its first failure, else any class of
    which something is known.
    """
    found = regressions_of(result)
    firsts = set(result.chain.first_failures) if len(main_path(result.chain)) > 1 else set()
    return sorted(found, key=lambda one: (one.finding_id not in firsts, one.knowledge is None))


def _doubt(result: Result) -> str:
    """Return the first doubt that bends what was compared, and how many more there are."""
    warnings = sorted(other_warnings(result), key=lambda one: one.kind == "time_assumed")
    number = len(warnings) + len(result.premises)
    if not warnings:
        return f"{many(number, 'doubt')} about the input, under Data." if number else ""
    text = _shortened(warnings[0].text)
    more = f" {number - 1:,} more under Data." if number > 1 else ""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}.{more}"


def _shortened(text: str) -> str:
    """Cut after the last whole sentence that fits."""
    if len(text) <= _DOUBT_CHARACTERS:
        return text
    whole = text[:_DOUBT_CHARACTERS].rpartition(". ")[0]
    return whole or f"{text[:_DOUBT_CHARACTERS]}…"


def _calibrated(result: Result) -> str:
    """Quote the last calibration: what this test is worth on these logs' own counts."""
    quote = result.calibration
    if quote is None:
        return ""
    found = ", ".join(f"{kind} in {percent(share)}" for kind, share in quote.confirmed.items())
    return (
        f"Calibrated on the counts of {moment(quote.start)} to {moment(quote.end)} UTC: "
        f"{many(quote.false_alarm_count, 'false alarm', 'false alarms')} in "
        f"{count(quote.class_window_count)} comparisons in which nothing had changed"
        + (f"; of rises that were planted, confirmed: {found}." if found else ".")
    )


def tiles_of(result: Result) -> list[Tile]:
    """Return five figures: change, classes, time since onset, endpoints, what was understood."""
    return [
        _change_tile(result),
        _class_tile(result),
        _onset_tile(result),
        _endpoint_tile(result),
        _parse_tile(result),
    ]


def _change_tile(result: Result) -> Tile:
    totals = result.totals
    tone = "bad" if result.verdict is Verdict.REGRESSION else "plain"
    if totals.rate_ratio is None:
        number = result.windows.candidate.error_count
        return Tile(count(number), "errors in the candidate window", tone, "window_totals")
    bounds = interval(totals.rate_ratio_lower, totals.rate_ratio_upper)
    label = "error rate, candidate to baseline" + (f" (95 % {bounds})" if bounds else "")
    return Tile(f"{TIMES} {ratio(totals.rate_ratio)}", label, tone, "window_totals")


def _class_tile(result: Result) -> Tile:
    found = regressions_of(result)
    rest = len(result.findings) - len(found)
    label = f"{many(rest, 'other class', 'other classes')} tested"
    if result.verdict is Verdict.CANNOT_DECIDE:
        known = many(len(result.findings), "class", "classes")
        return Tile(UNKNOWN, f"no comparison of {known}", "plain", "finding_totals")
    if not found:
        return Tile("none", f"risen; {label}", "plain", "finding_totals")
    return Tile(" + ".join(_by_state(found)), label, "bad", "finding_totals")


def _by_state(found: Sequence[Finding]) -> list[str]:
    order = (State.NEW, State.RETURNED, State.ESCALATING, State.INCREASED)
    counts = [(state, sum(one.state is state for one in found)) for state in order]
    return [f"{number:,} {STATE_WORDS[state]}" for state, number in counts if number]


def _onset_tile(result: Result) -> Tile:
    onset, end = earliest_onset(result), result.windows.candidate.end
    if onset is None or end is None:
        return Tile(UNKNOWN, "onset not known from these counts", "plain", "finding_minutes")
    found = regressions_of(result)
    if any(one.is_ongoing for one in found):
        since = duration((end - onset).total_seconds())
        return Tile(since, "since the onset, still going on", "bad", "finding_minutes")
    last = max((one.last_seen for one in found if one.last_seen), default=end)
    lasted = duration(max((last - onset).total_seconds(), 0.0))
    return Tile(lasted, "from the onset to the last event", "plain", "finding_minutes")


def _endpoint_tile(result: Result) -> Tile:
    counted = [one for one in result.endpoints if one.is_counted]
    if not counted:
        return Tile(UNKNOWN, "endpoints: no access lines in the input", "plain", "endpoint_totals")
    affected = sum(1 for one in counted if one.is_affected)
    value = f"{affected:,} of {len(counted):,}"
    tone = "bad" if affected else "ok"
    return Tile(value, "endpoints fail more than before", tone, "endpoint_totals")


def _parse_tile(result: Result) -> Tile:
    share, gaps = result.coverage.parse_coverage, len(result.coverage.gaps)
    label = "of lines understood; " + (many(gaps, "gap") if gaps else "no gap") + " in coverage"
    is_good = share is not None and share >= 0.95 and not gaps
    return Tile(percent(share), label, "ok" if is_good else "plain", "service_minutes")
