"""Records to columns, in two passes so that an ordinary line costs little.

`read_heads` works on every event and gives what is counted: time, severity, method, path, status.
`read_details` works on the events that are kept and gives the rest: body, logger, ids, attributes.

This is the step that a compiled scanner may take over for the commonest formats: from records, with
the format of each, to the columns `HEAD_COLUMNS` and `DETAIL_COLUMNS`. Whatever takes its place
must give the same columns.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice

import polars as pl

from pipeline.ingest import severity
from pipeline.ingest.decode import resolve
from pipeline.ingest.formats import Format, json_fields
from pipeline.ingest.timestamps import PARSED, TIMES_OF_DAY, local_to_utc, parse_times
from pipeline.schema import EVENTS, TIMESTAMP, Schema

HEAD_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "payload_timestamp": TIMESTAMP,
    "has_zone": pl.Boolean,
    "zone_name": pl.String,
    "severity_text": pl.String,
    "severity_number": pl.Int8,
    "is_severity_inferred": pl.Boolean,
    "http_request_method": pl.String,
    "url_path": pl.String,
    "http_response_status_code": pl.Int16,
    "format_name": pl.String,
}
_TEXT_COLUMNS = (
    "body", "scope_name", "service_name", "trace_id", "span_id", "request_id",
    "exception_type", "exception_message", "exception_stacktrace",
    "code_file_path", "code_function_name",
)  # fmt: skip
DETAIL_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    **{name: EVENTS[name] for name in _TEXT_COLUMNS},
    "code_line_number": pl.Int32,
    "duration_ms": pl.Float64,
    "attributes": EVENTS["attributes"],
}
_PAIR: Schema = {"key": pl.String, "value": pl.String}
UNPARSED = "unparsed"
_DURATIONS = {"duration_s": 1e3, "duration_ms": 1.0, "duration_us": 1e-3, "duration_ns": 1e-6}
_SPECIAL = frozenset(
    ("timestamp", "severity_text", "url", "request", "http_request_method",
     "http_response_status_code", *_DURATIONS)
)  # fmt: skip
_HEAD_CELLS = (_SPECIAL | {"body", "time_of_day"}) - frozenset(_DURATIONS)
# The first line of a request, as access logs quote it.
REQUEST = r"^(?P<http_request_method>[A-Z]{2,16}) (?P<url>[^ ]*)(?: .*)?$"
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
_MAX_ATTRIBUTE_BYTES = 8192
_MAX_ATTRIBUTES = 64


def read_heads(
    records: pl.DataFrame, objects: pl.DataFrame, formats: tuple[Format, ...]
) -> pl.DataFrame:
    """Read the counted columns of each event from its first line.

    *records* has `row`, `payload`, `format_index`, `pattern_index`; *objects* are the decoded JSON
    rows of `heads.match`. Times are as `timestamps.parse_times` gives them, for `clocks` to settle.
    Returns *records* with `HEAD_COLUMNS` added, grouped by format: sort by `row` where order
    matters.
    """
    parts = [
        _beside(part, _head(part["payload"], cells, format_, pattern))
        for part, format_, pattern, cells in by_format(records, objects, formats, _HEAD_CELLS)
    ]
    if (rest := records.filter(pl.col("format_index").is_null())).height:
        parts.append(_beside(rest, _unparsed(rest["payload"])))
    if not parts:
        return records.with_columns(
            pl.lit(None, dtype).alias(name) for name, dtype in HEAD_COLUMNS.items()
        )
    return pl.concat(parts)


def read_details(
    records: pl.DataFrame, objects: pl.DataFrame, formats: tuple[Format, ...]
) -> pl.DataFrame:
    """Read the remaining columns of the events that are kept; the same contract as `read_heads`."""
    parts = []
    for part, format_, pattern, cells in by_format(records, objects, formats):
        details = _details(part["payload"], cells, format_, pattern)
        parts.append(_beside(part, details))
    if (rest := records.filter(pl.col("format_index").is_null())).height:
        parts.append(_beside(rest, _details(rest["payload"], {}, None, 0)))
    if not parts:
        return records.with_columns(
            pl.lit(None, dtype).alias(name) for name, dtype in DETAIL_COLUMNS.items()
        )
    return pl.concat(parts)


Cells = Mapping[str, pl.Series]


def _beside(part: pl.DataFrame, columns: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([part, columns], how="horizontal")


def by_format(
    records: pl.DataFrame,
    objects: pl.DataFrame,
    formats: tuple[Format, ...],
    wanted: frozenset[str] | None = None,
) -> Iterable[tuple[pl.DataFrame, Format, int, Cells]]:
    """Yield the rows of each (format, pattern) with that format's cells: text by column or group.

    Only the columns *wanted* are cut out (all when None).
    """
    keyed = records.filter(pl.col("format_index").is_not_null())
    if keyed.is_empty():
        return
    pairs = keyed.select("format_index", "pattern_index").unique().sort(pl.all()).rows()
    for index, pattern in pairs:
        part = (
            keyed
            if len(pairs) == 1
            else keyed.filter(
                (pl.col("format_index") == index) & (pl.col("pattern_index") == pattern)
            )
        )
        format_ = formats[index]
        if format_.kind == "json":
            rows = part.select("row").join(objects, on="row", how="left", maintain_order="left")
            cells = {
                column: resolve(rows, keys)
                for column, keys in json_fields(format_).items()
                if wanted is None or column in wanted
            }
        elif format_.kind == "logfmt":
            cells = {
                column: _logfmt(part["payload"], keys)
                for column, keys in format_.fields.items()
                if wanted is None or column in wanted
            }
        else:
            cells = _cut(part["payload"], format_, pattern, wanted)
        yield part, format_, pattern, cells


def _cut(
    text: pl.Series, format_: Format, pattern: int, wanted: frozenset[str] | None
) -> dict[str, pl.Series]:
    """Cut the groups of a pattern out of *text*, all of which it fits."""
    counted = format_.counted[pattern] if wanted is _HEAD_CELLS and format_.counted else None
    groups = text.str.extract_groups(counted or _only(format_, pattern, wanted)).struct.unnest()
    if counted and (odd := groups.to_series(0).is_null()).any():
        rows = odd.arg_true()
        exact = text.gather(rows).str.extract_groups(_only(format_, pattern, wanted)).struct
        groups = groups.with_columns(
            groups[name].scatter(rows, exact.field(name)) for name in groups.columns
        )
    return {name: groups[name] for name in groups.columns}


@cache
def _only(format_: Format, pattern: int, wanted: frozenset[str] | None) -> str:
    """Return a pattern that captures the *wanted* groups only: captures are what a search costs."""
    regex = format_.patterns[pattern]
    names = re.findall(r"\(\?P<([a-z_0-9]+)>", regex)
    # Where levels come from the text, the text is needed; else a body is cut out for kept events
    # only.
    has_level = {"severity_text", "http_response_status_code"} & set(names)
    for name in names:
        unused = wanted is not None and name not in wanted
        if unused or (wanted is not None and name == "body" and has_level):
            regex = regex.replace(f"(?P<{name}>", "(?:", 1)
    if not re.compile(regex).groupindex:
        regex = format_.patterns[pattern]
    return regex


# In double quotes, in single ones (Python's `repr`), or bare.
_VALUE = r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:[^ "'][^ "]*)?))"""


