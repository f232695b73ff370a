"""Paths to readable sources: walking, archives, rotation order, refusal of what is not a log.

A `Source` is one physical file, or a member of an archive; a `Stream` is a file with its rotated
predecessors, oldest first, which `lines` reads as one. `decompress` gives the bytes of a source,
`encodings` tells how to read them, `archives` what is in an archive. What a source is called
(service, container) is `identity`'s work.
"""

import glob
import hashlib
import io
import os
import re
import stat
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from pipeline.errors import UsageError
from pipeline.ingest.archives import SEPARATOR, Archive, Listing, Member, archive_kind
from pipeline.ingest.decompress import (
    MAX_RUN_BYTES,
    READ_ERRORS,
    BrokenOff,
    Budget,
    Content,
    Piped,
    Raw,
    Span,
    compression_of,
    decompressed,
    read_some,
)
from pipeline.ingest.docker_local import ENCODING as DOCKER_LOCAL
from pipeline.ingest.docker_local import is_docker_local, open_docker_local
from pipeline.ingest.encodings import UTF8, check_encoding, encoding_of
from pipeline.schema import OUTPUT_MARKER

STDIN = "-"
HEAD_BYTES = 4096
# What the encoding is judged by: letters beyond ASCII may be few.
SAMPLE_BYTES = 2**16
MAX_FOLDER_DEPTH = 32
MAX_FILE_COUNT = 100_000
_MAX_ALIASES_TOLD = 3

_FOREIGN = {
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a SQLite database",
    b"\x7fELF": "an executable",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x04\x22\x4d\x18": "lz4, which is not supported: decompress it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive, which is not supported: unpack it first",
    b"Rar!\x1a\x07": "a rar archive, which is not supported: unpack it first",
}
# Files that lie beside logs in Docker's and Kubernetes' folders and are not logs.
_NEIGHBOURS = {"config.v2.json", "hostconfig.json"}

# `.2.gz`, `.1`, `.2016-12-19-16`, `-20240501.gz`, `.20240501-101010.gz`: what rotation appends.
_ROTATED = re.compile(
    r"(?P<base>.+?)[.-](?P<number>[0-9]{1,3}|[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_]?[0-9]{2,6})?)$"
)
_COMPRESSED = re.compile(r"\.(gz|zst|zstd|bz2|xz|lzma)$")


