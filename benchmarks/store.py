"""What a store costs, and whether many runs on it leave what one leaves.

    python benchmarks/store.py rotation [--days 30] [--containers 21] [--how rename|copytruncate]
    python benchmarks/store.py kills [--count 200] [--seed N]
    python benchmarks/store.py history [--days 365]

- rotation: containers log, are rotated at midnight, and are read every hour; some lines are only
  half there when they are read. At the end one run reads everything that is there into another
  store. Printed are the bytes that were read per run beside those that were new, the first and the
  last tenth of the runs apart, and whether tables (row by row) and findings are the same. Files are
  kept, as otherwise one run could not read what many have read.
- kills: a process that reads, compacts or prunes gets SIGKILL at a random moment; then a normal run
  follows. Printed is after how many the tables differ from those without a kill, and how many files
  were left over.
- history: the time of a run on a store with a week of history, and with as many days as named.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipeline import store
from pipeline.model import Settings
from pipeline.orchestrate import analyze, compact_store, prune_store
from pipeline.render import to_json
from tests.store.plant import START, Service, contents, ingest

KEEP = {"events": timedelta(days=1)}


def containers(folder: Path, count: int, rate: int) -> list[Service]:
    """Return containers that log plain text and Docker's json-file in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(count):
        kind = ("plain", "docker")[number % 2]
        found.append(Service(folder, f"service{number:02d}", kind, rate))
    for one in found:
        one.keep = 400
    return found


