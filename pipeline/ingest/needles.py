"""Whether a pattern can fit a text at all, told by the plain text that it cannot do without.

polars keeps some thirty compiled patterns for each thread and compiles what is asked beyond them
anew, which for a large pattern takes milliseconds: more than reading a small file. Nearly all
formats and languages are absent from any one file, so of little text it is asked first which plain
texts are in it. The answer to a pattern never depends on this: it is only not asked where it cannot
fit.
"""

import re
import warnings
from collections.abc import Sequence
from functools import cache
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import polars as pl

# Beyond this a search costs more than compiling what is searched for.
_MAX_BYTES = 2**18
_MAX_TEXTS = 2**12
_DIGITS = frozenset(range(ord("0"), ord("9") + 1))
_ALIKE = {code: "0" for code in _DIGITS}
# Of what a pattern needs, so much is looked for; the longest tells the most.
_MAX_NEEDS = 4
_MAX_REPEATS = 32
# Borders of words to the one, characters to the other.
_OTHERWISE = re.compile(r"\\[<>]|\\[bB]\{")
_Steps = Sequence[tuple[Any, Any]]
_Need = frozenset[str]


class Haystack:
    """*text*, of which many patterns are asked."""

    def __init__(self, text: pl.Series) -> None:
        self.text = text
        self._is_empty = text.null_count() == len(text)
        self._whole: str | None = None
        self._folded = ""
        if not self._is_empty and _is_little(text):
            texts = text.drop_nulls() if text.null_count() else text
            self._whole = "\n".join(texts.to_list()).translate(_ALIKE)
            self._folded = self._whole.casefold()

    def may_fit(self, pattern: str) -> bool:
        """Tell whether *pattern* may fit any of the texts; False is certain."""
        if self._whole is None:
            return not self._is_empty
        needs, is_folded = _needs(pattern)
        whole = self._folded if is_folded else self._whole
        return all(any(literal in whole for literal in need) for need in needs)

    def contains(self, *patterns: str) -> pl.Series:
        """Tell which texts one of *patterns* fits, as `str.contains` does; null where it is."""
        if possible := self._possible(patterns):
            return self.text.str.contains(_either(possible))
        nowhere = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(self.text))
        return nowhere.set(self.text.is_null(), None) if self.text.null_count() else nowhere

    def fits(self, column: pl.Expr, *patterns: str) -> pl.Expr:
        """Ask the same of *column*, which holds the texts; false where it is null."""
        possible = self._possible(patterns)
        if not possible:
            return pl.lit(False)
        return column.str.contains(_either(possible)).fill_null(False)

    def _possible(self, patterns: tuple[str, ...]) -> list[str]:
        return [pattern for pattern in patterns if self.may_fit(pattern)]


def _is_little(text: pl.Series) -> bool:
    if len(text) > _MAX_TEXTS:
        return False
    # What a part of a column takes is not known without a look at each text.
    return text.estimated_size() <= _MAX_BYTES or text.str.len_bytes().sum() <= _MAX_BYTES


def contains(text: pl.Series, *patterns: str) -> pl.Series:
    """Tell which of *text* one of *patterns* fits, as `str.contains` does."""
    return Haystack(text).contains(*patterns)


def _either(patterns: list[str]) -> str:
    if len(patterns) == 1:
        return patterns[0]
    return "|".join(f"(?:{_NAME.sub('(?:', pattern)})" for pattern in patterns)


_NAME = re.compile(r"\(\?P<\w+>")


@cache
def _needs(pattern: str) -> tuple[tuple[_Need, ...], bool]:
    """Return sets of literals of each of which a text must hold one, digits as `0`, and whether all
    of them are folded to one case.

    Nothing for a pattern that the parser of the standard library reads otherwise or not at all.

    >>> [sorted(need) for need in _needs(r"^(?:WARN|INFO)+ [0-9]{4}-")[0]]
    [[' 0000-'], ['INFO', 'WARN']]
    """
    if _OTHERWISE.search(pattern):
        return (), False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = _parser.parse(pattern)
    except (re.error, Warning, RecursionError, OverflowError):
        return (), False
    is_folded = "(?i" in pattern or re.search(r"\(\?[a-z]*i", pattern) is not None
    found = {
        frozenset(literal.casefold() for literal in need) if is_folded else need
        for need in _of_steps(parsed)
    }
    best = sorted(found, key=lambda need: (-min(map(len, need)), len(need), sorted(need)))
    return tuple(best[:_MAX_NEEDS]), is_folded


def _of_steps(steps: _Steps) -> list[_Need]:
    found = _Found()
    found.read(steps)
    found.end_run()
    return found.needs


class _Found:
    """What is needed by the steps read so far; *run* is the literal that may yet go on."""

    def __init__(self) -> None:
        self.needs: list[_Need] = []
        self.run = ""

    def end_run(self) -> None:
        """End the literal: what follows does not stand right behind it."""
        if self.run:
            self.needs.append(frozenset([self.run]))
        self.run = ""

    def read(self, steps: _Steps) -> None:
        """Add what *steps* need."""
        for operation, argument in steps:
            name = str(operation)
            if name == "LITERAL":
                self._character(argument)
            elif name == "IN" and _are_digits(argument):
                self.run += "0"
            elif name == "SUBPATTERN":
                self.read(argument[3])
            elif name in ("MAX_REPEAT", "MIN_REPEAT"):
                self._repeated(*argument)
            elif name == "BRANCH":
                self._branched(argument[1])
            elif name != "AT":
                self.end_run()

    def _character(self, code: int) -> None:
        # How letters beyond ASCII are folded is not the same everywhere.
        if code >= 128:
            self.end_run()
        else:
            self.run += "0" if code in _DIGITS else chr(code)

    def _repeated(self, least: int, most: int, inner: _Steps) -> None:
        if least > 0:
            for _ in range(min(least, _MAX_REPEATS)):
                self.read(inner)
            if least == most <= _MAX_REPEATS:
                return
        self.end_run()
        again = _Found()
        again.read(inner)
        if least > 0 and not again.needs:
            self.run = again.run  # what follows stands behind the last of them

    def _branched(self, ways: Sequence[_Steps]) -> None:
        self.end_run()
        each = [_of_steps(way) for way in ways]
        if all(each):
            self.needs.append(frozenset().union(*(_longest(needs) for needs in each)))


def _longest(needs: list[_Need]) -> _Need:
    return max(needs, key=lambda need: min(map(len, need)))


def _are_digits(members: _Steps) -> bool:
    ends = {"LITERAL": lambda code: {code}, "RANGE": set}
    return all(
        (name := str(operation)) in ends and ends[name](argument) <= _DIGITS
        for operation, argument in members
    )
