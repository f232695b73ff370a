"""Cost of a whole run on generated logs whose counts are known exactly.

    python benchmarks/ingest.py [--mib 200] [--formats docker,cri,plain,gz] [--ingest-only]

Writes about N MiB of Docker json-file logs: 21 containers of a shop over seven days, with an error
that appears on the last day. About 65 % of the lines are access lines, 13 % JSON application logs,
15 % lines of Python tracebacks; 0.85 % of the events are errors, 0.64 % warnings. Then runs
`python -m pipeline` on them as a process of its own and prints what it cost. The exit status is 1
when a count differs from the truth, or the run failed.

The other formats hold the same events: CRI, plain text under times as `docker logs -t` writes them,
and the Docker files compressed with gzip. In plain text nothing tells stdout from stderr, so there
the lines that other formats have in the middle of a traceback come after it.

Truth is counted from the drawn entries, never from the text that was written.
"""

import argparse
import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("docker", "cri", "plain", "gz")
GOAL_CPU_SECONDS_PER_GIB = 20.0
GOAL_RSS_MIB = 700.0

_SECOND = 10**9  # times are integers of nanoseconds
_FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = 7
_SPAN = _DAYS * 86_400 * _SECOND
_INCIDENT = ((6 * 24 + 6) * 3600 * _SECOND, (6 * 24 + 11) * 3600 * _SECOND)
_LINE_GAP = 20_000  # a traceback's lines are written this many nanoseconds apart
# Draws are made for so many events at once; also how finely the incident begins and ends.
_CHUNK = 512
_VARIANTS = 300


@dataclass(slots=True)
class Counts:
    """What a run must find: *errors* and *warnings* are events that are no access lines, *statuses*
    access lines by status.
    """

    lines: int = 0
    events: int = 0
    errors: int = 0
    warnings: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Truth:
    """What was written: the counts, and for the mix bytes of text, JSON lines, traceback lines."""

    counts: Counts = field(default_factory=Counts)
    bytes: int = 0
    json_lines: int = 0
    traceback_lines: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """Lines that are drawn together, (stream, text) each, and what is to be counted of them.

    *weight* is relative within a role, *incident_weight* the same during the incident. Marks in the
    text (`_MARKS`) stand for what differs each time.
    """

    weight: float
    lines: tuple[tuple[str, str], ...]
    events: int = 1
    errors: int = 0
    warnings: int = 0
    statuses: tuple[int, ...] = ()
    json_lines: int = 0
    traceback_lines: int = 0
    incident_weight: float | None = None


class _Day(NamedTuple):
    iso: str
    slash: str
    words: str
    clf: str


# Filled in by `str.format`: 0 number, 1 envelope's time, 2 day, 3 time of day, 4 and 5 milliseconds
# of the second and of the epoch.
_MARKS = {
    "@n@": "{0}",
    "@time@": "{1}",
    "@iso@": "{2.iso} {3}",
    "@slash@": "{2.slash} {3}",
    "@words@": "{2.words} {3}",
    "@clf@": "{2.clf}:{3} +0000",
    "@ms@": "{4:03d}",
    "@epoch@": "{5}",
}


# The containers and what they write

# name, role, weight in bytes
CONTAINERS = (
    ("api-1", "api", 14.0),
    ("api-2", "api", 14.0),
    ("api-3", "api", 13.0),
    ("api-4", "api", 11.0),
    ("accounts", "api", 4.0),
    ("payments", "api", 3.0),
    ("catalogue", "api", 3.0),
    ("carts", "api", 2.0),
    ("mailer", "api", 1.0),
    ("gateway", "nginx", 15.0),
    ("assets", "nginx", 2.0),
    ("worker-1", "celery", 1.4),
    ("worker-2", "celery", 1.4),
    ("worker-3", "celery", 1.0),
    ("scheduler", "celery", 0.2),
    ("storefront", "node", 4.0),
    ("importer", "node", 2.0),
    ("postgres", "postgres", 0.6),
    ("postgres-replica", "postgres", 0.2),
    ("redis", "redis", 0.15),
    ("redis-replica", "redis", 0.05),
)

