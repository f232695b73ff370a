"""What makes the program run by itself: files for schedulers, and a scheduler of its own."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from pipeline import store
from pipeline.diagnosis.times import parse_duration
from pipeline.errors import ExitCode, UsageError
from pipeline.setups import Places, Setup, setup_for

# Less would read the same logs again before they grew; a scheduler's finest step is a minute, too.
_SHORTEST = timedelta(minutes=1)
# How long a run may take to end once it is asked to.
_GRACE_SECONDS = 20.0


def write_setup(
    kind: str, logs: Sequence[str], state: Path, out: Path, *, overwrites: bool
) -> tuple[Setup, list[Path]]:
    """Write the files that make *kind* analyse *logs* into *out*; return them, and where they lie.

    *state*: where the job keeps its store and report. Raises `UsageError` where a file is there
    already, unless *overwrites*; then none is written.
    """
    places = Places(_program(), [str(Path(one).absolute()) for one in logs], str(state.absolute()))
    setup = setup_for(kind, places)
    paths = [out / name for name in setup.files]
    there = [path for path in paths if path.exists()]
    if there and not overwrites:
        raise UsageError(
            f"{there[0]} is there already, and nothing was written",
            hint="--force writes over it; -o names another folder",
        )
    for path, text in zip(paths, setup.files.values(), strict=True):
        store.write_documents(path.parent, {path.name: text}, hint="name another folder with -o")
        if text.startswith("#!"):
            path.chmod(0o755)
    return setup, paths


def _program() -> str:
    """Return the path of this program; a scheduler's PATH seldom has that of a user."""
    found = shutil.which(sys.argv[0]) or shutil.which("analyze")
    return str(Path(found).absolute()) if found else "analyze"


def watch(
    arguments: Sequence[str],
    every: str,
    jitter: str,
    times: int | None,
    tell: Callable[[str], None],
) -> int:
    """Run ``analyze run`` with *arguments* now and then *every* so often, until it is stopped.

    Each run is a process of its own, which gives its memory back. It starts up to *jitter* late, by
    chance, so that many watchers do not start at once; a time at which the last run still went on
    is left out. *times*: end after so many, None: never. Returns the exit status of the last one.
    Raises `UsageError` for times that are none, and for usage that the first run refuses.
    """
    step, most = _duration(every, "--every"), _duration(jitter, "--jitter")
    if step < _SHORTEST:
        raise UsageError(f"--every {every} is too often", hint="a minute, 1m, is the shortest")
    if most >= step:
        raise UsageError(
            f"--jitter {jitter} is not shorter than --every {every}", hint="a tenth of it is usual"
        )
    begun, count, status = time.monotonic(), 0, int(ExitCode.NORMAL)
    while times is None or count < times:
        if count:
            due = _next(begun, step)
            tell(f"next run in {timedelta(seconds=round(due - time.monotonic()))}")
            # Chance is wanted here, so that no two watchers agree; nothing that is found uses it.
            time.sleep(max(due - time.monotonic(), 0.0) + random.uniform(0, most.total_seconds()))
        status = _run(arguments)
        count += 1
        if count == 1 and status == ExitCode.USAGE:
            break
        tell(f"run {count} ended with {status}")
    return status


def _next(begun: float, step: timedelta) -> float:
    """Return the next of the times that lie whole steps after *begun*."""
    seconds = step.total_seconds()
    return begun + (int((time.monotonic() - begun) / seconds) + 1) * seconds


def _run(arguments: Sequence[str]) -> int:
    """Run once; a signal to stop is handed on, and the run is given time to leave all in order."""
    child = subprocess.Popen([sys.executable, "-m", "pipeline", "run", *arguments])
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        raise


def _duration(text: str, option: str) -> timedelta:
    found = parse_duration(text)
    if found is None:
        raise UsageError(f"{option}: {text!r} is no duration", hint="such as 1h, 15m or 1h30m")
    return found
