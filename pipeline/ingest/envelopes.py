"""Envelopes: what a platform put around what a program wrote, peeled off line by line.

Docker's json-file is decoded by code, since most logs are that; the others are data in
``pipeline/formats/_envelopes.toml``: a pattern whose groups name columns, or a JSON object whose
keys do. Which ones a stream has is found from its sample (`detect`); a line that the stream's own
envelope does not fit is offered to the self-evident ones, and else taken as it is: no line is lost.

To add an envelope, add a table there; no Python changes. A pattern has the groups time, body, tag
(P: the record goes on in the next line), pri (syslog's priority) and those of `PEELED`. A JSON
envelope lists, for the same columns, the keys to read in order; dots reach into objects. `whole_if`
names keys that make the object itself what the program wrote: then it is read as JSON, and only
who and when are taken from around it.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from pipeline.ingest import severity
from pipeline.ingest.decode import decode_objects, resolve
from pipeline.ingest.timestamps import parse_rfc3339, parse_times
from pipeline.schema import TIMESTAMP, Schema

JSON_FILE = "json_file"
MAX_LAYERS = 3
# Engines that stamp each chunk of a split record write chunks of 16 KiB within moments.
CHUNK_BYTES = 16_000
CHUNK_SECONDS = 1

# `envelope_severity` counts when the record itself has none. `envelope_format` is set where the
# envelope is a record format of its own (syslog, journald): what it says is a record, whatever the
# text is. `writer` tells apart who writes in turns under one name: a process id, a unit.
PEELED: Schema = {
    "payload": pl.String,
    "observed_timestamp": TIMESTAMP,
    "log_iostream": pl.String,
    "container_name": pl.String,
    "pod_name": pl.String,
    "is_partial": pl.Boolean,
    "envelope_service": pl.String,
    "envelope_scope": pl.String,
    "envelope_severity": pl.Int8,
    "envelope_format": pl.String,
    "writer": pl.String,
}
_NAMES = tuple(
    name for name in PEELED if name not in ("payload", "observed_timestamp", "is_partial")
)

ANSI = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]{0,2048}(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[PX^_][^\x1b]{0,2048}\x1b\\"
    r"|\x1b[ -/]*[0-Z\\^_`a-z{|}~]"
)

# Numbers of a syslog priority's severity, 0 (emergency) to 7 (debug): OpenTelemetry's appendix B.
_SYSLOG_SEVERITIES = {0: 21, 1: 19, 2: 18, 3: 17, 4: 13, 5: 10, 6: 9, 7: 5}
_IOSTREAM = r"(?i)(stdout|stderr)\W*$"
_BYTES = r"^\[(?:[0-9]{1,3}, ?)*[0-9]{1,3}\]$"
# A whole object with no key but `log`: a collector that kept nothing else.
_LOG_ONLY = r'^\{\s*"log"\s*:\s*"(?:[^"\\]|\\.)*"\s*\}\s*$'
# rsyslog writes control characters as # and three octal digits: a whole trace on one line.
_ESCAPED_LINES = r"#012(?:#011|\s|Caused by: |Traceback |[\w.$]+(?:Error|Exception))"
_FRAME = r"^ *(?:at |File \"|\.\.\. |[+|^~])"
_ESCAPES = {"#012": "\n", "#011": "\t", "#015": "", "#033": "\x1b"}


@dataclass(frozen=True, slots=True)
class Sample:
    """A line in an envelope, and the columns of `PEELED` that it must come to."""

    line: str
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """A wrapping: *regex* for one told by a pattern, *fields* for a JSON object.

    *minimum_share* of a sample's lines must fit; *check* names a further test of `detect`.
    *remarks* are patterns of what the tool writes between the lines. *is_record*: each is a record
    of its own. *severity_unless*: keys that make the severity a mere echo of stdout and stderr,
    which *iostreams* undoes;
    *severity_echo*: words that are one when they come from stderr. *severity_wins*: the level is
    the system's own, and counts before the text's. *also*: envelopes whose lines are found among
    these. A key of *require* may be a choice: `a|b`.
    """

    name: str
    title: str
    minimum_share: float
    samples: tuple[Sample, ...]
    regex: str | None = None
    remarks: tuple[str, ...] = ()
    check: str | None = None
    is_record: bool = False
    layouts: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    require_any: tuple[str, ...] = ()
    whole_if: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severities: Mapping[str, int] = field(default_factory=dict)
    severity_unless: tuple[str, ...] = ()
    severity_echo: tuple[str, ...] = ()
    severity_wins: bool = False
    iostreams: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()

    def decoded_keys(self) -> tuple[str, ...]:
        """Return the top-level keys that a JSON envelope reads, whole and up to their dot."""
        lists = (self.require, self.require_any, self.whole_if, self.severity_unless)
        listed = (key for keys in (*lists, *self.fields.values()) for key in keys)
        dotted = {key for choice in listed for key in choice.split("|")}
        return tuple(sorted(dotted | {re.split(r"[.\[]", key)[0] for key in dotted}))


@cache
def load_envelopes() -> tuple[Envelope, ...]:
    """Load the shipped envelopes in priority order."""
    text = (files("pipeline") / "formats" / "_envelopes.toml").read_text(encoding="utf-8")
    return tuple(_envelope(entry) for entry in tomllib.loads(text)["envelope"])


def _envelope(entry: dict[str, Any]) -> Envelope:
    samples = tuple(Sample(raw["line"], raw.get("expect", {})) for raw in entry.pop("sample"))
    columns = {name: tuple(keys) for name, keys in entry.pop("fields", {}).items()}
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Envelope(**plain, samples=samples, fields=columns)


@cache
def _named(name: str) -> Envelope:
    return next(found for found in load_envelopes() if found.name == name)


def strip_ansi(text: pl.Series) -> pl.Series:
    """Remove terminal control sequences; costs one search where there are none."""
    if not text.str.contains("\x1b", literal=True).any():
        return text
    return text.str.replace_all(ANSI, "")


def peel(lines: pl.Series, layers: tuple[str, ...], raw: bytes = b"") -> pl.DataFrame:
    """Peel *layers* off *lines*, outermost first; returns columns `PEELED`, one row a line.

    A value of an outer layer stands unless an inner one says it too. `is_partial`: the record goes
    on in the next line of the same stream. A line that no envelope fits is its own payload. A
    payload may hold several lines where the platform keeps records whole (`split_payloads`).
    """
    stripped = strip_ansi(lines)
    if layers and layers[0] == JSON_FILE and stripped is lines and raw:
        peeled = peel_json_file(lines, raw)
        if peeled["is_fit"].all():
            result, layers = peeled.select(*PEELED), layers[1:]
        else:
            result = _bare(stripped)
    else:
        result = _bare(stripped)
    for layer in layers:
        inner = _peel_one(result["payload"], layer)
        result = pl.DataFrame(
            {
                "payload": inner["payload"],
                "is_partial": inner["is_partial"] | result["is_partial"],
                **{
                    name: _first(inner[name], result[name])
                    for name in PEELED
                    if name not in ("payload", "is_partial")
                },
            }
        ).select(*PEELED)
    return result


def split_payloads(records: pl.DataFrame) -> pl.DataFrame:
    """Part records whose payload holds several lines into a row each, and add `is_rest`.

    The first row keeps the record's `line_count`; the others count no physical line, and go on with
    the record (`is_rest`): the platform said that it is one.
    """
    records = records.with_columns(is_rest=pl.lit(False))
    many = records["payload"].str.contains("\n", literal=True).fill_null(False)
    if not many.any():
        return records
    numbered = records.with_row_index("order").with_columns(
        payload=pl.col("payload").str.strip_suffix("\n").str.split("\n")
    )
    exploded = numbered.explode("payload", empty_as_null=True, keep_nulls=True)
    is_rest = exploded["order"] == exploded["order"].shift(1)
    return exploded.with_columns(
        payload=pl.col("payload").str.strip_suffix("\r"),
        is_rest=is_rest.fill_null(False),
        line_count=pl.when(is_rest.fill_null(False)).then(0).otherwise("line_count").cast(pl.Int32),
    ).select(records.columns)


def _first(inner: pl.Series, outer: pl.Series) -> pl.Series:
    return inner if not inner.null_count() else inner.zip_with(inner.is_not_null(), outer)


def _nulls(count: int, dtype: pl.DataType | type[pl.DataType] = pl.String) -> pl.Series:
    return pl.Series([None], dtype=dtype).new_from_index(0, count)


def _bare(payload: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"payload": payload}).select(
        pl.col("payload"),
        *(
            pl.lit(False if name == "is_partial" else None, dtype).alias(name)
            for name, dtype in PEELED.items()
            if name != "payload"
        ),
    )


def _peel_one(text: pl.Series, layer: str) -> pl.DataFrame:
    """Peel the stream's own *layer*, and the self-evident ones from lines that it does not fit."""
    pieces: list[pl.DataFrame] = []
    rest = pl.DataFrame({"text": text}).with_row_index("row")
    for name in _order(layer):
        if rest.is_empty():
            break
        peeled = peel_layer(rest["text"], name)
        if (fits := peeled["is_fit"]).all() and not pieces:
            return peeled.select(*PEELED)
        pieces.append(peeled.with_columns(rest["row"]).filter(fits))
        rest = rest.filter(~fits)
    pieces.append(_bare(rest["text"]).with_columns(rest["row"]))
    columns = [*PEELED, "row"]
    return pl.concat([piece.select(columns) for piece in pieces]).sort("row").select(*PEELED)


