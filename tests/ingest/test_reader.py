import gzip
import os
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import UsageError
from pipeline.ingest import Options, find_streams, load_formats
from tests.ingest.support import read_files, read_paths, read_text

TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/app/shop/stock.py", line 8, in take\n'
    "    return shelf[number]\n"
    "KeyError: 4\n"
)


def _lines(first: int, last: int) -> str:
    return "".join(
        f"2026-03-02 10:{number // 60:02d}:{number % 60:02d},001 - shop - "
        + ("ERROR - lost\n" + TRACE if number % 7 == 0 else "INFO - kept\n")
        for number in range(first, last)
    )


def _small_blocks(size: int) -> Options:
    return Options(formats=load_formats(), keep_all=True, block_bytes=size)


@pytest.mark.parametrize(
    "size",
    [pytest.param(1, marks=pytest.mark.slow), pytest.param(7, marks=pytest.mark.slow), 64, 1000],
)
def test_block_borders_change_nothing(size: int) -> None:
    text = _lines(0, 60)
    whole, blocks = read_text(text), read_text(text, _small_blocks(size))
    paths = pl.col("log_file_path")
    assert blocks.events.drop("log_file_path").equals(whole.events.drop("log_file_path"))
    assert blocks.ledger.drop("log_file_path").equals(whole.ledger.drop("log_file_path"))
    assert blocks.minutes.sort(pl.all()).equals(whole.minutes.sort(pl.all()))
    assert blocks.rollup.sort("severity_number", "bucket_start").equals(
        whole.rollup.sort("severity_number", "bucket_start")
    )
    assert whole.events.select(paths.str.ends_with("app.log").all()).item()


def test_rotated_files_are_one_stream_and_a_traceback_goes_on_in_the_next() -> None:
    text = _lines(0, 30)
    first, middle = text.index("\n") + 1, text.index("KeyError")
    read = read_files(
        {
            "api.log.2.gz": gzip.compress(text[:first].encode()),
            "api.log.1": text[first:middle].encode(),
            "api.log": text[middle:].encode(),
        }
    )
    assert set(read.events["service_name"]) == {"api"}
    together = read_text(text).events
    errors = read.events.filter(pl.col("exception_type") == "KeyError")
    assert errors.height == together.filter(pl.col("exception_type") == "KeyError").height
    assert read.events["line_count"].sum() == together["line_count"].sum()
    assert (read.events["byte_length"] > 0).all()
    assert read.ledger.height == 3
    assert read.ledger["error"].null_count() == 3


def test_a_loop_of_links_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "api.log").write_text(_lines(0, 3))
    (tmp_path / "logs" / "again").symlink_to(tmp_path / "logs")
    (tmp_path / "logs" / "same.log").symlink_to(tmp_path / "logs" / "api.log")
    sources = [source for stream in find_streams([str(tmp_path)]) for source in stream.sources]
    assert [Path(source.path).name for source in sources] == ["api.log"]


def test_a_path_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        find_streams([str(tmp_path / "missing")])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PAR1\x00\x00", "a Parquet file"),
        (b"\x7fELF\x02\x01", "an executable"),
        (bytes(range(32)) * 40, "binary content"),
        (b"\x1f\x8bbroken", "not a readable gzip file"),
    ],
)
def test_what_is_no_log_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    read = read_files({"odd.log": content, "api.log": _lines(0, 2).encode()})
    errors = dict(read.ledger.select("service_name", "error").rows())
    assert reason in errors["odd"]
    assert errors["api"] is None
    assert read.events.height == 2


def test_a_truncated_archive_gives_what_could_be_read_and_says_so() -> None:
    lines = b"".join(os.urandom(200).hex().encode() + b"\n" for _ in range(4000))
    packed = gzip.compress(lines)
    ledger = read_files({"api.log.gz": packed[:-40]}).ledger.row(0, named=True)
    assert "broke off" in ledger["error"]
    assert ledger["line_count"] > 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_in_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "api.log"
    path.write_text("secret\n")
    path.chmod(0)
    assert "cannot be read" in read_paths(path).ledger["error"].item()


def test_a_pipe_is_not_opened_for_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "api.log")
    assert "not a regular file" in read_paths(tmp_path).ledger["error"].item()


def test_an_empty_file_has_a_row_of_zeros() -> None:
    ledger = read_text("").ledger.row(0, named=True)
    assert (ledger["line_count"], ledger["event_count"], ledger["error"]) == (0, 0, None)


def test_blank_lines_outside_events_are_counted_as_blank() -> None:
    ledger = read_text("\n\n2026-03-02 10:00:00 ready\n\n").ledger.row(0, named=True)
    assert (ledger["line_count"], ledger["blank_line_count"], ledger["event_count"]) == (4, 3, 1)


def test_text_without_any_time_is_kept_without_one() -> None:
    events = read_text("one thing\nanother thing\n").events
    assert events["timestamp"].null_count() == 2
    assert set(events["time_source"]) == {"none"}
    assert set(events["severity_number"]) == {0}


def test_a_line_without_a_time_has_that_of_the_line_before() -> None:
    text = "2026-03-02T10:00:00Z ready\nERROR: disk is full\n"
    events = read_text(text).events
    assert events["time_source"].to_list() == ["payload", "interpolated"]
    assert events["timestamp"].n_unique() == 1


def test_a_last_line_without_an_end_counts() -> None:
    read = read_text("2026-03-02 10:00:00 one\n2026-03-02 10:00:01 two")
    assert read.events["body"].to_list() == ["one", "two"]
    assert read.ledger["byte_count"].item() == read.events["byte_length"].sum()


def test_invalid_utf8_is_counted_and_replaced() -> None:
    read = read_files({"api.log": b"2026-03-02 10:00:00 caf\xe9\n2026-03-02 10:00:01 ok\n"})
    assert read.events["body"].to_list() == ["caf\ufffd", "ok"]
    assert read.ledger["undecodable_byte_count"].item() == 1
