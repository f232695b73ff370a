"""What the report states and asks for: only what was counted, and never more than that."""

from dataclasses import replace

import pytest

from pipeline.diagnosis.health import health_of
from pipeline.diagnosis.statements import evidence_of
from pipeline.model import (
    Confidence,
    Evidence,
    Finding,
    Gap,
    Health,
    State,
)
from tests.render import sample

INCIDENT = sample.incident()
ENDPOINTS = INCIDENT.endpoints
SERVICES = {"api": (90_000, 4_100), "worker": (40_000, 21), "mail": (700, 0), "cron": (0, 0)}


def health(findings: list[Finding], *, is_decided: bool = True) -> Health:
    return health_of(findings, ENDPOINTS, SERVICES, INCIDENT.coverage.gaps, is_decided=is_decided)


def said(statements: object) -> str:
    return "\n".join(f"{one.component}: {one.text}" for one in statements)  # type: ignore[attr-defined]


def rise(finding_id: str, service: str, count: int, **given: object) -> Finding:
    base = next(one for one in sample.FINDINGS if one.is_regression)
    services = [replace(base.services[0], service_name=service, candidate_count=count)]
    return replace(
        base,
        finding_id=finding_id,
        error_class=finding_id,
        services=services,
        candidate_count=count,
        baseline_count=0,
        expected_count=0.0,
        **given,  # type: ignore[arg-type]
    )


def test_a_service_that_logged_as_usual_works_and_a_silent_one_is_not_known() -> None:
    found = health([rise("a", "api", 90)])

    assert "mail: logged 700 events, no error" in said(found.working)
    assert "worker: logged 40,000 events, 21 errors, no more than usual" in said(found.working)
    assert "cron" not in said([*found.working, *found.broken, *found.unknown])
    assert "api: logged" not in said(found.working)
    gaps = [gap for gap in INCIDENT.coverage.gaps if gap.window == "candidate"]
    assert all(gap.service_name in said(found.unknown) for gap in gaps)


def test_without_a_comparison_no_service_is_said_to_work() -> None:
    found = health([rise("a", "api", 90, is_regression=False)], is_decided=False)

    assert "logged" not in said(found.working)
    assert "mail: logged 700 events, 0 errors; whether that is usual was not tested" in said(
        found.unknown
    )


def test_a_suspected_rise_is_neither_working_nor_broken() -> None:
    maybe = rise("m", "mail", 9, is_regression=False, confidence=Confidence.SUSPECTED)
    fallen = replace(maybe, finding_id="f", state=State.GONE)

    assert "mail: a rise of m is suspected only" in said(health([maybe]).unknown)
    assert "mail: logged" in said(health([fallen]).working)


def test_probes_are_named_and_other_endpoints_counted_by_service() -> None:
    more = [
        sample.endpoint("GET", f"/page/{at}", (0, at % 2), candidate_request_count=100)
        for at in range(6)
    ]
    found = health_of([], [*ENDPOINTS, *more], {}, [], is_decided=True)

    assert "api: GET /health answered 1,750 requests, none with a failure" in said(found.working)
    assert "api: 6 endpoints answered 600 requests, 3 of them with a failure" in said(found.working)
    assert len(found.working) == 2
    assert [one.text.partition(" of ")[0] for one in found.broken] == [
        "POST /api/v1/billing/sync failed 1,088",
        "GET /api/v1/tokens/{id} failed 203",
        "2 requests",
        "3 requests",
    ]


def test_a_thin_gap_is_not_called_silent_and_missing_access_lines_are_said() -> None:
    gap = Gap("api", "candidate", sample.MIDDLE, sample.END, "thin")
    found = health_of([], [], {}, [gap], is_decided=True)

    assert "api: far fewer lines than usual from" in said(found.unknown)
    assert "endpoints: no access line in the input" in said(found.unknown)


def evidence(findings: list[Finding], **given: object) -> dict[str, Evidence]:
    windows = INCIDENT.windows
    baseline = replace(windows.baseline, **given)  # type: ignore[arg-type]
    return {
        one.statement: one for one in evidence_of(findings, ENDPOINTS, baseline, windows.candidate)
    }


def test_statements_carry_their_counts_and_three_values() -> None:
    found = evidence([rise("a", "api", 90, is_ongoing=True)])
    status = {text: one.status for text, one in found.items()}

    assert status["a did not occur in the baseline: 0 → 90 events"] == "confirmed"
    assert status["Some endpoints fail more than before: 2 of 4"] == "confirmed"
    assert status["All endpoints fail more than before: 2 of 4"] == "refuted"
    assert status["It went on to the end of the data: 1 of 1 rise"] == "confirmed"
    assert status["A change of code, configuration or data came just before"] == "unknown"
    assert all(one.query_id or one.status == "unknown" for one in found.values())


@pytest.mark.parametrize(("requests", "status"), [(90_000, "confirmed"), (198_000, "refuted")])
def test_traffic_is_compared_by_covered_hour(requests: int, status: str) -> None:
    found = evidence([], request_count=requests)
    assert [one.status for text, one in found.items() if text.startswith("Requests")] == [status]


def test_traffic_is_not_known_without_requests() -> None:
    assert evidence([], request_count=0)["Requests rose by more than 10 %, too"].status == "unknown"
