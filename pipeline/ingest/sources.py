"""Paths to readable sources: walking, rotation order, decompression, refusal of what is not a log.

A `Source` is one physical file; a `Stream` is a file with its rotated predecessors, oldest first,
which `lines` reads as one. What a source is called (service, container) is `identity`'s work.
"""

import bz2
import glob
import gzip
import hashlib
import io
import lzma
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO

import zstandard

from pipeline.errors import UsageError
from pipeline.ingest.docker_local import ENCODING as DOCKER_LOCAL
from pipeline.ingest.docker_local import is_docker_local, open_docker_local

STDIN = "-"
HEAD_BYTES = 4096
MAX_FOLDER_DEPTH = 32
MAX_FILE_COUNT = 100_000
# A compressed file may grow by this much; beyond it is a decompression bomb, not a log.
MAX_DECOMPRESSED_BYTES = 20 * 2**30

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
_FOREIGN = {
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a SQLite database",
    b"\x7fELF": "an executable",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive",
}
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xef\xbb\xbf", "utf-8"),
)
# Files that lie beside logs in Docker's and Kubernetes' folders and are not logs.
_NEIGHBOURS = {"config.v2.json", "hostconfig.json"}

# `.2.gz`, `.1`, `.2016-12-19-16`, `-20240501.gz`, `.20240501-101010.gz`: what rotation appends.
_ROTATED = re.compile(
    r"(?P<base>.+?)[.-](?P<number>[0-9]{1,3}|[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_]?[0-9]{2,6})?)$"
)
_COMPRESSED = re.compile(r"\.(gz|zst|zstd|bz2|xz|lzma)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One physical file as found: *path* is shown to people, *error* says why it is not read."""

    path: str
    size: int | None
    modified: datetime | None
    compression: str | None
    encoding: str
    sha256_head: str | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A file and its rotated predecessors, oldest first; *name* is the path without endings."""

    name: str
    sources: tuple[Source, ...]


def find_streams(
    paths: Iterable[str], *, skip: Iterable[Path] = (), input_encoding: str | None = None
) -> list[Stream]:
    """Resolve *paths* (files, folders, globs, "-") to streams in path order.

    Folders are walked recursively in path order, without dot files and without the folders in
    *skip* (our own output). A file reached twice, by a link or by two arguments, is read once,
    under the first path in order. Raises `UsageError` for a path that does not exist.
    """
    found: dict[str, Path] = {}
    skipped = {os.path.realpath(folder) for folder in skip}
    for text in paths:
        for path in _expand(text):
            if text == STDIN:
                found[STDIN] = Path(STDIN)
            elif path.is_dir():
                found.update((str(file), file) for file in _walk(path, skipped))
            else:
                found[str(path)] = path
    if len(found) > MAX_FILE_COUNT:
        raise UsageError(
            f"{len(found):,} files are more than the {MAX_FILE_COUNT:,} that one run reads",
            hint="name the folders that matter, or run once for each",
        )
    return _group(_without_aliases(found), input_encoding)


@contextmanager
def open_source(source: Source) -> Iterator[BufferedIOBase]:
    """Open *source* for reading its decompressed bytes."""
    if source.path == STDIN:
        yield sys.stdin.buffer  # type: ignore[misc]
        return
    with _open_regular(source.path) as raw:
        content = _decompressed(raw, source.compression)
        yield open_docker_local(content) if source.encoding == DOCKER_LOCAL else content


def _decompressed(raw: BinaryIO, compression: str | None) -> BufferedIOBase:
    match compression:
        case "gzip":
            return gzip.GzipFile(fileobj=raw)
        case "bzip2":
            return bz2.BZ2File(raw)
        case "xz":
            return lzma.LZMAFile(raw)
        case "zstd":
            reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            return io.BufferedReader(reader, 1 << 18)
        case _:
            return raw  # type: ignore[return-value]


READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


def _expand(text: str) -> list[Path]:
    if text == STDIN or os.path.lexists(text):
        return [Path(text)]
    # Path.glob takes no absolute pattern.
    matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207
    if not matches:
        raise UsageError(f"no such file or folder: {text!r}", hint=_nearby(text))
    return [Path(match) for match in matches]


def _nearby(text: str) -> str:
    parent = Path(text).parent
    if not parent.is_dir():
        return "check the path; the folder above it does not exist either"
    names = sorted(entry.name for entry in parent.iterdir())[:5]
    return f"{parent} holds {', '.join(names)}" if names else f"{parent} is empty"


def _walk(folder: Path, skipped: set[str]) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    pending = [(folder, 0)]
    while pending:
        current, depth = pending.pop()
        try:
            status = current.stat()
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError:
            yield current  # reported as unreadable where it is opened
            continue
        identity = (status.st_dev, status.st_ino)
        if identity in seen or depth > MAX_FOLDER_DEPTH or os.path.realpath(current) in skipped:
            continue
        seen.add(identity)
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _NEIGHBOURS:
                continue
            path = current / entry.name
            if entry.is_dir():
                pending.append((path, depth + 1))
            else:
                yield path


def _without_aliases(found: dict[str, Path]) -> list[str]:
    names: dict[object, str] = {}
    for name in sorted(found):
        try:
            status = found[name].stat()
            identity: object = (status.st_dev, status.st_ino)
        except OSError:
            identity = name
        names.setdefault(STDIN if name == STDIN else identity, name)
    return sorted(names.values())


def _group(names: list[str], input_encoding: str | None) -> list[Stream]:
    groups: dict[str, list[tuple[tuple[int, int, str], str]]] = {}
    for name in names:
        base, order = rotation_key(name)
        groups.setdefault(base, []).append((order, name))
    return [
        Stream(base, tuple(_inspect(name, input_encoding) for _, name in sorted(members)))
        for base, members in sorted(groups.items())
    ]


def rotation_key(path: str) -> tuple[str, tuple[int, int, str]]:
    """Split *path* into its stream's name and a key that sorts rotated files oldest first.

    >>> rotation_key("a/api.log.2.gz")[0], rotation_key("a/server.log.2016-12-19-16")[0]
    ('a/api.log', 'a/server.log')
    """
    folder, _, file = path.rpartition("/")
    stem = _COMPRESSED.sub("", file)
    match = _ROTATED.match(stem)
    # `0.log` of Kubernetes is a name, not a rotation; a rotated file keeps a dot in what remains.
    if match is None or "." not in match["base"]:
        return f"{folder}/{stem}" if folder else stem, (2, 0, "")
    number = match["number"]
    order = (0, 0, number) if len(number) > 3 else (1, -int(number), "")
    base = match["base"]
    return f"{folder}/{base}" if folder else base, order


def _inspect(path: str, input_encoding: str | None) -> Source:
    if path == STDIN:
        return Source(path, None, None, None, input_encoding or "utf-8", None)
    try:
        with _open_regular(path) as raw:
            status = os.fstat(raw.fileno())
            modified = datetime.fromtimestamp(status.st_mtime, UTC)
            start = raw.read(HEAD_BYTES)
    except OSError as error:
        return _refused(path, None, None, f"cannot be read: {error.strerror or error}")
    compression = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    plain = Source(path, status.st_size, modified, compression, "utf-8", None)
    try:
        with open_source(plain) as content:
            head = _head(content)
    except READ_ERRORS as error:
        return _refused(
            path, status.st_size, modified, f"not a readable {compression} file: {error}"
        )
    if is_docker_local(head):
        digest = hashlib.sha256(head).hexdigest()
        return Source(path, status.st_size, modified, compression, DOCKER_LOCAL, digest)
    if reason := _foreign(head):
        return _refused(path, status.st_size, modified, reason)
    digest = hashlib.sha256(head).hexdigest()
    encoding = input_encoding or _encoding(head)
    return Source(path, status.st_size, modified, compression, encoding, digest)


def _head(content: BufferedIOBase) -> bytes:
    """Read the first bytes; of an archive that breaks off sooner, what comes before the break."""
    head = b""
    try:
        # One read of the file below at a time: what it gave before it failed is kept.
        while len(head) < HEAD_BYTES and (part := content.read1(HEAD_BYTES - len(head))):
            head += part
    except READ_ERRORS:
        if not head:
            raise
    return head


def _refused(path: str, size: int | None, modified: datetime | None, error: str) -> Source:
    return Source(path, size, modified, None, "utf-8", None, error)


def _open_regular(path: str) -> BinaryIO:
    # Opening a FIFO would block for ever and /dev/zero never ends: only regular files are read.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "not a regular file")
    return os.fdopen(descriptor, "rb")


def _foreign(head: bytes) -> str | None:
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            return f"not a log: {what}"
    if len(head) > 262 and head[257:262] == b"ustar":
        return "not read: a tar archive"
    if _encoding(head) != "utf-8" or not head:
        return None
    # A machine that went down leaves runs of NUL in the logs that it was writing.
    text = re.sub(rb"\x00{16,}", b"", head.lstrip(b"\x00")) or b"\x00"
    control = sum(text.count(byte) for byte in _CONTROL)
    return "not a log: binary content" if control > len(text) * 0.1 else None


_CONTROL = [bytes([code]) for code in range(32) if code not in (9, 10, 13, 27)]


def _encoding(head: bytes) -> str:
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    sample = head[: len(head) // 2 * 2]
    if len(sample) >= 8:
        even, odd = sample[0::2].count(0), sample[1::2].count(0)
        half = len(sample) / 2
        if odd > 0.6 * half and even < 0.05 * half:
            return "utf-16-le"
        if even > 0.6 * half and odd < 0.05 * half:
            return "utf-16-be"
    return "utf-8"
