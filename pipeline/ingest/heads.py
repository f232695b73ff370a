"""Which format, if any, begins a record with each line.

The formats of the stream's sample come first, in priority order, then all others: a line is never
lost to a format that the sample did not show. A match is a plain search; columns are cut out later,
by `parse`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import polars as pl

from pipeline.ingest.decode import decode_objects
from pipeline.ingest.formats import Format, json_fields
from pipeline.ingest.identity import SERVICE_KEYS
from pipeline.ingest.needles import Haystack, contains

_PAIR = r"""[A-Za-z_@][A-Za-z0-9_.@/-]*=(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?:[^ "'][^ "]*)?)"""
LOGFMT = rf"^{_PAIR}(?: {_PAIR}){{2}}"
_LOGFMT_KEY = r"(?:^| )(?:level|lvl|severity|msg|message|ts|time|t|logger)="


@dataclass(frozen=True, slots=True)
class Heads:
    """The outcome of `match`: *format_index* into the formats tried (null = no record begins here),
    *pattern_index* into that format's patterns, *objects* the decoded JSON rows with their `row`.
    """

    format_index: pl.Series
    pattern_index: pl.Series
    objects: pl.DataFrame

    def records(self, payload: pl.Series) -> pl.DataFrame:
        """Return the frame that `parse` reads, of the *payload* that was matched."""
        return pl.DataFrame(
            {
                "row": pl.int_range(len(payload), dtype=pl.UInt32, eager=True),
                "payload": payload,
                "format_index": self.format_index,
                "pattern_index": self.pattern_index,
            }
        )


class _Test(NamedTuple):
    format_index: int
    pattern_index: int
    starts: tuple[frozenset[str], ...]
    patterns: tuple[str, ...]
    fits: pl.Expr


@cache
def json_keys(formats: tuple[Format, ...]) -> tuple[str, ...]:
    """Return every top-level key that a JSON format of *formats* reads, in a fixed order."""
    dotted = {
        key
        for format_ in formats
        if format_.kind == "json"
        for keys in (format_.require, *json_fields(format_).values())
        for names in keys
        for key in names.split("|")
    }
    if dotted:
        dotted |= set(SERVICE_KEYS)  # who wrote a record is asked of every format
    return tuple(sorted(dotted | {key.partition(".")[0] for key in dotted}))


def match(text: pl.Series, formats: tuple[Format, ...], likely: int = 0) -> Heads:
    """Find the first of *formats* that takes each value of *text* as the first line of a record.

    The first *likely* of them are tried on everything; the others only where the line's beginning
    allows them.
    """
    rest = pl.DataFrame({"row": pl.int_range(len(text), dtype=pl.UInt32, eager=True), "text": text})
    hits: list[pl.DataFrame] = []
    # What is indented goes on from a line before, but for the few formats that pad their beginning.
    padded = rest.filter(pl.col("text").str.starts_with(" "))
    if padded.height:
        _run(padded, [test for test in _all_tests(formats) if " " in _first(test)], hits)
    rest = rest.filter(pl.col("text").str.contains(r"^[^\s]"))
    objects = _objects(rest.filter(pl.col("text").str.starts_with("{")), formats)
    if objects.height:
        hits.append(objects.select("row", "format_index", pattern_index=pl.lit(0, pl.Int32)))
        rest = rest.join(objects.select("row"), on="row", how="anti", maintain_order="left")
    tests = _all_tests(formats)
    rest = _run(rest, [test for test in tests if test.format_index < likely], hits)
    tests = [test for test in tests if test.format_index >= likely]
    # Whether a line is key=value at all is asked once, not by each format of that kind.
    pairs = contains(rest["text"], LOGFMT)
    others = [test for test in tests if formats[test.format_index].kind != "logfmt"]
    parts = ((rest.filter(pairs), tests), (rest.filter(~pairs), others))
    for lines, asked in parts if pairs.any() else ((rest, others),):
        for part, possible in _by_beginning(lines, asked):
            _run(part, possible, hits)
    everything = pl.DataFrame({"row": pl.int_range(len(text), dtype=pl.UInt32, eager=True)})
    if hits:
        found = everything.join(pl.concat(hits), on="row", how="left", maintain_order="left")
    else:
        found = everything.with_columns(
            format_index=pl.lit(None, pl.Int32), pattern_index=pl.lit(None, pl.Int32)
        )
    return Heads(found["format_index"], found["pattern_index"], objects.drop("format_index"))


def _run(rest: pl.DataFrame, tests: list[_Test], hits: list[pl.DataFrame]) -> pl.DataFrame:
    """Add to *hits* what each of *tests* takes of *rest*, first come first served; what is left."""
    if tests and 0 < rest.height <= _FEW_LINES:
        lines = Haystack(rest["text"])
        tests = [test for test in tests if all(map(lines.may_fit, test.patterns))]
    while tests and rest.height:
        # A call costs as much as some thousand short searches: few lines are asked all at once,
        # many one pattern after the other, each on what the earlier ones left.
        width = _TESTS_AT_ONCE if rest.height <= _FEW_LINES else 1
        taken, rest = _try(rest, tests[:width])
        tests = tests[width:]
        if taken.height:
            hits.append(taken)
    return rest


_FEW_LINES = 2048
_TESTS_AT_ONCE = 12
_SHAPE_LENGTH = 5


def _by_beginning(
    rest: pl.DataFrame, tests: list[_Test]
) -> Iterator[tuple[pl.DataFrame, list[_Test]]]:
    """Part *rest* by how lines begin; yields each part with those of *tests* that may fit it.

    The first character tells most formats apart. Many begin with a time, so of lines that begin
    with a digit or a bracket the first five characters are looked at, digits alike.
    """
    if rest.is_empty():
        return
    first = pl.col("text").str.head(1)
    begins = pl.col("text").str.head(_SHAPE_LENGTH).str.replace_all("[0-9]", "0")
    common = first.is_in([*sorted(_DIGITS), "["])
    shapes = rest.select(pl.when(common).then(begins).otherwise(first)).to_series()
    groups: dict[tuple[int, ...], list[str]] = {}
    for shape in shapes.unique(maintain_order=True).to_list():
        possible = tuple(
            number for number, test in enumerate(tests) if _may_begin(test.starts, shape)
        )
        groups.setdefault(possible, []).append(shape)
    if rest.height <= _FEW_LINES:  # one round of calls for all
        together = sorted({number for possible in groups for number in possible})
        yield rest, [tests[number] for number in together]
        return
    for possible, alike in groups.items():
        part = rest if len(groups) == 1 else rest.filter(shapes.is_in(alike))
        yield part, [tests[number] for number in possible]


def _may_begin(starts: tuple[frozenset[str], ...], shape: str) -> bool:
    return all(
        character in allowed or (character == "0" and not allowed.isdisjoint(_DIGITS))
        for allowed, character in zip(starts, shape, strict=False)
    )


def _first(test: _Test) -> frozenset[str]:
    return test.starts[0] if test.starts else frozenset()


@cache
def _all_tests(formats: tuple[Format, ...]) -> list[_Test]:
    return [
        _Test(index, pattern_index, starts, patterns, _all_fit(patterns))
        for index, format_ in enumerate(formats)
        if format_.kind != "json"
        for pattern_index, (starts, patterns) in enumerate(_format_tests(format_))
    ]


def _format_tests(
    format_: Format,
) -> list[tuple[tuple[frozenset[str], ...], tuple[str, ...]]]:
    """Return tests of how a line begins and which patterns it fits, all of each test."""
    if format_.kind == "regex":
        return [(beginning(pattern), (pattern,)) for pattern in format_.patterns]
    keys = tuple(rf"(?:^| )(?:{key})=" for key in format_.require) or (_LOGFMT_KEY,)
    return [((_LETTERS | {"_", "@"},), (LOGFMT, *keys))]


def _all_fit(patterns: tuple[str, ...]) -> pl.Expr:
    first, *others = (pl.col("text").str.contains(pattern) for pattern in patterns)
    for other in others:
        first &= other
    return first


def _try(rest: pl.DataFrame, tests: list[_Test]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part *rest* into the rows that one of *tests* takes, the first that fits, and the others."""
    if len(tests) == 1:
        fits = rest.select(tests[0].fits).to_series()
        number = pl.lit(0, pl.Int32)
        if not fits.any():
            return rest.head(0), rest
    else:
        first = pl.coalesce(
            pl.when(test.fits).then(pl.lit(number, pl.Int32)) for number, test in enumerate(tests)
        )
        rest = rest.with_columns(test=first)
        fits = rest["test"].is_not_null()
        if not fits.any():
            return rest.head(0), rest.drop("test")
        number = pl.col("test")
    index = pl.Series([test.format_index for test in tests], dtype=pl.Int32)
    pattern = pl.Series([test.pattern_index for test in tests], dtype=pl.Int32)
    taken = rest.filter(fits).select(
        "row",
        format_index=pl.lit(index).gather(number) if len(tests) > 1 else pl.lit(index[0], pl.Int32),
        pattern_index=pl.lit(pattern).gather(number)
        if len(tests) > 1
        else pl.lit(pattern[0], pl.Int32),
    )
    return taken, rest.filter(~fits).select("row", "text")


