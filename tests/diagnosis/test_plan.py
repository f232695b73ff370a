"""The plan: every action answers a finding, is shown by a criterion, and can become unnecessary."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.detection import recovery
from pipeline.diagnosis.criteria import criteria_of
from pipeline.diagnosis.plan import recovery_of, remediation_of
from pipeline.model import (
    Chain,
    ChainEdge,
    ChainNode,
    Change,
    Correlate,
    Criterion,
    Finding,
    Level,
    PastIncident,
    Remediation,
)
from pipeline.render import from_json, json_schema
from tests.diagnosis.test_statements import rise
from tests.render import sample

INCIDENT = sample.incident()
LEVEL = Level(0.5, 0.1, 0.02, 0.1, 12.0, 24.0)


def linked(share: float, grade: str) -> Chain:
    nodes = [ChainNode(f"n-{name}", "finding", name, name) for name in ("a", "b")]
    edge = ChainEdge("n-a", "n-b", "trace", grade, 50, share, None, None, None)  # type: ignore[arg-type]
    return Chain([*nodes, ChainNode("p", "endpoint", "POST /x", None)], [edge], ["a"], [])


def criteria(findings: Sequence[Finding]) -> list[Criterion]:
    return criteria_of(findings, [], INCIDENT.windows, {}, recovery)


def planned(
    findings: Sequence[Finding], chain: Chain, changes: Sequence[Change] = ()
) -> dict[str, list[Remediation]]:
    """Return the actions by phase."""
    actions = remediation_of(findings, criteria(findings), chain, changes)
    assert [one.priority for one in actions] == list(range(1, len(actions) + 1))
    return {
        phase: [one for one in actions if one.phase == phase]
        for phase in ("contain", "repair", "validate")
    }


def shares(chain: Chain) -> dict[str, float | None]:
    found = planned([rise("a", "api", 30), rise("b", "api", 70)], chain)["repair"]
    return {one.answers: one.expected_excess_share for one in found}


def test_an_action_answers_what_follows_from_its_class_as_far_as_it_followed() -> None:
    assert shares(linked(0.5, "observed")) == {"a": pytest.approx(0.65), "b": pytest.approx(0.7)}
    assert list(shares(linked(1.0, "observed"))) == ["a", "b"]  # the first failure comes first
    assert shares(linked(1.0, "hypothesis"))["a"] == pytest.approx(0.3)


def test_a_circle_in_the_chain_ends() -> None:
    chain = linked(1.0, "observed")
    back = replace(chain.edges[0], source="n-b", target="n-a")

    found = shares(replace(chain, edges=[*chain.edges, back]))
    assert found == {"a": pytest.approx(1.0), "b": pytest.approx(1.0)}


def test_what_follows_another_is_unnecessary_once_that_is_mended() -> None:
    first, second = planned(
        [rise("a", "api", 90), rise("b", "api", 70)], linked(0.93, "supported")
    )["repair"]

    assert (second.follows, second.follows_share) == ("a", 0.93)
    assert second.undone_if.startswith("a is mended first, which 93 % of b follow (supported)")
    assert second.verified_by in second.undone_if
    assert first.follows is None
    assert first.undone_if.startswith(f"{first.verified_by} passes on 3 covered hours before")


def test_a_way_over_a_status_counts_with_the_product_of_its_shares() -> None:
    status = rise("s", "api", 90, kind="failed_request", title="HTTP 500 answers")
    chain = linked(0.9, "observed")
    nodes = [*chain.nodes, ChainNode("n-s", "status", "HTTP 500", "s")]
    edges = [
        replace(chain.edges[0], source="n-a", target="n-s"),
        replace(chain.edges[0], source="n-s", target="n-b", share=0.8, grade="supported"),
    ]
    found = [rise("a", "api", 90), status, rise("b", "api", 70)]

    first, second = planned(found, replace(chain, nodes=nodes, edges=edges))["repair"]

    assert (first.answers, second.follows) == ("a", "a")
    assert second.follows_share == pytest.approx(0.72)
    assert "72 % of b follow (supported)" in second.undone_if


def test_a_hypothesis_makes_nothing_unnecessary() -> None:
    found = planned([rise("a", "api", 30), rise("b", "api", 70)], linked(1.0, "hypothesis"))
    assert [one.follows for one in found["repair"]] == [None, None]


def test_what_stopped_by_itself_says_when() -> None:
    (one,) = planned([rise("a", "api", 30, is_ongoing=False)], Chain([], [], [], []))["repair"]
    assert "a was last seen 2026-03-06 08:48 UTC" in one.undone_if


def test_a_status_that_follows_errors_is_answered_by_theirs_and_another_by_its_own() -> None:
    status = rise("b", "api", 70, kind="failed_request", title="HTTP 500 answers")
    error = rise("a", "api", 30)

    tied = planned([error, status], linked(0.9, "observed"))["repair"]
    apart = planned([error, status], linked(0.9, "hypothesis"))["repair"]
    alone = planned([status], Chain([], [], [], []))["repair"]

    assert [one.answers for one in tied] == ["a"]
    assert [one.answers for one in apart] == ["a", "b"]
    assert [one.answers for one in alone] == ["b"]


def test_a_remedy_is_only_done_once_its_check_bears_it_out() -> None:
    known = sample.ENUM.knowledge
    found = planned([rise("a", "api", 30, knowledge=known)], Chain([], [], [], []))

    (repair,) = found["repair"]
    assert repair.then == known.remedy[0] if known else False
    assert "if the check bears out no hypothesis" in repair.undone_if
    assert [one.source for one in found["validate"]] == [
        "knowledge base: pg_undefined_type", "this input",
    ]  # fmt: skip


def test_a_change_just_before_and_a_place_that_all_come_from_can_be_contained() -> None:
    onset = sample.ONSET
    finding = rise(
        "a",
        "api",
        30,
        onset=onset,
        onset_upper=onset,
        correlates=[
            Correlate("container", "api-2", 3.0, 0.97, 29, None, 0.3),
            Correlate("container", "api-1", 1.0, 0.5, 15, None, 0.5),
            Correlate("endpoint", "GET /x", 3.0, 0.99, 29, None, 0.1),
        ],
    )
    changes = [
        Change(onset - timedelta(minutes=minutes), service, kind, "text", "x.log:1")
        for minutes, service, kind in [
            (9, "api", "deploy"),
            (45, "api", "deploy"),
            (9, "mail", "deploy"),
            (9, "api", "restart"),
        ]
    ]
    # The other came after the same change, which is asked about once.
    after = replace(finding, finding_id="b", error_class="b", candidate_count=20, correlates=[])
    found = planned([finding, after], Chain([], [], [], []), changes)["contain"]

    assert len(found) == 2
    assert "deploy of api at 2026-03-06 02:05 UTC" in found[0].action
    assert "container api-2" in found[1].action and "97 % of a" in found[1].action
    assert found[1].expected_excess_share == pytest.approx(0.97 * 0.6)


@pytest.mark.parametrize("key", ["action", "answers", "undone_if", "verified_by"])
def test_an_action_without_what_it_needs_cannot_be_made(key: str) -> None:
    whole = INCIDENT.remediation[0]

    with pytest.raises(ValueError, match=key):
        replace(whole, **{key: ""})  # type: ignore[arg-type]
    schema = json_schema()["$defs"]["Remediation"]
    assert key in schema["required"]
    assert schema["properties"][key] == {"type": "string", "minLength": 1}


def test_a_document_with_an_action_that_nothing_verifies_is_no_result() -> None:
    from pipeline.errors import UsageError
    from pipeline.render import to_json

    text = to_json(INCIDENT)
    broken = text.replace('"verified_by": "c1"', '"verified_by": ""', 1)

    assert broken != text and from_json(text) == INCIDENT
    with pytest.raises(UsageError, match=r"remediation\[0\]"):
        from_json(broken)


# ---- criteria ---------------------------------------------------------------------------------


def test_every_regression_and_affected_endpoint_has_a_criterion() -> None:
    found = criteria_of(sample.FINDINGS, INCIDENT.endpoints, INCIDENT.windows, {}, recovery)

    asked = {one.scope.get("finding_id") for one in found if one.metric == "event_rate"}
    assert asked == {one.finding_id for one in sample.FINDINGS if one.is_regression}
    assert {one.scope["http_route"] for one in found if one.metric == "failure_share"} == {
        one.http_route for one in INCIDENT.endpoints if one.is_affected
    }
    assert all(one.chance == pytest.approx(0.05 / len(found)) for one in found)
    assert {one.status for one in found if one.bound == 0} == {"fail"}


def test_criteria_of_a_new_class_ask_for_none_and_hold_the_value_now() -> None:
    new = replace(rise("a", "api", 90), baseline_rate=0.0)
    (one, _) = criteria([new])

    assert one.text == "a: no event" and one.status == "fail"
    assert (one.threshold, one.bound, one.value_now) == (0.0, 0, new.candidate_rate)


def test_what_is_told_by_hours_of_the_day_is_checked_over_whole_days() -> None:
    (one, _) = criteria([rise("a", "api", 90, compared_per="hour_of_day")])
    assert one.hours == one.minimum_exposure == 24.0


def test_the_bound_is_what_the_level_explains() -> None:
    finding = rise("a", "api", 90)
    (one, _) = criteria_of([finding], [], INCIDENT.windows, {"a": LEVEL}, recovery)

    assert one.expected == LEVEL and one.hours is not None and one.chance is not None
    assert one.bound == recovery.most_explained(LEVEL, one.hours, one.chance)
    assert one.threshold == pytest.approx(one.bound / one.hours)
    assert one.power is not None and one.power >= 0.95


def test_without_a_regression_nothing_is_asked() -> None:
    assert criteria([sample.STEADY]) == []
    assert remediation_of([sample.STEADY], [], Chain([], [], [], [])) == []


# ---- real results -----------------------------------------------------------------------------

LOGS = Path("../shared/logs")


@pytest.mark.slow
@pytest.mark.skipif(not LOGS.is_dir(), reason="the real logs are not here")
@pytest.mark.parametrize(
    ("logs", "baseline"),
    [
        ("kafka", "auto"),
        ("mysql/galera-upgrade", "auto"),
        ("nezha-trainticket/docker/ts-01", "nezha-trainticket/docker/normal-2023-01-29"),
    ],
)
def test_real_results_have_no_action_without_what_it_needs(
    logs: str, baseline: str, tmp_path: Path
) -> None:
    from pipeline.model import Settings
    from pipeline.orchestrate import analyze

    named = baseline if baseline == "auto" else str(LOGS / baseline)
    result = analyze([str(LOGS / logs)], Settings(baseline=(named,)), out=tmp_path, documents=())

    known = {one.finding_id for one in result.findings}
    asked = {one.criterion_id: one for one in result.criteria}
    for one in result.remediation:
        assert one.answers in known
        assert asked[one.verified_by].scope["finding_id"] == one.answers
        assert one.undone_if
    regressions = {one.finding_id for one in result.findings if one.is_regression}
    assert regressions <= {one.scope.get("finding_id") for one in result.criteria}


# ---- recovery ---------------------------------------------------------------------------------


def past(*hours: float) -> list[PastIncident]:
    return [PastIncident("a", one) for one in hours]


def test_three_earlier_incidents_give_a_range_and_how_often_it_holds() -> None:
    estimate, reason = recovery_of(past(4.0, 0.5, 2.0))

    assert estimate is not None and reason == ""
    assert (estimate.hours_low, estimate.hours_high, estimate.based_on_count) == (0.5, 4.0, 3)
    assert estimate.chance == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("incidents", "reason"),
    [
        (None, "no history of earlier incidents was kept"),
        ([], "0 earlier incidents of the class, 3 are needed"),
        (past(1.0, 0.0, 2.0), "2 earlier incidents of the class, 3 are needed"),
    ],
)
def test_without_history_there_is_no_estimate_but_a_reason(
    incidents: list[PastIncident] | None, reason: str
) -> None:
    assert recovery_of(incidents) == (None, reason)
