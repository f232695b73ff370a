"""Bytes to lines: ends, encodings, what is no text, and lines without end."""

import random
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.ingest import find_streams
from pipeline.ingest.lines import MAX_LINE_BYTES
from tests.ingest.support import options, read_files, read_paths

FIRST, SECOND = "2026-03-02 10:00:00 one", "2026-03-02 10:00:01 two"

CASES = tomllib.loads((Path(__file__).parent / "lines.toml").read_text(encoding="utf-8"))["case"]
_PARTS = {"name", "content", "encoding", "input_encoding", "bodies", "encoding_is", "first_offset"}


@pytest.mark.parametrize("block_bytes", [3, 2**20])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_bytes_become_the_lines_of_the_table(case: dict[str, Any], block_bytes: int) -> None:
    content = case["content"].encode(case.get("encoding", "latin-1"))
    read = read_files(
        {"app.log": content},
        options(block_bytes=block_bytes),
        input_encoding=case.get("input_encoding"),
    )
    assert read.events["body"].to_list() == case["bodies"]
    ledger = read.ledger.row(0, named=True)
    named = {key: value for key, value in case.items() if key not in _PARTS}
    counts = ("undecodable_byte_count", "truncated_line_count", "nul_byte_count")
    expected = {name: 0 for name in (*counts, "blank_line_count")} | named
    assert {name: ledger[name] for name in expected} == expected
    assert ledger["encoding"] == case.get("encoding_is", "utf-8")
    assert ledger["byte_count"] == len(content)
    assert ledger["error"] is None
    if "first_offset" in case:
        assert read.events["byte_offset"][0] == case["first_offset"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block_bytes", [100, 2**20])
def test_encodings_and_line_ends_give_the_same_events(
    encoding: str, end: str, block_bytes: int
) -> None:
    text = end.join(
        f"2026-03-02 10:00:{second:02} caf\u00e9 \u010a {second}" for second in range(30)
    )
    read = read_files({"app.log": (text + end).encode(encoding)}, options(block_bytes=block_bytes))
    assert read.events["body"].to_list() == [f"caf\u00e9 \u010a {second}" for second in range(30)]
    ledger = read.ledger.row(0, named=True)
    assert (ledger["line_count"], ledger["undecodable_byte_count"]) == (30, 0)
    assert ledger["byte_count"] == len((text + end).encode(encoding))


def test_offsets_point_at_the_line_in_the_decompressed_bytes() -> None:
    content = f"{FIRST} caf\u00e9\r\n\r\n{SECOND}".encode()
    events = read_files({"app.log": content}).events
    lines = [
        content[at : at + size] for at, size in events.select("byte_offset", "byte_length").rows()
    ]
    assert lines == [f"{FIRST} caf\u00e9\r\n".encode(), SECOND.encode()]
    assert events["line_number"].to_list() == [1, 3]


@pytest.mark.parametrize("block_bytes", [2**16, 2**23])
def test_a_line_beyond_the_limit_is_cut_and_counted_whole(block_bytes: int) -> None:
    content = f"{FIRST} {'x' * (3 * MAX_LINE_BYTES)}\n{SECOND}\n".encode()
    read = read_files({"app.log": content}, options(block_bytes=block_bytes))
    assert read.events["body"].str.len_bytes().max() <= MAX_LINE_BYTES  # type: ignore[operator]
    assert read.events["body"][1] == "two"
    assert read.events["byte_length"].sum() == len(content) == read.ledger["byte_count"].item()


def test_a_file_of_one_line_without_an_end_is_one_event() -> None:
    content = f"{FIRST} {'x' * 100_000}".encode()
    read = read_files({"app.log": content}, options(block_bytes=4096))
    assert read.events.height == 1
    assert read.ledger["byte_count"].item() == len(content)


def test_text_in_a_legacy_encoding_loses_no_line() -> None:
    lines = ["2026-03-02 10:00:00 \u043e\u0448\u0438\u0431\u043a\u0430"] * 20
    read = read_files({"app.log": "\n".join(lines).encode("cp1251")})
    assert read.events.height == 20
    assert read.ledger["undecodable_byte_count"].item() == 20 * 6


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8", "gbk"])
@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600", "\u4e2d"])
def test_a_line_is_cut_between_characters_and_alike_in_all_blocks(
    encoding: str, character: str
) -> None:
    if encoding == "gbk" and character == "\U0001f600":
        character = "\u4e2d"
    text = f"{FIRST} a{character * MAX_LINE_BYTES}\n{SECOND}\n"
    content = text.encode(encoding)
    given = "gbk" if encoding == "gbk" else None
    whole, small = (
        read_files({"app.log": content}, options(block_bytes=size), input_encoding=given)
        for size in (2**23, 2**16)
    )
    # The last character of a page that is none of Unicode may be cut, and is counted then.
    assert whole.ledger["undecodable_byte_count"].item() <= (1 if encoding == "gbk" else 0)
    columns = ["body", "byte_offset", "byte_length", "line_number"]
    assert small.events.select(columns).equals(whole.events.select(columns))
    assert small.ledger.drop("log_file_path").equals(whole.ledger.drop("log_file_path"))
    assert whole.ledger["truncated_line_count"].item() == 1
    assert whole.ledger["byte_count"].item() == len(content)


def test_offsets_after_a_hole_point_at_the_text() -> None:
    content = b"\0" * 100 + f"{FIRST}\n".encode() + b"\0" * 7 + f"{SECOND}\n".encode()
    events = read_files({"app.log": content}, options(block_bytes=16)).events
    lines = [
        content[at : at + size] for at, size in events.select("byte_offset", "byte_length").rows()
    ]
    assert lines == [f"{FIRST}\n".encode(), f"{SECOND}\n".encode()]


def test_a_sparse_hole_of_gigabytes_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    with path.open("wb") as file:
        file.truncate(5 * 2**30)
        file.seek(5 * 2**30)
        file.write(f"{FIRST}\n".encode())
    read = read_paths(path)
    assert read.events["body"].to_list() == ["one"]
    assert read.events["byte_offset"].item() == 5 * 2**30
    assert read.ledger["nul_byte_count"].item() == 5 * 2**30


def test_many_updates_of_a_progress_bar_are_one_event() -> None:
    bar = "\r".join(f"{number / 100:.0f}%|{'#' * 9}| {number}it/s" for number in range(10_001))
    read = read_files({"app.log": f"{FIRST}\n{bar}\n{SECOND}\n".encode()})
    assert read.events["body"].to_list() == ["one\n100%|#########| 10000it/s", "two"]


def test_a_line_of_random_bytes_costs_no_more_than_its_length() -> None:
    line = random.Random(1).randbytes(2**20).replace(b"\n", b"")
    text = f"{FIRST}\n".encode() * 300  # what begins as text is read to its end
    read = read_files({"app.log": text + line + f"\n{SECOND}\n".encode()})
    assert read.ledger["line_count"].item() == 302
    assert read.events["body"][-1] == "two"
    assert read.ledger["undecodable_byte_count"].item() > 2**18


@pytest.mark.parametrize("name", ["klingon", "rot13", "hex", "cp037", "utf-7\x00"])
def test_an_encoding_that_cannot_be_read_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--encoding"):
        find_streams([], input_encoding=name)


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(st.sampled_from(["a", "\r", "\n", "\r\n", "\u00e9", "\xff"]), max_size=30))
def test_every_byte_and_every_line_is_counted(parts: list[str]) -> None:
    # \xff stands for a byte that is no UTF-8.
    content = b"".join(b"\xff" if part == "\xff" else part.encode() for part in parts)
    ledger = read_files({"app.log": b"first line of the log\n" + content}).ledger
    expected = 1 + content.count(b"\n") + (bool(content) and not content.endswith(b"\n"))
    assert ledger["byte_count"].item() == len(content) + 22
    assert ledger["line_count"].item() == expected
