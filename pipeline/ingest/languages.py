"""Languages' exceptions as data: what a file in ``pipeline/exceptions/`` may say.

To teach a language, add one file there; no Python changes. It has `name`, `title`, the tables of
code that is not the user's (`library_files`, `library_functions`, patterns of a frame's file and
function), `function_noise` (a pattern that is cut off a function's name), `escapes_backslash`
(names may be escaped as in JSON), and two parts:

`[assembly]` tells which lines at column 0 belong together, as lists of patterns. `opens`: first
lines that always begin an event. `begins`: first lines that go with the header line right above.
`announces`: lines without a header that belong to the trace below them. `links`: lines that join
two exceptions, whatever is open. `continues`: lines that go on while a trace of this language is
open, and only then. `in_header`: words in a line with a header that make it the first of a trace.
`awaits`: first lines after which the line that names the exception is still to come; `awaits_line`:
the same where any line may be the message. `paragraph`: first lines of a report that goes on to the
next blank line. `stands_alone`: first lines that begin an event and are no exception by themselves.
Indented lines always go on.

`[[form]]` tells how one kind of trace is read; the forms of all languages are tried by `priority`,
and the first whose `signature` is in the text reads it. `order` says which exception is printed
first (`outer_first`, `inner_first`), `frames` which frame (`inner_first` unless told). `style`
`named_after` is Python's: `begin` is the header, `end` the line at column 0 that names the
exception. Else each `rule` is a pattern of a line with groups `type`, `message`, `file`, `line`,
`function` and a `role`:

    head      (default) names the outer exception; the first one above the frames counts
    cause     names the next exception inwards
    wrapper   names the next exception outwards
    next      the same as head, each time: the order decides
    child     one of several members; the first is read as a cause, the others are an aside
    aside     what follows is of another exception or thread; `resume` ends that
    thread    the first one is this exception's, the others are an aside
    close     the frames of the innermost open exception are over
    none      nothing, and no later rule is asked

`weak` rules count only where no other head was found. `again` is the role of a rule's second and
later hits, `type` a fixed type, `message_below` a pattern of the message on the line below, `after`
and `until` bound where a rule is asked. `frame` lists patterns of frames; `function_above` finds
the function in the line before, `frames_name` tells that a frame may name the exception too,
`on_one_line` that a text of one line may be a whole trace, `function_from = "next"` in the frame
after it. `{type}` and `{named}` in a pattern stand for the name of a class, and for one that says
by its ending that it is an exception.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from pipeline.errors import FormatError

_MACROS = {
    "{type}": r"[A-Za-z_$][\w$]*(?:(?:\.|/|::|:|\\)[A-Za-z_$][\w$]*)*",
    "{named}": r"(?:[\w$]+(?:\.|/|::|:|\\))*[\w$]*(?:Error|Exception|Throwable|Fault|Failure"
    r"|Interrupt|Exit|Timeout|Abort|Warning|Violation|Rejection|ReadOnly|Refused|NotFound)[\w$]*",
}
ASSEMBLY = (
    "opens", "begins", "announces", "links", "continues", "in_header", "awaits", "awaits_line",
    "paragraph", "stands_alone",
)  # fmt: skip
ROLES = (
    "head", "cause", "wrapper", "next", "child", "aside", "resume", "thread", "close", "none",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of line says of an exception."""

    regex: str
    role: str = "head"
    weak: bool = False
    again: str | None = None
    type: str | None = None
    message_below: str | None = None
    after: str | None = None
    until: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of trace of a language."""

    name: str
    signature: str
    priority: int
    order: str = "outer_first"
    frames: str = "inner_first"
    style: str = "named_before"
    margin: str | None = None
    margin_end: str | None = None
    begin: str | None = None
    end: str | None = None
    aside: str | None = None
    split: str | None = None
    frames_name: bool = False
    on_one_line: bool = False
    function_above: str | None = None
    rule: tuple[Rule, ...] = ()
    frame: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Language:
    """A language's forms, the code that is not the user's, and how its lines go together."""

    name: str
    title: str
    forms: tuple[Form, ...]
    assembly: Mapping[str, tuple[str, ...]]
    library_files: str | None
    library_functions: str | None
    function_noise: str | None
    function_from: str | None
    escapes_backslash: bool


@cache
def load_languages() -> tuple[Language, ...]:
    """Load every language, by name. Raises `FormatError` for a file that cannot be used."""
    folder = files("pipeline") / "exceptions"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return tuple(
        # Their patterns are compiled by the tests, not at every start.
        parse_language(entry.name, entry.read_text(encoding="utf-8"), checks_patterns=False)
        for entry in entries
        if entry.name.endswith(".toml")
    )


@cache
def load_forms() -> tuple[tuple[Language, Form], ...]:
    """Return the forms of all languages in the order in which they are tried."""
    pairs = [(language, form) for language in load_languages() for form in language.forms]
    return tuple(sorted(pairs, key=lambda pair: pair[1].priority))


@cache
def first_lines() -> tuple[str, ...]:
    """Return the patterns of the lines at column 0 that begin a trace in any language."""
    parts = ("begins", "opens")
    return tuple(p for one in load_languages() for part in parts for p in one.assembly[part])


def parse_language(file_name: str, text: str, *, checks_patterns: bool = True) -> Language:
    """Read one definition; raises `FormatError` naming *file_name* and what is wrong.

    Whether patterns compile is only asked when *checks_patterns*.
    """
    try:
        raw = tomllib.loads(_expand(text))
        assembly = {key: tuple(found) for key, found in raw.get("assembly", {}).items()}
        language = Language(
            name=raw["name"],
            title=raw["title"],
            forms=tuple(_form(entry) for entry in raw.get("form", ())),
            assembly={**dict.fromkeys(ASSEMBLY, ()), **assembly},
            library_files=union(raw.get("library_files", ())),
            library_functions=union(raw.get("library_functions", ())),
            function_noise=raw.get("function_noise"),
            function_from=raw.get("function_from"),
            escapes_backslash=raw.get("escapes_backslash", False),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise FormatError(f"{file_name}: cannot be used: {error}") from error
    if unknown := language.assembly.keys() - set(ASSEMBLY):
        raise FormatError(f"{file_name}: unknown list {sorted(unknown)[0]!r} in assembly")
    for form in language.forms:
        for rule in form.rule:
            if {rule.role, rule.again or "none"} - set(ROLES):
                raise FormatError(f"{file_name}: {form.name}: no role {rule.role!r}")
    if checks_patterns:
        _check_patterns(file_name, language)
    return language


def union(patterns: tuple[str, ...] | list[str]) -> str | None:
    """Return one pattern that fits where one of *patterns* does; None for none."""
    return "|".join(f"(?:{_NAME.sub('(?:', pattern)})" for pattern in patterns) or None


_NAME = re.compile(r"\(\?P<\w+>")


def _expand(text: str) -> str:
    for macro, pattern in _MACROS.items():
        text = text.replace(macro, pattern)
    return text


def _form(entry: Mapping[str, Any]) -> Form:
    rules = tuple(Rule(**rule) for rule in entry.get("rule", ()))
    return Form(**{**entry, "rule": rules, "frame": tuple(entry.get("frame", ()))})


def _check_patterns(file_name: str, language: Language) -> None:
    patterns = [pattern for found in language.assembly.values() for pattern in found]
    for form in language.forms:
        patterns += [form.signature, *form.frame, *(rule.regex for rule in form.rule)]
    nothing = pl.Series([""])
    for pattern in (*patterns, language.library_files, language.library_functions):
        try:
            nothing.str.contains(pattern or "")
        except PolarsError as error:
            raise FormatError(f"{file_name}: a pattern does not compile: {error}") from error
