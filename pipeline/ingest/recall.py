"""Looking in sources again for lines that hold one of a few literal texts.

Ordinary lines are only counted, so what they said is not known afterwards. Where a question comes
up that only they can answer, their source is read once more, by a search for bytes: what the
reader gets of it is its head, which tells the format, and the lines that hold a text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from pipeline.ingest.decompress import READ_ERRORS, Content, Raw
from pipeline.ingest.detect import SAMPLE_BYTES
from pipeline.ingest.docker_local import ENCODING as DOCKER_LOCAL
from pipeline.ingest.encodings import unit_bytes
from pipeline.ingest.reader import Options, read_stream
from pipeline.ingest.sources import STDIN, Source, Stream, open_source

_CHUNK_BYTES = 2**20
# A line beyond this is passed over: what a line says stands near its beginning.
_MAX_LINE_BYTES = 2**20
# Enough to tell the format; what is parsed for that alone costs most of the search.
_HEAD_BYTES = SAMPLE_BYTES // 4


@dataclass(slots=True)
class Search:
    """Texts to look for, and how many lines may still be found: more are no single message.

    *texts* are of printable ASCII. *is_exhausted*: some lines were not looked at.
    """

    texts: tuple[bytes, ...]
    lines_left: int
    is_exhausted: bool = field(default=False, init=False)


def find_events(
    streams: Sequence[Stream], search: Search, options: Options
) -> Iterator[pl.DataFrame]:
    """Yield the events, columns `schema.EVENTS`, whose first lines hold a text of *search*.

    Standard input, which is gone, and what is no text of single bytes are left out.
    """
    texts = tuple(text.decode("ascii") for text in search.texts)
    again = replace(options, keep_all=True, texts=texts, notable=(), borders=())
    for stream in streams:
        if search.is_exhausted:
            return
        # To tell the format of a stream costs more than to search it.
        if any(_has_text(one, search.texts) for one in stream.sources if _is_searchable(one)):
            sources = tuple(_narrowed(one, search) for one in stream.sources if _is_searchable(one))
            searched = _Searched(stream.name, sources, stream.place)
            for batch in read_stream(searched, again, []):
                yield batch.events


@dataclass(frozen=True, slots=True)
class _Searched(Stream):
    """What is left of a stream, at the place that the whole has."""

    whole_place: str

    @property
    def place(self) -> str:
        return self.whole_place


def _is_searchable(source: Source) -> bool:
    return (
        source.origin is not None
        and source.error is None
        and source.path != STDIN
        and source.encoding != DOCKER_LOCAL
        and unit_bytes(source.encoding) == 1
    )


def _has_text(source: Source, texts: Sequence[bytes]) -> bool:
    # A text on the border of two chunks is seen in the end of the one before the other.
    overlap = max(map(len, texts)) - 1
    tail = b""
    try:
        with open_source(source) as content:
            while chunk := content.read1(_CHUNK_BYTES):
                block = tail + chunk
                if any(text in block for text in texts):
                    return True
                tail = block[-overlap:] if overlap else b""
    except READ_ERRORS:
        return False  # the ledger tells of it, and what was read before the break holds no text
    return False


def _narrowed(source: Source, search: Search) -> Source:
    return replace(source, compression=None, budget=None, origin=_Narrowed(source, search))


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """What is left of *source* by *search*, as an origin of bytes."""

    source: Source
    search: Search

    def open(self) -> Iterator[Raw]:
        with open_source(self.source) as content:
            yield _Lines(content, self.search)


class _Lines:
    """The head of *content*, and of the rest the lines that hold a text."""

    def __init__(self, content: Content, search: Search) -> None:
        self.consumed = 0
        self._parts = self._matching(content, search)
        self._part = b""

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, b"" at the end."""
        if not self._part:
            self._part = next(self._parts, b"")
        part, self._part = self._part[:size], self._part[size:]
        self.consumed += len(part)
        return part

    def skip_hole(self) -> int:
        """Return 0: holes hold no text."""
        return 0

    def _matching(self, content: Content, search: Search) -> Iterator[bytes]:
        carry, seen = b"", 0
        while chunk := content.read1(_CHUNK_BYTES if seen >= _HEAD_BYTES else _HEAD_BYTES):
            block = carry + chunk
            end = block.rfind(b"\n") + 1
            carry = block[end:] if len(block) - end <= _MAX_LINE_BYTES else b""
            is_head = seen < _HEAD_BYTES
            seen += end
            if found := block[:end] if is_head else lines_with(block[:end], search):
                yield found
            if search.is_exhausted:
                return
        if carry and (found := carry if seen < _HEAD_BYTES else lines_with(carry, search)):
            yield found


def lines_with(block: bytes, search: Search) -> bytes:
    """Return the lines of *block* that hold one of the texts, in their order."""
    spans: dict[int, int] = {}
    for text in search.texts:
        at = block.find(text)
        while at >= 0:
            end = block.find(b"\n", at) + 1 or len(block)
            spans[block.rfind(b"\n", 0, at) + 1] = end
            at = block.find(text, end)
    search.lines_left -= len(spans)
    if search.lines_left < 0:
        search.is_exhausted = True
        return b""
    return b"".join(block[start:end] for start, end in sorted(spans.items()))
