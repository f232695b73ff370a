"""Endpoints and services before and after."""

from collections import defaultdict
from collections.abc import Iterable

from pipeline.model import Endpoint, Latency
from pipeline.render.context.basis import Basis
from pipeline.render.figures import TIMES, UNKNOWN, count, interval, percent, ratio
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import EndpointView, MentionView, ServiceView


def endpoint_view(basis: Basis, one: Endpoint) -> EndpointView:
    """Return an endpoint before and after."""
    return EndpointView(
        name=Untrusted(f"{one.http_request_method} {one.http_route}".strip()),
        service=Untrusted(one.service_name),
        requests=f"{count(one.baseline_request_count)} → {count(one.candidate_request_count)}",
        failures=f"{count(one.baseline_failure_count)} → {count(one.candidate_failure_count)}",
        baseline_share=_share(one.baseline_failure_count, one.baseline_request_count),
        candidate_share=_share(one.candidate_failure_count, one.candidate_request_count),
        change=_change(one),
        interval=interval(one.rate_ratio_lower, one.rate_ratio_upper) if one.rate_ratio else "",
        dominant=basis.link(one.dominant_finding_id),
        keys=_keys(basis, one),
        half=_lengths(one.latency, "p50_ms"),
        most=_lengths(one.latency, "p95_ms"),
        unfinished=count(one.unfinished_count) if one.unfinished_count else "",
    )


def mention_view(one: Endpoint) -> MentionView:
    """Return an endpoint that only errors name."""
    return MentionView(
        name=Untrusted(f"{one.http_request_method} {one.http_route}".strip()),
        service=Untrusted(one.service_name),
        mentions=count(one.mention_count),
        unfinished="" if one.unfinished_count is None else count(one.unfinished_count),
    )


def _lengths(latency: Latency | None, which: str) -> str:
    """Return a quantile before and after, or that it is not known."""
    if latency is None:
        return UNKNOWN
    before, after = (getattr(latency, f"{window}_{which}") for window in ("baseline", "candidate"))
    if before is None and after is None:
        return UNKNOWN
    return f"{_length(before)} → {_length(after)}"


def _length(milliseconds: float | None) -> str:
    if milliseconds is None:
        return UNKNOWN
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"


def _change(one: Endpoint) -> str:
    """Return the ratio; where nothing failed before, only its lower end is known."""
    if one.rate_ratio is not None:
        return f"{TIMES} {ratio(one.rate_ratio)}"
    return f"at least {TIMES} {ratio(one.rate_ratio_lower)}" if one.rate_ratio_lower else UNKNOWN


def sources_of(endpoints: Iterable[Endpoint]) -> str:
    """Say which lines the requests are from."""
    return ", ".join(sorted({one.source for one in endpoints if one.source}))


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
