"""Stretches of sources by their offset: what evidence is made of, and the lines around it.

Offsets count decompressed bytes, as in the events. A plain file is sought in; what is compressed
is decompressed up to the last stretch that is asked for.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.ingest.decompress import READ_ERRORS, Content
from pipeline.ingest.docker_local import ENCODING as DOCKER_LOCAL
from pipeline.ingest.encodings import UTF8, unit_bytes
from pipeline.ingest.sources import Source, open_source

# A record of this size is a mistake of its writer; its beginning tells it from others as well.
MAX_SEGMENT_BYTES = 2**24
_HASH_BYTES = 16
_PART_BYTES = 2**20
# A line is looked for this far around a stretch.
_CONTEXT_BYTES = 2**16
# How long a needle must be to stand for a line, and how much of it is looked for.
_NEEDLE_LEAST, _NEEDLE_MOST = 8, 80
_NEEDLE = re.compile(r"[A-Za-z0-9 _.,:;/=()-]+")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """Bytes *byte_offset* to *byte_offset* + *byte_length* of a source, decompressed."""

    byte_offset: int
    byte_length: int


def segment_hash(data: bytes) -> str:
    """Return the hash by which a stretch is known again: BLAKE2b, 16 bytes, as hex."""
    return hashlib.blake2b(data, digest_size=_HASH_BYTES).hexdigest()


def read_segments(source: Source, wanted: Iterable[Segment]) -> Iterator[tuple[Segment, bytes]]:
    """Yield each of *wanted* with its bytes, in their order in the source.

    Bytes are fewer where the source ends before; those that lie after a break are not yielded.
    """
    buffer, base = b"", 0
    try:
        with open_source(replace(source, budget=None)) as content:
            for segment in sorted(set(wanted)):
                start = segment.byte_offset
                size = min(segment.byte_length, MAX_SEGMENT_BYTES)
                if start > base + len(buffer):
                    content.skip(start - base - len(buffer))
                    buffer, base = b"", start
                buffer, base = buffer[start - base :], start
                buffer += _exactly(content, size - len(buffer))
                yield segment, buffer[:size]
    except READ_ERRORS:
        return


def _exactly(content: Content, size: int) -> bytes:
    parts = []
    while size > 0 and (part := content.read1(min(size, _PART_BYTES))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Lines of a source around a stretch, decoded; *lines* are those that it lies in."""

    before: list[str]
    lines: list[str]
    after: list[str]


def read_around(source: Source, segment: Segment, count: int) -> Surroundings | None:
    """Return the lines of *segment* with *count* lines on either side; None when it is not there.

    Lines that are longer than 64 KiB are cut towards the outside.
    """
    start = max(0, segment.byte_offset - _CONTEXT_BYTES)
    size = min(segment.byte_length, MAX_SEGMENT_BYTES)
    wide = Segment(start, segment.byte_offset - start + size + _CONTEXT_BYTES)
    data = next((data for _, data in read_segments(source, [wide])), b"")
    at = segment.byte_offset - start
    if len(data) <= at:
        return None
    encoding = UTF8 if source.encoding == DOCKER_LOCAL else source.encoding
    before, own, after = (
        part.decode(encoding, "backslashreplace")
        for part in (data[:at], data[at : at + size], data[at + size :])
    )
    head, _, begun = before.rpartition("\n")
    rest, _, tail = ("", "", after) if own.endswith("\n") else after.partition("\n")
    own_lines = (begun + own + rest).rstrip("\n").split("\n")
    earlier = head.split("\n")[-count:] if head and count else []
    later = tail.rstrip("\n").split("\n")[:count] if tail.strip("\n") and count else []
    return Surroundings(_tidy(earlier), _tidy(own_lines), _tidy(later))


def _tidy(lines: Iterable[str]) -> list[str]:
    return [line.rstrip("\r").lstrip("\ufeff") for line in lines]


def needle_of(text: str) -> bytes | None:
    """Return a stretch of *text* that stands in its source as it is, whatever wraps it.

    Quotes, backslashes and other letters may be escaped there; None where too little is left.
    """
    found = [run.strip() for run in _NEEDLE.findall(text.split("\n", 1)[0])]
    longest = max(found, key=len, default="")
    return longest[:_NEEDLE_MOST].encode() if len(longest) >= _NEEDLE_LEAST else None


def find_segments(
    source: Source, wanted: Sequence[tuple[str, int, bytes | None]]
) -> dict[str, int]:
    """Look for stretches by their content: hash, length and needle; return offsets by hash.

    A stretch begins where a line does, and its needle lies in it.
    """
    left = [one for one in wanted if one[2]]
    found: dict[str, int] = {}
    if unit_bytes(source.encoding) > 1 or not left:
        return found
    overlap = min(MAX_SEGMENT_BYTES, 2 * max(length for _, length, _ in left) + _CONTEXT_BYTES)
    buffer, base = b"", 0
    try:
        with open_source(replace(source, budget=None)) as content:
            while part := _exactly(content, 8 * _PART_BYTES + overlap):
                buffer += part
                for digest, length, needle in left:
                    if digest not in found and needle:
                        at = _find(buffer, digest, length, needle)
                        if at is not None:
                            found[digest] = base + at
                base += max(0, len(buffer) - overlap)
                buffer = buffer[-overlap:]
    except READ_ERRORS:
        pass
    return found


def _find(data: bytes, digest: str, length: int, needle: bytes) -> int | None:
    at = data.find(needle)
    while at >= 0:
        # The needle is of the body's first line, so of one of the first lines of the stretch.
        start = data.rfind(b"\n", 0, at) + 1
        if segment_hash(data[start : start + length]) == digest:
            return start
        at = data.find(needle, at + 1)
    return None
