"""Which format, if any, begins a record with each line.

The formats of the stream's sample come first, in priority order, then all others: a line is never
lost to a format that the sample did not show. A match is a plain search; columns are cut out later,
by `parse`.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import polars as pl

from pipeline.ingest.decode import decode_objects
from pipeline.ingest.formats import Format

_PAIR = r'[A-Za-z_@][A-Za-z0-9_.@/-]*=(?:"(?:[^"\\]|\\.)*"|[^ "]*)'
_LOGFMT = rf"^{_PAIR}(?: {_PAIR}){{2}}"
_LOGFMT_KEY = r"(?:^| )(?:level|lvl|severity|msg|message|ts|time|t|logger)="


@dataclass(frozen=True, slots=True)
class Heads:
    """The outcome of `match`: *format_index* into the formats tried (null = no record begins here),
    *pattern_index* into that format's patterns, *objects* the decoded JSON rows with their `row`.
    """

    format_index: pl.Series
    pattern_index: pl.Series
    objects: pl.DataFrame


@cache
def json_keys(formats: tuple[Format, ...]) -> tuple[str, ...]:
    """Return every top-level key that a JSON format of *formats* reads, in a fixed order."""
    dotted = {
        key
        for format_ in formats
        if format_.kind == "json"
        for keys in (format_.require, *format_.fields.values())
        for key in keys
    }
    return tuple(sorted(dotted | {key.partition(".")[0] for key in dotted}))


def match(text: pl.Series, formats: tuple[Format, ...]) -> Heads:
    """Find the first of *formats* that takes each value of *text* as the first line of a record."""
    rest = pl.DataFrame({"row": pl.int_range(len(text), dtype=pl.UInt32, eager=True), "text": text})
    rest = rest.filter(pl.col("text").str.contains(r"^[^\s]"))
    hits: list[pl.DataFrame] = []
    is_object = rest["text"].str.starts_with("{")
    objects = _objects(rest.filter(is_object), formats)
    if objects.height:
        hits.append(objects.select("row", "format_index", pattern_index=pl.lit(0, pl.Int32)))
        rest = rest.join(objects.select("row"), on="row", how="anti", maintain_order="left")
    tests = _tests(formats, rest["text"])
    while tests and rest.height:
        # A call costs as much as some thousand short searches: few lines are asked all at once,
        # many one pattern after the other, each on what the earlier ones left.
        width = _TESTS_AT_ONCE if rest.height <= _FEW_LINES else 1
        taken, rest = _try(rest, tests[:width])
        tests = tests[width:]
        if taken.height:
            hits.append(taken)
    everything = pl.DataFrame({"row": pl.int_range(len(text), dtype=pl.UInt32, eager=True)})
    if hits:
        found = everything.join(pl.concat(hits), on="row", how="left", maintain_order="left")
    else:
        found = everything.with_columns(
            format_index=pl.lit(None, pl.Int32), pattern_index=pl.lit(None, pl.Int32)
        )
    return Heads(found["format_index"], found["pattern_index"], objects.drop("format_index"))


_FEW_LINES = 2048
_TESTS_AT_ONCE = 12


class _Test(NamedTuple):
    format_index: int
    pattern_index: int
    fits: pl.Expr


def _tests(formats: tuple[Format, ...], text: pl.Series) -> list[_Test]:
    """List the patterns that may fit, by the characters with which the lines of *text* begin."""
    if text.is_empty():
        return []
    present = frozenset(text.str.head(1).unique().to_list())
    return [
        _Test(format_index, pattern_index, fits)
        for format_index, pattern_index, starts, fits in _all_tests(formats)
        if starts is None or not starts.isdisjoint(present)
    ]


@cache
def _all_tests(
    formats: tuple[Format, ...],
) -> tuple[tuple[int, int, frozenset[str] | None, pl.Expr], ...]:
    return tuple(
        (index, pattern_index, starts, fits)
        for index, format_ in enumerate(formats)
        if format_.kind != "json"
        for pattern_index, (starts, fits) in enumerate(_format_tests(format_))
    )


def _format_tests(format_: Format) -> list[tuple[frozenset[str] | None, pl.Expr]]:
    text = pl.col("text")
    if format_.kind == "regex":
        return [
            (first_characters(pattern), text.str.contains(pattern)) for pattern in format_.patterns
        ]
    fits = text.str.contains(_LOGFMT_KEY) & text.str.contains(_LOGFMT)
    for key in format_.require:
        fits &= text.str.contains(rf"(?:^| ){key}=")
    return [(None, fits)]


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


@cache
def first_characters(pattern: str) -> frozenset[str] | None:
    """Return the characters with which a line must begin for *pattern* to fit; None: any may.

    Read from the pattern's own beginning where that is a class, a literal or a list of words; what
    is harder to tell is left to the search itself.

    >>> sorted(first_characters(r"^(?P<level>WARN|INFO): .*$"))
    ['I', 'W']
    """
    rest = _GROUP.sub("", pattern.removeprefix("^"))
    if bracket := re.match(r"\\\[(\??)", rest):
        after = first_characters("^" + rest[bracket.end() :]) if bracket[1] else frozenset()
        return None if after is None else after | {"["}
    if word := re.match(r"[A-Z][A-Za-z0-9]*(?:\|[A-Z][A-Za-z0-9]*)*\)(?![?*{])", rest):
        return frozenset(part[0] for part in word[0].rstrip(")").split("|"))
    if letters := re.match(r"(\[[A-Za-z0-9_-]+\])(?![?*])(?!\{0)", rest):
        return frozenset(chr(code) for code in range(33, 127) if re.match(letters[1], chr(code)))
    return None


_GROUP = re.compile(r"^\(\?P<\w+>")


# So many objects show which keys are usual. Decoding all that any format may read costs more than
# the rest of the reading together, so of the others only those are decoded that some object names.
_TELLING_OBJECTS = 256


def _objects(rows: pl.DataFrame, formats: tuple[Format, ...]) -> pl.DataFrame:
    """Decode the rows that are JSON objects some format takes: `row`, `format_index`, keys."""
    keys = json_keys(formats)
    if rows.is_empty() or not keys:
        schema = {"row": pl.UInt32, **dict.fromkeys(keys, pl.String)}
        return pl.DataFrame(schema={**schema, "format_index": pl.Int32})
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
    choice = pl.lit(None, pl.Int32)
    for index in reversed([i for i, format_ in enumerate(formats) if format_.kind == "json"]):
        fits = pl.lit(True)
        for key in formats[index].require:
            has = pl.col(key).is_not_null() if key in keys else pl.lit(False)
            head, _, tail = key.partition(".")
            if tail and head in keys:
                has |= pl.col(head).str.json_path_match(f"$.{tail}").is_not_null()
            fits &= has
        choice = pl.when(fits).then(pl.lit(index, pl.Int32)).otherwise(choice)
    return frame.with_columns(format_index=choice).filter(pl.col("format_index").is_not_null())
