"""Ids are the same however the same lines are cut into files, and whatever else was read."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import pipeline

START = datetime(2026, 3, 3, 6, tzinfo=UTC)
HOURS = 8
TEXTS = (
    "cannot reach stock at 10.0.{n}.{m}:5432 after {n} tries",
    "stock answered: status 404",
    "stock answered: status 503",
    'type "mood" does not exist',
    'type "color" does not exist',
    "cart {n} has no owner reason=quota",
    "KeyError: 'price' while pricing item {m}",
)


def lines() -> list[str]:
    """Return single-line records of one service: calm ones, and errors that rise in the end."""
    draw = random.Random(7)
    found = []
    for second in range(0, HOURS * 3600, 20):
        at = START + timedelta(seconds=second, milliseconds=draw.randrange(999))
        chance = 0.9 if second > (HOURS - 1) * 3600 else 0.2
        level, text = "INFO", "worked on item {n}"
        if draw.random() < chance:
            level, text = "ERROR", draw.choice(TEXTS)
        values = {"n": draw.randrange(250), "m": draw.randrange(250)}
        found.append(f"{at:%Y-%m-%dT%H:%M:%S.%f}Z {level} {text.format(**values)}\n")
    return found


def write(folder: Path, files: Iterable[list[str]]) -> Path:
    folder.mkdir()
    for at, part in enumerate(files):
        (folder / f"shop-{at}.log").write_text("".join(part), encoding="utf-8")
    return folder


Ids = tuple[set[tuple[str, str]], dict[str, tuple[str | None, int, int]]]


def ids(folder: Path, out: Path, texts: Callable[[str], bool] = lambda _: True) -> Ids:
    """Return (template_id, template) pairs, and template, counts by finding id."""
    noon = START + timedelta(hours=HOURS - 1)
    result = pipeline.analyze(
        [str(folder)], baseline=[f"{START.isoformat()}..{noon.isoformat()}"],
        since=noon.isoformat(), until=(noon + timedelta(hours=1)).isoformat(), out=out,
    )  # fmt: skip
    rows = pl.read_parquet(out / "events" / "*.parquet").select("template_id", "template")
    pairs = {pair for pair in rows.drop_nulls().rows() if texts(pair[1])}
    findings = {
        one.finding_id: (one.template, one.baseline_count, one.candidate_count)
        for one in result.findings
        if texts(one.template or "")
    }
    return pairs, findings


UNRELATED = [
    f"{START + timedelta(minutes=at):%Y-%m-%dT%H:%M:%SZ} {level} lamp {at} is too dim\n"
    for at in range(HOURS * 60)
    for level in ("INFO", "WARN")
]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Ids:
    folder = tmp_path_factory.mktemp("known")
    found = ids(write(folder / "logs", [lines()]), folder / "out")
    assert len(found[0]) >= len(TEXTS)
    assert len(found[1]) >= len(TEXTS)
    return found


@pytest.mark.parametrize(
    "arrange",
    [
        lambda all_: [random.Random(1).sample(all_, len(all_))],
        lambda all_: [all_[at::3] for at in range(3)],
        lambda all_: [all_[: len(all_) // 2], all_[len(all_) // 2 :]],
        lambda all_: [random.Random(2).sample(all_, len(all_))[at::4] for at in range(4)],
    ],
    ids=["shuffled", "dealt over files", "cut in two", "shuffled over files"],
)
def test_ids_are_the_same_however_lines_lie_in_files(
    known: Ids, tmp_path: Path, arrange: Callable[[list[str]], list[list[str]]]
) -> None:
    logs = write(tmp_path / "logs", arrange(lines()))

    assert ids(logs, tmp_path / "out") == known


def test_ids_are_the_same_beside_unrelated_logs(known: Ids, tmp_path: Path) -> None:
    logs = write(tmp_path / "logs", [lines()])
    (logs / "lamps.log").write_text("".join(UNRELATED), encoding="utf-8")

    assert ids(logs, tmp_path / "out", lambda text: "lamp" not in text) == known


def test_ids_are_the_same_in_a_second_run_over_the_first(known: Ids, tmp_path: Path) -> None:
    logs = write(tmp_path / "logs", [lines()])
    first = ids(logs, tmp_path / "out")

    assert first == ids(logs, tmp_path / "out") == known