@cache
def _order(layer: str) -> tuple[str, ...]:
    evident = (JSON_FILE, "cri")
    if layer in evident:
        return (layer, *(name for name in evident if name != layer))
    # What looks like an envelope inside a prefix may be what the program wrote: a layer of its own.
    return (layer, *_named(layer).also)


def peel_layer(text: pl.Series, name: str) -> pl.DataFrame:
    """Peel the envelope *name* off *text*: columns `PEELED`, and `is_fit` (false: no such line)."""
    if name == JSON_FILE:
        return peel_json_file(text)
    envelope = _named(name)
    return _peel_regex(text, envelope) if envelope.regex else _peel_json(text, envelope)


def peel_json_file(text: pl.Series, raw: bytes = b"") -> pl.DataFrame:
    """Peel Docker's json-file; `is_fit` is false for rows that are no such record.

    `log` may be missing (Docker leaves it out when empty), a collector's copy may have `file`
    instead of time and stream, or nothing but `log`. A record without a final newline is partial:
    Docker splits at 16 KiB. `attrs` are what --log-opt labels, env and tag put there.
    """
    fields = decode_objects(text, ("log", "stream", "time", "file", "attrs"), raw)
    is_docker = fields["time"].is_not_null() & fields["stream"].is_in(["stdout", "stderr"])
    is_copy = fields["log"].is_not_null() & fields["time"].is_null()
    if is_copy.any():
        is_copy &= fields["file"].is_not_null() | text.str.contains(_LOG_ONLY)
    log = fields["log"].fill_null("\n")
    ended = log.str.ends_with("\n")
    # Copies whose records never end in a newline are not split, but stripped of it.
    is_split = is_docker | (is_copy & ended.filter(is_copy.fill_null(False)).any())
    payload = strip_ansi(log.str.strip_suffix("\n"))
    if payload.str.contains("\r", literal=True).any():
        payload = payload.str.strip_suffix("\r")
    if payload.str.contains("\x00", literal=True).any():
        payload = payload.str.replace_all("\x00", "\u2400", literal=True)
    frame = _bare(payload).with_columns(
        observed_timestamp=parse_rfc3339(fields["time"]),
        log_iostream=fields["stream"],
        is_partial=~ended & is_split.fill_null(False),
        is_fit=(is_docker | is_copy).fill_null(False),
    )
    if fields["attrs"].null_count() < len(text):
        frame = frame.with_columns(
            resolve(fields, keys).alias(name) for name, keys in _ATTRIBUTES.items()
        )
    return frame


