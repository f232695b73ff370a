"""The rest of the stack: ordinary lines and background errors, as each program spells them."""

import json
import random
from collections.abc import Callable, Iterator

from pipeline.demo import traces
from pipeline.demo.clock import (
    comma_millis,
    common_log,
    day_month,
    dot_millis,
    iso_millis,
    iso_seconds,
    moment,
    slashes,
)
from pipeline.demo.events import Event, address, background, every, once, repeat, token

Writer = Callable[[random.Random], Iterator[Event]]


def nginx(rng: random.Random) -> Iterator[Event]:
    """Static files in the combined format with the request's id; the API logs its own requests."""
    pages = ("/", "/assets/app.js", "/assets/app.css", "/assets/logo.svg", "/favicon.ico")
    agents = ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Macintosh)", "Mozilla/5.0 (iPhone)")
    connection = iter(range(10, 1_000_000))

    def access(micros: int) -> str:
        status = "304" if rng.random() < 0.3 else "404" if rng.random() < 0.01 else "200"
        return (
            f'{address(rng)} - - [{common_log(micros)}] "GET {rng.choice(pages)} HTTP/1.1" '
            f'{status} {rng.randrange(200, 90_000)} "-" "{rng.choice(agents)}" '
            f"request_id={token(rng)}"
        )

    def problem(micros: int, level: str, text: str) -> str:
        return (
            f"{slashes(micros)} [{level}] 29#29: *{next(connection)} {text}, "
            f"client: {address(rng)}, "
            'server: app.example, request: "GET /chat/stream HTTP/1.1", '
            'upstream: "http://172.18.0.9:8080/chat/stream", host: "app.example"'
        )

    yield from repeat(rng, 7500, access)
    yield from every(30, lambda micros: _probe(micros, "GET /nginx-health"))
    closed = "upstream prematurely closed connection while reading response header from upstream"
    yield from background(rng, "upstream_closed", lambda micros: problem(micros, "error", closed))
    buffered = "an upstream response is buffered to a temporary file"
    yield from repeat(rng, 180, lambda micros: problem(micros, "warn", buffered), "stderr")


def _probe(micros: int, request: str) -> str:
    return f'127.0.0.1 - - [{common_log(micros)}] "{request} HTTP/1.1" 200 2 "-" "curl/8.5.0"'


def postgres(rng: random.Random) -> Iterator[Event]:
    """Refused statements of the importer's role, and checkpoints.

    The API's own role has `log_min_messages` at fatal, so its errors stand in its own log only.
    """

    def line(micros: int, pid: int, text: str) -> str:
        return f"{dot_millis(micros)} UTC [{pid}] {text}"

    def refused(micros: int, message: str, detail: str, statement: str) -> str:
        pid = rng.randrange(200, 30_000)
        parts = (f"ERROR:  {message}", f"DETAIL:  {detail}", f"STATEMENT:  {statement}")
        return "\n".join(line(micros, pid, part) for part in parts)

    def duplicate(micros: int) -> str:
        return refused(
            micros,
            'duplicate key value violates unique constraint "documents_checksum_key"',
            f"Key (checksum)=({token(rng)}) already exists.",
            "INSERT INTO documents (checksum, title) VALUES ($1, $2)",
        )

    def orphan(micros: int) -> str:
        return refused(
            micros,
            'insert or update on table "chunks" violates foreign key constraint '
            '"chunks_document_id_fkey"',
            f'Key (document_id)=({rng.randrange(90_000)}) is not present in table "documents".',
            "INSERT INTO chunks (document_id, position, text) VALUES ($1, $2, $3)",
        )

    yield from once(
        1_000_000,
        [line(1_000_000, 1, "LOG:  database system is ready to accept connections")],
    )
    yield from every(
        300, lambda micros: line(micros, 27, "LOG:  checkpoint starting: time"), "stderr"
    )
    yield from every(
        300,
        lambda micros: line(
            micros, 27, f"LOG:  checkpoint complete: wrote {rng.randrange(20, 900)} buffers"
        ),
        "stderr",
        after=4_250_000,
    )
    yield from background(rng, "duplicate_key", duplicate)
    yield from background(rng, "foreign_key", orphan)
    yield from repeat(
        rng,
        60,
        lambda micros: line(micros, 312, "WARNING:  there is already a transaction in progress"),
        "stderr",
    )