_PATHS = (
    "/v2/customers/@n@",
    "/v2/customers/@n@/addresses",
    "/v2/carts/@n@?with=lines&limit=25",
    "/v2/catalogue?q=shoe+@n@&page=3",
    "/v2/orders/@n@/parcels?sort=-sent_at",
    "/v2/stock/@n@",
    "/login?next=/orders/@n@",
    "/assets/main.4f1c9e7a.js",
    "/assets/cart.b07d52e3.css",
    "/health",
    "/metrics",
)
_METHODS = ("GET",) * 14 + ("POST",) * 4 + ("PUT", "DELETE")
_STATUSES = (200,) * 81 + (201,) * 6 + (204,) * 4 + (304,) * 4 + (404,) * 3 + (401, 422)
_PHRASES = {
    200: "OK",
    201: "Created",
    204: "No Content",
    304: "Not Modified",
    401: "Unauthorized",
    404: "Not Found",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
}
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15",
    "kube-probe/1.33",
    "python-requests/2.32.4",
)
_SCOPES = ("shop.carts", "shop.stock", "shop.db.session", "shop.payments.gateway", "shop.auth")
_ACTIONS = ("cart_loaded", "price_looked_up", "stock_reserved", "token_renewed", "parcel_announced")

_LIBRARY = "/usr/local/lib/python3.12/site-packages/"
# Frames before a request reaches the shop's own code: file, function, source.
_SERVER = (
    ("uvicorn/protocols/http/h11_impl.py", "run_asgi", "result = await app("),
    ("uvicorn/middleware/proxy_headers.py", "__call__", "return await self.app(scope, receive)"),
    ("fastapi/applications.py", "__call__", "await super().__call__(scope, receive, send)"),
    ("starlette/applications.py", "__call__", "await self.middleware_stack(scope, receive, send)"),
    ("starlette/middleware/errors.py", "__call__", "raise exc"),
    ("starlette/middleware/exceptions.py", "__call__", "await self.app(scope, receive, sender)"),
    ("starlette/routing.py", "handle", "await self.app(scope, receive, send)"),
    ("fastapi/routing.py", "app", "raw_response = await run_endpoint_function("),
)
_DATABASE = (
    ("sqlalchemy/ext/asyncio/session.py", "execute", "result = await greenlet_spawn("),
    ("sqlalchemy/engine/base.py", "_execute_context", "self._handle_dbapi_exception("),
    ("sqlalchemy/dialects/postgresql/asyncpg.py", "execute", "self._adapt_connection.await_("),
)
_OWN = (
    ("/srv/shop/routes/carts.py", "show_cart", "return await carts.load(session, cart_id)"),
    ("/srv/shop/routes/orders.py", "place_order", "order = await orders.place(session, cart)"),
    ("/srv/shop/services/stock.py", "reserve", "rows = await session.execute(query)"),
    ("/srv/shop/services/prices.py", "<listcomp>", "total = sum(line.price for line in lines)"),
)
_BEGIN = "Traceback (most recent call last):"
_CAUSE = "The above exception was the direct cause of the following exception:"
_ANOTHER = "During handling of the above exception, another exception occurred:"


def _address(rng: random.Random) -> str:
    return f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def _uvicorn(rng: random.Random, status: int) -> str:
    request = f"{rng.choice(_METHODS)} {rng.choice(_PATHS)} HTTP/1.1"
    port = rng.randrange(32_768, 61_000)
    return f'INFO:     {_address(rng)}:{port} - "{request}" {status} {_PHRASES[status]}'


def _nginx_line(rng: random.Random, status: int) -> str:
    request = f"{rng.choice(_METHODS)} {rng.choice(_PATHS)} HTTP/1.1"
    size, seconds = rng.randrange(90_000), rng.random()
    agent = rng.choice(_AGENTS)
    return f'{_address(rng)} - - [@clf@] "{request}" {status} {size} "-" "{agent}" {seconds:.3f}'


