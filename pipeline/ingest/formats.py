"""Log formats as data: what a file in ``pipeline/formats/`` may say, and the checks it must pass.

To add a format, add one file there; no Python changes:

1. `name` (the file's stem), `title`, `description`, `url`, `kind` (`regex`, `json` or `logfmt`),
   `priority` (lower is tried first; 0-99 for formats with a full set of fields, 100-199 for time
   and level, 200-299 for one of them, 900 and more for the generic ones).
2. `regex`: one or more `[[pattern]]` tables with `regex`. A group's name is the column that it
   fills (`pipeline/schema.py`), or one of `url`, `request`, `duration_s`, `duration_us`,
   `duration_ns`, or any other name, which goes to `attributes`. Patterns are linear-time: no look-
   around, no back-reference; `[0-9]`, not `\\d`. A pattern may have `counted`, a cheaper regex
   with the groups that are counted only (time, level, request, status): it is tried on lines that
   `regex` took, must give what that gives wherever it fits, and pays where each of its parts ends
   at a character that the part itself cannot hold. `[[continuation]]` with `regex` and one group:
   lines with a header of their own that go on with the record before (PostgreSQL's DETAIL); the
   group is what is added to it. With `after`, a regex, only where the line before fits that.
   `block = true`: a record is a header and all the text below it, up to the next header.
   `[[header]]` with `first` and `second`: a header on two lines, which patterns see with a line
   feed between them. `json`:
   `require` (keys that must be there, `a|b` for one of them), `[fields]` (column = keys in order,
   dots reach into objects). `logfmt`: the same with flat keys.
3. `[timestamp]`: `layouts`, names from `layouts.LAYOUTS`, and `zone` when the format's times are
   in a known one.
4. `[severity]`: words of this format and their numbers, on top of those that all formats share;
   `default` for a format without levels.
5. `[[sample]]`: a `line`, and what to `expect` of it, column by column. At least one for each
   pattern.

`check_formats` holds what is tested: a sample parses as told, and each pattern has one.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from pipeline.errors import FormatError
from pipeline.ingest.layouts import LAYOUTS

KINDS = ("regex", "json", "logfmt")
_KEYS = {
    "name", "title", "description", "url", "kind", "priority", "pattern", "continuation",
    "require", "fields", "timestamp", "severity", "sample", "block", "header",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """A line of a format and the columns that it must come to."""

    line: str
    expect: Mapping[str, Any]


class Continuation(NamedTuple):
    """Lines that go on with the record before: *regex* has one group, what is added to it.

    *after*: the line before must fit this; None: it may be any.
    """

    regex: str
    after: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """One definition of how a record becomes columns."""

    name: str
    title: str
    kind: str
    priority: int
    patterns: tuple[str, ...] = ()
    counted: tuple[str | None, ...] = ()
    continuations: tuple[Continuation, ...] = ()
    is_block: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    require: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layouts: tuple[str, ...] = ()
    zone: str | None = None
    severities: Mapping[str, int] = field(default_factory=dict)
    default_severity: int | None = None
    samples: tuple[Sample, ...] = ()


@cache
def load_formats() -> tuple[Format, ...]:
    """Load every shipped format in the order in which they are tried.

    Raises `FormatError` with file and reason for a definition that cannot be used.
    """
    folder = files("pipeline") / "formats"
    formats = [
        # Their patterns are compiled by the tests: a third of a second at every start.
        parse_format(entry.name, entry.read_text(encoding="utf-8"), checks_patterns=False)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml") and not entry.name.startswith("_")
    ]
    return tuple(sorted(formats, key=lambda format_: (format_.priority, format_.name)))


@cache
def json_fields(format_: Format) -> Mapping[str, tuple[str, ...]]:
    """Return the keys of each column of a JSON format: its own, then those of any (`_traffic`)."""
    fields = dict(format_.fields)
    for column, common in _traffic_keys().items():
        fields[column] = tuple(dict.fromkeys((*fields.get(column, ()), *common)))
    return fields


@cache
def _traffic_keys() -> Mapping[str, tuple[str, ...]]:
    text = (files("pipeline") / "formats" / "_traffic.toml").read_text(encoding="utf-8")
    return {column: tuple(keys) for column, keys in tomllib.loads(text)["fields"].items()}


def parse_format(file_name: str, text: str, *, checks_patterns: bool = True) -> Format:
    """Read one definition; raises `FormatError` naming *file_name* and what is wrong.

    Whether patterns compile is only asked when *checks_patterns*.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{file_name}: not TOML: {error}") from error
    if unknown := raw.keys() - _KEYS:
        raise FormatError(f"{file_name}: unknown key {sorted(unknown)[0]!r}")
    for key in ("name", "title", "kind", "priority", "sample"):
        if key not in raw:
            raise FormatError(f"{file_name}: no {key!r}")
    if raw["name"] != file_name.removesuffix(".toml"):
        raise FormatError(f"{file_name}: name is {raw['name']!r}; it must be the file's stem")
    if raw["kind"] not in KINDS:
        raise FormatError(f"{file_name}: kind {raw['kind']!r} is none of {', '.join(KINDS)}")
    timestamp, severity = raw.get("timestamp", {}), dict(raw.get("severity", {}))
    default = severity.pop("default", None)
    for layout in timestamp.get("layouts", ()):
        if layout not in LAYOUTS:
            raise FormatError(
                f"{file_name}: no time layout {layout!r}", hint=f"known: {', '.join(LAYOUTS)}"
            )
    if checks_patterns:
        _check_patterns(file_name, raw)
    return Format(
        name=raw["name"],
        title=raw["title"],
        kind=raw["kind"],
        priority=raw["priority"],
        patterns=tuple(entry["regex"] for entry in raw.get("pattern", ())),
        counted=tuple(entry.get("counted") for entry in raw.get("pattern", ())),
        continuations=tuple(
            Continuation(entry["regex"], entry.get("after"))
            for entry in raw.get("continuation", ())
        ),
        is_block=bool(raw.get("block", False)),
        headers=tuple((entry["first"], entry["second"]) for entry in raw.get("header", ())),
        require=tuple(raw.get("require", ())),
        fields={column: tuple(keys) for column, keys in raw.get("fields", {}).items()},
        layouts=tuple(timestamp.get("layouts", ())),
        zone=timestamp.get("zone"),
        severities={word.lower(): number for word, number in severity.items()},
        default_severity=default,
        samples=tuple(Sample(entry["line"], entry.get("expect", {})) for entry in raw["sample"]),
    )


def _check_patterns(file_name: str, raw: Mapping[str, Any]) -> None:
    for entry in raw.get("pattern", ()):
        _check_pattern(file_name, entry)
    for entry in raw.get("continuation", ()):
        if _compiled(file_name, entry["regex"]).groups != 1:
            raise FormatError(
                f"{file_name}: a continuation has exactly one group: {entry['regex'][:40]}"
            )
        _compiled(file_name, entry.get("after", ""))


def _check_pattern(file_name: str, entry: Mapping[str, Any]) -> None:
    pattern: str = entry["regex"]
    groups = _compiled(file_name, pattern).groupindex.keys()
    if not pattern.startswith("^"):
        raise FormatError(f"{file_name}: pattern is not anchored with ^: {pattern[:40]}")
    if not groups:
        raise FormatError(f"{file_name}: pattern names no group: {pattern[:40]}")
    if counted := entry.get("counted"):
        names = _compiled(file_name, counted).groupindex.keys()
        if not names or not names <= groups:
            raise FormatError(
                f"{file_name}: counted has groups that its regex has not: {counted[:40]}"
            )


def _compiled(file_name: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise FormatError(f"{file_name}: pattern does not compile: {error}") from error
