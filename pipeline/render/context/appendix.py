"""The ledger and the queries."""

from collections.abc import Collection, Sequence

from pipeline.model import NumberSource, QueryFacts, SourceFacts
from pipeline.render.context.header import json_text
from pipeline.render.figures import UNKNOWN, count, many, minute, size
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import NumberView, QueryView, SourceView


def source_view(one: SourceFacts) -> SourceView:
    """Return a row of the ledger; what was assumed in reading is its remark."""
    remarks = []
    if one.error:
        remarks.append(f"not read: {one.error}")
    if one.time_zone_assumption:
        remarks.append(f"zone assumed: {one.time_zone_assumption}")
    remarks += [f"{note.text} ({note.event_count:,})" for note in one.time_notes]
    if one.undecodable_byte_count:
        remarks.append(many(one.undecodable_byte_count, "undecodable byte"))
    if one.truncated_line_count:
        remarks.append(f"{many(one.truncated_line_count, 'line')} cut after 1 MiB")
    if one.nul_byte_count:
        remarks.append(many(one.nul_byte_count, "NUL byte"))
    if one.is_reversed:
        remarks.append("newest first: read from its end")
    remarks += one.notes
    if one.partial_joined_count:
        remarks.append(f"{many(one.partial_joined_count, 'split record')} joined")
    is_dated = one.first_timestamp is not None
    return SourceView(
        path=Untrusted(one.log_file_path),
        service=Untrusted(one.service_name or UNKNOWN),
        size=size(one.byte_count),
        lines=count(one.line_count),
        events=count(one.event_count),
        unparsed=count(one.unparsed_event_count),
        span=f"{minute(one.first_timestamp)} to {minute(one.last_timestamp)}"
        if is_dated
        else UNKNOWN,
        formats=Untrusted(", ".join(one.format_names) or UNKNOWN),
        remark=Untrusted("; ".join(remarks)),
        sha256=Untrusted(one.sha256_head or ""),
    )


def number_view(one: NumberSource) -> NumberView:
    """Return where numbers of one kind come from."""
    # Names of files of ours; whatever else stands in a document that was changed is no name.
    names = [name for name in one.query_ids if name.isidentifier() and name.isascii()]
    return NumberView(Untrusted(one.what), names, Untrusted(one.text))


def query_views(queries: Sequence[QueryFacts], origins: Collection[str]) -> list[QueryView]:
    """Return the queries as they were run: in full those that numbers come from (*origins*; all
    where none are known), but for their comments, of which the first is the title.

    The text of the others, which these read, stands in ``result.json``: it would be a third of the
    page. Parameters that many share are shown once.
    """
    shown: dict[str, int] = {}
    views = []
    for number, one in enumerate(queries, start=1):
        texts = [f"${name} = {json_text(value)}" for name, value in one.parameters.items()]
        first = shown.setdefault("\n".join(texts), number)
        if texts and first != number:
            texts = [f"parameters as of Q{first}"]
        views.append(
            QueryView(
                number=number,
                anchor=f"q{number}",
                query_id=Untrusted(one.query_id),
                title=Untrusted(one.title),
                sql=Untrusted(
                    _without_comments(one.sql) if one.query_id in origins or not origins else ""
                ),
                parameters=[Untrusted(text) for text in texts],
            )
        )
    return views


def _without_comments(sql: str) -> str:
    """Return *sql* without lines that hold a comment alone, and without blank lines."""
    lines = [line.rstrip() for line in sql.splitlines()]
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("--"))
