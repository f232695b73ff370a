"""Which files were read before, under whatever name they have now, and what is new in them.

A file is known again by its content: the hash of its first bytes, and that of the last bytes before
the place where reading stopped. So a rotated file goes on where it was left, also as a copy
(copytruncate) or compressed, and a copy of what was read is not read again. A file that the system
shows unchanged (device, inode, size, time) is not even opened.

What was read once is a *generation*: a file from its first byte on. `plan` tells what is to be
read, as jobs; `Cursor.advance` keeps how far that went.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from pipeline.ingest.decompress import READ_ERRORS, Content
from pipeline.ingest.identity import identify
from pipeline.ingest.reader import Reader
from pipeline.ingest.resume import Position, Tally
from pipeline.ingest.sources import HEAD_BYTES, STDIN, Source, Stream, open_source

TAIL_BYTES = 1024
# Copies of one file that are remembered by their stamps.
_MOST_STAMPS = 8
_CHUNK_BYTES = 2**18
# Passes over what was found: a copy that is longer than the file it is of is read after it.
MAX_PASSES = 4


@dataclass(slots=True)
class Cursor:
    """How far one generation of a file was read, and how to know it again.

    *group* are the names of who wrote it; *path* is where it was seen last. *head* and *tail* are
    length and hash of its first bytes and of those before `position.offset`. *stamps* are the files
    that hold nothing more. *total* counts as well what may still grow. *is_whole*: it cannot be
    gone on with, and is read anew where it changes. *ledger* is its row of the ledger.
    """

    source_id: str
    group: str
    path: str
    stream: str
    head: tuple[int, str]
    tail: tuple[int, str] = (0, "")
    stamps: list[str] = field(default_factory=list)
    compression: str | None = None
    encoding: str = "utf-8"
    position: Position = field(default_factory=Position)
    total: Tally = field(default_factory=Tally)
    is_whole: bool = False
    redactions: dict[str, int] = field(default_factory=dict)
    open_redactions: dict[str, int] = field(default_factory=dict)
    ledger: dict[str, Any] = field(default_factory=dict)

    def advance(self, reader: Reader, index: int, source: Source) -> None:
        """Remember how far *reader* read *source*, the one with *index*, and what it is now."""
        before = self.position.offset
        self.position = reader.positions[index]
        self.total = reader.tallies[index]
        self.is_whole = index in reader.whole
        self.ledger = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in reader.ledger_rows()[index].items()
        }
        self.compression, self.encoding = source.compression, source.encoding
        self.see(source)
        if reader.tallies[index].reading.error is None:
            self.stamp(source)
        if self.position.offset != before or not self.tail[0]:
            head, tail = ends_of(source, self.position.offset)
            self.head = max(self.head, (len(head), _hash(head)))
            self.tail = (len(tail), _hash(tail))

    def knows(self, head: bytes) -> bool:
        """Tell whether a file that begins with *head* begins as this one."""
        length, digest = self.head
        return 0 < length <= len(head) and _hash(head[:length]) == digest

    def see(self, source: Source) -> None:
        """Remember where it is now."""
        self.path = source.path

    def stamp(self, source: Source) -> None:
        """Remember that the file *source* holds nothing more."""
        if source.stamp is not None:
            rest = [one for one in self.stamps if one != source.stamp]
            self.stamps = [*rest, source.stamp][-_MOST_STAMPS:]

    def settle(self) -> bool:
        """Take what might still have grown as whole, where the file is gone; tell whether there
        was anything.
        """
        if self.position.offset == self.total.reading.byte_count and not self.position.held:
            return False
        self.position = Position(self.total, clocks=self.position.clocks)
        self.redactions = dict(Counter(self.redactions) + Counter(self.open_redactions))
        self.open_redactions = {}
        return True

    def at_rest(self) -> Self:
        """Return it without what only a file that still grows needs."""
        return replace(self, position=replace(self.position, clocks=None))

    def to_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        plain = asdict(replace(self, position=Position(), total=Tally()))
        return plain | {"position": self.position.to_json(), "total": self.total.to_json()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote. Raises `KeyError`, `TypeError` or `ValueError` else."""
        values = dict(raw)
        values["head"], values["tail"] = tuple(raw["head"]), tuple(raw["tail"])
        values["position"] = Position.from_json(raw["position"])
        values["total"] = Tally.from_json(raw["total"])
        return cls(**values)


