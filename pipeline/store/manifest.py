"""What of a store counts: its newest manifest, a small file that is written last.

A manifest lists every part with its size and hash. What no manifest lists does not exist: a run
that was killed leaves such files, and the next one removes them. It is written to a temporary name,
made to last (`fsync`), and renamed: there is no moment at which half of a run counts.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.errors import StoreError, UsageError
from pipeline.store.layout import COMPARED

FORMAT = 1
FOLDER = "manifests"
# The newest, and the one before it: a reader that began with that still finds its parts.
KEPT = 2
_AGAIN = "analyze store verify names everything that is damaged"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the store: *path* below its folder; *kind* is one of `layout.KINDS`.

    *date* is the day, UTC, of its events (null: of none, or of all); *first* and *last* are times
    of events. *owner* is what it is replaced with: the file that was read anew.
    """

    path: str
    kind: str
    byte_count: int
    sha256: str
    row_count: int | None = None
    date: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that counts of a store. *horizons*: the day before which a kind was pruned, by kind.

    *run_id* is the run that wrote it, *parent* the hash of the manifest before.
    """

    number: int = 0
    parts: tuple[Part, ...] = ()
    horizons: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    parent: str | None = None
    written_at: str | None = None
    program: str | None = None

    def of(self, kind: str) -> list[Part]:
        """Return the parts of one kind, in path order."""
        return [one for one in self.parts if one.kind == kind]

    def text(self) -> str:
        """Return it as JSON, the hash of the rest last."""
        body = {"format": FORMAT, **asdict(self)}
        # What is null in most parts is left out of them.
        body["parts"] = [
            {key: value for key, value in asdict(part).items() if value is not None}
            for part in self.parts
        ]
        plain = _dump(body)
        return _dump(body | {"sha256": hashlib.sha256(plain.encode()).hexdigest()})

    def fingerprint(self) -> str:
        """Return the hash of what is compared: equal where nothing was read since."""
        hashes = sorted(f"{one.kind}/{one.sha256}" for one in self.parts if one.kind in COMPARED)
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _dump(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=0, sort_keys=True, ensure_ascii=False) + "\n"


def manifest_path(folder: Path, number: int) -> Path:
    """Return where the manifest with this number lies."""
    return folder / FOLDER / f"{number:08d}.json"


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the manifests of a store, in order."""
    found = (folder / FOLDER).glob("*.json")
    return sorted(int(path.stem) for path in found if path.stem.isdigit())


def read_manifest(folder: Path) -> Manifest:
    """Return the newest manifest of the store in *folder*; an empty one where there is none.

    Raises `StoreError` where it is damaged: the one before it may lack what it removed.
    """
    known = numbers(folder)
    if not known:
        return Manifest()
    return parse_manifest(manifest_path(folder, known[-1]))


def parse_manifest(path: Path) -> Manifest:
    """Return the manifest in a file. Raises `StoreError` where it is damaged, `UsageError` where a
    newer version of the program wrote it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text)
        claimed = raw.pop("sha256")
        if hashlib.sha256(_dump(raw).encode()).hexdigest() != claimed:
            raise StoreError(f"{path} is damaged: its bytes are not those written", hint=_AGAIN)
        raw = migrated(raw, path)
        parts = tuple(Part(**one) for one in raw.pop("parts"))
        return Manifest(parts=parts, **raw)
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint=_AGAIN) from error


# How a manifest of each older format becomes one of the next: a function a step.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def migrated(
    raw: dict[str, Any],
    path: Path,
    steps: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = MIGRATIONS,
    newest: int = FORMAT,
) -> dict[str, Any]:
    """Return the values of a manifest as this version has them, `format` taken out."""
    version = raw.pop("format")
    if not isinstance(version, int) or version < 1:
        raise StoreError(f"{path} is damaged: it has no format", hint=_AGAIN)
    if version > newest:
        raise UsageError(
            f"{path} was written by a newer version of this program (format {version}; this one "
            f"reads up to {newest})",
            hint="use that version, or another folder with --store",
        )
    while version < newest:
        raw = steps[version](raw)
        version += 1
    return raw


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Make *manifest* the newest one of the store; returns it with number and parent."""
    known = numbers(folder)
    parent = None
    if known:
        data = manifest_path(folder, known[-1]).read_bytes()
        parent = hashlib.sha256(data).hexdigest()
    final = replace(manifest, number=(known[-1] if known else 0) + 1, parent=parent)
    path = manifest_path(folder, final.number)
    write_durably(path, final.text().encode())
    for number in known[: -(KEPT - 1)]:
        manifest_path(folder, number).unlink(missing_ok=True)
    return final


def write_durably(path: Path, data: bytes, *, syncs_folder: bool = True) -> None:
    """Write a file so that it is there whole, or not at all, whatever happens.

    Without *syncs_folder* its name lasts only when its folder is synced (`sync_folder`).
    """
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # a disk that is full has no room for halves
        raise
    if syncs_folder:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def files_of(folder: Path) -> Iterator[Path]:
    """Yield every file of a store, but its own few: those that no manifest lists can go."""
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            yield Path(root) / name