def _spread(weight: float, make: Callable[[], Entry], variants: int = _VARIANTS) -> Iterator[Entry]:
    """Yield *variants* entries of one kind, which share *weight*."""
    for _ in range(variants):
        entry = make()
        incident = entry.incident_weight
        yield Entry(
            weight / variants,
            entry.lines,
            entry.events,
            entry.errors,
            entry.warnings,
            entry.statuses,
            entry.json_lines,
            entry.traceback_lines,
            None if incident is None else incident / variants,
        )


def _one(stream: str, text: str, *, error: bool = False, warning: bool = False) -> Entry:
    is_json = text.startswith("{")
    return Entry(0.0, ((stream, text),), errors=error, warnings=warning, json_lines=int(is_json))


def _access(text: str, status: int) -> Entry:
    return Entry(0.0, (("stdout", text),), statuses=(status,))


def _api(rng: random.Random) -> Iterator[Entry]:
    def access() -> Entry:
        status = rng.choice(_STATUSES)
        return _access(_uvicorn(rng, status), status)

    yield from _spread(795, access)
    yield from _spread(138, lambda: _one("stdout", _structured(rng, "info")))
    yield from _spread(5, lambda: _one("stdout", _structured(rng, "warning"), warning=True), 20)
    yield from _spread(2.1, lambda: _one("stdout", _structured(rng, "error"), error=True), 20)
    yield from _spread(42, lambda: _one("stderr", _python(rng, "INFO")), 60)
    yield from _spread(2.9, lambda: _one("stderr", _python(rng, "WARNING"), warning=True), 20)
    for weight, incident, trace in _TRACES:
        make = partial(_failed_request, rng, trace, incident)
        yield from _spread(weight, make, 30)


def _structured(rng: random.Random, level: str) -> str:
    record = {
        "event": rng.choice(_ACTIONS) if level != "error" else "carrier did not answer",
        "level": level,
        "logger": rng.choice(_SCOPES),
        "timestamp": "@iso@.@ms@Z",
        "request_id": f"{rng.getrandbits(104):026x}@n@",
        "customer": 0,
        "duration_ms": round(rng.random() * 300, 2),
        "path": rng.choice(_PATHS),
        "note": "café ✓" if rng.random() < 0.05 else "fine",
    }
    if level == "error":
        frame = '  File "/srv/shop/services/parcels.py", line 58, in announce\n    raise'
        record["exception"] = f"{_BEGIN}\n{frame}\nTimeoutError: no answer within 30 s"
    text = json.dumps(record, ensure_ascii=False)
    return text.replace('"customer": 0', '"customer": @n@')


def _python(rng: random.Random, level: str) -> str:
    where = rf"D:\export\{rng.randrange(10, 99)}"
    took = f"{rng.random() * 50:.2f} ms for <{rng.choice(_ACTIONS)}> & {where}"
    return f"@iso@,@ms@ {level} {rng.choice(_SCOPES)}: read {rng.randrange(500)} rows in {took}"


def _frames(frames: Sequence[tuple[str, str, str]], rng: random.Random, bar: str = "") -> list[str]:
    lines = []
    for path, function, source in frames:
        file = path if path.startswith("/") else _LIBRARY + path
        lines.append(f'{bar}  File "{file}", line {rng.randrange(20, 900)}, in {function}')
        lines.append(f"{bar}    {source}")
    return lines


def _undefined_type(rng: random.Random) -> list[str]:
    """A migration that one database has not seen: the error that the incident brings."""
    driver = "<class 'asyncpg.exceptions.UndefinedObjectError'>"
    what = 'type "cartstate" does not exist'
    return [
        _BEGIN,
        *_frames(_DATABASE[2:], rng),
        f"asyncpg.exceptions.UndefinedObjectError: {what}",
        "",
        _CAUSE,
        "",
        _BEGIN,
        *_frames((*_SERVER, *rng.sample(_OWN, 3), *_DATABASE), rng),
        "sqlalchemy.exc.ProgrammingError: "
        f"(sqlalchemy.dialects.postgresql.asyncpg.ProgrammingError) {driver}: {what}",
        "[SQL: SELECT carts.id FROM carts WHERE carts.owner = $1 AND carts.state = $2::cartstate]",
        f"[parameters: ('{rng.getrandbits(104):026x}@n@', 'OPEN')]",
        "(Background on this error at: https://sqlalche.me/e/20/f405)",
    ]


