"""A user's own formats: refused with file, key and reason, or used before the shipped ones."""

import os
from pathlib import Path

import pytest

from pipeline.errors import FormatError
from pipeline.ingest import formats_with, load_formats
from pipeline.ingest.formats import _KEYS
from pipeline.ingest.own_formats import (
    _SCHEMA,
    MAX_FILE_BYTES,
    MAX_FILES,
    check_own_format,
    load_own_formats,
    parse_own_format,
    sample_problems,
)
from tests.ingest.support import options, read_text

GOOD = r"""
name = "mine"
title = "Mine"
kind = "regex"
priority = 100
[[pattern]]
regex = '^<(?P<timestamp>[0-9: T-]+)> (?P<severity_text>[a-z]+) (?P<body>.*)$'
[timestamp]
layouts = ["iso"]
[severity]
woe = 17
[[sample]]
line = "<2026-03-02 10:00:00> woe gone"
expect = { timestamp = "2026-03-02T10:00:00Z", severity_number = 17, body = "gone" }
"""
PATTERN = "^<(?P<timestamp>[0-9: T-]+)> (?P<severity_text>[a-z]+) (?P<body>.*)$"

# old text, new text, what the message says
REFUSED = [
    ("title", 'title = "Mine"', 'title = "Mine"\ncolour = "red"', "unknown key 'colour'"),
    ("nested key", "layouts =", "layout =", "unknown key 'timestamp.layout'"),
    ("sample key", "expect =", "expects =", "unknown key 'sample[1].expects'"),
    ("no title", 'title = "Mine"', "", "no 'title'"),
    ("number for text", 'title = "Mine"', "title = 4", "title: must be text"),
    ("text for number", "priority = 100", 'priority = "high"', "priority: must be a whole number"),
    ("true for number", "priority = 100", "priority = true", "priority: must be a whole number"),
    ("table for list", "[[pattern]]", "[pattern]", "pattern: must be a list"),
    ("text for list", '["iso"]', '"iso"', "timestamp.layouts: must be a list"),
    ("unknown kind", 'kind = "regex"', 'kind = "grok"', "kind: 'grok' is none of"),
    ("unknown layout", '["iso"]', '["mayan"]', "no time layout 'mayan'"),
    ("no layout", 'layouts = ["iso"]', "", "timestamp.layouts: missing"),
    ("zone", "layouts =", 'zone = "Mars"\nlayouts =', "timestamp.zone: 'Mars'"),
    ("zone that is a path", "layouts =", 'zone = "../etc"\nlayouts =', "timestamp.zone"),
    ("name of a shipped one", 'name = "mine"', 'name = "redis"', "that of a shipped format"),
    ("name and file", 'name = "mine"', 'name = "other"', "must be the file's stem"),
    ("name as a path", 'name = "mine"', 'name = "../mine"', "name: '../mine'"),
    ("severity", "woe = 17", "woe = 99", "severity.woe: 99"),
    ("broken regex", PATTERN, "^(?P<body>[a-z)$", "pattern[1].regex: does not compile"),
    ("not anchored", PATTERN, PATTERN[1:], "not anchored"),
    ("no group", PATTERN, "^<.*$", "names no group"),
    ("look-ahead", PATTERN, "^(?P<body>(?=x).*)$", "look-around"),
    ("back-reference", PATTERN, r"^(?P<a>.)(?P=a)(?P<body>.*)$", "pattern[1].regex"),
    ("huge when compiled", PATTERN, "^(?P<body>(?:[a-z]{1,999}){1,999})$", "size limit"),
    ("long regex", PATTERN, f"^(?P<body>{'x' * 5000})$", "characters are more than"),
    ("odd group", PATTERN, "^(?P<Body>.*)$", "the group 'Body'"),
    ("no sample", "[[sample]]", "[[samples]]", "unknown key 'samples'"),
    ("sample without line", 'line = "<2026-03-02 10:00:00> woe gone"', "", "sample[1]: no 'line'"),
    ("unknown column", "body =", "message =", "'message' is no column"),
    ("sample no pattern takes", "<2026-03-02 10", "2026-03-02 10", "sample[1]: no pattern takes"),
    ("wrong expectation", 'body = "gone"', 'body = "here"', "sample[1].expect.body: 'here'"),
    ("wrong time", "T10:00:00Z", "T11:00:00Z", "sample[1].expect.timestamp"),
    ("no such day", "<2026-03-02", "<2026-13-02", "sample[1].expect.timestamp"),
    ("pattern without a sample", "[timestamp]",
     "[[pattern]]\nregex = '^!(?P<body>.*)$'\n[timestamp]", "pattern[2]: no sample"),
    ("two patterns", "[timestamp]",
     "[[pattern]]\nregex = '^(?P<body>.*)$'\n[timestamp]", "patterns 1 and 2 both take it"),
    ("not TOML", 'title = "Mine"', "title = ", "not TOML"),
]  # fmt: skip


