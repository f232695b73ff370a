"""What becomes of a finding over runs: scripted histories, each a file with what is expected."""

import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.detection import rate_ratio_interval
from pipeline.diagnosis.lifecycle import (
    advance,
    annotate,
    handle,
    past_incidents,
    read_row,
    row_json,
    stretches,
)
from pipeline.facts import Row
from pipeline.model import Criterion, HourlyPoint, Result, State
from tests.render import sample

CASES = sorted((Path(__file__).parent / "lifecycle").glob("*.toml"))
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG = 72  # hours that a run shows


def points(case: dict[str, Any]) -> list[HourlyPoint]:
    """Return the hours of a case's timeline."""
    made: list[HourlyPoint] = []
    for part in case["timeline"]:
        for _ in range(part["hours"]):
            made.append(
                HourlyPoint(
                    START + len(made) * HOUR, "candidate", part["rate"], 0.0, None, None,
                    part.get("exposure"), part.get("coverage", 1.0),
                )
            )  # fmt: skip
    return made


def run_at(hour: int, own: list[HourlyPoint], activity: float | None, name: str) -> Result:
    """Return the result of the run after *hour*; 15 events in a day are a regression, which stands
    for the rate test.
    """
    seen = own[max(0, hour + 1 - LONG) : hour + 1]
    busy = [one for one in seen if one.event_count]
    is_risen = sum(one.event_count for one in seen[-24:]) > 15
    finding = replace(
        sample.incident().findings[0],
        finding_id=name,
        error_class=name,
        fingerprint="same",
        is_regression=is_risen,
        state=State.NEW if is_risen else State.STEADY,
        hourly=seen,
        onset=busy[0].bucket_start if busy else None,
        first_seen=busy[0].bucket_start if busy else None,
        last_seen=busy[-1].bucket_start + HOUR / 2 if busy else None,
    )
    criterion = Criterion(
        "c1", "no event", "event_rate", {"finding_id": name}, 0.0, 3.0, None, "fail", activity,
        "requests" if activity else None, 3.0, 0,
    )  # fmt: skip
    whole = sample.incident()
    at = START + (hour + 1) * HOUR
    return replace(
        whole,
        run=replace(whole.run, run_id=f"run-{hour}", generated_at=at),
        findings=[finding],
        criteria=[criterion] if is_risen else [],
    )


def played(case: dict[str, Any]) -> tuple[list[str], list[Row]]:
    """Return each change with the hour of its run, and the rows at the end."""
    own, rows, told = points(case), list[Row](), list[str]()
    for hour in range(len(own)):
        name = "renamed" if hour >= case.get("renamed_at", 10**6) else "class"
        result = run_at(hour, own, case.get("activity"), name)
        before = sum(len(row.steps) for row in rows)
        rows = advance(rows, result, rate_ratio_interval)
        told += [f"{hour} {row.state}" for row in rows if len(row.steps) > before]
        # What is stored is what is played.
        rows = [read_row(json.loads(json.dumps(row_json(row)))) for row in rows]
        silence = case.get("silence", {})
        if silence.get("hour") == hour:
            until = START + silence["until"] * HOUR
            rows = [
                handle(row, "ignore", result.run.generated_at, who="me", why="known", until=until)
                for row in rows
            ]
            told += [f"{hour} {row.state} (silenced)" for row in rows]
    return told, rows


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_history(path: Path) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))

    told, rows = played(case)

    assert told == case["expected"]
    if "ends_with" in case:
        assert [row.handling for row in rows] == [case["ends_with"]]


def case_of(name: str) -> dict[str, Any]:
    return tomllib.loads((CASES[0].parent / f"{name}.toml").read_text(encoding="utf-8"))


def test_what_was_open_is_no_measure_of_what_is_normal() -> None:
    _, rows = played(case_of("fault_fix_relapse"))

    found = [
        ((start - START) / HOUR, (end - START) / HOUR) for _, start, end in stretches(rows) if end
    ]
    assert found == [(30.0, 34.5), (85.0, 88.5)]
    assert [round(one.hours, 1) for one in past_incidents(rows)] == [4.5, 3.5]


def test_the_same_run_once_more_changes_nothing() -> None:
    own = points(case_of("fault_fix_relapse"))
    result = run_at(31, own, None, "class")
    once = advance([], result, rate_ratio_interval)

    assert advance(once, result, rate_ratio_interval) == once
    assert annotate(result, [], rate_ratio_interval) == annotate(result, once, rate_ratio_interval)


def test_a_report_shows_what_is_known_over_runs() -> None:
    own = points(case_of("fault_fix_relapse"))
    rows = advance([], run_at(30, own, None, "class"), rate_ratio_interval)
    rows = [handle(row, "ack", START, who="ada", why="we look") for row in rows]

    found = annotate(run_at(32, own, None, "class"), rows, rate_ratio_interval).findings[0]

    assert found.lifecycle is not None
    assert (found.lifecycle.state, found.lifecycle.run_count) == ("new", 2)
    assert (found.lifecycle.handling, found.lifecycle.who) == ("acknowledged", "ada")
    assert not found.lifecycle.is_changed


def test_what_a_person_calls_over_is_over_until_it_comes_again() -> None:
    own = points(case_of("fault_fix_relapse"))
    rows = advance([], run_at(34, own, None, "class"), rate_ratio_interval)
    rows = [handle(row, "resolve", START + 35 * HOUR, who="ada", why="mended") for row in rows]
    later = advance(rows, run_at(36, own, None, "class"), rate_ratio_interval)
    back = advance(later, run_at(86, own, None, "class"), rate_ratio_interval)

    assert [row.state for row in (*rows, *later, *back)] == ["resolved", "resolved", "returned"]