_DIGITS = frozenset("0123456789")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


@cache
def beginning(pattern: str) -> tuple[frozenset[str], ...]:
    """Return which characters may stand at each of the first places of a line that *pattern* fits.

    As far as that is certain, and at most `_SHAPE_LENGTH` places; empty where any may stand first.

    >>> [sorted(place) for place in beginning(r"^(?P<severity_text>WARN|INFO): .*$")][:1]
    [['I', 'W']]
    """
    return tuple(_places(_parser.parse(pattern), ignore_case=False)[0][:_SHAPE_LENGTH])


_MANY = 256  # a class of more characters tells nothing apart
# What the parser of the standard library gives: operations with their arguments.
_Steps = Sequence[tuple[Any, Any]]


def _places(parsed: _Steps, *, ignore_case: bool) -> tuple[list[frozenset[str]], bool]:
    """Return the characters of the leading places of *parsed*, and whether what follows it would
    stand at a certain place.
    """
    places: list[frozenset[str]] = []
    for operation, argument in parsed:
        name = str(operation)
        if name == "AT":
            continue
        if name in ("LITERAL", "IN"):
            members = [(operation, argument)] if name == "LITERAL" else argument
            allowed = _members(members, ignore_case=ignore_case)
            if allowed is None:
                return places, False
            places.append(allowed)
        elif name == "SUBPATTERN":
            _, on, off, inner = argument
            found, is_certain = _places(
                inner, ignore_case=(ignore_case or bool(on & re.I)) and not off & re.I
            )
            places += found
            if not is_certain:
                return places, False
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = argument
            found, is_certain = _places(inner, ignore_case=ignore_case)
            if least == 0:
                after, _ = _places(parsed[_index(parsed, argument) + 1 :], ignore_case=ignore_case)
                return places + _either([found, after]), False
            places += found * min(least, _SHAPE_LENGTH) if is_certain else found
            if least != most or not is_certain:
                return places, False
        elif name == "BRANCH":
            ways = [_places(way, ignore_case=ignore_case) for way in argument[1]]
            places += _either([found for found, _ in ways])
            lengths = {len(found) for found, is_certain in ways if is_certain}
            if len(lengths) != 1 or not all(is_certain for _, is_certain in ways):
                return places, False
        else:
            return places, False
    return places, True