_ATTRIBUTES = {
    "envelope_service": (
        "attrs['com.docker.compose.service']",
        "attrs['com.docker.swarm.service.name']",
    ),
    "container_name": ("attrs['io.kubernetes.container.name']",),
    "pod_name": ("attrs['io.kubernetes.pod.name']",),
}


def _peel_regex(text: pl.Series, envelope: Envelope) -> pl.DataFrame:
    assert envelope.regex is not None
    groups = text.str.extract_groups(envelope.regex).struct.unnest()
    fits = text.str.contains(envelope.regex).fill_null(False)
    columns = {name: groups[name] for name in groups.columns if name in PEELED}
    payload = groups["body"].fill_null("")
    if envelope.is_record:
        payload = _record_text(payload)
    frame = _bare(payload).with_columns(
        is_partial=(
            groups["tag"].str.starts_with("P").fill_null(False)
            if "tag" in groups.columns
            else pl.lit(False)
        ),
        **columns,
    )
    if envelope.check == "runtime_clock":
        frame = frame.with_columns(payload=_without_inner_times(payload))
    if "time" in groups.columns:
        frame = frame.with_columns(observed_timestamp=_times(groups["time"], envelope))
    if "pri" in groups.columns:
        level = groups["pri"].cast(pl.Int32, strict=False) % 8
        numbers = level.replace_strict(_SYSLOG_SEVERITIES, default=None, return_dtype=pl.Int8)
        frame = frame.with_columns(envelope_severity=numbers)
    if envelope.is_record:
        frame = frame.with_columns(envelope_format=pl.lit(envelope.name))
    for remark in envelope.remarks:
        frame, fits = _with_remarks(text, frame, fits, remark, envelope.name)
    return frame.with_columns(is_fit=fits)