def redis(rng: random.Random) -> Iterator[Event]:
    """Background saves, and now and then a warning."""

    def line(micros: int, mark: str, text: str) -> str:
        return f"1:M {day_month(micros)} {mark} {text}"

    yield from once(1_000_000, [line(1_000_000, "*", "Ready to accept connections tcp")], "stdout")
    yield from every(
        300,
        lambda micros: line(
            micros, "*", f"{rng.randrange(100, 999)} changes in 300 seconds. Saving..."
        ),
    )
    yield from every(
        300,
        lambda micros: line(micros, "*", "Background saving terminated with success"),
        after=450_000,
    )
    yield from repeat(
        rng, 24, lambda micros: line(micros, "#", "Connection with replica client lost.")
    )


def auth(rng: random.Random) -> Iterator[Event]:
    """The login service, with Loguru's layout."""

    def line(micros: int, level: str, place: str, text: str) -> str:
        return f"{dot_millis(micros)} | {level:<8} | {place} - {text} request_id={token(rng)}"

    yield from repeat(
        rng,
        4600,
        lambda micros: line(
            micros, "INFO", "auth.login:login:48", f"user {rng.randrange(1, 400)} in"
        ),
        "stderr",
    )
    yield from background(
        rng,
        "token_expired",
        lambda micros: line(
            micros,
            "ERROR",
            "auth.tokens:verify:71",
            f"token of user {rng.randrange(1, 400)} refused: ExpiredSignatureError: "
            "Signature has expired",
        ),
    )
    yield from background(
        rng,
        "redis_reset",
        lambda micros: line(
            micros,
            "ERROR",
            "auth.sessions:load:33",
            "session store: Error 104 while reading from redis:6379. Connection reset by peer",
        ),
    )
    yield from repeat(
        rng,
        140,
        lambda micros: line(micros, "WARNING", "auth.login:login:52", "wrong password"),
        "stderr",
    )


def ollama(rng: random.Random) -> Iterator[Event]:
    """The language model's server: slog text."""

    def line(micros: int, level: str, source: str, text: str) -> str:
        return f"time={iso_millis(micros)} level={level} source={source} {text}"

    yield from repeat(
        rng,
        1500,
        lambda micros: line(
            micros,
            "INFO",
            "server.go:622",
            f'msg="llama runner started in {rng.randrange(1, 9)}.{rng.randrange(100):02d} seconds"',
        ),
        "stderr",
    )
    yield from every(
        60,
        lambda micros: line(micros, "INFO", "sched.go:714", 'msg="runners alive" count=2'),
        "stderr",
    )
    yield from background(
        rng,
        "model_out_of_memory",
        lambda micros: line(
            micros,
            "ERROR",
            "sched.go:456",
            'msg="error loading llama server" error="llama runner process has terminated: '
            f'cudaMalloc failed: out of memory, {rng.randrange(2000, 9000)} MiB wanted"',
        ),
    )


def qdrant(rng: random.Random) -> Iterator[Event]:
    """The vector store: searches and probes."""

    def line(micros: int, text: str) -> str:
        return f"{moment(micros)}  INFO actix_web::middleware::logger: {text}"

    yield from repeat(
        rng,
        4200,
        lambda micros: line(
            micros,
            '172.18.0.7 "POST /collections/documents/points/search HTTP/1.1" 200 '
            f'{rng.randrange(300, 4000)} "-" "python-httpx" 0.{rng.randrange(1000, 9999)}',
        ),
    )
    yield from every(
        30,
        lambda micros: line(
            micros, '127.0.0.1 "GET /readyz HTTP/1.1" 200 21 "-" "curl/8.5.0" 0.0001'
        ),
    )


def scheduler(rng: random.Random) -> Iterator[Event]:
    """Celery beat: what is due, sent."""
    yield from every(
        60,
        lambda micros: (
            f"[{comma_millis(micros)}: INFO/MainProcess] Scheduler: Sending due task "
            "refresh-index (app.tasks.reindex)"
        ),
        "stderr",
    )


def mailer(rng: random.Random) -> Iterator[Event]:
    """A small Go program that sends mail."""

    def line(micros: int, level: str, text: str) -> str:
        return f"time={iso_millis(micros)} level={level} {text}"

    yield from repeat(
        rng,
        1400,
        lambda micros: line(micros, "INFO", f'msg="mail sent" id={token(rng)}'),
    )
    yield from background(
        rng,
        "mail_dns",
        lambda micros: line(
            micros,
            "ERROR",
            f'msg="mail not sent" id={token(rng)} error="dial tcp: lookup smtp.mail.example '
            'on 127.0.0.11:53: no such host"',
        ),
    )


