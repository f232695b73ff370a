"""Signs for and against hypotheses, held against a run put together by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipeline.detection import rate_ratio_interval
from pipeline.diagnosis.hypotheses import Facts, Known, risen, sought, with_checks
from pipeline.model import (
    Chain,
    ChainEdge,
    ChainNode,
    Change,
    ChangeBefore,
    Confidence,
    Correlate,
    DataWarning,
    Finding,
    Gap,
    HypothesisCheck,
    ServiceCount,
    WindowFacts,
)
from pipeline.rules.knowledge import parse_knowledge
from pipeline.signs import Entry
from tests.render.sample import finding

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HITS: dict[str, Any] = {
    "finding_id": pl.String,
    "baseline_count": pl.Int64,
    "candidate_count": pl.Int64,
    "first_timestamp": pl.Datetime("us", "UTC"),
    "log_file_path": pl.String,
    "line_number": pl.Int64,
}


def entry(signs: str) -> Entry:
    text = f"""
title = "Late"
mechanism = "Something is late."
applies_to = "anything"
check_first = ["Look."]
remedy = ["Mend."]
verify = ["Look again."]
references = ["https://example.org/"]
reviewed = "2026-11-25"
opened = "2026-11-25"

[[hypothesis]]
text = "It is so."
refuted_if = "It is not so."
{signs}
"""
    return parse_knowledge("timeout.toml", text)


def own(name: str = "f1", error_class: str = "timeout", **values: Any) -> Finding:  # noqa: ANN401
    made = finding(name, error_class, "late", hourly=[], confidence=Confidence.CONFIRMED)
    values = {
        "candidate_count": 20, "baseline_count": 0, "onset": AT, "onset_lower": AT,
        "onset_upper": AT + timedelta(minutes=1), "correlates": [], "samples": [],
        "services": [ServiceCount("api", 0, 20)], **values,
    }  # fmt: skip
    return replace(made, **values)


def window(requests: int) -> WindowFacts:
    return WindowFacts(AT - timedelta(hours=1), AT, 3600.0, 10, 5, 0, requests, 0)


def facts(*others: Finding, **values: Any) -> Facts:  # noqa: ANN401
    made = Facts(
        findings={one.finding_id: one for one in (own(), *others)},
        chain=Chain([], [], [], []),
        changes=[],
        warnings=[],
        gaps=[],
        baseline=window(1000),
        candidate=window(1000),
        formats=frozenset({"uvicorn"}),
        interval=rate_ratio_interval,
        is_compared=True,
    )
    return replace(made, **values)


def check(signs: str, held: Facts, *rows: tuple[str, int, int]) -> HypothesisCheck:
    """Return what *held* says; *rows* are finding_id, baseline_count, candidate_count of texts."""
    one = entry(signs)
    table = pl.DataFrame([(*row, AT, "logs/a.log", 7) for row in rows], schema=HITS, orient="row")
    known = Known({"f1": one}, ["f1"], dict.fromkeys(sought([one]), table))
    held = replace(
        held,
        findings={name: replace(at, knowledge=one.knowledge) for name, at in held.findings.items()},
    )
    (found,) = [at for at in with_checks(known, held) if at.finding_id == "f1"]
    assert found.knowledge is not None
    (result,) = found.knowledge.hypothesis_checks
    return result


EARLIER = own("f2", "disk_full", candidate_count=3, baseline_count=1,
              onset=AT - timedelta(minutes=5), onset_lower=AT - timedelta(minutes=6),
              onset_upper=AT - timedelta(minutes=4))  # fmt: skip
LATER = replace(EARLIER, onset=AT + timedelta(minutes=9), onset_lower=AT + timedelta(minutes=8))
STEADY = replace(EARLIER, confidence=Confidence.NONE, onset=None)


@pytest.mark.parametrize(
    ("others", "status", "text"),
    [
        (
            [EARLIER],
            "supported",
            "which began 5 min before it",
        ),
        ([LATER], "seen", "which began later"),
        ([STEADY], "seen", "no rise"),
        ([replace(EARLIER, candidate_count=0)], "not_seen", "none in this input"),
        ([], "not_seen", "none in this input"),
    ],
)
def test_another_class_supports_where_it_rose_and_not_later(
    others: list[Finding], status: str, text: str
) -> None:
    found = check('supported_by = [{ class = "disk_full" }]', facts(*others))

    assert found.status == status
    assert found.signs[0].text.endswith(text)
    assert ("disk_full: 3 events, 1 in the baseline" in found.signs[0].text) == (
        status != "not_seen"
    )


def test_another_class_without_a_baseline_supports_by_its_presence() -> None:
    found = check('supported_by = [{ class = "disk_full" }]', facts(STEADY, is_compared=False))

    assert found.status == "supported"
    assert found.signs[0].text == "disk_full: 3 events"


def test_a_class_against_a_hypothesis_refutes_it() -> None:
    found = check('refuted_by = [{ class = "disk_full" }]', facts(EARLIER))

    assert found.status == "refuted"
    assert found.signs[0].is_against


def test_signs_for_and_against_say_nothing() -> None:
    signs = 'supported_by = [{ class = "disk_full" }]\nrefuted_by = [{ class = "disk_full" }]'

    assert check(signs, facts(EARLIER)).status == "seen"


@pytest.mark.parametrize(
    ("count", "status"), [(0, "not_seen"), (9, "seen"), (10, "supported"), (20, "supported")]
)
def test_own_text_supports_where_half_of_the_events_have_it(count: int, status: str) -> None:
    rows = [("f1", 0, count), ("f2", 5, 5)]
    found = check('supported_by = [{ own = "late" }]', facts(), *rows)

    assert found.status == status
    assert found.signs[0].event_count == count
    assert found.signs[0].line_number == (7 if count else None)


@pytest.mark.parametrize(
    ("rows", "status", "text"),
    [
        ([("f1", 0, 20)], "not_seen", "none in this input"),  # its own lines are not others
        ([("f2", 0, 1)], "supported", "1 event, 0 in the baseline"),
        ([("f2", 10, 11)], "seen", "11 events, 10 in the baseline, no rise"),
        ([("f2", 10, 60), ("f3", 0, 2)], "supported", "62 events, 10 in the baseline"),
    ],
)
def test_other_lines_support_where_they_are_new_or_rose(
    rows: list[tuple[str, int, int]], status: str, text: str
) -> None:
    found = check('supported_by = [{ logged = "checkpoint" }]', facts(), *rows)

    assert (found.status, found.signs[0].text) == (status, text)


@pytest.mark.parametrize(
    ("kind", "is_own", "baseline", "followed", "status"),
    [
        ("deploy", True, 0, 0, "supported"),
        ("deploy", False, 0, 0, "supported"),
        ("deploy", True, 4, 0, "seen"),  # the same was harmless before
        ("deploy", True, 4, 3, "supported"),
        ("start", True, 0, 0, "supported"),
        ("start", False, 0, 0, "seen"),  # mostly the beginning of the logs
        ("restart", True, 0, 0, "not_seen"),
    ],
)
def test_a_change_before_supports(
    kind: str, is_own: bool, baseline: int, followed: int, status: str
) -> None:
    change = Change(AT - timedelta(minutes=5), "api", kind, "version 2", "logs", change_id="c1")
    before = ChangeBefore("c1", 300.0, is_own, True, baseline, followed)
    held = facts(changes=[change])
    held = replace(held, findings={"f1": own(changes_before=[before])})
    found = check('supported_by = [{ change = ["deploy", "start"] }]', held)

    assert found.status == status


def test_a_doubt_about_the_input_supports() -> None:
    held = facts(warnings=[DataWarning("clock_skew", "api is 40 s behind")])
    found = check('supported_by = [{ warning = "clock_skew" }]', held)

    assert (found.status, found.signs[0].text) == ("supported", "api is 40 s behind")


def test_what_precedes_it_in_the_chain_supports() -> None:
    nodes = [ChainNode("n1", "finding", "disk_full", "f2"), ChainNode("n2", "finding", "x", "f1")]
    edge = ChainEdge("n1", "n2", "trace", "observed", 12, 0.6, None, 1.0, None)
    held = facts(EARLIER, chain=Chain(nodes, [edge], ["f2"], []))
    found = check("supported_by = [{ follows = true }]", held)

    assert (found.status, found.signs[0].text) == ("supported", "follows disk_full 12 times")
    assert check("supported_by = [{ follows = true }]", facts()).status == "not_seen"


@pytest.mark.parametrize(
    ("requests", "status"),
    [(0, "not_known"), (1000, "refuted"), (1300, "seen"), (2000, "supported")],
)
def test_traffic_is_the_one_sign_whose_absence_refutes(requests: int, status: str) -> None:
    found = check("supported_by = [{ traffic = true }]", facts(candidate=window(requests)))

    assert found.status == status


def test_a_value_that_most_events_share_supports() -> None:
    value = Correlate("endpoint", "GET /a", 9.0, 0.9, 18)
    held = facts()
    held = replace(held, findings={"f1": own(correlates=[value])})
    found = check('supported_by = [{ spread = "endpoint" }]', held)

    assert (found.status, found.signs[0].text) == (
        "supported", "endpoint GET /a: 90 % of its events",
    )  # fmt: skip
    assert check('supported_by = [{ spread = "host" }]', held).status == "not_seen"


def test_three_services_are_many() -> None:
    services = [ServiceCount(name, 0, 9) for name in ("a", "b", "c")]
    held = replace(facts(), findings={"f1": own(services=services)})

    assert check('supported_by = [{ spread = "services" }]', held).status == "supported"
    assert check('supported_by = [{ spread = "services" }]', facts()).status == "not_seen"


@pytest.mark.parametrize(
    ("service", "minutes", "status"),
    [("db", -10, "supported"), ("db", 20, "not_seen"), ("api", -10, "not_seen")],
)
def test_another_service_that_fell_silent_then_supports(
    service: str, minutes: int, status: str
) -> None:
    start = AT + timedelta(minutes=minutes)
    gap = Gap(service, "candidate", start, start + timedelta(minutes=9), "silent")

    assert check("supported_by = [{ silence = true }]", facts(gaps=[gap])).status == status


def test_absence_tells_nothing_where_the_log_is_not_there() -> None:
    signs = 'supported_by = [{ class = "disk_full" }]\nlogs_of = ["postgres"]'

    found = check(signs, facts())
    assert (found.status, found.reason) == ("not_known", "no source has a log of postgres")
    held = facts(formats=frozenset({"postgres_csv"}))
    assert check(signs, held).status == "not_seen"
    assert check(signs, facts(EARLIER)).status == "supported"


def test_what_no_log_can_tell_says_why() -> None:
    found = check('untold = "No log holds plans."', facts())

    assert (found.status, found.reason, found.signs) == ("not_known", "No log holds plans.", [])


def test_only_what_rose_is_looked_into() -> None:
    rows = [{"finding_id": name, "kind": kind} for name, kind in
            (("f1", "error"), ("f2", "error"), ("f3", "warning"))]  # fmt: skip
    verdicts = pl.DataFrame({"series_id": ["f1", "f2"], "confidence": ["confirmed", "none"]})

    assert risen(rows, verdicts) == ["f1"]
    assert risen(rows, pl.DataFrame(schema={"series_id": pl.String})) == ["f1", "f2"]
