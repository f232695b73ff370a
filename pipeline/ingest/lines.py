"""Bytes to physical lines: blocks of whole lines with their numbers and offsets.

A line ends at ``\\n`` and nowhere else. Text is decoded here, and here alone; what cannot be
decoded becomes U+FFFD and is counted. Block borders carry no meaning: every later stage gives the
same events wherever they fall.
"""

import codecs
import io
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import polars as pl
from polars.exceptions import ComputeError

from pipeline.ingest.decompress import READ_ERRORS, Content
from pipeline.ingest.docker_local import ENCODING as DOCKER_LOCAL
from pipeline.ingest.encodings import UTF8, unit_bytes
from pipeline.ingest.sources import Source, open_source

BLOCK_BYTES = 8 * 2**20
# Text beyond this in one physical line is not looked at: it is counted and cut from the event.
MAX_LINE_BYTES = 2**20
# Lines that are read backwards wait in memory up to this, then in a temporary file.
_SPILL_BYTES = 2**28

_STATE = r"[^\r]*(?:[0-9]%|it/s|B/s|s/it)[^\r]*"
_PROGRESS = rf"^\r*{_STATE}(?:\r+{_STATE})*\r*$"

# One character and one NUL in turn, for at least eight characters: UTF-16 that was appended to
# other text. Its byte-order mark, if it has one, was not decodable there.
_WIDE_WITHIN = r"^\x{FFFD}{0,2}[^\x00](?:\x00[^\x00]){7,}\x00?$"

LINES = {
    "line": pl.String,
    "line_number": pl.Int64,
    "byte_offset": pl.Int64,
    "byte_length": pl.Int64,
}


@dataclass(slots=True)
class Reading:
    """What was counted while one source was read; *error* is set when it broke off.

    *nul_byte_count* are NUL bytes that are no text: passed over before a line, replaced within.
    """

    byte_count: int = 0
    line_count: int = 0
    undecodable_byte_count: int = 0
    truncated_line_count: int = 0
    nul_byte_count: int = 0
    has_wide_lines: bool = False
    error: str | None = None
    before_open: "Reading | None" = None  # as it was before a last line without an end
    _cut: int = 0  # bytes of the line that is open which were passed over beyond the limit
    _hole: int = 0  # NUL bytes before the line that is open which were passed over


# Tells how many lines a block of bytes has; None where these are not its lines to the letter.
Look = Callable[[bytes], int | None]


class Block:
    """Whole lines of one source: `lines` has the columns `LINES`, and more after unfolding.

    *raw* are the bytes of the lines when these are the lines to the letter, else b"": some decoders
    are faster on the whole. Where nobody asks for the lines, they are not made.
    """

    def __init__(
        self, lines: pl.DataFrame | None, raw: bytes = b"", first: tuple[int, int, int] = (0, 0, 0)
    ) -> None:
        """*first*: count of lines, number and offset of the first; needed without *lines*."""
        self._lines = lines
        self.raw = raw
        if lines is None:
            self.height, self.first_number, self.first_offset = first
            self.byte_count = len(raw)
            return
        self.height = lines.height
        self.byte_count = int(lines["byte_length"].sum())
        self.first_number, self.first_offset = (
            lines.select("line_number", "byte_offset").row(0) if lines.height else (0, 0)
        )

    @property
    def lines(self) -> pl.DataFrame:
        """All lines."""
        if self._lines is None:
            self._lines = self._decoded(self.raw)
        return self._lines

    def head(self, count: int) -> pl.DataFrame:
        """Return the first *count* lines."""
        if self._lines is not None:
            return self._lines.head(count)
        size = 2**18
        while size < len(self.raw):
            some = self._decoded(self.raw[: self.raw.rfind(b"\n", 0, size) + 1])
            if some.height >= count:
                return some.head(count)
            size *= 4
        return self.lines.head(count)

    def _decoded(self, raw: bytes) -> pl.DataFrame:
        if not raw:
            return pl.DataFrame(schema=LINES)
        before = Reading(byte_count=self.first_offset, line_count=self.first_number - 1)
        return _numbered(_utf8_lines(raw, before), 0, 0, before)


