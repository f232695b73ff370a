"""Durations of requests: which are drawn, and that they are the same however they are read."""

import math
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest import load_formats, merge_latencies
from pipeline.ingest.latencies import (
    CLASSES_PER_DOUBLING,
    SHARE,
    WHOLE_LINES,
    is_drawn,
    latencies_of,
)
from tests.ingest.support import Read, options, read_files

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SOURCE = Path(__file__).parents[2] / "pipeline" / "ingest" / "scan.c"


def lines(count: int, seed: int = 1) -> bytes:
    """Requests of an application's own logger, one in four of another kind of line."""
    rng = random.Random(seed)
    out = []
    for at in range(count):
        moment = START + timedelta(seconds=at / 4)
        stamp = moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
        if at % 4 == 3:
            out.append(f"{stamp} INFO shop.carts: cart {at} is ready")
        else:
            ms = round(math.exp(rng.gauss(3.5, 0.8)), 1)
            out.append(
                f"{stamp} INFO shop.web: GET /orders/{at} {rng.choice((200, 404, 503))} {ms}ms"
            )
    return "\n".join(out).encode() + b"\n"


def read(data: bytes, **changes: object) -> Read:
    asked = options(keep_all=False, least_scanned_bytes=0, **changes)
    return read_files({"web.log": data}, asked)


@pytest.mark.parametrize("block_bytes", [2**14, 2**20])
@pytest.mark.parametrize("whole_lines", [0, 500])
def test_durations_are_the_same_with_and_without_the_scanner(
    whole_lines: int, block_bytes: int
) -> None:
    data = lines(8000)

    plain = read(data, uses_scanner=False, whole_lines=whole_lines)
    scanned = read(data, block_bytes=block_bytes, whole_lines=whole_lines)

    assert plain.latencies["sample_count"].sum() > 50
    assert plain.latencies.sort(pl.all()).equals(scanned.latencies.sort(pl.all()))
    assert plain.rollup.sort(pl.all()).equals(scanned.rollup.sort(pl.all()))


def test_of_a_small_file_every_request_counts_once() -> None:
    found = read(lines(400)).latencies

    assert found["sample_count"].sum() == found["request_weight"].sum() == 300
    assert set(found["http_route"]) == {"/orders/{id}"}


def test_what_is_drawn_stands_for_what_is_not() -> None:
    found = read(lines(40_000), whole_lines=1000).latencies

    assert found["request_weight"].sum() == pytest.approx(30_000, rel=0.1)
    assert found["sample_count"].sum() < 1500


def test_drawing_does_not_see_alternating_lines_from_one_side_only() -> None:
    numbers = pl.DataFrame({"line_number": range(1, 200_001)})

    drawn = numbers.filter(is_drawn(0))["line_number"]

    assert len(drawn) == pytest.approx(200_000 / SHARE, rel=0.05)
    for period in (2, 3, 4, 7, 64):
        parts = (drawn % period).value_counts()["count"]
        assert len(parts) == period
        assert parts.min() > 0.5 * len(drawn) / period  # type: ignore[operator]


def test_a_class_holds_the_durations_that_it_says() -> None:
    drawn = pl.DataFrame(
        {
            "line_number": [1, 2, 3, 4],
            "timestamp": [START] * 4,
            "service_name": ["web"] * 4,
            "http_request_method": ["GET"] * 4,
            "url_path": ["/"] * 4,
            "duration_ms": [0.0, 100.0, None, -5.0],
        }
    )

    found = latencies_of(drawn, ()).sort("duration_class")

    number = found["duration_class"][1]
    assert found["sample_count"].to_list() == [1, 1]
    assert 2 ** (number / CLASSES_PER_DOUBLING) <= 100 < 2 ** ((number + 1) / CLASSES_PER_DOUBLING)


def test_counts_add_up_however_they_are_cut() -> None:
    found = read(lines(1000)).latencies

    parts = [found.head(7), found.slice(7, 5), found.slice(12)]

    assert merge_latencies(parts).sort(pl.all()).equals(found.sort(pl.all()))


def test_the_scanner_draws_as_this_module_does() -> None:
    text = SOURCE.read_text("utf-8")

    assert re.search(r"#define DRAWN_SHARE (\d+)", text)[1] == str(SHARE)  # type: ignore[index]
    assert "2654435761u" in text
    assert options().whole_lines == WHOLE_LINES
    assert load_formats()
