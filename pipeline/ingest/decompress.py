"""Bytes of a source, front to back: a stretch of a file, or what it holds compressed.

What a damaged or truncated file still gives is given to the last byte, then `BrokenOff` says why
there is no more. Nothing is ever decompressed whole: a part is at most `PART_BYTES` long, and what
a small file may become is limited.
"""

import bz2
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import zstandard

PART_BYTES = 2**20
_READ_BYTES = 2**16
# bzip2 and xz lose what the failing call had decompressed: their calls are kept small.
_SMALL_PART_BYTES = 2**14

# What one compressed file, and all of a run, may become: beyond it is a bomb, not a log.
MAX_FILE_BYTES = 20 * 2**30
MAX_RUN_BYTES = 100 * 2**30
# Repetitive logs shrink a thousandfold by right; a ratio alone condemns nothing that is small.
MAX_RATIO = 2000
RATIO_FREE_BYTES = 2**30
# `zstd --long` and `xz -9` stay below; more memory than this is asked for by nothing that is a log.
MAX_WINDOW_BYTES = 2**27
_ZSTD_BLOCK_BYTES = 2**17

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MAGIC = (
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), "zstd"),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bzip2"),
    (re.compile(rb"\xfd7zXZ\x00"), "xz"),
    # The old form has no magic: properties, dictionary size, and a length (unknown: all ones).
    (re.compile(rb"\x5d\x00\x00..(?:\xff{8}|.{4}\x00{4})", re.DOTALL), "lzma"),
)


class BrokenOff(Exception):  # a state of the input, and the name says which
    """A source ends before its end; the message is the reason."""


READ_ERRORS = (OSError, BrokenOff)


class Raw(Protocol):
    """The bytes of a source as they are stored."""

    @property
    def consumed(self) -> int:
        """Bytes that were read or passed over."""
        ...

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, b"" at the end."""
        ...

    def skip_hole(self) -> int:
        """Pass over a stretch that the file system knows to be NUL; return its length."""
        ...


class Span:
    """Bytes *start* to *end* of an open file; a file that grows meanwhile is read to *end*."""

    def __init__(self, descriptor: int, start: int, end: int) -> None:
        self._descriptor = descriptor
        self._start = start
        self._at = start
        self._end = end

    @property
    def consumed(self) -> int:
        """Bytes that were read or passed over."""
        return self._at - self._start

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, b"" at the end; raise `BrokenOff` if the file shrank."""
        part = os.pread(self._descriptor, min(size, self._end - self._at), self._at)
        if not part and self._at < self._end:
            missing = self._end - self._at
            raise BrokenOff(f"the file became {missing:,} bytes shorter while it was read")
        self._at += len(part)
        return part

    def skip(self, size: int) -> None:
        """Pass over *size* bytes without reading them."""
        self._at = min(self._at + size, self._end)

    def skip_hole(self) -> int:
        """Pass over a stretch that the file system knows to be NUL; return its length."""
        try:
            data = os.lseek(self._descriptor, self._at, os.SEEK_DATA)
        except OSError:  # ENXIO: nothing but a hole follows; or the file system does not know
            size = os.fstat(self._descriptor).st_size
            data = self._at if self._at >= size else self._hole_end(size)
        passed = min(max(data, self._at), self._end) - self._at
        self._at += passed
        return passed

    def _hole_end(self, size: int) -> int:
        try:
            hole = os.lseek(self._descriptor, self._at, os.SEEK_HOLE)
        except OSError:
            return self._at
        return size if hole == self._at else self._at


class Piped:
    """Standard input: *head* was read ahead to see what it is."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest
        self.consumed = 0

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, b"" at the end."""
        part, self._head = self._head[:size], self._head[size:]
        part = part or read_some(self._rest, size)
        self.consumed += len(part)
        return part

    def skip_hole(self) -> int:
        """Return 0: a pipe has no holes."""
        return 0


def read_some(file: BinaryIO, size: int) -> bytes:
    """Read once from *file*: what is there, at most *size* bytes."""
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return read(size)


