"""What changed between two runs, and what became of success criteria, as terminal text."""

from pipeline.facts import ClassChange, ComparedRun, CriterionCheck, Difference, Verification
from pipeline.render.figures import UNKNOWN, count, many, minute, percent, rate, ratio
from pipeline.render.inspections import joined, labelled, table_lines
from pipeline.render.terminal import MIN_WIDTH, Painter, painter
from pipeline.render.untrusted import terminal_text

_DIM, _BOLD, _GOOD, _BAD, _DOUBT = "2", "1", "32", "31", "33"
_SHOWN = {
    "new": _BAD,
    "worse": _BAD,
    "unknown": _DOUBT,
    "better": _GOOD,
    "resolved": _GOOD,
}
_MAX_ROWS = 12


def render_difference(found: Difference, *, width: int, color: bool) -> str:
    """Return the answer, both runs, and a table of the classes that are not the same."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    counts = found.counts
    parts = [
        paint(f"{counts[status]:,} {status}", code) if counts[status] else f"0 {status}"
        for status, code in _SHOWN.items()
    ]
    parts += [f"{counts['same']:,} the same", f"{counts['relabelled']:,} relabelled"]
    lines = [f"{_headline(found, paint)}  {' · '.join(parts)}"]
    lines += labelled("before", _run(found.before), width)
    lines += labelled("after", _run(found.after), width)
    for note in found.notes:
        lines += labelled("note", terminal_text(note), width)
    for status, code in _SHOWN.items():
        lines += _table([one for one in found.changes if one.status == status], code, width, paint)
    relabelled = [one for one in found.changes if one.relabelled_to is not None]
    if relabelled:
        lines += ["", paint("relabelled: the same errors under another name", _BOLD)]
        lines += [
            f"  {terminal_text(f'{one.relabelled_from} → {one.relabelled_to}')}"
            f"  {paint(many(one.after_count, 'event'), _DIM)}"
            for one in relabelled[:_MAX_ROWS]
        ]
    return joined(lines)


def _headline(found: Difference, paint: Painter) -> str:
    counts = found.counts
    is_sure = any(
        one.status in ("new", "worse") and one.confidence == "confirmed" for one in found.changes
    )
    if is_sure:
        return paint("WORSE", _BAD)
    if any(one.is_blind for one in found.changes):
        return paint("CANNOT TELL", _DOUBT)
    if counts["better"] or counts["resolved"]:
        return paint("BETTER", _GOOD)
    return "NO CHANGE"


def _run(run: ComparedRun) -> str:
    return (
        f"{terminal_text(run.path)}: {minute(run.start)} to {minute(run.end)}, "
        f"{run.covered_hours:.1f} h covered, {many(run.error_count, 'error')}"
    )


def _table(changes: list[ClassChange], code: str, width: int, paint: Painter) -> list[str]:
    if not changes:
        return []
    rows = [("status", "before/h", "now/h", "ratio", "class")] + [
        (
            one.status + ("?" if one.confidence == "suspected" else ""),
            _rate(one.before_rate, one.before_count),
            _rate(one.after_rate, one.after_count),
            _ratio(one),
            _name(one),
        )
        for one in changes[:_MAX_ROWS]
    ]
    head, *body = table_lines(rows, width, paint)
    lines = ["", head]
    for line, one in zip(body, changes, strict=False):
        lines.append(paint(line, code))
        if one.reason:
            lines += labelled("", terminal_text(one.reason), width)
    if len(changes) > _MAX_ROWS:
        lines.append(paint(f"and {count(len(changes) - _MAX_ROWS)} more: --json has all", _DIM))
    return lines


def _rate(value: float | None, number: int) -> str:
    return UNKNOWN if value is None and not number else rate(value)


def _ratio(one: ClassChange) -> str:
    return ratio(one.rate_ratio)


def _name(one: ClassChange) -> str:
    kind = "" if one.kind == "error" else f" ({one.kind.replace('_', ' ')})"
    where = ", ".join(one.services[:3]) + (", …" if len(one.services) > 3 else "")
    return terminal_text(f"{one.title}{kind} in {where}")


_STATES = {"pass": ("PASS", _GOOD), "fail": ("FAIL", _BAD), "insufficient": ("UNKNOWN", _DOUBT)}


def render_verification(found: Verification, *, width: int, color: bool) -> str:
    """Return the answer, and each criterion with what was measured."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    states = [one.status for one in found.criteria]
    if "fail" in states:
        word, code = "NOT OVER", _BAD
    elif "insufficient" in states:
        word, code = "CANNOT TELL", _DOUBT
    else:
        word, code = "OVER", _GOOD
    shares = f"{states.count('pass')} of {many(len(states), 'criterion', 'criteria')} pass"
    lines = [f"{paint(word, code)}  {shares}"]
    lines += labelled("logs", f"{minute(found.start)} to {minute(found.end)}", width)
    for one in found.criteria:
        label, code = _STATES[one.status]
        head, *rest = labelled(label, terminal_text(one.text), width)
        lines += ["", paint(head, code), *rest]
        lines += labelled("", _measured(one), width)
        if one.reason:
            lines += labelled("", terminal_text(one.reason), width)
    return joined(lines)


def _measured(one: CriterionCheck) -> str:
    if one.metric == "failure_share":
        now, then = percent(one.value), percent(one.value_then)
        of = f", {many(one.request_count or 0, 'request')}"
    else:
        now, then = f"{rate(one.value)} per hour", f"{rate(one.value_then)} per hour"
        of = f", {many(one.event_count or 0, 'event')}"
    return f"now {now}, then {then}; {one.exposure:.1f} h covered{of}"
