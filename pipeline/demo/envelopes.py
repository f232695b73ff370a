"""Envelopes: what the platform puts around the lines, and the files it puts them in.

Each writer takes the sorted events of its containers and returns how many lines and events went
into each file. Nothing here knows what a line says.
"""

import gzip
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from json.encoder import encode_basestring
from pathlib import Path

from pipeline.demo.clock import rfc3339
from pipeline.demo.events import Event

# The lines of one event leave the program in one write; the engine stamps them one by one.
_LINE_GAP = 23


@dataclass(frozen=True, slots=True)
class Written:
    """One file of the demo: its path below the logs' folder, and what was put into it."""

    path: str
    envelope: str
    containers: list[str]
    line_count: int
    event_count: int
    error_count: int


Wrap = Callable[[int, str, str], str]


def _lines(events: Iterable[Event], wrap: Wrap) -> list[str]:
    lines = []
    for event in events:
        if "\n" in event.text:
            for number, line in enumerate(event.text.split("\n")):
                lines.append(wrap(event.micros + number * _LINE_GAP, event.stream, line))
        else:
            lines.append(wrap(event.micros, event.stream, event.text))
    return lines


def _write(
    root: Path, path: str, envelope: str, names: list[str], events: Sequence[Event], wrap: Wrap
) -> Written:
    lines = _lines(events, wrap)
    data = "".join(lines).encode()
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    # The time of compression would make every run different.
    target.write_bytes(gzip.compress(data, 6, mtime=0) if path.endswith(".gz") else data)
    errors = sum(1 for event in events if event.label)
    return Written(path, envelope, names, len(lines), len(events), errors)


def write_docker(
    root: Path, name: str, events: Sequence[Event], rng: random.Random
) -> list[Written]:
    """Write Docker's json-file folder of one container; the busy ones were rotated twice."""
    container_id = hashlib.sha256(f"demo/{name}".encode()).hexdigest()
    folder = f"containers/{container_id}"
    log = f"{folder}/{container_id}-json.log"
    digits = _nanos(rng)

    def wrap(micros: int, stream: str, line: str) -> str:
        text = encode_basestring(line + "\n")
        if "<" in text or ">" in text or "&" in text:
            text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        return f'{{"log":{text},"stream":"{stream}","time":"{rfc3339(micros, digits())}"}}\n'

    paths = [f"{log}.2.gz", f"{log}.1", log] if len(events) > 20_000 else [log]
    size = -(-len(events) // len(paths))
    written = [
        _write(root, path, "docker json-file", [name], events[n * size : (n + 1) * size], wrap)
        for n, path in enumerate(paths)
    ]
    config = {"ID": container_id, "Name": f"/{name}", "Config": {"Image": f"demo/{name}:1"}}
    (root / folder / "config.v2.json").write_text(json.dumps(config), encoding="utf-8")
    return written


def _nanos(rng: random.Random) -> Callable[[], int]:
    # The digits below a microsecond; never 0, since engines trim trailing zeros.
    values = [value for value in range(100, 1000) if value % 10]
    return lambda: values[int(rng.random() * len(values))]


def write_compose(root: Path, streams: dict[str, list[Event]], rng: random.Random) -> list[Written]:
    """Write one `docker compose logs -t` of several containers, interleaved by time."""
    width = max(len(name) for name in streams) + 2
    digits = _nanos(rng)
    tagged = sorted(
        (event._replace(stream=f"{name}-1".ljust(width))
         for name, events in streams.items() for event in events),
        key=lambda event: event.micros,
    )  # fmt: skip

    def wrap(micros: int, prefix: str, line: str) -> str:
        return f"{prefix} | {rfc3339(micros, digits())} {line}\n"

    return [_write(root, "compose.log", "docker compose logs -t", list(streams), tagged, wrap)]


def write_pod(root: Path, name: str, events: Sequence[Event], rng: random.Random) -> list[Written]:
    """Write the CRI file in the folder of a deployment's pod."""
    digest = hashlib.sha256(f"demo/{name}".encode()).hexdigest()
    uid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
    pod = f"{name}-7d9c5b6f4-x2x7q"
    digits = _nanos(rng)

    def wrap(micros: int, stream: str, line: str) -> str:
        return f"{rfc3339(micros, digits())} {stream} F {line}\n"

    return [_write(root, f"pods/default_{pod}_{uid}/{name}/0.log", "cri", [name], events, wrap)]


def write_plain(
    root: Path, path: str, name: str, envelope: str, events: Sequence[Event]
) -> list[Written]:
    """Write the lines as the program wrote them."""
    return [_write(root, path, envelope, [name], events, lambda micros, stream, line: line + "\n")]


def as_rows(written: Iterable[Written]) -> list[dict[str, object]]:
    """Return the files as plain rows, in path order."""
    return [asdict(item) for item in sorted(written, key=lambda item: item.path)]
