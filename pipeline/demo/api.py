"""The API and the worker that calls it: requests, the incident's chain, their background errors."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.demo import traces
from pipeline.demo.clock import END, MICROS, SPLIT, WINDOWS, Span, comma_millis, sample
from pipeline.demo.events import Event, address, background, once, repeat, token
from pipeline.demo.story import (
    BROKEN,
    CALENDAR,
    DEPLOY,
    EDGE_LAGS,
    ENDPOINTS,
    LAGS,
    LAST,
    NEW_CLASSES,
    ONSET,
    QUIET,
    ROLL_BACK,
    Endpoint,
)

_PHRASES = {
    200: "OK", 201: "Created", 204: "No Content", 401: "Unauthorized", 404: "Not Found",
    422: "Unprocessable Entity", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
# The share of answers below 500 that refuse the request.
_REFUSED_SHARE = 0.012
_SERVICES = {
    "/api/v1/calendar/sync/auto": "calendar",
    "/api/v1/oauth/services": "calendar",
    "/api/v1/oauth/authorize/calendar": "calendar",
    "/api/v1/drive/files": "drive",
    "/api/v1/gmail/send": "gmail",
}


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One failed request: when each step happened, None for steps that it did not come to."""

    request_id: str
    endpoint: Endpoint
    request: int
    enum_binding: int
    http_500: int
    asgi_message: int | None
    timeout: int | None


def plan_chain(rng: random.Random) -> list[ChainLink]:
    """Draw the failed requests of the incident, in time order; the first and the last are whole."""
    count = NEW_CLASSES["enum_binding"]
    inner = (ONSET + 2 * MICROS, LAST - 2 * MICROS)
    times = [ONSET, *sample(rng, count - 2, [inner]), LAST]
    endpoints = _shuffled_endpoints(rng)
    calendar = [n for n in range(1, count - 1) if endpoints[n] is CALENDAR]
    timed_out = {0, count - 1, *rng.sample(calendar, NEW_CLASSES["timeout"] - 2)}
    others = [n for n in range(count) if n not in timed_out]
    broken = timed_out.union(rng.sample(others, NEW_CLASSES["asgi_message"] - len(timed_out)))
    links = []
    for number, (micros, endpoint) in enumerate(zip(times, endpoints, strict=True)):
        is_edge = number in (0, count - 1)
        lags = EDGE_LAGS if is_edge else [rng.randint(*span) for span in LAGS.values()]
        to_enum, to_status, to_asgi, to_timeout = (lag * 1000 for lag in lags)
        status = micros + to_status
        asgi = status + to_asgi if number in broken else None
        late = asgi + to_timeout if asgi is not None and number in timed_out else None
        links.append(ChainLink(token(rng), endpoint, micros - to_enum, micros, status, asgi, late))
    return links


def _shuffled_endpoints(rng: random.Random) -> list[Endpoint]:
    deck = [endpoint for endpoint in BROKEN for _ in range(endpoint.broken_count)]
    deck.remove(CALENDAR)
    deck.remove(CALENDAR)
    rng.shuffle(deck)
    return [CALENDAR, *deck, CALENDAR]


def api(rng: random.Random, chain: list[ChainLink]) -> Iterator[Event]:
    """Yield what the API writes: access lines on stdout, the rest on stderr."""
    for start in (2 * MICROS, DEPLOY, ROLL_BACK):
        yield from _start(start)
    for endpoint in ENDPOINTS:
        yield from _requests(rng, endpoint)
    for link in chain:
        yield from _failed_request(rng, link)
    yield from background(rng, "validation", lambda micros: _validation(rng, micros))
    yield from repeat(rng, 260, lambda micros: _slow(rng, micros), "stderr")


def _start(micros: int) -> Iterator[Event]:
    """Yield the lines of a start whose server process begins exactly at *micros*."""
    if micros in (DEPLOY, ROLL_BACK):
        stop = ["INFO:     Shutting down", "INFO:     Finished server process [1]"]
        yield from once(micros - 2 * MICROS, stop)
    lines = ["INFO  [alembic.runtime.migration] Context impl PostgresqlImpl."]
    if micros == DEPLOY:
        lines.append(
            "INFO  [alembic.runtime.migration] Running upgrade 4a8b9c2d1e3f -> d4e5f6a7b8c9, "
            "add the knowledge graph of the memory service"
        )
    lines += [
        "INFO:     Started server process [1]",
        "INFO:     Waiting for application startup.",
        "INFO:     Application startup complete.",
        "INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)",
    ]
    yield from once(micros - 10_000 * lines.index("INFO:     Started server process [1]"), lines)


def _access(
    rng: random.Random, micros: int, endpoint: Endpoint, status: int, request_id: str
) -> Event:
    path = endpoint.route
    if "{id}" in path:
        path = path.replace("{id}", str(rng.randrange(1000, 90_000)))
    client = "127.0.0.1" if endpoint.period_seconds else address(rng)
    return Event(
        micros,
        "stdout",
        f'INFO:     {client}:{rng.randrange(32768, 61000)} - "{endpoint.method} {path} HTTP/1.1" '
        f"{status} {_PHRASES[status]} request_id={request_id}",
    )