def _exception_group(rng: random.Random) -> list[str]:
    lines = [
        "  + Exception Group Traceback (most recent call last):",
        *_frames(_SERVER[2:5], rng, "  | "),
        "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
        "  +-+---------------- 1 ----------------",
        f"    | {_BEGIN}",
        *_frames((*_SERVER[4:7], rng.choice(_OWN)), rng, "    | "),
        "    | RuntimeError: response was started twice",
        "    +------------------------------------",
    ]
    if rng.random() < 0.6:
        again = _frames((*_SERVER[:7], rng.choice(_OWN)), rng)
        lines += ["", _ANOTHER, "", _BEGIN, *again, "RuntimeError: response was started twice"]
    return lines


def _read_timeout(rng: random.Random) -> list[str]:
    client = ("httpx/_client.py", "send", "response = await self._send_handling_auth(")
    below = ("httpcore/_async/http11.py", "handle_async_request", "raise exc")
    above = _frames((*_SERVER, *rng.sample(_OWN, 2), client), rng)
    first = [_BEGIN, *_frames([below], rng), "httpcore.ReadTimeout"]
    return [*first, "", _CAUSE, "", _BEGIN, *above, "httpx.ReadTimeout"]


def _redis_refused(rng: random.Random) -> list[str]:
    connect = ("redis/asyncio/connection.py", "connect", "raise ConnectionError(message)")
    what = (
        "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused."
    )
    return [_BEGIN, *_frames((*_SERVER, rng.choice(_OWN), connect), rng), what]


def _key_error(rng: random.Random) -> list[str]:
    what = f"KeyError: 'price_{rng.randrange(1, 9)}'"
    return [_BEGIN, *_frames((*_SERVER, *rng.sample(_OWN, 2)), rng), what]


_Trace = Callable[[random.Random], list[str]]
# weight, weight during the incident
_TRACES: tuple[tuple[float, float, _Trace], ...] = (
    (0.1, 16.0, _undefined_type),
    (2.7, 2.7, _exception_group),
    (2.3, 2.3, _read_timeout),
    (1.5, 1.5, _redis_refused),
    (0.8, 0.8, _key_error),
)


def _failed_request(rng: random.Random, make: _Trace, incident_weight: float) -> Entry:
    """A traceback on stderr, then its request's access line; now and then another worker's access
    line in the middle.
    """
    trace = make(rng)
    lines = [("stderr", text) for text in ("ERROR:    Exception in ASGI application", *trace)]
    statuses = [500]
    if rng.random() < 0.25:
        status = rng.choice(_STATUSES)
        lines.insert(rng.randrange(1, len(lines)), ("stdout", _uvicorn(rng, status)))
        statuses.append(status)
    lines.append(("stdout", _uvicorn(rng, 500)))
    return Entry(
        0.0,
        tuple(lines),
        events=1 + len(statuses),
        errors=1,
        statuses=tuple(statuses),
        traceback_lines=len(trace),
        incident_weight=incident_weight,
    )


def _nginx(rng: random.Random) -> Iterator[Entry]:
    def access() -> Entry:
        status = rng.choice(_STATUSES)
        return _access(_nginx_line(rng, status), status)

    def timed_out() -> Entry:
        request = f'client: {_address(rng)}, server: _, request: "GET /v2/carts/@n@ HTTP/1.1"'
        text = (
            "@slash@ [error] 29#29: *@n@ upstream timed out (110: Connection timed out) while "
            f'reading response header from upstream, {request}, upstream: "http://10.0.0.9:8000/"'
        )
        lines = (("stdout", _nginx_line(rng, 504)), ("stderr", text))
        return Entry(0.0, lines, 2, errors=1, statuses=(504,), incident_weight=8.0)

    yield from _spread(997, access)
    yield from _spread(1.5, timed_out, 20)
    yield from _spread(1.5, lambda: _access(_nginx_line(rng, 502), 502), 20)


