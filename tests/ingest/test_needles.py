"""What a pattern needs never hides a fit: of every pattern and every sample of the program."""

import polars as pl
import pytest

from pipeline.ingest.formats import load_formats
from pipeline.ingest.languages import load_languages
from pipeline.ingest.needles import Haystack, _needs, contains

LINES = pl.Series(
    [sample.line for format_ in load_formats() for sample in format_.samples], dtype=pl.String
)
PATTERNS = sorted(
    {pattern for format_ in load_formats() for pattern in format_.patterns}
    | {p for one in load_languages() for listed in one.assembly.values() for p in listed}
    | {form.signature for one in load_languages() for form in one.forms}
)


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        (r"^(?:WARN|INFO)+ [0-9]{4}-", [[" 0000-"], ["INFO", "WARN"]]),
        (r"(?i)Err(?:or)?: x", [[": x"], ["err"]]),
        (r"a+bc?d", [["ab"], ["d"]]),
        (r"(?:ab|c?)x", [["x"]]),
        (r"(?:foo|ba[rz]) ?é=[0-2]{2,}:", [["0:"], ["=00"], ["ba", "foo"]]),
        (r"\<word", []),  # the border of a word to polars, a sign to the standard library
        (r"x\x{feff}y", []),  # not read by the standard library
    ],
)
def test_what_a_pattern_needs(pattern: str, needs: list[list[str]]) -> None:
    found = sorted(sorted(need) for need in _needs(pattern)[0])
    assert [need for need in sorted(needs) if need not in found] == []
    assert bool(found) == bool(needs)


def test_no_pattern_is_left_out_that_fits() -> None:
    lines = LINES.to_list()
    alone = [Haystack(pl.Series([line], dtype=pl.String)) for line in lines]
    left_out = 0
    for pattern in PATTERNS:
        for at in LINES.str.contains(pattern).arg_true():
            assert alone[at].may_fit(pattern), (pattern, lines[at])
        left_out += sum(not one.may_fit(pattern) for one in alone)
    assert left_out > 0.9 * len(PATTERNS) * len(lines)


@pytest.mark.parametrize("text", ["KELVIN", "\u212aELVIN", "kelvin", "\u017ftop", "STOP"])
def test_case_is_folded_as_polars_does(text: str) -> None:
    lines = pl.Series([text])
    for pattern in ("(?i)kelvin", "(?i:stop)"):
        assert contains(lines, pattern).to_list() == lines.str.contains(pattern).to_list()


def test_null_stays_null_and_any_pattern_will_do() -> None:
    lines = pl.Series(["level=warn", None, "at x (y:12)"])
    assert contains(lines, "no such text").to_list() == [False, None, False]
    assert contains(lines, "level=(?P<a>x)", r"\((?P<a>\w):[0-9]+").to_list() == [False, None, True]
    assert contains(lines.clear(), "x").to_list() == []