class Content:
    """What a source holds, decompressed; `read1` gives it front to back."""

    def __init__(self, raw: Raw, parts: Iterator[bytes] | None = None) -> None:
        self._raw = raw
        self._parts = parts
        self._part = b""
        self._error: BrokenOff | OSError | None = None

    def read1(self, size: int) -> bytes:
        """Return up to *size* bytes, b"" at the end; raise one of `READ_ERRORS` at a break."""
        if self._parts is None:
            return self._raw.read(size)
        if not self._part:
            self._part = self._next_part(self._parts)
        part = self._part
        if len(part) <= size:
            self._part = b""
            return part
        self._part = part[size:]
        return part[:size]

    @classmethod
    def of(cls, parts: Iterator[bytes]) -> "Content":
        """Return *parts*, made from other content, as content."""
        return cls(Piped(b"", io.BytesIO()), parts)

    def read(self, size: int) -> bytes:
        """Return *size* bytes, fewer only at the end."""
        data = self.read1(size)
        while len(data) < size and (more := self.read1(size - len(data))):
            data += more
        return data

    def skip(self, size: int) -> None:
        """Pass over *size* bytes, fewer only at the end; those of a plain file are not read."""
        if self._parts is None and isinstance(self._raw, Span):
            self._raw.skip(size)
            return
        while size > 0 and (part := self.read1(min(size, PART_BYTES))):
            size -= len(part)

    def _next_part(self, parts: Iterator[bytes]) -> bytes:
        if self._error is not None:
            raise self._error
        try:
            return next((part for part in parts if part), b"")
        except READ_ERRORS as error:
            self._error = error
            raise

    def skip_hole(self) -> int:
        """Pass over NUL bytes that are known without reading; return how many."""
        return self._raw.skip_hole() if self._parts is None else 0


@dataclass(slots=True)
class Budget:
    """How many decompressed bytes may still come; shared by all sources that it is given to."""

    left: int
    limit: int

    @classmethod
    def of(cls, limit: int) -> "Budget":
        """Return a budget of *limit* bytes of which nothing is spent."""
        return cls(limit, limit)

    def spend(self, size: int) -> None:
        """Take *size* bytes; raise `BrokenOff` when there are not as many."""
        self.left -= size
        if self.left < 0:
            raise BrokenOff(f"stopped: more than {self.limit:,} decompressed bytes")


def compression_of(head: bytes) -> str | None:
    """Return how the content that begins with *head* is compressed, null if it is not.

    >>> compression_of(bytes.fromhex("1f8b08")), compression_of(b"BZhou said")
    ('gzip', None)
    """
    return next((name for magic, name in _MAGIC if magic.match(head)), None)


def decompressed(raw: Raw, compression: str | None, *budgets: Budget) -> Content:
    """Return the content of *raw*, which is compressed by *compression* (of `compression_of`).

    *budgets* are charged with what comes out, next to the limits of one file.
    """
    if compression is None:
        return Content(raw)
    parts = _UNPACKERS[compression](raw.read)
    return Content(raw, limited(parts, raw, *budgets))


def limited(parts: Iterator[bytes], raw: Raw, *budgets: Budget) -> Iterator[bytes]:
    """Pass *parts* on until they are more than *raw*, which they come from, may become."""
    total = 0
    own = Budget.of(MAX_FILE_BYTES)
    for part in parts:
        total += len(part)
        for budget in (own, *budgets):
            budget.spend(len(part))
        if total > RATIO_FREE_BYTES and total > MAX_RATIO * max(raw.consumed, 1):
            raise BrokenOff(
                f"stopped: {raw.consumed:,} compressed bytes became more than {MAX_RATIO:,} times "
                "as many"
            )
        yield part


Read = Callable[[int], bytes]


def _gzip(read: Read) -> Iterator[bytes]:
    data = read(_READ_BYTES)
    while data:
        data = yield from inflated(read, data, wbits=31)
        data = _next_member(read, data, b"\x1f\x8b", "gzip")


def _next_member(read: Read, data: bytes, magic: bytes, name: str) -> bytes:
    """Return what begins the next member; padding of NUL between and after them is usual."""
    data = data.lstrip(b"\0")
    while len(data) < len(magic) and (more := read(_READ_BYTES)):
        data = (data + more).lstrip(b"\0")
    if data and not data.startswith(magic):
        raise BrokenOff(f"what follows the compressed data is not {name}")
    return data


def inflated(read: Read, data: bytes, *, wbits: int) -> Generator[bytes, None, bytes]:
    """Yield one deflate stream that begins with *data*; return what follows it."""
    unpacker = zlib.decompressobj(wbits)
    while True:
        saved = unpacker.copy()
        try:
            part = unpacker.decompress(data, PART_BYTES)
        except zlib.error as error:
            yield from _before_error(saved, data)
            raise BrokenOff(f"the compressed data is damaged ({error})") from error
        if part:
            yield part
        if unpacker.eof:
            return unpacker.unused_data  # the caller goes on with it
        data = unpacker.unconsumed_tail or read(_READ_BYTES)
        if not data:
            yield unpacker.flush()
            raise BrokenOff("the compressed data is cut off")


