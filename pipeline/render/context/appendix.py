"""The ledger and the queries."""

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


def query_view(number: int, one: QueryFacts) -> QueryView:
    """Return a query as it was run."""
    return QueryView(
        number=number,
        anchor=f"q{number}",
        query_id=Untrusted(one.query_id),
        title=Untrusted(one.title),
        sql=Untrusted(one.sql),
        parameters=[Untrusted(f"${name} = {json_text(v)}") for name, v in one.parameters.items()],
    )
