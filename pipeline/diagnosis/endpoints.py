"""Endpoints: requests, failures and durations before and after, and which class their failures go
with.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from pipeline.model import Endpoint, Latency
from pipeline.routes import http_route

Interval = Callable[[float, float, float, float], tuple[float | None, float | None, float | None]]
_MINIMUM_FAILURES = 3
# As `ingest.latencies` counts them: class n from 2 ** (n / 8) ms on.
_CLASSES_PER_DOUBLING = 8
# Above a quantile five of the drawn must lie, or one slow request is the figure.
_BEYOND = 5
_HALF, _MOST = 0.5, 0.95
# Texts hold endless paths: the most named are listed.
_MOST_UNLISTED = 100
ACCESS, MENTIONED = "access lines", "mentioned"
_Key = tuple[str, str, str]


def build_endpoints(
    totals: pl.DataFrame, correlated: pl.DataFrame, titles: Mapping[str, str], interval: Interval
) -> list[Endpoint]:
    """Return every endpoint that access lines name, affected ones first.

    *totals*: mart endpoint_totals; *correlated*: mart correlated_endpoints; *titles*: findings that
    may be named as dominant. *interval* gives (ratio, lower, upper) of (failures, requests) before
    and after. An endpoint is affected when it failed at least three times and the 95 % interval of
    its failure ratio lies above 1; one that had no request in the baseline is affected when it
    failed at all.
    """
    dominant: dict[tuple[str, str], str] = {}
    for row in correlated.sort("together_count", "finding_id", descending=[True, False]).iter_rows(
        named=True
    ):
        if row["finding_id"] in titles:
            key = (row["http_request_method"] or "", row["http_route"])
            dominant.setdefault(key, row["finding_id"])
    found = []
    for row in totals.iter_rows(named=True):
        before, after = row["baseline_request_count"], row["candidate_request_count"]
        failed_before, failed_after = row["baseline_failure_count"], row["candidate_failure_count"]
        ratio = lower = upper = None
        if before and after:
            ratio, lower, upper = interval(failed_before, before, failed_after, after)
        is_affected = failed_after >= _MINIMUM_FAILURES and (lower is None or lower > 1.0)
        method = row["http_request_method"]
        found.append(
            Endpoint(
                service_name=row["service_name"],
                http_request_method=method,
                http_route=row["http_route"],
                baseline_request_count=before,
                candidate_request_count=after,
                baseline_failure_count=failed_before,
                candidate_failure_count=failed_after,
                rate_ratio=ratio,
                rate_ratio_lower=lower,
                rate_ratio_upper=upper,
                dominant_finding_id=dominant.get((method, row["http_route"]))
                if is_affected
                else None,
                is_affected=is_affected,
                source=ACCESS,
            )
        )
    return sorted(found, key=_order)


def _order(endpoint: Endpoint) -> tuple[object, ...]:
    return (
        not endpoint.is_affected,
        -endpoint.candidate_failure_count,
        -endpoint.candidate_request_count,
        endpoint.service_name,
        endpoint.http_route,
        endpoint.http_request_method,
    )


def with_details(
    endpoints: Sequence[Endpoint],
    latencies: pl.DataFrame,
    unfinished: pl.DataFrame,
    mentions: pl.DataFrame,
) -> list[Endpoint]:
    """Return *endpoints* with their durations and requests that never ended, and after them those
    that no access line names.

    *latencies*, *unfinished*, *mentions*: marts endpoint_latencies, unfinished_requests and
    mentioned_endpoints. A path that only errors mention has no count of requests: how often it was
    asked for is not known.
    """
    known = _latencies(latencies)
    hanging = _by_route(unfinished, "unfinished_count")
    mentioned = _by_route(mentions, "mention_count")
    detailed = [
        replace(
            one,
            latency=known.get(_key(one)),
            unfinished_count=hanging.pop(_key(one), None),
        )
        for one in endpoints
    ]
    counted = {(one.http_request_method, one.http_route) for one in endpoints}
    others = {key for key in mentioned if key[1:] not in counted} | hanging.keys()
    rest = [_unlisted(key, mentioned.get(key, 0), hanging.get(key)) for key in others]
    return [*detailed, *sorted(rest, key=_most_named_first)[:_MOST_UNLISTED]]


def _key(endpoint: Endpoint) -> _Key:
    return endpoint.service_name, endpoint.http_request_method, endpoint.http_route


def _by_route(rows: pl.DataFrame, count: str) -> dict[_Key, int]:
    """Add up counts of paths by their route."""
    found: defaultdict[_Key, int] = defaultdict(int)
    routed = rows.with_columns(route=http_route(rows["url_path"]))
    for row in routed.iter_rows(named=True):
        found[row["service_name"], row["http_request_method"] or "", row["route"]] += row[count]
    return dict(found)


def _unlisted(key: _Key, mentions: int, unfinished: int | None) -> Endpoint:
    service, method, route = key
    return Endpoint(
        service_name=service,
        http_request_method=method,
        http_route=route,
        baseline_request_count=0,
        candidate_request_count=0,
        baseline_failure_count=0,
        candidate_failure_count=0,
        rate_ratio=None,
        rate_ratio_lower=None,
        rate_ratio_upper=None,
        dominant_finding_id=None,
        is_affected=False,
        source=MENTIONED,
        mention_count=mentions,
        unfinished_count=unfinished,
    )


def _most_named_first(endpoint: Endpoint) -> tuple[object, ...]:
    return (-(endpoint.unfinished_count or 0), -endpoint.mention_count, *_key(endpoint))


# ---- durations ----------------------------------------------------------------------------------


def _latencies(rows: pl.DataFrame) -> dict[_Key, Latency]:
    keys = ("service_name", "http_request_method", "http_route")
    found = {}
    for (service, method, route), part in rows.group_by(keys, maintain_order=True):
        part = part.sort("duration_class")
        before, after = (
            [_quantile(part, window, share) for share in (_HALF, _MOST)]
            for window in ("baseline", "candidate")
        )
        found[str(service), str(method), str(route)] = Latency(
            before[0],
            before[1],
            after[0],
            after[1],
            int(part["baseline_sample_count"].sum()),
            int(part["candidate_sample_count"].sum()),
        )
    return found


def _quantile(rows: pl.DataFrame, window: str, share: float) -> float | None:
    """Return the duration that *share* of the requests of *window* stay below: in the middle of its
    class, by ratio. None where too few were drawn.
    """
    samples = int(rows[f"{window}_sample_count"].sum())
    if samples * (1 - share) < _BEYOND:
        return None
    weights = rows[f"{window}_weight"].cum_sum()
    at = int((weights < share * weights[-1]).sum())
    middle = (int(rows["duration_class"][at]) + 0.5) / _CLASSES_PER_DOUBLING
    return float(f"{math.exp2(middle):.3g}")