def read_lines(
    source: Source, reading: Reading, block_bytes: int = BLOCK_BYTES
) -> Iterator[pl.DataFrame]:
    """Yield the frames of `read_blocks`."""
    for block in read_blocks(source, reading, block_bytes):
        yield block.lines


def read_blocks(
    source: Source, reading: Reading, block_bytes: int = BLOCK_BYTES, look: Look | None = None
) -> Iterator[Block]:
    """Yield blocks of whole lines in file order; counts go to *reading*.

    NUL bytes before a line belong to none: its offset is after them. A source that breaks off
    (truncated archive, read error) yields what could be read and leaves the reason in
    `reading.error`. With *look*, lines are only made when they are asked for.
    """
    encoding = UTF8 if source.encoding == DOCKER_LOCAL else source.encoding
    for block in _blocks(source, reading, block_bytes):
        hole, cut = reading._hole, reading._cut
        reading._hole = reading._cut = 0
        if not block.endswith(b"\n"):
            reading.before_open = replace(reading)
        is_known = look is not None and encoding == UTF8 and not (hole or cut)
        if is_known and (count := look(block)) is not None:  # type: ignore[misc]
            yield Block(None, block, (count, reading.line_count + 1, reading.byte_count))
            reading.line_count += count
            reading.byte_count += len(block)
            continue
        decoded = _decoded(block, encoding, reading)
        exact = block if decoded.is_exact else b""
        yield Block(_numbered(decoded, hole, cut, reading), exact)


def _decoded(block: bytes, encoding: str, reading: Reading) -> "_Decoded":
    if encoding == UTF8:
        return _utf8_lines(block, reading)
    if unit_bytes(encoding) > 1:
        return _wide_lines(block, encoding, reading)
    return _legacy_lines(block, encoding, reading)


def read_stretch(source: Source, start: int, end: int, first_line: int) -> Block | None:
    """Return the lines between two offsets of *source*, which lie on borders of lines.

    None where it cannot be read any more, or ends before.
    """
    try:
        with open_source(replace(source, budget=None)) as content:
            content.skip(start)
            data = _read(content, end - start)
    except READ_ERRORS:
        return None
    if len(data) != end - start:
        return None
    before = Reading(byte_count=start, line_count=first_line - 1)
    decoded = _decoded(data, source.encoding, before)
    return Block(_numbered(decoded, 0, 0, before), data if decoded.is_exact else b"")