def _requests(rng: random.Random, endpoint: Endpoint) -> Iterator[Event]:
    """Yield the access lines of one endpoint, without those of the incident's failed requests."""
    if endpoint.period_seconds:
        step = endpoint.period_seconds * MICROS
        for micros in range(1_400_000 + step // 7, 2 * SPLIT, step):
            yield _access(rng, micros, endpoint, 200, token(rng))
        return
    plans: list[tuple[int, int, tuple[Span, ...]]] = [
        (endpoint.baseline_requests, endpoint.baseline_failures, (WINDOWS["baseline"],)),
        (
            endpoint.candidate_requests - endpoint.broken_count,
            endpoint.candidate_failures - endpoint.broken_count,
            QUIET if endpoint.broken_count else (WINDOWS["candidate"],),
        ),
    ]
    good = {"POST": 201, "DELETE": 204}.get(endpoint.method, 200)
    for count, failures, spans in plans:
        failed = set(rng.sample(range(count), failures))
        for number, micros in enumerate(sample(rng, count, spans)):
            if number in failed:
                status = 500 if number % 3 else 503
            elif rng.random() < _REFUSED_SHARE:
                status = (401, 404, 422)[number % 3]
            else:
                status = good
            request_id = token(rng)
            if endpoint.broken_count:
                yield _wanted(max(micros - 80_000, spans[0][0]), endpoint, request_id)
            yield _access(rng, micros, endpoint, status, request_id)


def _wanted(micros: int, endpoint: Endpoint, request_id: str) -> Event:
    return Event(
        micros,
        "stderr",
        f"{comma_millis(micros)} - app.api.google - INFO - "
        f"{_SERVICES[endpoint.route]} token wanted request_id={request_id}",
    )


def _failed_request(rng: random.Random, link: ChainLink) -> Iterator[Event]:
    tag = f"request_id={link.request_id}"
    service = _SERVICES[link.endpoint.route]
    trace = traces.enum_binding(rng.randrange(1, 400), service)
    yield _wanted(link.request, link.endpoint, link.request_id)
    yield Event(
        link.enum_binding,
        "stderr",
        f"{comma_millis(link.enum_binding)} - app.api.google - ERROR - "
        f"could not read the {service} token {tag}\n{trace}",
        "enum_binding",
    )
    yield _access(rng, link.http_500, link.endpoint, 500, link.request_id)
    if link.asgi_message is not None:
        yield Event(
            link.asgi_message,
            "stderr",
            f"ERROR:    Exception in ASGI application {tag}\n{traces.ASGI_MESSAGE}",
            "asgi_message",
        )


def _validation(rng: random.Random, micros: int) -> str:
    field = rng.choice(("title", "language", "collection"))
    trace = traces.validation(rng.randrange(1, 400), field)
    return (
        f"{comma_millis(micros)} - app.api.documents - ERROR - request body refused "
        f"request_id={token(rng)}\n{trace}"
    )


def _slow(rng: random.Random, micros: int) -> str:
    return (
        f"{comma_millis(micros)} - app.api.timing - WARNING - slow request: "
        f"{rng.randrange(2000, 9000)} ms request_id={token(rng)}"
    )


def worker(rng: random.Random, chain: list[ChainLink]) -> Iterator[Event]:
    """Yield what the Celery worker writes, all of it on stderr."""
    yield from once(
        3 * MICROS,
        [f"[{comma_millis(3 * MICROS)}: INFO/MainProcess] celery@worker ready."],
    )
    for span in WINDOWS.values():
        for micros in sample(rng, 4800, [span]):
            yield from _task(rng, micros)
    yield from background(rng, "retries_exhausted", lambda micros: _exhausted(rng, micros))
    for link in chain:
        if link.timeout is not None:
            yield Event(
                link.timeout,
                "stderr",
                f"[{comma_millis(link.timeout)}: ERROR/ForkPoolWorker-{rng.randrange(1, 5)}] "
                f"calendar sync had no answer in time request_id={link.request_id}\n"
                f"{traces.TIMEOUT}",
                "timeout",
            )


def _task(rng: random.Random, micros: int) -> Iterator[Event]:
    name = f"app.tasks.{rng.choice(('reindex', 'summarise', 'notify'))}[{token(rng)}]"
    child = rng.randrange(1, 5)
    seconds = rng.randrange(40, 900) / 1000
    done = micros + round(seconds * MICROS)
    yield Event(
        micros, "stderr", f"[{comma_millis(micros)}: INFO/MainProcess] Task {name} received"
    )
    if done < END:
        yield Event(
            done,
            "stderr",
            f"[{comma_millis(done)}: INFO/ForkPoolWorker-{child}] "
            f"Task {name} succeeded in {seconds}s: None",
        )


def _exhausted(rng: random.Random, micros: int) -> str:
    task = token(rng)
    what = f"Can't retry app.tasks.reindex[{task}] args:({rng.randrange(9000)},) kwargs:{{}}"
    return (
        f"[{comma_millis(micros)}: ERROR/ForkPoolWorker-{rng.randrange(1, 5)}] "
        f'Task app.tasks.reindex[{task}] raised unexpected: MaxRetriesExceededError("{what}")\n'
        f"{traces.RETRIES}celery.exceptions.MaxRetriesExceededError: {what}"
    )
