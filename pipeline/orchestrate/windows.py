"""Which moment a run is made for, and which windows it compares."""

import os
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from pipeline.diagnosis.times import parse_absolute
from pipeline.diagnosis.understanding import unknown_sources
from pipeline.diagnosis.windows import Choice, choose_windows
from pipeline.errors import UndecidableError, UsageError
from pipeline.model import Settings
from pipeline.orchestrate.reading import Tables


def moment_of(now: str | None, settings: Settings) -> datetime:
    """Return the moment of a run: the one that *now* names, else SOURCE_DATE_EPOCH, by which builds
    are made reproducible, else the clock's.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if now is None and epoch:
        now = f"@{epoch}"
    if now is None:
        return datetime.now(UTC).replace(microsecond=0)
    moment = parse_absolute(now, settings.zone)
    if moment is None:
        raise UsageError(
            f"--now or SOURCE_DATE_EPOCH must name a moment by itself, not {now!r}",
            hint="use ISO 8601 such as 2026-03-02T10:00Z, or @epoch",
        )
    return moment


def choose(settings: Settings, now: datetime, inputs: Mapping[str, Tables]) -> Choice:
    """Return the windows to compare; `UndecidableError` where what was read has none."""
    candidate = inputs["candidate"]
    if not candidate.extents:
        lines = int(candidate.ledger["line_count"].sum())
        files = "1 file" if candidate.ledger.height == 1 else f"{candidate.ledger.height:,} files"
        raise UndecidableError(
            f"none of {lines:,} lines in {files} has a time"
            if lines
            else f"there is no line in {files}",
            hint=_hint_on_times(candidate.ledger),
        )
    baseline = inputs.get("baseline")
    if baseline is not None and not baseline.extents:
        raise UndecidableError(
            "the baseline holds no event with a time", hint="name other logs with --baseline"
        )
    return choose_windows(settings, now, candidate.extents[0], baseline.extents if baseline else ())


def _hint_on_times(ledger: pl.DataFrame) -> str:
    collect = "rates need times: collect with docker logs -t or kubectl logs --timestamps"
    unknown = unknown_sources(ledger)
    if not unknown:
        return collect
    path = shlex.quote(unknown[0][0])
    return f"{collect}, or teach the format: analyze formats suggest {path}"
