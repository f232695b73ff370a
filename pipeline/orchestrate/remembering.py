"""What a store remembers of findings: to look at, and to say something of."""

import getpass
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pipeline import store
from pipeline.diagnosis.lifecycle import OPEN, handle, row_json
from pipeline.diagnosis.times import parse_absolute, parse_duration
from pipeline.errors import UsageError
from pipeline.facts import Row
from pipeline.model import Settings
from pipeline.orchestrate.keeping import remembered_rows
from pipeline.orchestrate.windows import moment_of

Handling = Literal["ack", "resolve", "ignore"]


def remembered_findings(folder: Path, *, is_open_only: bool = False) -> list[Row]:
    """Return the rows of the store in *folder* open ones first, newest first."""
    rows = remembered_rows(store.open_store(folder))
    ordered = sorted(rows, key=lambda row: (row.state in OPEN, row.since), reverse=True)
    return [row for row in ordered if row.state in OPEN or not is_open_only]


def remembered_finding(folder: Path, name: str) -> Row:
    """Return the row of the finding that *name* names: an id, its beginning, or a class.

    Raises `UsageError` where it names none, or several.
    """
    return _named(remembered_rows(store.open_store(folder)), name)


def say_of(
    folder: Path,
    name: str,
    what: Handling,
    *,
    who: str | None,
    why: str | None,
    until: str | None = None,
    now: str | None = None,
) -> Row:
    """Write what a person says of a finding into the store in *folder*, and return its row.

    *until* is a time, or a duration from now. Raises `LockedError` while a run has the store.
    """
    at = moment_of(now, Settings())
    end = _until(until, at) if until else None
    store.open_store(folder)  # so that what is no store is not made one
    with store.locked(folder):
        kept = store.open_store(folder)
        rows = remembered_rows(kept)
        own = _named(rows, name)
        after = handle(own, what, at, who=who or _user(), why=why, until=end)
        rows = [after if row is own else row for row in rows]
        with kept.change() as batch:
            batch.replace_rows("findings", map(row_json, rows))
            batch.commit(at, kept.manifest.run_id)
    return after


def _until(text: str, now: datetime) -> datetime:
    length = parse_duration(text)
    moment = now + length if length is not None else parse_absolute(text, None)
    if moment is None or moment <= now:
        raise UsageError(
            f"--until {text!r} is no time to come", hint="such as 7d, or 2026-12-01T08:00Z"
        )
    return moment


def _named(rows: Sequence[Row], name: str) -> Row:
    found = [row for row in rows if row.finding_id == name]
    found = found or [row for row in rows if row.error_class == name]
    found = found or [row for row in rows if len(name) >= 4 and row.finding_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"the store remembers no finding {name!r}",
            hint="analyze findings list names those that it does",
        )
    ids = ", ".join(row.finding_id for row in found[:5])
    raise UsageError(f"{name!r} names {len(found)} findings", hint=f"name one by its id: {ids}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
