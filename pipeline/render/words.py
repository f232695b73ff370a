"""Sentences and names that several documents share; every figure in them comes from the result."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.model import (
    Chain,
    ChainEdge,
    Confidence,
    DataWarning,
    Finding,
    Premise,
    Result,
    State,
    Verdict,
)
from pipeline.render.figures import (
    TIMES,
    UNKNOWN,
    count,
    interval,
    many,
    minute,
    moment,
    percent,
    rate,
    ratio,
)

if TYPE_CHECKING:
    from pipeline.render.charts import Slot

VERDICT_WORDS = {
    Verdict.REGRESSION: "Regression",
    Verdict.WATCH: "Watch",
    Verdict.NORMAL: "Normal",
    Verdict.CANNOT_DECIDE: "Cannot decide",
}
STATE_WORDS = {
    State.NEW: "new",
    State.INCREASED: "increased",
    State.ESCALATING: "escalating",
    State.RETURNED: "returned",
    State.BURST: "burst",
    State.STEADY: "steady",
    State.DECREASED: "decreased",
    State.GONE: "gone",
    State.UNKNOWN: "not testable",
}
# What an input says to a hypothesis; nothing here proves one.
STANDING_WORDS = {
    "supported": "supported",
    "refuted": "refuted",
    "seen": "seen, tells nothing",
    "not_seen": "not seen",
    "not_known": "not known",
}
_PATH_CHARACTERS = 72
KIND_WORDS = {"error": "error", "warning": "warning", "failed_request": "failed request"}


def name_of(finding: Finding) -> str:
    """Return the error class, else the title: what the finding is called everywhere."""
    if finding.kind == "failed_request":
        return finding.title
    return finding.error_class or finding.title


def distinct_names(findings: Iterable[Finding]) -> dict[str, str]:
    """Return id to name; where findings share a class, its title tells them apart."""
    known = list(findings)
    counts = Counter(name_of(one) for one in known)
    return {
        one.finding_id: name_of(one)
        if counts[name_of(one)] == 1 or one.title == name_of(one)
        else f"{name_of(one)}: {one.title}"
        for one in known
    }


def state_of(finding: Finding) -> str:
    """Return the state, and that it is only suspected, or stands in place of an artefact."""
    word = STATE_WORDS[finding.state]
    if finding.kind == "warning" and is_risen(finding):
        word = f"warning, {word}"
    if finding.premise_id is not None:
        return f"{word} (artefact)"
    return f"{word}, suspected" if finding.confidence is Confidence.SUSPECTED else word


def has_baseline(finding: Finding) -> bool:
    """Tell whether there was anything to compare with; without it, zero means nothing."""
    return finding.state is not State.UNKNOWN or finding.baseline_count > 0


def lacks_baseline(result: Result) -> bool:
    """Tell whether there is no line at all to compare with."""
    before = result.windows.baseline
    return before.start is None or before.covered_seconds <= 0


def change_of(finding: Finding) -> str:
    """Return the ratio, or the two counts where the baseline has none to divide by."""
    if not has_baseline(finding):
        return UNKNOWN
    if finding.rate_ratio is not None:
        return f"{TIMES} {ratio(finding.rate_ratio)}"
    return f"{count(finding.baseline_count)} → {count(finding.candidate_count)}"


def ratio_bounds(finding: Finding) -> str:
    """Return the 95 % interval of the ratio; where the baseline has no event, there is no ratio."""
    if finding.rate_ratio is None:
        return ""
    return interval(finding.rate_ratio_lower, finding.rate_ratio_upper)


def is_risen(finding: Finding) -> bool:
    """Tell whether the finding is worth a reader's first look: confirmed or suspected rise."""
    return finding.is_regression or (
        finding.confidence is not Confidence.NONE
        and finding.state not in (State.DECREASED, State.GONE, State.STEADY)
    )


def other_warnings(result: Result) -> list[DataWarning]:
    """Return the doubts that are no premises: those are shown by themselves."""
    told = {(one.kind, one.text) for one in result.premises}
    return [one for one in result.coverage.warnings if (one.kind, one.text) not in told]


def explaining(result: Result) -> list[Premise]:
    """Return the premises, those that explain a rise away before the others."""
    return sorted(result.premises, key=lambda one: not one.finding_ids)


def regressions_of(result: Result) -> list[Finding]:
    """Return the regressions in order of first appearance (`in_order`)."""
    return in_order((one for one in result.findings if one.is_regression), result.chain)