def put(folder: Path, text: str = GOOD, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_a_bad_one_is_refused_with_file_and_reason(
    tmp_path: Path, case: tuple[str, str, str, str]
) -> None:
    _, old, new, reason = case
    assert old in GOOD
    path = put(tmp_path, GOOD.replace(old, new, 1))

    with pytest.raises(FormatError) as caught:
        load_own_formats(tmp_path)

    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_good_one_reads_its_lines_before_the_shipped_ones(tmp_path: Path) -> None:
    put(tmp_path)

    formats = formats_with(tmp_path)
    event = read_text("<2026-03-02 10:00:00> woe x\n", options(formats=formats)).events.row(
        0, named=True
    )

    assert formats[1:] == load_formats()
    assert (event["format_name"], event["severity_number"], event["body"]) == ("mine", 17, "x")


def test_without_a_folder_there_are_the_shipped_ones_only() -> None:
    assert formats_with(None) == load_formats()


def test_a_file_stands_for_itself(tmp_path: Path) -> None:
    assert [one.name for one in load_own_formats(put(tmp_path))] == ["mine"]


def test_files_that_are_no_definitions_are_left_alone(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, "not a format", "README.md")
    put(tmp_path, "not a format", ".mine.toml.swp")

    assert [one.name for one in load_own_formats(tmp_path)] == ["mine"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * (MAX_FILE_BYTES + 1), "larger than"),
        (b"a = " + b"[" * 100_000, "not TOML"),
    ],
    ids=["not UTF-8", "too large", "nested for ever"],
)
def test_content_that_is_no_definition_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_own_format(Path("mine.toml"), content)


def test_a_folder_without_a_definition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds no format"):
        load_own_formats(tmp_path)


def test_too_many_definitions_are_refused(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        put(tmp_path, "", f"f{number}.toml")

    with pytest.raises(FormatError, match="more than"):
        load_own_formats(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.toml")

    with pytest.raises(FormatError, match="not a regular file"):
        load_own_formats(tmp_path)


def test_lines_that_it_takes_of_shipped_formats_are_told(tmp_path: Path) -> None:
    greedy = GOOD.replace(PATTERN, r"^(?:<[0-9: -]+> [a-z]+ |[0-9]+:[XCSM] )(?P<body>.*)$")
    greedy = greedy.replace('timestamp = "2026-03-02T10:00:00Z", severity_number = 17, ', "")

    checked = check_own_format(put(tmp_path, greedy))

    assert checked.problems == ()
    assert [text for text in checked.clashes if text.endswith(" redis")] == [
        "takes 1 of 2 samples of the shipped format redis"
    ]


def test_its_keys_are_those_of_the_shipped_ones() -> None:
    assert set(_SCHEMA) == _KEYS


def test_shipped_formats_pass_the_same_check_of_samples() -> None:
    for format_ in load_formats()[:: max(len(load_formats()) // 5, 1)]:
        assert sample_problems(format_, load_formats()) == []
