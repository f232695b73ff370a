"""The sentences and figures of the first screen; they stand alone, as a message would."""

from collections.abc import Sequence

from pipeline.model import Finding, Result, State, Verdict, WindowFacts
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
from pipeline.render.views import Tile
from pipeline.render.words import (
    STATE_WORDS,
    earliest_onset,
    is_risen,
    main_path,
    name_of,
    regressions_of,
)

_MAX_NAMES = 4


def lead_of(result: Result) -> list[str]:
    """Return the lead: what happened, how much, what came first, how far it reaches."""
    sentences = [
        *_opening(result),
        *_totals(result),
        *_order(result),
        *_reach(result),
        *_doubt(result),
        _calibrated(result),
    ]
    return [sentence for sentence in sentences if sentence]


def _opening(result: Result) -> list[str]:
    found = regressions_of(result)
    if result.verdict is Verdict.REGRESSION and found:
        onset = earliest_onset(result)
        began = f"The first rise began at {moment(onset)} UTC. " if onset else ""
        classes = many(len(found), "class", "classes")
        verb = "is" if len(found) == 1 else "are"
        return [f"{began}{classes} {verb} above what the baseline explains: {_names(found)}."]
    if result.verdict is Verdict.WATCH:
        risen = [one for one in result.findings if is_risen(one)]
        errors = [one for one in risen if one.kind != "warning"]
        warnings = len(risen) - len(errors)
        return [
            f"Nothing is confirmed; suspected only: {_names(errors)}." if errors else "",
            f"{many(warnings, 'class of warnings', 'classes of warnings')} rose, too; warnings "
            "decide nothing."
            if warnings
            else "",
        ]
    if result.verdict is Verdict.CANNOT_DECIDE:
        return [
            "This input allows no comparison, so nothing here says that the logs are normal. "
            "Classes, rates and traces are shown as they are."
        ]
    return ["No class rose beyond what chance explains.", _power(result)]


def _names(found: Sequence[Finding]) -> str:
    names = list(dict.fromkeys(name_of(one) for one in found))
    shown = ", ".join(names[:_MAX_NAMES])
    return f"{shown} and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else shown


def _power(result: Result) -> str:
    """Say how large a rise would have been seen: a normal verdict is worth no more than that."""
    tested = [one for one in result.findings if one.minimum_detectable_ratio is not None]
    if not tested:
        return ""
    largest = max(tested, key=lambda one: (one.baseline_count, one.finding_id))
    return (
        f"For the most frequent class, {name_of(largest)}, a rise of {TIMES} "
        f"{ratio(largest.minimum_detectable_ratio)} would have been confirmed with 80 % power."
    )


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


def _totals(result: Result) -> list[str]:
    totals, windows = result.totals, result.windows
    after = _counted(windows.candidate)
    if totals.baseline_rate is None or windows.baseline.start is None:
        return [f"Candidate window: {after}."] if windows.candidate.start else []
    text = (
        f"All errors: {rate(totals.baseline_rate)} → {rate(totals.candidate_rate)} per covered hour"
    )
    if totals.rate_ratio is not None:
        bounds = interval(totals.rate_ratio_lower, totals.rate_ratio_upper)
        text += f", {TIMES} {ratio(totals.rate_ratio)}" + (f" (95 % {bounds})" if bounds else "")
    text += f"; baseline {_counted(windows.baseline)}, candidate {after}."
    per_request = totals.baseline_rate_per_1000_requests, totals.candidate_rate_per_1000_requests
    if None in per_request:
        return [text]
    return [text, f"Per 1,000 requests: {rate(per_request[0])} → {rate(per_request[1])} errors."]


def _counted(window: WindowFacts) -> str:
    return f"{many(window.error_count, 'error')} in {duration(window.covered_seconds)} covered"


def _order(result: Result) -> list[str]:
    names = {one.finding_id: name_of(one) for one in result.findings}
    first = [names[one] for one in result.chain.first_failures if one in names]
    path = main_path(result.chain)
    if not first or len(path) < 2:
        return []
    return [
        f"First failure in the chain: {', '.join(first[:_MAX_NAMES])}; this is order, not proof."
    ]


def _reach(result: Result) -> list[str]:
    sentences = []
    if result.endpoints:
        affected = sum(1 for one in result.endpoints if one.is_affected)
        total = many(len(result.endpoints), "endpoint")
        verb = "fails" if affected == 1 else "fail"
        sentences.append(f"{affected} of {total} {verb} more than before.")
    found = regressions_of(result)
    if any(one.is_ongoing for one in found):
        sentences.append("It was still going on at the end of the data.")
    elif found:
        sentences.append("It was not going on any more at the end of the data.")
    return sentences


def _doubt(result: Result) -> list[str]:
    number = len(result.coverage.warnings)
    return [f"{many(number, 'doubt')} about the input: see data and method."] if number else []


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
        return Tile(UNKNOWN, "no onset", "plain", "finding_minutes")
    going = any(one.is_regression and one.is_ongoing for one in result.findings)
    words = "still going on" if going else "not going on any more"
    label = f"from the onset to the end of the data, {words}"
    since = duration((end - onset).total_seconds())
    return Tile(since, label, "bad" if going else "plain", "finding_minutes")


def _endpoint_tile(result: Result) -> Tile:
    if not result.endpoints:
        return Tile(UNKNOWN, "endpoints: no access lines in the input", "plain", "endpoint_totals")
    affected = sum(1 for one in result.endpoints if one.is_affected)
    value = f"{affected:,} of {len(result.endpoints):,}"
    tone = "bad" if affected else "ok"
    return Tile(value, "endpoints fail more than before", tone, "endpoint_totals")


def _parse_tile(result: Result) -> Tile:
    share, gaps = result.coverage.parse_coverage, len(result.coverage.gaps)
    label = "of lines understood; " + (many(gaps, "gap") if gaps else "no gap") + " in coverage"
    is_good = share is not None and share >= 0.95 and not gaps
    return Tile(percent(share), label, "ok" if is_good else "plain", "service_minutes")