@dataclass(slots=True)
class Job:
    """Files of one stream to read in one pass, with the cursor of each.

    *is_live*: the last may grow. *positions* are where reading begins; all of a file that is read
    anew replaces what it gave before.
    """

    stream: Stream
    cursors: list[Cursor]
    positions: list[Position]
    is_live: bool
    is_anew: bool = False

    def alone(self) -> Iterator["Job"]:
        """Yield a job for each file: those that cannot be gone on with are read by themselves."""
        for source, cursor in zip(self.stream.sources, self.cursors, strict=True):
            one = Stream(self.stream.name, (source,))
            yield Job(one, [cursor], [Position()], is_live=False, is_anew=True)


class Cursors:
    """All cursors of a store; *present* are those whose file was found, by their ids."""

    def __init__(self, cursors: Iterable[Cursor] = ()) -> None:
        self.by_id = {one.source_id: one for one in cursors}
        self.present: set[str] = set()
        self._stamps = {stamp: one for one in self.by_id.values() for stamp in one.stamps}

    def known(self, plain: Source) -> Source | None:
        """Return *plain*, of which only the file system told, as it was read before; None where it
        changed, or is new.
        """
        cursor = self._stamps.get(plain.stamp or "")
        if cursor is None:
            return None
        return replace(
            plain,
            compression=cursor.compression,
            encoding=cursor.encoding,
            sha256_head=cursor.ledger.get("sha256_head"),
        )

    def plan(self, streams: Sequence[Stream]) -> list[Job]:
        """Return what is to be read of *streams*: what is new, and what may have grown with it."""
        self._stamps = {stamp: one for one in self.by_id.values() for stamp in one.stamps}
        readable = [
            replace(
                stream,
                sources=tuple(
                    one
                    for one in stream.sources
                    if one.error is None and one.origin is not None and one.path != STDIN
                ),
            )
            for stream in streams
        ]
        claims = self._claims(readable)
        jobs: list[Job] = []
        for stream in readable:
            found = [(one, claims[one.path]) for one in stream.sources if one.path in claims]
            jobs += self._jobs(stream, found)
        return jobs

    def _claims(self, streams: Sequence[Stream]) -> dict[str, Cursor]:
        """Return the cursor of each file by its path; of several with one, only the one to read."""
        claims: dict[str, Cursor] = {}
        owners: dict[str, Source] = {}
        # Plain files first, and long ones first: the others may be copies of their beginning.
        ordered = sorted(
            ((stream, source) for stream in streams for source in stream.sources),
            key=lambda pair: (
                not self._is_settled(pair[1]),
                pair[1].compression is not None,
                -(pair[1].size or 0),
            ),
        )
        for stream, source in ordered:
            cursor = self._cursor_of(stream, source, owners)
            if cursor is None:
                continue
            self.present.add(cursor.source_id)
            first = owners.get(cursor.source_id)
            if first is not None:
                # A copy that the system shows unchanged holds nothing; another may hold more.
                if self._is_settled(source) or not self._is_settled(first):
                    continue
                claims.pop(first.path, None)
            owners[cursor.source_id] = source
            cursor.see(source)
            claims[source.path] = cursor
        return claims

    def _is_settled(self, source: Source) -> bool:
        return (source.stamp or "") in self._stamps

    def _cursor_of(
        self, stream: Stream, source: Source, owners: Mapping[str, Source]
    ) -> Cursor | None:
        """Return the cursor of *source*, a new one where it is new; None where it is empty, or
        holds no more than the beginning of what was read.
        """
        if (known := self._stamps.get(source.stamp or "")) is not None:
            return known
        group = _group(stream)
        head, _ = ends_of(source, HEAD_BYTES)
        if not head:
            return None
        own = [one for one in self.by_id.values() if one.group == group]
        whole = next((one for one in own if one.is_whole and one.path == source.path), None)
        if whole is not None:
            return whole
        own.sort(key=lambda one: one.position.offset, reverse=True)
        for one in own:
            if one.knows(head) and _has_tail(source, one):
                return one
        for one in own:
            if self._is_beginning(source, head, one, owners.get(one.source_id)):
                one.stamp(source)
                self.present.add(one.source_id)
                return None
        return self._new(group, stream, source, head)

    def _is_beginning(
        self, source: Source, head: bytes, cursor: Cursor, owner: Source | None
    ) -> bool:
        """Tell whether *source* is a copy of the beginning of what was read of *cursor*, whose file
        is *owner* where that is there.
        """
        if owner is not None:
            return _is_prefix(source, owner)
        if not cursor.knows(head) or cursor.source_id in self.present:
            return False
        # The very file, shorter than it was, was truncated and begins anew.
        place = (source.stamp or "").split(":")[:2]
        return all(stamp.split(":")[:2] != place for stamp in cursor.stamps)

    def _new(self, group: str, stream: Stream, source: Source, head: bytes) -> Cursor:
        text = group.encode() + b"\0" + head[: head.find(b"\n") + 1 or len(head)]
        name = hashlib.blake2b(text, digest_size=8).hexdigest()
        number = 1
        while (key := name if number == 1 else f"{name}-{number}") in self.by_id:
            number += 1
        cursor = Cursor(key, group, source.path, stream.name, (len(head), _hash(head)))
        self.by_id[key] = cursor
        return cursor

    def _jobs(self, stream: Stream, found: Sequence[tuple[Source, Cursor]]) -> Iterator[Job]:
        is_new = [(source.stamp or "") not in self._stamps for source, _ in found]
        if not any(is_new):
            return
        begun = [at for at, (_, one) in enumerate(found) if one.position.offset]
        last = begun[-1] if begun else 0
        main: list[tuple[Source, Cursor]] = []
        for at, (source, cursor) in enumerate(found):
            is_held = bool(cursor.position.held)
            if cursor.is_whole:
                if is_new[at]:
                    yield from Job(Stream(stream.name, (source,)), [cursor], [], False).alone()
            elif (is_held or is_new[at]) if at >= last else (is_held and not is_new[at]):
                main.append((source, cursor))
            elif is_new[at]:
                # It was added to, or came, after its successor had been read.
                one = Stream(stream.name, (source,))
                yield Job(one, [cursor], [cursor.position], is_live=False)
        if not any((source.stamp or "") not in self._stamps for source, _ in main):
            return
        positions = [cursor.position for _, cursor in main]
        if positions[0].clocks is None and begun and found[last] not in main:
            positions[0] = replace(positions[0], clocks=found[last][1].position.clocks)
        sources = tuple(source for source, _ in main)
        cursors = [cursor for _, cursor in main]
        yield Job(Stream(stream.name, sources), cursors, positions, is_live=True)

    def absent(self) -> list[Cursor]:
        """Return the cursors whose files were not found."""
        return [one for key, one in self.by_id.items() if key not in self.present]


