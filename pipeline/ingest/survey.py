"""How the sources of a stream were understood: what `analyze doctor` tells.

The stream is read to its end by the same reader as in a run, with every event kept for the moment
of counting, so what is told is what a run does. Nothing but counts is held.
"""

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from pipeline.facts import Count, FormatShare, Inference, Problem, ServiceName, Shape, SourceReading
from pipeline.ingest.formats import Format
from pipeline.ingest.identity import identify
from pipeline.ingest.parse import UNPARSED
from pipeline.ingest.reader import Options, Reader
from pipeline.ingest.sources import Source, Stream

MAX_SHAPES = 5
# Shapes that are counted at once; the commonest ones come early and often, so they survive.
_MAX_COUNTED_SHAPES = 500
_SHAPE_CHARACTERS = 60
_LOW_CONFIDENCE = 0.5
_NOTED_SHARE = 0.02
# In words, for a reader: OpenTelemetry's ranges.
SEVERITY_WORDS = ("unknown", "trace", "debug", "info", "warn", "error", "fatal")


@dataclass(slots=True)
class _Counts:
    formats: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    time_sources: Counter[str] = field(default_factory=Counter)
    severities: Counter[str] = field(default_factory=Counter)
    severity_sources: Counter[str] = field(default_factory=Counter)
    services: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown_words: Counter[str] = field(default_factory=Counter)
    shapes: dict[str, tuple[int, int, str]] = field(default_factory=dict)


def survey_stream(stream: Stream, options: Options) -> list[SourceReading]:
    """Read *stream* and return how each of its sources was understood, oldest first."""
    reader = Reader(stream, replace(options, keep_all=True))
    counts = {source.path: _Counts() for source in stream.sources}
    for batch in reader.batches():
        told = with_sources_of_facts(batch.events, reader, options.formats)
        for (path,), events in told.group_by("log_file_path", maintain_order=True):
            _add(counts[str(path)], events)
    layers = list(reader.profile.layers) if reader.profile else []
    return [
        _reading(source, row, counts[source.path], layers)
        for source, row in zip(stream.sources, reader.ledger_rows(), strict=True)
    ]


def with_sources_of_facts(
    events: pl.DataFrame, reader: Reader, formats: tuple[Format, ...]
) -> pl.DataFrame:
    """Add to *events* (columns `EVENTS`) where level and service came from: `severity_source` and
    `service_source`.
    """
    kinds = {one.name: one.kind for one in formats}
    defaults = {one.name: one.default_severity for one in formats}
    kind = pl.col("format_name").replace_strict(kinds, default=None, return_dtype=pl.String)
    default = pl.col("format_name").replace_strict(defaults, default=None, return_dtype=pl.Int8)
    number = pl.col("severity_number")
    source = (
        pl.when(pl.col("http_response_status_code").is_not_null())
        .then(pl.lit("HTTP status"))
        .when(~pl.col("is_severity_inferred") & (number > 0))
        .then(pl.when(kind == "regex").then(pl.lit("header")).otherwise(pl.lit("field")))
        .when(~pl.col("is_severity_inferred"))
        .then(pl.lit("a word that is no known level"))
        .when(number == 0)
        .then(pl.lit("none"))
        .when(pl.col("severity_text").is_not_null())
        .then(pl.lit("keyword"))
        .when(default.is_not_null() & (number == default))
        .then(pl.lit("the format's default"))
        .otherwise(pl.lit("exception"))
    )
    own = identify(reader.stream.name)
    given = [name for _, name in reader.options.services]
    envelopes = bool(reader.profile and reader.profile.layers)
    has_place = pl.col("container_name").is_not_null() | (kind == "regex") | kind.is_null()
    whence = (
        pl.when(pl.col("service_name").is_in(given))
        .then(pl.lit("--service"))
        .when(pl.col("service_name") == own.service_name)
        .then(pl.lit("the file's place or name"))
        .when(has_place & envelopes)
        .then(pl.lit("the envelope"))
        .otherwise(pl.lit("a field"))
    )
    return events.with_columns(severity_source=source, service_source=whence)


