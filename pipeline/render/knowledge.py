"""Entries of the knowledge base as terminal text: what `knowledge list` and `show` print."""

from collections.abc import Sequence

from pipeline.render.inspections import joined, labelled, table_lines
from pipeline.render.terminal import MIN_WIDTH, painter, wrap
from pipeline.signs import Entry

_BOLD, _DIM = "1", "2"


def render_knowledge_list(entries: Sequence[Entry], *, width: int, color: bool) -> str:
    """Return one line an entry."""
    rows = [("id", "title")]
    rows += [(one.knowledge.knowledge_id, one.knowledge.title) for one in entries]
    return joined(table_lines(rows, max(width, MIN_WIDTH), painter(color)))


def render_knowledge(entry: Entry, *, width: int, color: bool) -> str:
    """Return one entry in full, with what is looked for in logs for each hypothesis."""
    width, paint, one = max(width, MIN_WIDTH), painter(color), entry.knowledge
    lines = [f"{paint(one.knowledge_id, _BOLD)}  {one.title}", *wrap(one.mechanism, width)]
    lines += labelled("written for", one.applies_to, width)
    lines += labelled("reviewed", f"{one.reviewed}, references opened {one.opened}", width)
    for text in one.check_first:
        lines += labelled("check", text, width)
    for command in one.commands:
        tried = f", tried with {command.ran_with}" if command.ran_with else ", not tried"
        lines += labelled(command.where, command.run, width)
        lines += [paint(text, _DIM) for text in labelled("", f"({command.where}{tried})", width)]
    for hypothesis in entry.hypotheses:
        lines += ["", *labelled("hypothesis", hypothesis.text, width)]
        for label, signs in (("for", hypothesis.supported_by), ("against", hypothesis.refuted_by)):
            for sign in signs:
                lines += labelled(label, sign.looked_for, width)
        if hypothesis.untold:
            lines += labelled("not told", hypothesis.untold, width)
        lines += labelled("refuted if", hypothesis.refuted_if, width)
    lines.append("")
    for label, texts in (("remedy", one.remedy), ("verify", one.verify), ("see", one.references)):
        for text in texts:
            lines += labelled(label, text, width)
    return joined(lines)
