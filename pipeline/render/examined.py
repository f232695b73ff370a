"""One finding in full, and what became of evidence, as terminal text.

All of it holds text of logs, so every value passes `untrusted.terminal_text`.
"""

from collections.abc import Sequence

from pipeline.facts import (
    Discrepancy,
    EvidenceCheck,
    EvidenceReport,
    ReportCheck,
    ShownFinding,
    ShownSample,
)
from pipeline.model import Finding, HourlyPoint
from pipeline.render.figures import UNKNOWN, count, duration, many, minute, moment, rate
from pipeline.render.terminal import MIN_WIDTH, Painter, cells, cut, pad, painter, wrap
from pipeline.render.untrusted import BLOCK_CHARACTERS, terminal_text, visible
from pipeline.render.words import (
    change_of,
    has_baseline,
    name_of,
    place_of,
    ratio_bounds,
    state_of,
)

_DIM, _BOLD, _GOOD, _BAD, _DOUBT = "2", "1", "32", "31", "33"
_LABEL = 12
_STYLES = {"intact": _GOOD, "moved": _GOOD, "altered": _BAD, "gone": _DOUBT, "unverifiable": _DOUBT}
# More buckets than this are joined, more lines of a trace left out: a screen is what is read.
_MOST_BUCKETS, _MOST_LINES = 48, 40
_HASH_DIGITS = 12


def render_evidence(found: EvidenceReport, *, width: int, color: bool) -> str:
    """Return one line a sample with what became of it, and the sum."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    lines = []
    last = None
    for one in found.checks:
        if one.finding_id != last:
            lines += ["", paint(f"{terminal_text(one.finding)} ({one.finding_id})", _BOLD)]
            last = one.finding_id
        lines += _checked(one, width, paint)
    words = ("intact", "moved", "altered", "gone", "unverifiable")
    counts = ", ".join(f"{found.count(word)} {word}" for word in words if found.count(word))
    total = many(len(found.checks), "sample")
    within = many(found.source_count, "source")
    return "\n".join([*lines[1:], "", f"{total} in {within}: {counts or 'none'}"]) + "\n"


def _checked(one: EvidenceCheck, width: int, paint: Painter) -> list[str]:
    status = paint(pad(one.status, _LABEL), _STYLES[one.status])
    lines = [f"  {status} {_fitted_place(one, width - _LABEL - 3)}"]
    if one.status == "moved":
        where = f"now {terminal_text(str(one.found_path))}@{one.found_offset}"
        lines.append(" " * (_LABEL + 3) + cut(f"{where}, {one.detail}", width - _LABEL - 3))
    elif one.detail:
        lines.append(" " * (_LABEL + 3) + cut(one.detail, width - _LABEL - 3))
    return lines


def _place(one: EvidenceCheck) -> str:
    digest = f" #{one.segment_hash[:_HASH_DIGITS]}" if one.segment_hash else ""
    return f"{terminal_text(one.log_file_path)}:{one.line_number}@{one.byte_offset}{digest}"


def _fitted_place(one: EvidenceCheck, width: int) -> str:
    """Return the place with the end of its path: line, byte and hash stand at the end."""
    whole = _place(one)
    return whole if cells(whole) <= width else "…" + whole[len(whole) - width + 1 :]


# So many differences tell what happened; all of them are in the JSON.
_MOST_DIFFERENCES = 40


def render_check(found: ReportCheck, *, width: int, color: bool) -> str:
    """Return each document with what was compared, and where it differs."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    lines = []
    for one in found.documents:
        number = len(one.differences)
        verdict = paint(many(number, "difference"), _BAD) if number else paint("agrees", _GOOD)
        compared = f"{count(one.value_count)} values, {count(one.number_count)} with numbers"
        lines.append(f"{one.document:<14}{verdict}, {compared}")
        for at in one.differences[:_MOST_DIFFERENCES]:
            lines += _differing(at, width)
        if number > _MOST_DIFFERENCES:
            lines.append(f"  … and {number - _MOST_DIFFERENCES:,} more: --json names all")
    if found.missing:
        lines.append(paint(f"not there: {', '.join(found.missing)}", _DIM))
    if found.version != found.checked_with and not found.agrees:
        lines += wrap(
            f"The run was made by version {terminal_text(found.version)}, this is "
            f"{terminal_text(found.checked_with)}: what differs may be a change of the program.",
            width,
        )
    return "\n".join(lines) + "\n"


