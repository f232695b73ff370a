"""Members of tar and zip archives as stretches of a file: nothing is extracted, no name is a path.

A compressed tar is decompressed once into an unnamed temporary file, since its members are read in
another order than they lie in it. Links, devices and archives in archives are left out, and
counted.
"""

import os
import re
import stat
import struct
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, BinaryIO, cast

from pipeline.ingest.decompress import (
    MAX_FILE_BYTES,
    PART_BYTES,
    READ_ERRORS,
    BrokenOff,
    Budget,
    Content,
    Raw,
    Span,
    decompressed,
    inflated,
    limited,
)

MAX_MEMBERS = 10_000
SEPARATOR = "!"
# A header is a few hundred bytes; one that claims more wants memory, not to be read.
_MAX_HEADER_BYTES = 2**20
# Each entry of a zip's directory takes some fifty bytes, and is held in memory.
_MAX_ZIP_ENTRIES = 100_000
# What the readers of directories raise on one that was damaged or made to hurt.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,
    OSError,
    ValueError,
    ArithmeticError,
    LookupError,
    struct.error,
)
_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: *start* and *size* as it is stored, *method* and *crc* of a zip."""

    name: str
    modified: datetime | None
    start: int
    size: int
    method: int = _STORED
    crc: int | None = None
    is_cut: bool = False


@dataclass(slots=True)
class Listing:
    """The members of an archive; *left_out* counts what was not listed, by kind."""

    members: list[Member] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    error: str | None = None


def archive_kind(head: bytes) -> str | None:
    """Return "tar" or "zip" when content that begins with *head* is one, else null."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    # The checksum of the first header also tells tars that are older than the magic.
    if len(head) < 512 or not re.fullmatch(rb"[ 0-7\x00]{8}", head[148:156]):
        return None
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None
    return "tar"


