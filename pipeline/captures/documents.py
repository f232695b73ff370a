"""The text of a captured file, and the records in it: JSON in its several layouts.

Reading is strict where a lenient reader would invent: of a key that stands twice neither value is
taken, what is no number (NaN, 1e999) is no value. Each such case is a note.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_RECORDS = 5000
# More digits than any count, size or id of a machine has.
_MAX_DIGITS = 18
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
# What `docker stats` without --no-stream, and coloured output, leave in a file.
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Lists of `kind: List`, and the names under which files of probes keep their records.
_LISTS = ("items", "probes", "commands")
_ENVIRONMENTS = ("Env", "env", "envFrom", "Environment", "environment")
# Words of command lines: passwords are handed over there, too, and those of health checks.
_COMMANDS = ("Args", "args", "Cmd", "Command", "command", "Entrypoint", "Test")
# kubectl keeps the whole object here once more, with all its values.
_COPIES = ("kubectl.kubernetes.io/last-applied-configuration",)
# The deepest that `kubectl` writes is some twenty.
_MAX_NESTING = 100
_TOO_DEEP = f"nested more than {_MAX_NESTING} deep: not read"
HIDDEN = "[redacted:environment]"
_HIDDEN_COMMAND = "[redacted:command]"


@dataclass(slots=True)
class Document:
    """Records of one text, and what was odd about it; *is_json* is false where it is other text."""

    records: list[Any] = field(default_factory=list)
    is_json: bool = False
    notes: list[str] = field(default_factory=list)
    problem: str | None = None


def decode(data: bytes) -> tuple[str | None, str | None]:
    """Return the text of *data*, or the reason why it is none."""
    if not data.strip():
        return None, "empty"
    if data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ", b"PK\x03\x04")):
        return None, "compressed: unpack it first"
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("utf-8", "backslashreplace")
        if data.count(b"\0") or text.count("\\x") > len(data) // 20:
            return None, "binary: not shown"
    if "\0" in text:
        return None, "binary: not shown"
    return text, None


def plain(text: str) -> str:
    """Return *text* without control sequences of terminals."""
    return _CONTROL_SEQUENCE.sub("", text)


class _Notes:
    """Counts what is odd while a text is parsed."""

    def __init__(self) -> None:
        self.twice: set[str] = set()
        self.no_numbers = 0

    def pairs(self, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            for key, value in pairs:
                if found[key] is not None and found[key] != value:
                    self.twice.add(key)
                    found[key] = None
        return found

    def number(self, text: str) -> float | int | None:
        if text.lstrip("-").isdigit():
            if len(text) <= _MAX_DIGITS:
                return int(text)
        elif math.isfinite(value := float(text)):
            return value
        self.no_numbers += 1
        return None

    def texts(self) -> list[str]:
        notes = []
        if self.twice:
            names = ", ".join(sorted(self.twice)[:3])
            more = f" and {len(self.twice) - 3} more" if len(self.twice) > 3 else ""
            notes.append(f"keys that stand twice with other values are not taken: {names}{more}")
        if self.no_numbers:
            notes.append(f"{self.no_numbers:,} values are no finite numbers of a sensible size")
        return notes


def read_json(text: str) -> Document:
    """Return the records of a JSON text: an array, a list object, an object, or a line each."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "["):
        return Document()
    notes = _Notes()
    value, problem = _parsed(stripped, notes)
    if problem is None:
        found = Document(_records(value), True)
    else:
        found = _by_line(stripped, notes, problem)
    found.notes += notes.texts()
    if len(found.records) > MAX_RECORDS:
        found.notes.append(
            f"only the first {MAX_RECORDS:,} of {len(found.records):,} records were read"
        )
        del found.records[MAX_RECORDS:]
    return found


def _parsed(text: str, notes: _Notes) -> tuple[Any, str | None]:
    def odd(_: str) -> None:
        notes.no_numbers += 1

    try:
        value = json.loads(
            text,
            object_pairs_hook=notes.pairs,
            parse_int=notes.number,
            parse_float=notes.number,
            parse_constant=odd,
        )
    except RecursionError:
        return None, _TOO_DEEP
    except ValueError as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "a number"
        return None, f"broken JSON ({where}: {getattr(error, 'msg', 'not readable')})"
    return (None, _TOO_DEEP) if _is_deep(value) else (value, None)


def _is_deep(value: object) -> bool:
    """Tell whether *value* is nested deeper than what follows should have to bear."""
    level = [value]
    for _ in range(_MAX_NESTING):
        below = [_elements(one) for one in level]
        level = [one for elements in below for one in elements if isinstance(one, (dict, list))]
        if not level:
            return False
    return True


def _elements(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _by_line(text: str, notes: _Notes, problem: str) -> Document:
    """Read a JSON object a line; where not even one is, the text as a whole is what is broken."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not lines[0].lstrip().startswith("{"):
        return Document([], True, [], problem)
    records, broken = [], 0
    for line in lines[: MAX_RECORDS + 1]:
        value, wrong = _parsed(line, notes)
        if wrong is None:
            records.append(value)
        else:
            broken += 1
    if not records:
        return Document([], True, [], problem)
    told = [f"{broken:,} of {len(lines):,} lines are broken JSON and were passed over"]
    return Document(records, True, told if broken else [])


def _records(value: Any) -> list[Any]:  # noqa: ANN401  # whatever JSON holds
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in _LISTS:
            if isinstance(value.get(name), list):
                return [_with_kind(one, value.get("kind")) for one in value[name]]
    return [value]


def _with_kind(record: Any, kind: object) -> Any:  # noqa: ANN401
    """Say of an element of a list what it is; a cluster's own answers say it of the list alone."""
    if not isinstance(record, dict) or "kind" in record or not isinstance(kind, str):
        return record
    return record | {"kind": kind.removesuffix("List")}


def has_environment(value: object) -> bool:
    """Tell whether *value*, parsed JSON, holds an environment or a command of a container."""
    if isinstance(value, Mapping):
        return any(
            (key in (*_ENVIRONMENTS, *_COMMANDS) and bool(one))
            or key in _COPIES
            or has_environment(one)
            for key, one in value.items()
        )
    return isinstance(value, list) and any(has_environment(one) for one in value)


def without_environment(value: Any) -> Any:  # noqa: ANN401  # whatever JSON holds
    """Return *value*, parsed JSON, with the values of environments replaced, whose names stay, and
    the words of command lines.

    Both are where secrets are handed to containers; a rule by names would miss some.
    """
    if isinstance(value, Mapping):
        return {key: _kept(key, one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_environment(one) for one in value]
    return value


def _kept(key: str, value: Any) -> Any:  # noqa: ANN401  # whatever JSON holds
    if key in _COPIES:
        return HIDDEN
    if key in _ENVIRONMENTS:
        return _without_values(value)
    if key in _COMMANDS and value:
        return [_HIDDEN_COMMAND] if isinstance(value, list) else _HIDDEN_COMMAND
    return without_environment(value)


def _without_values(value: Any) -> Any:  # noqa: ANN401
    """Hide the values of `["NAME=value"]`, `[{name, value}]` or `{NAME: value}`."""
    if isinstance(value, list):
        return [_without_values(one) for one in value]
    if isinstance(value, Mapping):
        if "name" in value or "Name" in value:
            return {key: one if key in ("name", "Name") else HIDDEN for key, one in value.items()}
        return {key: HIDDEN for key in value}
    if isinstance(value, str):
        return f"{value.partition('=')[0]}={HIDDEN}" if "=" in value else HIDDEN
    return None if value is None else HIDDEN
