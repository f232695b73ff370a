"""Every query against its cases, and what all queries have in common.

A case is a file, ``tests/queries/<query>/<case>.toml``: ``why``, the rows that stand in for the
relations it reads (``[[given.<relation>]]``), ``[params]``, and the rows it must return
(``[[expect]]``, or none). Only named columns are compared; ``columns`` names those that are null.
"""

import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipeline.resources import resource_dir
from pipeline.schema import (
    ALIASES,
    CALM,
    CHANGES,
    EVENTS,
    FACTS,
    LATENCIES,
    LEDGER,
    MEASURES,
    MINUTES,
    ROLLUP,
    TIMESTAMP,
    TRACED,
    Schema,
)
from pipeline.sql import load_queries, references, run_order

CASES = Path(__file__).parent / "queries"
CATALOGUE = resource_dir("queries") / "README.md"
RAW: dict[str, Schema] = {
    "events": {**EVENTS, "origin": pl.String},
    "rollup": {**ROLLUP, "origin": pl.String},
    "minutes": {**MINUTES, "origin": pl.String},
    "windows": {
        "window_name": pl.String,
        "origin": pl.String,
        "window_start": TIMESTAMP,
        "window_end": TIMESTAMP,
    },
    "aliases": {**ALIASES},
    "calm": {**CALM},
    "changes": {**CHANGES},
    "latencies": {**LATENCIES, "origin": pl.String},
    "facts": {**FACTS},
    "measures": {**MEASURES},
    "traced": {**TRACED},
    "ledger": {**LEDGER, "origin": pl.String},
    "onsets": {"finding_id": pl.String, "onset": TIMESTAMP},
    "keys": {"key_id": pl.UInt32, "text": pl.String},
    "patterns": {
        "rule_order": pl.Int64,
        "pattern_order": pl.Int64,
        "error_class": pl.String,
        "kind": pl.String,
        "literal": pl.String,
        "regex": pl.String,
    },
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "pattern_hits": {"rule_order": 0, "pattern_order": 0, "regex": "x"},
    "sign_hits": {"literal": "x", "regex": "x", "error_class": "x"},
}


@cache
def order() -> list[str]:
    return run_order(load_queries())


def answer(
    query: str, given: dict[str, pl.DataFrame], params: dict[str, Any] | None = None
) -> pl.DataFrame:
    """Run *query* on *given* relations, empty raw tables, and on these the queries before it."""
    raw = {name: pl.DataFrame(schema=schema) for name, schema in RAW.items()}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'").fetchall()
        for name, rows in (raw | given).items():
            connection.register(name, rows.to_arrow())
        for name in order()[: order().index(query)]:
            if name not in given and name not in PARAMETERS:
                connection.execute(f"create temp view {name} as {load_queries()[name]}").fetchall()
        frame: pl.DataFrame = connection.sql(load_queries()[query], params=params).pl()
    return frame


@cache
def schema_of(relation: str) -> dict[str, pl.DataType]:
    """Return the columns of a relation: those of a raw table, or what the query itself gives."""
    if relation in RAW:
        return dict(pl.DataFrame(schema=RAW[relation]).schema)
    return dict(answer(relation, {}, PARAMETERS.get(relation)).schema)


