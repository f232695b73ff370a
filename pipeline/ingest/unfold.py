"""Files whose lines are not records: one record each before anything is peeled.

Exports are JSON documents: an array over many lines, pages put one after the other, OpenTelemetry's
nested batches, a service's answer with its events inside. journald's export format writes a field a
line, syslog over TCP puts records one after the other without a line end. Each of these becomes
rows of one record, as text that the envelopes know, with the physical lines that it took: a line
with several records counts for the first of them.

Whatever is not such a document stays the line that it is.
"""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import polars as pl

from pipeline.ingest.lines import Block

UNFOLDED = {
    "line": pl.String,
    "line_number": pl.Int64,
    "byte_offset": pl.Int64,
    "byte_length": pl.Int64,
    "line_count": pl.Int32,
}
# A document without an end within this many characters is text that begins like one.
MAX_DOCUMENT_CHARACTERS = 64 * 2**20
_SAMPLE_LINES = 200

_ARRAY = re.compile(r"\s*\[\s*(?:\{\s*[\"}]|\]\s*$)")
_OPENED = re.compile(
    r"\s*\{\s*(?:\"(?:[^\"\\]|\\.)*\"\s*:.*[\[{,]|\"(?:[^\"\\]|\\.)*\"\s*:.*\")?\s*$"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BETWEEN = re.compile(r"[\s,]*")
# Keys under which services answer with a list of events.
_CONTAINERS = (
    "resourceLogs", "events", "logEvents", "data", "tables", "hits", "results", "entries",
    "messageType",
)  # fmt: skip

_FIELD = r"^([A-Z_][A-Z0-9_]*)(?:=|$)"
# A length in eight bytes stands before a value with line ends. As text it is one or two characters
# and the zero bytes, which `lines` shows as U+2400, or none of it when the length begins a line.
_LENGTH = r"^[^\x{2400}]{0,2}\x{2400}{5,7}"

_SYSLOG_TIME = (
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[^ ]* "
    r"|[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} )"
)
_FRAME = rf"<[0-9]{{1,3}}>(?:1 )?{_SYSLOG_TIME}"
_COUNTED = rf"^[0-9]{{1,6}} <[0-9]{{1,3}}>1 (?:-|{_SYSLOG_TIME})"
_BREAK = "\x1e"


class Unfolder(Protocol):
    """Takes the lines of one source block by block; returns rows with the columns `UNFOLDED`."""

    def feed(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Take a block of lines and return the rows that are complete."""

    def finish(self) -> pl.DataFrame:
        """Return what the source's end left."""


def find_unfolder(lines: pl.DataFrame) -> Unfolder | None:
    """Tell from a source's first block whether its lines must be unfolded, and by what."""
    head = lines["line"].head(_SAMPLE_LINES)
    solid = head.filter(head.str.strip_chars() != "")
    if solid.is_empty():
        return None
    first = str(solid[0]).lstrip("\ufeff")
    if first.lstrip()[:1] in ("{", "["):
        text = "\n".join(solid.to_list())
        return Documents() if _is_document(first, text) else None
    if solid.str.contains(r"^__REALTIME_TIMESTAMP=[0-9]+$").any() and re.match(_FIELD, first):
        return Export()
    if re.match(_COUNTED, first):
        return Frames(is_counted=True)
    if re.match(_FRAME, first) and solid.str.count_matches(_FRAME).max() > 1:  # type: ignore[operator]
        return Frames(is_counted=False)
    return None


def unfold(
    blocks: Iterable[Block], on_found: Callable[[], object] = lambda: None
) -> Iterator[Block]:
    """Unfold the blocks of one source where it needs it; other blocks pass as they are.

    *on_found* is called before the first of the former.
    """
    unfolder: Unfolder | None = None
    for number, block in enumerate(blocks):
        if number == 0:
            unfolder = find_unfolder(block.head(_SAMPLE_LINES))
            if unfolder is not None:
                on_found()
        if unfolder is None:
            yield block
        elif (rows := unfolder.feed(block.lines)).height:
            yield Block(rows)
    if unfolder is not None and (rows := unfolder.finish()).height:
        yield Block(rows)


def part_records(lines: pl.DataFrame, peeled: pl.DataFrame) -> pl.DataFrame | None:
    """Part the lines on which a Docker record stands after the half of another; None without any.

    A disk that was full, or a crash, leaves such lines. *peeled* are the lines read as json-file:
    those that are no record are looked at.
    """
    broken = peeled["observed_timestamp"].is_null() & lines["line"].str.contains(_LATER_RECORD)
    if not broken.any():
        return None
    marked = lines["line"].str.replace(_LATER_RECORD, f"${{1}}{_BREAK}${{2}}")
    rows = _parts(lines, marked.zip_with(broken, lines["line"]))
    return rows.drop("is_start")


_LATER_RECORD = (
    r'^(.+)(\{"(?:log|stream)":"(?:[^"\\]|\\.)*",'
    r'(?:"stream":"[a-z]+",)?(?:"attrs":\{[^}]*\},)?"time":"[^"]*"\})$'
)


def _is_document(first: str, text: str) -> bool:
    if _ARRAY.match(text):
        return True
    try:
        value, end = _DECODER.raw_decode(first.lstrip())
    except (ValueError, RecursionError):
        return bool(_OPENED.match(first))
    rest = first.lstrip()[end:].lstrip()
    if rest[:1] in ("{", "["):
        return True
    return isinstance(value, dict) and records_of(value) != [value]


_DECODER = json.JSONDecoder()


class Documents:
    """JSON values that end where they end: over many lines, or many in one."""

    def __init__(self) -> None:
        self.text = ""
        self.lines = pl.DataFrame(schema={n: t for n, t in UNFOLDED.items() if n != "line_count"})
        self.in_array = False
        # Of the first line that is kept: what is taken of it, and whether it is counted.
        self.column_bytes = 0
        self.is_counted = False

    def feed(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Take a block of lines and return the records of the values that ended in it."""
        self.lines = pl.concat([self.lines, lines.select(self.lines.columns)])
        self.text += "".join(f"{line}\n" for line in lines["line"].to_list())
        return self._take(is_last=False)

    def finish(self) -> pl.DataFrame:
        """Return the rest: lines of a value that has no end."""
        return self._take(is_last=True)

    def _take(self, *, is_last: bool) -> pl.DataFrame:
        found: list[tuple[int, int, list[str]]] = []  # start, end, records
        at = 0
        while (at := self._skip(at)) < len(self.text):
            end, records = self._value(at)
            if records is None:
                if not is_last and len(self.text) - at < MAX_DOCUMENT_CHARACTERS:
                    break
                end, records = self._line(at)
            found.append((at, end, records))
            at = end
        return self._rows(found, at)

    def _skip(self, at: int) -> int:
        while True:
            match = _BETWEEN.match(self.text, at)
            at = match.end() if match else at
            if self.text.startswith("\ufeff", at):
                at += 1
            elif not self.in_array and _ARRAY.match(self.text, at):
                at, self.in_array = self.text.index("[", at) + 1, True
            elif self.in_array and self.text.startswith("]", at):
                at, self.in_array = at + 1, False
            else:
                return at

    def _value(self, at: int) -> tuple[int, list[str] | None]:
        """Decode the value that begins at *at*; None for its records while it has no end."""
        if self.text[at] not in "{[":
            return self._line(at)
        try:
            value, end = _DECODER.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            if error.pos >= len(self.text.rstrip()) or error.msg.startswith("Unterminated"):
                return at, None
            return self._line(at)
        except (ValueError, RecursionError):  # numbers of thousands of digits, endless nesting
            return self._line(at)
        records = records_of(value)
        if not all(isinstance(record, dict) for record in records):
            return self._line(at)
        if records == [value]:
            source = self.text[at:end]
            return end, [source if "\n" not in source else _dump(value)]
        return end, [_dump(record) for record in records]

    def _line(self, at: int) -> tuple[int, list[str]]:
        end = self.text.find("\n", at)
        end = len(self.text) if end < 0 else end
        return end, [self.text[at:end]]

    def _rows(self, found: list[tuple[int, int, list[str]]], taken: int) -> pl.DataFrame:
        """Give each record its place, and the lines up to its end that no earlier one has."""
        numbers, offsets = self.lines["line_number"].to_list(), self.lines["byte_offset"].to_list()
        ends = (self.lines["byte_offset"] + self.lines["byte_length"]).to_list()
        starts = [0, *(m.end() for m in re.finditer("\n", self.text))]
        passed = self.text.count("\n", 0, taken)  # lines that are taken as a whole

        def place(index: int, position: int) -> int:
            before = self.column_bytes if index == 0 else 0
            size = len(self.text[starts[index] : position].encode())
            # What could not be decoded is longer as text than it was.
            return min(int(offsets[index]) + before + size, int(ends[index]))

        rows: list[tuple[str, int, int, int, int]] = []
        index, counted = 0, int(self.is_counted)
        for start, end, records in found:
            index = bisect_right(starts, start) - 1
            last = bisect_left(starts, end) - 1
            begin, stop = place(index, start), place(last, end)
            for number, record in enumerate(records):
                lines = max(last + 1 - counted, 0)
                # One place for all of them, apart by the number of each: it keeps their order.
                at = min(begin + number, stop)
                rows.append((record, numbers[index], at, stop - at, lines))
                counted = max(counted, last + 1)
        if counted < passed:  # brackets and blank lines after the last record
            size = int(self.lines["byte_length"].slice(counted, passed - counted).sum())
            rows.append(("", numbers[counted], offsets[counted], size, passed - counted))
            counted = passed
        self._keep(taken, passed, starts, counted > passed)
        return pl.DataFrame(rows, schema=UNFOLDED, orient="row")

    def _keep(self, taken: int, passed: int, starts: list[int], is_counted: bool) -> None:
        before = self.column_bytes if passed == 0 else 0
        self.column_bytes = before + len(self.text[starts[passed] : taken].encode())
        self.text, self.lines = self.text[taken:], self.lines.slice(passed)
        self.is_counted = is_counted


def _dump(value: Any) -> str:  # noqa: ANN401
    return _SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False))


def records_of(value: Any) -> list[Any]:  # noqa: ANN401
    """Return the records inside a decoded document; the document itself when it is one.

    Known: OpenTelemetry's resourceLogs, CloudWatch's events and logEvents, rows of its queries and
    of Azure's, Loki's streams, Elasticsearch's hits, Datadog's data. A list is its parts.
    """
    if isinstance(value, list):
        return [record for part in value for record in records_of(part)]
    if not isinstance(value, dict) or not any(key in value for key in _CONTAINERS):
        return [value]
    if value.get("messageType") == "CONTROL_MESSAGE":
        return []
    for reader in (_otlp, _cloudwatch, _insights, _loki, _azure, _elastic, _datadog, _gcp):
        try:
            records = reader(value)
        except (AttributeError, LookupError, TypeError, ValueError):
            continue  # keys of the same name in something else
        if records is not None:
            return records
    return [value]


Records = list[dict[str, Any]] | None


def _cloudwatch(value: dict[str, Any]) -> Records:
    events = value.get("logEvents", value.get("events"))
    if not isinstance(events, list) or not all("message" in event for event in events):
        return None
    about: dict[str, Any] = {key: value[key] for key in ("logGroup", "logStream") if key in value}
    return [{**about, **event} for event in events]


def _insights(value: dict[str, Any]) -> Records:
    rows = value.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return None
    return [{cell["field"]: cell["value"] for cell in row} for row in rows]


def _loki(value: dict[str, Any]) -> Records:
    streams = value["data"]["result"]
    if value["data"].get("resultType", "streams") != "streams":
        return None
    return [
        {"labels": stream["stream"], "line": entry[1], "timestamp": entry[0]}
        for stream in streams
        for entry in stream["values"]
    ]


def _azure(value: dict[str, Any]) -> Records:
    tables = value.get("tables")
    if not isinstance(tables, list):
        return None
    return [
        dict(zip((column["name"] for column in table["columns"]), row, strict=False))
        for table in tables
        for row in table["rows"]
    ]


def _elastic(value: dict[str, Any]) -> Records:
    hits = value["hits"]["hits"]
    return hits if isinstance(hits, list) else None


def _datadog(value: dict[str, Any]) -> Records:
    data = value["data"]
    return data if isinstance(data, list) and all("attributes" in item for item in data) else None


def _gcp(value: dict[str, Any]) -> Records:
    entries = value["entries"]
    return entries if isinstance(entries, list) and all("logName" in e for e in entries) else None


def _otlp(value: dict[str, Any]) -> Records:
    if "resourceLogs" not in value:
        return None
    found: list[dict[str, Any]] = []
    for resource in value["resourceLogs"]:
        about = _attributes(resource.get("resource", {}).get("attributes"))
        scopes = resource.get("scopeLogs", resource.get("instrumentationLibraryLogs", []))
        for scope in scopes:
            name = scope.get("scope", scope.get("instrumentationLibrary", {})).get("name")
            for record in scope.get("logRecords", scope.get("logs", [])):
                found.append(_otlp_record(about, name, record))
    return found


def _otlp_record(
    about: dict[str, Any], scope: str | None, record: dict[str, Any]
) -> dict[str, Any]:
    time = str(record.get("timeUnixNano") or "0")
    observed = str(record.get("observedTimeUnixNano") or "0")
    own = {key: value for key, value in record.items() if key not in ("attributes", "body")}
    body = _any_value(record.get("body"))
    return {
        **about,
        **_attributes(record.get("attributes")),
        **own,
        "scope": scope,
        "body": body if isinstance(body, str) or body is None else _dump(body),
        "timeUnixNano": observed if time == "0" else time,
    }


def _attributes(pairs: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {pair["key"]: _any_value(pair.get("value")) for pair in pairs or []}


def _any_value(value: dict[str, Any] | None) -> Any:  # noqa: ANN401
    if not value:
        return None
    kind, content = next(iter(value.items()))
    if kind == "arrayValue":
        return [_any_value(item) for item in content.get("values", [])]
    if kind == "kvlistValue":
        return _attributes(content.get("values"))
    return content


class Export:
    """journald's export format: a field a line, entries parted by blank lines."""

    def __init__(self) -> None:
        self.held = pl.DataFrame()

    def feed(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Take a block of lines and return the entries that ended in it, as JSON."""
        lines = pl.concat([self.held, lines]) if self.held.height else lines
        starts = _entry_starts(lines["line"])
        rows = starts.arg_true()
        at = int(rows[-1]) if len(rows) else 0
        self.held = lines.slice(at)
        return _entries(lines.head(at), starts.head(at))

    def finish(self) -> pl.DataFrame:
        """Return the last entry."""
        lines, self.held = self.held, pl.DataFrame()
        if lines.is_empty():
            return pl.DataFrame(schema=UNFOLDED)
        return _entries(lines, _entry_starts(lines["line"]))


def _entry_starts(line: pl.Series) -> pl.Series:
    # A message may hold blank lines: an entry begins where one of the journal's own fields follows.
    after_blank = (line.shift(1) == "").fill_null(True)
    return after_blank & line.str.starts_with("__")


def _entries(lines: pl.DataFrame, starts: pl.Series) -> pl.DataFrame:
    if lines.is_empty():
        return pl.DataFrame(schema=UNFOLDED)
    frame = lines.with_columns(
        entry=starts.cum_sum(), name=pl.col("line").str.extract(_FIELD)
    ).with_columns(is_named=pl.col("name").is_not_null())
    places = frame.group_by("entry", maintain_order=True).agg(
        pl.col("line_number", "byte_offset").first(),
        pl.col("byte_length").sum(),
        line_count=pl.len().cast(pl.Int32),
    )
    values = (
        frame.with_columns(field=pl.col("is_named").cum_sum())
        .with_columns(pl.col("name").forward_fill().over("entry", "field"))
        .filter(pl.col("name").is_in(_EXPORTED))
        .with_columns(
            text=pl.when("is_named")
            .then(pl.col("line").str.extract(r"^[A-Z0-9_]+=((?s:.*))$"))
            .otherwise(pl.col("line").str.replace(_LENGTH, ""))
        )
        .filter(~(pl.col("text").is_null()))
        .group_by("entry", "field", "name", maintain_order=True)
        .agg(pl.col("text").str.join("\n"))
        # The blank line after an entry is no part of its last value.
        .with_columns(pl.col("text").str.strip_chars_start("\n").str.strip_suffix("\n"))
        .group_by("entry", "name", maintain_order=True)
        .agg(pl.col("text").first())
        .pivot("name", index="entry", values="text")
    )
    fields = [name for name in values.columns if name != "entry"]
    texts = values.select("entry", line=pl.struct(fields).struct.json_encode()) if fields else None
    if texts is None:
        texts = pl.DataFrame(schema={"entry": places.schema["entry"], "line": pl.String})
    return places.join(texts, on="entry", how="left", maintain_order="left").select(
        pl.col("line").fill_null(""), *(name for name in UNFOLDED if name != "line")
    )


_EXPORTED = [
    "__CURSOR", "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "MESSAGE", "PRIORITY",
    "SYSLOG_IDENTIFIER", "SYSLOG_PID", "_PID", "_SYSTEMD_UNIT", "CONTAINER_NAME", "CONTAINER_ID",
    "CONTAINER_ID_FULL", "CONTAINER_TAG", "CONTAINER_PARTIAL_MESSAGE", "CONTAINER_PARTIAL_LAST",
    "CODE_FILE", "CODE_LINE", "CODE_FUNC", "_TRANSPORT", "_HOSTNAME",
]  # fmt: skip


class Frames:
    """syslog records as TCP carries them: counted by octets, or one after the other in a line."""

    def __init__(self, *, is_counted: bool) -> None:
        self.held = pl.DataFrame()
        self.is_counted = is_counted

    def feed(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Take a block of lines and return the records that ended in it."""
        rows = _parts(lines, _counted_breaks(lines["line"]) if self.is_counted else _breaks(lines))
        rows = pl.concat([self.held, rows]) if self.held.height else rows
        starts = rows["is_start"].arg_true()
        at = int(starts[-1]) if len(starts) else 0
        self.held = rows.slice(at)
        return _joined(rows.head(at))

    def finish(self) -> pl.DataFrame:
        """Return the last record."""
        rows, self.held = self.held, pl.DataFrame()
        return _joined(rows) if rows.height else pl.DataFrame(schema=UNFOLDED)


def _breaks(lines: pl.DataFrame) -> pl.Series:
    """Put a mark before each record of a line."""
    return lines["line"].str.replace_all(_FRAME, f"{_BREAK}${{0}}")


def _counted_breaks(lines: pl.Series) -> pl.Series:
    """Put a mark before each record of a line, by the octets that the record before it announces.

    A record may hold line ends. Where a count leads elsewhere, the next header is looked for.
    """
    marked: list[str] = []
    missing = 0
    for line in lines.to_list():
        content, pieces, at = line.encode(), [], 0
        while at < len(content):
            if missing <= 0 and (header := _COUNT.match(content, at)):
                pieces.append(_BREAK.encode())
                missing = int(header[1]) + header.end(1) + 1 - at
            elif missing <= 0:
                later = _COUNT.search(content, at)
                missing = (later.start() if later else len(content)) - at
            end = min(at + missing, len(content))
            pieces.append(content[at:end])
            missing -= end - at
            at = end
        missing -= 1  # the line end
        marked.append(b"".join(pieces).decode("utf-8", "replace"))
    return pl.Series(marked, dtype=pl.String)


_COUNT = re.compile(rb"([0-9]{1,6}) <[0-9]{1,3}>1 ")


def _parts(lines: pl.DataFrame, marked: pl.Series) -> pl.DataFrame:
    """Part the lines at their marks; `is_start` says which parts begin a record."""
    parts = (
        lines.with_columns(part=marked.str.strip_prefix(_BREAK).str.split(_BREAK))
        .with_columns(has_mark=marked.str.starts_with(_BREAK))
        .explode("part", empty_as_null=True, keep_nulls=True)
        .with_columns(size=pl.col("part").str.len_bytes().cast(pl.Int64))
    )
    is_rest = (parts["line_number"] == parts["line_number"].shift(1)).fill_null(False)
    sizes = pl.col("size").cum_sum().over("line_number") - pl.col("size")
    before = pl.min_horizontal(sizes, "byte_length")
    return parts.with_columns(
        line=pl.col("part"),
        byte_offset=pl.col("byte_offset") + before,
        byte_length=pl.when(is_rest.shift(-1, fill_value=False))
        .then(pl.min_horizontal("size", pl.col("byte_length") - before))
        .otherwise(pl.col("byte_length") - before),
        line_count=pl.when(is_rest).then(0).otherwise(1).cast(pl.Int32),
        is_start=pl.col("has_mark") | is_rest,
    ).select(*UNFOLDED, "is_start")


def _joined(rows: pl.DataFrame) -> pl.DataFrame:
    """Join what has no header to the record before it: a record may hold line ends."""
    return (
        rows.group_by(pl.col("is_start").cum_sum().alias("record"), maintain_order=True)
        .agg(
            pl.col("line").str.join("\n"),
            pl.col("line_number", "byte_offset").first(),
            pl.col("byte_length", "line_count").sum(),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in UNFOLDED.items())
    )
