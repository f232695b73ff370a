"""Shapes of captured records: what they are known by, what is taken of them, what is said.

Steps for a new one: add a `[[shape]]` to `shapes.toml`, whose head explains the keys, and a file
with its records to `fixtures/facts/`; `tests/captures/` reads both.
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

MAX_TEXT = 300
# Counts and sizes of machines are smaller; above it a float is no longer exact.
_MOST = 9.0e15
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"^\s*(\d{1,15}(?:\.\d{1,10})?)\s?([kKMGTP]?)(i?)B\b")
# Docker writes the year 1 for "never"; a clock beyond this is no clock.
_FIRST_YEAR, _LAST_YEAR = 2000, 2200

Value = float | str


@dataclass(frozen=True, slots=True)
class Name:
    """Where a record's name is, and by which rule of naming it is that of a service."""

    path: tuple[str, ...]
    rule: str
    prefix: str = ""
    instead: str | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One measure of a record."""

    name: str
    path: tuple[str, ...]
    rule: str = "text"
    take: str = "first"
    over: tuple[str, ...] | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is said of a record of which all conditions hold, by field."""

    status: str
    text: str
    when: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of record."""

    name: str
    title: str
    of: str
    answers: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    any: tuple[tuple[str, ...], ...]
    names: tuple[Name, ...]
    times: tuple[tuple[str, ...], ...]
    at: tuple[tuple[str, ...], ...]
    fields: tuple[Field, ...]
    phrases: tuple[Phrase, ...]
    header: str | None
    row: str | None
    unless: str | None

    def fits(self, record: object) -> bool:
        """Tell whether *record*, parsed JSON, is of this kind."""
        if self.row is not None or not isinstance(record, Mapping):
            return False
        return all(_is_there(record, path) for path in self.needs) and (
            not self.any or any(_is_there(record, path) for path in self.any)
        )


@cache
def load_shapes() -> tuple[Shape, ...]:
    """Return the shapes in the order in which they are tried."""
    text = (files("pipeline") / "captures" / "shapes.toml").read_text(encoding="utf-8")
    return tuple(_shape(entry) for entry in tomllib.loads(text)["shape"])


def _shape(entry: Mapping[str, Any]) -> Shape:
    def paths(key: str) -> tuple[tuple[str, ...], ...]:
        return tuple(_path(one) for one in entry.get(key, ()))

    return Shape(
        name=entry["name"],
        title=entry["title"],
        of=entry["of"],
        answers=tuple(entry["answers"]),
        needs=paths("needs"),
        any=paths("any"),
        names=tuple(
            Name(
                _path(one["path"]),
                one["as"],
                one.get("prefix", ""),
                one.get("instead"),
                one.get("pattern"),
            )
            for one in entry["component"]
        ),
        times=paths("times"),
        at=paths("at"),
        fields=tuple(_field(name, one) for name, one in entry["fields"].items()),
        phrases=tuple(
            Phrase(one["status"], one["text"], tuple(one["when"].items())) for one in entry["says"]
        ),
        header=entry.get("header"),
        row=entry.get("row"),
        unless=entry.get("unless"),
    )


def _field(name: str, entry: Mapping[str, Any]) -> Field:
    return Field(
        name=name,
        path=_path(entry["path"]),
        rule=entry.get("as", "text"),
        take=entry.get("take", "first"),
        over=_path(entry["over"]) if "over" in entry else None,
        pattern=entry.get("pattern"),
    )


def _path(text: str) -> tuple[str, ...]:
    return tuple(text.split("/"))


def at_path(value: object, path: Sequence[str]) -> Iterator[object]:
    """Yield what lies at *path* in parsed JSON; nothing where there is nothing."""
    if not path:
        yield value
        return
    step, rest = path[0], path[1:]
    if step == "*":
        for one in value if isinstance(value, list) else ():
            yield from at_path(one, rest)
        return
    key, equals, wanted = step.partition("=")
    if equals:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping) and one.get(key) == wanted:
                yield from at_path(one, rest)
    elif isinstance(value, Mapping) and value.get(step) is not None:
        yield from at_path(value[step], rest)


def _is_there(record: object, path: Sequence[str]) -> bool:
    return next(at_path(record, path), None) is not None


def measure(record: object, field: Field) -> Value | None:
    """Return the value of *field* in *record*: a finite number, a bounded text, or None."""
    found = list(at_path(record, field.path))
    if field.take == "count":
        return float(len(found))
    if field.take == "trues":
        return float(sum(one is True for one in found))
    if field.pattern is not None:
        found = [hit[1] for one in found if (hit := re.search(field.pattern, str(one)[:MAX_TEXT]))]
    values = [value for one in found if (value := _value(one, field.rule)) is not None]
    if field.over is not None:
        whole = next((_number(one) for one in at_path(record, field.over)), None)
        values = [100 * one / whole for one in values if isinstance(one, float) and whole]
    return _taken(values, field.take)


def _taken(values: Sequence[Value], take: str) -> Value | None:
    numbers = [one for one in values if isinstance(one, float)]
    if take == "sum":
        return sum(numbers) if numbers else None
    if take == "max":
        return max(values, default=None, key=lambda one: (isinstance(one, str), one))
    if take == "all":
        texts = sorted({str(one) for one in values if one != ""})
        return ", ".join(texts)[:MAX_TEXT] if texts else None
    return next(iter(values), None)


def _value(value: object, rule: str) -> Value | None:
    if rule == "text":
        return str(value)[:MAX_TEXT] if isinstance(value, (str, int)) else None
    if rule == "true":
        return float(value) if isinstance(value, bool) else None
    if rule == "time":
        moment = as_time(value)
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else None
    text = value if isinstance(value, str) else ""
    if rule == "percent":
        return _number(text.strip().removesuffix("%"))
    if rule == "bytes":
        return _number(value) if not isinstance(value, str) else _size(text)
    if rule == "share_of":
        return _size(text.partition("/")[2])
    return _number(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,16}(?:\.\d{1,16})?", value.strip()):
        return None
    number = float(value)
    return number if math.isfinite(number) and abs(number) < _MOST else None


def _size(text: str) -> float | None:
    found = _SIZE.match(text)
    if found is None:
        return None
    factor: float = (1024 if found[3] else 1000) ** _UNITS[found[2].lower()]
    return float(found[1]) * factor


def as_time(value: object) -> datetime | None:
    """Return a time as UTC: ISO 8601 with a zone, or seconds since 1970; else None."""
    moment = None
    if isinstance(value, str) and len(value) <= 40:
        text = re.sub(r"(\.\d{6})\d+", r"\1", value.strip())
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < _MOST:
        try:
            moment = datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    if moment is None or moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return None
    return moment.astimezone(UTC)


def text_records(text: str, shape: Shape, limit: int) -> list[dict[str, str]]:
    """Return the rows of a text of *shape*, at most *limit*; none where its header is missing."""
    if shape.row is None or shape.header is None:
        return []
    lines = [line[: 4 * MAX_TEXT] for line in text.splitlines()[: 4 * limit]]
    if not any(re.match(shape.header, line) for line in lines[:5]):
        return []
    rows = []
    for line in lines:
        if shape.unless is not None and re.match(shape.unless, line):
            continue
        if found := re.match(shape.row, line):
            rows.append(found.groupdict())
    return rows[:limit]