def _without_inner_times(payload: pl.Series) -> pl.Series:
    """Cut out the times that Docker and older kubectl write into long lines, after each 16 KiB."""
    long = (payload.str.len_bytes() > CHUNK_BYTES).fill_null(False)
    if not long.any():
        return payload
    rows = long.arg_true()
    return payload.scatter(rows, [_joined_chunks(text) for text in payload.gather(rows).to_list()])


def _joined_chunks(text: str) -> str:
    content, parts, at = text.encode(), [], 0
    while found := _INNER_TIME.search(content, at + _FULL_CHUNK - _NEAR, at + _FULL_CHUNK + _NEAR):
        parts.append(content[at : found.start()])
        at = found.end()
    return b"".join([*parts, content[at:]]).decode("utf-8", "replace")


_FULL_CHUNK = 16 * 1024
# A character is not cut in two, and the time itself is in the stretch that is searched.
_NEAR = 64
_INNER_TIME = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}(?:Z|[+-][0-9]{2}:[0-9]{2}) "
)


def _record_text(payload: pl.Series) -> pl.Series:
    """Undo what syslog does to texts: escaped line ends of traces, blanks after the tag."""
    if payload.str.contains("#01", literal=True).any():
        escaped = payload.str.contains(_ESCAPED_LINES)
        payload = payload.str.replace_many(_ESCAPES).zip_with(escaped, payload)
    padded = payload.str.contains(r"^ {1,3}[^ ]") & ~payload.str.contains(_FRAME)
    return payload.str.strip_chars_start(" ").zip_with(padded, payload)