class Archive:
    """An archive in a file that is open; as long as it lives, its members can be read."""

    def __init__(self, file: BinaryIO, kind: str, compression: str | None) -> None:
        self.kind = kind
        self.error: str | None = None
        self.budget = Budget.of(MAX_FILE_BYTES)
        self._file = file if compression is None else self._spooled(file, compression)
        self._size = os.fstat(self._file.fileno()).st_size
        weakref.finalize(self, self._file.close)

    def _spooled(self, file: BinaryIO, compression: str) -> BinaryIO:
        size = os.fstat(file.fileno()).st_size
        content = decompressed(Span(file.fileno(), 0, size), compression)
        spool = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # closed with self
        try:
            while part := content.read1(PART_BYTES):
                spool.write(part)
        except READ_ERRORS as error:
            self.error = str(error)
        finally:
            file.close()
        spool.flush()
        return spool

    def listing(self) -> Listing:
        """List the members that can be logs, in the order of the archive."""
        listing = Listing(error=self.error)
        found = self._tar(listing) if self.kind == "tar" else self._zip(listing)
        try:
            for member in found:
                if len(listing.members) == MAX_MEMBERS:
                    listing.error = f"only the first {MAX_MEMBERS:,} members are read"
                    break
                listing.members.append(member)
        except _DAMAGE as error:
            listing.error = listing.error or f"the archive is damaged ({error})"
        return listing

    def _tar(self, listing: Listing) -> Iterator[Member]:
        self._file.seek(0)
        bounded = cast("IO[bytes]", _Bounded(self._file))
        with tarfile.open(fileobj=bounded, mode="r:", errors="surrogateescape") as tar:
            while (info := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # else each is kept
                if reason := _left_out(info):
                    listing.left_out[reason] += 1
                elif info.isreg() and (name := _label(info.name)):
                    yield self._tar_member(info, name)
            self._file.seek(tar.offset)
            if self._file.read(tarfile.BLOCKSIZE).strip(b"\0"):
                raise tarfile.ReadError(f"no header at byte {tar.offset:,}")

    def _tar_member(self, info: tarfile.TarInfo, name: str) -> Member:
        size = max(0, min(info.size, self._size - info.offset_data))
        return Member(name, _moment(info.mtime), info.offset_data, size, is_cut=size < info.size)

    def _zip(self, listing: Listing) -> Iterator[Member]:
        self._refuse_vast_directory()
        with zipfile.ZipFile(self._file) as archive:
            entries = archive.infolist()
        for info in entries:
            mode = info.external_attr >> 16
            name = _label(info.filename)
            if info.is_dir() or not name:
                continue
            if info.flag_bits & 1:
                listing.left_out["encrypted file"] += 1
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                listing.left_out["link" if stat.S_ISLNK(mode) else "special file"] += 1
            elif info.compress_type not in _METHODS:
                listing.left_out["file compressed in an unusual way"] += 1
            else:
                yield self._zip_member(info, name)

    def _refuse_vast_directory(self) -> None:
        # Python reads the whole directory before it can be asked how long it is.
        self._file.seek(max(0, self._size - 2**16 - 22))
        tail = self._file.read()
        at = tail.rfind(b"PK\x05\x06")
        size = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
        if size != 0xFFFFFFFF and size > _MAX_ZIP_ENTRIES * 200:
            raise zipfile.BadZipFile(f"its directory claims {size:,} bytes")

    def _zip_member(self, info: zipfile.ZipInfo, name: str) -> Member:
        year, month, day, hour, minute, second = info.date_time
        try:
            modified = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        except ValueError:
            modified = None
        header = os.pread(self._file.fileno(), 30, info.header_offset)
        if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
            raise zipfile.BadZipFile(f"no file at byte {info.header_offset:,}")
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        start = info.header_offset + 30 + lengths
        size = max(0, min(info.compress_size, self._size - start))
        is_cut = size < info.compress_size
        return Member(name, modified, start, size, info.compress_type, info.CRC, is_cut)

    @contextmanager
    def open(self, member: Member) -> Iterator[Raw]:
        """Open *member* for reading it as it was put into the archive."""
        span = Span(self._file.fileno(), member.start, member.start + member.size)
        yield (
            span
            if member.crc is None and not member.is_cut
            else _Stored(Content(span, self._unpacked(span, member)))
        )

    def _unpacked(self, span: Span, member: Member) -> Iterator[bytes]:
        parts = _METHODS[member.method](span)
        crc = 0
        for part in limited(parts, span, self.budget):
            crc = zlib.crc32(part, crc)
            yield part
        if member.is_cut:
            raise BrokenOff("the archive is cut off within it")
        if member.crc is not None and crc != member.crc:
            raise BrokenOff("its checksum is wrong: some of it is damaged")


class _Stored:
    """What a member of a zip becomes, as bytes that may be compressed once more."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.consumed = 0

    def read(self, size: int) -> bytes:
        part = self._content.read1(size)
        self.consumed += len(part)
        return part

    def skip_hole(self) -> int:
        return 0


class _Bounded:
    """A file that refuses to read what only a header made for it would ask for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header claims {size:,} bytes")
        return self._file.read(size)


def _left_out(info: tarfile.TarInfo) -> str | None:
    if info.issym() or info.islnk():
        return "link"
    if info.isdev():
        return "special file"
    return "sparse file" if info.issparse() else None


def _label(name: str) -> str:
    """Return the name of a member without what would lead out of a folder; "" for hidden files."""
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")]
    return "" if any(part.startswith(".") for part in parts) else "/".join(parts)


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _plain(span: Span) -> Iterator[bytes]:
    while part := span.read(PART_BYTES):
        yield part


def _inflated(span: Span) -> Iterator[bytes]:
    yield from inflated(span.read, b"", wbits=-15)


def _bunzipped(span: Span) -> Iterator[bytes]:
    content = decompressed(span, "bzip2")
    while part := content.read1(PART_BYTES):
        yield part


_METHODS = {_STORED: _plain, _DEFLATED: _inflated, zipfile.ZIP_BZIP2: _bunzipped}
