"""Measures of captured files as statements: what works, what is broken, what they leave open."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import polars as pl

from pipeline.captures.shapes import Phrase, Shape, Value, load_shapes
from pipeline.model import FactFile, HealthStatement, Window

QUERY = "fact_measures"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::([a-z ]+))?\}")
_RANK = ("broken", "unknown", "working")
_MOST_NAMES = 3
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


@dataclass(frozen=True, slots=True)
class Told:
    """The captured files, what they say, and which questions they answer."""

    files: list[FactFile]
    working: list[HealthStatement]
    broken: list[HealthStatement]
    unknown: list[HealthStatement]
    answers: frozenset[str]


def tell_captures(files: pl.DataFrame, measures: pl.DataFrame, candidate: Window) -> Told:
    """Return statements about what was captured.

    *files*: mart fact_files, *measures*: mart fact_measures. Records that say the same of one
    component are told together; the file that a statement is from is its *source*.
    """
    shapes = {shape.name: shape for shape in load_shapes()}
    columns: dict[str, list[HealthStatement]] = {status: [] for status in _RANK}
    for (file, component, status, text, of), names in _said(measures, shapes).items():
        columns[status].append(
            HealthStatement(component, text + _whose(names, component, of), QUERY, source=file)
        )
    told = [_file(row, candidate) for row in files.iter_rows(named=True)]
    answered = {one for row in files["answers"].to_list() for one in row or ()}
    return Told(
        told, columns["working"], columns["broken"], columns["unknown"], frozenset(answered)
    )


_Key = tuple[str, str, str, str, str]


def _said(measures: pl.DataFrame, shapes: Mapping[str, Shape]) -> dict[_Key, list[str]]:
    """Map each statement (file, component, status, text, kind of record) to whom it is of."""
    found: defaultdict[_Key, list[str]] = defaultdict(list)
    keys = ("file_name", "record_number", "shape", "subject", "component")
    for group, rows in measures.group_by(keys, maintain_order=True):
        file, _, name, subject, component = map(str, group)
        shape = shapes.get(name)
        if shape is None:
            continue
        values: dict[str, Value] = {
            row["measure"]: row["text"] if row["number"] is None else row["number"]
            for row in rows.iter_rows(named=True)
        }
        said = _statement(shape, values)
        if said is not None:
            found[file, component, *said, shape.of].append(subject)
    return found


def _statement(shape: Shape, values: Mapping[str, Value]) -> tuple[str, str] | None:
    phrases = [one for one in shape.phrases if _holds(one, values)]
    statuses = {one.status for one in phrases} - {"aside"}
    if not statuses:
        return None
    status = next(one for one in _RANK if one in statuses)
    return status, ", ".join(_filled(one.text, values) for one in phrases)


def _holds(phrase: Phrase, values: Mapping[str, Value]) -> bool:
    return all(
        _TESTS[test](values.get(name), wanted, values)
        for name, tests in phrase.when
        for test, wanted in tests.items()
    )


def _compared(value: Value | None, other: Any) -> bool:  # noqa: ANN401  # as in TOML
    return isinstance(value, float) and isinstance(other, (int, float))


_TESTS: dict[str, Any] = {
    "is": lambda value, wanted, _: ("" if value is None else value) == wanted,
    "among": lambda value, wanted, _: ("" if value is None else value) in wanted,
    "not_among": lambda value, wanted, _: ("" if value is None else value) not in wanted,
    "least": lambda value, wanted, _: _compared(value, wanted) and value >= wanted,
    "below": lambda value, wanted, _: _compared(value, wanted) and value < wanted,
    "other_than": lambda value, wanted, _: value is not None and value != wanted,
    "is_there": lambda value, wanted, _: (value is not None) == wanted,
    "same_as": lambda value, wanted, values: value is not None and value == values.get(wanted),
    "under": lambda value, wanted, values: (
        _compared(value, values.get(wanted)) and value < values[wanted]
    ),
}


def _filled(text: str, values: Mapping[str, Value]) -> str:
    """Put *values* into the places of our own phrase; nothing in them is a place."""

    def shown(place: re.Match[str]) -> str:
        name, noun = place[1], place[2]
        value = values.get(name, "not known")
        if noun:
            return f"{_number(value)} {noun}{'' if value == 1 else 's'}"
        if isinstance(value, float) and name.endswith("_limit"):
            return _size(value)
        return _number(value)

    return _PLACEHOLDER.sub(shown, text)


def _number(value: Value) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _size(value: float) -> str:
    unit = 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{_number(round(value, 1))} {_SIZES[unit]}"


def _whose(names: Sequence[str], component: str, of: str) -> str:
    others = sorted({name for name in names if name != component})
    if len(names) == 1:
        return f" ({of} {others[0]})" if others else ""
    shown = ", ".join(others[:_MOST_NAMES])
    more = f" and {len(others) - _MOST_NAMES} more" if len(others) > _MOST_NAMES else ""
    return f" ({len(names):,} {of}s{': ' if others else ''}{shown}{more})"


# ---- files --------------------------------------------------------------------------------------

When = Literal["before", "within", "after", "unknown"]


def _file(row: Mapping[str, Any], candidate: Window) -> FactFile:
    return FactFile(
        file_name=row["file_name"],
        sha256=row["sha256"],
        byte_count=row["byte_count"],
        kind=row["kind"],
        record_count=row["record_count"],
        captured_at=row["captured_at"],
        captured_after=row["captured_after"],
        time_origin=row["time_origin"],
        when=_when(row["captured_at"], row["captured_after"], candidate),
        problem=row["problem"],
        notes=list(row["notes"] or ()),
        excerpt=row["excerpt"],
    )


def _when(at: datetime | None, after: datetime | None, candidate: Window) -> When:
    """Tell where a capture lies to the window under question; of one whose time is not known, only
    that it came after something in it.
    """
    if at is None:
        return "after" if after is not None and after >= candidate.end else "unknown"
    if at < candidate.start:
        return "before"
    return "within" if at < candidate.end else "after"
