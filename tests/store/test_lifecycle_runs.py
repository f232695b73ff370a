"""Runs on a store over a scripted history: fault, repair, relapse, hours without a line."""

import random
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import orchestrate
from pipeline.model import Result, Settings
from tests.written_logs import HOUR, START, Line, errors, requests, write

KILN = "the kiln lost its flame"


def history() -> list[Line]:
    """Return six days of an API: a fault from hour 72 to 76 and from 110 to 113."""
    rng = random.Random(3)
    own = requests(rng, 0, 144, 40, 0.02)
    own += errors(rng, 72, 76, 25, KILN) + errors(rng, 110, 113, 25, KILN)
    return sorted(own)


def run_at(hour: int, lines: list[Line], folder: Path) -> Result:
    write(folder / "logs", {"api": [one for one in lines if one[0] < START + hour * HOUR]}, "plain")
    settings = Settings(store=str(folder / "store"))
    return orchestrate.analyze(
        [str(folder / "logs")],
        settings,
        out=folder / "out",
        documents=("json",),
        now=(START + hour * HOUR + timedelta(minutes=1)).isoformat(),
    )


@pytest.mark.slow
def test_what_becomes_of_a_fault(tmp_path: Path) -> None:
    lines, seen = history(), []
    for hour in (70, 74, 75, 78, 90, 100, 112, 116, 140):
        result = run_at(hour, lines, tmp_path)
        own = [one for one in result.findings if KILN in one.title and one.lifecycle]
        if own and own[0].lifecycle and own[0].lifecycle.is_changed:
            seen.append((hour, own[0].lifecycle.state))
    row = orchestrate.remembered_findings(tmp_path / "store")[0]

    # It is over once as many hours stayed quiet as the run that found it asked for.
    assert seen == [(74, "new"), (90, "resolved"), (112, "returned"), (116, "resolved")]
    assert len(row.spells) == 2
    assert orchestrate.check_report(tmp_path / "out").agrees


@pytest.mark.slow
def test_what_people_say_is_kept_and_quiet_until_it_is_over(tmp_path: Path) -> None:
    lines = history()
    assert orchestrate.exit_code(run_at(74, lines, tmp_path), "regression") == 1
    orchestrate.say_of(
        tmp_path / "store", _only(tmp_path), "ignore", who="ada", why="known",
        until="7d", now=(START + 74 * HOUR).isoformat(),
    )  # fmt: skip

    result = run_at(75, lines, tmp_path)

    own = next(one for one in result.findings if one.lifecycle)
    assert own.lifecycle is not None
    assert (own.lifecycle.handling, own.lifecycle.who) == ("silenced", "ada")
    assert orchestrate.exit_code(result, "regression") == 0


def _only(folder: Path) -> str:
    (row,) = orchestrate.remembered_findings(folder / "store", is_open_only=True)
    return row.finding_id


@pytest.mark.slow
def test_the_past_judged_again_tells_what_runs_told(tmp_path: Path) -> None:
    write(tmp_path / "logs", {"api": history()}, "plain")
    settings = Settings(store=str(tmp_path / "store"))
    orchestrate.ingest_kept([str(tmp_path / "logs")], settings)

    found = orchestrate.backtest(tmp_path / "store", Settings(), "6h", proposed=["fail-on=never"])

    told = [
        (round((step.at - START) / HOUR), change.partition(":")[0])
        for step in found.steps
        for change in step.changes
        if KILN in change
    ]
    assert [state for _, state in told] == ["new", "resolved", "returned", "resolved"]
    assert [72 < told[0][0] <= 84, 108 < told[2][0] <= 120] == [True, True]
    assert any(step.exit_status == 1 for step in found.steps)
    assert found.proposed_steps is not None
    assert {step.exit_status for step in found.proposed_steps} == {0}
    assert [step.changes for step in found.steps] == [step.changes for step in found.proposed_steps]