def _is_prefix(source: Source, whole: Source) -> bool:
    """Tell whether *whole* begins with all that *source* holds."""
    if source.compression is None and (source.size or 0) > (whole.size or 0):
        return whole.compression is not None and _begins(source, whole)
    return _begins(source, whole)


def _begins(source: Source, whole: Source) -> bool:
    try:
        with (
            open_source(replace(source, budget=None)) as one,
            open_source(replace(whole, budget=None)) as other,
        ):
            size = HEAD_BYTES
            while part := one.read1(size):
                if _exactly(other, len(part)) != part:
                    return False
                size = _CHUNK_BYTES
    except READ_ERRORS:
        return False
    return True


def _group(stream: Stream) -> str:
    who = identify(stream.place)
    names = (who.service_name, who.container_name, who.container_id, who.pod_name)
    return _hash("\0".join(name or "" for name in names).encode())


def _has_tail(source: Source, cursor: Cursor) -> bool:
    length, wanted = cursor.tail
    if not length:
        return True
    if source.compression is None and (source.size or 0) < cursor.position.offset:
        return False
    _, tail = ends_of(source, cursor.position.offset)
    return len(tail) >= length and _hash(tail[-length:]) == wanted


def ends_of(source: Source, offset: int) -> tuple[bytes, bytes]:
    """Return the first bytes of *source*, and those before *offset*."""
    try:
        with open_source(replace(source, budget=None)) as content:
            head = _exactly(content, min(HEAD_BYTES, offset))
            start = max(0, offset - TAIL_BYTES)
            known = head[start:]
            content.skip(max(0, start - len(head)))
            return head, known + _exactly(content, offset - start - len(known))
    except READ_ERRORS:
        return b"", b""


def _exactly(content: Content, size: int) -> bytes:
    # Nothing that is asked for at once is no end of a file.
    return content.read(size) if size else b""


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
