"""Classes over days or hours as terminal text."""

from pipeline.render.figures import UNKNOWN, bars, count, many, minute, rate
from pipeline.render.terminal import MIN_WIDTH, Painter, cells, cut, pad, painter
from pipeline.render.untrusted import terminal_text
from pipeline.trends import OpenTime, Period, Series, Trend

_BOLD, _BAD = "1", "31"
_MOST_ROWS = 40
_NAME = 36
_BAR = 20
_NO_RUN = "no run remembers a rise of it"


def render_trend(found: Trend, *, width: int, color: bool) -> str:
    """Return a line a class, or the periods of those that were named."""
    paint = painter(color)
    width = max(width, MIN_WIDTH)
    head = f"{minute(found.start)} to {minute(found.end)} UTC, by {found.by}"
    lines = [cut(f"{terminal_text(found.folder)}: {head}", width)]
    if found.pruned is not None:
        lines.append(f"events before {found.pruned:%Y-%m-%d} were pruned")
    lines.append("")
    if not found.series:
        lines.append("no error in this time")
    elif found.asked is None:
        lines += _table(found, width, paint)
    else:
        for one in found.series:
            lines += [*_one(one, found.by, width, paint), ""]
    if found.left_out:
        left_out = many(found.left_out, "class", "classes")
        lines.append(f"and {left_out} of warnings, of which no run remembers a rise")
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(found: Trend, width: int, paint: Painter) -> list[str]:
    """Return a row a class; each line of blocks has a scale of its own, blanks are not covered."""
    shown = found.series[:_MOST_ROWS]
    heads = ("events", "per hour", "last", "state", "since (UTC)")
    fixed = [_cells_of(one) for one in shown]
    sizes = [max(cells(row[at]) for row in (heads, *fixed)) for at in range(len(heads))]
    room = width - sum(sizes) - 2 * (len(sizes) + 1)
    names = [terminal_text(one.name, 200) for one in shown]
    steps = len(shown[0].periods)
    line_room = min(steps, max(room - _NAME, room // 2, 8))
    title = f"per {found.by}" if steps <= line_room else f"last {line_room}"
    rows = [("class", title, *heads)]
    rows += [
        (name, _blocks(one, line_room), *own)
        for name, one, own in zip(names, shown, fixed, strict=True)
    ]
    widths = [
        min(max(cells(row[0]) for row in rows), max(room - line_room, 8)),
        max(cells(row[1]) for row in rows),
        *sizes,
    ]
    text = []
    for number, row in enumerate(rows):
        row_cells = [
            pad(cut(cell, size), size, is_right=at in (2, 3, 4))
            for at, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        line = cut("  ".join(row_cells).rstrip(), width)
        is_open = number and (own := shown[number - 1].standing) is not None and own.is_open
        text.append(paint(line, _BOLD if not number else _BAD) if is_open or not number else line)
    if (more := len(found.series) - len(shown)) > 0:
        text.append(f"and {count(more)} more; --json has all")
    text += ["", "events per covered hour; each row has its own scale; blank: nothing was logged"]
    return text


def _blocks(one: Series, room: int) -> str:
    rates = [period.rate for period in one.periods]
    return bars(rates, max((value for value in rates if value is not None), default=0.0))[-room:]


def _cells_of(one: Series) -> tuple[str, str, str, str, str]:
    return (
        count(one.event_count),
        rate(one.rate),
        rate(one.periods[-1].rate),
        _state(one),
        minute(one.standing.begun) if one.standing else UNKNOWN,
    )


def _state(one: Series) -> str:
    if one.standing is None:
        return UNKNOWN
    handling = one.standing.handling
    words = terminal_text(one.standing.state, 20)
    return words if handling == "none" else f"{words}, {terminal_text(handling, 20)}"


def _one(one: Series, by: str, width: int, paint: Painter) -> list[str]:
    """Return the periods of a class, and when it was open."""
    lines = [paint(cut(terminal_text(one.name, 300), width), _BOLD)]
    lines.append(
        f"{one.finding_id}: {many(one.event_count, 'event')} in {one.covered_hours:,.1f} covered "
        f"hours, {rate(one.rate)} per hour; "
        + (f"{_state(one)} since {minute(one.standing.begun)} UTC" if one.standing else _NO_RUN)
    )
    top = max((p.rate for p in one.periods if p.rate is not None), default=0.0)
    lines.append(f"{by.ljust(16)}  {'events':>8}  {'covered':>8}  {'per hour':>8}")
    lines += [_period(period, by, top) for period in one.periods]
    if one.standing is not None:
        lines += [_spell(spell, paint) for spell in one.standing.spells]
    return lines


def _period(one: Period, by: str, top: float) -> str:
    start = f"{one.start:%Y-%m-%d}" if by == "day" else minute(one.start)
    if one.rate is None:
        return f"{start:<16}  {UNKNOWN:>8}  {'0 h':>8}  {UNKNOWN:>8}  not covered"
    length = round(one.rate / top * _BAR) if top else 0
    bar = "█" * max(length, 1 if one.event_count else 0)
    columns = (count(one.event_count), f"{one.covered_hours:.1f} h", rate(one.rate))
    return f"{start:<16}  {'  '.join(cell.rjust(8) for cell in columns)}  {bar}".rstrip()


def _spell(one: OpenTime, paint: Painter) -> str:
    if one.end is None:
        return paint(f"open since {minute(one.start)} UTC", _BAD)
    return f"open {minute(one.start)} to {minute(one.end)} UTC"
