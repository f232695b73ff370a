"""Changes that the user names: on the command line, or in a file of one's own.

An event is `TIME KIND SERVICE TEXT`; a file holds one a line, as JSON objects or as CSV below a
line of names. What cannot be read is refused with its place, before any log is read.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.changes.load import KINDS, TEXT_CHARACTERS
from pipeline.errors import UsageError
from pipeline.schema import CHANGES

Moment = Callable[[str], datetime | None]

MOST_BYTES, MOST_EVENTS = 10 * 2**20, 10_000
_LINE = re.compile(
    r"(?P<time>\S+(?: [0-9]{1,2}:[0-9]{2}\S*)?)\s+(?P<kind>[^\s:]+)\s+(?P<service>\S+)"
    r"(?:\s+(?P<text>.*))?",
    re.DOTALL,
)
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_NAMES = {
    "time": ("time", "timestamp"),
    "kind": ("kind",),
    "service": ("service", "service_name"),
    "text": ("text",),
}
_KINDS = f"kinds of the report are {', '.join(KINDS)}; another word will do"
_FORM = (
    "write TIME KIND SERVICE TEXT: 2026-03-02T08:15Z deploy api 1.4.2 by hand (* for all services)"
)
_FILE_FORM = (
    "write JSON objects, one a line, with the keys time, kind, service, text, or CSV whose first "
    "line has these names"
)


def given_changes(events: Sequence[str], paths: Sequence[str], moment_of: Moment) -> pl.DataFrame:
    """Return what the user named, columns `CHANGES`: *events* as typed, then those of files.

    *moment_of* reads a time, None for one that depends on the data. Raises `UsageError`.
    """
    rows = [_typed(text, moment_of) for text in events]
    for path in paths:
        rows += _of_file(path, moment_of)
    if len(rows) > MOST_EVENTS:
        raise UsageError(
            f"{len(rows):,} events are named, and {MOST_EVENTS:,} are the most",
            hint="name those around the time in question",
        )
    return pl.DataFrame(rows, schema=CHANGES, orient="row")


def _typed(text: str, moment_of: Moment) -> dict[str, Any]:
    match = _LINE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--event {text!r}: a time, a kind and a service are needed", hint=_FORM)
    return _row(f"--event {text!r}", match.groupdict(), moment_of, None, None)


def _of_file(path: str, moment_of: Moment) -> Iterator[dict[str, Any]]:
    try:
        data = _read(Path(path))
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", hint="name a file with --event-file"
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: it is not UTF-8 text", hint=_FILE_FORM) from error
    read = _json_lines if text.lstrip().startswith("{") else _csv_lines
    for number, entry in read(path, text):
        yield _row(f"{path}, line {number}", entry, moment_of, path, number)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path} has more than {MOST_BYTES // 2**20} MiB", hint=_FILE_FORM)
    return data


def _json_lines(path: str, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, line {number}: not JSON", hint=_FILE_FORM) from error
        if not isinstance(entry, dict):
            raise UsageError(f"{path}, line {number}: not a JSON object", hint=_FILE_FORM)
        yield number, entry


def _csv_lines(path: str, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    rows = csv.reader(text.splitlines(keepends=True))
    try:
        head = [name.strip().lower() for name in next(rows, [])]
        known = [name for names in _NAMES.values() for name in names]
        if not any(name in _NAMES["time"] for name in head):
            raise UsageError(f"{path}, line 1: no column is named time", hint=_FILE_FORM)
        for row in rows:
            if any(cell.strip() for cell in row):
                pairs = zip(head, row, strict=False)
                yield rows.line_num, {name: cell for name, cell in pairs if name in known}
    except csv.Error as error:
        raise UsageError(f"{path}, line {rows.line_num}: {error}", hint=_FILE_FORM) from error


def _row(
    where: str, entry: Mapping[str, object], moment_of: Moment, path: str | None, line: int | None
) -> dict[str, Any]:
    hint = _FORM if path is None else _FILE_FORM
    cells = {name: _cell(entry, keys) for name, keys in _NAMES.items()}
    for name in ("time", "kind", "service"):
        if not cells[name]:
            raise UsageError(f"{where}: {name} is missing", hint=hint)
    kind = cells["kind"].lower()
    if not _KIND.fullmatch(kind):
        raise UsageError(f"{where}: {cells['kind']!r} is no kind", hint=_KINDS)
    try:
        moment = moment_of(cells["time"])
    except UsageError as error:
        raise UsageError(f"{where}: {error}", hint=error.hint) from error
    if moment is None:
        raise UsageError(
            f"{where}: {cells['time']!r} depends on the data",
            hint="name a moment by itself: 2026-03-02T08:15Z, or @epoch",
        )
    return {
        "origin": "given",
        "timestamp": moment,
        "time_source": "given",
        "service_name": cells["service"],
        "kind": kind,
        "text": " ".join(cells["text"].split())[:TEXT_CHARACTERS],
        "event_count": 1,
        "is_given": True,
        "log_file_path": path,
        "line_number": line,
    }


def _cell(entry: Mapping[str, object], keys: Sequence[str]) -> str:
    value = next((entry[key] for key in keys if entry.get(key) is not None), "")
    return str(value).strip()
