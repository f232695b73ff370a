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


def journald(events: list[Event]) -> bytes:
    clock, entries = _Clock(START), []
    for event, line in _lines(events):
        micros = _micros(clock.stamp(event))
        chunks = [line[at : at + CHUNK] for at in range(0, len(line), CHUNK)] or [""]
        for number, chunk in enumerate(chunks, 1):
            entry = {
                "__REALTIME_TIMESTAMP": micros,
                "PRIORITY": "6" if event.iostream == "stdout" else "3",
                "CONTAINER_NAME": "orders-1",
                "SYSLOG_IDENTIFIER": "ab12",
                "_PID": "812",
                "MESSAGE": chunk if chunk.isprintable() else list(chunk.encode()),
            }
            if len(chunks) > 1:
                entry |= {
                    "CONTAINER_PARTIAL_MESSAGE": "true",
                    "CONTAINER_PARTIAL_LAST": "true" if number == len(chunks) else "false",
                }
            entries.append(entry)
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def _micros(stamp: str) -> str:
    moment = datetime.fromisoformat(stamp[:26] + "+00:00")
    return str(round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)))


def journal_export(events: list[Event]) -> bytes:
    """One entry an event, as journald keeps a message that holds line ends."""
    clock, parts = _Clock(START), []
    for event in events:
        message = "\n".join(event.lines()).encode()
        parts.append(
            f"__CURSOR=s=1\n__REALTIME_TIMESTAMP={_micros(clock.stamp(event))}\n"
            f"PRIORITY={6 if event.iostream == 'stdout' else 3}\nCONTAINER_NAME=orders-1\n".encode()
        )
        if b"\n" in message:
            parts.append(b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n\n")
        else:
            parts.append(b"MESSAGE=" + message + b"\n\n")
    return b"".join(parts)


def fluent_bit(events: list[Event]) -> bytes:
    """Fluent Bit's file of what it read from a node: its own notation around the record."""
    clock, lines = _Clock(START), []
    for event, line in _lines(events):
        record = {
            "log": line + "\n",
            "stream": event.iostream,
            "kubernetes": {"pod_name": "orders-7d9c5b6f4-x2x7q", "container_name": "app"},
        }
        micros = int(_micros(clock.stamp(event)))
        stamp = f"{micros // 10**6}.{micros % 10**6:06}"
        lines.append(f"kube.orders: [{stamp}, {json.dumps(record)}]\n")
    return "".join(lines).encode()


def cloudwatch(events: list[Event]) -> bytes:
    """A page of CloudWatch's answer, as the command line prints it."""
    clock = _Clock(START)
    found = [
        {
            "timestamp": int(_micros(clock.stamp(event))) // 1000,
            "message": line,
            "ingestionTime": 1_772_445_600_000,
            "logStreamName": "shop/orders/0123456789abcdef0123456789abcdef",
        }
        for event, line in _lines(events)
    ]
    return json.dumps({"events": found, "nextForwardToken": "f/1"}, indent=4).encode()


def otlp(events: list[Event]) -> bytes:
    """OpenTelemetry's file exporter: batches of the lines that were read from a container."""
    clock = _Clock(START)
    records = [
        {
            "timeUnixNano": _micros(clock.stamp(event)) + "000",
            "body": {"stringValue": line},
            "attributes": [{"key": "log.iostream", "value": {"stringValue": event.iostream}}],
        }
        for event, line in _lines(events)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]}
    batches = [records[at : at + 3] for at in range(0, len(records), 3)]
    return "".join(
        json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": batch}]}]})
        + "\n"
        for batch in batches
    ).encode()


def docker_local(events: list[Event]) -> bytes:
    clock, parts = _Clock(START), []
    for event, line in _lines(events):
        stamp = clock.stamp(event)
        nanos = int(_micros(stamp)) * 1000 + 123
        raw = line.encode()
        chunks = [raw[at : at + CHUNK] for at in range(0, len(raw), CHUNK)] or [b""]
        for number, chunk in enumerate(chunks, 1):
            record = _field(1, event.iostream.encode()) + b"\x10" + _varint(nanos)
            record += _field(3, chunk)
            if len(chunks) > 1:
                last = b"\x08\x01" if number == len(chunks) else b""
                record += b"\x20\x01" + _field(5, last + _field(2, b"id") + b"\x18\x01")
            parts.append(len(record).to_bytes(4, "big") + record + len(record).to_bytes(4, "big"))
    return b"".join(parts)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def nested(events: list[Event]) -> bytes:
    """Three layers: compose's prefix around a collector's record around CRI's line."""
    inner = cri(events).decode().splitlines()
    return "".join(
        "collector-1  | " + json.dumps({"log": line + "\n", "date": 1_772_445_600.5}) + "\n"
        for line in inner
    ).encode()


WRAPPINGS: dict[str, Callable[[list[Event]], bytes]] = {
    "app.log": plain,
    "docker.log": json_file,
    "cri.log": cri,
    "kubectl.log": kubectl,
    "compose.log": compose,
    "prefixed.log": compose_without_time,
    "app.log.gz": gz,
    "app.log.zst": zst,
    "journal.json": journald,
    "journal.export": journal_export,
    "fluent-bit.log": fluent_bit,
    "cloudwatch.json": cloudwatch,
    "otlp.json": otlp,
    "container.log": docker_local,
    "nested.log": nested,
}
