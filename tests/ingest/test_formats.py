"""Each shipped format takes its own samples, and nothing else takes them first."""

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl
import pytest

from pipeline.errors import FormatError
from pipeline.ingest import load_formats
from pipeline.ingest.detect import detect, find_layers
from pipeline.ingest.formats import Format, Sample, parse_format
from pipeline.ingest.heads import match
from pipeline.ingest.languages import parse_language
from pipeline.ingest.parse import read_details, read_heads
from tests.ingest.support import options, read_text

FORMATS = load_formats()
SAMPLES = [
    pytest.param(format_, sample, id=f"{format_.name}-{number}")
    for format_ in FORMATS
    for number, sample in enumerate(format_.samples)
]


def _same(expected: object, found: object) -> bool:
    if isinstance(found, datetime) and isinstance(expected, str):
        return found == datetime.fromisoformat(expected).astimezone(UTC)
    return expected == found


LINES = pl.Series([sample.line for format_ in FORMATS for sample in format_.samples])
# What is found in the text of an event, not by its format: only a whole reading shows it.
_OF_THE_READER = {"exception_type", "exception_message", "url_path"}


@cache
def _read_at_once() -> list[dict[str, Any]]:
    """Every sample by the formats alone, without envelopes: one row each, in order."""
    heads = match(LINES, FORMATS)
    rows = pl.DataFrame(
        {
            "row": pl.int_range(len(LINES), dtype=pl.UInt32, eager=True),
            "payload": LINES,
            "format_index": heads.format_index,
            "pattern_index": heads.pattern_index,
        }
    )
    counted = read_heads(rows, heads.objects, FORMATS).sort("row")
    detailed = read_details(rows, heads.objects, FORMATS).sort("row")
    details = detailed.select(name for name in detailed.columns if name not in counted.columns)
    return (
        pl.concat([counted, details], how="horizontal")
        .rename({"payload_timestamp": "timestamp"})
        .to_dicts()
    )


def _wrong(sample: Sample, event: dict[str, Any]) -> dict[str, object]:
    return {
        column: (value, event[column])
        for column, value in sample.expect.items()
        if column in event and not _same(value, event[column])
    }


@pytest.mark.parametrize("format_", [pytest.param(f, id=f.name) for f in FORMATS])
def test_samples_become_the_columns_that_they_promise(format_: Format) -> None:
    index = FORMATS.index(format_)
    first = sum(len(other.samples) for other in FORMATS[:index])
    for number, sample in enumerate(format_.samples):
        event = _read_at_once()[first + number]
        assert event["format_name"] == format_.name, sample.line
        wrong = _wrong(sample, event)
        assert not wrong.keys() - _OF_THE_READER, (sample.line, wrong)


@pytest.mark.slow
@pytest.mark.parametrize(("format_", "sample"), SAMPLES)
def test_sample_alone_in_a_file_is_read_as_it_promises(format_: Format, sample: Sample) -> None:
    events = read_text(sample.line + "\n").events
    assert events.height == 1
    event = events.row(0, named=True)
    assert event["format_name"] == format_.name
    assert not _wrong(sample, event)


@pytest.mark.parametrize("format_", [f for f in FORMATS if f.patterns], ids=lambda f: f.name)
def test_each_pattern_has_a_sample_and_each_sample_one_pattern(format_: Format) -> None:
    lines = pl.Series([sample.line for sample in format_.samples])
    fits = pl.DataFrame(
        {str(number): lines.str.contains(regex) for number, regex in enumerate(format_.patterns)}
    )
    assert fits.select(pl.sum_horizontal(pl.all())).to_series().to_list() == [1] * len(lines)
    assert all(fits.select(pl.all().any()).row(0))


def test_many_lines_are_told_apart_as_few_are() -> None:
    # More than are asked all at once, and so parted by how they begin.
    times = 4096 // len(LINES) + 1
    few, many = match(LINES, FORMATS), match(pl.concat([LINES] * times), FORMATS)
    assert many.format_index.to_list() == few.format_index.to_list() * times
    assert many.pattern_index.to_list() == few.pattern_index.to_list() * times


def test_what_is_tried_first_changes_nothing_for_lines_of_one_format() -> None:
    for likely in (1, 7, 40):
        order = FORMATS[:likely] + FORMATS[likely:]
        assert match(LINES, order, likely).format_index.to_list() == (
            match(LINES, FORMATS).format_index.to_list()
        )


NOBODYS = [
    "The quick brown fox jumps over the lazy dog",
    "Error handling is described in chapter 4, warnings in chapter 5.",
    "INFORMATION about the ERROR budget of the team",
    "0 errors, 2 warnings",
    "no error was found",
    "id,name,price,level",
    "17,pear,2.50,error",
    "SELECT errors FROM log WHERE id = 17;",
    "<li>error</li>",
    "<?xml version='1.0'?>",
    "def error(self, text: str) -> None:",
    "    at com.acme.Cart.total(Cart.java:41)",
    "#include <errno.h>",
    "# A heading about errors",
    "| name | level |",
    "+------+-------+",
    "[section]",
    "key = value",
    "key: value",
    "- error: a list",
    "https://shop.example/errors?level=error",
    "-----BEGIN CERTIFICATE-----",
    "=================",
    "100% [=========>] 17/17",
    "drwxr-xr-x 2 root root 4096 Mar  2 10:00 errors",
    "10.0.0.3",
    "12:30",
    "2026-03-02",
    "$ make check",
    "* started",
    "(1) first",
    "{not json}",
    '{"errors": []}',
    "[1, 2, 3]",
    "a=1 b=2 c=3",
    "error_count=0 failed=0",
    "W3C and IETF",
    "E = mc2",
    "I am fine: really",
    "D'oh",
    "F1 help",
    "Warnings are errors",
    "\u4f60\u597d\uff0c\u4e16\u754c",
]