def _either(first: pl.Series, second: pl.Series) -> pl.Series:
    return first.zip_with(first.is_not_null(), second)


def _logfmt(text: pl.Series, keys: tuple[str, ...]) -> pl.Series:
    found: pl.Series | None = None
    for key in keys:
        groups = text.str.extract_groups(rf"(?:^| ){key}={_VALUE}").struct.unnest()
        double, single, bare = groups.get_columns()
        quoted = double if single.null_count() == len(single) else _either(double, single)
        values = quoted.str.replace_many(['\\"', "\\'", "\\\\"], ['"', "'", "\\"]).zip_with(
            quoted.is_not_null(), bare
        )
        found = values if found is None else found.zip_with(found.is_not_null(), values)
    assert found is not None
    return found


def _nulls(count: int, dtype: pl.DataType | type[pl.DataType] = pl.String) -> pl.Series:
    return pl.Series([None], dtype=dtype).new_from_index(0, count)


def _head(payload: pl.Series, cells: Cells, format_: Format, pattern: int) -> pl.DataFrame:
    count = len(payload)
    written = _written(cells)
    times = parse_times(_nulls(count), ()) if written is None else _times(written, format_)
    method, path = _request(cells, count)
    status = cells.get("http_response_status_code", _nulls(count)).cast(pl.Int16, strict=False)
    if format_.kind == "json":
        method, path, status = _of_requests(method, path, status)
    text = cells.get("severity_text", _nulls(count))
    own = dict(format_.severities)
    number = severity.numbers(text, own)
    by_status = severity.from_status(status)
    # A request that failed is an error whatever its line calls itself, and an error is one whatever
    # status was answered.
    is_by_status = (number.is_null() | (by_status > number)).fill_null(False)
    number = by_status.zip_with(is_by_status, number)
    inferred = is_by_status | number.is_null()
    if number.null_count():
        missing = number.is_null()
        number, text = _without_level(
            _bodies(payload, cells, format_, pattern, missing), format_, number, text
        )
    return pl.DataFrame(
        {
            "payload_timestamp": times["timestamp"],
            "has_zone": times["has_zone"],
            "zone_name": times["zone_name"],
            "severity_text": text,
            "severity_number": number,
            "is_severity_inferred": inferred,
            "http_request_method": method,
            "url_path": path,
            "http_response_status_code": status,
        },
        schema_overrides={"severity_number": pl.Int8},
    ).with_columns(format_name=pl.lit(format_.name))


