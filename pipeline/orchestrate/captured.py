"""What was captured beside the logs: read for a run, and collected on this host."""

from pathlib import Path

import polars as pl

from pipeline.captures import Collected, Planned, collect, plan, read_captures
from pipeline.ingest import parse_services
from pipeline.ingest.identity import (
    Rules,
    ruled_service,
    service_of_container,
    service_of_pod,
    service_of_word,
)
from pipeline.model import Settings
from pipeline.orchestrate.reading import Tell, redactor_of

_CLUSTER_ENDINGS = (".svc", ".svc.cluster.local")


def read_facts(settings: Settings, out: Path) -> dict[str, pl.DataFrame]:
    """Return the tables `facts` and `measures` of what *settings* name, empty without any.

    Raises `UsageError` for a path that does not exist.
    """
    redactor = None if settings.redact == "off" else redactor_of(settings)
    rules = parse_services(settings.services)
    facts, measures = read_captures(
        settings.facts, lambda kind, name: service_named(kind, name, rules), redactor, skip=[out]
    )
    return {"facts": facts, "measures": measures}


def service_named(kind: str, name: str, rules: Rules = ()) -> str:
    """Return the service that a captured name stands for, as that of a log's container would be.

    >>> service_named("container", "shop-api-1"), service_named("pod", "api-7d9f8b6c5d-x2x7k")
    ('shop-api', 'api')
    >>> service_named("host", "api.shop.svc.cluster.local"), service_named("host", "example.org")
    ('api', 'example.org')
    """
    if kind == "host":
        service = name
        if name.endswith(_CLUSTER_ENDINGS):
            service = name.partition(".")[0]
        elif "." not in name and ":" not in name:
            service = service_of_container(name)
    else:
        named = {
            "pod": service_of_pod,
            "container": service_of_container,
            "service": service_of_word,
        }
        service = named[kind](name)
    return ruled_service(rules, (name, service)) or service


def planned_commands() -> list[Planned]:
    """Return what `collect_facts` would run, in order."""
    return plan()


def collect_facts(folder: Path, *, tell: Tell = lambda _: None) -> Collected:
    """Run the read-only commands that this host has, and write their answers to *folder*.

    Raises `UsageError` when *folder* holds other files of the same names, `PipelineError` when it
    cannot be written.
    """
    return collect(folder, tell=tell)