def _add(counts: _Counts, events: pl.DataFrame) -> None:
    _add_formats(counts.formats, events)
    counts.time_sources.update(_tally(events["time_source"]))
    words = ((events["severity_number"].cast(pl.Int64) + 3) // 4).replace_strict(
        dict(enumerate(SEVERITY_WORDS)), default=SEVERITY_WORDS[0], return_dtype=pl.String
    )
    counts.severities.update(_tally(words))
    counts.severity_sources.update(_tally(events["severity_source"]))
    pairs = events.group_by("service_name", "service_source").len()
    counts.services.update({(name, source): size for name, source, size in pairs.rows()})
    odd = events.filter(~pl.col("is_severity_inferred") & (pl.col("severity_number") == 0))
    counts.unknown_words.update(_tally(odd["severity_text"].drop_nulls().str.head(40)))
    _add_shapes(counts.shapes, events.filter(pl.col("format_name") == UNPARSED))


def _add_formats(formats: dict[str, tuple[int, int, int]], events: pl.DataFrame) -> None:
    found = events.group_by("format_name").agg(
        pl.len(), pl.col("line_count").sum(), pl.col("line_number").min()
    )
    for name, size, lines, first in found.rows():
        before, lines_before, at = formats.get(name, (0, 0, first))
        formats[name] = (before + size, lines_before + lines, min(at, first))


def _tally(values: pl.Series) -> dict[str, int]:
    return dict(values.value_counts().rows()) if len(values) else {}


def _add_shapes(shapes: dict[str, tuple[int, int, str]], unparsed: pl.DataFrame) -> None:
    if unparsed.is_empty():
        return
    first_line = pl.col("body").str.extract(r"^([^\n]*)")
    found = (
        unparsed.select("line_number", body=first_line.fill_null(""))
        .with_columns(shape=shape_of(pl.col("body")))
        .group_by("shape")
        .agg(
            pl.len(),
            pl.col("line_number").min(),
            pl.col("body").sort_by("line_number").first().str.head(200),
        )
    )
    for shape, size, line, body in found.sort(
        "len", "line_number", descending=[True, False]
    ).rows():
        if shape in shapes:
            count, first, example = shapes[shape]
            shapes[shape] = (count + size, first, example)
        elif len(shapes) < _MAX_COUNTED_SHAPES:
            shapes[shape] = (size, line, body)


def shape_of(text: pl.Expr) -> pl.Expr:
    """Fold what varies in the beginning of *text*: runs of digits to ``0``, of letters to ``a``."""
    return (
        text.str.head(_SHAPE_CHARACTERS)
        .str.replace_all(r"[0-9]+", "0")
        .str.replace_all(r"[\p{L}_]+", "a")
        .str.replace_all(r"(?:a a)(?: a)*", "a a")
    )


def _reading(
    source: Source, row: Mapping[str, Any], counts: _Counts, layers: list[str]
) -> SourceReading:
    total = int(row["event_count"])
    reading = SourceReading(
        log_file_path=source.path,
        compression=source.compression,
        encoding=row["encoding"],
        envelopes=layers if row["line_count"] else [],
        formats=_formats(counts.formats, total),
        confidence=1 - row["unparsed_event_count"] / total if total else None,
        byte_count=row["byte_count"],
        line_count=row["line_count"],
        event_count=total,
        blank_line_count=row["blank_line_count"],
        unparsed_event_count=row["unparsed_event_count"],
        undecodable_byte_count=row["undecodable_byte_count"],
        partial_joined_count=row["partial_joined_count"],
        first_timestamp=row["first_timestamp"],
        last_timestamp=row["last_timestamp"],
        time_zone=_zone(counts, row),
        time_sources=_shares(counts.time_sources, total),
        inferences=[
            Inference(note["kind"], note["event_count"], note["event_count"] / total, note["text"])
            for note in row["time_notes"] or ()
        ],
        is_reversed=row["is_reversed"],
        notes=list(row["notes"] or ()),
        severities=_shares(counts.severities, total),
        severity_sources=_shares(counts.severity_sources, total),
        services=[
            ServiceName(name, size, where)
            for (name, where), size in sorted(
                counts.services.items(), key=lambda item: (-item[1], item[0])
            )
        ],
        unparsed_shapes=_shapes(counts.shapes),
        problems=[],
        error=row["error"],
    )
    return replace(reading, problems=list(_problems(reading, counts.unknown_words)))