def _celery(rng: random.Random) -> Iterator[Entry]:
    def task() -> str:
        name = rng.choice(("announce_parcel", "send_mail", "rebuild_index", "expire_carts"))
        digits = f"{rng.getrandbits(104):026x}"
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], f"{digits[20:]}@n@")
        return f"Task shop.tasks.{name}[{'-'.join(parts)}]"

    def pool() -> str:
        return f"ForkPoolWorker-{rng.randrange(1, 9)}"

    def succeeded() -> Entry:
        outcome = f"succeeded in {rng.random() * 9:.6f}s: {{'rows': {rng.randrange(99)}}}"
        return _one("stderr", f"[@iso@,@ms@: INFO/{pool()}] {task()} {outcome}")

    def raised() -> Entry:
        trace = rng.choice((_key_error, _redis_refused))(rng)
        head = f"[@iso@,@ms@: ERROR/{pool()}] {task()} raised unexpected: {trace[-1][:40]}"
        lines = tuple(("stderr", text) for text in (head, *trace))
        return Entry(0.0, lines, errors=1, traceback_lines=len(trace))

    lost = "consumer: Connection to broker lost. Trying to re-establish the connection..."
    yield from _spread(
        490, lambda: _one("stderr", f"[@iso@,@ms@: INFO/MainProcess] {task()} received")
    )
    yield from _spread(490, succeeded)
    yield Entry(8.0, (("stderr", f"[@iso@,@ms@: WARNING/MainProcess] {lost}"),), warnings=1)
    yield from _spread(11, raised, 30)


def _node(rng: random.Random) -> Iterator[Entry]:
    def record(level: int, message: str) -> str:
        request = f'"method":"{rng.choice(_METHODS)}","url":"{rng.choice(_PATHS)}"'
        head = f'{{"level":{level},"time":@epoch@,"pid":1,"hostname":"5c1f0e7d9a2b"'
        agent = f'"headers":{{"user-agent":"{rng.choice(_AGENTS)}"}}'
        return f'{head},"req":{{"id":@n@,{request},{agent}}},"msg":"{message}"}}'

    yield from _spread(985, lambda: _one("stdout", record(30, "request completed")))
    yield from _spread(8, lambda: _one("stdout", record(40, "slow answer"), warning=True), 20)
    yield from _spread(7, lambda: _one("stdout", record(50, "read ECONNRESET"), error=True), 20)


def _postgres(rng: random.Random) -> Iterator[Entry]:
    def record(text: str) -> str:
        return f"@iso@.@ms@ UTC [{rng.randrange(30, 9999)}] {text}"

    def slow() -> Entry:
        took = f"duration: {rng.random() * 900:.3f} ms"
        query = "execute <unnamed>: SELECT id, state FROM carts WHERE id = @n@"
        return _one("stderr", record(f"LOG:  {took}  {query}"))

    def refused() -> Entry:
        what = 'ERROR:  duplicate key value violates unique constraint "customers_mail_key"'
        # Goes on with the record before it, under a head of its own.
        more = "STATEMENT:  INSERT INTO customers (mail) VALUES ($1)"
        return Entry(0.0, (("stderr", record(what)), ("stderr", record(more))), errors=1)

    yield from _spread(700, slow)
    yield from _spread(270, lambda: _one("stderr", record("LOG:  checkpoint starting: time")), 9)
    yield from _spread(20, refused, 30)


def _redis(rng: random.Random) -> Iterator[Entry]:
    head = "1:M @words@.@ms@"
    texts = (
        "Background saving started by pid @n@",
        "DB saved on disk",
        "10 changes in 300 seconds",
    )
    yield from _spread(995, lambda: _one("stdout", f"{head} * {rng.choice(texts)}"), 30)
    late = "Asynchronous AOF fsync is taking too long (disk is busy?)."
    yield Entry(5.0, (("stdout", f"{head} # {late}"),), warnings=1)


