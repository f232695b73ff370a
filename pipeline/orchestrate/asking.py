"""Questions in SQL to a finished run: its tables, findings and queries as views."""

import dataclasses
import types
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import store
from pipeline.console import Console, Limits
from pipeline.model import Finding, Result
from pipeline.orchestrate.runs import load_result
from pipeline.schema import TIMESTAMP, Schema
from pipeline.sql import answerable

RESULT = "result.json"


@contextmanager
def open_console(folder: Path, limits: Limits | None = None) -> Iterator[Console]:
    """Open the run in *folder* for questions.

    Views: `events`, `rollup`, `minutes`, `ledger`, `windows` and `evidence` as they lie there,
    `findings` of its result, and each query of the report whose tables are there. A folder that
    only `ingest` wrote has neither windows nor findings.
    """
    files = store.run_files(folder)
    parts: dict[str, list[tuple[str | None, Path]]] = {
        "events": [(origin, path) for origin, own in files.events.items() for path in own]
    }
    parts |= {name: [(None, path)] for name, path in files.tables.items()}
    frames = {}
    if (folder / RESULT).exists():
        result = load_result(folder)[1]
        frames = {"findings": findings_table(result), "onsets": _onsets(result)}
    with Console(parts, frames, answerable({*parts, *frames}), limits) as console:
        yield console


def _onsets(result: Result) -> pl.DataFrame:
    dated = [(one.finding_id, one.onset) for one in result.findings if one.onset]
    schema: Schema = {"finding_id": pl.String, "onset": TIMESTAMP}
    return pl.DataFrame(dated, schema=schema, orient="row")


def findings_table(result: Result) -> pl.DataFrame:
    """Return one row per finding, columns and their order as in `result.json`; lists stay lists."""
    rows = [_plain(one) for one in result.findings]
    return pl.DataFrame(rows, schema=_schema_of(Finding), orient="row")


def _plain(value: Any) -> Any:  # noqa: ANN401  # any value of the model
    if dataclasses.is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _schema_of(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {item.name: _type_of(hints[item.name]) for item in dataclasses.fields(kind)}


_SCALARS = {int: pl.Int64(), float: pl.Float64(), bool: pl.Boolean(), datetime: TIMESTAMP}


def _type_of(hint: Any) -> Any:  # noqa: ANN401  # a type of the model, and one of polars
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _type_of(next(one for one in arguments if one is not type(None)))
    if origin is list:
        return pl.List(_type_of(arguments[0]))
    if dataclasses.is_dataclass(hint):
        return pl.Struct(_schema_of(typing.cast(type, hint)))
    return _SCALARS.get(hint, pl.String())
