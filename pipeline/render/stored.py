"""What a store holds, and what became of it, as terminal text."""

from collections.abc import Sequence

from pipeline.facts import Backtest, KindFacts, Row, StoreChange, StoreCheck, StoreFacts
from pipeline.render.figures import UNKNOWN, count, many, moment, size
from pipeline.render.terminal import MIN_WIDTH, cut, painter
from pipeline.render.untrusted import terminal_text

_BOLD, _GOOD, _BAD = "1", "32", "31"
_LABEL = 14
_STATE = 12


def render_store(found: StoreFacts, *, width: int, color: bool) -> str:
    """Return what a store holds."""
    paint = painter(color)
    covers = (
        f"{moment(found.first_event)} .. {moment(found.last_event)}"
        if found.first_event and found.last_event
        else UNKNOWN
    )
    run = f"{found.last_run} ({found.last_verdict})" if found.last_run else "none"
    facts = {
        "store": f"{found.folder} ({found.store_id})",
        "events": covers,
        "sources": count(found.source_count),
        "runs": f"{count(found.run_count)}, last {run}",
        "size": size(found.byte_count),
        "written": f"{found.written_at or UNKNOWN}, by version {found.program or UNKNOWN}",
    }
    lines = [
        f"{paint(name.ljust(_LABEL), _BOLD)}{terminal_text(text)}" for name, text in facts.items()
    ]
    lines += ["", *_kinds(found.kinds, width)]
    lines += [f"{kind} before {day} were pruned" for kind, day in sorted(found.horizons.items())]
    return "\n".join(lines) + "\n"


def render_memory(found: Sequence[Row], *, width: int, color: bool) -> str:
    """Return what is remembered of findings, a line each."""
    if not found:
        return "nothing is remembered: no run found a regression\n"
    paint = painter(color)
    lines = []
    for row in found:
        name = row.error_class or row.title
        said = f"  {row.handling} by {row.who}" if row.handling != "none" else ""
        text = f"since {moment(row.since)} UTC  {row.finding_id}  {name}{said}"
        line = cut(terminal_text(text), max(width - _STATE, MIN_WIDTH))
        style = _GOOD if row.state == "resolved" else _BAD
        lines.append(paint(row.state.ljust(_STATE), style) + line)
    return "\n".join(lines) + "\n"


def render_remembered(found: Row, *, width: int, color: bool) -> str:
    """Return all that is remembered of one finding."""
    paint = painter(color)
    facts = {
        "finding": f"{found.finding_id}  {found.error_class or ''}".rstrip(),
        "title": found.title,
        "state": f"{found.state} since {moment(found.since)} UTC",
        "last event": f"{moment(found.last_seen)} UTC",
    }
    if found.handling != "none":
        until = f" until {moment(found.until)} UTC" if found.until else ""
        facts[found.handling] = f"by {found.who}{until}: {found.why or 'no reason given'}"
    if found.limit:
        hours = f"{found.limit.hours:g} covered hours"
        facts["over when"] = f"at most {many(found.limit.bound, 'event')} in {hours}"
    lines = [paint(name.ljust(_LABEL), _BOLD) + terminal_text(text) for name, text in facts.items()]
    lines += ["", "trouble"]
    for one in found.spells:
        lines.append(f"  {moment(one.start)} .. {moment(one.end) if one.end else 'now'} UTC")
    lines += ["", "history"]
    for step in found.steps:
        by = f" by {step.who}" if step.who else ""
        lines.append(terminal_text(f"  {moment(step.at)} UTC  {step.after}{by}: {step.why}"))
    return "\n".join(cut(line, width) for line in lines) + "\n"


def render_backtest(found: Backtest, *, width: int, color: bool) -> str:
    """Return the runs that changed something or ended otherwise than the one before, and sums."""
    series = [(found.settings, found.steps)]
    if found.proposed is not None and found.proposed_steps is not None:
        series.append((found.proposed, found.proposed_steps))
    lines = []
    for at, runs in enumerate(zip(*(steps for _, steps in series), strict=True)):
        before = [steps[at - 1].exit_status if at else None for _, steps in series]
        pairs = zip(runs, before, strict=True)
        if any(one.changes or one.exit_status != was for one, was in pairs):
            cells = [f"exit {one.exit_status}  {', '.join(one.changes) or '-'}" for one in runs]
            each = max((width - 18) // len(cells) - 2, 20)
            shown = "  ".join(cut(terminal_text(cell), each).ljust(each) for cell in cells)
            lines.append(f"{moment(runs[0].at)}  {shown}".rstrip())
    paint = painter(color)
    sums = []
    for name, (settings, steps) in zip(("now", "proposed"), series, strict=False):
        calls = sum(one.exit_status == 1 for one in steps)
        changes = sum(len(one.changes) for one in steps)
        text = f"{many(len(steps), 'run')}, {calls:,} with exit 1, {many(changes, 'change')}"
        sums.append(paint(name.ljust(_LABEL), _BOLD) + f"{text}  ({', '.join(settings)})")
    return "\n".join([*lines, *([""] if lines else []), *sums]) + "\n"


def render_store_check(found: StoreCheck, *, width: int, color: bool) -> str:
    """Return which files of a store differ from what was written."""
    paint = painter(color)
    lines = [
        paint("damaged", _BAD) + cut(f"  {terminal_text(one.path)}: {one.reason}", max(width, 200))
        for one in found.damaged
    ]
    total = f"{many(found.part_count, 'file')}, {size(found.byte_count)}"
    if found.damaged:
        lines += [
            f"{total}: {many(len(found.damaged), 'file')} damaged; runs refuse them",
            "restore them from a backup, or read the logs again into a new store",
        ]
    else:
        lines.append(f"{total}: {paint('all as they were written', _GOOD)}")
    if found.strays:
        left = many(found.strays, "file")
        lines.append(f"{left} more, which count no longer: the next run removes them")
    return "\n".join(lines) + "\n"


def render_store_change(found: StoreChange, *, width: int, color: bool) -> str:
    """Return what pruning or compacting did, or would do."""
    paint = painter(color)
    listed = sum(one.byte_count for one in found.kinds)
    verb = {"prune": "go", "compact": "become fewer files"}[found.action]
    if not found.kinds:
        return "nothing to do\n"
    lines = _kinds(found.kinds, width)
    if found.bytes_after is None:
        lines.append(
            f"{paint('dry run', _BOLD)}: these {size(listed)} would {verb}; --apply does it"
        )
    else:
        lines.append(f"done: {size(found.bytes_before)} before, {size(found.bytes_after)} now")
    return "\n".join(lines) + "\n"


def _kinds(kinds: Sequence[KindFacts], width: int) -> list[str]:
    rows = [("kind", "files", "size", "rows", "days")]
    for one in kinds:
        days = f"{one.first_date} .. {one.last_date}" if one.first_date else ""
        rows.append(
            (one.kind, count(one.part_count), size(one.byte_count), count(one.row_count), days)
        )
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    lines = [
        "  ".join(
            cell.ljust(room) if at in (0, 4) else cell.rjust(room)
            for at, (cell, room) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [cut(line, max(width, MIN_WIDTH)) for line in lines]