_ROLES: dict[str, Callable[[random.Random], Iterator[Entry]]] = {
    "api": _api,
    "nginx": _nginx,
    "celery": _celery,
    "node": _node,
    "postgres": _postgres,
    "redis": _redis,
}


# Writing them


def generate(folder: Path, mib: float, *, seed: int = 1, envelope: str = "docker") -> Truth:
    """Write the logs of all containers into *folder* and return what is in them.

    *mib* is the size of the Docker files; another *envelope* (one of `FORMATS`) holds the same
    events. The same arguments give the same text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth = Truth()
    pools = {
        role: _Pool(list(make(random.Random(f"{seed} {role}"))), envelope)
        for role, make in _ROLES.items()
    }
    total = sum(weight for _, _, weight in CONTAINERS)
    for name, role, weight in CONTAINERS:
        rng = random.Random(f"{seed} {name}")
        with _create(folder, name, envelope) as file:
            drawn, written = _write(file, pools[role], mib * 2**20 * weight / total, rng)
        truth.bytes += written
        for entry, times in drawn:
            _add(truth, entry, times)
    return truth


def _create(folder: Path, name: str, envelope: str) -> IO[bytes] | gzip.GzipFile:
    match envelope:
        case "cri":
            container = hashlib.sha256(name.encode()).hexdigest()
            path = folder / f"{name}_shop_{name.rstrip('-0123456789')}-{container}.log"
        case "plain":
            path = folder / f"{name}.log"
        case "gz":
            path = folder / f"{name}-json.log.gz"
            return gzip.open(path, "wb", compresslevel=6)
        case _:
            path = folder / f"{name}-json.log"
    return path.open("wb")


def _add(truth: Truth, entry: Entry, times: int) -> None:
    counts = truth.counts
    counts.lines += times * len(entry.lines)
    counts.events += times * entry.events
    counts.errors += times * entry.errors
    counts.warnings += times * entry.warnings
    for status in entry.statuses:
        counts.statuses[status] += times
    truth.json_lines += times * entry.json_lines
    truth.traceback_lines += times * entry.traceback_lines


def _template(stream: str, text: str, envelope: str) -> Callable[..., str]:
    """Return what fills in a line; everything that is always the same is made once, here."""
    match envelope:
        case "cri":
            line = f"@time@ {stream} F {text}\n"
        case "plain":
            line = f"@time@ {text}\n"
        case _:
            quoted = json.dumps(f"{text}\n", ensure_ascii=False)
            for mark in "<>&":  # Docker's encoder escapes what HTML would read
                quoted = quoted.replace(mark, f"\\u{ord(mark):04x}")
            line = f'{{"log":{quoted},"stream":"{stream}","time":"@time@"}}\n'
    line = line.replace("{", "{{").replace("}", "}}")
    for mark, value in _MARKS.items():
        line = line.replace(mark, value)
    return line.format


def _templates(entry: Entry, envelope: str) -> tuple[Callable[..., str], ...]:
    lines: Sequence[tuple[str, str]] = entry.lines
    if envelope == "plain":
        lines = sorted(lines, key=lambda line: line[0] == "stdout" and len(lines) > 1)
    return tuple(_template(stream, text, envelope) for stream, text in lines)


class _Pool:
    """The entries of a role, ready to be drawn and filled in."""

    def __init__(self, entries: Sequence[Entry], envelope: str) -> None:
        self.entries = entries
        self.templates = [_templates(entry, envelope) for entry in entries]
        self.usual = list(accumulate(entry.weight for entry in entries))
        self.incident = list(
            accumulate(
                entry.weight if entry.incident_weight is None else entry.incident_weight
                for entry in entries
            )
        )
        # `docker logs -t` writes nine digits of a second, the files' times are trimmed.
        self.trims_times = envelope != "plain"

    def average_bytes(self) -> float:
        """Bytes of an average entry in Docker's files, whatever the envelope."""
        sizes = (
            entry.weight * (len(text.encode()) + _DOCKER_BYTES)
            for entry in self.entries
            for _, text in entry.lines
        )
        return sum(sizes) / self.usual[-1]


