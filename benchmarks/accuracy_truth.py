"""What the measures of `accuracy.py` stand on: events as read, and the raw lines beside them.

Nothing here shares code with reading but the public calls of `pipeline.ingest`: lines are taken
from the files by Python's own decompressors and codecs.
"""

import bz2
import csv
import gzip
import itertools
import json
import re
import traceback
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipeline.ingest import Options, find_streams, ledger_frame, load_formats, read_stream

_COLUMNS = (
    "log_file_path", "line_number", "line_count", "timestamp", "observed_timestamp",
    "severity_number", "severity_text", "service_name", "container_name", "exception_type",
    "exception_stacktrace", "http_response_status_code", "body",
)  # fmt: skip
_NANOSECONDS = re.compile(r"(\.[0-9]{6})[0-9]+")


class Miss(NamedTuple):
    """One thing that is not as the truth says; *line* is 0 where the whole file is meant."""

    file: str
    line: int
    expected: object
    got: object


class Figure(NamedTuple):
    """How many of *total* are right, and what is not."""

    right: int
    total: int
    misses: list[Miss]

    @property
    def share(self) -> float:
        """The share that is right; 0 when there was nothing to judge, so that it never holds."""
        return self.right / self.total if self.total else 0.0


def figure(total: int, misses: list[Miss]) -> Figure:
    """Return the figure of *total* judged things of which *misses* are wrong."""
    return Figure(total - len(misses), total, misses)


class Event(NamedTuple):
    """One event of a file, as far as measures need it; the names are those of the columns."""

    line_number: int
    line_count: int
    timestamp: datetime | None
    observed_timestamp: datetime | None
    severity_number: int
    severity_text: str | None
    service_name: str
    container_name: str | None
    exception_type: str | None
    exception_stacktrace: str | None
    http_response_status_code: int | None
    body: str


class File:
    """The events of one file in the order of its lines."""

    def __init__(self, path: str, events: list[Event]) -> None:
        self.path = path
        self.events = events
        self._starts = [event.line_number for event in events]

    def event(self, line: int) -> Event | None:
        """Return the event that begins at the 1-based *line*, else the last one before it."""
        at = bisect_right(self._starts, line) - 1
        while at > 0 and self._starts[at - 1] == line:  # several events of one line: the first
            at -= 1
        return self.events[at] if at >= 0 else None

    def starting(self, line: int) -> Event | None:
        """Return the event that begins at *line*, or None."""
        event = self.event(line)
        return event if event is not None and event.line_number == line else None

    def headed_by(self, line: int) -> Event | None:
        """Return the event whose header stands at *line*: its first line, but in a file that runs
        from new to old its last, since what goes on from a header stands above it there.
        """
        event = self.event(line)
        if event is None or not self._runs_backwards:
            return self.starting(line)
        return event if event.line_number + event.line_count - 1 == line else None

    @cached_property
    def _runs_backwards(self) -> bool:
        times = [event.timestamp for event in self.events if event.timestamp is not None]
        steps = [
            later > earlier for earlier, later in itertools.pairwise(times) if later != earlier
        ]
        return bool(steps) and sum(steps) < len(steps) / 2


class Logs:
    """The set of logs: what reading made of the files below *prefixes*, and their raw lines."""

    def __init__(self, root: Path, prefixes: list[str]) -> None:
        self.root = root
        self.manifest = {
            row["path"]: int(row["lines"])
            for row in self.rows("MANIFEST.csv")
            if row["path"].startswith(tuple(prefixes))
        }
        self.crashes: list[Miss] = []
        self.events, self.ledger = self._read()

    def _read(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        options = Options(formats=load_formats(), keep_all=True)
        ledger: list[dict[str, object]] = []
        parts: list[pl.DataFrame] = []
        for stream in find_streams([str(self.root / path) for path in self.manifest]):
            try:
                parts += [
                    batch.events.select(_COLUMNS) for batch in read_stream(stream, options, ledger)
                ]
            except Exception:  # noqa: BLE001  # a crash is what is counted here
                reason = traceback.format_exc().strip().splitlines()[-1]
                self.crashes.append(Miss(self._name(stream.sources[0].path), 0, "events", reason))
        events = pl.concat([part for part in parts if part.height])
        return self._named(events), self._named(ledger_frame(ledger))

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            pl.col("log_file_path").str.strip_prefix(f"{self.root}/").cast(pl.String)
        )

    def _name(self, path: str) -> str:
        return path.removeprefix(f"{self.root}/")

    @cached_property
    def _files(self) -> dict[str, File]:
        parts = self.events.sort("log_file_path", "line_number", maintain_order=True).partition_by(
            "log_file_path", as_dict=True, include_key=False
        )
        return {
            str(path): File(str(path), [Event(*row) for row in part.rows()])
            for (path,), part in parts.items()
        }

    def file(self, path: str) -> File:
        """Return what was read of *path*; without events when nothing was."""
        return self._files.get(path) or File(path, [])

    def paths(self, *prefixes: str) -> list[str]:
        """Return the paths of the manifest below *prefixes* in order; truth tables left out."""
        return sorted(
            path
            for path in self.manifest
            if path.startswith(prefixes) and not path.endswith((".csv", ".csv.gz", ".assert"))
        )

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a CSV file."""
        with (self.root / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def document(self, name: str) -> dict[str, Any]:
        """Return a JSON file whose top level is an object."""
        loaded: dict[str, Any] = json.loads((self.root / name).read_text("utf-8"))
        return loaded

    def lines(self, path: str) -> Iterator[tuple[int, str]]:
        r"""Yield the 1-based number and text of each physical line, without ``\n`` and ``\r``."""
        data = (self.root / path).read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        elif data.startswith(b"BZh"):
            data = bz2.decompress(data)
        codec = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        for number, line in enumerate(data.decode(codec, "replace").split("\n"), start=1):
            yield number, line.rstrip("\r")


def instant(text: str) -> datetime | None:
    """Return an ISO 8601 time as UTC, cut to microseconds; without a zone it is taken as UTC."""
    try:
        time = datetime.fromisoformat(_NANOSECONDS.sub(r"\1", text))
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def json_object(line: str) -> dict[str, object]:
    """Return the JSON object that *line* is, or an empty one."""
    if not line.lstrip().startswith("{"):
        return {}
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
