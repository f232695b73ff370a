"""Small logs that tests write: seeded, of a few services, with planted errors.

A line is (time, level, text); a service's lines become one file in one of two shapes: Docker's
json-file, or plain text with an ISO time and a level.
"""

import json
import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
Line = tuple[datetime, str, str]
Logs = dict[str, list[Line]]

REFUSED = 'could not connect to server "db-1": Connection refused'
SLOW = "slow answer from upstream, retrying"


def times(rng: random.Random, first: float, last: float, per_hour: float) -> list[datetime]:
    """Return moments at random with a constant rate between two hours after `START`."""
    found, at = [], first
    while (at := at + rng.expovariate(per_hour)) < last:
        found.append(START + at * HOUR)
    return found


def requests(
    rng: random.Random, first: float, last: float, per_hour: float, failed_share: float = 0.0
) -> list[Line]:
    """Return access lines; a share of them answers 500, and the cause is logged just before."""
    lines: list[Line] = []
    for at in times(rng, first, last, per_hour):
        status = 200
        if rng.random() < failed_share:
            status = 500
            lines.append((at - timedelta(milliseconds=5), "ERROR", REFUSED))
        number = rng.randrange(10**6)
        text = f'10.0.0.{number % 250} - - @ "GET /orders/{number} HTTP/1.1" {status} 17'
        lines.append((at, "INFO", text))
    return lines


def beats(rng: random.Random, first: float, last: float, per_hour: float = 60) -> list[Line]:
    """Return calm lines, so that a service is seen to be logging."""
    return [
        (at, "INFO", f"worked on item {rng.randrange(999)}")
        for at in times(rng, first, last, per_hour)
    ]


def errors(
    rng: random.Random, first: float, last: float, per_hour: float, text: str, level: str = "ERROR"
) -> list[Line]:
    return [(at, level, text) for at in times(rng, first, last, per_hour)]


def without(logs: Mapping[str, Iterable[Line]], first: float, last: float) -> Logs:
    """Return *logs* with nothing between two hours after `START`."""
    return {
        name: [line for line in lines if not first <= (line[0] - START) / HOUR < last]
        for name, lines in logs.items()
    }


def write(folder: Path, logs: Mapping[str, Iterable[Line]], shape: str = "docker") -> Path:
    """Write a file for each service below *folder* and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for service, lines in logs.items():
        to_text, name = (_docker, "-json.log") if shape == "docker" else (_plain, ".log")
        text = "".join(map(to_text, sorted(lines)))
        (folder / f"{service}{name}").write_text(text, encoding="utf-8")
    return folder


def _plain(line: Line) -> str:
    at, level, text = line
    if '"GET ' in text:
        return f"{text.replace('@', f'[{at:%d/%b/%Y:%H:%M:%S +0000}]', 1)}\n"
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ} {level} {text}\n"


def _docker(line: Line) -> str:
    record = {"log": _plain(line), "stream": "stdout", "time": f"{line[0]:%Y-%m-%dT%H:%M:%S.%fZ}"}
    return json.dumps(record) + "\n"
