"""A small plant of containers that log, are rotated, and are read by a job; and what a store holds.

Everything follows from a seed. Time is that of the lines: nobody waits for a clock.
"""

import gzip
import json
import os
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from pipeline import store
from pipeline.ingest import merge_minutes, merge_rollup
from pipeline.model import Settings
from pipeline.orchestrate import ingest_kept
from pipeline.orchestrate.intake import cursors_of, ledger_of, templates_of

START = datetime(2026, 3, 2, tzinfo=UTC)
_TRACE = (
    "Traceback (most recent call last):",
    '  File "/srv/shop/orders.py", line {line}, in place',
    "    stock.take(item)",
    '  File "/srv/shop/stock.py", line 41, in take',
    "    raise OutOfStock(item)",
    "shop.stock.OutOfStock: item {item}",
)


class Service:
    """One container: `log` writes lines of an hour, `rotate` puts its file aside."""

    def __init__(self, folder: Path, name: str, kind: str, rate: int) -> None:
        self.path = folder / (f"{name}-json.log" if kind == "docker" else f"{name}.log")
        self.kind, self.rate = kind, rate
        self.rng = random.Random(f"{name}/{kind}")
        self.keep = 4
        self.waiting = b""

    def log(self, hour: int, *, is_cut: bool = False) -> None:
        """Write the lines of an hour; *is_cut*: the last of them only half, the rest comes next."""
        lines: list[str] = []
        moment = START + timedelta(hours=hour)
        for _ in range(self.rate):
            moment += timedelta(seconds=3600 / self.rate * self.rng.uniform(0.5, 1.0))
            lines += self._event(moment)
        data = self.waiting + "".join(f"{line}\n" for line in lines).encode()
        cut = self.rng.randrange(len(data) // 2, len(data)) if is_cut else len(data)
        self.waiting = data[cut:]
        with self.path.open("ab") as file:
            file.write(data[:cut])

    def _event(self, moment: datetime) -> list[str]:
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
        draw = self.rng.random()
        number = self.rng.randrange(10_000)
        if draw < 0.1:
            head = f"{stamp} ERROR [shop.orders] order {number} failed"
            body = [one.format(line=88, item=number) for one in _TRACE]
        elif draw < 0.2:
            head, body = f"{stamp} WARN [shop.pool] connection {number} is slow", []
        else:
            head, body = f"{stamp} INFO [shop.orders] order {number} placed", []
        if self.kind == "docker":
            return [_docker(line, moment) for line in (head, *body)]
        return [head, *body]

    def rotate(self, how: str) -> None:
        """Put the file aside by *how*: rename, or copytruncate; the second oldest is compressed."""
        if not self.path.exists():
            return
        for number in range(self.keep, 0, -1):
            for ending in ("", ".gz"):
                old = self.path.with_name(f"{self.path.name}.{number}{ending}")
                if old.exists():
                    old.rename(self.path.with_name(f"{self.path.name}.{number + 1}{ending}"))
        first = self.path.with_name(f"{self.path.name}.1")
        if how == "rename":
            self.path.rename(first)
        else:
            shutil.copy(self.path, first)
            os.truncate(self.path, 0)
        second = self.path.with_name(f"{self.path.name}.2")
        if second.exists():
            packed = second.with_name(f"{second.name}.gz")
            packed.write_bytes(gzip.compress(second.read_bytes(), mtime=0))
            second.unlink()


def _docker(line: str, moment: datetime) -> str:
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}000Z"
    return json.dumps(
        {"log": f"{line}\n", "stream": "stderr", "time": stamp}, separators=(",", ":")
    )


def services(folder: Path, rate: int = 6) -> list[Service]:
    """Return three containers that log below *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        Service(folder, "orders", "plain", rate),
        Service(folder, "stock", "docker", rate),
        Service(folder, "mail", "plain", max(1, rate // 3)),
    ]


def ingest(logs: Path, kept: Path, tell: Callable[[str], None] = lambda _: None) -> int:
    """Read what is new below *logs* into the store *kept*; return how many bytes that were."""
    return ingest_kept([str(logs)], Settings(store=str(kept)), tell=tell).byte_count


def contents(folder: Path) -> dict[str, pl.DataFrame]:
    """Return all that counts in a store, each table in one order, with the names of files."""
    kept = store.open_store(folder)
    cursors = cursors_of(kept)
    paths = {one.source_id: Path(one.path).name for one in cursors}
    events = pl.concat([*kept.tables("events"), *kept.tables("open_events")])
    events = events.with_columns(pl.col("log_file_path").replace(paths))
    changes = pl.concat([*kept.tables("changes"), *kept.tables("open_changes")])
    changes = changes.with_columns(pl.col("log_file_path").replace(paths))
    found = {
        "changes": changes.sort(changes.columns),
        "events": events.sort("log_file_path", "line_number", "byte_offset"),
    }
    for kind, merge in (("hourly", merge_rollup), ("minutes", merge_minutes)):
        opened = [one.drop("source_id") for one in kept.tables(f"open_{kind}")]
        merged = merge([*kept.tables(kind), *opened])
        found[kind] = merged.sort(merged.columns, nulls_last=True)
    ledger = ledger_of(cursors).with_columns(pl.col("log_file_path").str.split("/").list.last())
    found["ledger"] = ledger.sort("log_file_path", "sha256_head")
    found["templates"] = templates_of(kept)
    return found
