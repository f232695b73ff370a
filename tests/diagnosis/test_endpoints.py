"""Which endpoints are affected, and which class their failures go with."""

import polars as pl
import pytest

from pipeline.diagnosis.endpoints import build_endpoints
from pipeline.model import Endpoint

CORRELATED = {
    "finding_id": pl.String,
    "http_request_method": pl.String,
    "http_route": pl.String,
    "together_count": pl.Int64,
}


def interval(
    failed_before: float, before: float, failed_after: float, after: float
) -> tuple[float | None, float | None, float | None]:
    """Stand in for the test's interval: a third of the ratio to three times of it."""
    if not failed_before:
        return None, 1.5, None
    ratio = failed_after / after / (failed_before / before)
    return ratio, ratio / 3, ratio * 3


def build(
    *rows: tuple[str, int, int, int, int], correlated: tuple[tuple[object, ...], ...] = ()
) -> list[Endpoint]:
    """Rows of (route, requests before, after, failures before, after)."""
    columns = [
        "http_route", "baseline_request_count", "candidate_request_count",
        "baseline_failure_count", "candidate_failure_count",
    ]  # fmt: skip
    totals = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        service_name=pl.lit("api"), http_request_method=pl.lit("GET")
    )
    ties = pl.DataFrame(list(correlated), schema=CORRELATED, orient="row")
    return build_endpoints(totals, ties, {"f1": "boom", "f2": "bang"}, interval)


@pytest.mark.parametrize(
    ("row", "is_affected"),
    [
        (("/a", 100, 100, 10, 40), True),
        (("/a", 100, 100, 10, 20), False),  # the interval holds 1
        (("/a", 100, 100, 0, 3), True),
        (("/a", 100, 100, 0, 2), False),  # two failures may be chance
        (("/a", 0, 100, 0, 3), True),  # no request before: nothing says that this is usual
        (("/a", 0, 100, 0, 0), False),
        (("/a", 100, 0, 50, 0), False),
    ],
)
def test_affected(row: tuple[str, int, int, int, int], is_affected: bool) -> None:
    (endpoint,) = build(row)

    assert endpoint.is_affected == is_affected


def test_without_requests_in_both_windows_there_is_no_ratio() -> None:
    (endpoint,) = build(("/a", 0, 100, 0, 3))

    assert (endpoint.rate_ratio, endpoint.rate_ratio_lower) == (None, None)


def test_affected_endpoints_come_first_then_those_with_most_failures() -> None:
    found = build(
        ("/calm", 100, 900, 0, 0), ("/noisy", 100, 100, 50, 60), ("/few", 100, 100, 1, 5),
        ("/many", 100, 100, 1, 50),
    )  # fmt: skip

    assert [one.http_route for one in found] == ["/many", "/few", "/noisy", "/calm"]


def test_the_class_that_most_failures_go_with_is_dominant() -> None:
    ties = (("f1", "GET", "/a", 3), ("f2", "GET", "/a", 9), ("f9", "GET", "/a", 99),
            ("f1", "POST", "/a", 50))  # fmt: skip

    (endpoint,) = build(("/a", 100, 100, 1, 50), correlated=ties)

    # f9 is no regression, and f1 goes with another endpoint.
    assert endpoint.dominant_finding_id == "f2"


def test_an_endpoint_that_is_not_affected_has_no_dominant_class() -> None:
    (endpoint,) = build(("/a", 100, 100, 1, 1), correlated=(("f1", "GET", "/a", 3),))

    assert endpoint.dominant_finding_id is None
