"""Rule files to rules, checked as they are read.

Steps for a new class: add a `[[rule]]` to the file of its family, or a new file beside it. A rule
has `name`, `title`, `description`, `priority` (lower is tried first; specific before generic) and
one or more `[[rule.pattern]]`. A pattern has a `regex` (RE2: no look-around, no back-references;
case flags inline), a `literal` (lower case, part of everything that the regex matches: the cheap
test before it), `must` lines that it matches and may give a `kind`. The rule's `must_not` lines
none of its patterns matches.

What a rule sees is `exception_type: exception_message`, a line break, and the first 1,000
characters of the body; without an exception, the body alone.

Each pattern runs on the texts that hold its literal: give the rarest literal there is, and
`[^\\n]*` rather than `[^\\n]{0,200}`, which compiles to two hundred states.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.errors import RuleError

DEFAULT_PRIORITY = 500
_RULE_KEYS = {"name", "title", "description", "priority", "severity", "pattern", "must_not"}
_PATTERN_KEYS = {"regex", "literal", "kind", "must"}
_NAME = r"[a-z][a-z0-9_]{1,60}"
_SEVERITIES = ("warning", "error", "fatal")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way in which an error class shows itself; *must* are lines that it matches."""

    literal: str
    regex: str
    kind: str | None
    must: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One error class; *severity* is a hint for texts without a level of their own."""

    name: str
    title: str
    description: str
    priority: int
    severity: str | None
    patterns: tuple[Pattern, ...]
    must_not: tuple[str, ...]
    path: str


def load_rules(folders: Sequence[Path] = ()) -> tuple[Rule, ...]:
    """Return the shipped rules and those of `*.toml` in *folders*, in the order of trial.

    That is by priority; among equals the rules of *folders* come first, as given, then by file name
    and place. A rule of a folder replaces the one of the same name from before it. Raises
    `RuleError` with file, key and reason.
    """
    by_name: dict[str, tuple[int, Rule]] = {}
    for rank, texts in enumerate([_shipped(), *(_in_folder(folder) for folder in folders)]):
        fresh: dict[str, tuple[int, Rule]] = {}
        for path, text in texts:
            for rule in parse_rules(path, text):
                if rank:  # the shipped ones were checked by the tests; compiling them takes time
                    check_rule(rule)
                if rule.name in fresh:
                    first = fresh[rule.name][1].path
                    raise RuleError(f"{path}: rule {rule.name!r}: the name is taken by {first}")
                fresh[rule.name] = (rank, rule)
        by_name |= fresh
    # Shipped rules have rank 0 and come last among equals.
    last = len(folders) + 1
    ordered = sorted(by_name.values(), key=lambda pair: (pair[1].priority, pair[0] or last))
    return tuple(rule for _, rule in ordered)


def rule_table(rules: Iterable[Rule]) -> pl.DataFrame:
    """Return one row a pattern: rule_order, pattern_order, error_class, kind, literal, regex.

    A text belongs to the row with the least (rule_order, pattern_order) for which
    `contains(lower(text), literal) and regexp_matches(text, regex)` holds.
    """
    return pl.DataFrame(
        [
            (rule_order, pattern_order, rule.name, pattern.kind, pattern.literal, pattern.regex)
            for rule_order, rule in enumerate(rules)
            for pattern_order, pattern in enumerate(rule.patterns)
        ],
        schema={
            "rule_order": pl.Int64,
            "pattern_order": pl.Int64,
            "error_class": pl.String,
            "kind": pl.String,
            "literal": pl.String,
            "regex": pl.String,
        },
        orient="row",
    )


def _shipped() -> list[tuple[str, str]]:
    entries = (entry for entry in files("pipeline.rules").iterdir() if entry.name.endswith(".toml"))
    return [
        (entry.name, entry.read_text("utf-8"))
        for entry in sorted(entries, key=lambda entry: entry.name)
    ]


def _in_folder(folder: Path) -> list[tuple[str, str]]:
    if not folder.is_dir():
        raise RuleError(f"{folder} is not a folder", hint="name a folder that holds *.toml files")
    try:
        return [(str(path), path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))]
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{folder}: cannot be read: {error}") from error


def parse_rules(path: str, text: str) -> list[Rule]:
    """Return the rules of one file's *text*, unchecked; raises `RuleError` with *path* and key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{path}: not TOML: {error}") from error
    entries = document.pop("rule", None)
    if document:
        raise RuleError(
            f"{path}: unknown key {next(iter(document))!r}",
            hint="a file holds [[rule]] tables only",
        )
    if not isinstance(entries, list) or not entries:
        raise RuleError(f"{path}: no [[rule]] table")
    return [_rule(path, entry) for entry in entries]


