"""What a Python program writes, with what must be read from it, and the envelopes around it."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import zstandard

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
CHUNK = 16 * 1024


@dataclass(frozen=True)
class Raised:
    """One exception: its frames from the outermost on as (file, line, function)."""

    type: str
    message: str
    frames: tuple[tuple[str, int, str], ...]
    carets: bool = False

    def lines(self) -> list[str]:
        lines = ["Traceback (most recent call last):"]
        for file, line, function in self.frames:
            lines.append(f'  File "{file}", line {line}, in {function}')
            lines.append("    value = compute(order)")
            if self.carets:
                lines.append("            ~~~~~~~^^^^^^^")
        lines.append(f"{self.type}: {self.message}" if self.message else self.type)
        return lines


@dataclass(frozen=True)
class Event:
    """A record of Python's logging; *chain* is printed first cause first, joined by *links*."""

    seconds: float
    level: str
    message: str
    chain: tuple[Raised, ...] = ()
    links: tuple[str, ...] = ()
    iostream: str = "stderr"

    @property
    def time(self) -> datetime:
        return START + timedelta(milliseconds=round(self.seconds * 1000))

    def trace(self) -> list[str]:
        lines: list[str] = []
        for number, raised in enumerate(self.chain):
            if number:
                lines += ["", self.links[number - 1], ""]
            lines += raised.lines()
        return lines

    def lines(self) -> list[str]:
        stamp = self.time.strftime("%Y-%m-%d %H:%M:%S,") + f"{self.time.microsecond // 1000:03}"
        return [f"{stamp} - shop.orders - {self.level} - {self.message}", *self.trace()]

    def columns(self) -> dict[str, object]:
        """Return what a reader must find."""
        found: dict[str, object] = {
            "timestamp": self.time,
            "severity_text": self.level,
            "body": "\n".join([self.message, *self.trace()]),
            "scope_name": "shop.orders",
            "exception_type": None,
            "exception_message": None,
            "exception_chain": None,
            "code_line_number": None,
        }
        if self.chain:
            inner = self.chain[0]
            # The place is the deepest frame of own code, nearest to the first cause.
            own = [
                frame
                for raised in self.chain
                for frame in reversed(raised.frames)
                if "site-packages" not in frame[0]
            ]
            found |= {
                "exception_type": inner.type,
                "exception_message": inner.message or None,
                "exception_chain": [
                    f"{raised.type}: {raised.message}" if raised.message else raised.type
                    for raised in reversed(self.chain)
                ],
                "code_line_number": own[0][1] if own else None,
            }
        return found


@dataclass
class _Clock:
    """A runtime's clock: a moment later at every line."""

    now: datetime
    nanoseconds: int = field(default=0)

    def stamp(self, event: Event) -> str:
        if self.now < event.time:
            self.now = event.time
        self.now += timedelta(microseconds=7)
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


def _lines(events: list[Event]) -> Iterator[tuple[Event, str]]:
    for event in events:
        for line in event.lines():
            yield event, line


def plain(events: list[Event]) -> bytes:
    return "".join(f"{line}\n" for _, line in _lines(events)).encode()


def json_file(events: list[Event]) -> bytes:
    clock, records = _Clock(START), []
    for event, line in _lines(events):
        stamp = clock.stamp(event)
        text = line + "\n"
        # Every chunk of a record that was split has the same time.
        records += [
            {"log": text[at : at + CHUNK], "stream": event.iostream, "time": stamp}
            for at in range(0, len(text), CHUNK)
        ]
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()


def cri(events: list[Event]) -> bytes:
    clock, lines = _Clock(START), []
    for event, line in _lines(events):
        chunks = [line[at : at + CHUNK] for at in range(0, len(line), CHUNK)] or [""]
        for number, chunk in enumerate(chunks, 1):
            tag = "F" if number == len(chunks) else "P"
            lines.append(f"{clock.stamp(event)} {event.iostream} {tag} {chunk}\n")
    return "".join(lines).encode()


def kubectl(events: list[Event]) -> bytes:
    clock = _Clock(START)
    return "".join(f"{clock.stamp(event)} {line}\n" for event, line in _lines(events)).encode()


def compose(events: list[Event]) -> bytes:
    clock = _Clock(START)
    return "".join(
        f"orders-1  | {clock.stamp(event)} {line}\n" for event, line in _lines(events)
    ).encode()


def compose_without_time(events: list[Event]) -> bytes:
    return "".join(f"orders-1  | {line}\n" for _, line in _lines(events)).encode()


def gz(events: list[Event]) -> bytes:
    return gzip.compress(plain(events), mtime=0)


def zst(events: list[Event]) -> bytes:
    return zstandard.compress(plain(events))


WRAPPINGS: dict[str, Callable[[list[Event]], bytes]] = {
    "app.log": plain,
    "docker.log": json_file,
    "cri.log": cri,
    "kubectl.log": kubectl,
    "compose.log": compose,
    "prefixed.log": compose_without_time,
    "app.log.gz": gz,
    "app.log.zst": zst,
}
