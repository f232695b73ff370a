"""Files that run from new to old: found by their times, and read so that events are whole."""

import gzip

import polars as pl
import pytest

from tests.ingest.support import options, read_files

TRACE = [
    "Traceback (most recent call last):",
    '  File "/app/shop/stock.py", line 8, in take',
    "    return shelf[number]",
    "KeyError: 4",
]


def _records(count: int) -> list[list[str]]:
    return [
        [
            f"2026-03-02 10:{n // 60:02}:{n % 60:02},001 - shop - "
            + ("ERROR - lost" if n % 9 == 4 else f"INFO - kept {n}"),
            *(TRACE if n % 9 == 4 else ()),
        ]
        for n in range(count)
    ]


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _forward(count: int) -> list[str]:
    return [line for record in _records(count) for line in record]


COLUMNS = ["timestamp", "body", "severity_number", "exception_type", "line_count"]


def _events(files: dict[str, bytes]) -> pl.DataFrame:
    read = read_files(files)
    return read.events.sort("timestamp", "log_file_path", maintain_order=True)


@pytest.mark.parametrize("block_bytes", [70, 2**20])
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_reversed_export_gives_the_same_events(is_packed: bool, block_bytes: int) -> None:
    lines = _forward(120)
    content = _text(lines[::-1])
    packed = gzip.compress(content) if is_packed else content
    read = read_files({"app.log": packed}, options(block_bytes=block_bytes))
    expected = _events({"app.log": _text(lines)})
    found = read.events.sort("timestamp")
    assert found.select(COLUMNS).equals(expected.select(COLUMNS))
    ledger = read.ledger.row(0, named=True)
    assert ledger["is_reversed"]
    assert all("reversed_file" in flags for flags in found["time_flags"])
    # The evidence is where it stands in the file.
    for number, offset, size, count in found.select(
        "line_number", "byte_offset", "byte_length", "line_count"
    ).rows():
        span = content[offset : offset + size].decode().splitlines()
        assert span == lines[::-1][number - 1 : number - 1 + count]


JAVA = ["java.lang.IllegalStateException: closed", "\tat shop.Stock.take(Stock.java:8)"]


@pytest.mark.parametrize("block_bytes", [70, 2**20])
@pytest.mark.parametrize("trace", [TRACE, JAVA])
def test_records_that_an_export_kept_whole_stay_whole(trace: list[str], block_bytes: int) -> None:
    records = [[head, *(trace if more else ())] for head, *more in _records(120)]
    expected = _events({"app.log": _text([line for record in records for line in record])})
    content = _text([line for record in reversed(records) for line in record])
    read = read_files({"app.log": content}, options(block_bytes=block_bytes))
    assert read.ledger["is_reversed"].item()
    assert read.events.sort("timestamp").select(COLUMNS).equals(expected.select(COLUMNS))


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("forward", _forward(120)),
        ("too few to tell", _forward(15)[::-1]),
        ("one time", ["2026-03-02 10:00:00,001 - shop - INFO - same"] * 100),
        ("no times", ["nothing to see"] * 100),
        (
            "short runs that fall, each later than the one before",
            [line for at in range(0, 120, 10) for line in _forward(120)[at : at + 10][::-1]],
        ),
        ("half and half", _forward(60) + _forward(60)[::-1]),
    ],
)
def test_what_does_not_run_backwards_is_read_forwards(name: str, lines: list[str]) -> None:
    read = read_files({"app.log": _text(lines)})
    assert read.ledger["is_reversed"].item() is False, name
    assert read.ledger["line_count"].item() == len(lines)


def test_each_rotated_file_is_judged_by_itself_and_the_set_stays_in_order() -> None:
    lines = _forward(150)
    cut = [index for index, line in enumerate(lines) if line.startswith("2026")]
    old, new = lines[: cut[60]], lines[cut[60] :]
    files = {"app.log.1": _text(old[::-1]), "app.log": _text(new)}
    read = read_files(files)
    flags = read.ledger.sort("log_file_path")["is_reversed"].to_list()
    assert flags == [False, True]
    together = _events({"app.log": _text(lines)})
    found = read.events.sort("timestamp")
    assert found.select(COLUMNS).equals(together.select(COLUMNS))


def test_interleaved_containers_that_each_run_forward_are_not_reversed() -> None:
    lines = [
        f"{name}-1  | 2026-03-02T10:{n:02}:00.0Z INFO {name} {n}"
        for name in ("web", "api", "db", "cache")
        for n in range(0, 60, 20)
    ] * 8
    assert read_files({"compose.log": _text(lines)}).ledger["is_reversed"].item() is False


def test_lines_read_backwards_are_spilled_when_they_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pipeline.ingest import lines as lines_module

    monkeypatch.setattr(lines_module, "_SPILL_BYTES", 2000)
    content = _text(_forward(120)[::-1])
    read = read_files({"app.log": content}, options(block_bytes=500))
    expected = _events({"app.log": _text(_forward(120))})
    assert read.events.sort("timestamp").select(COLUMNS).equals(expected.select(COLUMNS))
