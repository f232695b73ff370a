"""Write the whole demo, and say exactly what was written."""

import json
import random
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from pipeline.demo import stack
from pipeline.demo.api import ChainLink, api, plan_chain, worker
from pipeline.demo.clock import WINDOWS, moment
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
    ROLL_BACK,
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

    The logs go to `folder/logs`, the truth to `folder/truth.json`; it is also returned. Counts of errors, of
    requests and of failures are the same for every *seed*; times, ids and who asked differ. The same
    seed gives the same bytes. Files of the same names are overwritten; nothing else is touched.
    Raises `OSError` when the folder cannot be written.
    """
    logs = folder / "logs"
    chain = plan_chain(random.Random(f"{seed}/chain"))
    events = {name: _events(seed, name, chain) for name in (*_DOCKER, *_COMPOSE, *_PODS)}
    rng = random.Random(f"{seed}/envelopes")
    written = [item for name in _DOCKER for item in write_docker(logs, name, events[name], rng)]
    written += write_compose(logs, {name: events[name] for name in _COMPOSE}, rng)
    written += [item for name in _PODS for item in write_pod(logs, name, events[name], rng)]
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
    errors = [(event, name) for name, listed in events.items() for event in listed if event.label]
    counts = {window: partial(_in, span) for window, span in WINDOWS.items()}
    classes = [
        _class(name, [e for e, _ in errors if e.label == name], chain) for name in NEW_CLASSES
    ]
    return {
        "seed": seed,
        "windows": {
            window: {
                "start": moment(span[0]),
                "end": moment(span[1]),
                "error_count": sum(counts[window](event) for event, _ in errors),
                "request_count": sum(_planned(window, "requests")),
                "failed_request_count": sum(_planned(window, "failures")),
            }
            for window, span in WINDOWS.items()
        },
        "classes": classes,
        "background": [
            {
                "name": plan.name,
                "service_name": plan.service_name,
                **{
                    f"{window}_count": sum(
                        counts[window](event) for event, _ in errors if event.label == plan.name
                    )
                    for window in WINDOWS
                },
                "follows_traffic": plan.is_traffic,
            }
            for plan in BACKGROUND
        ],
        "endpoints": [
            {
                "service_name": "api",
                "http_request_method": endpoint.method,
                "http_route": endpoint.route,
                "baseline_request_count": endpoint.baseline_requests,
                "candidate_request_count": endpoint.candidate_requests,
                "baseline_failure_count": endpoint.baseline_failures,
                "candidate_failure_count": endpoint.candidate_failures,
                "is_affected": endpoint.broken_count > 0,
            }
            for endpoint in ENDPOINTS
        ],
        "chain": {"order": list(_CHAIN), "edges": _edges(chain)},
        "changes": [
            {"timestamp": moment(DEPLOY), "service_name": "api", "kind": "restart"},
            {"timestamp": moment(ROLL_BACK), "service_name": "api", "kind": "restart"},
        ],
        "containers": sorted(events),
        "envelopes": sorted({item.envelope for item in written}),
        "line_count": sum(item.line_count for item in written),
        "event_count": sum(item.event_count for item in written),
        "files": as_rows(written),
    }


def _in(span: tuple[int, int], event: Event) -> bool:
    return span[0] <= event.micros < span[1]


def _planned(window: str, what: str) -> list[int]:
    return [getattr(endpoint, f"{window}_{what}") for endpoint in ENDPOINTS]


def _class(name: str, events: list[Event], chain: list[ChainLink]) -> Truth:
    times = [event.micros for event in events]
    lags = [
        (at - link.enum_binding) / 1e6 for link in chain if (at := getattr(link, name)) is not None
    ]
    return {
        "name": name,
        "service_name": "worker" if name == "timeout" else "api",
        "count": len(events),
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