def _rule(path: str, entry: dict[str, Any]) -> Rule:
    where = f"{path}: rule {entry.get('name')!r}"
    _refuse_unknown(where, entry, _RULE_KEYS)
    name = _text(where, entry, "name")
    if not re.fullmatch(_NAME, name):
        raise RuleError(f"{where}: name: lower-case letters, digits and underscores only")
    priority = entry.get("priority", DEFAULT_PRIORITY)
    if not isinstance(priority, int) or isinstance(priority, bool):
        raise RuleError(f"{where}: priority: a whole number is needed, not {priority!r}")
    severity = entry.get("severity")
    if severity is not None and severity not in _SEVERITIES:
        raise RuleError(f"{where}: severity: {severity!r} is none of {', '.join(_SEVERITIES)}")
    patterns = entry.get("pattern")
    if not isinstance(patterns, list) or not patterns:
        raise RuleError(f"{where}: pattern: at least one [[rule.pattern]] is needed")
    return Rule(
        name=name,
        title=_text(where, entry, "title"),
        description=_text(where, entry, "description"),
        priority=priority,
        severity=severity,
        patterns=tuple(
            _pattern(f"{where}: pattern[{i}]", table) for i, table in enumerate(patterns)
        ),
        must_not=_lines(where, entry, "must_not"),
        path=path,
    )


def _pattern(where: str, entry: dict[str, Any]) -> Pattern:
    _refuse_unknown(where, entry, _PATTERN_KEYS)
    return Pattern(
        literal=_text(where, entry, "literal"),
        regex=_text(where, entry, "regex"),
        kind=_text(where, entry, "kind") if "kind" in entry else None,
        must=_lines(where, entry, "must"),
    )


def check_rule(rule: Rule) -> None:
    """Match the rule's own lines; raises `RuleError` with file, key and reason."""
    for index, pattern in enumerate(rule.patterns):
        where = f"{rule.path}: rule {rule.name!r}: pattern[{index}]"
        _check_literal(where, pattern)
        for line, is_hit in _hits(where, pattern, pattern.must):
            if not is_hit:
                raise RuleError(f"{where}: regex: does not match the must line {line!r}")
        for line, is_hit in _hits(where, pattern, rule.must_not):
            if is_hit:
                raise RuleError(f"{where}: regex: matches the must_not line {line!r}")


def _check_literal(where: str, pattern: Pattern) -> None:
    if pattern.literal != pattern.literal.lower():
        raise RuleError(
            f"{where}: literal: {pattern.literal!r} is not lower case, so nothing would match it"
        )
    for line in pattern.must:
        if pattern.literal not in line.lower():
            raise RuleError(
                f"{where}: literal: {pattern.literal!r} is not part of the must line {line!r}"
            )


def _hits(where: str, pattern: Pattern, lines: Sequence[str]) -> list[tuple[str, bool]]:
    """Match in Polars' engine: linear, and without what RE2 lacks."""
    try:
        found = pl.Series(lines, dtype=pl.String).str.contains(pattern.regex).to_list()
    except pl.exceptions.ComputeError as error:
        reasons = [line for line in str(error).splitlines() if line.startswith("error: ")]
        raise RuleError(
            f"{where}: regex: {(reasons or [str(error)])[0].removeprefix('error: ')}",
            hint="RE2 syntax: no look-around, no back-references",
        ) from error
    return [
        (line, hit and pattern.literal in line.lower())
        for line, hit in zip(lines, found, strict=True)
    ]


def _refuse_unknown(where: str, entry: dict[str, Any], known: set[str]) -> None:
    for key in entry:
        if key not in known:
            raise RuleError(
                f"{where}: unknown key {key!r}", hint=f"known keys: {', '.join(sorted(known))}"
            )


def _text(where: str, entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f"{where}: {key}: a text is needed, not {value!r}")
    return value


def _lines(where: str, entry: dict[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(line, str) for line in value):
        raise RuleError(f"{where}: {key}: a list of at least one line is needed")
    return tuple(value)