class Origin(Protocol):
    """Where the bytes of a source lie."""

    def open(self) -> Iterator[Raw]:
        """Open it, as a generator for `contextmanager`; raises one of `READ_ERRORS`."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """One physical file as found: *path* is shown to people, *error* says why it is not read.

    *notes* are what was assumed or left out; *origin* is null when there is nothing to read.
    """

    path: str
    size: int | None
    modified: datetime | None
    compression: str | None
    encoding: str
    sha256_head: str | None
    error: str | None = None
    notes: tuple[str, ...] = ()
    origin: Origin | None = field(default=None, repr=False, compare=False)
    budget: Budget | None = field(default=None, repr=False, compare=False)
    stamp: str | None = None  # what the file system shows: equal where nothing was written since


# Returns a source of which only the file system told as it was read before, or None.
Known = Callable[[Source], "Source | None"]


@dataclass(frozen=True, slots=True)
class Stream:
    """A file and its rotated predecessors, oldest first; *name* is the path without endings."""

    name: str
    sources: tuple[Source, ...]

    @property
    def place(self) -> str:
        """The name with an archive as the folder that it is, for what paths tell of a service."""
        return self.name.replace(SEPARATOR, "/") if self._is_member else self.name

    @property
    def _is_member(self) -> bool:
        return any(isinstance(source.origin, _InArchive) for source in self.sources)


def find_streams(
    paths: Iterable[str],
    *,
    skip: Iterable[Path] = (),
    input_encoding: str | None = None,
    follows_outside: bool = False,
    known: Known | None = None,
) -> list[Stream]:
    """Resolve *paths* (files, folders, globs, archives, "-") to streams in path order.

    Folders are walked recursively in path order, without dot files and without the folders in
    *skip* (our own output). A link that leads out of the folders named is not followed unless
    *follows_outside*. A file reached twice, by a link or by two arguments, is read once, under the
    first path in order; the others are in its notes. *input_encoding* is that of all sources
    without a byte-order mark. Raises `UsageError` for a path that does not exist and an encoding
    that is not known. A file that *known* tells of is not opened.
    """
    encoding = None if input_encoding is None else check_encoding(input_encoding)
    finder = _Finder(skip, follows_outside)
    for text in paths:
        for path in _expand(text):
            finder.add(path)
    inspector = _Inspector(encoding, known)
    sources: list[Source] = []
    for path, aliases in finder.without_aliases():
        notes = (_aliases_note(aliases),) if aliases else ()
        found = inspector.inspect(path)
        sources += [replace(source, notes=(*source.notes, *notes)) for source in found]
    sources += [_refused(shown(path), reason) for path, reason in finder.refused.items()]
    return _group(sources)


def settled(stream: Stream) -> Stream:
    """Return *stream* with standard input looked at, for which its first bytes must have come."""
    return replace(
        stream,
        sources=tuple(
            source.origin.look(source)
            if isinstance(source.origin, _Stdin) and source.origin.head is None
            else source
            for source in stream.sources
        ),
    )


@contextmanager
def open_source(source: Source) -> Iterator[Content]:
    """Open *source* for reading its decompressed bytes."""
    if source.origin is None:
        yield Content(Piped(b"", io.BytesIO()))
        return
    with contextmanager(source.origin.open)() as raw:
        budgets = () if source.budget is None else (source.budget,)
        content = decompressed(raw, source.compression, *budgets)
        yield open_docker_local(content) if source.encoding == DOCKER_LOCAL else content


def shown(path: str) -> str:
    """Return *path* as it is shown: what is no text or a control character as an escape.

    >>> shown(os.fsdecode(b"caf\\xe9\\nlog"))
    'caf\\\\xe9\\\\nlog'
    """
    text = os.fsencode(path).decode(UTF8, "backslashreplace").replace("\n", r"\n")
    return re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text)


def _aliases_note(aliases: Sequence[str]) -> str:
    named = ", ".join(shown(alias) for alias in aliases[:_MAX_ALIASES_TOLD])
    more = len(aliases) - _MAX_ALIASES_TOLD
    return f"the same file as {named}" + (f" and {more:,} more" if more > 0 else "")


# ---- finding --------------------------------------------------------------------------------


def _expand(text: str) -> list[str]:
    if text == STDIN or os.path.lexists(text):
        return [text]
    # Path.glob takes no absolute pattern.
    matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207
    if not matches:
        raise UsageError(f"no such file or folder: {text!r}", hint=_nearby(text))
    return matches


def _nearby(text: str) -> str:
    parent = Path(text).parent
    if not parent.is_dir():
        return "check the path; the folder above it does not exist either"
    names = sorted(entry.name for entry in parent.iterdir())[:5]
    return f"{parent} holds {', '.join(names)}" if names else f"{parent} is empty"


class _Finder:
    """Collects the files below the paths named; *refused* are those not read, with the reason."""

    def __init__(self, skip: Iterable[Path], follows_outside: bool) -> None:
        self._skipped = {os.path.realpath(folder) for folder in skip}
        self._follows_outside = follows_outside
        self._roots: list[str] = []
        self._outside: dict[str, str] = {}
        self._found: set[str] = set()
        self.refused: dict[str, str] = {}

    def add(self, path: str) -> None:
        """Add a file, or the files below a folder."""
        if path != STDIN and Path(path).is_dir():
            self._roots.append(os.path.realpath(path))
            self._walk(Path(path))
        else:
            self._take(str(Path(path)))

    def _take(self, path: str) -> None:
        self._found.add(path)
        if len(self._found) > MAX_FILE_COUNT:
            raise UsageError(
                f"there are more than the {MAX_FILE_COUNT:,} files that one run reads",
                hint="name the folders that matter, or run once for each",
            )

    def _walk(self, root: Path) -> None:
        seen: set[tuple[int, int]] = set()
        pending = [(root, 0)]
        while pending:
            folder, depth = pending.pop()
            try:
                status = folder.stat()
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                self.refused[str(folder)] = f"cannot be read: {error.strerror or error}"
                continue
            identity = (status.st_dev, status.st_ino)
            if identity in seen or self._is_ours(folder, entries, depth):
                continue
            seen.add(identity)
            if depth > MAX_FOLDER_DEPTH:
                self.refused[str(folder)] = (
                    f"not read: more than {MAX_FOLDER_DEPTH} folders deep; name it to read it"
                )
                continue
            pending += [(path, depth + 1) for path in self._sorted_out(folder, entries)]

    def _is_ours(self, folder: Path, entries: Sequence["os.DirEntry[str]"], depth: int) -> bool:
        is_output = depth > 0 and any(entry.name == OUTPUT_MARKER for entry in entries)
        return is_output or os.path.realpath(folder) in self._skipped

    def _sorted_out(self, folder: Path, entries: Sequence["os.DirEntry[str]"]) -> list[Path]:
        """Take the files among *entries*; return the folders."""
        folders = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _NEIGHBOURS:
                continue
            path = folder / entry.name
            if entry.is_symlink() and not self._may_follow(path):
                continue
            if _is_folder(entry):
                folders.append(path)
            else:
                self._take(str(path))
        return folders

    def _may_follow(self, link: Path) -> bool:
        target = os.path.realpath(link)
        if self._follows_outside or any(_is_below(target, root) for root in self._roots):
            return True
        self._outside[str(link)] = target
        return False

    def without_aliases(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each file once, by its first path, with the other paths that lead to it."""
        for link, target in self._outside.items():
            # A folder that was named later may hold the target.
            if any(_is_below(target, root) for root in self._roots):
                continue
            self.refused[link] = (
                f"not followed: a link out of the folders named, to {shown(target)}; name that, or "
                "use --follow-outside"
            )
        paths: dict[object, list[str]] = defaultdict(list)
        for path in sorted(self._found):
            paths[_identity(path)].append(path)
        for first, *aliases in paths.values():
            yield first, aliases


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links: it is told where it is opened
        return False


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _identity(path: str) -> object:
    if path == STDIN:
        return STDIN
    try:
        status = Path(path).stat()
    except OSError:
        return path
    return status.st_dev, status.st_ino