def _before_error(unpacker: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    # A call that fails gives nothing of what it had decompressed: byte by byte, only one is lost.
    for at in range(len(data)):
        try:
            if part := unpacker.decompress(data[at : at + 1]):
                yield part
        except zlib.error:
            return


class _Feed:
    """Reads exact lengths out of short reads."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._data = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""
        while len(self._data) - self._at < size and (more := self._read(_READ_BYTES)):
            self._data = self._data[self._at :] + more
            self._at = 0
        return self._data[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """Return the next *size* bytes and pass over them; raise `BrokenOff` at the end."""
        data = self.peek(size)
        self._at += len(data)
        if len(data) < size:
            raise BrokenOff("the compressed data is cut off")
        return data

    def skip(self, size: int) -> None:
        """Pass over *size* bytes."""
        while size:
            size -= len(self.take(min(size, _READ_BYTES)))


def _zstd(read: Read) -> Iterator[bytes]:
    """Yield block by block: a block is at most 128 KiB of text, where a call on 64 KiB of input
    could give 2 GiB; and the end of input within a frame is not the end of the frame.
    """
    feed = _Feed(read)
    while head := feed.peek(18):  # the longest header of a frame
        if int.from_bytes(head[:4], "little") & 0xFFFFFFF0 == 0x184D2A50:
            feed.take(4)
            feed.skip(int.from_bytes(feed.take(4), "little"))
        elif head.startswith(_ZSTD_MAGIC):
            yield from _zstd_frame(feed, head)
        elif head.strip(b"\0"):
            raise BrokenOff("what follows the compressed data is not zstd")
        else:
            feed.take(len(head))


def _zstd_frame(feed: _Feed, head: bytes) -> Iterator[bytes]:
    try:
        parameters = zstandard.get_frame_parameters(head)
        header = feed.take(zstandard.frame_header_size(head))
    except zstandard.ZstdError as error:
        reason = "is cut off" if len(head) < 18 else f"is damaged ({error})"
        raise BrokenOff(f"the compressed data {reason}") from error
    if parameters.window_size > MAX_WINDOW_BYTES:
        raise BrokenOff(
            f"it needs a window of {parameters.window_size:,} bytes; more than "
            f"{MAX_WINDOW_BYTES:,} are not given (compress it with --long=27 or less)"
        )
    if parameters.dict_id:
        raise BrokenOff(f"it needs the dictionary {parameters.dict_id}")
    unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).decompressobj()
    pending = header
    is_last = False
    while not is_last:
        start = feed.take(3)
        number = int.from_bytes(start, "little")
        is_last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
        if kind == 3 or (kind != 1 and size > _ZSTD_BLOCK_BYTES):
            raise BrokenOff("the compressed data is damaged (no such block)")
        yield _zstd_block(unpacker, pending + start + feed.take(1 if kind == 1 else size))
        pending = b""
    if parameters.has_checksum:
        yield _zstd_block(unpacker, feed.take(4))


def _zstd_block(unpacker: "zstandard.ZstdDecompressionObj", data: bytes) -> bytes:
    try:
        return unpacker.decompress(data)
    except zstandard.ZstdError as error:
        raise BrokenOff(f"the compressed data is damaged ({error})") from error


def _in_streams(
    read: Read,
    new: Callable[[], "bz2.BZ2Decompressor | lzma.LZMADecompressor"],
    magic: bytes,
    name: str,
) -> Iterator[bytes]:
    data = read(_READ_BYTES)
    while data:
        unpacker = new()
        while not unpacker.eof:
            try:
                part = unpacker.decompress(data, _SMALL_PART_BYTES)
            except (OSError, lzma.LZMAError) as error:
                raise BrokenOff(f"the compressed data is damaged ({error})") from error
            data = b""
            if part:
                yield part
            elif unpacker.needs_input and not (data := read(_READ_BYTES)):
                raise BrokenOff("the compressed data is cut off")
        data = _next_member(read, unpacker.unused_data, magic, name)


def _bzip2(read: Read) -> Iterator[bytes]:
    return _in_streams(read, bz2.BZ2Decompressor, b"BZh", "bzip2")


def _xz(read: Read) -> Iterator[bytes]:
    def new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2 * MAX_WINDOW_BYTES)

    return _in_streams(read, new, b"\xfd7zXZ\x00", "xz")


def _lzma(read: Read) -> Iterator[bytes]:
    def new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=2 * MAX_WINDOW_BYTES)

    return _in_streams(read, new, b"\x5d\x00\x00", "lzma")


_UNPACKERS: dict[str, Callable[[Read], Iterator[bytes]]] = {
    "gzip": _gzip,
    "zstd": _zstd,
    "bzip2": _bzip2,
    "xz": _xz,
    "lzma": _lzma,
}
