"""What a stream is, found from a sample of its own content: envelopes, formats, clock.

The sample is the stream's first 128 KiB, so that the answer does not depend on block sizes or on
other streams. The file's name plays no part. What the sample did not show is still parsed, line by
line: the profile sets the order of trying, never the choice.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

import polars as pl

from pipeline.ingest.decode import decode_objects
from pipeline.ingest.envelopes import (
    JSON_FILE,
    MAX_LAYERS,
    Envelope,
    join_headers,
    json_fits,
    load_envelopes,
    peel,
    peel_json_file,
    peel_layer,
    split_payloads,
    strip_ansi,
)
from pipeline.ingest.formats import Continuation, Format
from pipeline.ingest.heads import match
from pipeline.ingest.languages import first_lines
from pipeline.ingest.layouts import EVIDENT, YEARLESS
from pipeline.ingest.needles import Haystack, contains
from pipeline.ingest.parse import read_times
from pipeline.ingest.timestamps import fitting_layouts, numeric_order

SAMPLE_BYTES = 128 * 1024
MAX_SAMPLE_LINES = 4000
# Below this share of the sample a format is not worth trying before the others.
_FORMAT_SHARE = 0.02
_JSON_FILE_SHARE = 0.6
_MAX_COMPOSE_NAMES = 64
# Of nine digits one in ten ends in a zero, which most writers drop.
_FINE_SHARE = 0.7
# Formats from here on take whatever has a time or a level.
_GENERIC_PRIORITY = 200
_CONTINUATION = r"^(?:\s|Traceback \(most recent call last\)|at [a-z]|Caused by: |[}\])])"
# A header's share of the lines at column 0 from which a stream counts as one of headers.
_HEADED_SHARE = 0.5
_QUARTER_HOUR = 15 * 60 * 1_000_000
_ZONE_TOLERANCE = 5 * 1_000_000
_MIN_ZONE_LINES = 20
_ZONE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Profile:
    """How to read one stream; *headed* by container name, None for the stream as a whole.

    *shares* are the formats that the sample showed, the first of *formats*, with the share of the
    sample's records that each began; *confidence* is the share that any format began, 0 to 1. What
    goes on from a line before (indented text, frames of a trace) counts for neither.
    *offset_micros* is the zone that the envelope shows; *newest* the time that half of the sample's
    come after.
    """

    layers: tuple[str, ...]
    formats: tuple[Format, ...]
    headed: dict[str | None, bool]
    shares: tuple[tuple[str, float], ...] = ()
    confidence: float = 0.0
    continuations: tuple[Continuation, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    offset_micros: int | None = None
    newest: datetime | None = None


def detect(sample: pl.Series, formats: tuple[Format, ...]) -> Profile:
    """Find envelopes and the order of *formats* from the first lines of a stream."""
    solid = sample.filter(sample.str.strip_chars() != "")
    layers = find_layers(strip_ansi(solid), formats)
    peeled = split_payloads(peel(solid, layers).with_columns(line_count=pl.lit(1, pl.Int32)))
    headers = tuple(header for format_ in formats for header in format_.headers)
    peeled = join_headers(peeled, headers, "container_name")
    text = peeled["payload"]
    heads = match(text, formats)
    share = heads.format_index.drop_nulls().value_counts()
    minimum = max(1.0, _FORMAT_SHARE * len(text))
    seen = {index for index, count in share.rows() if count >= minimum}
    formats, times = _timed(heads.records(text), heads.objects, formats)
    order = tuple(f for i, f in enumerate(formats) if i in seen)
    counts = dict(share.rows())
    stray = heads.format_index.is_null() & ~text.str.contains(_CONTINUATION) & (text != "")
    begun = max(1, sum(counts.values()) + int(stray.sum()))
    return Profile(
        layers=layers,
        formats=order + tuple(f for i, f in enumerate(formats) if i not in seen),
        headed=_headed(
            peeled, heads.format_index, [i for i, format_ in enumerate(formats) if format_.is_block]
        ),
        shares=tuple((f.name, counts[i] / begun) for i, f in enumerate(formats) if i in seen),
        confidence=sum(counts.values()) / begun,
        headers=tuple(header for format_ in order for header in format_.headers),
        continuations=tuple(pattern for format_ in order for pattern in format_.continuations),
        offset_micros=_zone_offset(times, peeled["observed_timestamp"]),
        newest=_middle(times["timestamp"]),
    )


def find_layers(lines: pl.Series, formats: tuple[Format, ...] = ()) -> tuple[str, ...]:
    """Return the envelopes around *lines*, outermost first, at most `MAX_LAYERS`.

    *formats* settle the close cases: a header that some format reads as its own is no envelope.
    """
    layers: list[str] = []
    while len(layers) < MAX_LAYERS and len(lines):
        name = _find_one(lines, layers, formats)
        if name is None:
            break
        layers.append(name)
        lines = peel(lines, (name,))["payload"]
        lines = lines.filter(lines.str.strip_chars() != "")
    return tuple(layers)


def _find_one(lines: pl.Series, outer: list[str], formats: tuple[Format, ...]) -> str | None:
    count = len(lines)
    if lines.str.starts_with("{").sum() >= _JSON_FILE_SHARE * count:
        if peel_json_file(lines)["is_fit"].sum() >= _JSON_FILE_SHARE * count:
            return JSON_FILE
        return _find_json(lines, outer)
    known = Haystack(lines)
    for envelope in load_envelopes():
        if envelope.regex is None or envelope.name in outer:
            continue
        if not known.contains(envelope.regex).any():
            continue
        peeled = peel_layer(lines, envelope.name)
        if peeled["is_fit"].sum() < envelope.minimum_share * count:
            continue
        if _passes(envelope, lines, peeled, formats):
            return envelope.name
    return None


def _find_json(lines: pl.Series, outer: list[str]) -> str | None:
    envelopes = [e for e in load_envelopes() if e.regex is None and e.name not in outer]
    keys = tuple(sorted({key for envelope in envelopes for key in envelope.decoded_keys()}))
    objects = decode_objects(lines, keys)
    for envelope in envelopes:
        if json_fits(objects, envelope).sum() >= envelope.minimum_share * len(lines):
            return envelope.name
    return None


def _passes(
    envelope: Envelope, lines: pl.Series, peeled: pl.DataFrame, formats: tuple[Format, ...]
) -> bool:
    fits = peeled["is_fit"]
    taken, inside = lines.filter(fits), peeled.filter(fits)
    match envelope.check:
        case "bars":
            return _is_compose(taken, inside["container_name"])
        case "names":
            return inside.select("pod_name", "container_name").n_unique() <= _MAX_COMPOSE_NAMES
        case "runtime_clock":
            return _is_runtime_clock(taken, inside["payload"])
        case "gain":
            return _gains(taken, inside["payload"], formats)
        case _:
            return True


def _gains(lines: pl.Series, payload: pl.Series, formats: tuple[Format, ...]) -> bool:
    """Tell whether the formats with fields of their own take more of *payload* than of *lines*."""
    own = tuple(f for f in formats if f.priority < _GENERIC_PRIORITY)
    whole = match(lines, own).format_index.is_not_null().sum()
    return whole == 0 or match(payload, own).format_index.is_not_null().sum() > whole


def _is_compose(lines: pl.Series, names: pl.Series) -> bool:
    # One bar column for each name: what tells a prefix from a table. Padding may grow once or twice
    # in a file, when a longer name joins.
    bars = pl.DataFrame({"name": names, "bar": lines.str.find("|", literal=True)}).drop_nulls()
    columns = bars.group_by("name").agg(pl.col("bar").n_unique())
    return bool(columns.height <= _MAX_COMPOSE_NAMES and columns["bar"].max() <= 3)  # type: ignore[operator]


def _is_runtime_clock(lines: pl.Series, body: pl.Series) -> bool:
    # Runtimes write nine digits and drop zeros at the end, Windows and GitHub seven. Programs that
    # write milli- or microseconds are not runtimes.
    fine = lines.str.contains(r"^[^ ]{19}\.[0-9]{7,9}(?:Z|[+-][0-9:]{5})(?: |$)")
    if fine.mean() < _FINE_SHARE:  # type: ignore[operator]
        return False
    # A level with a colon and padding is how uvicorn begins its lines, which carry no time.
    level = body.str.contains(
        r"^ *\[? *(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)(?:[^A-Za-z0-9_:]|: ?[^ ]|$)"
    )
    # A level may be padded: only what is indented and no level goes on from the line before.
    if (body.str.contains(_CONTINUATION) & ~level).any() or (body == "").any():
        return True
    # Docker and kubectl write nine digits; programs that do so write their level next.
    nine = lines.str.contains(r"^[^ ]{19}\.[0-9]{9}(?:Z|[+-][0-9:]{5})(?: |$)")
    return bool(nine.mean() >= _FINE_SHARE and level.mean() < 0.5)  # type: ignore[operator]


def _headed(
    peeled: pl.DataFrame, format_index: pl.Series, blocks: list[int]
) -> dict[str | None, bool]:
    """Tell of each container whether text at column 0 belongs to the header above it.

    So it does where most lines are headers, or most headers are those of one of *blocks*, formats
    whose records go on below their header.
    """
    column0 = pl.DataFrame(
        {
            "container_name": peeled["container_name"],
            "is_head": format_index.is_not_null(),
            "is_block": format_index.is_in(blocks),
            "is_trace": contains(peeled["payload"], *first_lines()),
            # Functions at column 0 have their places below, indented.
            "counts": ~peeled["payload"].str.contains(_CONTINUATION)
            & (peeled["payload"] != "")
            & ~peeled["payload"].str.contains(r"^\t(?:/|at )").shift(-1, fill_value=False),
        }
    )
    # What follows a traceback up to the next header is its own text, however much it is.
    is_traced = (
        pl.when(pl.col("is_head"))
        .then(pl.lit(False))
        .when(pl.col("is_trace"))
        .then(pl.lit(True))
        .forward_fill()
        .over("container_name")
        .fill_null(False)
    )
    column0 = column0.filter(pl.col("is_head") | (pl.col("counts") & ~is_traced))
    is_headed = (pl.col("is_head").mean() >= _HEADED_SHARE) | (
        pl.col("is_block").sum() * 2 > pl.col("is_head").sum()
    ).fill_null(False)
    whole = bool(column0.select(is_headed.fill_null(False)).item()) if column0.height else False
    by_name = column0.group_by("container_name").agg(is_headed.alias("is_headed"))
    return {None: whole} | {name: flag for name, flag in by_name.rows() if name is not None}


def _timed(
    records: pl.DataFrame, objects: pl.DataFrame, formats: tuple[Format, ...]
) -> tuple[tuple[Format, ...], pl.DataFrame]:
    """Read the times of the sample; give formats the notations in which this stream writes them.

    A format whose layouts do not read its times, such as JSON with a clock of its own, gets those
    that do. Of dates in numbers the stream must show which is the month (`numeric_order`).
    """
    times = read_times(records, objects, formats)
    unread = times.filter(pl.col("text").is_not_null() & pl.col("timestamp").is_null())
    own = list(formats)
    for index in sorted(set(unread["format_index"])):
        text = times.filter(pl.col("format_index") == index)["text"]
        rest = unread.filter(pl.col("format_index") == index)["text"]
        order = numeric_order(text)
        found = fitting_layouts(rest, (*EVIDENT, order) if order else EVIDENT)
        if found:
            own[index] = _with_layouts(formats[index], (*formats[index].layouts, *found))
    if own != list(formats):
        formats = tuple(own)
        times = read_times(records, objects, formats)
    return formats, times


@cache
def _with_layouts(format_: Format, layouts: tuple[str, ...]) -> Format:
    return replace(format_, layouts=layouts)


def _middle(times: pl.Series) -> datetime | None:
    dated = times.filter((times.dt.year() > YEARLESS).fill_null(False)).sort()
    return dated[len(dated) // 2] if len(dated) else None


def _zone_offset(times: pl.DataFrame, observed: pl.Series) -> int | None:
    """Infer the zone of times that carry none from the envelope's clock, in microseconds east of
    UTC.

    Nine of ten lines must differ from the envelope by one and the same multiple of 15 minutes, to 5
    seconds, on at least 20 lines: a zone stands still, a delay does not.
    """
    if observed.null_count() == len(observed):
        return None
    if (observed.dt.year() == YEARLESS).any():
        return None  # a clock without a zone of its own
    own = times.with_columns(observed=observed.gather(times["row"])).filter(
        (pl.col("timestamp").dt.year() > YEARLESS) & ~pl.col("has_zone")
    )
    deltas = (
        own.select((pl.col("timestamp") - pl.col("observed")).dt.total_microseconds())
        .to_series()
        .drop_nulls()
    )
    if len(deltas) < _MIN_ZONE_LINES:
        return None
    steps = (deltas / _QUARTER_HOUR).round().cast(pl.Int64)
    step = int(steps.mode().min())  # type: ignore[arg-type]
    near = (deltas - step * _QUARTER_HOUR).abs() <= _ZONE_TOLERANCE
    if not -48 <= step <= 56 or near.mean() < _ZONE_SHARE:  # type: ignore[operator]
        return None
    return step * _QUARTER_HOUR