def in_order(found: Iterable[Finding], chain: Chain) -> list[Finding]:
    """Return *found* by first appearance; what the chain shows to precede another stands before it.

    An onset is an estimate: where it and the evidence of single requests differ, that counts more.
    """
    waiting = sorted(
        found, key=lambda one: (appeared(one) is None, appeared(one) or 0, one.finding_id)
    )
    before = _predecessors(chain)
    ordered: list[Finding] = []
    while waiting:
        ids = {one.finding_id for one in waiting}
        free = (one for one in waiting if not before.get(one.finding_id, set()) & ids)
        ordered.append(next(free, waiting[0]))
        waiting.remove(ordered[-1])
    return ordered


def is_order_known(ordered: Sequence[Finding], chain: Chain) -> bool:
    """Tell whether each of *ordered* is known to have begun before the next.

    By the chain, by the first lines where both are new, or by onsets whose intervals are apart.
    """
    before = _predecessors(chain)
    return all(
        one.finding_id in before.get(next_.finding_id, set()) or _is_earlier(one, next_)
        for one, next_ in pairwise(ordered)
    )


def _is_earlier(one: Finding, other: Finding) -> bool:
    if one.state is other.state is State.NEW and one.first_seen and other.first_seen:
        return one.first_seen < other.first_seen
    if one.onset_upper is None or other.onset_lower is None:
        return False
    return one.onset_upper < other.onset_lower


def _predecessors(chain: Chain) -> dict[str, set[str]]:
    """Return finding id to those that precede it on more than a hypothesis; never itself."""
    sources: dict[str, list[str]] = {}
    for edge in chain.edges:
        if edge.grade != "hypothesis":
            sources.setdefault(edge.target, []).append(edge.source)
    ids = {node.node_id: node.finding_id for node in chain.nodes}
    found: dict[str, set[str]] = {}
    for node_id, finding_id in ids.items():
        if finding_id is not None:
            seen: set[str] = set()
            waiting = list(sources.get(node_id, ()))
            while waiting:
                at = waiting.pop()
                if at not in seen:
                    seen.add(at)
                    waiting += sources.get(at, ())
            found[finding_id] = {name for at in seen if (name := ids.get(at))}
    return {  # two that precede each other, or itself, are not ordered by that
        name: {one for one in before if name not in found.get(one, ())}
        for name, before in found.items()
    }


def appeared(finding: Finding) -> datetime | None:
    """Return when the trouble with this finding began: first seen if new, else the onset."""
    if finding.state is State.NEW:
        return finding.first_seen or finding.onset
    return finding.onset or finding.first_seen


def earliest_onset(result: Result) -> datetime | None:
    """Return the first onset among the regressions."""
    onsets = [one.onset for one in result.findings if one.is_regression and one.onset]
    return min(onsets, default=None)


def first_seen_of(finding: Finding) -> str:
    """Return when it was first seen; what the baseline already held has no such moment."""
    if finding.baseline_count:
        return "in baseline"
    return moment(finding.first_seen)


def place_of(finding: Finding) -> str:
    """Return the place in the code that its traces name, or nothing."""
    place = finding.code_location
    if place is None:
        return ""
    line = f":{place.code_line_number}" if place.code_line_number is not None else ""
    name = f" {place.code_function_name}" if place.code_function_name else ""
    return f"{place.code_file_path}{line}{name}"


def path_tail(path: str) -> str:
    """Shorten a path from the left: file and line must be seen; the appendix has it whole."""
    return path if len(path) <= _PATH_CHARACTERS else f"…{path[-_PATH_CHARACTERS:]}"


def ramp_words(finding: Finding) -> str:
    """Say how a class grows that rises too slowly for two windows, or nothing where it does not."""
    ramp = finding.ramp
    if ramp is None:
        return ""
    text = (
        f"grows by {percent(ramp.growth_per_day)} a day over {many(ramp.days, 'day')}: the last "
        f"has {TIMES} {ramp.reference_ratio:.2f} the rate of the first"
    )
    if ramp.yesterday_ratio is None:
        return text
    return f"{text}, and {TIMES} {ramp.yesterday_ratio:.2f} that of the day before"


def lifecycle_words(finding: Finding) -> str:
    """Say what became of a finding over runs, and what people said of it; nothing where no store
    knows of it.
    """
    known = finding.lifecycle
    if known is None:
        return ""
    text = f"{known.state} since {moment(known.since)} UTC"
    if known.state != "resolved":
        text += f", in {many(known.run_count, 'run')}"
    if known.spell_count > 1:
        text += (
            f"; for the {known.spell_count}th time"
            if known.spell_count > 3
            else (f"; for the {('second', 'third')[known.spell_count - 2]} time")
        )
    if known.is_changed and known.before:
        text += f"; {known.before} before this run"
    if known.handling != "none":
        text += f"; {known.handling} by {known.who or 'somebody'}"
        text += f" until {moment(known.until)} UTC" if known.until else ""
        text += f": {known.why}" if known.why else ""
    return text