def _bodies(
    payload: pl.Series, cells: Cells, format_: Format, pattern: int, rows: pl.Series
) -> pl.Series | None:
    """Return the messages of *rows* (a mask), or None for a format that has no words of a level."""
    if format_.default_severity is not None or format_.kind != "regex":
        return None
    if "body" in cells:
        return cells["body"].filter(rows)
    regex = format_.patterns[pattern]
    if "(?P<body>" not in regex:
        return None
    return payload.filter(rows).str.extract_groups(regex).struct.field("body")


def _without_level(
    bodies: pl.Series | None, format_: Format, number: pl.Series, text: pl.Series
) -> tuple[pl.Series, pl.Series]:
    """Fill the rows without a level: the format's default, else a word where levels stand."""
    if bodies is None:
        return number.fill_null(format_.default_severity or 0), text
    rows = number.is_null().arg_true()
    found = severity.from_position(bodies.fill_null(""))
    return (
        number.scatter(rows, found["severity_number"]),
        text.scatter(rows, found["severity_text"]),
    )


def _written(cells: Cells) -> pl.Series | None:
    """Return the text of the times: dated ones, else those that have no date."""
    return cells.get("timestamp", cells.get("time_of_day"))


def _times(text: pl.Series, format_: Format) -> pl.DataFrame:
    """Read times by the layouts of their format, and in its zone where it is known to have one."""
    times = parse_times(text, format_.layouts or TIMES_OF_DAY)
    if format_.zone is None or times["has_zone"].all():
        return times
    local = local_to_utc(times["timestamp"], format_.zone)["timestamp"]
    return times.with_columns(
        timestamp=times["timestamp"].zip_with(times["has_zone"], local), has_zone=pl.lit(True)
    )


def read_times(
    records: pl.DataFrame, objects: pl.DataFrame, formats: tuple[Format, ...]
) -> pl.DataFrame:
    """Read only the times of *records*, as `read_heads` does, in the order of `row`.

    Columns `row`, `format_index`, `text` (the time as written) and those of `parse_times`.
    """
    parts = [
        part.select("row", "format_index", text=text).hstack(_times(text, format_))
        for part, format_, _, cells in by_format(records, objects, formats, _TIME_CELLS)
        if (text := _written(cells)) is not None
    ]
    schema = {"row": pl.UInt32, "format_index": pl.Int32, "text": pl.String, **PARSED}
    return pl.concat([pl.DataFrame(schema=schema), *parts]).sort("row")


_TIME_CELLS = frozenset({"timestamp", "time_of_day"})


def _request(cells: Cells, count: int) -> tuple[pl.Series, pl.Series]:
    method = cells.get("http_request_method")
    url = cells.get("url")
    if "request" in cells and cells["request"].null_count() < count:
        parts = cells["request"].str.extract_groups(REQUEST)
        verb, target = (parts.struct.field(name) for name in parts.struct.fields)
        method = verb if method is None else verb.zip_with(verb.is_not_null(), method)
        url = target if url is None else target.zip_with(verb.is_not_null(), url)
    nothing = _nulls(count)
    return (
        nothing if method is None else method,
        nothing if url is None else _path(url),
    )


