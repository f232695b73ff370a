"""Each shipped format takes its own samples, and nothing else takes them first."""

from datetime import UTC, datetime

import polars as pl
import pytest

from pipeline.errors import FormatError
from pipeline.ingest import load_formats
from pipeline.ingest.detect import find_layers
from pipeline.ingest.formats import Format, Sample, parse_format
from pipeline.ingest.heads import match
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


@pytest.mark.parametrize(("format_", "sample"), SAMPLES)
def test_sample_becomes_the_columns_that_it_promises(format_: Format, sample: Sample) -> None:
    events = read_text(sample.line + "\n").events
    assert events.height == 1
    event = events.row(0, named=True)
    assert event["format_name"] == format_.name
    wrong = {
        column: (value, event[column])
        for column, value in sample.expect.items()
        if not _same(value, event[column])
    }
    assert not wrong


@pytest.mark.parametrize(("format_", "sample"), SAMPLES)
def test_sample_fits_one_pattern_of_its_format(format_: Format, sample: Sample) -> None:
    if format_.kind != "regex":
        pytest.skip("only a regex format has patterns")
    line = pl.Series([sample.line])
    assert sum(line.str.contains(pattern).item() for pattern in format_.patterns) == 1


@pytest.mark.parametrize("format_", [pytest.param(f, id=f.name) for f in FORMATS])
def test_every_pattern_has_a_sample(format_: Format) -> None:
    lines = pl.Series([sample.line for sample in format_.samples])
    found = set(match(lines, (format_,)).pattern_index.to_list())
    assert found == set(range(max(len(format_.patterns), 1)))


def test_a_table_is_not_a_compose_prefix() -> None:
    rows = pl.Series([f"row{number} {'x' * (number % 7)} | value" for number in range(50)])
    assert find_layers(rows) == ()


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