@pytest.mark.parametrize("line", NOBODYS)
def test_text_of_no_format_gets_no_level(line: str) -> None:
    event = read_text(f"{line}\n").events.row(0, named=True)
    assert event["format_name"] in {"unparsed", "json_generic"}
    assert event["severity_number"] == 0


def test_a_profile_tells_how_much_of_a_sample_was_understood() -> None:
    line = "2026-03-02 10:00:00,125 - shop - ERROR - gone"
    profile = detect(pl.Series([line] * 6 + ["who knows"] * 2 + ["  indented"]), FORMATS)
    assert profile.shares == (("python_dash", 0.75),)
    assert profile.confidence == 0.75


def test_a_record_that_goes_on_below_its_header_is_one_event() -> None:
    query = "# User@Host: shop[shop] @ api [10.0.0.3]  Id: 7\n# Query_time: 2.1\nuse shop;\n"
    text = "".join(
        f"# Time: 2026-03-02T10:00:0{n}.125000Z\n{query}SELECT *\nFROM carts\nWHERE id = {n};\n"
        for n in range(3)
    )
    events = read_text(text).events
    assert events["line_count"].to_list() == [7, 7, 7]
    assert events["format_name"].unique().to_list() == ["mysql_slow"]
    # Without a time above it, who asks begins the record.
    assert read_text(query + query).events.height == 2


def test_a_table_is_not_a_compose_prefix() -> None:
    rows = pl.Series([f"row{number} {'x' * (number % 7)} | value" for number in range(50)])
    assert find_layers(rows) == ()


def test_a_header_on_two_lines_is_one_wherever_blocks_end() -> None:
    text = "".join(
        f"Mar 2, 2026 10:00:0{n} AM com.acme.Cart total\nSEVERE: no cart\n\tat a.B.c(D.java:{n})\n"
        for n in range(9)
    )
    for block_bytes in (64, 100, 1 << 20):
        events = read_text(text, options(block_bytes=block_bytes)).events
        assert events["line_count"].to_list() == [3] * 9
        assert events["severity_number"].to_list() == [17] * 9
    # Alone, the second line is any line that begins with a level.
    alone = read_text("WARNING: this server is for development\n").events.row(0, named=True)
    assert (alone["format_name"], alone["severity_number"]) == ("unparsed", 13)


GOOD = """
name = "mine"
title = "Mine"
kind = "regex"
priority = 100
[[pattern]]
regex = '^(?P<severity_text>[A-Z]+)> (?P<body>.*)$'
[[sample]]
line = "ERROR> gone"
expect = { severity_number = 17, body = "gone" }
"""


def test_a_format_of_ones_own_is_used_like_the_shipped_ones() -> None:
    mine = parse_format("mine.toml", GOOD)
    read = read_text("ERROR> gone\n", options(formats=(mine, *FORMATS)))
    event = read.events.row(0, named=True)
    assert (event["format_name"], event["severity_number"], event["body"]) == ("mine", 17, "gone")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('kind = "regex"', 'kind = "grok"', "kind 'grok'"),
        ("priority = 100", "", "no 'priority'"),
        ("'^(?P", "'(?P", "not anchored"),
        ("(?P<severity_text>[A-Z]+)> (?P<body>.*)", "[A-Z]+", "names no group"),
        ("[A-Z]+)>", "[A-Z+)>", "does not compile"),
        ('name = "mine"', 'name = "other"', "file's stem"),
        ('title = "Mine"', 'title = "Mine"\ncolour = "red"', "unknown key 'colour'"),
        ("[[sample]]", '[timestamp]\nlayouts = ["mayan"]\n[[sample]]', "no time layout 'mayan'"),
        ('title = "Mine"', "title = ", "not TOML"),
    ],
)
def test_a_broken_definition_is_refused_with_its_reason(old: str, new: str, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(FormatError, match=r"mine\.toml") as caught:
        parse_format("mine.toml", GOOD.replace(old, new, 1))
    assert reason in str(caught.value)


@pytest.mark.parametrize("folder", ["formats", "exceptions"])
def test_every_pattern_that_is_shipped_compiles(folder: str) -> None:
    parse = {"formats": parse_format, "exceptions": parse_language}[folder]
    entries = [
        entry
        for entry in (files("pipeline") / folder).iterdir()
        if entry.name.endswith(".toml") and not entry.name.startswith("_")
    ]
    assert entries
    for entry in entries:
        parse(entry.name, entry.read_text(encoding="utf-8"), checks_patterns=True)
