"""What a real stack wrote in a real incident (fixtures/live) is named and counted right."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.model import Finding, Result, Settings
from pipeline.orchestrate import analyze

LIVE = Path(__file__).parents[1] / "fixtures" / "live"
TRUTH: dict[str, Any] = json.loads((LIVE / "truth.json").read_text(encoding="utf-8"))
PHASES = TRUTH["phases"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    settings = Settings(
        baseline=(f"{PHASES['baseline_start']}..{PHASES['baseline_end']}",),
        since=PHASES["candidate_start"],
        until=PHASES["candidate_end"],
    )
    out = tmp_path_factory.mktemp("live")
    yield analyze([str(LIVE / "logs")], settings, out=out, documents=())


def counts(result: Result, error_class: str, service: str) -> list[tuple[int, int]]:
    """Return the counts in both windows of each finding of *error_class* in *service*."""
    return [
        (one.baseline_count, one.candidate_count)
        for finding in result.findings
        if finding.error_class == error_class and finding.kind == "error"
        for one in finding.services
        if one.service_name == service
    ]


def stage(finding: Finding) -> str:
    """Return what of the incident *finding* is, as `truth.json` calls it."""
    where = {one.service_name for one in finding.services}
    if finding.kind == "failed_request":
        return str(finding.error_class)
    if finding.error_class == "timeout" and where != {"worker"}:
        return "slow"
    return str(finding.error_class)


@pytest.mark.slow
def test_every_error_of_the_chain_has_its_class(result: Result) -> None:
    """50 requests failed: 8 of them say in one trace what the other 42 say in two events."""
    assert counts(result, "enum_binding", "postgres") == [(0, TRUTH["stages"]["enum_binding"])]
    names = ("enum_binding", "asgi_message")
    in_api = [count for name in names for count in counts(result, name, "api")]
    assert sorted(in_api) == [(0, 8), (0, 42), (0, 42)]
    assert counts(result, "timeout", "worker") == [(0, TRUTH["stages"]["timeout"])]


@pytest.mark.slow
def test_the_independent_faults_have_their_class(result: Result) -> None:
    failed = {one["endpoint"]: one["candidate_failures"] for one in TRUTH["endpoints"]}
    assert counts(result, "timeout", "nginx") == [(0, failed["GET /api/quotes"])]
    assert counts(result, "timeout", "postgres") == [(0, failed["GET /api/reports/daily"])]
    assert counts(result, "timeout", "api") == [(0, failed["GET /api/reports/daily"])]


@pytest.mark.slow
def test_nothing_else_is_a_regression(result: Result) -> None:
    planted = {"enum_binding", "asgi_message", "timeout", "http_500", "http_503", "http_504"}
    assert {one.error_class for one in result.findings if one.is_regression} == planted
    steady = [one for one in result.findings if one.error_class == "connection_refused"]
    assert [one.is_regression for one in steady] == [False]


@pytest.mark.slow
def test_lines_are_read(result: Result) -> None:
    assert (result.coverage.parse_coverage or 0.0) > 0.998
    assert {one.error_class for one in result.findings if one.kind == "error"} >= {
        "connection_refused"
    }


@pytest.mark.slow
def test_endpoints_have_exact_denominators(result: Result) -> None:
    found = {
        f"{one.http_request_method} {one.http_route.replace('{id}', '{number}')}": {
            "baseline_requests": one.baseline_request_count,
            "baseline_failures": one.baseline_failure_count,
            "candidate_requests": one.candidate_request_count,
            "candidate_failures": one.candidate_failure_count,
        }
        for one in result.endpoints
        if one.service_name == "nginx"
    }
    told = {
        one["endpoint"]: {key: one[key] for key in one if key != "endpoint"}
        for one in TRUTH["endpoints"]
    }
    assert found == told


@pytest.mark.slow
def test_health_checks_are_listed_as_working(result: Result) -> None:
    working = [one.text for one in result.health.working]
    asked = {one["endpoint"]: one["candidate_requests"] for one in TRUTH["endpoints"]}
    for check in TRUTH["health"]:
        assert f"{check} answered {asked[check]} requests, none with a failure" in working


def drawn(result: Result) -> dict[tuple[str, str], float | None]:
    """Return the edges between stages that are more than hypotheses, with their median lags."""
    stages = {one.finding_id: stage(one) for one in result.findings}
    return {
        (stages[edge.source], stages[edge.target]): edge.median_lag_seconds
        for edge in result.chain.edges
        if edge.grade != "hypothesis" and edge.source in stages and edge.target in stages
    }


@pytest.mark.slow
def test_edges_are_planted_ones_with_their_lag(result: Result) -> None:
    """In the direction of time, with the lag of the processes' own clocks."""
    lags = {(one["source"], one["target"]): one["median_seconds"] for one in TRUTH["lags"]}
    # One failure in the database's log, the API's and its answer, milliseconds apart.
    at_once = {("slow", "http_503"), ("slow", "http_504"), ("slow", "slow")}
    at_once.add(("enum_binding", "enum_binding"))
    found = {pair: lag for pair, lag in drawn(result).items() if pair not in at_once}
    assert set(found) <= set(lags)
    for pair, lag in found.items():
        assert lag == pytest.approx(lags[pair], rel=0.2), pair
    assert {source for source, _ in found} >= {"enum_binding"}
    assert {target for _, target in found} >= {"timeout"}


@pytest.mark.slow
def test_what_has_no_id_is_tied_by_its_lag(result: Result) -> None:
    assert {target for _, target in drawn(result)} >= {"asgi_message"}


@pytest.mark.slow
def test_the_endpoints_that_failed_begin_the_chain(result: Result) -> None:
    stages = {one.finding_id: stage(one) for one in result.findings}
    labels = {one.node_id: one.label for one in result.chain.nodes if one.kind == "endpoint"}
    begins = {
        labels[edge.source]: stages[edge.target]
        for edge in result.chain.edges
        if edge.source in labels
    }
    assert begins["POST /api/parcels/{id}/label"] == "enum_binding"
    assert begins["GET /api/reports/daily"] == "slow"


def test_lines_tell_nothing_of_where_they_were_made() -> None:
    for path in (LIVE / "logs").glob("*.log.gz"):
        text = gzip.decompress(path.read_bytes()).decode()
        assert not re.search(r"/root/|/home/|/tmp/|\buid=", text)
        text = text.replace("/usr/local/lib/python3.11/site-packages", "")
        assert "site-packages" not in text
