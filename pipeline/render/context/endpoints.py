"""Endpoints and services before and after."""

from collections import defaultdict

from pipeline.model import Endpoint
from pipeline.render.context.basis import Basis
from pipeline.render.figures import TIMES, UNKNOWN, count, interval, percent, ratio
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import EndpointView, ServiceView


def endpoint_view(basis: Basis, one: Endpoint) -> EndpointView:
    """Return an endpoint before and after."""
    return EndpointView(
        name=Untrusted(f"{one.http_request_method} {one.http_route}".strip()),
        service=Untrusted(one.service_name),
        requests=f"{count(one.baseline_request_count)} → {count(one.candidate_request_count)}",
        failures=f"{count(one.baseline_failure_count)} → {count(one.candidate_failure_count)}",
        baseline_share=_share(one.baseline_failure_count, one.baseline_request_count),
        candidate_share=_share(one.candidate_failure_count, one.candidate_request_count),
        change=UNKNOWN if one.rate_ratio is None else f"{TIMES} {ratio(one.rate_ratio)}",
        interval=interval(one.rate_ratio_lower, one.rate_ratio_upper),
        dominant=basis.link(one.dominant_finding_id),
        source=Untrusted(one.source),
        keys=_keys(basis, one),
    )


def service_views(basis: Basis) -> list[ServiceView]:
    """Return the services with their events of risen classes, most first."""
    before: defaultdict[str, int] = defaultdict(int)
    after: defaultdict[str, int] = defaultdict(int)
    for one in basis.regressions:
        for service in one.services:
            before[service.service_name] += service.baseline_count
            after[service.service_name] += service.candidate_count
    names = sorted(after, key=lambda name: (-after[name], name))[: basis.caps.endpoints]
    return [
        ServiceView(Untrusted(n), count(before[n]), count(after[n]), basis.service_keys[n])
        for n in names
    ]


def _keys(basis: Basis, one: Endpoint) -> str:
    dominant = basis.class_keys.get(one.dominant_finding_id or "", "")
    return f"{basis.service_keys[one.service_name]} {dominant}".strip()


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else UNKNOWN