def _index(parsed: _Steps, argument: object) -> int:
    return next(index for index, (_, other) in enumerate(parsed) if other is argument)


def _either(ways: list[list[frozenset[str]]]) -> list[frozenset[str]]:
    """Join the places of alternatives, as far as each of them has some."""
    return [frozenset().union(*place) for place in zip(*ways, strict=False)]


def _members(members: _Steps, *, ignore_case: bool) -> frozenset[str] | None:
    """Return the characters of a class; None where they are too many to tell anything."""
    found: set[str] = set()
    for operation, argument in members:
        name = str(operation)
        if name == "LITERAL":
            found.add(chr(argument))
        elif name == "RANGE" and argument[1] - argument[0] < _MANY:
            found.update(chr(code) for code in range(argument[0], argument[1] + 1))
        else:
            return None
    if ignore_case:
        found |= {character.swapcase() for character in found}
    return frozenset(found)


# So many objects show which keys are usual. Decoding all that any format may read costs more than
# the rest of the reading together, so of the others only those are decoded that some object names.
_TELLING_OBJECTS = 256


def _objects(rows: pl.DataFrame, formats: tuple[Format, ...]) -> pl.DataFrame:
    """Decode the rows that are JSON objects some format takes: `row`, `format_index`, keys."""
    keys = json_keys(formats)
    if rows.is_empty() or not keys:
        return pl.DataFrame(schema={"row": pl.UInt32, "format_index": pl.Int32})
    if rows.height <= 2 * _TELLING_OBJECTS:
        return _decode(rows, keys, formats)
    shown = decode_objects(rows["text"].head(_TELLING_OBJECTS), keys)
    unusual = {key for key in keys if shown[key].null_count() == shown.height}
    quoted = rows["text"].str.extract_many([f'"{key}"' for key in sorted(unusual)])
    named = {text.strip('"') for text in quoted.explode().drop_nulls().unique()}
    return _decode(rows, tuple(key for key in keys if key not in unusual - named), formats)


