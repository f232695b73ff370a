"""Bytes to lines: ends, encodings, what is no text, and lines without end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest.lines import MAX_LINE_BYTES
from tests.ingest.support import options, read_files

FIRST, SECOND = "2026-03-02 10:00:00 one", "2026-03-02 10:00:01 two"


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


def test_a_lone_carriage_return_ends_nothing() -> None:
    read = read_files({"app.log": f"{FIRST}\r50%\r100%\n{SECOND}\n".encode()})
    assert read.ledger["line_count"].item() == 2
    assert read.events["body"].to_list() == ["one\r50%\r100%", "two"]


def test_a_run_of_nul_before_a_line_is_cut_off() -> None:
    read = read_files({"app.log": f"{FIRST}\n".encode() + b"\0" * 5000 + f"{SECOND}\n".encode()})
    assert read.events["body"].to_list() == ["one", "two"]
    assert read.ledger["line_count"].item() == 2


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


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(st.sampled_from(["a", "\r", "\n", "\r\n", "\u00e9", "\xff"]), max_size=30))
def test_every_byte_and_every_line_is_counted(parts: list[str]) -> None:
    # \xff stands for a byte that is no UTF-8.
    content = b"".join(b"\xff" if part == "\xff" else part.encode() for part in parts)
    ledger = read_files({"app.log": b"first line of the log\n" + content}).ledger
    expected = 1 + content.count(b"\n") + (bool(content) and not content.endswith(b"\n"))
    assert ledger["byte_count"].item() == len(content) + 22
    assert ledger["line_count"].item() == expected
