"""Formats, lines, sources and calibrations as terminal text and JSON: what `formats`, `doctor` and
`calibrate` print.

All of it holds text of logs and of files, so every value passes `untrusted.terminal_text`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipeline.facts import (
    Calibration,
    Count,
    Diagnosis,
    FormatCheck,
    FormatDefinition,
    FormatShare,
    FormatSummary,
    LineReading,
    SourceReading,
)
from pipeline.render.figures import UNKNOWN, count, duration, many, minute, moment, percent, rate
from pipeline.render.terminal import MIN_WIDTH, Painter, cells, cut, pad, painter, wrap
from pipeline.render.untrusted import terminal_text

_DIM, _BOLD, _GOOD, _BAD, _DOUBT = "2", "1", "32", "31", "33"
_LABEL = 12
_MAX_SERVICES = 5
_MAX_LINES = 12
# What `time_flags` say, for a reader.
_INFERENCES = {
    "tz_assumed": "no zone written: taken for UTC",
    "tz_given": "no zone written: read in that of --tz",
    "tz_inferred": "no zone written: inferred from the envelope's clock",
    "year_inferred": "no year written: the nearest to the file's own time",
    "date_inferred": "no date written: that of the lines around",
    "far_from_envelope": "more than 24 h from the envelope's clock",
    "tz_name": "the zone is named by letters that do not tell which it is: --tz tells",
    "dst_ambiguous": "in the hour that occurs twice: which of them was inferred",
    "dst_gap": "in the hour that is left out when summer time begins",
    "out_of_window": "an impossible time, which is not used",
    "out_of_order": "earlier than the event before",
    "skewed": "minutes to hours from the envelope's clock",
}


def facts_json(facts: object) -> str:
    """Return a value of `pipeline.facts`, or a list of such, as JSON with a final newline."""
    values = [asdict(one) for one in facts] if isinstance(facts, list) else asdict(facts)  # type: ignore[call-overload]
    # Coded, so that a control character of a log is none on a terminal.
    return json.dumps(values, indent=2, ensure_ascii=True, default=_plain_value) + "\n"


def _plain_value(value: object) -> Any:  # noqa: ANN401  # what JSON knows
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def render_format_list(formats: Sequence[FormatSummary], *, width: int, color: bool) -> str:
    """Return one line a format: name, kind, title, and the file of one's own."""
    paint = painter(color)
    rows = [("name", "kind", "title")] + [
        (
            terminal_text(one.name),
            one.kind,
            terminal_text(one.title)
            + ("" if one.origin == "shipped" else f" ({terminal_text(one.origin)})"),
        )
        for one in formats
    ]
    return joined(table_lines(rows, max(width, MIN_WIDTH), paint))


