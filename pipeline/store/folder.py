"""The store: read what counts, add to it, all of a run or nothing.

A part is written whole and made to last before the manifest that lists it; its bytes are hashed
again before they are used, since a wrong bit in Parquet gives wrong counts without an error.
"""

import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError, UsageError
from pipeline.store import layout
from pipeline.store.layout import KINDS, NO_DATE, STORE_FILE
from pipeline.store.lock import NAME as LOCK
from pipeline.store.manifest import (
    FOLDER as MANIFESTS,
)
from pipeline.store.manifest import (
    KEPT,
    Manifest,
    Part,
    files_of,
    manifest_path,
    migrated,
    numbers,
    parse_manifest,
    read_manifest,
    sync_folder,
    write_durably,
    write_manifest,
)
from pipeline.store.output import MARKER

# So many parts of one day wait before they are made one: each event is written a few times at most.
MOST_PARTS = 8
# Beyond this a part is never written again.
LARGE_ROWS = 40_000
_REBUILD = (
    "restore that file from a backup; or, while the logs are still there, name a new folder with "
    "--store and read them again"
)


def is_store(folder: Path) -> bool:
    """Tell whether *folder* is a store."""
    return (folder / STORE_FILE).is_file()


def claim_folder(folder: Path) -> None:
    """Make sure that *folder* is there and may become a store: its lock can then be taken.

    Raises `UsageError` where it holds other files.
    """
    if is_store(folder):
        return
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="name another folder with --store")
    # Of what a first run left that was stopped before the store was one, nothing counts.
    own = {MARKER, LOCK, f".{STORE_FILE}.tmp"}
    if folder.is_dir() and any(path.name not in own for path in folder.iterdir()):
        raise UsageError(
            f"{folder} holds other files, and is no store",
            hint="name an empty or new folder with --store",
        )
    with writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Whoever walks over this folder sees that it holds no logs.
        (folder / MARKER).touch(mode=0o600)