# What Docker's envelope, escapes and filled-in marks add to a line: measured.
_DOCKER_BYTES = 88


def _write(
    file: IO[bytes] | gzip.GzipFile, pool: _Pool, size: float, rng: random.Random
) -> tuple[list[tuple[Entry, int]], int]:
    """Draw entries for about *size* bytes; return how often each was drawn, and the bytes."""
    count = max(int(size / pool.average_bytes()), 1)
    step = (_SPAN - 2 * _SECOND) // count
    drawn: Counter[int] = Counter()
    written = 0
    for first in range(0, count, _CHUNK):
        start = first * step
        weights = pool.incident if _INCIDENT[0] <= start < _INCIDENT[1] else pool.usual
        number = min(_CHUNK, count - first)
        chosen = rng.choices(range(len(pool.entries)), cum_weights=weights, k=number)
        drawn.update(chosen)
        data = _fill(pool, chosen, start, step, rng).encode()
        file.write(data)
        written += len(data)
    return [(pool.entries[index], times) for index, times in drawn.items()], written


_DAY_NAMES = [
    _Day(f"{day:%Y-%m-%d}", f"{day:%Y/%m/%d}", f"{day:%d %b %Y}", f"{day:%d/%b/%Y}")
    for day in (_FIRST_DAY + timedelta(days=number) for number in range(_DAYS))
]
_CLOCK = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)]
_EPOCH_MS = int(_FIRST_DAY.timestamp()) * 1000


def _fill(pool: _Pool, chosen: Sequence[int], start: int, step: int, rng: random.Random) -> str:
    """Write out one chunk: the loop that every line passes, so it is long and looks up little."""
    out: list[str] = []
    append, uniform = out.append, rng.random
    templates, trims = pool.templates, pool.trims_times
    # Times never go back: an entry is over (a thousand lines at most) before the next one begins.
    room = max(step - 1000 * _LINE_GAP, 1)
    for position, index in enumerate(chosen):
        draw = uniform()
        moment = start + position * step + int(draw * room)
        number = 100_000 + int(draw * 1e9) % 900_000
        for fill in templates[index]:
            second, nano = divmod(moment, _SECOND)
            days, within = divmod(second, 86_400)
            day, clock = _DAY_NAMES[days], _CLOCK[within]
            stamp = f"{day.iso}T{clock}.{nano:09d}"
            if trims:
                stamp = stamp.rstrip("0").rstrip(".")
            ms = moment // 1_000_000
            append(fill(number, stamp + "Z", day, clock, ms % 1000, _EPOCH_MS + ms))
            moment += _LINE_GAP
    return "".join(out)


# Running and comparing


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process cost: CPU is user and system time, memory the highest resident size."""

    status: int
    cpu_seconds: float
    wall_seconds: float
    rss_mib: float


def run(logs: Path, out: Path, *, ingest_only: bool) -> Cost:
    """Run the program on *logs* as a process of its own and return what all of it cost."""
    command = [sys.executable, "-m", "pipeline", "ingest" if ingest_only else "run", str(logs)]
    command += ["-o", str(out), "-q"]
    if not ingest_only:
        command += ["--baseline", "144h"]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    # Unlike getrusage(RUSAGE_CHILDREN), this tells the memory of this one child.
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss: bytes there, KiB elsewhere
    return Cost(process.returncode, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit)


def count(ledger: "pl.DataFrame", rollup: "pl.DataFrame") -> Counts:
    """Return what the tables `ledger` and `rollup` of a run say."""
    import polars as pl

    status = pl.col("http_response_status_code")
    severity = pl.col("severity_number")
    other = rollup.filter(status.is_null())
    by_status = (
        rollup.filter(status.is_not_null()).group_by(status).agg(pl.col("event_count").sum())
    )
    return Counts(
        lines=int(ledger["line_count"].sum()),
        events=int(ledger["event_count"].sum()),
        errors=int(other.filter(severity >= 17)["event_count"].sum()),
        warnings=int(other.filter(severity.is_between(13, 16))["event_count"].sum()),
        statuses=Counter(dict(by_status.rows())),
    )


def differences(truth: Counts, found: Counts) -> list[str]:
    """Return a line for every count that is not the truth's."""
    told = [
        (name, getattr(truth, name), getattr(found, name))
        for name in ("lines", "events", "errors", "warnings")
    ]
    told += [
        (f"access lines of status {status}", truth.statuses[status], found.statuses[status])
        for status in sorted(truth.statuses | found.statuses)
    ]
    return [f"{what}: {is_:,} written, {got:,} found" for what, is_, got in told if is_ != got]


