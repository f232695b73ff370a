"""Two days of logs in which something about the logging itself changes after the first.

A record is (event time, collected at, service, level, logger, text); it is written as a line of
Docker's json-file, whose own time is when it was collected.
"""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SWITCH = START + DAY


@dataclass(frozen=True, slots=True, order=True)
class Record:
    """One line, with the time it writes and the time at which its envelope says it came."""

    collected: datetime
    at: datetime
    service: str
    level: str
    logger: str
    text: str


Records = list[Record]


def steady(
    rng: random.Random,
    per_hour: float,
    text: Callable[[random.Random], str] | str,
    *,
    level: str = "ERROR",
    logger: str = "shop.orders",
    service: str = "api",
    first: float = 0.0,
    last: float = 48.0,
) -> Records:
    """Return records at random moments with a constant rate."""
    found: Records = []
    hour = first
    while (hour := hour + rng.expovariate(per_hour)) < last:
        at = START + timedelta(hours=hour)
        body = text if isinstance(text, str) else text(rng)
        found.append(Record(at, at, service, level, logger, body))
    return found


def traffic(rng: random.Random, per_hour: float = 120, service: str = "api") -> Records:
    """Return calm lines, so that the service is seen to be logging."""
    return steady(rng, per_hour, lambda rng: f"worked on item {rng.randrange(999)}",
                  level="INFO", logger="shop.main", service=service)  # fmt: skip


def declined(rng: random.Random) -> str:
    """Return an error of the usual kind, each of a request of its own."""
    return f"payment of order {rng.randrange(10**6)} declined request_id={rng.getrandbits(64):016x}"


def real(rng: random.Random, service: str = "api") -> Records:
    """Return a regression that no artefact explains: a class that begins on the second day."""
    return steady(
        rng, 15, lambda rng: f"ledger segment {rng.randrange(99)} is corrupt",
        logger="shop.ledger", service=service, first=30,
    )  # fmt: skip


def changed(records: Iterable[Record], change: Callable[[Record], Iterable[Record]]) -> Records:
    """Return *records*, those of the second day changed."""
    return [
        other
        for record in records
        for other in (change(record) if record.at >= SWITCH else (record,))
    ]


def moved(record: Record, by: timedelta) -> Record:
    """Return *record* with another time of its own."""
    return replace(record, at=record.at + by)


def write(folder: Path, records: Iterable[Record], name: str = "{}-json.log") -> Path:
    """Write each service's records to a json-file below *folder*, in the order of collection."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[str]] = {}
    for record in sorted(records, key=lambda record: record.collected):
        lines.setdefault(record.service, []).append(_json(record))
    for service, own in lines.items():
        (folder / name.format(service)).write_text("".join(own), encoding="utf-8")
    return folder


def plain(record: Record) -> str:
    """Return *record* as it is written, without an envelope."""
    time = f"{record.at:%Y-%m-%dT%H:%M:%S}.{record.at.microsecond // 1000:03d}Z"
    return f"{time} {record.level} {record.logger} - {record.text}\n"


def write_plain(path: Path, records: Iterable[Record]) -> None:
    """Write records to one file without an envelope, in the order of collection."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(records, key=lambda record: record.collected)
    path.write_text("".join(map(plain, ordered)), encoding="utf-8")


def _json(record: Record) -> str:
    time = record.collected + timedelta(milliseconds=1)
    entry = {"log": plain(record), "stream": "stdout", "time": f"{time:%Y-%m-%dT%H:%M:%S.%fZ}"}
    return json.dumps(entry) + "\n"