def _shares(counts: Counter[str], total: int) -> list[Count]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Count(name, size, size / total if total else 0.0) for name, size in ordered]


def _formats(formats: Mapping[str, tuple[int, int, int]], total: int) -> list[FormatShare]:
    ordered = sorted(formats.items(), key=lambda item: (-item[1][0], item[0]))
    return [
        FormatShare(name, size, lines, size / total, first)
        for name, (size, lines, first) in ordered
    ]


def _shapes(shapes: Mapping[str, tuple[int, int, str]]) -> list[Shape]:
    ordered = sorted(shapes.items(), key=lambda item: (-item[1][0], item[1][1], item[0]))
    return [
        Shape(shape, size, line, example) for shape, (size, line, example) in ordered[:MAX_SHAPES]
    ]


def _zone(counts: _Counts, row: Mapping[str, Any]) -> str | None:
    """Name the zone of the times and where it came from; None where there is no time."""
    if row["time_zone_assumption"]:
        return str(row["time_zone_assumption"])
    if counts.time_sources["payload"]:
        return "written in the lines"
    return "of the envelope's clock" if counts.time_sources["envelope"] else None


def _problems(reading: SourceReading, unknown_words: Counter[str]) -> Iterable[Problem]:
    path = shlex.quote(reading.log_file_path)
    if reading.error:
        yield Problem(f"not read: {reading.error}", "name logs as text, or unpack them first")
    if not reading.event_count:
        return
    yield from _unparsed_problems(reading)
    yield from _time_problems(reading)
    for note in reading.notes:
        yield Problem(note, "nothing, if that is meant")
    if reading.undecodable_byte_count:
        yield Problem(
            f"{reading.undecodable_byte_count:,} bytes are not {reading.encoding}",
            "convert the file first, for instance with iconv",
        )
    if unknown_words:
        words = ", ".join(repr(word) for word, _ in unknown_words.most_common(3))
        yield Problem(
            f"level words that are not known: {words}",
            "give them numbers under [severity] of a format of your own: "
            f"analyze formats suggest {path}",
        )


def _unparsed_problems(reading: SourceReading) -> Iterable[Problem]:
    share = reading.unparsed_event_count / reading.event_count
    if share < _NOTED_SHARE:
        return
    what = "mostly not understood: " if share > 1 - _LOW_CONFIDENCE else ""
    has_clock = any(one.name == "envelope" for one in reading.time_sources)
    known = "their text, and the envelope's time, is" if has_clock else "only their text is"
    yield Problem(
        f"{what}{_part(share)} of the events were taken by no format; {known} known",
        f"analyze formats suggest {shlex.quote(reading.log_file_path)}",
    )


def _part(share: float) -> str:
    """Return a share in words; rounded down, so that nothing is called all that is not."""
    return (
        "all"
        if share == 1
        else f"{math.floor(share * 1000) / 10:g} %"
        if share >= 0.001
        else "<0.1 %"
    )


def _time_problems(reading: SourceReading) -> Iterable[Problem]:
    path = shlex.quote(reading.log_file_path)
    sources = {one.name: one for one in reading.time_sources}
    if "none" in sources:
        yield Problem(
            f"{_part(sources['none'].share)} of the events have no time and are in no rate",
            "collect with docker logs -t or kubectl logs --timestamps, or teach the format: "
            f"analyze formats suggest {path}",
        )
    flags = {one.kind: one for one in reading.inferences}
    if "tz_assumed" in flags:
        yield Problem(
            f"{_part(flags['tz_assumed'].share)} of the times carry no zone and are taken for UTC",
            "name the zone: --tz Europe/Berlin",
        )
    if "far_from_envelope" in flags:
        yield Problem(
            f"{flags['far_from_envelope'].event_count:,} times are more than 24 h from the "
            "envelope's clock",
            f"analyze formats explain {path}:LINE shows both",
        )
