"""Targets that are neither HTTP nor mail of ours: a file, and what apprise knows."""

import os
import stat
import threading
from pathlib import Path

from pipeline.notices import Payload
from pipeline.notify.limits import FailedTry
from pipeline.notify.targets import Target

# It loads its services when the first is named, and a second thread would find only a part.
_LOADING = threading.Lock()


def append(target: Target, payload: Payload) -> None:
    """Append the line of *payload* in one write. Raises `FailedTry`.

    A file that holds something else than lines of JSON is refused: it may be a slip, such as the
    file of a secret.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    try:
        Path(target.url).parent.mkdir(parents=True, exist_ok=True)
        file = os.open(target.url, flags | getattr(os, "O_CLOEXEC", 0), 0o640)
        try:
            _append(file, payload.body.encode())
        finally:
            os.close(file)
    except OSError as error:
        raise FailedTry(f"cannot be written: {error.strerror}", is_worth_another=False) from None


def _append(file: int, line: bytes) -> None:
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode):
        raise FailedTry("it is no regular file", is_worth_another=False)
    if facts.st_size:
        if os.pread(file, 1, 0) != b"{":
            raise FailedTry("it holds something else: left as it is", is_worth_another=False)
        # A write that was cut short must not swallow this one.
        if os.pread(file, 1, facts.st_size - 1) != b"\n":
            line = b"\n" + line
    if os.write(file, line) != len(line):
        raise FailedTry("the disk took only a part", is_worth_another=False)
    os.fsync(file)


def by_apprise(target: Target, payload: Payload) -> None:
    """Hand *payload* to apprise, which has its own limits. Raises `FailedTry`."""
    import logging

    import apprise

    # It tells of failures in its own words, which may hold an address.
    logging.getLogger("apprise").disabled = True
    service = apprise.Apprise()
    with _LOADING:
        is_known = service.add(target.url)
    if not is_known:
        raise FailedTry("apprise does not know it", is_worth_another=False)
    if not service.notify(body=payload.body, title=payload.title, body_format="text"):
        raise FailedTry("apprise could not deliver", is_worth_another=True)
