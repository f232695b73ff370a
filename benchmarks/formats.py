"""What a GiB of each common format costs to read, with the compiled scanner and without it.

    python benchmarks/formats.py [--mib 20]

Writes logs of one format each in Docker's json-file, one line in fifty a warning or an error, and
runs `analyze ingest` on each as a process of its own. Start-up, measured on a log of a few lines,
is taken off. Counts are compared with what was written; the exit status is 1 when they differ.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

_START = datetime(2026, 3, 2, tzinfo=UTC)
_STEP = timedelta(milliseconds=40)
_ERROR_EVERY = 50


def _iso(at: datetime, mark: str = ",") -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}{mark}{at.microsecond // 1000:03d}"


def _request(rng: random.Random) -> str:
    return f"GET /v2/orders/{rng.randrange(10**6)}/parcels?page={rng.randrange(9)} HTTP/1.1"


def _json(at: datetime, rng: random.Random, level: str) -> str:
    record = {"event": "stock reserved", "level": level, "timestamp": _iso(at, ".") + "Z",
              "logger": "shop.stock", "order": rng.randrange(10**6)}  # fmt: skip
    return json.dumps(record)


def _pino(at: datetime, rng: random.Random, level: int) -> str:
    milliseconds = int(at.timestamp() * 1000)
    return (
        f'{{"level":{level},"time":{milliseconds},"pid":1,"hostname":"web",'
        f'"msg":"order {rng.randrange(10**6)} was sent"}}'
    )


Writer = Callable[[datetime, random.Random, bool], str]
FORMATS: dict[str, Writer] = {
    "uvicorn access": lambda at, rng, bad: (
        f'INFO:     10.0.0.{rng.randrange(255)}:{rng.randrange(10**4, 6 * 10**4)} - "'
        f'{_request(rng)}" {500 if bad else 200}'
    ),
    "nginx access": lambda at, rng, bad: (
        f"10.0.0.{rng.randrange(255)} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "
        f'"{_request(rng)}" {502 if bad else 200} {rng.randrange(10**5)} "-" "curl/8.5.0"'
    ),
    "Python logging": lambda at, rng, bad: (
        f"{_iso(at)} {'ERROR' if bad else 'INFO'} shop.orders: order {rng.randrange(10**6)} sent"
    ),
    "Celery": lambda at, rng, bad: (
        f"[{_iso(at)}: {'ERROR' if bad else 'INFO'}/ForkPoolWorker-2] "
        f"Task shop.bill[{rng.randrange(10**9)}] done"
    ),
    "structlog JSON": lambda at, rng, bad: _json(at, rng, "error" if bad else "info"),
    "pino JSON": lambda at, rng, bad: _pino(at, rng, 50 if bad else 30),
    "Spring Boot": lambda at, rng, bad: (
        f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z {'ERROR' if bad else ' INFO'} 1 --- "
        f"[nio-8080-exec-1] c.shop.OrderService                    : order {rng.randrange(10**6)}"
    ),
    "PostgreSQL": lambda at, rng, bad: (
        f"{_iso(at, '.')} UTC [{rng.randrange(999)}] {'ERROR' if bad else 'LOG'}:  "
        f"duration: {rng.random() * 900:.3f} ms"
    ),
    "Redis": lambda at, rng, bad: (
        f"1:M {at:%d %b %Y %H:%M:%S}.{at.microsecond // 1000:03d} {'#' if bad else '*'} "
        f"{rng.randrange(999)} changes in 300 seconds. Saving..."
    ),
    "logfmt": lambda at, rng, bad: (
        f"ts={at:%Y-%m-%dT%H:%M:%S}Z level={'error' if bad else 'info'} caller=query.go:12 "
        f'msg="query done" order={rng.randrange(10**6)}'
    ),
}


def write(path: Path, writer: Writer, mib: float, *, seed: int = 1) -> tuple[int, int]:
    """Write about *mib* MiB to *path*; return lines and bytes."""
    rng = random.Random(seed)
    at, count, size = _START, 0, 0
    with path.open("wb") as file:
        while size < mib * 2**20:
            text = writer(at, rng, count % _ERROR_EVERY == _ERROR_EVERY - 1)
            stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}123Z"
            line = json.dumps({"log": f"{text}\n", "stream": "stdout", "time": stamp})
            size += file.write(line.replace('": "', '":"').replace('", "', '","').encode() + b"\n")
            at += _STEP
            count += 1
    return count, size


def ingest(logs: Path, out: Path, *, scanner: bool) -> tuple[float, int]:
    """Run `analyze ingest` on *logs*; return CPU seconds and the events that were counted."""
    environment = {**os.environ, "AFTERSHOCK_SCANNER": "on" if scanner else "off"}
    command = [sys.executable, "-m", "pipeline", "ingest", str(logs), "-o", str(out), "-q"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    import polars as pl

    ledger = out / "ledger.parquet"
    count = int(pl.read_parquet(ledger)["event_count"].sum()) if ledger.is_file() else -1
    return usage.ru_utime + usage.ru_stime, count


def main(arguments: Sequence[str] | None = None) -> int:
    """Write, run, print a row a format; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mib", type=float, default=20, help="size of each log [20]")
    options = parser.parse_args(arguments)
    rows: list[tuple[str, float, float]] = []
    is_equal = True
    with tempfile.TemporaryDirectory(prefix="aftershock-") as name:
        folder = Path(name)
        for title, writer in FORMATS.items():
            costs = []
            for scanner in (True, False):
                spent = []
                for mib in (0.2, options.mib):
                    logs = folder / "web-json.log"
                    count, size = write(logs, writer, mib)
                    seconds, found = ingest(logs, folder / "out", scanner=scanner)
                    is_equal &= found == count
                    spent.append((seconds, size))
                (first, small), (last, large) = spent
                costs.append((last - first) / (large - small) * 2**30)
            rows.append((title, costs[0], costs[1]))
    least = min(row[1] for row in rows)
    print("| format | CPU s per GiB | times the cheapest | without scanner |")
    print("| --- | ---: | ---: | ---: |")
    for title, fast, slow in rows:
        print(f"| {title} | {fast:.1f} | {fast / least:.1f} | {slow:.1f} |")
    if not is_equal:
        print("counts differ from what was written", file=sys.stderr)
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