def _decode(rows: pl.DataFrame, keys: tuple[str, ...], formats: tuple[Format, ...]) -> pl.DataFrame:
    decoded = decode_objects(rows["text"], keys)
    frame = (
        pl.concat([rows.select("row"), decoded], how="horizontal")
        .filter("is_object")
        .drop("is_object")
    )
    found = _Present(frame)
    choice = pl.Series([None], dtype=pl.Int32).new_from_index(0, frame.height)
    for index, format_ in enumerate(formats):
        if format_.kind != "json" or not all(map(found.is_possible, format_.require)):
            continue
        fits = choice.is_null()
        for key in format_.require:
            fits &= found.any_of(key)
        if fits.any():
            choice = choice.set(fits, index)
    return frame.with_columns(format_index=choice).filter(pl.col("format_index").is_not_null())


class _Present:
    """Which rows of *frame* have a key, flat or by its dots into an object; each is asked once."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self.known: dict[str, pl.Series] = {}
        self.filled = {name for name in frame.columns if frame[name].null_count() < frame.height}

    def is_possible(self, alternatives: str) -> bool:
        """Tell whether some row may have one of the keys; costs no look at the rows."""
        return any(
            key in self.filled or key.partition(".")[0] in self.filled
            for key in alternatives.split("|")
        )

    def any_of(self, alternatives: str) -> pl.Series:
        """Return the rows that have one of the keys that a format's `require` names."""
        if alternatives not in self.known:
            nothing = pl.Series([False], dtype=pl.Boolean).new_from_index(0, self.frame.height)
            for key in alternatives.split("|"):
                if self.is_possible(key):
                    nothing |= self._has(key)
            self.known[alternatives] = nothing
        return self.known[alternatives]

    def _has(self, key: str) -> pl.Series:
        frame = self.frame
        head, _, tail = key.partition(".")
        has = (
            frame[key].is_not_null()
            if key in frame.columns
            else pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height)
        )
        if tail and head in frame.columns and frame[head].null_count() < frame.height:
            has |= frame[head].str.json_path_match(f"$.{tail}").is_not_null()
        return has