def _of_requests(
    method: pl.Series, path: pl.Series, status: pl.Series
) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Keep what is told of a request: keys of these names may hold anything else."""
    if method.null_count() == path.null_count() == status.null_count() == len(method):
        return method, path, status
    rows = pl.DataFrame({"method": method, "path": path, "status": status})
    is_verb = pl.col("method").is_in(VERBS)
    has_path = pl.col("path").str.starts_with("/")
    has_status = pl.col("status").is_between(100, 599)
    kept = rows.select(
        pl.when(is_verb).then("method"),
        pl.when(is_verb | (has_path & has_status)).then("path"),
        pl.when(has_status & (is_verb | has_path)).then("status"),
    )
    return kept["method"], kept["path"], kept["status"]


def _path(url: pl.Series) -> pl.Series:
    """Cut scheme, host, query and fragment off; most urls have none of them."""
    odd = ~url.str.starts_with("/") | url.str.contains_any(["?", "#", ";"])
    rows = odd.arg_true()
    if not len(rows):
        return url
    cut = url.gather(rows).str.extract(r"^(?:[a-z]+://[^/]*)?([^?#;]*)")
    return url.scatter(rows, cut)


def _unparsed(text: pl.Series) -> pl.DataFrame:
    found = severity.from_position(text)
    return (
        pl.DataFrame(
            {
                **{
                    name: _nulls(len(text), dtype)
                    for name, dtype in HEAD_COLUMNS.items()
                    if name not in found.columns
                },
                **{name: found[name] for name in found.columns},
            }
        )
        .select(
            *(name for name in HEAD_COLUMNS if name != "format_name"),
            format_name=pl.lit(UNPARSED),
        )
        .with_columns(has_zone=pl.lit(False), is_severity_inferred=pl.lit(True))
    )


def _details(
    payload: pl.Series, cells: Cells, format_: Format | None, pattern: int
) -> pl.DataFrame:
    count = len(payload)
    columns = {name: cells.get(name, _nulls(count)) for name in _TEXT_COLUMNS}
    if "body" in cells:
        columns["body"] = cells["body"].zip_with(cells["body"].is_not_null(), payload)
    else:
        columns["body"] = payload
    line = cells.get("code_line_number", _nulls(count))
    duration = _nulls(count, pl.Float64)
    for name, factor in _DURATIONS.items():
        if name in cells:
            numbers = cells[name].str.strip_suffix("ms" if name == "duration_ms" else "s")
            measured = numbers.cast(pl.Float64, strict=False) * factor
            duration = duration.zip_with(duration.is_not_null(), measured)
    if format_ is not None and format_.kind == "json":
        attributes = _json_attributes(payload, format_)
    else:
        attributes = _group_attributes(cells, count)
    return pl.DataFrame(
        {
            **columns,
            "code_line_number": line.cast(pl.Int32, strict=False),
            "duration_ms": duration,
            "attributes": attributes,
        }
    )


def _group_attributes(cells: Cells, count: int) -> pl.Series:
    names = [name for name in cells if name not in DETAIL_COLUMNS and name not in _SPECIAL]
    columns = {name: cells[name] for name in names}
    if "url" in cells:
        columns["url_query"] = cells["url"].str.extract(r"\?(.*)$")
    if not columns:
        return _nulls(count, EVENTS["attributes"])
    frame = pl.DataFrame(columns)
    long = [
        frame.select(
            row=pl.int_range(pl.len(), dtype=pl.UInt32),
            pair=pl.struct(key=pl.lit(name), value=pl.col(name)),
        ).filter(frame[name].is_not_null() & ~frame[name].is_in(["", "-"]))
        for name in columns
    ]
    pairs = (
        pl.concat(long)
        .sort("row", maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(attributes=pl.col("pair"))
    )
    rows = pl.DataFrame({"row": pl.int_range(count, dtype=pl.UInt32, eager=True)})
    joined = rows.join(pairs, on="row", how="left", maintain_order="left")
    return joined["attributes"].cast(EVENTS["attributes"])


def _json_attributes(payload: pl.Series, format_: Format) -> pl.Series:
    # Only events that are kept come here: a small share of the lines, each with keys of its own.
    used = {key.partition(".")[0] for keys in format_.fields.values() for key in keys}
    counts: list[int] = []
    keys: list[str] = []
    values: list[str] = []
    for text in payload.to_list():
        before = len(keys)
        for key, value in islice(_items(text, used), _MAX_ATTRIBUTES):
            keys.append(_sound(key[:256]))
            values.append(_sound(value[:_MAX_ATTRIBUTE_BYTES]))
        counts.append(len(keys) - before)
    return _lists(counts, pl.DataFrame({"key": keys, "value": values}, schema=_PAIR))


def _lists(counts: list[int], pairs: pl.DataFrame) -> pl.Series:
    """Return *pairs* as lists, of which each row has its count; null where that is 0."""
    rows = pl.DataFrame({"count": counts}, schema={"count": pl.UInt32}).with_row_index("row")
    each = rows.filter(pl.col("count") > 0).select(pl.col("row").repeat_by("count")).explode("row")
    lists = (
        each.with_columns(attributes=pairs.to_struct())
        .group_by("row", maintain_order=True)
        .agg("attributes")
    )
    joined = rows.join(lists, on="row", how="left", maintain_order="left")
    return joined["attributes"].cast(EVENTS["attributes"])


def _items(text: str, used: set[str]) -> Iterator[tuple[str, str]]:
    """Yield key and text of what a JSON object holds beside *used*."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    for key, item in value.items():
        if item is not None and key not in used:
            yield key, item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _sound(text: str) -> str:
    """Replace what is no character: halves of surrogate pairs."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