def rows_of(relation: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = schema_of(relation)
    assert {name for row in rows for name in row} <= schema.keys()
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize(
    "path", sorted(CASES.glob("*/*.toml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_case(path: Path) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    expected: list[dict[str, Any]] = case.get("expect", [])
    columns = case.get("columns") or sorted({name for row in expected for name in row})
    given = {name: rows_of(name, rows) for name, rows in case["given"].items()}

    found = answer(path.parent.name, given, case.get("params")).select(columns or pl.all())

    wanted = [{name: row.get(name) for name in columns} for row in expected]
    assert case["why"]
    assert _comparable(found.to_dicts(), path.parent.name) == _comparable(wanted, path.parent.name)


def _comparable(rows: list[dict[str, Any]], query: str) -> list[dict[str, Any]]:
    """Round what SQL worked out; only marts promise an order."""
    rounded = [
        {
            name: round(value, 9) if isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    return rounded if _layer(query) == "marts" else sorted(rounded, key=repr)


def _paths() -> dict[str, Path]:
    return {path.stem: path for path in sorted(resource_dir("queries").rglob("*.sql"))}


def _layer(query: str) -> str:
    return _paths()[query].parent.name


def test_every_query_has_a_case() -> None:
    assert load_queries().keys() - {path.parent.name for path in CASES.glob("*/*.toml")} == set()


def test_every_case_is_of_a_query() -> None:
    assert {path.name for path in CASES.iterdir()} - load_queries().keys() == set()


def _header(text: str) -> str:
    lines = text.splitlines()
    end = next(at for at, line in enumerate(lines) if not line.startswith("--"))
    return " ".join(line.removeprefix("--").strip() for line in lines[:end])


def _grain(header: str) -> str | None:
    match = re.search(r"(?:One row per|At most \w+ a) [^.;]+", header)
    return match[0] if match else None


@pytest.mark.parametrize("query", load_queries())
def test_header_says_what_a_row_is(query: str) -> None:
    assert _grain(_header(load_queries()[query]))


@pytest.mark.parametrize("query", load_queries())
def test_header_names_the_parameters_that_are_used(query: str) -> None:
    text = load_queries()[query]
    named = re.search(r"Parameters: ([a-z_, ]+)\.", _header(text))

    with duckdb.connect() as connection:
        (statement,) = connection.extract_statements(text)
    assert set(named[1].split(", ") if named else ()) == set(statement.named_parameters)


@pytest.mark.parametrize("query", load_queries())
def test_a_layer_reads_only_the_layer_below(query: str) -> None:
    layer = _layer(query)
    read = references(load_queries()[query])
    layers = {_layer(name) for name in read & load_queries().keys()}

    assert bool(read & RAW.keys()) == (layer == "staging")
    assert layers <= {"staging": {"staging"}, "intermediate": {"staging", "intermediate"}}.get(
        layer, {"staging", "intermediate"}
    )


@pytest.mark.parametrize("query", [name for name in load_queries() if _layer(name) == "marts"])
def test_a_mart_states_its_order(query: str) -> None:
    assert load_queries()[query].rstrip().splitlines()[-1].startswith("order by ")


def catalogue() -> str:
    """Return the catalogue of `queries/`, written from the headers."""
    parts = [
        "# Queries\n",
        "One relation a file: the file's name is the relation's, and the first lines say what it",
        "is. They run on DuckDB, each after those that it reads (`pipeline/sql.py`); `staging`",
        "alone reads the tables of a run, and `marts` is what the report is made of. A case is a",
        "file in `tests/queries/<query>/`. Written from the headers by `make docs`.",
    ]
    for layer in ("staging", "intermediate", "marts"):
        parts += ["", f"## {layer}", "", "| query | grain | what |", "| --- | --- | --- |"]
        for name, path in _paths().items():
            if path.parent.name == layer:
                header = _header(path.read_text(encoding="utf-8"))
                grain = _grain(header) or ""
                what = re.sub(r"\s+", " ", header.replace(f"{grain}.", "")).strip()
                parts.append(f"| [`{name}`]({layer}/{path.name}) | {grain} | {what} |")
    return "\n".join(parts) + "\n"


@pytest.mark.skipif(not CATALOGUE.exists(), reason="the catalogue is not installed")
def test_catalogue_is_up_to_date() -> None:
    if os.environ.get("AFTERSHOCK_UPDATE_DOCS"):
        CATALOGUE.write_text(catalogue(), encoding="utf-8")

    assert CATALOGUE.read_text(encoding="utf-8") == catalogue(), "run `make docs`"
