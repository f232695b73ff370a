"""A run that stops at any moment, followed by a normal one, leaves what a normal one leaves."""

import itertools
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import store
from pipeline.store import upkeep
from tests.store.plant import contents, ingest, services
from tests.store.power import power

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEEP = {"events": timedelta(days=1)}
END = datetime(2026, 3, 3, tzinfo=UTC)


def table(*texts: str) -> pl.DataFrame:
    return pl.DataFrame({"text": texts})


def append(folder: Path) -> None:
    """Add three rows to two days, as a run does."""
    kept = store.open_store(folder)
    kept.sweep()
    with kept.change() as batch:
        for day in ("2026-03-01", "2026-03-02"):
            batch.append("events", table("new"), day, ["text"])
        batch.replace_rows("sources", [{"offset": 7}])
        batch.commit(NOW)


def compact(folder: Path) -> None:
    kept = store.open_store(folder)
    kept.sweep()
    with kept.change() as batch:
        for (kind, day), parts in upkeep.small_days(kept).items():
            upkeep.compact(batch, kind, day, parts, ["text"])
        batch.commit(NOW)
    kept.sweep(keeps_before=False)


def prune(folder: Path) -> None:
    kept = store.open_store(folder)
    kept.sweep()
    with kept.change() as batch:
        upkeep.prune(batch, upkeep.outdated(kept, KEEP, END), KEEP, END)
        batch.commit(NOW)
    kept.sweep(keeps_before=False)


def rows(folder: Path) -> tuple[list[str], list[dict[str, object]], dict[str, str]]:
    kept = store.open_store(folder)
    found = [f"{part.date}/{text}" for part in kept.manifest.of("events")
             for text in kept.table_of(part)["text"]]  # fmt: skip
    return sorted(found), list(kept.rows("sources")), dict(kept.manifest.horizons)


# How many calls lie between two moments at which the power is lost.
EVERY = [pytest.param(1, marks=pytest.mark.slow), 11]


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("step", [append, compact, prune])
def test_power_lost_at_any_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Callable[[Path], None], every: int
) -> None:
    first = tmp_path / "first"
    store.claim_folder(first)
    store.create_store(first)
    kept = store.open_store(first)
    for text in ("old", "older"):
        with kept.change() as batch:
            batch.add_table("events", table(text), date="2026-03-01")
            batch.add_table("events", table(text), date="2026-03-02")
            batch.replace_rows("sources", [{"offset": 3}])
            batch.commit(NOW)
    clean = tmp_path / "clean"
    shutil.copytree(first, clean)
    before = rows(clean)
    step(clean)
    after = rows(clean)

    for left in itertools.count(0, every):
        folder = tmp_path / "cut"
        shutil.copytree(first, folder)
        with power(monkeypatch, left) as source:
            step(folder)

        assert rows(folder) in (before, after)  # all of it, or nothing
        if rows(folder) == before:
            step(folder)
        assert rows(folder) == after
        store.open_store(folder).sweep(keeps_before=False)
        assert store.open_store(folder).strays() == 0
        shutil.rmtree(folder)
        if source.is_on:
            break
    assert left > 10


@pytest.mark.slow
def test_power_lost_while_logs_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tmp_path / "logs"
    plant = services(logs)
    for one in plant:
        one.log(0, is_cut=True)
    ingest(logs, tmp_path / "first")
    for one in plant:
        one.log(1)
        one.rotate("rename")
        one.log(2)
    clean = tmp_path / "clean"
    shutil.copytree(tmp_path / "first", clean)
    ingest(logs, clean)
    wanted = contents(clean)

    for left in itertools.count(0, 9):
        folder = tmp_path / "cut"
        shutil.copytree(tmp_path / "first", folder)
        with power(monkeypatch, left) as source:
            ingest(logs, folder)
        ingest(logs, folder)

        for name, own in contents(folder).items():
            assert_frame_equal(own, wanted[name])
        shutil.rmtree(folder)
        if source.is_on:
            break
    assert left > 20