def _go_kit(daily: int, caller: str, text: str, *, seconds: int = 60) -> Writer:
    """Return a writer for programs that log `ts=… caller=… level=… msg=…` and little else."""

    def lines(rng: random.Random) -> Iterator[Event]:
        def line(micros: int, message: str) -> str:
            return f"ts={iso_millis(micros)} caller={caller} level=info msg={message}"

        yield from repeat(
            rng,
            daily,
            lambda micros: line(micros, f'"{text}" duration={rng.randrange(2, 900)}ms'),
            "stderr",
        )
        yield from every(seconds, lambda micros: line(micros, '"alive"'), "stderr")

    return lines


prometheus = _go_kit(300, "head.go:844", "Head GC completed")
alertmanager = _go_kit(60, "nflog.go:533", "Running maintenance done", seconds=120)
cadvisor = _go_kit(200, "manager.go:1116", "Housekeeping took long", seconds=120)
node_exporter = _go_kit(40, "collector.go:173", "collector done", seconds=120)
postgres_exporter = _go_kit(40, "proc.go:267", "settings read", seconds=120)
_loki_queries = _go_kit(1800, "metrics.go:160", "query done")


def loki(rng: random.Random) -> Iterator[Event]:
    """The log store: queries, some of which fail."""
    yield from _loki_queries(rng)
    yield from background(
        rng,
        "index_query",
        lambda micros: (
            f"ts={iso_millis(micros)} caller=retry.go:95 level=error "
            f'msg="error processing request" try={rng.randrange(5)} '
            'err="rpc error: code = Unavailable desc = index gateway is not ready"'
        ),
    )


def grafana(rng: random.Random) -> Iterator[Event]:
    """Dashboards, asked for; a data source that is slow now and then."""

    def line(micros: int, level: str, text: str) -> str:
        return f"logger=tsdb t={iso_millis(micros)} level={level} msg={text}"

    yield from repeat(
        rng,
        1600,
        lambda micros: line(micros, "info", f'"query done" duration={rng.randrange(3, 700)}ms'),
    )
    yield from repeat(
        rng,
        48,
        lambda micros: line(micros, "warn", f'"slow data source" duration={rng.randrange(5, 30)}s'),
    )


def embedder(rng: random.Random) -> Iterator[Event]:
    """The embedding service: structlog's JSON."""

    def line(micros: int, level: str, event: str, **more: object) -> str:
        return json.dumps({**more, "event": event, "level": level, "timestamp": iso_millis(micros)})

    yield from repeat(
        rng, 3600, lambda micros: line(micros, "info", "batch encoded", size=rng.randrange(1, 64))
    )
    yield from background(
        rng,
        "embedding_failed",
        lambda micros: line(
            micros,
            "error",
            "batch refused",
            request_id=token(rng),
            exception=traces.EMBEDDING,
        ),
        "stdout",
    )


def chat(rng: random.Random) -> Iterator[Event]:
    """The chat service: structlog's console layout."""

    def line(micros: int, level: str, text: str) -> str:
        return f"{iso_millis(micros)} [{level:<9}] {text} request_id={token(rng)}"

    yield from repeat(
        rng, 4600, lambda micros: line(micros, "info", f"answered tokens={rng.randrange(20, 900)}")
    )
    yield from repeat(rng, 90, lambda micros: line(micros, "warning", "context cut"))


def backup(rng: random.Random) -> Iterator[Event]:
    """A script with a log file of its own."""
    yield from every(600, lambda micros: f"{iso_seconds(micros)} INFO segment archived")
    yield from background(
        rng,
        "backup_upload",
        lambda micros: (
            f"{iso_seconds(micros)} ERROR upload of segment "
            f"{rng.getrandbits(96):024X} failed: 503 Slow Down"
        ),
        "stdout",
    )


def webhook(rng: random.Random) -> Iterator[Event]:
    """A Node service: pino's JSON lines."""

    def line(micros: int, level: int, message: str, **more: object) -> str:
        head = {
            "level": level,
            "time": 1_754_654_400_000 + micros // 1000,
            "pid": 17,
            "hostname": "webhook",
        }
        return json.dumps(
            {**head, "reqId": token(rng), **more, "msg": message}, separators=(",", ":")
        )

    yield from repeat(rng, 2200, lambda micros: line(micros, 30, "delivered"))
    yield from background(
        rng,
        "delivery_refused",
        lambda micros: line(
            micros,
            50,
            "delivery failed",
            err={
                "type": "Error",
                "message": "connect ECONNREFUSED 10.0.9.14:443",
                "stack": "Error: connect ECONNREFUSED 10.0.9.14:443\n"
                "    at deliver (/srv/webhook/deliver.js:58:11)",
            },
        ),
        "stdout",
    )
    yield from repeat(rng, 70, lambda micros: line(micros, 40, "receiver is slow"))