def _with_remarks(
    text: pl.Series, frame: pl.DataFrame, fits: pl.Series, remark: str, name: str
) -> tuple[pl.DataFrame, pl.Series]:
    """Take what a tool says of a container, such as its exit, as a record of that container."""
    if fits.all():
        return frame, fits
    said = text.str.contains(remark) & ~fits
    if not said.any():
        return frame, fits
    groups = text.str.extract_groups(remark).struct.unnest()
    columns = {column: groups[column] for column in groups.columns if column in PEELED}
    own = pl.Series([name], dtype=pl.String).new_from_index(0, len(text))
    frame = frame.with_columns(
        payload=text.zip_with(said, frame["payload"]),
        envelope_format=own.zip_with(said, frame["envelope_format"]),
        **{column: values.zip_with(said, frame[column]) for column, values in columns.items()},
    )
    return frame, fits | said


def _times(text: pl.Series, envelope: Envelope) -> pl.Series:
    if not envelope.layouts:
        return parse_rfc3339(text)
    return parse_times(text, envelope.layouts)["timestamp"]


def json_fits(objects: pl.DataFrame, envelope: Envelope) -> pl.Series:
    """Tell which of the decoded *objects* are wrapped in *envelope*."""
    fits = objects["is_object"]
    for key in envelope.require:
        fits &= resolve(objects, tuple(key.split("|"))).is_not_null()
    if envelope.require_any:
        fits &= resolve(objects, envelope.require_any).is_not_null()
    return fits


def _peel_json(text: pl.Series, envelope: Envelope) -> pl.DataFrame:
    objects = decode_objects(text, envelope.decoded_keys())
    fits = json_fits(objects, envelope)
    columns = {name: resolve(objects, keys) for name, keys in envelope.fields.items()}
    payload = columns.pop("payload", _nulls(len(text)))
    if payload.str.contains(_BYTES).any():
        payload = _from_bytes(payload)
    is_whole = payload.is_null()
    for key in envelope.whole_if:
        value = resolve(objects, (key,))
        is_whole |= (value.is_not_null() & ~value.is_in(["", "0", "{}", "[]"])).fill_null(False)
    ends = payload.str.ends_with("\n")
    payload = strip_ansi(text.zip_with(is_whole, payload.str.strip_suffix("\n")))
    if payload.str.contains("\x00", literal=True).any():
        payload = payload.str.replace_all("\x00", "\u2400", literal=True)
    stream = columns.get("log_iostream", _nulls(len(text))).str.extract(_IOSTREAM)
    columns["log_iostream"] = stream = stream.str.to_lowercase()
    words = columns.pop("severity", _nulls(len(text)))
    level = _json_severity(words, objects, envelope, stream)
    if envelope.iostreams:
        echoed = words.replace_strict(
            dict(envelope.iostreams), default=None, return_dtype=pl.String
        ).set(resolve(objects, envelope.severity_unless).is_null(), None)
        columns["log_iostream"] = stream.zip_with(stream.is_not_null(), echoed)
    tag, last = columns.pop("tag", None), columns.pop("last", None)
    goes_on = tag.is_in(["P", "true", "1"]).fill_null(False) if tag is not None else ends & False
    if last is not None:
        goes_on &= ~last.is_in(["true", "1"]).fill_null(False)
    time = columns.pop("time", None)
    return _bare(payload).with_columns(
        is_partial=goes_on & ~is_whole,
        is_fit=fits,
        observed_timestamp=(
            parse_times(time, envelope.layouts or ("iso", "epoch"))["timestamp"]
            if time is not None
            else _nulls(len(text), TIMESTAMP)
        ),
        envelope_severity=level,
        envelope_format=pl.lit(envelope.name if envelope.is_record else None, pl.String),
        **columns,
    )


def _json_severity(
    words: pl.Series, objects: pl.DataFrame, envelope: Envelope, stream: pl.Series
) -> pl.Series:
    numbers = severity.numbers(words, dict(envelope.severities))
    known = (numbers > 0).fill_null(False)
    for key in envelope.severity_unless:
        known &= resolve(objects, (key,)).is_null()
    if envelope.severity_echo:
        known &= ~(words.is_in(envelope.severity_echo) & (stream == "stderr")).fill_null(False)
    return numbers.cast(pl.Int8).set(~known, None)


