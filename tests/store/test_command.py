"""The store from the command line: who has it, what is damaged, what an interrupted run tells."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import store
from tests.command import Run, runner
from tests.store.plant import ingest, services

NOW = ("--now", "2026-03-03T00:00Z")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    yield from runner(capsys, monkeypatch)


def test_a_second_run_ends_with_75_and_says_who_has_the_store(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("2026-03-02T10:00:00Z ERROR boom\n", encoding="utf-8")
    folder = tmp_path / "store"
    store.claim_folder(folder)
    with store.locked(folder):
        ran = run("ingest", str(tmp_path / "a.log"), "--store", str(folder))

    assert ran.code == 75
    assert "is in use: run " in ran.err
    assert not store.is_store(folder)


@pytest.mark.slow
def test_a_flipped_bit_in_any_part_stops_the_run_and_is_named(run: Run, tmp_path: Path) -> None:
    logs, first = tmp_path / "logs", tmp_path / "first"
    plant = services(logs, 12)
    for hour in range(26):
        for one in plant:
            one.log(hour)
    call = ("run", str(logs), "-o", str(tmp_path / "out"), "-q", *NOW)
    assert run(*call, "--store", str(first)).code in (0, 1, 4)
    (result,) = first.glob("runs/*/result.json.gz")
    again = run("report", str(result.parent), "-o", str(tmp_path / "again"), "-q")
    assert again.code == 0, again.err
    assert (tmp_path / "again" / "report.md").read_text() == (
        tmp_path / "out/report.md"
    ).read_text()
    assert run("report", str(result.parent), "-q").code == 2
    for one in plant:
        one.log(26)
    rng = random.Random(3)
    used = {part.path for part in store.open_store(first).manifest.parts
            if part.kind not in ("results",)}  # fmt: skip
    for path in sorted(used):
        folder = tmp_path / "store"
        shutil.copytree(first, folder)
        data = bytearray((folder / path).read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (folder / path).write_bytes(data)

        ran = run(*call, "--store", str(folder))
        told = run("store", "verify", str(folder), "--json")

        assert ran.code == 3, path
        assert Path(path).name in ran.err
        assert told.code == 3
        assert [one["path"] for one in json.loads(told.out)["damaged"]] == [path]
        shutil.rmtree(folder)


@pytest.mark.slow
def test_the_commands_that_look_after_a_store(run: Run, tmp_path: Path) -> None:
    logs, folder = tmp_path / "logs", tmp_path / "store"
    plant = services(logs)
    for hour in (0, 54):
        for one in plant:
            one.log(hour)
        ingest(logs, folder)

    facts = json.loads(run("store", "info", str(folder), "--json").out)
    dry = run("store", "prune", str(folder), "--keep", "events=1d")
    before = store.open_store(folder).manifest
    done = run("store", "prune", str(folder), "--keep", "events=1d", "--apply")
    packed = run("store", "compact", str(folder), "--apply")
    written = run("store", "export", str(folder), "-o", str(tmp_path / "tables"))

    assert facts["source_count"] == 3
    assert "dry run" in dry.out
    assert before.of("events")
    assert done.code == packed.code == written.code == 0
    days = {one.date for one in store.open_store(folder).manifest.of("events")}
    assert days <= {"2026-03-03", "2026-03-04"}
    assert (tmp_path / "tables" / "ledger.parquet").is_file()
    assert run("store", "verify", str(folder)).code == 0
