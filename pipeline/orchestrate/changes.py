"""Changes of the system: lines that tell of one are collected while the logs are read, and the user
may name others.
"""

from functools import partial

import polars as pl

from pipeline.changes import find_changes, given_changes, load_signs
from pipeline.diagnosis.times import parse_absolute
from pipeline.model import Settings
from pipeline.redaction import Redactor, redact_columns, redact_events
from pipeline.schema import CHANGES

# Of more lines, those that say the same in the same minute are one row.
MOST_LINES = 100_000


class ChangeLines:
    """Lines of one input that tell of a change, redacted before they are looked at."""

    def __init__(self, origin: str, redactor: Redactor | None) -> None:
        self._origin = origin
        self._redactor = redactor
        self._parts = [pl.DataFrame(schema=CHANGES)]
        self._seen = self._waiting = 0

    def add(self, notable: pl.DataFrame) -> None:
        """Look at events that hold a literal of some sign, columns `EVENTS`."""
        if notable.is_empty():
            return
        if self._redactor is not None:
            # Which secrets were taken out is told of the events that are kept.
            notable, _ = redact_events(notable, self._redactor)
        found = find_changes(notable, load_signs(), self._origin)
        self._parts.append(found)
        self._seen += found.height
        self._waiting += found.height
        if self._waiting > MOST_LINES:
            self._parts = [_by_minute(pl.concat(self._parts))]
            self._waiting = 0

    def table(self) -> pl.DataFrame:
        """Return a row a line, columns `CHANGES`, in order; the same however the input came."""
        whole = pl.concat(self._parts)
        if self._seen > MOST_LINES:
            whole = _by_minute(whole)
        return whole.sort(*PLACE, nulls_last=True)


def changes_given(settings: Settings, redactor: Redactor | None) -> pl.DataFrame:
    """Return the changes that *settings* name, columns `CHANGES`. Raises `UsageError`."""
    moment_of = partial(parse_absolute, zone=settings.zone)
    given = given_changes(settings.event, settings.event_files, moment_of)
    return given if redactor is None else redact_columns(given, redactor)


# The order of the table: where a line stands.
PLACE = ("timestamp", "log_file_path", "line_number", "byte_offset")


def _by_minute(lines: pl.DataFrame) -> pl.DataFrame:
    """Add up lines that say the same of the same in the same minute; the first one stands."""
    own = [
        "service_name", "container_name", "log_iostream", "sign", "subject", "version", "previous",
    ]  # fmt: skip
    merged = (
        lines.sort(*PLACE, nulls_last=True)
        .group_by(*own, pl.col("timestamp").dt.truncate("1m").alias("minute"), maintain_order=True)
        .agg(pl.exclude("event_count").first(), pl.col("event_count").sum())
    )
    return merged.select(list(CHANGES))
