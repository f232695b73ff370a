"""Files of facts as bytes: found, opened without surprises, bounded.

What lies in such a folder may be anything, put there by anybody: links are not followed, pipes and
devices not opened, and nothing is read beyond a limit. What is not read keeps its place in the
report, with the reason.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError

# `docker inspect` writes some 10 kB a container, `kubectl get pods -o json` as much a pod: this is
# some thousands of either, and JSON of this size takes less than 1 GB while it is read.
MAX_FILE_BYTES = 64 << 20
MAX_TOTAL_BYTES = 256 << 20
MAX_FILES = 500
MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Capture:
    """One file: its bytes, or the *problem* for which there are none.

    *name* is the path as typed or found below it, always printable UTF-8 text.
    """

    name: str
    byte_count: int | None
    data: bytes | None
    problem: str | None = None

    @property
    def sha256(self) -> str | None:
        """The hash of its bytes, null where they were not read."""
        return None if self.data is None else hashlib.sha256(self.data).hexdigest()


def find_captures(paths: Sequence[str], *, skip: Sequence[Path] = ()) -> Iterator[Capture]:
    """Yield every file of *paths* (files and folders) in order of name; names that begin with a
    point, and the folders *skip*, are passed over.

    Raises `UsageError` for a path that does not exist.
    """
    missing = [path for path in paths if not os.path.lexists(path)]
    if missing:
        raise UsageError(
            f"--facts: no such file or folder: {missing[0]!r}",
            hint="analyze collect --out facts/ writes one; any folder with captured files will do",
        )
    left = MAX_TOTAL_BYTES
    skipped = {path.resolve() for path in skip}
    for number, (path, problem) in enumerate(_walk(paths, skipped)):
        if number == MAX_FILES:
            text = f"a folder of facts has {MAX_FILES:,} files at most: the rest was not read"
            yield Capture(shown_name(path), None, None, text)
            return
        if problem is not None:
            yield Capture(shown_name(path), None, None, problem)
            continue
        found = _opened(path, left)
        left -= len(found.data or b"")
        yield found


def shown_name(path: os.PathLike[str] | str) -> str:
    """Return a path as text that every output can hold, also where its bytes are no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


_Found = tuple[Path, str | None]  # with the reason why it is not to be opened


def _walk(paths: Sequence[str], skipped: set[Path]) -> Iterator[_Found]:
    for path in map(Path, paths):
        # The path that was typed may be a link: its user wants what is behind it.
        if path.is_dir():
            yield from _below(path, 0, skipped)
        else:
            yield (path.resolve() if path.is_symlink() else path), None


def _below(folder: Path, depth: int, skipped: set[Path]) -> Iterator[_Found]:
    if folder.resolve() in skipped:
        return
    if depth > MAX_DEPTH:
        yield folder, f"more than {MAX_DEPTH} folders deep: not read"
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder, "a folder that may not be read"
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name, depth + 1, skipped)
        else:
            yield folder / entry.name, None


def _opened(path: Path, left: int) -> Capture:
    name = shown_name(path)
    # Neither a link nor a pipe that waits for its writer is opened, even if the file has become one
    # since it was found.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if path.is_symlink():
            return Capture(name, None, None, "a link: not followed")
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Capture(name, None, None, "a link: not followed")
        return Capture(name, None, None, f"cannot be read: {error.strerror}")
    except ValueError:
        return Capture(name, None, None, "cannot be read: its name holds a zero byte")
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            return Capture(name, None, None, f"{_kind(facts.st_mode)}: not read")
        size = facts.st_size
        if size > MAX_FILE_BYTES:
            limit = f"{MAX_FILE_BYTES >> 20} MiB"
            return Capture(name, size, None, f"larger than {limit}: not read")
        if size > left:
            limit = f"{MAX_TOTAL_BYTES >> 20} MiB"
            return Capture(name, size, None, f"all facts together are larger than {limit}")
        try:
            # A file that grows while it is read stays within the limit.
            data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            return Capture(name, size, None, f"cannot be read: {error.strerror}")
    if len(data) > MAX_FILE_BYTES:
        return Capture(name, len(data), None, "it grew while it was read: not read")
    return Capture(name, len(data), data)


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISDIR, "a folder"),
    )
    return next((word for test, word in kinds if test(mode)), "a device")
