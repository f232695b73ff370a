"""Rows of a question in SQL as a table, CSV, JSON or Parquet.

Values may be text of logs: a table shows what is hidden in it and never wraps or obeys it, CSV
keeps a spreadsheet from taking text for a formula. JSON and Parquet are exact.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.render.figures import UNKNOWN
from pipeline.render.terminal import MIN_WIDTH, cells, cut, pad
from pipeline.render.untrusted import terminal_text

# As many rows as a screen or two hold; all of them are in the other forms.
TABLE_ROWS = 100
_CELL = 60
_GAP = "  "
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_rows(
    form: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], file: BinaryIO, width: int
) -> None:
    """Write rows to *file* as *form*: table (of *width* columns), csv, json or parquet."""
    if form == "parquet":
        _write_parquet(schema, batches, file)
        return
    parts: Iterable[str]
    if form == "table":
        parts = [table(schema, batches, width)]
    else:
        parts = csv_text(schema, batches) if form == "csv" else json_text(batches)
    for part in parts:
        file.write(part.encode("utf-8", "backslashreplace"))


def table(schema: pa.Schema, batches: Iterable[pa.RecordBatch], width: int) -> str:
    """Return the first `TABLE_ROWS` rows, aligned, in at most *width* columns of a terminal.

    A row that is wider than that is cut; what is left out is said.
    """
    rows = list(_first(batches, TABLE_ROWS + 1))
    is_more = len(rows) > TABLE_ROWS
    rows = rows[:TABLE_ROWS]
    shown = [[_cell(row[name]) for name in schema.names] for row in rows]
    columns = list(zip(*shown, strict=True)) if shown else [() for _ in schema.names]
    names = [terminal_text(name, _CELL) for name in schema.names]
    widths = [
        min(_CELL, max([cells(name), *map(cells, own)]))
        for name, own in zip(names, columns, strict=True)
    ]
    is_number = [_is_number(field.type) for field in schema]
    lines = [names, ["-" * size for size in widths], *shown]
    width = max(width, MIN_WIDTH)
    text = [cut(_line(line, widths, is_number), width).rstrip() for line in lines]
    count = f"{len(rows):,}{' and more' if is_more else ''}"
    noun = "row" if len(rows) == 1 and not is_more else "rows"
    more = ": --format csv, json or parquet gives all" if is_more else ""
    return "\n".join([*text, "", f"{count} {noun}{more}"]) + "\n"


def _line(values: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    return _GAP.join(
        pad(cut(value, size), size, is_right=right)
        for value, size, right in zip(values, widths, is_number, strict=True)
    )


def _cell(value: Any) -> str:  # noqa: ANN401  # any value of a table
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:.6g}"
    return terminal_text(value if isinstance(value, str) else _words(value), _CELL)


def _words(value: Any) -> str:  # noqa: ANN401  # any value but text
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _first(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from _rows(batch.slice(0, limit))
        limit -= batch.num_rows
        if limit <= 0:
            return


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    names = batch.schema.names
    for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        yield dict(zip(names, values, strict=True))


def csv_text(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Yield lines of CSV: a head, null as nothing, text that begins like a formula with ``'``."""
    yield _csv_rows([[_guarded(name) for name in schema.names]])
    for batch in batches:
        yield _csv_rows([_csv_value(value) for value in row.values()] for row in _rows(batch))


def _csv_rows(rows: Iterable[list[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _csv_value(value: Any) -> Any:  # noqa: ANN401  # any value of a table
    plain = _plain(value)
    if plain is None or isinstance(plain, bool | int | float):
        return plain
    return _guarded(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def json_text(batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Yield a JSON list with an object a row and line; times in UTC with Z, no control byte."""
    opening = "[\n"
    for batch in batches:
        for row in _rows(batch):
            plain = {name: _plain(value) for name, value in row.items()}
            yield opening + json.dumps(plain, ensure_ascii=True)
            opening = ",\n"
    yield "[]\n" if opening == "[\n" else "\n]\n"


def _write_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch], file: BinaryIO) -> None:
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _plain(value: Any) -> Any:  # noqa: ANN401  # what JSON knows
    """Return *value* as JSON has it: what is not finite is null, as in `result.json`."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        zoned = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return zoned.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)


def relations_text(relations: Sequence[tuple[str, int | None, Sequence[tuple[str, str]]]]) -> str:
    """Return the views that can be asked: name, rows, and columns with their types."""
    blocks = []
    queries = [name for name, count, _ in relations if count is None]
    for name, count, columns in relations:
        if count is None:
            continue
        size = max((len(column) for column, _ in columns), default=0)
        head = f"{name} ({count:,} {'row' if count == 1 else 'rows'})"
        blocks.append("\n".join([head, *(f"  {c:<{size}}  {kind}" for c, kind in columns)]))
    if queries:
        listed = "\n".join(f"  {name}" for name in queries)
        blocks.append(f"queries of the report, as views\n{listed}")
    return "\n\n".join(blocks) + "\n"
