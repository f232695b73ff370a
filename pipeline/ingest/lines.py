"""Bytes to physical lines: blocks of whole lines with their numbers and offsets.

A line ends at ``\\n`` and nowhere else. Text is decoded here, and here alone; what cannot be
decoded becomes U+FFFD and is counted. Block borders carry no meaning: every later stage gives the
same events wherever they fall.
"""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase

import polars as pl
from polars.exceptions import ComputeError

from pipeline.ingest.sources import MAX_DECOMPRESSED_BYTES, READ_ERRORS, Source, open_source

BLOCK_BYTES = 8 * 2**20
# Text beyond this in one physical line is not looked at: it is counted and cut from the event.
MAX_LINE_BYTES = 2**20

# A broken archive loses what the failing call had read: calls are kept small.
_READ_BYTES = 2**18

LINES = {
    "line": pl.String,
    "line_number": pl.Int64,
    "byte_offset": pl.Int64,
    "byte_length": pl.Int64,
}


@dataclass(slots=True)
class Reading:
    """What was counted while one source was read; *error* is set when it broke off."""

    byte_count: int = 0
    line_count: int = 0
    undecodable_byte_count: int = 0
    truncated_line_count: int = 0
    error: str | None = None
    _cut: dict[int, int] = field(default_factory=dict)  # line number: bytes passed over


def read_lines(
    source: Source, reading: Reading, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[pl.DataFrame, bytes]]:
    """Yield frames of whole lines (columns `LINES`) in file order; counts go to *reading*.

    Each comes with the bytes that it was read from when these are its lines to the letter, else
    with b"": some decoders are faster on the whole.

    A source that breaks off (truncated archive, read error) yields what could be read and leaves
    the reason in `reading.error`.
    """
    width = _unit_bytes(source.encoding)
    for block in _blocks(source, reading, block_bytes, width):
        if width == 1:
            frame, is_exact = _utf8_lines(block, reading)
            yield _numbered(frame, reading), block if is_exact else b""
        else:
            yield _numbered(_wide_lines(block, source, reading), reading), b""


def _unit_bytes(encoding: str) -> int:
    return 4 if encoding.startswith("utf-32") else 2 if encoding.startswith("utf-16") else 1


def _blocks(source: Source, reading: Reading, size: int, width: int) -> Iterator[bytes]:
    newline = "\n".encode(source.encoding) if width > 1 else b"\n"
    carry = b""
    try:
        with open_source(source) as content:
            while chunk := _read(content, size):
                if (end := _last_newline(chunk, newline, width)) < 0:
                    carry = _extend(carry, chunk, reading)
                    continue
                yield carry + chunk[:end]
                carry = chunk[end:]
                if reading.byte_count + len(carry) > MAX_DECOMPRESSED_BYTES:
                    reading.error = f"stopped after {MAX_DECOMPRESSED_BYTES:,} decompressed bytes"
                    return
    except READ_ERRORS as error:
        reading.error = f"broke off after {reading.byte_count:,} bytes: {error}"
    if carry:
        yield carry


def _read(content: BufferedIOBase, size: int) -> bytes:
    # Pipes and decompressors return short reads; blocks of one size keep the cost per block low.
    parts, missing = [], size
    try:
        while missing > 0 and (part := content.read1(min(missing, _READ_BYTES))):
            parts.append(part)
            missing -= len(part)
    except READ_ERRORS:
        # What came before the break is read; the next call meets the error again.
        if not parts:
            raise
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _last_newline(chunk: bytes, newline: bytes, width: int) -> int:
    """Return the offset after the last line end in *chunk*, or -1."""
    end = len(chunk)
    while (at := chunk.rfind(newline, 0, end)) >= 0:
        if at % width == 0:
            return at + width
        end = at + width - 1
    return -1


def _extend(carry: bytes, chunk: bytes, reading: Reading) -> bytes:
    # A line longer than a block: the head is kept, the rest is only counted.
    kept = carry + chunk[: max(MAX_LINE_BYTES - len(carry), 0)]
    passed = len(carry) + len(chunk) - len(kept)
    if passed:
        number = reading.line_count + 1
        reading._cut[number] = reading._cut.get(number, 0) + passed
    return kept


