"""Tables to Parquet and files to a folder, so that a run that fails leaves the previous result in place.

Everything is first written into a staging folder inside the output folder and moved into place at the end, by
renames. `sql` reads what lies here; names are ours, never taken from logs.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from pipeline.errors import PipelineError, UsageError
from pipeline.schema import EVENTS

MARKER = ".aftershock"
EVENTS_FOLDER = "events"
TABLES = ("rollup", "minutes", "ledger")
# Small parts cost footers, large ones memory; a part holds some tens of MiB of text at most.
PART_EVENTS = 100_000

_STAGING = ".staging-"


class Staging:
    """A folder of one run's files before they count; `commit` makes them the result."""

    def __init__(self, target: Path, folder: Path) -> None:
        self.target = target
        self.folder = folder
        self._pending: list[pl.DataFrame] = []
        self._pending_count = 0
        self._parts = 0

    def add_events(self, events: pl.DataFrame) -> None:
        """Take events for the staged parts; rows are written when a part is full."""
        if events.is_empty():
            return
        self._pending.append(events)
        self._pending_count += events.height
        if self._pending_count >= PART_EVENTS:
            self.flush_events()

    def flush_events(self) -> None:
        """Write the events taken so far as one part, sorted by time."""
        if not self._pending:
            return
        part = pl.concat(self._pending).sort(
            "timestamp", "log_file_path", "line_number", "byte_offset", nulls_last=True
        )
        write_table(self.part_path(self._parts), part)
        self._parts += 1
        self._pending, self._pending_count = [], 0

    def part_path(self, number: int) -> Path:
        """Return where staged part *number* lies."""
        return self.folder / EVENTS_FOLDER / f"part-{number:05d}.parquet"

    def event_parts(self) -> list[Path]:
        """Return the staged parts, in order."""
        return [self.part_path(number) for number in range(self._parts)]

    def write_table(self, name: str, table: pl.DataFrame) -> Path:
        """Write the table *name* (one of `TABLES`)."""
        path = self.folder / f"{name}.parquet"
        write_table(path, table)
        return path

    def write_text(self, name: str, text: str) -> Path:
        """Write a document of the result."""
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return path

    def commit(self) -> None:
        """Move everything staged into the output folder, over what a previous run left there.

        The documents that a reader opens are moved last, so that they never speak of tables that are not
        there yet.
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

    Raises `UsageError` when *target* is not a folder or holds other files than ours, `PipelineError` when it
    cannot be written.
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
    """Write one Parquet file: zstd, page checksums (compression alone does not reveal a damaged byte)."""
    pq.write_table(
        table.to_arrow(), path, compression="zstd", compression_level=1, write_page_checksum=True
    )


def read_events(paths: list[Path]) -> pl.DataFrame:
    """Read staged events back, one frame, in the order of the parts."""
    return pl.concat([pl.read_parquet(path) for path in paths]) if paths else pl.DataFrame(schema=EVENTS)
