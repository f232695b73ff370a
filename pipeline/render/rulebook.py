"""Rules as terminal text: what `rules list`, `show`, `test` and `lint` print."""

from collections.abc import Sequence

from pipeline.facts import Naming, RuleCheck, RuleDefinition, RuleSummary
from pipeline.render.figures import count, many, percent
from pipeline.render.inspections import joined, labelled, table_lines
from pipeline.render.terminal import MIN_WIDTH, cells, cut, pad, painter, wrap
from pipeline.render.untrusted import terminal_text

_DIM, _BOLD, _GOOD, _BAD, _DOUBT = "2", "1", "32", "31", "33"


def render_rule_list(rules: Sequence[RuleSummary], *, width: int, color: bool) -> str:
    """Return one line a rule, in the order of trial."""
    rows = [("name", "priority", "title")] + [
        (
            terminal_text(one.name),
            str(one.priority),
            terminal_text(one.title)
            + ("" if one.origin == "shipped" else f" ({terminal_text(one.origin)})"),
        )
        for one in rules
    ]
    return joined(table_lines(rows, max(width, MIN_WIDTH), painter(color)))


def render_rule(rule: RuleDefinition, *, width: int, color: bool) -> str:
    """Return one rule: what it is for, its patterns, the lines that test it."""
    width, paint, one = max(width, MIN_WIDTH), painter(color), rule.summary
    lines = [f"{paint(terminal_text(one.name), _BOLD)}  {terminal_text(one.title)}"]
    lines += wrap(terminal_text(rule.description), width)
    lines += labelled("priority", str(one.priority), width)
    lines += labelled("from", terminal_text(one.origin), width)
    if rule.knowledge_ids:
        names = ", ".join(terminal_text(one) for one in rule.knowledge_ids)
        lines += labelled("knowledge", f"{names} (analyze knowledge show)", width)
    for pattern in rule.patterns:
        kind = f" ({terminal_text(pattern.kind)})" if pattern.kind else ""
        lines += ["", paint(f"pattern{kind}", _DIM), terminal_text(pattern.regex, 8000)]
        lines += labelled("contains", terminal_text(pattern.literal), width)
        for line in pattern.must:
            lines.append(f"{pad('must', 12)}{terminal_text(line, 8000)}")
    lines.append("")
    lines += [f"{pad('must not', 12)}{terminal_text(line, 8000)}" for line in rule.must_not]
    return joined(lines)


def render_rule_check(check: RuleCheck, *, width: int, color: bool) -> str:
    """Return what checking rules found, the answer first."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    word = paint("UNUSABLE", _BAD) if check.problems else paint("SOUND", _GOOD)
    sizes = f"{many(check.rule_count, 'rule')}, {many(check.pattern_count, 'pattern')}"
    lines = [f"{word}  {terminal_text(check.path)}: {sizes}"]
    for text in check.problems:
        lines += labelled("problem", terminal_text(text, 1000), width)
    for text in check.warnings:
        lines += [paint(one, _DOUBT) for one in labelled("note", terminal_text(text, 1000), width)]
    return joined(lines)


def render_naming(naming: Naming, *, width: int, color: bool) -> str:
    """Return which rules name how many errors and warnings, and an example of each."""
    width, paint = max(width, MIN_WIDTH), painter(color)
    if not naming.hits:
        return "no error and no warning\n"
    lines = [f"{many(naming.event_count, 'error or warning', 'errors and warnings')}"]
    rows = [("class", "events", "share", "first")] + [
        (
            terminal_text(one.name) if one.name else "(no rule)",
            count(one.event_count),
            percent(one.share),
            terminal_text(one.place, 200),
        )
        for one in naming.hits
    ]
    table = table_lines(rows, width, paint)
    lines += [table[0]]
    for row, one in zip(table[1:], naming.hits, strict=True):
        room = max(width - cells("    "), 20)
        lines += [row, paint("    " + cut(terminal_text(one.example), room), _DIM)]
    return joined(lines)
