"""One run at a time in one store.

The lock is the kernel's (`flock`): it goes with its process, however that ends, so that no lock is
ever left behind. What is written in the file only tells people who has it.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import LockedError

NAME = "lock"
_PAUSE_SECONDS = 0.05


@contextmanager
def locked(folder: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock of the store in *folder*. Raises `LockedError` where another run has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder / NAME, flags, 0o600)
    try:
        _acquire(descriptor, folder, wait_seconds)
        now = datetime.now(UTC)
        text = f"{os.getpid()} {now:%Y-%m-%dT%H:%M:%SZ} {socket.gethostname()}\n"
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, folder: Path, wait_seconds: float) -> None:

    until = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(_PAUSE_SECONDS)
                continue
            words = os.pread(descriptor, 200, 0).decode("utf-8", "replace").split()
            who = f"run {words[0]} since {words[1]} on {words[2]}" if len(words) > 2 else "a run"
            raise LockedError(
                f"the store {folder} is in use: {who}",
                hint="run again when it has ended; a lock goes with its process",
            ) from None
