"""One command of the host, run without a shell, and stopped when it takes too long or too much."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

_CHUNK = 65_536
_MOST_STDERR = 65_536
# Between a stop and its end a process may hold its pipes open; longer than this nobody waits.
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one command; *problem* is null where it ended by itself."""

    exit_status: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    problem: str | None


def run_command(argv: Sequence[str], *, seconds: float, most_bytes: int) -> Ran:
    """Run *argv* (its first word an absolute path) with no input, for at most *seconds*.

    What it writes is kept up to *most_bytes*; beyond it the command is stopped. Nothing raises.
    """
    begin = time.monotonic()
    # A group of its own, so that what it starts is stopped with it.
    own_group = {} if sys.platform == "win32" else {"start_new_session": True}
    try:
        process = subprocess.Popen(  # words from our own list, no shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"LC_ALL": "C"},
            **own_group,  # type: ignore[call-overload]
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Ran(None, b"", b"", time.monotonic() - begin, f"could not be started: {reason}")
    out, err = _Pipe(process.stdout, most_bytes), _Pipe(process.stderr, _MOST_STDERR)
    problem = _wait(process, out, begin + seconds, seconds)
    for pipe in (out, err):
        pipe.thread.join(_GRACE_SECONDS)
    elapsed = time.monotonic() - begin
    return Ran(process.poll(), bytes(out.data), bytes(err.data), elapsed, problem)


def _wait(
    process: "subprocess.Popen[bytes]", out: "_Pipe", deadline: float, seconds: float
) -> str | None:
    while True:
        # The end of its output or of its time, whatever is first.
        done = out.done.wait(max(0.0, deadline - time.monotonic()))
        if out.is_full:
            _stop(process)
            return f"stopped: it wrote more than {out.limit:,} bytes"
        if not done:
            _stop(process)
            return f"stopped: it took more than {seconds:g} s"
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _stop(process)
            return f"stopped: it took more than {seconds:g} s"
        return None


def _stop(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(OSError):  # it ended just now
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    # A process in the kernel's hands cannot be ended; it has no part in ours.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)


class _Pipe:
    """Reads a pipe to its end in a thread, and keeps its first *limit* bytes."""

    def __init__(self, pipe: IO[bytes] | None, limit: int) -> None:
        assert pipe is not None
        self.data = bytearray()
        self.limit = limit
        self.is_full = False
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self.thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        try:
            with pipe:
                while chunk := os.read(pipe.fileno(), _CHUNK):
                    room = self.limit - len(self.data)
                    self.data += chunk[:room]
                    if len(chunk) > room and not self.is_full:
                        self.is_full = True
                        self.done.set()
        except (OSError, ValueError):
            pass  # the pipe went away with its process
        finally:
            self.done.set()