def _utf8_lines(block: bytes, reading: Reading) -> tuple[pl.DataFrame, bool]:
    is_exact = True
    try:
        lines = pl.read_lines(io.BytesIO(block)).to_series().alias("line")
        sizes = lines.str.len_bytes().cast(pl.Int64)
    except ComputeError:  # polars has one class for it: the block is not UTF-8 throughout
        lines, sizes = _lossy_lines(block, reading)
        is_exact = False
    width = 1
    if is_exact and ((crlf := block.count(b"\r\n")) or block.endswith(b"\r")):
        # The reader takes the CR off as well, and does not say from which lines.
        if crlf == block.count(b"\n") and block.endswith(b"\n"):
            width = 2
        else:
            lines = _split_lines(block)
            sizes = lines.str.len_bytes().cast(pl.Int64)
    ends = pl.Series([width], dtype=pl.Int64).new_from_index(0, len(sizes)) if len(sizes) else sizes
    if not block.endswith(b"\n"):
        ends[-1] = 0
    cleaned = _cleaned(lines, block)
    return pl.DataFrame({"line": cleaned, "byte_length": sizes + ends}), (
        is_exact and cleaned is lines
    )


def _split_lines(block: bytes) -> pl.Series:
    lines = block.decode().split("\n")
    if not lines[-1]:
        lines.pop()
    return pl.Series("line", lines, dtype=pl.String)


def _lossy_lines(block: bytes, reading: Reading) -> tuple[pl.Series, pl.Series]:
    raw = block.split(b"\n")
    if not raw[-1]:
        raw.pop()
    text = []
    for line in raw:
        try:
            text.append(line.decode())
        except UnicodeDecodeError:
            escaped = line.decode("utf-8", "surrogateescape")
            reading.undecodable_byte_count += sum(0xDC80 <= ord(mark) <= 0xDCFF for mark in escaped)
            text.append(line.decode("utf-8", "replace"))
    sizes = pl.Series([len(line) for line in raw], dtype=pl.Int64)
    return pl.Series("line", text, dtype=pl.String), sizes


def _wide_lines(block: bytes, source: Source, reading: Reading) -> pl.DataFrame:
    width = _unit_bytes(source.encoding)
    text = codecs.decode(block, source.encoding, "replace")
    reading.undecodable_byte_count += text.count("\ufffd") * width
    lines = text.split("\n")
    ended = not lines[-1]
    if ended:
        lines.pop()
    sizes = [len(line.encode(source.encoding, "replace")) + width for line in lines]
    if not ended and sizes:
        sizes[-1] -= width
    series = pl.Series("line", lines, dtype=pl.String)
    cleaned = _cleaned(series, text.encode("utf-8", "replace"))
    return pl.DataFrame(
        {"line": cleaned, "byte_length": pl.Series(sizes, dtype=pl.Int64)},
    )


def _cleaned(lines: pl.Series, block: bytes) -> pl.Series:
    """Remove what is no text: a trailing CR, NUL runs, byte-order marks. Looks before it works."""
    if b"\r" in block:
        lines = lines.str.strip_suffix("\r")
    if b"\x00" in block:
        lines = lines.str.strip_chars_start("\x00").str.replace_all("\x00", "\u2400", literal=True)
    if b"\xef\xbb\xbf" in block:
        lines = lines.str.strip_prefix("\ufeff")
    if len(lines) and lines.str.len_bytes().max() > MAX_LINE_BYTES:  # type: ignore[operator]
        lines = lines.str.head(MAX_LINE_BYTES)
    return lines


def _numbered(frame: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    height = frame.height
    if reading._cut:
        cut = {number - reading.line_count - 1: size for number, size in reading._cut.items()}
        lengths = frame["byte_length"].clone()
        for index, size in cut.items():
            if 0 <= index < height:
                lengths[index] = lengths[index] + size
        frame = frame.with_columns(byte_length=lengths)
        reading.truncated_line_count += len(cut)
        reading._cut.clear()
    ends = frame["byte_length"].cum_sum() + reading.byte_count
    first = reading.line_count + 1
    result = frame.select(
        "line",
        line_number=pl.int_range(first, first + height, dtype=pl.Int64, eager=True),
        byte_offset=ends - frame["byte_length"],
        byte_length="byte_length",
    )
    reading.line_count += height
    reading.byte_count = int(ends[-1]) if height else reading.byte_count
    return result