def read_bytes() -> int:
    """Return how many bytes this process has read from files so far."""
    text = Path("/proc/self/io").read_text(encoding="ascii")
    return int(text.split("rchar: ")[1].split()[0])


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of the tables that differ between two stores, row by row."""
    left, right = contents(one), contents(other)
    return [name for name, table in left.items() if not table.equals(right[name])]


def findings(logs: Path, kept: Path, out: Path) -> Any:  # noqa: ANN401  # JSON
    """Return the result of a run on a store, without what says when and where."""
    now = "2026-06-01T00:00Z"
    result = analyze([str(logs)], Settings(store=str(kept)), out=out, documents=(), now=now)
    found = json.loads(to_json(result))
    del found["run"]
    return found


def rotation(place: Path, days: int, count: int, how: str, rate: int) -> bool:
    """Simulate; tell whether both stores hold the same."""
    logs, kept, once = place / "logs", place / "kept", place / "once"
    plant = containers(logs, count, rate)
    rows = []
    for hour in range(24 * days):
        if hour and hour % 24 == 0:
            for one in plant:
                one.rotate(how)
        for one in plant:
            one.log(hour, is_cut=hour % 5 == 3 and hour % 24 != 23)
        before, started = read_bytes(), time.process_time()
        new = ingest(logs, kept)
        rows.append((new, read_bytes() - before, time.process_time() - started))
    tenth = max(1, len(rows) // 10)
    for name, part in (("first tenth", rows[:tenth]), ("last tenth", rows[-tenth:])):
        new, read, seconds = (sum(column) / len(part) for column in zip(*part, strict=True))
        print(f"{name} of {len(rows)} runs: {new:,.0f} new bytes, {read:,.0f} read in all files, "
              f"{seconds:.2f} CPU s a run")  # fmt: skip
    size = sum(one.byte_count for one in store.open_store(kept).manifest.parts)
    print(f"store: {size:,} bytes, {len(store.open_store(kept).manifest.parts)} files")
    ingest(logs, once)
    differing = differences(kept, once)
    same = findings(logs, kept, place / "out") == findings(logs, once, place / "out1")
    print(f"{how}: tables that differ: {differing or 'none'}; findings the same: {same}")
    return not differing and same


def _work(what: str, logs: str, folder: str) -> None:
    if what == "ingest":
        ingest(Path(logs), Path(folder))
    elif what == "compact":
        compact_store(Path(folder), is_applied=True)
    else:
        prune_store(Path(folder), KEEP, is_applied=True)


def kills(place: Path, count: int, seed: int) -> bool:
    """Kill; tell whether every store was as it should be afterwards."""
    rng = random.Random(seed)
    logs, first = place / "logs", place / "first"
    plant = containers(logs, 3, 4)
    for hour in range(20, 27):
        for one in plant:
            if hour == 24:
                one.rotate("rename")
            one.log(hour, is_cut=hour == 25)
        if hour < 26:
            ingest(logs, first)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.orchestrate", "pipeline.render", "duckdb"])
    wanted, typical = {}, {}
    for what in ("ingest", "compact", "prune"):
        clean = place / f"clean-{what}"
        shutil.copytree(first, clean)
        for _ in range(2):  # the first starts the server
            shutil.rmtree(clean)
            shutil.copytree(first, clean)
            started = time.monotonic()
            worker = context.Process(target=_work, args=(what, str(logs), str(clean)))
            worker.start()
            worker.join()
            typical[what] = time.monotonic() - started
        wanted[what] = contents(clean)
    wrong = left_over = early = 0
    for number in range(count):
        what = ("ingest", "ingest", "compact", "prune")[number % 4]
        folder = place / "killed"
        shutil.copytree(first, folder)
        worker = context.Process(target=_work, args=(what, str(logs), str(folder)))
        worker.start()
        worker.join(rng.uniform(0, typical[what]))
        early += worker.is_alive()
        worker.kill()
        worker.join()
        _work(what, str(logs), str(folder))
        found = contents(folder)
        wrong += any(not table.equals(found[name]) for name, table in wanted[what].items())
        kept = store.open_store(folder)
        kept.sweep(keeps_before=False)
        listed = {folder / part.path for part in kept.manifest.parts}
        files = {path for path in folder.rglob("*") if path.is_file()}
        own = {folder / name for name in ("store.json", "lock", ".aftershock")}
        left_over += len(files - listed - own) - 1  # the manifest
        shutil.rmtree(folder)
    print(f"{count} kills, {early} of them before the end: {wrong} stores differ, "
          f"{left_over} files left over")  # fmt: skip
    return not (wrong or left_over)


def grown(place: Path, days: int) -> Path:
    """Return a store with *days* of history: the same day again and again, moved in time."""
    logs, kept = place / f"logs-{days}", place / f"store-{days}"
    plant = containers(logs, 21, 60)
    for hour in range(24):
        for one in plant:
            one.log(hour)
    ingest(logs, kept)
    opened = store.open_store(kept)
    day = f"{START:%Y-%m-%d}"
    with opened.change() as batch:
        for back in range(1, days):
            moved = timedelta(days=back)
            date = f"{START - moved:%Y-%m-%d}"
            for kind in ("events", "hourly", "minutes"):
                for table in opened.tables(kind, day, day):
                    times = [name for name, dtype in table.schema.items() if dtype.is_temporal()]
                    earlier = table.with_columns(pl.col(name) - moved for name in times)
                    batch.add_table(kind, earlier, date=date)
        rows = list(opened.rows("sources"))
        for row in rows:
            total: Any = row["total"]
            total["first"] = (START - timedelta(days=days - 1)).isoformat()
        batch.replace_rows("sources", rows)
        batch.commit(START)
    for one in plant:
        one.log(24)
    return kept


def history(place: Path, days: int) -> bool:
    """Time a run on a week and on *days* of history."""
    seconds = {}
    for length in (2, 7, days):  # the first only warms up
        kept = grown(place, length)
        started, cpu = time.monotonic(), time.process_time()
        now = "2026-06-01T00:00Z"
        logs = place / f"logs-{length}"
        analyze([str(logs)], Settings(store=str(kept)), out=place / "out", now=now)
        seconds[length] = time.process_time() - cpu
        size = sum(one.byte_count for one in store.open_store(kept).manifest.parts)
        print(f"{length} days of history: {seconds[length]:.1f} CPU s, "
              f"{time.monotonic() - started:.1f} s, store {size:,} bytes")  # fmt: skip
    print(f"ratio {seconds[days] / seconds[7]:.2f}")
    return seconds[days] <= 1.5 * seconds[7]


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("what", choices=["rotation", "kills", "history"])
    parser.add_argument("--days", type=int)
    parser.add_argument("--containers", type=int, default=21)
    parser.add_argument("--rate", type=int, default=6, help="events an hour and container")
    parser.add_argument("--how", choices=["rename", "copytruncate"], default="rename")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--place", type=Path, help="an empty folder to work in")
    asked = parser.parse_args()
    run: dict[str, Callable[[Path], bool]] = {
        "rotation": lambda place: rotation(
            place, asked.days or 30, asked.containers, asked.how, asked.rate
        ),
        "kills": lambda place: kills(place, asked.count, asked.seed),
        "history": lambda place: history(place, asked.days or 365),
    }
    with tempfile.TemporaryDirectory(dir=asked.place) as folder:
        os.chdir(folder)
        sys.exit(0 if run[asked.what](Path(folder)) else 1)


if __name__ == "__main__":
    main()
