"""Questions of a user in SQL, on the tables of a finished run: read-only, and nothing else.

DuckDB is closed before the first question: it reads the run's own Parquet files by name, no other
file and no network, its settings are locked, memory and time are limited. Only statements that
read are run at all.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl
import pyarrow as pa

from pipeline.errors import QueryError, UsageError

# DuckDB expands these in the names of files, also in a list of names.
_GLOB_SIGNS = str.maketrans({sign: f"[{sign}]" for sign in "*?["})
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
_BATCH_ROWS = 10_000
# What is wrong with these lies in the question; all else is a limit or a damaged table.
_FAULTS_OF_TEXT = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.InvalidInputException,
    duckdb.PermissionException,
    duckdb.SyntaxException,
    duckdb.TypeMismatchException,
)
_LISTED = "analyze query without SQL lists the views and their columns"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one question may take: memory as DuckDB writes it, and seconds."""

    memory: str = "2GB"
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Relation:
    """One view that a question can read; *columns* are names and types of DuckDB."""

    name: str
    columns: list[tuple[str, str]]
    row_count: int | None  # null for queries, which would have to be run for it


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one question, in batches as they come."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


class Console:
    """A closed DuckDB with views of the run.

    *parts*: Parquet files by name of the view, each with the origin of its rows or null. *frames*:
    tables that are in memory. *queries*: further views by name, in an order in which each comes
    after those that it reads. Raises `QueryError` when a file cannot be read.
    """

    def __init__(
        self,
        parts: Mapping[str, Sequence[tuple[str | None, Path]]],
        frames: Mapping[str, pl.DataFrame],
        queries: Mapping[str, str],
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self._seconds = limits.seconds
        self._tables = [*parts, *frames]
        self._queries = list(queries)
        self._connection = _connect(limits)
        try:
            for name, files in parts.items():
                self._read(name, files)
            for name, frame in frames.items():
                self._connection.register(name, frame.to_arrow())
            for name, text in queries.items():
                self._connection.execute(f'create temp view "{name}" as {text}').fetchall()
            self._close_off([path for files in parts.values() for _, path in files])
        except duckdb.Error as error:
            raise QueryError(f"the tables of the run cannot be opened: {error}") from error

    def _read(self, name: str, files: Sequence[tuple[str | None, Path]]) -> None:
        relation: duckdb.DuckDBPyRelation | None = None
        for origin in dict.fromkeys(origin for origin, _ in files):
            names = [_pattern(path) for own, path in files if own == origin]
            part = self._connection.read_parquet(names, hive_partitioning=False)
            if origin is not None:
                own = duckdb.ConstantExpression(origin).alias("origin")
                part = part.select(duckdb.StarExpression(), own)
            relation = part if relation is None else relation.union(part)
        if relation is not None:
            relation.create_view(name)

    def _close_off(self, files: Sequence[Path]) -> None:
        # The names as they are opened, and as they are asked for; there is no other way to say it.
        names = sorted({text for path in files for text in (_plain(path), _pattern(path))})
        listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
        for setting in (
            "set TimeZone = 'UTC'",
            f"set allowed_paths = [{listed}]",
            "set enable_external_access = false",
            "set lock_configuration = true",
        ):
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

    def relations(self) -> list[Relation]:
        """Return the views with their columns: the tables of the run first, with row counts."""
        return [self._relation(name) for name in (*self._tables, *self._queries)]

    def _relation(self, name: str) -> Relation:
        with self._guarded():
            described = self._connection.execute(f'describe "{name}"').fetchall()
            rows = None
            if name in self._tables:
                ((rows,),) = self._connection.execute(f'select count(*) from "{name}"').fetchall()  # noqa: S608  # a view of ours
        return Relation(name, [(row[0], row[1]) for row in described], rows)

    @contextmanager
    def ask(self, text: str) -> Iterator[Answer]:
        """Run one statement that reads; its rows come while the context is open.

        Raises `UsageError` for a statement that is wrong or would do anything but read, with the
        place where DuckDB saw the fault, `QueryError` where a limit was met.
        """
        with self._guarded():
            self._refuse_all_but_reading(text)
            reader = self._relation_of(text).to_arrow_reader(_BATCH_ROWS)
            yield Answer(reader.schema, iter(reader))

    def _relation_of(self, text: str) -> duckdb.DuckDBPyRelation:
        try:
            return self._connection.sql(text)
        except _FAULTS_OF_TEXT:
            # A relation's error lacks the place in the text, that of a statement has it.
            self._connection.execute(text).close()
            raise

    def _refuse_all_but_reading(self, text: str) -> None:
        statements = self._connection.extract_statements(text)
        hint = f"ask with one statement, such as: from findings; {_LISTED}"
        if len(statements) != 1:
            raise UsageError(f"{len(statements)} statements where one is asked", hint=hint)
        if statements[0].type not in _READING:
            kind = statements[0].type.name.lower().replace("_", " ")
            raise UsageError(f"a statement of kind {kind} is not run: only reading is", hint=hint)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        timer = threading.Timer(self._seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (duckdb.Error, pa.ArrowException) as error:
            raise self._told(error) from error
        finally:
            timer.cancel()

    def _told(self, error: Exception) -> QueryError | UsageError:
        text = str(error).replace("\n\n", "\n").strip()
        if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in text[:60]:
            return QueryError(
                f"stopped after {self._seconds:g} s",
                hint="narrow the question down, or give it longer with --timeout",
            )
        if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in text[:60]:
            return QueryError(
                text.splitlines()[0],
                hint="narrow the question down, or give it more with --memory-limit",
            )
        if isinstance(error, _FAULTS_OF_TEXT):
            return UsageError(text, hint=_LISTED)
        return QueryError(text)


def _connect(limits: Limits) -> duckdb.DuckDBPyConnection:
    settings: dict[str, Any] = {
        "memory_limit": limits.memory,
        "temp_directory": "",
        "python_enable_replacements": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        return duckdb.connect(config=settings)
    except duckdb.Error as error:
        raise UsageError(
            f"{limits.memory!r} is no amount of memory: {error}",
            hint="write it as 500MB or 2GB",
        ) from error


def _plain(path: Path) -> str:
    return str(path.resolve())


def _pattern(path: Path) -> str:
    return _plain(path).translate(_GLOB_SIGNS)
