"""Endpoints: requests and failures before and after, and which class their failures go with."""

from collections.abc import Callable, Mapping

import polars as pl

from pipeline.model import Endpoint

Interval = Callable[[float, float, float, float], tuple[float | None, float | None, float | None]]
_MINIMUM_FAILURES = 3


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
                source="access lines",
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
