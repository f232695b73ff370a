"""Which problems a result has, and when one that was told is over."""

from dataclasses import replace

import pytest

from pipeline.model import Gap, Result, State, Verdict
from pipeline.notices import Problem
from pipeline.notify import Standing, standing
from tests.render.sample import END, HOUR, incident


def risen() -> list[Problem]:
    return standing(incident(), [])


def states(result: Result, known: list[Problem]) -> dict[str, str]:
    return {one.finding_id: one.state for one in standing(result, known)}


def calm(
    *, state: State = State.STEADY, rate: float | None = 0.0, count: int = 0, **values: object
) -> Result:
    """The same logs, in which nothing rises any more and nobody is silent."""
    found = incident()
    findings = [
        replace(one, is_regression=False, state=state, candidate_rate=rate, candidate_count=count,
                is_ongoing=False)
        for one in found.findings
    ]  # fmt: skip
    coverage = replace(found.coverage, gaps=[])
    made = replace(found, verdict=Verdict.NORMAL, findings=findings, coverage=coverage)
    return replace(made, **values)  # type: ignore[arg-type]


def test_problems_are_the_confirmed_regressions_worst_first() -> None:
    found = incident()
    expected = [one.finding_id for one in found.findings if one.is_regression]

    assert [one.finding_id for one in risen()] == expected
    assert len(expected) >= 2
    assert all(one.services for one in risen())


def test_what_is_gone_while_its_services_log_is_over() -> None:
    assert set(states(calm(), risen()).values()) == {"resolved"}


def test_nobody_is_told_of_an_end_that_nobody_saw() -> None:
    known = risen()
    services = {name for one in known for name in one.services}
    coverage = incident().coverage
    gaps = [Gap(name, "candidate", END - HOUR, END, "silent") for name in services]
    empty = replace(incident().windows.candidate, event_count=0)

    for result in (
        calm(verdict=Verdict.CANNOT_DECIDE),
        calm(coverage=replace(coverage, gaps=gaps)),
        calm(coverage=replace(coverage, gaps=[], sources=[])),
        calm(windows=replace(incident().windows, candidate=empty)),
    ):
        assert "resolved" not in states(result, known).values()


def test_a_rise_that_became_the_normal_of_its_baseline_is_not_over() -> None:
    known = [replace(one, usual_rate=2.0) for one in risen()]

    assert set(states(calm(rate=90.0, count=2160), known).values()) <= {"new", "increased"}
    assert set(states(calm(rate=2.0, count=48), known).values()) == {"resolved"}
    assert "resolved" not in states(calm(rate=None, count=48), known).values()


@pytest.mark.parametrize("handling", ["none", "acknowledged", "silenced"])
def test_states_over_runs_have_the_last_word(handling: str) -> None:
    first, *_ = risen()
    over_runs = {first.finding_id: Standing("returned", handling)}  # type: ignore[arg-type]

    found = {one.finding_id: one for one in standing(incident(), [], over_runs)}

    assert found[first.finding_id].state == "returned"
    assert found[first.finding_id].handling == handling


def test_a_problem_goes_on_under_the_id_that_it_was_told_with() -> None:
    first, *_ = risen()
    found = incident()
    findings = [
        replace(one, finding_id="renamed", alias_ids=[first.finding_id])
        if one.finding_id == first.finding_id
        else one
        for one in found.findings
    ]

    after = states(replace(found, findings=findings), [first])

    assert after[first.finding_id] == first.state
    assert "renamed" not in after