def _from_bytes(payload: pl.Series) -> pl.Series:
    """Read texts that are written as lists of bytes, as journald does when they hold newlines."""
    rows = payload.str.contains(_BYTES).fill_null(False).arg_true()
    numbers = (found.strip("[]").split(",") for found in payload.gather(rows).to_list())
    texts = [bytes(int(n) & 0xFF for n in found).decode("utf-8", "replace") for found in numbers]
    return payload.scatter(rows, texts)


def join_partials(records: pl.DataFrame, is_head: pl.Series) -> pl.DataFrame:
    """Re-join records that the runtime split, within each stream key, without a separator.

    *records* are sorted by `key`, then order; *is_head* tells which rows begin like a record of
    their own. A json-file chunk is followed by its rest when the times are equal, or when it has 16
    KiB and the next comes within a second and does not begin a record; else it is a dangling end
    and stays alone. The joined record keeps the first's place and time and counts all lines.
    """
    if not records["is_partial"].any():
        return records
    goes_on = (
        pl.when(pl.col("has_tag") | pl.col("observed_timestamp").is_null())
        .then(pl.col("is_partial"))
        .otherwise(
            pl.col("is_partial")
            & (
                (pl.col("observed_timestamp") == pl.col("observed_timestamp").shift(-1))
                | (
                    (pl.col("chunk_bytes") >= CHUNK_BYTES)
                    & (
                        pl.col("observed_timestamp").shift(-1) - pl.col("observed_timestamp")
                        <= pl.duration(seconds=CHUNK_SECONDS)
                    )
                    & ~is_head.shift(-1)
                )
            )
        )
    )
    same_key = pl.col("key") == pl.col("key").shift(1)
    starts = records.select(~(goes_on.shift(1) & same_key).fill_null(False)).to_series()
    merged = _merge(records, starts, "")
    return merged.with_columns(
        partial_joined_count=(merged["partial_joined_count"] + merged["merged"] - 1).cast(
            records["partial_joined_count"].dtype
        )
    ).select(records.columns)


def join_headers(
    records: pl.DataFrame, headers: tuple[tuple[str, str], ...], key: str = "key"
) -> pl.DataFrame:
    """Make one record of a header that is written on two lines, with a line feed between them.

    *headers* are what the first and the second line fit. Only lines that follow each other in one
    stream *key* are joined; the record keeps the first's place and time and counts both lines.
    """
    text = records["payload"]
    joins = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(text))
    for first, second in headers:
        begins = text.str.contains(first)
        if begins.any():
            joins |= (begins.shift(1) & text.str.contains(second)).fill_null(False)
    if not joins.any():
        return records
    same = records[key].eq_missing(records[key].shift(1))
    return _merge(records, ~(joins & same), "\n").select(records.columns)


_SUMMED = ("line_count", "partial_joined_count")
_LAST = ("byte_end", "is_partial", "chunk_bytes")


def _merge(records: pl.DataFrame, starts: pl.Series, separator: str) -> pl.DataFrame:
    """Merge each row of *starts* with those below it that are none; `merged` counts them."""
    if starts.all():
        return records.with_columns(merged=pl.lit(1, pl.UInt32))
    return (
        records.with_columns(group=starts.cum_sum())
        .group_by("group", maintain_order=True)
        .agg(
            pl.col("payload").str.join(separator),
            *(pl.col(name).sum() for name in _SUMMED if name in records.columns),
            *(pl.col(name).last() for name in _LAST if name in records.columns),
            *(
                pl.col(name).first()
                for name in records.columns
                if name not in ("payload", *_SUMMED, *_LAST)
            ),
            merged=pl.len(),
        )
        .with_columns(
            pl.col(name).cast(records[name].dtype) for name in _SUMMED if name in records.columns
        )
    )
