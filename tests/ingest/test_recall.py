"""Ordinary lines that are looked for afterwards: all that hold a text are found, and no others."""

import gzip
import json
import random
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest import (
    Options,
    Search,
    find_events,
    find_streams,
    load_formats,
    read_stream,
    recall,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = b"stock is low"


def lines(count: int = 12_000, every: int = 50) -> list[str]:
    """Return records that say much, of which one in *every* says that stock is low."""
    rng = random.Random(3)
    found = []
    for number in range(count):
        text = f"stock is low: item {number}" if number % every == 0 else f"sold {number} for cash"
        at = START + timedelta(seconds=number)
        filler = "x" * rng.randrange(60)
        found.append(f"{at:%Y-%m-%dT%H:%M:%SZ} INFO shop.stock {text} {filler}\n")
    return found


def found_in(folder: Path, search: Search) -> pl.DataFrame:
    options = Options(formats=load_formats())
    parts = list(find_events(find_streams([str(folder)]), search, options))
    events = pl.concat(parts) if parts else pl.DataFrame({"body": []}, schema={"body": pl.String})
    return events.filter(pl.col("body").str.contains("stock is low"))


def plain(folder: Path, texts: list[str]) -> None:
    (folder / "shop.log").write_text("".join(texts), encoding="utf-8")


def compressed(folder: Path, texts: list[str]) -> None:
    (folder / "shop.log.gz").write_bytes(gzip.compress("".join(texts).encode()))


def docker(folder: Path, texts: list[str]) -> None:
    rows = [{"log": text, "stream": "stdout", "time": text.split(" ", 1)[0]} for text in texts]
    (folder / "shop-json.log").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )


@pytest.mark.parametrize("write", [plain, compressed, docker])
@pytest.mark.parametrize("chunk", [2**20, 7001])
def test_every_line_with_the_text_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object, chunk: int
) -> None:
    monkeypatch.setattr(recall, "_CHUNK_BYTES", chunk)
    write(tmp_path, lines())  # type: ignore[operator]

    found = found_in(tmp_path, Search((TEXT,), 10_000))

    assert found.height == 240
    assert found["timestamp"].to_list() == [START + timedelta(seconds=50 * n) for n in range(240)]
    assert found["severity_number"].unique().to_list() == [9]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    plain(tmp_path, [*lines(), "2026-03-02T00:00:00Z INFO shop.stock stock is low"])

    assert found_in(tmp_path, Search((TEXT,), 10_000)).height == 241


def test_too_many_lines_are_told(tmp_path: Path) -> None:
    plain(tmp_path, lines())
    search = Search((TEXT,), 20)
    found_in(tmp_path, search)

    assert search.is_exhausted


def test_wide_text_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text("".join(lines(200)), encoding="utf-16")

    assert found_in(tmp_path, Search((TEXT,), 100)).is_empty()


def test_lines_come_whole_once_and_in_order() -> None:
    block = b"a stock is low\nsold\nstock is low, stock is low and dear\nlow\nthe stock is low"
    search = Search((TEXT, b"dear"), 10)

    assert recall.lines_with(block, search) == (
        b"a stock is low\nstock is low, stock is low and dear\nthe stock is low"
    )
    assert search.lines_left == 7
    assert recall.lines_with(b"sold\n", search) == b""


def test_members_of_an_archive_have_the_service_that_they_had(tmp_path: Path) -> None:
    folder = tmp_path / "shop_stock-7d9f8b6c5d-x2v4z_0a1b2c3d" / "stock"
    folder.mkdir(parents=True)
    docker(folder, lines(400))
    with tarfile.open(tmp_path / "logs.tar.gz", "w:gz") as archive:
        archive.add(folder.parent, folder.parent.name)
    options = Options(formats=load_formats(), keep_all=True)
    (stream,) = find_streams([str(tmp_path / "logs.tar.gz")])
    read = pl.concat([batch.events for batch in read_stream(stream, options, [])])

    found = found_in(tmp_path / "logs.tar.gz", Search((TEXT,), 100))

    assert found.height == 8
    names = ["service_name", "container_name", "log_file_path"]
    assert found.select(names).unique().equals(read.select(names).unique())
