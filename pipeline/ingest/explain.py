"""How one line is read, and why: what `analyze formats explain FILE:LINE` tells.

The file is read by the same reader as in a run, up to the block that holds the line; what the
reader decided is then looked up, not decided again.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from pipeline.errors import UsageError
from pipeline.facts import Captured, Layer, LineReading
from pipeline.ingest import assembly, parse
from pipeline.ingest.detect import Profile
from pipeline.ingest.envelopes import PEELED, peel
from pipeline.ingest.formats import Format
from pipeline.ingest.heads import Heads, match
from pipeline.ingest.lines import Reading, read_lines
from pipeline.ingest.parse import UNPARSED
from pipeline.ingest.reader import Batch, Options, Reader
from pipeline.ingest.sources import Source, Stream
from pipeline.ingest.survey import with_sources_of_facts
from pipeline.ingest.timestamps import parse_times
from pipeline.schema import WARN_SEVERITY

_MAX_EVENT_LINES_SHOWN = 1000
_ROLES = {
    assembly.HEAD: "begins an event: a format takes it",
    assembly.TRACE: "the beginning of a traceback",
    assembly.LINK: "joins two exceptions",
    assembly.INDENTED: "goes on from the line before",
    assembly.OTHER: "text at the line's beginning that no format takes",
    assembly.BLANK: "blank",
}


class _Witness(Reader):
    """A reader that keeps the decisions on the block that holds the line looked for."""

    def __init__(self, stream: Stream, options: Options, line_number: int) -> None:
        super().__init__(stream, options)
        self.line_number = line_number
        self.records: pl.DataFrame | None = None

    def _finish(self, done: pl.DataFrame, heads: Heads, profile: Profile) -> Batch:
        last = pl.col("line_number") + pl.col("line_count") - 1
        if not done.filter(
            (pl.col("line_number") <= self.line_number) & (last >= self.line_number)
        )["line_number"].is_empty():
            self.records = done
        return super()._finish(done, heads, profile)


def explain_line(stream: Stream, line_number: int, options: Options) -> LineReading:
    """Return how line *line_number* (from 1) of the only source of *stream* is read.

    Raises `UsageError` when the file has no such line or cannot be read.
    """
    source = stream.sources[0]
    text, offset, length = _physical_line(source, line_number)
    witness = _Witness(stream, replace(options, keep_all=True), line_number)
    events = pl.DataFrame()
    for batch in witness.batches():
        if witness.records is not None:
            events = batch.events
            break
    assert witness.profile is not None
    layers, payload = _layers(text, witness.profile.layers)
    bare = LineReading(
        log_file_path=source.path,
        line_number=line_number,
        text=text,
        byte_offset=offset,
        byte_length=length,
        encoding=source.encoding,
        compression=source.compression,
        layers=layers,
        payload=payload,
        role=_ROLES[assembly.BLANK],
    )
    if witness.records is None:
        return bare
    return _with_event(bare, witness, events, options)


def _physical_line(source: Source, number: int) -> tuple[str, int, int]:
    if source.error:
        raise UsageError(f"{source.path}: {source.error}")
    reading = Reading()
    for lines in read_lines(source, reading):
        if reading.line_count >= number:
            row = lines.row(number - int(lines["line_number"][0]), named=True)
            return row["line"], row["byte_offset"], row["byte_length"]
    raise UsageError(
        f"{source.path} has {reading.line_count:,} lines, and no line {number:,}",
        hint="lines are counted from 1",
    )


def _layers(text: str, names: tuple[str, ...]) -> tuple[list[Layer], str]:
    """Peel the envelopes off one by one; return what each gave, and what is left."""
    layers = []
    for name in names:
        peeled = peel(pl.Series([text]), (name,)).row(0, named=True)
        values = {
            column: _shown(peeled[column])
            for column in PEELED
            if column != "payload" and peeled.get(column) not in (None, False)
        }
        if not values and peeled["payload"] == text:
            continue  # this line is not wrapped as the others are
        layers.append(Layer(name, values))
        text = peeled["payload"]
    # What the innermost program wrote, without colours.
    return layers, peel(pl.Series([text]), ()).row(0, named=True)["payload"]


def _shown(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _with_event(
    bare: LineReading, witness: _Witness, events: pl.DataFrame, options: Options
) -> LineReading:
    """Add what the reader decided on the line and on the event that it belongs to."""
    assert witness.records is not None
    records = witness.records
    last = pl.col("line_number") + pl.col("line_count") - 1
    number = bare.line_number
    own = records.filter((pl.col("line_number") <= number) & (last >= number))
    record = own.sort("line_number").row(-1, named=True)
    role = _ROLES.get(record["category"], "a line")
    if record["is_start"] and record["category"] == assembly.OTHER:
        role = "an event of its own: no format takes it"
    if record["line_number"] != number:
        role = "the rest of a record that the runtime split"
    if record["event"] is None:
        return replace(bare, role=role)
    members = records.filter(pl.col("event") == record["event"]).sort("line_number")
    lines = [
        at
        for first, count in members.select("line_number", "line_count").iter_rows()
        for at in range(first, first + count)
    ][:_MAX_EVENT_LINES_SHOWN]
    head = members.filter("is_start").row(0, named=True)
    event = (
        with_sources_of_facts(events, witness, options.formats)
        # Of a file that runs backwards, an event is where its lines begin in the file.
        .filter(pl.col("line_number") == (min(lines) if lines else head["line_number"]))
        .row(0, named=True)
    )
    if not record["is_start"] and record["line_number"] == number:
        role = f"{role}; part of the event of line {head['line_number']:,}"
    format_ = next((one for one in options.formats if one.name == event["format_name"]), None)
    return _filled(replace(bare, role=role, event_lines=lines), head["payload"], event, format_)


def _filled(
    bare: LineReading, payload: str, event: Mapping[str, Any], format_: Format | None
) -> LineReading:
    captured, pattern = _captured(payload, format_) if format_ else ([], None)
    is_kept, why = _kept(event)
    written = next((one.text for one in captured if one.column == "timestamp"), None)
    shown = {
        name: value
        for name, value in event.items()
        if value not in (None, [], "") and name not in _TOLD_ELSEWHERE
    }
    return replace(
        bare,
        format_name=event["format_name"] if event["format_name"] != UNPARSED else None,
        format_kind=format_.kind if format_ else None,
        pattern_number=pattern + 1 if pattern is not None else None,
        pattern=format_.patterns[pattern] if format_ and pattern is not None else None,
        captured=captured,
        time_written=written,
        time_source=_time_source(event, written, format_),
        timestamp=event["timestamp"],
        observed_timestamp=event["observed_timestamp"],
        inferences=list(event["time_flags"] or ()),
        severity_text=event["severity_text"],
        severity_number=event["severity_number"],
        severity_source=event["severity_source"],
        service_name=event["service_name"],
        service_source=event["service_source"],
        is_kept=is_kept,
        why_kept=why,
        event=shown,
    )


_TOLD_ELSEWHERE = frozenset(
    ("timestamp", "observed_timestamp", "time_source", "time_flags", "severity_text",
     "severity_number", "severity_source", "is_severity_inferred", "service_name",
     "service_source", "format_name", "log_file_path")
)  # fmt: skip


def _captured(payload: str, format_: Format) -> tuple[list[Captured], int | None]:
    """Cut the line with the format that took it; return each value and where it stood."""
    line = pl.Series([payload])
    heads = match(line, (format_,))
    index = heads.pattern_index[0]
    if index is None:
        return [], None
    if format_.kind == "regex":
        groups = line.str.extract_groups(format_.patterns[index]).struct.unnest().row(0, named=True)
        found = [
            Captured(name, text, f"group {name}")
            for name, text in groups.items()
            if text is not None
        ]
        return found, int(index)
    records = pl.DataFrame(
        {
            "row": pl.Series([0], dtype=pl.UInt32),
            "payload": line,
            "format_index": heads.format_index,
            "pattern_index": heads.pattern_index,
        }
    )
    found = []
    for _, _, _, cells in parse.by_format(records, heads.objects, (format_,)):
        for column, values in cells.items():
            if values[0] is not None:
                key = _key_of(column, records, heads, format_, values[0])
                found.append(Captured(column, values[0], f"key {key}"))
    return found, None


def _key_of(column: str, records: pl.DataFrame, heads: Heads, format_: Format, text: str) -> str:
    """Return the first key of *column* that gives *text* by itself."""
    for key in format_.fields[column]:
        single = replace(format_, fields={column: (key,)})
        for _, _, _, cells in parse.by_format(records, heads.objects, (single,)):
            if cells[column][0] == text:
                return key
    return ", ".join(format_.fields[column])


def _time_source(event: Mapping[str, Any], written: str | None, format_: Format | None) -> str:
    if event["time_source"] != "payload":
        return _OTHER_CLOCKS.get(event["time_source"], str(event["time_source"]))
    layout = None
    if written is not None and format_ is not None:
        layout = next(
            (
                name
                for name in format_.layouts
                if not parse_times(pl.Series([written]), (name,))["timestamp"].null_count()
            ),
            None,
        )
    return f"the line itself, layout {layout}" if layout else "the line itself"


_OTHER_CLOCKS = {
    "envelope": "the envelope's clock",
    "interpolated": "the event before it in the same stream",
    "none": "none: the line and its envelope carry no time",
}


def _kept(event: Mapping[str, Any]) -> tuple[bool, str]:
    """Tell whether a run keeps the event by default, and why."""
    if event["severity_number"] >= WARN_SEVERITY:
        return True, "severity WARN or worse"
    if event["severity_number"] == 0:
        return True, "unknown severity"
    if (event["http_response_status_code"] or 0) >= 500:
        return True, "a failed request"
    if event["exception_stacktrace"] or event["exception_type"]:
        return True, "an exception"
    return False, "only counted: neither a warning nor an error, and no failed request"
