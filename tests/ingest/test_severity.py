"""Levels from fields, positions, statuses, exceptions and words, and from nothing else."""

import tomllib
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest import severity
from tests.ingest.support import read_files

LEVELS = tomllib.loads(Path(__file__).with_name("levels.toml").read_text(encoding="utf-8"))


def test_line_has_the_severity_that_it_tells_and_no_other() -> None:
    lines = LEVELS["line"]
    read = read_files({f"{i:03}.log": line["text"].encode() for i, line in enumerate(lines)})
    found = read.events.sort("log_file_path").select("body", "severity_number").rows()
    assert len(found) == len(lines)
    wrong = [
        (line["text"], line["number"], number)
        for line, (_, number) in zip(lines, found, strict=True)
        if number != line["number"]
    ]
    assert not wrong


@pytest.mark.parametrize("case", LEVELS["word"], ids=lambda case: case["words"][0])
def test_word_of_a_level_field_has_its_number(case: dict[str, list[str]]) -> None:
    words = pl.Series([*case["words"], None])
    assert severity.numbers(words).to_list() == [case["number"]] * len(case["words"]) + [None]


def test_words_of_a_format_go_before_the_common_ones() -> None:
    assert severity.numbers(
        pl.Series(["critical", "40"]), {"critical": 18, "40": 13}
    ).to_list() == [
        18,
        13,
    ]