def _compare(out: Path, truth: Truth, cost: Cost) -> list[str]:
    if cost.status not in (0, 1):  # 1: a regression, as there should be one
        return [f"the run ended with status {cost.status}"]
    import polars as pl

    tables = (pl.read_parquet(out / f"{name}.parquet") for name in ("ledger", "rollup"))
    return differences(truth.counts, count(*tables))


def _describe(truth: Truth) -> str:
    counts = truth.counts
    lines, events = counts.lines / 100, counts.events / 100
    return (
        f"{counts.lines:,} lines, {counts.events:,} events; of the lines "
        f"{counts.statuses.total() / lines:.1f} % access, {truth.json_lines / lines:.1f} % JSON, "
        f"{truth.traceback_lines / lines:.1f} % traceback; of the events "
        f"{counts.errors / events:.2f} % errors, {counts.warnings / events:.2f} % warnings"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate, run and compare; print a table and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mib", type=float, default=200, help="size as Docker files [200]")
    parser.add_argument("--formats", default="docker", help=f"of {','.join(FORMATS)} [docker]")
    parser.add_argument("--ingest-only", action="store_true", help="only read, no comparison")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave logs and results in DIR")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    formats = options.formats.split(",")
    if unknown := [name for name in formats if name not in FORMATS]:
        parser.error(f"--formats: {unknown[0]!r} is none of {', '.join(FORMATS)}")
    folder = options.keep or Path(tempfile.mkdtemp(prefix="aftershock-"))
    try:
        return _benchmark(folder, formats, options)
    finally:
        if options.keep is None:
            shutil.rmtree(folder)


def _benchmark(folder: Path, formats: Sequence[str], options: argparse.Namespace) -> int:
    rows = []
    for name in formats:
        begin = time.perf_counter()
        truth = generate(folder / name / "logs", options.mib, seed=options.seed, envelope=name)
        seconds = time.perf_counter() - begin
        mib = truth.bytes / 2**20
        print(f"{name}: {mib:,.1f} MiB written in {seconds:.1f} s; {_describe(truth)}", flush=True)
        out = folder / name / "out"
        rows.append(
            (name, out, truth, run(folder / name / "logs", out, ingest_only=options.ingest_only))
        )
    print("\n| format | MiB | CPU s | wall s | peak RSS MiB | CPU s per GiB | counts |")
    print("| --- |" + " ---: |" * 5 + " --- |")
    wrong = []
    # Only now, since a child's peak memory is never below what its parent had when it was started.
    for name, out, truth, cost in rows:
        found = _compare(out, truth, cost)
        wrong += [f"{name}: {text}" for text in found]
        per_gib = cost.cpu_seconds / truth.bytes * 2**30
        print(
            f"| {name} | {truth.bytes / 2**20:,.1f} | {cost.cpu_seconds:.2f} "
            f"| {cost.wall_seconds:.2f} | {cost.rss_mib:.0f} | {per_gib:.1f} "
            f"| {'differ' if found else 'equal'} |"
        )
    print(
        f"\nGoal, docker: at most {GOAL_CPU_SECONDS_PER_GIB:.0f} CPU s per GiB and "
        f"{GOAL_RSS_MIB:.0f} MiB at 1 GiB. Size is that of the text, also for gz."
    )
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
