"""A history of runs, and exactly what is told of it."""

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.notices import Problem
from pipeline.notify import Policy, Told, news, read_memory, told_after, written_memory
from pipeline.notify.choosing import On
from tests.notify.plant import HOUR, NOW, problem

# Each run: its hour, the problem of that run (None: there is none), and what is told of it.
_HISTORY: list[tuple[int, Problem | None, list[str]]] = [
    (0, None, []),
    (1, problem(state="new"), ["opened"]),
    (2, problem(state="new"), []),
    (3, problem(state="increased"), []),
    (4, problem(state="escalating"), ["changed"]),
    (5, problem(state="escalating"), []),
    (27, problem(state="escalating"), []),
    (28, problem(state="escalating"), ["reminder"]),
    (29, problem(state="resolved"), ["resolved"]),
    (30, problem(state="resolved"), []),
    (31, problem(state="returned"), ["opened"]),
    (32, problem(state="returned", handling="acknowledged"), []),
    (80, problem(state="returned", handling="acknowledged"), []),
    (81, problem(state="escalating", handling="acknowledged"), ["changed"]),
    (82, problem(state="escalating", handling="silenced"), []),
    (83, problem(state="resolved", handling="silenced"), []),
    (84, problem(state="resolved"), ["resolved"]),
]


def test_a_history_is_told_once() -> None:
    told: dict[str, Told] = {}
    for hour, one, expected in _HISTORY:
        moment = NOW + hour * HOUR
        changes = news([one] if one else [], told, moment, Policy())
        assert [change.event for change in changes] == expected, hour
        told = told_after(told, changes, moment)
    assert told == {}


def test_what_did_not_arrive_is_told_by_the_next_run() -> None:
    assert [one.event for one in news([problem()], {}, NOW, Policy())] == ["opened"]
    assert [one.event for one in news([problem()], {}, NOW + HOUR, Policy())] == ["opened"]


def test_a_problem_that_was_over_before_anybody_heard_of_it_is_not_told() -> None:
    assert news([problem(state="resolved")], {}, NOW, Policy()) == []


@pytest.mark.parametrize(
    ("on", "expected"), [("change", []), ("regression", ["ongoing"]), ("always", ["ongoing"])]
)
def test_what_is_not_over_is_told_again_where_that_is_asked_for(
    on: On, expected: list[str]
) -> None:
    told = told_after({}, news([problem()], {}, NOW, Policy()), NOW)

    changes = news([problem()], told, NOW + HOUR, Policy(on))

    assert [one.event for one in changes] == expected
    assert told_after(told, changes, NOW + HOUR) == told  # the reminder keeps its time


def test_a_job_that_starts_early_does_not_put_the_reminder_off() -> None:
    told = told_after({}, news([problem()], {}, NOW, Policy()), NOW)
    early = NOW + timedelta(hours=23, minutes=55)

    assert [one.event for one in news([problem()], told, early, Policy())] == ["reminder"]
    assert news([problem()], told, early, Policy(remind=None)) == []


def test_what_was_told_is_read_as_it_was_written(tmp_path: Path) -> None:
    memory = {"key": {"f1": Told(problem(error_class=None, onset=None), NOW)}, "other": {}}
    (tmp_path / "notified.json").write_text(written_memory(memory), encoding="utf-8")

    assert read_memory(tmp_path) == (memory, None)
    assert read_memory(tmp_path / "nowhere") == ({}, None)


@pytest.mark.parametrize("text", ["", "[]", '{"version": 9, "targets": {}}', "[" * 99_999])
def test_a_damaged_memory_is_told_and_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / "notified.json").write_text(text, encoding="utf-8")

    memory, said = read_memory(tmp_path)

    assert memory == {}
    assert said is not None and "damaged" in said
