"""Run the files of ``queries/`` on DuckDB, in the order their references ask for.

A query is one `select` in one file; its name is the file's stem, and it becomes a temporary view.
The tables that the views read are registered first (`Session.register`, `Session.read_events`).
Nothing is formatted into SQL: log text reaches DuckDB in columns only, and DuckDB reads only
Parquet that this program wrote.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import polars as pl

from pipeline.errors import QueryError
from pipeline.resources import resource_dir
from pipeline.schema import Schema

# Asked whenever the kept events are read: small, and worked out once.
_WORKED_OUT = {"stg_repeated_texts", "stg_coarse_sources"}
_PARAMETER = re.compile(r"\$[a-z_]+\b")
_ONE_SELECT = "queries hold one select statement each"
# DuckDB expands these in the names of files, also in a list of names.
_GLOB_SIGNS = str.maketrans({sign: f"[{sign}]" for sign in "*?["})


@cache
def load_queries() -> dict[str, str]:
    """Map each query's name to its text, in name order."""
    return {
        path.stem: path.read_text(encoding="utf-8")
        for path in sorted(resource_dir("queries").rglob("*.sql"), key=lambda path: path.stem)
    }


def references(text: str) -> frozenset[str]:
    """Return the names of the tables that *text* reads, its own CTEs included.

    Raises `QueryError` when the text is not one select statement.
    """
    statement = "select json_serialize_sql($text)"
    ((serialized,),) = duckdb.execute(statement, {"text": text}).fetchall()
    tree = json.loads(serialized)
    if tree["error"]:
        raise QueryError(tree["error_message"], hint=_ONE_SELECT)
    if len(tree["statements"]) != 1:
        raise QueryError(f"{len(tree['statements'])} statements in one query", hint=_ONE_SELECT)
    return frozenset(_table_names(tree))


def _table_names(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            yield node["table_name"]
        for child in node.values():
            yield from _table_names(child)
    elif isinstance(node, list):
        for child in node:
            yield from _table_names(child)


def run_order(queries: Mapping[str, str]) -> list[str]:
    """Order query names so that each comes after those it reads; raises `QueryError` on a cycle."""
    graph = {name: references(text) & (queries.keys() - {name}) for name, text in queries.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise QueryError(f"queries read each other in a circle: {error.args[1]}") from error


@cache
def _ordered_queries() -> tuple[str, ...]:
    return tuple(run_order(load_queries()))


# The tables of a run and of a step of it, which `staging` reads and nothing in `queries/` makes.
_TABLES = frozenset(
    {
        "events", "rollup", "minutes", "ledger", "windows", "aliases", "calm",
        "changes", "latencies", "facts", "measures", "traced", "onsets", "keys", "patterns",
    }
)  # fmt: skip


def answerable(tables: Iterable[str]) -> dict[str, str]:
    """Return the queries that need no more than *tables*, no parameter among it, each after those
    that it reads.
    """
    missing = _TABLES - frozenset(tables)
    queries = load_queries()
    return {
        name: queries[name]
        for name in _ordered_queries()
        if not any(references(queries[one]) & missing for one in _needed(name))
        and not _PARAMETER.search(queries[name])
    }


def title(text: str) -> str:
    """Return what a query is: the first sentence of its header."""
    return text.splitlines()[0].removeprefix("--").strip()


class Session:
    """One in-memory DuckDB with the tables of a run and a view for each query whose tables are
    there.
    """

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._tables: set[str] = set()
        self._created: set[str] = set()
        # Equal rows keep the order in which they were read, and so the result every byte.
        for setting in ("set TimeZone = 'UTC'", "set preserve_insertion_order = true"):
            self._connection.execute(setting).fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def register(self, name: str, table: pl.DataFrame) -> None:
        """Make *table* readable by queries as *name*."""
        self._connection.register(name, table.to_arrow())
        self._tables.add(name)

    def read_events(self, parts: Mapping[str, Sequence[Path]]) -> None:
        """Make Parquet *parts* readable as `events`, with the column `origin`: the key of its part.

        At least one part must exist.
        """
        relations = [
            self._connection.read_parquet(
                [str(path).translate(_GLOB_SIGNS) for path in paths], hive_partitioning=False
            ).select(duckdb.StarExpression(), duckdb.ConstantExpression(origin).alias("origin"))
            for origin, paths in parts.items()
            if paths
        ]
        events = relations[0]
        for relation in relations[1:]:
            events = events.union(relation)
        events.create_view("events", replace=True)
        self._tables.add("events")

    def frame(self, name: str, parameters: Mapping[str, object] | None = None) -> pl.DataFrame:
        """Return all rows of query *name*; `QueryError` when it, or a table it reads, is not
        there.
        """
        self._create_up_to(name, has_parameters=bool(parameters))
        try:
            if parameters:
                frame: pl.DataFrame = self._connection.sql(
                    load_queries()[name], params=dict(parameters)
                ).pl()
            else:
                frame = self._connection.sql(f'select * from "{name}"').pl()  # noqa: S608  # a file's name
        except duckdb.Error as error:
            raise QueryError(f"query {name} failed: {error}") from error
        return frame

    def _create_up_to(self, wanted: str, *, has_parameters: bool) -> None:
        queries = load_queries()
        if wanted not in queries:
            raise QueryError(
                f"there is no query {wanted!r}", hint=f"there are {', '.join(queries)}"
            )
        for name in _ordered_queries():
            is_itself = name == wanted and has_parameters
            if name not in self._created and name in _needed(wanted) and not is_itself:
                self._create(name, queries[name])

    def _create(self, name: str, text: str) -> None:
        # Intermediate results are read by several marts: worked out once, they are tables.
        kind = "table" if name.startswith("int_") or name in _WORKED_OUT else "view"
        try:
            self._connection.execute(f'create temp {kind} "{name}" as {text}').fetchall()
        except duckdb.Error as error:
            raise QueryError(f"query {name} cannot be run: {error}") from error
        self._created.add(name)


def classify(texts: pl.Series, patterns: pl.DataFrame) -> pl.DataFrame:
    """Return the class of each distinct text that a rule takes: text, error_class, error_kind.

    *patterns*: rule_order, pattern_order, error_class, kind, literal (lower case), regex (RE2). The
    first pattern in that order wins. Texts that none takes, and nulls, are left out.
    """
    keys = texts.drop_nulls().unique().sort().to_frame("text").with_row_index("key_id")
    found: dict[int, tuple[str, str | None]] = {}
    with Session() as session:
        session.register("keys", keys)
        session.register("patterns", patterns)
        for row in session.frame("pattern_candidates").iter_rows(named=True):
            parameters = {name: row[name] for name in ("rule_order", "pattern_order", "regex")}
            for key in session.frame("pattern_hits", parameters)["key_id"]:
                found.setdefault(key, (row["error_class"], row["error_kind"]))
    rows = [(key, *names) for key, names in found.items()]
    schema: Schema = {
        "key_id": keys.schema["key_id"],
        "error_class": pl.String,
        "error_kind": pl.String,
    }
    named = pl.DataFrame(rows, schema=schema, orient="row")
    return keys.join(named, on="key_id", maintain_order="left").drop("key_id")


@cache
def _needed(wanted: str) -> frozenset[str]:
    queries = load_queries()
    reads = references(queries[wanted]) & (queries.keys() - {wanted})
    return frozenset({wanted}).union(*(_needed(name) for name in reads))