def _group(sources: Iterable[Source]) -> list[Stream]:
    groups: dict[str, list[tuple[tuple[int, int, str], int, Source]]] = {}
    for number, source in enumerate(sorted(sources, key=lambda source: source.path)):
        base, order = rotation_key(source.path)
        groups.setdefault(base, []).append((order, number, source))
    return [
        Stream(base, tuple(source for *_, source in sorted(members, key=lambda one: one[:2])))
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


# ---- where the bytes lie --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    """A file by its path and, once it was looked at, by what it is: names move in rotation."""

    path: str
    identity: tuple[int, int] | None = None

    def open(self) -> Iterator[Raw]:
        with self.file() as file:
            yield Span(file.fileno(), 0, os.fstat(file.fileno()).st_size)

    def file(self) -> BinaryIO:
        """Open the file; it is read to the size that it has now."""
        try:
            file = _open_regular(self.path)
        except FileNotFoundError:
            if self.identity is None:
                raise
            return self._moved()
        status = os.fstat(file.fileno())
        if self.identity in (None, (status.st_dev, status.st_ino)):
            return file
        file.close()
        return self._moved()

    def _moved(self) -> BinaryIO:
        with os.scandir(Path(self.path).parent) as entries:
            names = [e.path for e in entries if e.inode() == self.identity[1]]  # type: ignore[index]
        for name in names:
            file = _open_regular(name)
            status = os.fstat(file.fileno())
            if (status.st_dev, status.st_ino) == self.identity:
                return file
            file.close()
        raise BrokenOff("it was removed, or another file took its place, after it was found")


def _open_regular(path: str) -> BinaryIO:
    # Opening a FIFO would block for ever, a device may act on it, and /dev/zero never ends.
    _require_regular(Path(path).stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "not a regular file")


@dataclass(frozen=True, slots=True)
class _Stdin:
    """Standard input, of which *head* was read ahead when it was looked at."""

    inspector: "_Inspector"
    head: bytes | None = None

    def open(self) -> Iterator[Raw]:
        yield Piped(self.head or b"", sys.stdin.buffer)

    def look(self, source: Source) -> Source:
        """Return *source* with what its first bytes tell."""
        head = _read_ahead(sys.stdin.buffer)
        plain = replace(source, origin=replace(self, head=head))
        return self.inspector.looked_at(plain, Piped(head, io.BytesIO()))[0]


@dataclass(frozen=True, slots=True)
class _InArchive:
    """A member of an archive, which is opened again if another was opened since."""

    archives: "_Archives"
    file: _File
    kind: str
    compression: str | None
    member: Member

    def open(self) -> Iterator[Raw]:
        archive = self.archives.get(self.file, self.kind, self.compression)
        with archive.open(self.member) as raw:
            yield raw


class _Archives:
    """Keeps the archive that was used last open: one temporary file at a time."""

    def __init__(self) -> None:
        self._last: tuple[_File, Archive] | None = None

    def get(self, file: _File, kind: str, compression: str | None) -> Archive:
        """Return *file* as an archive."""
        if self._last is None or self._last[0] != file:
            self._last = None  # closes it before another takes room
            self._last = file, Archive(file.file(), kind, compression)
        return self._last[1]


# ---- what they are --------------------------------------------------------------------------


class _Inspector:
    """Looks at the first bytes of each file: compression, encoding, whether it is a log at all."""

    def __init__(self, encoding: str | None, known: Known | None = None) -> None:
        self._encoding = encoding
        self._known = known
        self._archives = _Archives()
        self._budget = Budget.of(MAX_RUN_BYTES)

    def inspect(self, path: str) -> list[Source]:
        """Return the source at *path*, or those in it when it is an archive."""
        if path == STDIN:
            return [Source(STDIN, None, None, None, UTF8, None, origin=_Stdin(self))]
        label = shown(path)
        try:
            if self._known and (found := self._known(_plain(path, Path(path).stat()))):
                return [replace(found, budget=self._budget)]
            with _open_regular(path) as file:
                status = os.fstat(file.fileno())
                plain = _plain(path, status)
                return self.looked_at(plain, Span(file.fileno(), 0, status.st_size))
        except READ_ERRORS as error:
            reason = getattr(error, "strerror", None) or error
            return [_refused(label, f"cannot be read: {reason}")]

    def looked_at(self, plain: Source, raw: Raw) -> list[Source]:
        """Return *plain* with what the first bytes of *raw* tell, or the members in it."""
        start = raw.read(HEAD_BYTES)
        compression = compression_of(start)
        content = decompressed(_Again(start, raw), compression)
        head, sample, error = _sampled(content)
        if error and not head:
            return [_without(plain, f"not a readable {compression or ''} file: {error}")]
        if (kind := archive_kind(head)) is not None:
            return self._in_archive(plain, kind, compression)
        if compression and (again := compression_of(head)):
            return [_without(plain, f"not read: compressed twice ({compression}, {again})")]
        encoding, note = encoding_of(sample, self._encoding)
        if is_docker_local(head):
            encoding, note = DOCKER_LOCAL, None
        elif reason := _foreign(head, sample, is_forced=self._encoding is not None):
            return [_without(plain, reason)]
        return [
            replace(
                plain,
                compression=compression,
                encoding=encoding,
                sha256_head=hashlib.sha256(head).hexdigest(),
                notes=(note,) if note else (),
                budget=self._budget,
            )
        ]

    def _in_archive(self, plain: Source, kind: str, compression: str | None) -> list[Source]:
        if not isinstance(plain.origin, _File):
            what = "in an archive" if isinstance(plain.origin, _InArchive) else "from a pipe"
            return [_without(plain, f"not read: a {kind} archive {what}")]
        file = plain.origin
        try:
            archive = self._archives.get(file, kind, compression)
            listing = archive.listing()
        except READ_ERRORS as error:
            return [_without(plain, f"not a readable {kind} archive: {error}")]
        sources = [row] if (row := _archive_row(plain, listing)) else []
        names: dict[str, int] = {}
        for member in listing.members:
            count = names[member.name] = names.get(member.name, 0) + 1
            label = shown(member.name) + (f"#{count}" if count > 1 else "")
            origin = _InArchive(self._archives, file, kind, compression, member)
            path = f"{plain.path}{SEPARATOR}{label}"
            stamp = f"{plain.stamp}:{path}"
            one = Source(
                path, member.size, member.modified, None, UTF8, None, origin=origin, stamp=stamp
            )
            sources += self._member(one, archive, member)
        return sources

    def _member(self, source: Source, archive: Archive, member: Member) -> list[Source]:
        try:
            with archive.open(member) as raw:
                return self.looked_at(source, raw)
        except READ_ERRORS as error:
            return [_without(source, f"cannot be read: {error}")]


def _plain(path: str, status: os.stat_result) -> Source:
    stamp = f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
    return Source(
        shown(path),
        status.st_size,
        datetime.fromtimestamp(status.st_mtime, UTC),
        None,
        UTF8,
        None,
        origin=_File(path, (status.st_dev, status.st_ino)),
        stamp=stamp,
    )


class _Again:
    """The bytes of *rest* with those that were read before it."""

    def __init__(self, head: bytes, rest: Raw) -> None:
        self._head = head
        self._rest = rest

    @property
    def consumed(self) -> int:
        return self._rest.consumed - len(self._head)

    def read(self, size: int) -> bytes:
        part, self._head = self._head[:size], self._head[size:]
        return part or self._rest.read(size)

    def skip_hole(self) -> int:
        return 0 if self._head else self._rest.skip_hole()


def _read_ahead(file: BinaryIO) -> bytes:
    head = b""
    while len(head) < SAMPLE_BYTES and (part := read_some(file, SAMPLE_BYTES - len(head))):
        head += part
    return head


def _sampled(content: Content) -> tuple[bytes, bytes, str | None]:
    """Return the first bytes of *content*, its first bytes that are not all NUL, and the reason
    when it breaks off before.
    """
    head = sample = b""
    try:
        while len(sample) < SAMPLE_BYTES and (part := content.read1(SAMPLE_BYTES)):
            head += part[: HEAD_BYTES - len(head)]
            if sample or part.strip(b"\0"):
                sample += part
            else:
                content.skip_hole()
    except READ_ERRORS as error:
        return head, sample, str(error)
    return head, sample, None


def _archive_row(plain: Source, listing: Listing) -> Source | None:
    """Return what is to say of an archive itself: null when all of it is in its members."""
    notes = tuple(
        f"{count:,} {kind}{'' if count == 1 else 's'} in it not read"
        for kind, count in sorted(listing.left_out.items())
    )
    if listing.error:
        return replace(_without(plain, listing.error), notes=notes)
    if notes or not listing.members:
        return replace(plain, origin=None, notes=notes or ("an archive without files",))
    return None


def _refused(path: str, error: str) -> Source:
    return Source(path, None, None, None, UTF8, None, error)


def _without(source: Source, error: str) -> Source:
    return replace(source, error=error, origin=None)


def _foreign(head: bytes, sample: bytes, *, is_forced: bool) -> str | None:
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            return f"not a log: {what}"
    if is_forced or encoding_of(sample)[0] != UTF8:
        return None
    text = _HOLES.sub(b"", sample[:HEAD_BYTES])
    control = len(text) - len(text.translate(None, _CONTROL))
    if control <= len(text) * 0.1:
        return None
    return f"not a log: binary content ({head[:8].hex(' ')} …)"


# A machine that went down leaves runs of NUL in the logs that it was writing, and so does a file
# that is truncated under its writer; UTF-16 may have been appended to other text.
_HOLES = re.compile(rb"(?:[\t\r\n -~]\x00){8,}|^\x00+|(?<=\n)\x00+|\x00{16,}|\x00+$")
_CONTROL = bytes(code for code in range(32) if code not in (9, 10, 13, 27))