def backwards(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the lines of *frames* last to first, in frames of the same sizes.

    Where there is a column `record`, lines of the same record keep their order.
    """
    kept: list[pl.DataFrame] = []
    places: list[tuple[int, int]] = []
    size = 0
    with tempfile.TemporaryFile() as file:
        for frame in frames:
            size += int(frame.estimated_size())
            if size <= _SPILL_BYTES:
                kept.append(frame)
                continue
            packed = io.BytesIO()
            frame.write_ipc(packed, compression="lz4")
            places.append((file.tell(), packed.tell()))
            file.write(packed.getbuffer())
        for place, length in reversed(places):
            file.seek(place)
            yield _backward(pl.read_ipc(io.BytesIO(file.read(length))))
    for frame in reversed(kept):
        yield _backward(frame)


def _backward(frame: pl.DataFrame) -> pl.DataFrame:
    if "record" not in frame.columns:
        return frame.reverse()
    return frame.sort("record", descending=True, maintain_order=True).drop("record")


def last_states(text: pl.Series) -> pl.Series:
    """Reduce each progress bar, whose states overwrite each other after a CR, to its last state.

    Text in which any part between two CRs does not look like a progress bar stays as it is.
    """
    is_bar = text.str.contains("\r", literal=True) & text.str.contains(_PROGRESS)
    if not is_bar.any():
        return text
    return text.str.extract(r"([^\r]+)\r*$").zip_with(is_bar.fill_null(False), text)


# ---- blocks ---------------------------------------------------------------------------------


def _blocks(source: Source, reading: Reading, size: int) -> Iterator[bytes]:
    width = unit_bytes(source.encoding)
    newline = "\n".encode(source.encoding) if width > 1 else b"\n"
    size += -size % 4  # no character of UTF-16 or UTF-32 lies on a border
    carry = b""
    try:
        with open_source(source) as content:
            if reading.byte_count:
                content.skip(reading.byte_count)
            while chunk := _read(content, size):
                if width == 1 and not carry:
                    chunk = _after_hole(chunk, content, reading)
                if reading._cut:
                    chunk = _after_cut(chunk, newline, reading)
                if (end := _last_newline(chunk, newline, width)) < 0:
                    carry = _extend(carry, chunk, source.encoding, reading)
                    continue
                yield b"".join((carry, memoryview(chunk)[:end]))
                carry = chunk[end:]
                if width == 1:
                    carry = _after_hole(carry, None, reading)
    except READ_ERRORS as error:
        what = getattr(error, "strerror", None) or error
        reading.error = (
            f"broke off after {reading.byte_count + len(carry):,} bytes: {what}"
            if reading.byte_count or carry
            else f"cannot be read: {what}"
        )
    if carry or reading._hole:
        # A hole that nothing follows is a line as well, and blank.
        yield carry or _last_of_hole(reading)


def _read(content: Content, size: int) -> bytes:
    # Pipes and decompressors return short reads; blocks of one size keep the cost per block low.
    parts, missing = [], size
    try:
        while missing > 0 and (part := content.read1(missing)):
            parts.append(part)
            missing -= len(part)
    except READ_ERRORS:
        # What came before the break is read; the next call meets the error again.
        if not parts:
            raise
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _after_hole(chunk: bytes, content: Content | None, reading: Reading) -> bytes:
    """Pass over NUL bytes at the start of a line: a file that was truncated under its writer
    begins with as many as it was long.
    """
    if not chunk.startswith(b"\x00"):
        return chunk
    rest = chunk.lstrip(b"\x00")
    reading._hole += len(chunk) - len(rest)
    if not rest and content is not None:
        reading._hole += content.skip_hole()
    return rest


def _last_of_hole(reading: Reading) -> bytes:
    reading._hole -= 1
    return b"\x00"


def _after_cut(chunk: bytes, newline: bytes, reading: Reading) -> bytes:
    """Pass over the rest of a line of which all that is kept is already there."""
    at = chunk.find(newline)
    while at > 0 and at % len(newline):
        at = chunk.find(newline, at + 1)
    passed = len(chunk) if at < 0 else at
    reading._cut += passed
    return chunk[passed:]


def _last_newline(chunk: bytes, newline: bytes, width: int) -> int:
    """Return the offset after the last line end in *chunk*, or -1."""
    end = len(chunk)
    while (at := chunk.rfind(newline, 0, end)) >= 0:
        if at % width == 0:
            return at + width
        end = at + width - 1
    return -1


def _extend(carry: bytes, chunk: bytes, encoding: str, reading: Reading) -> bytes:
    # A line longer than a block: the head is kept, the rest is only counted.
    whole = carry + chunk[: max(MAX_LINE_BYTES + 8 - len(carry), 0)]
    if len(whole) <= MAX_LINE_BYTES + 4 or reading._cut:
        return whole  # what is more by one character may be a CR that belongs to the end
    kept = _head(whole, encoding)
    reading._cut += len(carry) + len(chunk) - len(kept)
    return kept


def _head(line: bytes, encoding: str) -> bytes:
    """Return the first `MAX_LINE_BYTES` of *line*, without a character that is cut."""
    head = line[:MAX_LINE_BYTES]
    if encoding.startswith("utf-16"):
        high = head[-1 if encoding.endswith("le") else -2]
        return head[:-2] if 0xD8 <= high <= 0xDB else head
    if encoding == UTF8:
        for back in (1, 2, 3):
            if head[-back] >= 0xC0:
                needed = 2 if head[-back] < 0xE0 else 3 if head[-back] < 0xF0 else 4
                return head[:-back] if back < needed else head
            if head[-back] < 0x80:
                break
    return head


# ---- text -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Decoded:
    """Lines with the bytes that each takes in the source, its end included.

    *has_cr*: the CR of a line end may still be there. *holes* are the NUL bytes before each, null
    when there are none; *long* are those that were cut.
    """

    lines: pl.Series
    sizes: pl.Series
    has_cr: bool = True
    is_exact: bool = False
    holes: pl.Series | None = None
    long: set[int] = field(default_factory=set)


def _utf8_lines(block: bytes, reading: Reading) -> _Decoded:
    try:
        lines = pl.read_lines(io.BytesIO(block)).to_series().alias("line")
        sizes = lines.str.len_bytes().cast(pl.Int64)
    except ComputeError:  # polars has one class for it: the block is not UTF-8 throughout
        return _split(block, UTF8, reading)
    width, ends_in_cr = 1, False
    if (crlf := block.count(b"\r\n")) or block.endswith(b"\r"):
        # The reader takes the CR off as well, and does not say from which lines.
        if crlf == block.count(b"\n") and block.endswith(b"\n"):
            width = 2
        else:
            ends_in_cr = True
            lines = _split_lines(block)
            sizes = lines.str.len_bytes().cast(pl.Int64)
    ends = pl.Series([width], dtype=pl.Int64).new_from_index(0, len(sizes)) if len(sizes) else sizes
    if not block.endswith(b"\n"):
        ends[-1] = 0
    cleaned = _cleaned(_Decoded(lines, sizes + ends, has_cr=ends_in_cr), block, reading)
    cleaned.is_exact = cleaned.lines is lines
    return cleaned


def _split_lines(block: bytes) -> pl.Series:
    lines = block.decode().split("\n")
    if not lines[-1]:
        lines.pop()
    return pl.Series("line", lines, dtype=pl.String)


def _split(block: bytes, encoding: str, reading: Reading) -> _Decoded:
    """Decode line by line: what is wrong in one line spoils no other."""
    raw = block.split(b"\n")
    end = 0 if raw[-1] else 1
    if end:
        raw.pop()
    sizes = [len(line) + 1 for line in raw]
    sizes[-1] -= 1 - end
    long: set[int] = set()
    for number, line in enumerate(raw):
        text = line.lstrip(b"\x00") if len(line) > MAX_LINE_BYTES else line
        if len(text.removesuffix(b"\r")) > MAX_LINE_BYTES:
            long.add(number)
            raw[number] = line[: len(line) - len(text)] + _head(text, encoding)
    decode = _Counting()
    lines = pl.Series("line", [decode(line, encoding) for line in raw], dtype=pl.String)
    reading.undecodable_byte_count += decode.undecodable_byte_count
    found = _Decoded(lines, pl.Series(sizes, dtype=pl.Int64), long=long)
    return _cleaned(found, block, reading)


def _legacy_lines(block: bytes, encoding: str, reading: Reading) -> _Decoded:
    # In all encodings that `check_encoding` lets through, this byte is a line end and nothing else.
    return _split(block, encoding, reading)


def _wide_lines(block: bytes, encoding: str, reading: Reading) -> _Decoded:
    width = unit_bytes(encoding)
    decode = _Counting()
    text = decode(block, encoding)
    reading.undecodable_byte_count += decode.undecodable_byte_count
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    sizes = [len(line.encode(encoding, "replace")) + width for line in lines]
    # What was replaced may have been of another length: the last line takes what is missing.
    sizes[-1] += len(block) - sum(sizes)
    long: set[int] = set()
    for number, line in enumerate(lines):
        if len(line) * 4 > MAX_LINE_BYTES:
            data = line.removesuffix("\r").encode(encoding, "replace")
            if len(data) > MAX_LINE_BYTES:
                long.add(number)
                lines[number] = _head(data, encoding).decode(encoding, "replace")
    found = _Decoded(
        pl.Series("line", lines, dtype=pl.String), pl.Series(sizes, dtype=pl.Int64), long=long
    )
    return _cleaned(found, None, reading)


class _Counting:
    """Decodes with U+FFFD for what cannot be decoded, and counts those bytes."""

    def __init__(self) -> None:
        self.undecodable_byte_count = 0

    def __call__(self, data: bytes, encoding: str) -> str:
        """Decode *data*."""
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            _counted.bytes = 0
            text = data.decode(encoding, _COUNTED)
            self.undecodable_byte_count += _counted.bytes
            return text


_COUNTED = "aftershock.counted"
_counted = threading.local()


def _replace_counted(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    _counted.bytes += error.end - error.start
    return "\ufffd", error.end


codecs.register_error(_COUNTED, _replace_counted)


def _cleaned(found: _Decoded, block: bytes | None, reading: Reading) -> _Decoded:
    """Remove what is no text: NUL runs, a trailing CR, byte-order marks; cut what is too long.

    Looks before it works: *block* are the bytes, null when they are not UTF-8.
    """
    lines = found.lines
    if _holds(lines, block, "\x00"):
        lines, found.holes = _without_nul(lines, reading)
        found.sizes = found.sizes - found.holes
    if found.has_cr and _holds(lines, block, "\r"):
        lines = lines.str.strip_suffix("\r")
    if _holds(lines, block, "\ufeff"):
        lines = lines.str.strip_prefix("\ufeff")
    if len(lines) and lines.str.len_bytes().max() > MAX_LINE_BYTES:  # type: ignore[operator]
        lines = _shortened(lines, found.long)
    found.lines = lines
    return found


def _holds(lines: pl.Series, block: bytes | None, mark: str) -> bool:
    if block is not None:
        return mark.encode() in block
    return bool(lines.str.contains(mark, literal=True).any())


def _without_nul(lines: pl.Series, reading: Reading) -> tuple[pl.Series, pl.Series]:
    """Strip NUL bytes before lines, and show those within; return the count of the former too."""
    stripped = lines.str.strip_chars_start("\x00")
    holes = (lines.str.len_bytes() - stripped.str.len_bytes()).cast(pl.Int64)
    inner = stripped.str.count_matches("\x00", literal=True)
    is_wide = (inner > 0) & stripped.str.contains(_WIDE_WITHIN)
    reading.has_wide_lines |= bool(is_wide.any())
    reading.nul_byte_count += int(holes.sum()) + int(inner.filter(~is_wide).sum())
    narrow = stripped.str.replace_all("\x00", "", literal=True)
    narrow = narrow.str.strip_chars_start("\ufffd").str.strip_suffix("\r")
    # Each NUL is shown, for some formats mean something by a few; a hole is one mark.
    shown = stripped.str.replace_all("\x00{16,}", "\u2400")
    shown = shown.str.replace_all("\x00", "\u2400", literal=True)
    return narrow.zip_with(is_wide, shown), holes


def _shortened(lines: pl.Series, long: set[int]) -> pl.Series:
    rows = (lines.str.len_bytes() > MAX_LINE_BYTES).arg_true().to_list()
    texts = lines.to_list()
    for row in rows:
        if row not in long:
            long.add(row)
            texts[row] = _head(texts[row].encode(), UTF8).decode()
    return pl.Series("line", texts, dtype=pl.String)


def _numbered(found: _Decoded, hole: int, cut: int, reading: Reading) -> pl.DataFrame:
    height = len(found.lines)
    sizes, holes = found.sizes, found.holes
    if cut:
        sizes = sizes.scatter(0, int(sizes[0]) + cut)
        found.long.add(0)
    if hole:
        reading.nul_byte_count += hole
        holes = sizes * 0 if holes is None else holes
        holes = holes.scatter(0, int(holes[0]) + hole)
    ends = (sizes if holes is None else sizes + holes).cum_sum() + reading.byte_count
    first = reading.line_count + 1
    result = pl.DataFrame(
        {
            "line": found.lines,
            "line_number": pl.int_range(first, first + height, dtype=pl.Int64, eager=True),
            "byte_offset": ends - sizes,
            "byte_length": sizes,
        }
    )
    reading.truncated_line_count += len(found.long)
    reading.line_count += height
    reading.byte_count = int(ends[-1]) if height else reading.byte_count
    return result
