"""How a run went, for who watches the scheduler: written however it ended."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pipeline import store
from pipeline.errors import ExitCode, PipelineError
from pipeline.facts import Job
from pipeline.model import Result

# A run that cannot decide watches nothing, so that it is no success.
_SUCCESS = (ExitCode.NORMAL, ExitCode.REGRESSION)
_LAST_SUCCESS = re.compile(
    r"^aftershock_last_success_timestamp_seconds ([0-9.e+]+)$", flags=re.MULTILINE
)
_MOST_BYTES = 1 << 20


@dataclass(slots=True)
class Meter:
    """What is known of a run while it goes on."""

    result: Result | None = None
    exit_status: int = ExitCode.FAILED


@contextmanager
def metered(path: Path | None) -> Iterator[Meter]:
    """Write gauges to *path* at the end of what is done within, however it ends; None: nowhere.

    A run that another one keeps from starting writes nothing: the other one will. Raises
    `PipelineError` when the file cannot be written after a run that came to a result; after one
    that failed its own error counts.
    """
    meter, begun = Meter(), time.monotonic()
    try:
        yield meter
    except BaseException as error:
        meter.exit_status = status_of(error, meter)
        if path and meter.exit_status != ExitCode.LOCKED:
            try:
                _write(path, meter, time.monotonic() - begun)
            except PipelineError as other:
                error.add_note(f"{other}")
        raise
    if path:
        _write(path, meter, time.monotonic() - begun)


def status_of(error: BaseException, meter: Meter) -> int:
    """Return the exit status with which a run ends that *error* ended."""
    if isinstance(error, PipelineError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return meter.exit_status


def _write(path: Path, meter: Meter, seconds: float) -> None:
    from pipeline.render.metrics import render_metrics

    now = datetime.now(UTC)
    last = now if meter.exit_status in _SUCCESS else _last_success(path)
    job = Job(version("aftershock"), now, round(seconds, 3), int(meter.exit_status), last)
    text = render_metrics(job, meter.result)
    store.write_documents(path.parent, {path.name: text}, hint="name another file with --metrics")


def _last_success(path: Path) -> datetime | None:
    """Return what the file of the run before says; nothing where it is none of ours."""
    try:
        with path.open(encoding="utf-8") as file:
            found = _LAST_SUCCESS.search(file.read(_MOST_BYTES))
        return datetime.fromtimestamp(float(found[1]), UTC) if found else None
    except (OSError, ValueError, OverflowError):
        return None