def table_lines(rows: Sequence[Sequence[str]], width: int, paint: Painter) -> list[str]:
    """Lay out *rows*, the first of them the head; the last column takes what is left."""
    widths = [max(cells(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    left = max(width - sum(widths) - 2 * len(widths), 10)
    lines = []
    for number, row in enumerate(rows):
        fields = [pad(text, size) for text, size in zip(row, widths, strict=False)]
        line = "  ".join([*fields, cut(row[-1], left)]).rstrip()
        lines.append(line if number else paint(line, _DIM))
    return lines


def joined(lines: Sequence[str]) -> str:
    """Return *lines* as one text with a final newline."""
    return "\n".join(lines) + "\n"


def labelled(label: str, text: str, width: int) -> list[str]:
    """Return *text* wrapped to the right of its label."""
    head, *rest = wrap(text, width - _LABEL)
    return [f"{label:<{_LABEL}}{head}", *(" " * _LABEL + line for line in rest)]


def render_definition(definition: FormatDefinition, *, width: int, color: bool) -> str:
    """Return one format: what it is for, its patterns or keys, its samples."""
    width, paint, one = max(width, MIN_WIDTH), painter(color), definition.summary
    lines = [f"{paint(terminal_text(one.name), _BOLD)}  {terminal_text(one.title)}"]
    if definition.description:
        lines += wrap(terminal_text(definition.description), width)
    lines += labelled("kind", f"{one.kind}, priority {one.priority}", width)
    lines += labelled("from", terminal_text(one.origin), width)
    if definition.url:
        lines += labelled("url", terminal_text(definition.url), width)
    if definition.layouts:
        lines += labelled("time", terminal_text(", ".join(definition.layouts)), width)
    # Patterns and samples are to be copied: they are not wrapped.
    for pattern in definition.patterns:
        lines += ["", paint("pattern", _DIM), terminal_text(pattern, 8000)]
    if definition.fields:
        lines += ["", paint("fields", _DIM)]
        lines += [
            f"{terminal_text(name)} = {terminal_text(', '.join(keys))}"
            for name, keys in definition.fields.items()
        ]
    lines += ["", paint("samples", _DIM)]
    lines += [terminal_text(sample, 8000) for sample in definition.samples]
    return joined(lines)


def render_format_check(check: FormatCheck, *, width: int, color: bool) -> str:
    """Return what checking a definition found, the answer first."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    word = paint("UNUSABLE", _BAD) if check.problems else paint("SOUND", _GOOD)
    patterns = f"{many(check.pattern_count, 'pattern')}, " if check.pattern_count else ""
    samples = many(check.sample_count, "sample")
    lines = [f"{word}  {terminal_text(check.name)}: {patterns}{samples}"]
    for text in check.problems:
        lines += labelled("problem", terminal_text(text), width)
    for text in check.clashes:
        lines += [paint(one, _DOUBT) for one in labelled("clash", terminal_text(text), width)]
    if check.clashes and not check.problems:
        lines += labelled("", "own formats are tried first, so these lines become its own", width)
    return joined(lines)


def render_taken(diagnosis: Diagnosis, *, width: int, color: bool) -> str:
    """Return which formats took how many lines of each source."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    blocks = []
    for one in diagnosis.sources:
        head = [paint(terminal_text(one.log_file_path), _BOLD)]
        if one.error:
            head += [paint(line, _BAD) for line in labelled("not read", one.error, width)]
        if one.envelopes:
            head += labelled("envelope", terminal_text(" > ".join(one.envelopes)), width)
        rows = [("format", "events", "lines", "share", "first line")] + [
            (
                terminal_text(taken.name),
                count(taken.event_count),
                count(taken.line_count),
                percent(taken.share),
                str(taken.first_line_number),
            )
            for taken in one.formats
        ]
        blocks.append([*head, *table_lines(rows, width, paint), *_unknown(one, width)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def render_diagnosis(diagnosis: Diagnosis, *, width: int, color: bool) -> str:
    """Return one block a source: what was found, and what to do about what was not."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    blocks = [_summary(diagnosis, width, paint)]
    blocks += [_source(one, width, paint) for one in diagnosis.sources]
    versions = ", ".join(f"{name} {version}" for name, version in diagnosis.versions.items())
    blocks.append([paint(line, _DIM) for line in wrap(versions, width)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _summary(diagnosis: Diagnosis, width: int, paint: Painter) -> list[str]:
    sources = diagnosis.sources
    events = sum(one.event_count for one in sources)
    unparsed = sum(one.unparsed_event_count for one in sources)
    failed = sum(one.error is not None for one in sources)
    doubtful = sum(bool(one.problems) and one.error is None for one in sources)
    parts = [
        many(len(sources), "source"),
        f"{count(sum(one.line_count for one in sources))} lines",
        f"{count(events)} events",
        f"{percent(1 - unparsed / events if events else None)} understood",
    ]
    if failed:
        parts.append(paint(f"{count(failed)} not read to the end", _BAD))
    if doubtful:
        parts.append(paint(f"{count(doubtful)} with a question", _DOUBT))
    return wrap(" · ".join(parts), width) if not failed + doubtful else [" · ".join(parts)]


def _source(one: SourceReading, width: int, paint: Painter) -> list[str]:
    lines = [paint(terminal_text(one.log_file_path, width * 2), _BOLD)]
    if one.line_count:
        packed = f", {one.compression}" if one.compression else ""
        size = f"{count(one.byte_count)} bytes, {one.encoding}{packed}"
        lines += labelled("read", f"{size}, {_events(one)}", width)
        if one.envelopes:
            lines += labelled("envelope", terminal_text(" > ".join(one.envelopes)), width)
        lines += labelled("format", _shares(one.formats), width)
        lines += labelled("time", _time(one), width)
        for note in one.inferences:
            lines += labelled("", f"{percent(note.share)} {terminal_text(note.text)}", width)
        if one.is_reversed:
            lines += labelled("", "runs from new to old, and is read backwards", width)
        lines += labelled("level", _shares(one.severities), width)
        lines += labelled("", f"from {_shares(one.severity_sources)}", width)
        lines += labelled("service", _services(one), width)
    lines += _unknown(one, width)
    for problem in one.problems:
        text = terminal_text(problem.text)
        lines += [paint(row, _DOUBT) for row in labelled("problem", text, width)]
        lines += labelled("do", terminal_text(problem.remedy), width)
    return lines


def _unknown(one: SourceReading, width: int) -> list[str]:
    lines = []
    for shape in one.unparsed_shapes:
        text = f"{count(shape.event_count)} like line {shape.line_number}: "
        room = max(width - _LABEL - cells(text), 20)
        lines += labelled("unknown", text + cut(terminal_text(shape.example), room), width)
    return lines


def _events(one: SourceReading) -> str:
    parts = [f"{count(one.line_count)} lines", f"{count(one.event_count)} events"]
    if one.blank_line_count:
        parts.append(f"{count(one.blank_line_count)} blank")
    if one.unparsed_event_count:
        parts.append(f"{count(one.unparsed_event_count)} unparsed")
    return ", ".join(parts)


def _shares(counts: Sequence[Count | FormatShare]) -> str:
    return ", ".join(f"{terminal_text(one.name)} {percent(one.share)}" for one in counts) or "none"


def _time(one: SourceReading) -> str:
    if one.first_timestamp is None or one.last_timestamp is None:
        return "none"
    span = f"{moment(one.first_timestamp)} to {moment(one.last_timestamp)} UTC"
    return f"{span}; zone {terminal_text(one.time_zone or 'not known')}"


def _services(one: SourceReading) -> str:
    shown = [
        f"{terminal_text(service.name, 60)} (from {terminal_text(service.source)})"
        for service in one.services[:_MAX_SERVICES]
    ]
    more = len(one.services) - len(shown)
    return ", ".join(shown) + (f" and {count(more)} more" if more else "")


def render_line(line: LineReading, *, width: int, color: bool) -> str:
    """Return how one line is read, from its bytes to what a run does with it."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    place = f"{terminal_text(line.log_file_path)}:{line.line_number}"
    packed = f", {line.compression}" if line.compression else ""
    lines = [
        f"{paint(place, _BOLD)}  {line.encoding}{packed}, bytes {count(line.byte_offset)} to "
        f"{count(line.byte_offset + line.byte_length)}",
        terminal_text(line.text, 2000),
        "",
    ]
    for layer in line.layers:
        gave = ", ".join(f"{name} = {terminal_text(text)}" for name, text in layer.values.items())
        lines += labelled("envelope", f"{terminal_text(layer.name)}: {gave or 'nothing'}", width)
    if line.layers:
        lines += labelled("payload", terminal_text(line.payload, 2000), width)
    lines += labelled("line", line.role, width)
    if not line.event_lines:
        return joined([*lines, *labelled("event", "none: blank lines are only counted", width)])
    lines += labelled("event", _numbers(line.event_lines), width)
    lines += _format_of_line(line, width)
    lines += _time_of_line(line, width)
    lines += _level_of_line(line, width)
    service = f"{terminal_text(line.service_name or '')} (from {line.service_source})"
    lines += labelled("service", service, width)
    lines += labelled("kept" if line.is_kept else "not kept", line.why_kept or "", width)
    rest = {name: value for name, value in line.event.items() if name not in _SHOWN}
    for name, value in rest.items():
        lines += labelled("", f"{name} = {terminal_text(str(value))}", width)
    return joined(lines)


_SHOWN = frozenset(("line_number", "line_count", "byte_offset", "byte_length"))


def _numbers(numbers: Sequence[int]) -> str:
    """Return line numbers in short: ``line 4``, ``lines 4-6, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:_MAX_LINES]]
    more = ", …" if len(runs) > _MAX_LINES else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(words)}{more}"


def _format_of_line(line: LineReading, width: int) -> list[str]:
    if line.format_name is None:
        return labelled("format", "none takes it: the text is kept, and nothing else", width)
    number = f", pattern {line.pattern_number}" if line.pattern_number else ""
    lines = labelled("format", f"{terminal_text(line.format_name)}{number}", width)
    for one in line.captured:
        text = f"{terminal_text(one.column)} = {terminal_text(one.text)}  ({one.source})"
        lines += labelled("", text, width)
    return lines


def _time_of_line(line: LineReading, width: int) -> list[str]:
    when = f"{line.timestamp:%Y-%m-%d %H:%M:%S.%f} UTC" if line.timestamp else "not known"
    lines = labelled("time", f"{when}, from {terminal_text(line.time_source or '')}", width)
    if line.time_written:
        lines += labelled("", f"written as {terminal_text(line.time_written)}", width)
    if line.observed_timestamp:
        lines += labelled("", f"envelope {line.observed_timestamp:%Y-%m-%d %H:%M:%S.%f} UTC", width)
    for flag in line.inferences:
        lines += labelled("", _INFERENCES.get(flag, terminal_text(flag)), width)
    return lines


def _level_of_line(line: LineReading, width: int) -> list[str]:
    number = line.severity_number or 0
    word = f"{terminal_text(line.severity_text)} = {number}" if line.severity_text else str(number)
    return labelled("level", f"{word}, from {terminal_text(line.severity_source or '')}", width)


def render_calibration(found: Calibration, *, width: int, color: bool) -> str:
    """Return what the test did on planted changes, or on nothing planted, as a table."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    lines = wrap(
        f"{many(found.class_count, 'error class', 'error classes')}, "
        f"{minute(found.start)} .. {minute(found.end)} UTC; "
        f"{many(found.window_count, 'window')} of {duration(found.window_seconds)}, each against "
        f"all the rest; seed {found.seed}",
        width,
    )
    alarms = many(found.false_alarm_count, "false alarm")
    lines += ["", *wrap(paint(f"{alarms} with nothing planted", _BOLD), width)]
    lines += wrap(
        f"{rate(found.false_alarms_per_1000)} in 1000 class-windows, of "
        f"{many(found.class_window_count, 'class-window')}; "
        f"{many(found.false_suspicion_count, 'more', 'more')} suspected",
        width,
    )
    lines += wrap(
        f"{found.windows_with_alarm_count} of {many(found.window_count, 'window')} with a false "
        f"alarm; the test may raise one in {percent(found.budget)} of windows in which nothing "
        "changed (q)",
        width,
    )
    if found.is_placebo:
        return joined(lines)
    rows = [("planted", "n", "confirmed", "or suspected", "not misread", "onset error (of n)")]
    for one in found.planted:
        shares = (one.confirmed, one.confirmed_or_suspected, one.held_back)
        error = one.onset_error_minutes
        dated = UNKNOWN if error is None else f"{error:.1f} min ({one.dated_count})"
        shown = ["" if share is None else percent(share) for share in shares]
        rows.append((one.kind, count(one.count), shown[0], shown[1], shown[2], dated))
    lines += ["", *table_lines(rows, width, paint)]
    if not any(one.count for one in found.planted):
        lines += wrap("nothing was planted: no class has ten events in a window", width)
    return joined(lines)
