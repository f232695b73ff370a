"""What each target was told: one small file, ``notified.json``, in the store or output folder.

It is written after what was sent has arrived, so that what did not is told by the next run. It
holds what the messages held and no address: a target is known by a hash of how it was named.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.notices import Problem

MEMORY_FILE = "notified.json"
_VERSION = 1
_MOST_BYTES = 8 << 20
# Beyond these the oldest are forgotten, and told once more: a file must not grow for years.
_MOST_TARGETS = 50
_MOST_PROBLEMS = 2000
_MOST_TITLE = 400


@dataclass(frozen=True, slots=True)
class Told:
    """A problem as it was told, and when last."""

    problem: Problem
    told_at: datetime


Memory = dict[str, dict[str, Told]]  # by key of the target, then by finding id


def read_memory(folder: Path) -> tuple[Memory, str | None]:
    """Return what targets were told, and what is wrong with the file: then nothing is known."""
    path = folder / MEMORY_FILE
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        return {}, f"cannot read {path}: {error.strerror}"
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError("too large")
        return _parsed(json.loads(data)), None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}, f"{path} is damaged: what was told before is told once more"


def written_memory(memory: Memory) -> str:
    """Return the text of the file."""
    kept = dict(list(memory.items())[-_MOST_TARGETS:])
    targets = {
        key: [_row(one) for one in list(told.values())[-_MOST_PROBLEMS:]]
        for key, told in kept.items()
    }
    return json.dumps({"version": _VERSION, "targets": targets}, indent=1) + "\n"


_TIMES = ("first_seen", "onset", "onset_lower", "onset_upper")
_TEXTS = ("finding_id", "kind", "error_class", "title", "state")
_NUMBERS = ("rate", "usual_rate")


def _row(one: Told) -> dict[str, object]:
    problem = one.problem
    return {
        "told_at": one.told_at.isoformat(),
        **{name: getattr(problem, name) for name in (*_TEXTS, *_NUMBERS, "severity_number")},
        "title": problem.title[:_MOST_TITLE],
        **{name: _iso(getattr(problem, name)) for name in _TIMES},
        "services": list(problem.services),
    }


def _parsed(document: Mapping[str, Any]) -> Memory:
    if document["version"] != _VERSION:
        raise ValueError("of another version")
    return {
        str(key): {told.problem.finding_id: told for told in map(_told, rows)}
        for key, rows in document["targets"].items()
    }


def _told(row: Mapping[str, Any]) -> Told:
    numbers = {name: None if row[name] is None else float(row[name]) for name in _NUMBERS}
    first_seen, onset, lower, upper = (
        None if row[name] is None else _time(row[name]) for name in _TIMES
    )
    problem = Problem(
        finding_id=str(row["finding_id"]),
        kind=str(row["kind"]),
        error_class=None if row["error_class"] is None else str(row["error_class"]),
        title=str(row["title"]),
        state=str(row["state"]),
        severity_number=int(row["severity_number"]),
        services=tuple(str(one) for one in row["services"]),
        rate=numbers["rate"],
        usual_rate=numbers["usual_rate"],
        first_seen=first_seen,
        onset=onset,
        onset_lower=lower,
        onset_upper=upper,
    )
    return Told(problem, _time(row["told_at"]))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
