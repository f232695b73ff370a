"""Write the whole demo, and say exactly what was written."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median

from pipeline.demo import stack
from pipeline.demo.api import ChainLink, api, plan_chain, worker
from pipeline.demo.clock import HOUR, WINDOWS, iso_seconds, moment, spelt_later
from pipeline.demo.envelopes import (
    Written,
    as_rows,
    write_compose,
    write_docker,
    write_plain,
    write_pod,
)
from pipeline.demo.events import Event
from pipeline.demo.story import (
    BACKGROUND,
    DEPLOY,
    ENDPOINTS,
    LAGS,
    NEW_CLASSES,
    ONSET,
    ROLL_BACK,
    Background,
    Endpoint,
)

_DOCKER = ("api", "worker", "nginx", "postgres", "redis", "auth", "ollama", "qdrant")
_COMPOSE = (
    "scheduler", "mailer", "grafana", "prometheus", "loki", "alertmanager", "cadvisor",
    "node-exporter", "postgres-exporter",
)  # fmt: skip
_PODS = ("embedder", "chat")
_CHAIN = ("request", "enum_binding", "http_500", "asgi_message", "timeout")

Truth = dict[str, object]


def write_demo(folder: Path, *, seed: int = 20250810) -> Truth:
    """Write two days of logs of a 21-container stack below *folder*, and the truth about them.

    The logs go to `folder/logs`, the truth to `folder/truth.json`; it is also returned. Counts of
    errors, of requests and of failures are the same for every *seed*; times, ids and who asked
    differ. The same seed gives the same bytes. Files of the same names are overwritten; nothing
    else is touched.
    Raises `OSError` when the folder cannot be written.
    """
    logs = folder / "logs"
    chain = plan_chain(random.Random(f"{seed}/chain"))
    events = {name: _events(seed, name, chain) for name in (*_DOCKER, *_COMPOSE, *_PODS)}
    rng = random.Random(f"{seed}/envelopes")
    written = _write_all(logs, events, rng)
    for name, path, envelope in (
        ("backup", "backup.log", "plain text"),
        ("webhook", "webhook.jsonl", "json lines"),
    ):
        events[name] = _events(seed, name, chain)
        written += write_plain(logs, path, name, envelope, events[name])
    truth = _truth(seed, events, chain, written)
    text = json.dumps(truth, indent=2, ensure_ascii=False) + "\n"
    (folder / "truth.json").write_text(text, encoding="utf-8")
    return truth


# What was logged after the demo: how many days later, which stretch of it, how much of its traffic.
# The first day's afternoon again; the incident once more; and the afternoon with hardly a request.
LATER = {
    "recovered": (2, (0, 6 * HOUR), 1.0),
    "unrecovered": (1, (ONSET, ONSET + 4 * HOUR), 1.0),
    "quiet": (2, (0, 6 * HOUR), 0.005),
}
# The containers that log what people ask for: these fall silent with them.
_ASKED = frozenset(("api", "worker", "nginx", "chat", "auth", "embedder", "webhook"))


def write_later(folder: Path, state: str, *, seed: int = 20250810) -> None:
    """Write what the same stack logs after the demo's two days to `folder/logs`.

    *state* is one of `LATER`: recovered, unrecovered, or so quiet that neither can be told.
    Raises `OSError` when the folder cannot be written.
    """
    days, (start, end), share = LATER[state]
    logs = folder / "logs"
    with spelt_later(days):
        chain = plan_chain(random.Random(f"{seed}/chain"))
        rng = random.Random(f"{seed}/{state}")
        events = {
            name: [
                event
                for event in _events(seed, name, chain)
                if start <= event.micros < end and (name not in _ASKED or rng.random() < share)
            ]
            for name in (*_DOCKER, *_COMPOSE, *_PODS)
        }
        _write_all(logs, events, random.Random(f"{seed}/envelopes"))


def _write_all(logs: Path, events: Mapping[str, list[Event]], rng: random.Random) -> list[Written]:
    """Write all containers whose logs the platform keeps."""
    written = [item for name in _DOCKER for item in write_docker(logs, name, events[name], rng)]
    written += write_compose(logs, {name: events[name] for name in _COMPOSE}, rng)
    return written + [item for name in _PODS for item in write_pod(logs, name, events[name], rng)]


def _events(seed: int, name: str, chain: list[ChainLink]) -> list[Event]:
    rng = random.Random(f"{seed}/{name}")
    if name in ("api", "worker"):
        source: Iterator[Event] = {"api": api, "worker": worker}[name](rng, chain)
    else:
        source = getattr(stack, name.replace("-", "_"))(rng)
    return sorted(source, key=lambda event: event.micros)


def _truth(
    seed: int,
    events: Mapping[str, list[Event]],
    chain: list[ChainLink],
    written: list[Written],
) -> Truth:
    errors = [event for listed in events.values() for event in listed if event.label]
    baseline = WINDOWS["baseline"]
    return {
        "seed": seed,
        # What `analyze` is to be told: by itself it would take the last quarter as the candidate.
        "baseline_argument": f"{iso_seconds(baseline[0])}..{iso_seconds(baseline[1])}",
        "windows": {window: _window(window, errors) for window in WINDOWS},
        "classes": [_class(name, errors, chain) for name in NEW_CLASSES],
        "background": [_background(plan, errors) for plan in BACKGROUND],
        "endpoints": [_endpoint(endpoint) for endpoint in ENDPOINTS],
        "chain": {"order": list(_CHAIN), "edges": _edges(chain)},
        "changes": [
            {"timestamp": moment(micros), "service_name": "api", "kind": kind}
            for micros, kind in ((DEPLOY, "deploy"), (ROLL_BACK, "restart"))
        ],
        "containers": sorted(events),
        "envelopes": sorted({item.envelope for item in written}),
        "line_count": sum(item.line_count for item in written),
        "event_count": sum(item.event_count for item in written),
        "files": as_rows(written),
    }


def _count(window: str, events: Iterable[Event]) -> int:
    start, end = WINDOWS[window]
    return sum(start <= event.micros < end for event in events)


def _window(window: str, errors: list[Event]) -> Truth:
    start, end = WINDOWS[window]
    return {
        "start": moment(start),
        "end": moment(end),
        "error_count": _count(window, errors),
        "api_request_count": sum(getattr(item, f"{window}_requests") for item in ENDPOINTS),
        # The static files of nginx never fail.
        "failed_request_count": sum(getattr(item, f"{window}_failures") for item in ENDPOINTS),
    }


def _background(plan: Background, errors: list[Event]) -> Truth:
    events = [event for event in errors if event.label == plan.name]
    return {
        "name": plan.name,
        "service_name": plan.service_name,
        "baseline_count": _count("baseline", events),
        "candidate_count": _count("candidate", events),
        "follows_traffic": plan.is_traffic,
    }


def _endpoint(endpoint: Endpoint) -> Truth:
    return {
        "service_name": "api",
        "http_request_method": endpoint.method,
        "http_route": endpoint.route,
        "baseline_request_count": endpoint.baseline_requests,
        "candidate_request_count": endpoint.candidate_requests,
        "baseline_failure_count": endpoint.baseline_failures,
        "candidate_failure_count": endpoint.candidate_failures,
        "is_affected": endpoint.broken_count > 0,
    }


def _class(name: str, errors: list[Event], chain: list[ChainLink]) -> Truth:
    times = [event.micros for event in errors if event.label == name]
    lags = [
        (at - link.enum_binding) / 1e6 for link in chain if (at := getattr(link, name)) is not None
    ]
    return {
        "name": name,
        "service_name": "worker" if name == "timeout" else "api",
        "count": len(times),
        "first": moment(min(times)),
        "last": moment(max(times)),
        "median_seconds_after_enum_binding": round(median(lags), 6),
    }


def _edges(chain: list[ChainLink]) -> list[Truth]:
    edges = []
    for source, target in pairwise(_CHAIN):
        lags = [
            (after - before) / 1e6
            for link in chain
            if (after := getattr(link, target)) is not None
            and (before := getattr(link, source)) is not None
        ]
        least, most = LAGS[source, target]
        edges.append(
            {
                "from": source,
                "to": target,
                "together_count": len(lags),
                "median_lag_seconds": round(median(lags), 6),
                "least_lag_seconds": min(lags),
                "greatest_lag_seconds": max(lags),
                "planned_lag_seconds": [least / 1000, most / 1000],
            }
        )
    return edges