def state_counts(findings: Iterable[Finding]) -> str:
    """Return how many findings are in which state, most frequent first."""
    counts = Counter(state_of(finding) for finding in findings)
    return ", ".join(f"{number:,} {word}" for word, number in sorted(counts.items(), key=_by_count))


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return (-item[1], item[0])


def coverage_parts(result: Result) -> list[str]:
    """Return what was read: lines, files, services, parsed share; and the baseline."""
    sources = result.coverage.sources
    read = [source for source in sources if source.error is None]
    services = result.coverage.service_count
    if services is None:
        services = len({source.service_name for source in read if source.service_name})
    parts = [
        many(sum(source.line_count for source in read), "line"),
        many(len(read), "file"),
        many(services, "service"),
        f"{percent(result.coverage.parse_coverage)} parsed",
    ]
    if len(read) < len(sources):
        parts.append(f"{many(len(sources) - len(read), 'file')} not read")
    return parts


def baseline_words(result: Result) -> str:
    """Return what the baseline is, or that there is none."""
    baseline = result.windows.baseline
    if baseline.start is None or baseline.end is None:
        return baseline.description or "none"
    return baseline.description or "earlier logs"


def main_path(chain: Chain) -> list[tuple[str, str]]:
    """Return the strongest path through the chain as (arrow, label); the first arrow is empty."""
    labels = {node.node_id: node.label for node in chain.nodes}
    outgoing: dict[str, list[ChainEdge]] = {}
    for edge in chain.edges:
        if edge.source in labels and edge.target in labels:
            outgoing.setdefault(edge.source, []).append(edge)
    followed = {edge.target for edge in chain.edges}
    names = [node.node_id for node in chain.nodes]
    starts = [name for name in names if name in outgoing and name not in followed]
    paths = [_follow(start, outgoing, labels) for start in starts]
    return max(paths, key=len, default=[])


def _follow(
    start: str, outgoing: dict[str, list[ChainEdge]], labels: dict[str, str]
) -> list[tuple[str, str]]:
    path, seen, at = [("", labels[start])], {start}, start
    while True:
        nexts = [edge for edge in outgoing.get(at, ()) if edge.target not in seen]
        if not nexts:
            return path
        edge = max(nexts, key=lambda one: (one.share, one.together_count, one.target))
        path.append(("→?" if edge.grade == "hypothesis" else "→", labels[edge.target]))
        seen.add(edge.target)
        at = edge.target


def series_words(name: str, drawn: "Sequence[Slot]", noun: str) -> str:
    """Return what a line chart shows, for those who do not see it."""
    parts = [_window_words(window, drawn, noun) for window in ("baseline", "candidate")]
    bare = sum(slot.rate is None for slot in drawn)
    if bare:
        parts.append(f"{bare:,} of {len(drawn):,} buckets not covered")
    return f"{name}. " + "; ".join(parts) + "."


def _window_words(window: str, drawn: "Sequence[Slot]", noun: str) -> str:
    seen = [slot for slot in drawn if slot.window == window and slot.rate is not None]
    if not seen:
        return f"{window}: nothing covered"
    total = f"{window}: {count(sum(slot.event_count for slot in seen))} {noun}"
    if not any(slot.event_count for slot in seen):
        return total
    highest = max(seen, key=lambda slot: (slot.rate or 0.0, slot.start))
    peak = f"highest {rate(highest.rate)} per hour at {minute(highest.start)} UTC"
    if highest.expected is not None:
        peak += f", {rate(highest.expected)} expected"
    return f"{total}, {_band_words(seen)}{peak}"


def _band_words(seen: "Sequence[Slot]") -> str:
    """Say when a series was above its band; nothing where there is no band."""
    if not any(slot.upper is not None for slot in seen):
        return ""
    above = [slot for slot in seen if slot.is_above]
    if not above:
        return "never above the band, "
    first = seen.index(above[0])
    since = "from the start" if not first else f"in the band until {minute(above[0].start)} UTC"
    then = f"then above it in {len(above):,} of {len(seen) - first:,} buckets"
    return f"{since}, {then}, "


def began_words(result: Result) -> str | None:
    """Return in a line which service stands out, null where none does."""
    told = result.localisation
    if told is None or told.status != "clear":
        return None
    names = [one.service_name for one in told.candidates if one.strength == "clear"]
    first = told.candidates[0]
    seen = f"{many(first.trace_count, 'trace')} of {count(first.changed_trace_count)} that changed"
    return f"{', '.join(names[:3])}  ({seen if first.trace_count else 'slower'}; order, not cause)"
