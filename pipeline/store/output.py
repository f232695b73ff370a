"""Tables to Parquet and files to a folder, so that a run that fails leaves the previous result in
place.

Everything is first written into a staging folder inside the output folder and moved into place at
the end, by renames. `sql` reads what lies here; names are ours, never taken from logs.
"""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import PipelineError, UsageError
from pipeline.schema import OUTPUT_MARKER

MARKER = OUTPUT_MARKER
EVENTS_FOLDER = "events"
TABLES = ("rollup", "minutes", "ledger", "changes", "latencies")
WINDOWS = "windows"
DOCUMENTS = ("result.json", "report.html", "report.md", "criteria.toml")
TEMPLATES, ALIASES, CALM, EVIDENCE = "templates", "aliases", "calm", "evidence"
CAPTURED = ("facts", "measures")
TRACED = "traced"
# The key in the metadata of `windows.parquet` of what else a run was made with.
_METADATA = b"aftershock"

_STAGING = ".staging-"


class Staging:
    """A folder of one run's files before they count; `commit` makes them the result."""

    def __init__(self, target: Path, folder: Path) -> None:
        self.target = target
        self.folder = folder
        self.event_parts: dict[str, list[Path]] = {}

    def write_events(self, origin: str, events: pl.DataFrame) -> None:
        """Write one part of the events that came from *origin* ("baseline" or "candidate")."""
        parts = self.event_parts.setdefault(origin, [])
        path = self.folder / EVENTS_FOLDER / f"{origin}-{len(parts):05d}.parquet"
        order = ("timestamp", "log_file_path", "line_number", "byte_offset")
        write_table(path, events.sort(*order, nulls_last=True))
        parts.append(path)

    def write_table(self, name: str, table: pl.DataFrame) -> Path:
        """Write the table *name* (one of `TABLES` or `CAPTURED`, or `EVIDENCE`)."""
        path = self.folder / f"{name}.parquet"
        write_table(path, table)
        return path

    def write_windows(self, windows: pl.DataFrame, basis: str) -> Path:
        """Write the windows that were compared, with *basis*: what else the run was made with, as
        JSON.
        """
        path = self.folder / f"{WINDOWS}.parquet"
        table = windows.to_arrow().replace_schema_metadata({_METADATA: basis.encode()})
        _write_arrow(path, table)
        return path

    def write_text(self, name: str, text: str) -> Path:
        """Write a document of the result."""
        path = self.folder / name
        _write_text(path, text)
        return path

    def commit(self) -> None:
        """Move everything staged into the output folder, over what a previous run left there.

        The documents that a reader opens are moved last, so that they never speak of tables that
        are not there yet.
        """
        events = self.target / EVENTS_FOLDER
        old = self.folder / "old-events"
        if events.exists():
            events.rename(old)
        (self.folder / EVENTS_FOLDER).rename(events)
        names = sorted(path.name for path in self.folder.iterdir() if path.is_file())
        for name in sorted(names, key=lambda name: not name.endswith(".parquet")):
            (self.folder / name).replace(self.target / name)


@contextmanager
def staged(target: Path) -> Iterator[Staging]:
    """Stage files for the folder *target*; whatever was not committed is removed at the end.

    Raises `UsageError` when *target* is not a folder or holds other files than ours,
    `PipelineError` when it cannot be written.
    """
    try:
        _claim(target)
        folder = target / f"{_STAGING}{uuid.uuid4().hex[:12]}"
        (folder / EVENTS_FOLDER).mkdir(parents=True)
    except OSError as error:
        raise PipelineError(
            f"cannot write to {target}: {error.strerror}",
            hint="name a folder that can be written with -o",
        ) from error
    try:
        yield Staging(target, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _claim(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is not a folder", hint="name another output folder with -o")
    if target.is_dir() and not (target / MARKER).exists() and any(target.iterdir()):
        raise UsageError(
            f"{target} holds other files, and its contents would be mixed with the result's",
            hint="name an empty or new output folder with -o",
        )
    target.mkdir(parents=True, exist_ok=True)
    (target / MARKER).touch()
    # A run that was killed left its staging folder; it can be of no use.
    for leftover in target.glob(f"{_STAGING}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Write one Parquet file: zstd, page checksums (compression alone does not reveal a damaged
    byte).
    """
    _write_arrow(path, table.to_arrow())


def _write_arrow(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, compression="zstd", compression_level=1, write_page_checksum=True)


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The tables that a run left in *folder*: parts of events by their origin, others by name."""

    folder: Path
    events: dict[str, list[Path]]
    tables: dict[str, Path]

    def table(self, name: str) -> pl.DataFrame:
        """Return the table *name*. Raises `PipelineError` when it is missing or damaged."""
        return read_table(self.tables.get(name, self.folder / f"{name}.parquet"))

    def basis(self) -> str:
        """Return what else the run was made with, as `Staging.write_windows` was given it."""
        path = self.tables.get(WINDOWS, self.folder / f"{WINDOWS}.parquet")
        with _readable(path):
            metadata = pq.read_schema(path).metadata or {}
        if _METADATA not in metadata:
            raise PipelineError(f"{path} does not say what the run was made with", hint=_AGAIN)
        return bytes(metadata[_METADATA]).decode()


_AGAIN = "analyse the logs again: analyze LOGS -o DIR"


def is_run(folder: Path) -> bool:
    """Tell whether the tables of a run, or of `ingest`, lie in *folder*."""
    return (folder / MARKER).exists() and (folder / "ledger.parquet").exists()


def run_files(folder: Path) -> RunFiles:
    """Return what a run, or `ingest`, left in *folder*. Raises `UsageError` where none did."""
    if not is_run(folder):
        raise UsageError(
            f"{folder} is not the folder of a finished run",
            hint="name the folder that was given with -o; analyze LOGS -o DIR makes one",
        )
    events: dict[str, list[Path]] = {}
    for path in sorted((folder / EVENTS_FOLDER).glob("*-*.parquet")):
        events.setdefault(path.name.partition("-")[0], []).append(path)
    names = (*TABLES, WINDOWS, TEMPLATES, ALIASES, CALM, TRACED, EVIDENCE, *CAPTURED)
    tables = {name: folder / f"{name}.parquet" for name in names}
    return RunFiles(folder, events, {name: at for name, at in tables.items() if at.exists()})


def read_table(path: Path) -> pl.DataFrame:
    """Return one Parquet file. Raises `PipelineError` when it is missing or damaged."""
    with _readable(path):
        frame = pl.from_arrow(pq.read_table(path, page_checksum_verification=True))
    assert isinstance(frame, pl.DataFrame)  # a table, not a column
    return frame


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else str(error)
        raise PipelineError(f"cannot read {path}: {reason}", hint=_AGAIN) from error


def write_documents(
    folder: Path,
    documents: Mapping[str, str],
    hint: str = "name a folder that can be written with -o",
) -> None:
    """Write documents by name into *folder*, each in place of an older one at once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in documents.items():
            temporary = folder / f".{name}.{uuid.uuid4().hex[:8]}"
            _write_text(temporary, text)
            temporary.replace(folder / name)
    except OSError as error:
        raise PipelineError(f"cannot write to {folder}: {error.strerror}", hint=hint) from error


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