def _differing(one: Discrepancy, width: int) -> list[str]:
    head = wrap(terminal_text(f"{one.section}, {one.field}"), width - 2)
    room = width - 16
    shown = [
        f"    {label:<12}" + ("nothing" if text is None else cut(_around_change(text, other), room))
        for label, text, other in (
            ("printed", one.printed, one.recomputed),
            ("recomputed", one.recomputed, one.printed),
        )
    ]
    return [*(f"  {line}" for line in head), *shown]


def _around_change(text: str, other: str | None) -> str:
    """Return *text* from shortly before the first place where *other* differs."""
    pairs = zip(text, other or "", strict=False)
    at = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(text), len(other or "")))
    start = max(0, at - 24)
    return ("…" if start else "") + terminal_text(text[start:])


def render_finding(shown: ShownFinding, *, width: int, color: bool) -> str:
    """Return one finding: what it says, its course in time, its samples in their surroundings."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    one: Finding = shown.finding
    blocks = [
        _head(one, width, paint),
        _facts(shown, width),
        _course(one, width, paint),
        *(_sample(at, sample, width, paint) for at, sample in enumerate(shown.samples, start=1)),
        _knowledge(one, width),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(one: Finding, width: int, paint: Painter) -> list[str]:
    name = terminal_text(name_of(one))
    title = terminal_text(one.title)
    lines = [paint(cut(f"{name}  {state_of(one).upper()}", width), _BOLD)]
    if title != name:
        lines += wrap(title, width)
    return [*lines, paint(f"finding {one.finding_id}  template {one.template_id or UNKNOWN}", _DIM)]


def _labelled(label: str, text: str, width: int) -> list[str]:
    return wrap(f"{label:<{_LABEL}}{text}", width, _LABEL) if text else []


def _facts(shown: ShownFinding, width: int) -> list[str]:
    one: Finding = shown.finding
    before = count(one.baseline_count if has_baseline(one) else None)
    bounds = ratio_bounds(one)
    change = f"{rate(one.baseline_rate)} → {rate(one.candidate_rate)} per hour, {change_of(one)}"
    services = ", ".join(
        f"{terminal_text(at.service_name)} {count(at.baseline_count)} → {count(at.candidate_count)}"
        for at in one.services
    )
    lines = [
        ("events", f"{before} in the baseline, {count(one.candidate_count)} in the candidate"),
        ("rate", change + (f" (95 % {bounds})" if bounds else "")),
        ("onset", _onset(one)),
        ("seen", f"{moment(one.first_seen)} to {moment(one.last_seen)} UTC{_ongoing(one)}"),
        ("services", services),
        ("spacing", _spacing(one)),
        ("exception", terminal_text(one.exception_type or "")),
        ("code", terminal_text(place_of(one))),
        ("template", terminal_text(one.template or "")),
        *((relation, _edge(*edge)) for relation, *edge in shown.edges),
    ]
    return [line for label, text in lines for line in _labelled(label, text, width)]


def _edge(label: str, evidence: str, grade: str) -> str:
    return f"{terminal_text(label)} ({evidence}, {grade}: order, not proof)"


def _onset(one: Finding) -> str:
    if one.onset is None:
        return ""
    return f"{moment(one.onset)} UTC (95 % {moment(one.onset_lower)} to {moment(one.onset_upper)})"


def _ongoing(one: Finding) -> str:
    return ", still going on at the end" if one.is_ongoing else ""


def _spacing(one: Finding) -> str:
    gaps = one.interarrival_seconds
    if gaps is None:
        return ""
    return f"{duration(gaps.p50)} at the median ({duration(gaps.p10)} to {duration(gaps.p90)})"


def _course(one: Finding, width: int, paint: Painter) -> list[str]:
    points = _joined(one.hourly)
    if not points:
        return []
    most = max(number for _, _, number, _ in points)
    sizes = [len(count(number)) for _, _, number, _ in points]
    room = max(10, min(60, width - 16 - max(sizes) - 4))
    lines = [f"events by time (UTC), {paint('baseline dim', _DIM)}"]
    for label, window, number, is_gap in points:
        bar = "█" * -(-number * room // most) if most else ""
        mark = "  not covered" if is_gap and not number else ""
        text = f"{label} {count(number):>{max(sizes)}} {bar}{mark}".rstrip()
        lines.append(paint(text, _DIM) if window == "baseline" else text)
    return lines


def _joined(points: Sequence[HourlyPoint]) -> list[tuple[str, str, int, bool]]:
    """Return label, window, events and whether nothing was covered, of at most some buckets."""
    per = -(-len(points) // _MOST_BUCKETS)
    joined = []
    for window in ("baseline", "candidate"):
        own = [point for point in points if point.window == window]
        for at in range(0, len(own), max(per, 1)):
            group = own[at : at + per]
            number = sum(point.event_count for point in group)
            is_gap = all(point.coverage == 0 for point in group)
            joined.append((group[0].bucket_start, window, number, is_gap))
    return [(minute(start), window, number, gap) for start, window, number, gap in sorted(joined)]


def _sample(number: int, one: ShownSample, width: int, paint: Painter) -> list[str]:
    check = one.check
    head = f"sample {number}  {moment(one.timestamp)} UTC  {terminal_text(one.service_name)}"
    lines = [paint(cut(head, width), _BOLD), *wrap(_place(check), width)]
    if check.status != "intact":
        where = f": {terminal_text(str(check.found_path))}" if check.status == "moved" else ""
        lines += wrap(
            paint(f"{check.status}{where} ({check.detail})", _STYLES[check.status]), width
        )
    before, after = _around(one, width)
    own = _block(one.body, width)
    frames = _block(one.stacktrace, width) if one.stacktrace else []
    # Where the trace is in the body, it is there in its place.
    if one.stacktrace and one.stacktrace.strip()[:200] in one.body:
        frames = []
    return [*lines, *(paint(line, _DIM) for line in before), *own, *frames,
            *(paint(line, _DIM) for line in after)]  # fmt: skip


def _around(one: ShownSample, width: int) -> tuple[list[str], list[str]]:
    """Return the lines before and after as they stand in the source, envelope and all."""
    own = [at for at, line in enumerate(one.lines) if line.is_own]
    if not own:
        return [], []
    shown = [
        f"  {cut(terminal_text(line.text, BLOCK_CHARACTERS), width - 2)}" for line in one.lines
    ]
    return shown[: own[0]], shown[own[-1] + 1 :]


def _block(text: str, width: int) -> list[str]:
    """Return the head and the end of a text of several lines: what was raised stands last."""
    rows = visible(text, 16 * BLOCK_CHARACTERS, is_block=True).rstrip("\n").split("\n")
    left = len(rows) - _MOST_LINES
    if left > 0:
        half = _MOST_LINES // 2
        rows = [*rows[:half], f"… {many(left, 'line')} left out …", *rows[-half:]]
    return [f"> {cut(row, width - 2)}" for row in rows]


def _knowledge(one: Finding, width: int) -> list[str]:
    known = one.knowledge
    if known is None:
        return []
    lines = [f"generally known ({known.knowledge_id}, reviewed {known.reviewed}): {known.title}"]
    for label, texts in (("hypothesis", known.hypotheses), ("check first", known.check_first)):
        for text in texts:
            lines += _labelled(label, text, width)
    return lines
