"""The summary that the terminal shows: the answer, and where to read more."""

import shlex
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import PurePath

from pipeline.model import Finding, Result, Verdict
from pipeline.render.figures import (
    TIMES,
    bars,
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
from pipeline.render.untrusted import terminal_text
from pipeline.render.words import (
    VERDICT_WORDS,
    baseline_words,
    began_words,
    change_of,
    coverage_parts,
    distinct_names,
    earliest_onset,
    explaining,
    first_seen_of,
    is_risen,
    lacks_baseline,
    main_path,
    name_of,
    other_warnings,
    ramp_words,
    regressions_of,
    state_counts,
    state_of,
)

Painter = Callable[[str, str], str]

MAX_ROWS = 12
MIN_WIDTH = 40
_MOST_LINKS = 4  # of the chain: the page has them all
_HEAD = ("class", "state", "base/h", "now/h", "change", "first seen (UTC)")
_NUMBERS = frozenset({2, 3, 4})  # columns of _HEAD that stand to the right
_NAME_CELLS, _LEAST_NAME = 28, 12
_WARNING_CHARACTERS = 600  # they end with what to do
_MAX_RAMPS = 2
_MAX_BROKEN = 3
_MIN_COURSE, _MAX_COURSE = 8, 24
_STYLES = {
    Verdict.REGRESSION: "1;97;41",
    Verdict.WATCH: "1;30;43",
    Verdict.NORMAL: "1;30;42",
    Verdict.CANNOT_DECIDE: "1;30;47",
}
_DIM, _BAD, _DOUBT = "2", "31", "33"


def render_terminal(result: Result, *, width: int, color: bool, files: list[str]) -> str:
    """Return the summary as lines of at most *width* cells, ending with a newline.

    *files* are the paths that were written, named at the end. Without *color* there is no control
    character but the newline, whatever the logs held.
    """
    width = max(width, MIN_WIDTH)
    paint = painter(color)
    blocks = [
        [
            *_verdict(result, width, paint),
            *_over_runs(result, width),
            *_coverage(result, width, paint),
        ],
        _table(result, width, paint),
        [
            *_began(result, width),
            *_before(result, width),
            *_chain(result, width),
            *_where(result, width),
            *_captured(result, width, paint),
            *_top_action(result, width),
            *_ramps(result, width, paint),
            *_doubts(result, width, paint),
        ],
        [*_files(files, width), *_next(result, files, width, paint)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def painter(color: bool) -> Painter:
    """Return what colours text, or leaves it as it is."""
    return _paint if color else _plain


def _paint(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if text else text


def _plain(text: str, _: str) -> str:
    return text


def cells(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return *text* in at most *width* columns, with an ellipsis where some was lost."""
    if cells(text) <= width:
        return text
    out, used = [], 0
    for character in text:
        used += _cells_of(character)
        if used > width - 1:
            break
        out.append(character)
    return "".join(out) + "…"


def pad(text: str, width: int, *, is_right: bool = False) -> str:
    """Return *text* filled with blanks to *width* columns."""
    space = " " * (width - cells(text))
    return space + text if is_right else text + space


def wrap(text: str, width: int, indent: int = 0) -> list[str]:
    """Break *text* at spaces; a word longer than a line is broken where it must be."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        room = width - (indent if lines else 0)
        if line and cells(line) + 1 + cells(word) > room:
            lines.append(line)
            line, room = "", width - indent
        line = f"{line} {word}" if line else word
        while cells(line) > room:
            head = cut(line, room + 1)[:-1] or line[0]
            lines.append(head)
            line, room = line[len(head) :], width - indent
    lines.append(line)
    lines = [line.rstrip() for line in lines]
    return [lines[0], *(" " * indent + rest.lstrip() for rest in lines[1:])]


def _verdict(result: Result, width: int, paint: Painter) -> list[str]:
    word = VERDICT_WORDS[result.verdict].upper()
    lines = wrap(f"{word}  {terminal_text(result.headline)}", width, len(word) + 2)
    lines[0] = paint(word, _STYLES[result.verdict]) + lines[0][len(word) :]
    facts = []
    totals = result.totals
    if totals.rate_ratio is not None:
        bounds = interval(totals.rate_ratio_lower, totals.rate_ratio_upper)
        text = f"all errors {TIMES} {ratio(totals.rate_ratio)}"
        facts.append(f"{text} (95 % {bounds})" if bounds else text)
    onset = earliest_onset(result)
    if onset:
        facts.append(f"onset about {moment(onset)} UTC")
        if any(one.is_regression and one.is_ongoing for one in result.findings):
            facts.append("still going on")
    return lines + (wrap(" · ".join(facts), width) if facts else [])


def _over_runs(result: Result, width: int) -> list[str]:
    """Say what this run changed of what earlier ones found, where a store knows."""
    known = [one for one in result.findings if one.lifecycle]
    parts = []
    for state in ("new", "increased", "escalating", "returned", "resolved"):
        own = [one for one in known if one.lifecycle and one.lifecycle.is_changed
               and one.lifecycle.state == state]  # fmt: skip
        if own:
            names = ", ".join(terminal_text(name_of(one)) for one in own[:3])
            parts.append(f"{state}: {names}" + (f" and {len(own) - 3} more" if own[3:] else ""))
    silent = sum(one.lifecycle.handling == "silenced" for one in known if one.lifecycle)
    if silent:
        parts.append(f"silenced: {silent}")
    if known and not parts:
        parts = ["nothing changed since the last run"]
    return wrap("over runs  " + " · ".join(parts), width, 11) if parts else []


def _coverage(result: Result, width: int, paint: Painter) -> list[str]:
    parts = [*coverage_parts(result), f"baseline: {terminal_text(baseline_words(result))}"]
    return [paint(line, _DIM) for line in wrap(" · ".join(parts), width)]


def _table(result: Result, width: int, paint: Painter) -> list[str]:
    shown, rest = result.findings[:MAX_ROWS], result.findings[MAX_ROWS:]
    if not shown:
        return ["no error, warning or failed request in the two windows"]
    names = distinct_names(result.findings)
    rows = [_HEAD, *(_row(one, names[one.finding_id]) for one in shown)]
    widths = _fit([max(cells(row[at]) for row in rows) for at in range(len(_HEAD))], width)
    courses = width - sum(widths) - 2 * len(widths)
    if len(widths) == len(_HEAD) and courses >= _MIN_COURSE:
        room = min(courses, _MAX_COURSE)
        courses_of = ["course", *(_course(one, room) for one in shown)]
        rows = [(*row, course) for row, course in zip(rows, courses_of, strict=True)]
        widths.append(room)
    lines = [
        _table_line(row, widths, shown[at - 1] if at else None, paint)
        for at, row in enumerate(rows)
    ]
    if rest:
        lines.extend(wrap(f"and {len(rest):,} more: {state_counts(rest)}", width, 4))
    return lines


def _fit(widths: list[int], width: int) -> list[int]:
    """Shorten the name, then drop columns from the right: state and rates are the answer."""
    widths = list(widths)
    least = min(widths[0], _LEAST_NAME)
    while len(widths) > 2 and least + sum(widths[1:]) + 2 * (len(widths) - 1) > width:
        widths.pop()
    widths[0] = min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1))
    return widths


def _table_line(
    row: Sequence[str], widths: Sequence[int], finding: Finding | None, paint: Painter
) -> str:
    fields = [
        pad(cut(text, width), width, is_right=at in _NUMBERS)
        for at, (text, width) in enumerate(zip(row, widths, strict=False))
    ]
    return _painted_row(fields, finding, paint)


def _painted_row(fields: list[str], finding: Finding | None, paint: Painter) -> str:
    fields[-1] = fields[-1].rstrip()
    if finding is None:
        return paint("  ".join(fields), _DIM)
    if is_risen(finding):
        fields[1] = paint(fields[1], _BAD if finding.is_regression else _DOUBT)
    return "  ".join(fields)


def _row(finding: Finding, name: str) -> tuple[str, ...]:
    state = state_of(finding)
    return (
        cut(terminal_text(name), _NAME_CELLS),
        state.upper() if finding.is_regression else state,
        rate(finding.baseline_rate),
        rate(finding.candidate_rate),
        change_of(finding),
        _day_and_time(finding),
    )


def _day_and_time(finding: Finding) -> str:
    # The year stands in the verdict; what a reader compares is day and time.
    first = first_seen_of(finding)
    return first[5:] if first[:4].isdigit() else first


def _course(finding: Finding, width: int) -> str:
    points = sorted(finding.hourly, key=lambda point: point.bucket_start)
    if not points:
        return ""
    per_cell = -(-len(points) // width)
    # From the end backwards, so that only the oldest cell may hold fewer buckets.
    groups = [points[max(0, end - per_cell) : end] for end in range(len(points), 0, -per_cell)]
    values: list[float | None] = []
    for group in reversed(groups):
        covered = sum(point.coverage for point in group)
        values.append(sum(point.event_count for point in group) / covered if covered else None)
    # Below one event a bucket, single events must not look like an outage.
    return bars(values, max([1.0, *(value for value in values if value is not None)]))


def _labelled(label: str, text: str, width: int) -> list[str]:
    lines = wrap(text, width - 9, 0)
    return [f"{label if not at else '':<9}{line}" for at, line in enumerate(lines)]


def _began(result: Result, width: int) -> list[str]:
    words = began_words(result)
    return _labelled("began", terminal_text(words, 200), width) if words else []


def _chain(result: Result, width: int) -> list[str]:
    path = main_path(result.chain)
    if len(path) < 2:
        return []
    words = [part for arrow, label in path for part in (arrow, terminal_text(label, 60)) if part]
    lines = _labelled("chain", " ".join(words) + "  (precedes, not proves)", width)
    labels = {node.node_id: terminal_text(node.label, 40) for node in result.chain.nodes}
    edges = [edge for edge in result.chain.edges if {edge.source, edge.target} <= labels.keys()]
    for edge in edges[:_MOST_LINKS]:
        figures = [
            f"{count(edge.together_count)} together",
            f"{percent(edge.share)} of the later",
            "" if edge.lift is None else f"lift {ratio(edge.lift)}",
            "" if edge.median_lag_seconds is None else f"lag {duration(edge.median_lag_seconds)}",
            "" if edge.negative_control is None else f"control {percent(edge.negative_control)}",
            edge.grade,
        ]
        text = f"{labels[edge.source]} → {labels[edge.target]}: {', '.join(filter(None, figures))}"
        lines += _labelled("", text, width)
    if len(edges) > _MOST_LINKS:
        more = many(len(edges) - _MOST_LINKS, "more link")
        lines += _labelled("", f"{more} in the report", width)
    return lines


def _before(result: Result, width: int) -> list[str]:
    words = summary_words(result)
    return _labelled("before", terminal_text(words, 400), width) if words else []


def _where(result: Result, width: int) -> list[str]:
    finding = next((one for one in result.findings if one.is_regression), None)
    if finding is None:
        return []
    services = sorted(finding.services, key=lambda one: (-one.candidate_count, one.service_name))
    parts = [
        f"{terminal_text(one.service_name, 60)} ({count(one.candidate_count)})"
        for one in services[:3]
    ]
    place = finding.code_location
    if place:
        line = f":{place.code_line_number}" if place.code_line_number is not None else ""
        parts.append(terminal_text(f"{place.code_file_path}{line}", 120))
    return _labelled("where", "  ".join(parts), width) if parts else []


def _top_action(result: Result, width: int) -> list[str]:
    """Name the repair that answers most, and the level by rule."""
    repairs = [one for one in result.remediation if one.phase == "repair"]
    if not repairs:
        return []
    one = min(repairs, key=lambda one: one.priority)
    share = one.expected_excess_share
    of = "" if share is None else f"{percent(share)} of the excess, "
    text = f"{terminal_text(one.action, 200)} ({of}verified by {terminal_text(one.verified_by)})"
    level = terminal_text(result.escalation.level, 40)
    return [*_labelled("action", text, width), *_labelled("level", f"{level}, by rule", width)]


def _ramps(result: Result, width: int, paint: Painter) -> list[str]:
    lines: list[str] = []
    for finding in [one for one in result.findings if one.ramp is not None][:_MAX_RAMPS]:
        text = f"{terminal_text(name_of(finding), _NAME_CELLS)}: {ramp_words(finding)}"
        lines += [paint(line, _DOUBT) for line in _labelled("ramp", text, width)]
    return lines


def _captured(result: Result, width: int, paint: Painter) -> list[str]:
    """Say what files beside the logs show broken, and how many of them could not be read."""
    if not result.facts:
        return []
    broken = [one for one in result.health.broken if one.source is not None]
    lines = []
    for one in broken[:_MAX_BROKEN]:
        text = f"{terminal_text(one.component)}: {terminal_text(one.text)}"
        lines += [paint(line, _BAD) for line in _labelled("facts", text, width)]
    more = len(broken) - _MAX_BROKEN
    unread = sum(1 for one in result.facts if one.problem is not None)
    rest = [f"and {more:,} more that are broken"] if more > 0 else []
    rest += [f"{many(len(result.facts), 'captured file')} read"] if not unread else []
    rest += [f"{unread:,} of {many(len(result.facts), 'captured file')} not read"] if unread else []
    return lines + _labelled("" if lines else "facts", ", ".join(rest), width)


def _doubts(result: Result, width: int, paint: Painter) -> list[str]:
    lines: list[str] = []
    for premise in explaining(result)[:2]:
        text = f"{terminal_text(premise.kind)}: {terminal_text(premise.text, _WARNING_CHARACTERS)}"
        lines += [paint(line, _DOUBT) for line in _labelled("premise", text, width)]
    ramps = sum(one.ramp is not None for one in result.findings)
    is_told = 0 < ramps <= _MAX_RAMPS  # by `_ramps`, in the same words
    warnings = [one for one in other_warnings(result) if not (is_told and one.kind == "slow_ramp")]
    for warning in warnings[:3]:
        text = f"{terminal_text(warning.kind)}: {terminal_text(warning.text, _WARNING_CHARACTERS)}"
        lines += [paint(line, _DOUBT) for line in _labelled("warning", text, width)]
    hidden = max(len(warnings) - 3, 0) + max(len(result.premises) - 2, 0)
    return lines + ([f"{'':<9}and {hidden:,} more in the report"] if hidden > 0 else [])


def _files(files: Sequence[str], width: int) -> list[str]:
    names = [terminal_text(name) for name in files]
    if not names:
        return []
    line = f"{'report':<9}{'   '.join(names)}"
    if cells(line) <= width:
        return [line]
    labels = ["report", *[""] * (len(names) - 1)]
    pairs = zip(labels, names, strict=True)
    return [row for label, name in pairs for row in _labelled(label, name, width)]


def _first_of(result: Result) -> str:
    """Return the id of what rose first: a name of logs is no word of a command."""
    found = [*regressions_of(result), *(one for one in result.findings if is_risen(one))]
    return found[0].finding_id if found and found[0].finding_id.isalnum() else ""


def _next(result: Result, files: Sequence[str], width: int, paint: Painter) -> list[str]:
    commands = []
    if result.verdict is Verdict.CANNOT_DECIDE and lacks_baseline(result):
        commands.append("analyze LOGS --baseline DIR")
    if files:
        folder = shlex.quote(str(PurePath(files[0]).parent))
        if shown := _first_of(result):
            commands.append(f"analyze show {shown} --run {terminal_text(folder)}")
        commands.append(f"analyze report --check {terminal_text(folder)}")
    commands = commands or ["analyze run --help"]
    return [paint(line, _DIM) for line in _labelled("next", "  ·  ".join(commands), width)]
