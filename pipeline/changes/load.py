"""Files of signs to signs, checked as they are read.

Steps for a new sign: add a `[[change]]` to the file of its family, or a new file beside it. It has
`name`, `kind` (one of `KINDS`), `product`, `title`, `references` (pages that show the line or say
when it is written), one or more `[[change.pattern]]`, and `must_not` lines which none of them
matches. A pattern has a `regex` (RE2: no look-around; case flags inline), `literals`, of which each
line that it matches holds one to the letter, and `must` lines that it matches.

What a pattern sees is the first line of an event's message, `TEXT_CHARACTERS` of it, without time,
level and logger. The groups `version`, `previous` and `subject` (what it happened to, where one
log tells of several) are kept.

Literals are looked for in every line of every log, before anything is known of it: they are of
`LEAST_CHARACTERS` or more, rare, and of characters that no notation escapes.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from pipeline.errors import RuleError

# What a change is, in the words of the report.
KINDS = {
    "start": "a process began",
    "stop": "a process was told to end, or ended in order",
    "restart": "a process that had run before began again",
    "crash": "a process ended unasked",
    "crash_loop": "a process began again and again",
    "oom_kill": "a process was killed for want of memory",
    "deploy": "another version than before began",
    "migration": "the schema of a database was changed",
    "config": "a configuration was read again or changed",
    "leader": "another member leads, or was told to",
    "membership": "a member joined or left a cluster",
    "certificate": "a certificate was renewed or read again",
    "scaling": "the number of instances was changed",
}
TEXT_CHARACTERS = 500
LEAST_CHARACTERS, MOST_CHARACTERS = 8, 60
# What JSON, PHP and .NET escape in texts, and some never leave as it is.
_LITERAL = r"[ !#-%(-*,-.0-;=?-\[\]-_a-~]+"
_KEYS = {"name", "kind", "product", "title", "references", "pattern", "must_not"}
_PATTERN_KEYS = {"regex", "literals", "must"}
GROUPS = ("version", "previous", "subject")
_NAME = r"[a-z][a-z0-9_]{1,60}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way in which a change is told; *must* are lines that it matches."""

    literals: tuple[str, ...]
    regex: str
    must: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """One change of one product, and how its logs tell of it."""

    name: str
    kind: str
    product: str
    title: str
    references: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    must_not: tuple[str, ...]
    path: str


@cache
def load_signs() -> tuple[Sign, ...]:
    """Return all signs, in the order of trial: by file and place. Raises `RuleError`."""
    entries = (one for one in files("pipeline.changes").iterdir() if one.name.endswith(".toml"))
    signs = [
        sign
        for entry in sorted(entries, key=lambda entry: entry.name)
        for sign in parse_signs(entry.name, entry.read_text("utf-8"))
    ]
    names: dict[str, str] = {}
    for sign in signs:
        if sign.name in names:
            raise RuleError(f"{sign.path}: {sign.name!r}: the name is taken by {names[sign.name]}")
        names[sign.name] = sign.path
    return tuple(signs)


def literals_of(signs: Iterable[Sign]) -> tuple[str, ...]:
    """Return the texts for which a line is worth a look; what holds another one goes without."""
    texts = {text for sign in signs for one in sign.patterns for text in one.literals}
    return tuple(sorted(text for text in texts if not any(o in text for o in texts - {text})))


def parse_signs(path: str, text: str) -> list[Sign]:
    """Return the signs of one file's *text*; raises `RuleError` with *path* and key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{path}: not TOML: {error}") from error
    entries = document.pop("change", None)
    if document or not isinstance(entries, list):
        raise RuleError(f"{path}: a file holds [[change]] tables only")
    return [_sign(path, entry) for entry in entries]


def _sign(path: str, entry: dict[str, Any]) -> Sign:
    where = f"{path}: {entry.get('name')!r}"
    _refuse_unknown(where, entry, _KEYS)
    name, kind = _text(where, entry, "name"), _text(where, entry, "kind")
    if not re.fullmatch(_NAME, name):
        raise RuleError(f"{where}: name: lower-case letters, digits and underscores only")
    if kind not in KINDS:
        raise RuleError(f"{where}: kind: {kind!r} is none of {', '.join(KINDS)}")
    patterns = entry.get("pattern")
    if not isinstance(patterns, list) or not patterns:
        raise RuleError(f"{where}: pattern: at least one [[change.pattern]] is needed")
    return Sign(
        name=name,
        kind=kind,
        product=_text(where, entry, "product"),
        title=_text(where, entry, "title"),
        references=_texts(where, entry, "references"),
        patterns=tuple(_pattern(f"{where}: pattern[{i}]", one) for i, one in enumerate(patterns)),
        must_not=_texts(where, entry, "must_not"),
        path=path,
    )


def _pattern(where: str, entry: dict[str, Any]) -> Pattern:
    _refuse_unknown(where, entry, _PATTERN_KEYS)
    literals = _texts(where, entry, "literals")
    for text in literals:
        if not LEAST_CHARACTERS <= len(text) <= MOST_CHARACTERS:
            raise RuleError(
                f"{where}: literals: {text!r}: {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters"
            )
        if not re.fullmatch(_LITERAL, text):
            raise RuleError(
                f"{where}: literals: {text!r} has a character that some notation escapes"
            )
    return Pattern(literals, _text(where, entry, "regex"), _texts(where, entry, "must"))


def check_sign(sign: Sign) -> None:
    """Match the sign's own lines; raises `RuleError` with file, key and reason."""
    for index, pattern in enumerate(sign.patterns):
        where = f"{sign.path}: {sign.name!r}: pattern[{index}]"
        for line, is_hit in _hits(where, pattern, pattern.must):
            if not is_hit:
                raise RuleError(f"{where}: does not match the must line {line!r}")
        for text in pattern.literals:
            if not any(text in line for line in pattern.must):
                raise RuleError(f"{where}: literals: {text!r} is in none of the must lines")
        for line, is_hit in _hits(where, pattern, sign.must_not):
            if is_hit:
                raise RuleError(f"{where}: matches the must_not line {line!r}")


def _hits(where: str, pattern: Pattern, lines: Sequence[str]) -> list[tuple[str, bool]]:
    """Match in Polars' engine: linear, and without what RE2 lacks."""
    try:
        found = pl.Series(lines, dtype=pl.String).str.contains(pattern.regex).to_list()
    except pl.exceptions.ComputeError as error:
        raise RuleError(
            f"{where}: regex: {error}", hint="RE2 syntax: no look-around, no back-references"
        ) from error
    return [
        (line, hit and any(text in line for text in pattern.literals))
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


def _texts(where: str, entry: dict[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise RuleError(f"{where}: {key}: a list of at least one text is needed")
    return tuple(value)
