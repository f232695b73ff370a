"""The store as a folder: what counts, what is damaged, who has it, what is of another version."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import store
from pipeline.errors import LockedError, StoreError, UsageError
from pipeline.store import upkeep
from pipeline.store.manifest import migrated, numbers, read_manifest

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDER = ("at", "text")
ROOT = Path(__file__).parents[2]


def rows(*texts: str) -> pl.DataFrame:
    return pl.DataFrame({"at": range(len(texts)), "text": texts})


@pytest.fixture
def kept(tmp_path: Path) -> store.Store:
    """A store with two days of events, written by two runs."""
    folder = tmp_path / "store"
    store.claim_folder(folder)
    store.create_store(folder)
    one = store.open_store(folder)
    for number, day in enumerate(("2026-03-01", "2026-03-02")):
        with one.change() as batch:
            batch.append("events", rows(f"a{number}", f"b{number}"), day, ORDER)
            batch.replace_rows("sources", [{"number": number}])
            batch.commit(NOW, f"run{number}")
    return one


def files(kept: store.Store) -> set[str]:
    return {str(path.relative_to(kept.folder)) for path in kept.folder.rglob("*") if path.is_file()}


def events(kept: store.Store) -> pl.DataFrame:
    return pl.concat(kept.tables("events")).sort("text")


def test_what_was_committed_is_there_again(kept: store.Store) -> None:
    again = store.open_store(kept.folder)

    assert events(again)["text"].to_list() == ["a0", "a1", "b0", "b1"]
    assert list(again.rows("sources")) == [{"number": 1}]
    assert again.manifest.run_id == "run1"
    assert [one.height for one in again.tables("events", "2026-03-02", "2026-03-02")] == [2]


def test_nothing_of_a_change_that_fails_counts_or_stays(kept: store.Store) -> None:
    before = files(kept)

    with pytest.raises(RuntimeError), kept.change() as batch:
        batch.add_table("events", rows("lost"), date="2026-03-03")
        raise RuntimeError

    assert files(kept) == before
    assert "lost" not in events(store.open_store(kept.folder))["text"].to_list()


def test_what_a_killed_run_left_is_removed(kept: store.Store) -> None:
    before = files(kept)
    for name in ("events/date=2026-03-09/part-x.parquet", "open/.open-y.parquet.tmp",
                 "manifests/.00000009.json.tmp"):  # fmt: skip
        path = kept.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    (kept.folder / "notes.txt").write_text("not ours", encoding="utf-8")

    assert store.open_store(kept.folder).sweep() == 3
    assert files(kept) == before | {"notes.txt"}


def test_parts_and_manifests_do_not_pile_up(kept: store.Store) -> None:
    for number in range(12):
        with kept.change() as batch:
            batch.append("events", rows(f"c{number}"), "2026-03-02", ORDER)
            batch.replace_rows("sources", [{"number": number}])
            batch.commit(NOW)
        kept.sweep()

    assert len(numbers(kept.folder)) == 2
    assert len(files(kept)) < 25
    assert events(kept).height == 16


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_flipped_bit_is_noticed_and_named(kept: store.Store, bit: int) -> None:
    for part in kept.manifest.parts:
        path = kept.folder / part.path
        data = path.read_bytes()
        at = len(data) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])

        with pytest.raises(StoreError, match=path.name):
            kept.bytes_of(part)
        assert [one.path for one in upkeep.find_damage(kept)] == [part.path]

        path.write_bytes(data)


@pytest.mark.parametrize("change", [lambda data: data[:-5], lambda _: b"", lambda _: b"{}"])
def test_a_damaged_manifest_is_refused(kept: store.Store, change: Callable[[bytes], bytes]) -> None:
    path = kept.folder / "manifests" / f"{numbers(kept.folder)[-1]:08d}.json"
    path.write_bytes(change(path.read_bytes()))

    with pytest.raises(StoreError, match=path.name):
        store.open_store(kept.folder)


def test_a_changed_number_in_a_manifest_is_noticed(kept: store.Store) -> None:
    path = kept.folder / "manifests" / f"{numbers(kept.folder)[-1]:08d}.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"row_count": 2', '"row_count": 3', 1), encoding="utf-8")

    with pytest.raises(StoreError, match="not those written"):
        read_manifest(kept.folder)


def test_a_missing_part_is_named(kept: store.Store) -> None:
    part = kept.manifest.of("events")[0]
    (kept.folder / part.path).unlink()

    with pytest.raises(StoreError, match=r"part-.*is missing"):
        list(kept.tables("events"))


def test_a_newer_store_is_refused(kept: store.Store) -> None:
    path = kept.folder / "store.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(raw | {"format": 99}), encoding="utf-8")

    with pytest.raises(UsageError, match="newer version"):
        store.open_store(kept.folder)


def test_an_older_manifest_takes_every_step() -> None:
    steps = {
        1: lambda raw: raw | {"renamed": raw.pop("old")},
        2: lambda raw: raw | {"added": 0},
    }

    raw = migrated({"format": 1, "old": "x"}, Path("manifest"), steps, newest=3)

    assert raw == {"renamed": "x", "added": 0}


def test_a_folder_with_other_files_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match="holds other files"):
        store.claim_folder(tmp_path)


def test_a_second_run_is_told_who_has_the_store(kept: store.Store) -> None:
    with (
        store.locked(kept.folder),
        pytest.raises(LockedError, match=rf"run {os.getpid()} since 2\d{{3}}-"),
        store.locked(kept.folder),
    ):
        pass
    with store.locked(kept.folder):
        pass


_HOLDER = """
import sys, time
from pathlib import Path
from pipeline import store
with store.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_lock_goes_with_its_process(kept: store.Store) -> None:
    command = [sys.executable, "-c", _HOLDER, str(kept.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with (
            pytest.raises(LockedError, match=f"run {process.pid} "),
            store.locked(kept.folder),
        ):
            pass

        process.kill()
        process.wait()

        with store.locked(kept.folder):
            pass


def test_a_full_disk_leaves_the_last_commit(
    kept: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, whole = files(kept), events(kept)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left") as told, kept.change() as batch:
            batch.append("events", rows("lost"), "2026-03-02", ORDER)
            batch.commit(NOW)

    assert "are free" in str(told.value)
    again = store.open_store(kept.folder)
    again.sweep()
    assert files(kept) == before
    assert_frame_equal(events(again), whole)


def test_compaction_keeps_the_rows(kept: store.Store) -> None:
    with kept.change() as batch:
        batch.add_table("events", rows("late"), date="2026-03-01")
        batch.commit(NOW)
    whole = events(kept)
    days = upkeep.small_days(kept)

    with kept.change() as batch:
        for (kind, date), parts in days.items():
            upkeep.compact(batch, kind, date, parts, ORDER)
        batch.commit(NOW)

    assert [one for one in days] == [("events", "2026-03-01")]
    assert len(kept.manifest.of("events")) == 2
    assert_frame_equal(events(kept), whole)


def test_pruning_lets_old_days_go_and_remembers_it(kept: store.Store) -> None:
    keep = {"events": timedelta(hours=12)}
    end = datetime(2026, 3, 2, 23, tzinfo=UTC)
    parts = upkeep.outdated(kept, keep, end)
    with kept.change() as batch:
        upkeep.prune(batch, parts, keep, end)
        batch.commit(NOW)

    assert [one.date for one in parts] == ["2026-03-01"]
    assert events(kept)["text"].to_list() == ["a1", "b1"]
    assert store.open_store(kept.folder).manifest.horizons == {"events": "2026-03-02"}