def create_store(folder: Path) -> None:
    """Make a folder that was claimed a store, unless it is one; its lock is held."""
    if not is_store(folder):
        body = {"format": 1, "store_id": uuid.uuid4().hex[:16], "program": version("aftershock")}
        with writing(folder):
            write_durably(folder / STORE_FILE, (json.dumps(body, indent=2) + "\n").encode())


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Tell a disk that is full, or read-only, as an error of the store."""
    try:
        yield
    except OSError as error:
        room = _room(folder)
        raise StoreError(
            f"cannot write to the store {folder}: {error.strerror or error}{room}",
            hint="the store is as the last finished run left it; make room, or name another folder",
        ) from error


def _room(folder: Path) -> str:
    try:
        status = os.statvfs(folder)
    except (OSError, AttributeError):
        return ""
    return f" ({status.f_bavail * status.f_frsize / 2**20:,.0f} MiB are free)"


def open_store(folder: Path) -> "Store":
    """Return the store in *folder*, as its newest manifest has it. Raises `UsageError` where there
    is none, or a newer version of the program wrote it, `StoreError` where it is damaged.
    """
    path = folder / STORE_FILE
    if not path.is_file():
        raise UsageError(f"{folder} is not a store", hint="analyze run LOGS --store DIR makes one")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        store_id = str(raw["store_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint=_REBUILD) from error
    migrated(raw, path)
    return Store(folder, store_id, read_manifest(folder))


class Store:
    """What counts of a store at one moment; `change` adds to it, under its lock."""

    def __init__(self, folder: Path, store_id: str, manifest: Manifest) -> None:
        self.folder = folder
        self.store_id = store_id
        self.manifest = manifest

    # ---- reading

    def bytes_of(self, part: Part) -> bytes:
        """Return the bytes of a part. Raises `StoreError`, which names it, where they are others
        than those written.
        """
        path = self.folder / part.path
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
            raise StoreError(f"{path} {reason}: the store is damaged", hint=_REBUILD) from error
        if len(data) != part.byte_count or hashlib.sha256(data).hexdigest() != part.sha256:
            raise StoreError(
                f"{path} is damaged: its bytes are not those written, and nothing of it was used",
                hint=_REBUILD,
            )
        return data

    def table_of(self, part: Part) -> pl.DataFrame:
        """Return the table in a part."""
        try:
            frame = pl.from_arrow(pq.read_table(io.BytesIO(self.bytes_of(part))))
        except pa.ArrowException as error:
            path = self.folder / part.path
            raise StoreError(f"{path} is no Parquet: {error}", hint=_REBUILD) from error
        assert isinstance(frame, pl.DataFrame)  # a table, not a column
        return frame

    def tables(
        self, kind: str, first: str | None = None, last: str | None = None
    ) -> Iterator[pl.DataFrame]:
        """Yield the tables of a kind, of the days from *first* to *last*."""
        for part in self.manifest.of(kind):
            if first is not None and (part.date in (None, NO_DATE) or str(part.date) < first):
                continue
            if last is not None and (part.date in (None, NO_DATE) or str(part.date) > last):
                continue
            yield self.table_of(part)

    def rows(self, kind: str) -> Iterator[dict[str, object]]:
        """Yield the objects of a kind that is kept as JSON lines."""
        for part in sorted(self.manifest.of(kind), key=lambda one: one.date or ""):
            yield from self.rows_of(part)

    def rows_of(self, part: Part) -> Iterator[dict[str, object]]:
        """Yield the objects of one part of JSON lines."""
        for line in self.bytes_of(part).split(b"\n"):
            if line:
                yield json.loads(line)

    def last_row(self, kind: str) -> dict[str, object] | None:
        """Return the last object of a kind by day, and in its file; None where there is none."""
        parts = sorted(self.manifest.of(kind), key=lambda one: one.date or "")
        return list(self.rows_of(parts[-1]))[-1] if parts else None

    # ---- writing; the lock is held

    def strays(self) -> int:
        """Count the files that no manifest lists: the next run removes them."""
        return sum(1 for _ in self._strays(keeps_before=True))

    def _strays(self, *, keeps_before: bool) -> Iterator[Path]:
        known = numbers(self.folder)[-KEPT if keeps_before else -1 :]
        kept = {manifest_path(self.folder, number) for number in known}
        kept |= {self.folder / part.path for part in self.manifest.parts}
        for number in known[:-1]:
            try:
                before = parse_manifest(manifest_path(self.folder, number))
            except StoreError:
                continue
            kept |= {self.folder / part.path for part in before.parts}
        for name in (*layout.FOLDERS, MANIFESTS):
            yield from (path for path in files_of(self.folder / name) if path not in kept)

    def sweep(self, *, keeps_before: bool = True) -> int:
        """Remove what no manifest lists, which runs that were stopped left; return how many.

        *keeps_before*: what only the manifest before the newest lists stays, for who reads it now.
        """
        removed = 0
        with writing(self.folder):
            (self.folder / f".{STORE_FILE}.tmp").unlink(missing_ok=True)
            for path in list(self._strays(keeps_before=keeps_before)):
                path.unlink()
                removed += 1
            for name in layout.FOLDERS:
                _remove_empty(self.folder / name)
        return removed

    @contextmanager
    def change(self) -> Iterator["Batch"]:
        """Collect changes; what was not committed at the end is removed."""
        batch = Batch(self)
        try:
            with writing(self.folder):
                yield batch
        finally:
            batch.discard()


def _remove_empty(folder: Path) -> None:
    for root, folders, files in os.walk(folder, topdown=False):
        if Path(root) != folder and not files and not folders:
            try:
                Path(root).rmdir()
            except OSError:
                continue


@dataclass(slots=True)
class Batch:
    """Parts that are to be added and dropped; `commit` makes all of it count at once."""

    store: Store
    added: dict[str, Part] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    horizons: dict[str, str] = field(default_factory=dict)
    folders: set[Path] = field(default_factory=set)

    def parts(self, kind: str) -> list[Part]:
        """Return the parts of a kind as they would count."""
        own = [one for one in self.added.values() if one.kind == kind]
        old = [one for one in self.store.manifest.of(kind) if one.path not in self.dropped]
        return sorted({one.path: one for one in (*old, *own)}.values(), key=lambda one: one.path)

    def drop(self, parts: Iterable[Part]) -> None:
        """Let parts count no more."""
        for part in parts:
            self.added.pop(part.path, None)
            self.dropped.add(part.path)

    def add_table(
        self, kind: str, table: pl.DataFrame, *, date: str | None = None, owner: str | None = None
    ) -> None:
        """Add a table as a part."""
        buffer = io.BytesIO()
        pq.write_table(
            table.to_arrow(), buffer, compression="zstd", compression_level=3,
            write_page_checksum=True,
        )  # fmt: skip
        self.add_bytes(kind, buffer.getvalue(), rows=table.height, date=date, owner=owner)

    def add_rows(
        self, kind: str, rows: Iterable[Mapping[str, object]], *, date: str | None = None
    ) -> None:
        """Add objects as a part of JSON lines."""
        lines = [json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows]
        data = "".join(f"{line}\n" for line in lines).encode()
        self.add_bytes(kind, data, rows=len(lines), date=date)

    def add_bytes(
        self,
        kind: str,
        data: bytes,
        *,
        rows: int | None = None,
        date: str | None = None,
        owner: str | None = None,
        name: str | None = None,
    ) -> None:
        """Add a part; its name is its hash, or *name*, a path below the folder of its kind."""
        which = KINDS[kind]
        digest = hashlib.sha256(data).hexdigest()
        if name is None:
            place = f"date={date}/" if which.is_dated and which.ending == "parquet" else ""
            label = kind if which.folder == "open" else "part"
            name = f"{place}{label}-{digest[:20]}.{which.ending}"
        part = Part(f"{which.folder}/{name}", kind, len(data), digest, rows, date, owner)
        path = self.store.folder / part.path
        _make_folders(self.store.folder, path.parent)
        self.added[part.path] = part
        self.dropped.discard(part.path)
        # Names need to last no sooner than the manifest that lists them.
        write_durably(path, data, syncs_folder=False)
        self.folders.add(path.parent)

    def replace_table(self, kind: str, table: pl.DataFrame) -> None:
        """Let *table* be all of its kind."""
        self.drop(self.parts(kind))
        self.add_table(kind, table)

    def replace_rows(self, kind: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Let *rows* be all of its kind."""
        self.drop(self.parts(kind))
        self.add_rows(kind, rows)

    def append(self, kind: str, table: pl.DataFrame, date: str, order: Sequence[str]) -> None:
        """Add rows of one day; when many small parts of it wait, all become one, in *order*."""
        small = self.small_parts(kind, date)
        if len(small) + 1 >= MOST_PARTS:
            table = pl.concat([*(self.store.table_of(one) for one in small), table])
            self.drop(small)
        self.add_table(kind, table.sort(order, nulls_last=True), date=date)

    def small_parts(self, kind: str, date: str) -> list[Part]:
        """Return the parts of one day that may be written again."""
        return [
            one
            for one in self.parts(kind)
            if one.date == date and one.owner is None and (one.row_count or 0) < LARGE_ROWS
        ]

    def commit(
        self,
        now: datetime,
        run_id: str | None = None,
    ) -> Manifest:
        """Make all of it count."""
        manifest = self.store.manifest
        old = [one for one in manifest.parts if one.path not in self.dropped | self.added.keys()]
        parts = tuple(sorted([*old, *self.added.values()], key=lambda one: one.path))
        folder = self.store.folder
        _make_folders(folder, folder / MANIFESTS)
        for written in sorted(self.folders):
            sync_folder(written)
        self.store.manifest = write_manifest(
            folder,
            replace(
                manifest,
                parts=parts,
                horizons={**manifest.horizons, **self.horizons},
                run_id=run_id,
                written_at=now.isoformat(),
                program=version("aftershock"),
            ),
        )
        self.added, self.dropped, self.folders = {}, set(), set()
        return self.store.manifest

    def discard(self) -> None:
        """Remove what was written and not committed."""
        kept = {part.path for part in self.store.manifest.parts}
        for path in self.added.keys() - kept:
            (self.store.folder / path).unlink(missing_ok=True)
        self.added = {}


def _make_folders(root: Path, folder: Path) -> None:
    missing = []
    while folder != root and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)
