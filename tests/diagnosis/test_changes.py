"""Lines that tell of changes to changes, and what came before a class that rose."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.diagnosis.changes import find_changes, search_of, shown, with_changes_before
from pipeline.model import Change, Finding, ServiceCount
from pipeline.schema import CHANGES, TIMESTAMP, Schema
from tests.render import sample

DAY = datetime(2026, 3, 2, tzinfo=UTC)
SCHEMA = {
    **{name: kind for name, kind in CHANGES.items() if name != "origin"},
    "window_name": pl.String,
    "logged_since": TIMESTAMP,
}
MINUTES: Schema = {"finding_id": pl.String, "window_name": pl.String, "bucket_start": TIMESTAMP}


def line(
    minute: float, kind: str = "start", sign: str | None = None, **cells: object
) -> dict[str, object]:
    """One line that tells of a change, *minute* of the day, of the container api-1 since 0:00."""
    row: dict[str, object] = {
        "timestamp": DAY + timedelta(minutes=minute),
        "service_name": "api",
        "container_name": "api-1",
        "kind": kind,
        "sign": sign or f"x_{kind}",
        "product": "X",
        "text": f"X: {kind}",
        "event_count": 1,
        "is_given": False,
        "window_name": "candidate",
        "logged_since": DAY,
        "log_file_path": "api.log",
        "line_number": int(minute * 60),
    }
    return {**row, **cells}


def lines(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def told(*rows: dict[str, object]) -> list[tuple[float, str, int]]:
    return [
        ((one.timestamp - DAY).total_seconds() / 60, one.kind, one.event_count)
        for one in find_changes(lines(*rows))
    ]


CASES: dict[str, tuple[Sequence[dict[str, object]], list[tuple[float, str, int]]]] = {
    "the first line of a container is a start": ([line(1)], [(1, "start", 1)]),
    "a start long after the first line is a restart": ([line(5)], [(5, "restart", 1)]),
    "one start writes lines of several kinds": (
        [line(1), line(2, sign="x_ready"), line(9, sign="x_listens")],
        [(1, "start", 1)],
    ),
    "the same line again is another start": (
        [line(1), line(40)],
        [(1, "start", 1), (40, "restart", 1)],
    ),
    "after an end every line is of another start": (
        [line(1), line(5, "stop"), line(6, sign="x_ready")],
        [(1, "start", 1), (5, "stop", 1), (6, "restart", 1)],
    ),
    "an end that is asked for and done is one": (
        [line(5, "stop"), line(6, "stop", text="X: stopped")],
        [(5, "stop", 1)],
    ),
    "starts that follow each other are a loop": (
        [line(1), line(2), line(3), line(5)],
        [(1, "crash_loop", 4)],
    ),
    "two starts are none": ([line(1), line(2)], [(1, "start", 1), (2, "restart", 1)]),
    "what was told to end in between does not crash": (
        [line(1), line(3, "stop"), line(4), line(7, "stop"), line(8)],
        [(1, "restart", 3), (3, "stop", 1), (7, "stop", 1)],
    ),
    "starts hours apart are no loop": (
        [line(1), line(100), line(200)],
        [(1, "start", 1), (100, "restart", 1), (200, "restart", 1)],
    ),
    "each container is one": (
        [line(1), line(1.1, container_name="api-2"), line(1.2, container_name="api-3")],
        [(1, "start", 1), (1.1, "start", 1), (1.2, "start", 1)],
    ),
    "each program under another is one": (
        [line(1, subject="a"), line(1, subject="b"), line(1, subject="c")],
        [(1, "start", 1)] * 3,
    ),
    "another version is a deploy, the first one is not": (
        [line(1, version="1.4"), line(60, version="1.4"), line(90, version="1.5")],
        [(1, "start", 1), (60, "restart", 1), (90, "deploy", 1)],
    ),
    "a new leader is told in two lines": (
        [line(5, "leader"), line(5.1, "leader", text="new leader"), line(9, "leader")],
        [(5, "leader", 1), (9, "leader", 1)],
    ),
    "what is read while starting is no reload": (
        [line(1), line(1.5, "config"), line(30, "config")],
        [(1, "start", 1), (30, "config", 1)],
    ),
    "reloads every minute are one entry": (
        [line(30 + n, "config", text=f"reload {n}") for n in range(5)],
        [(30, "config", 5)],
    ),
    "other words are another change": (
        [line(30, "membership"), line(31, "membership", text="one less"), line(32, "membership")],
        [(30, "membership", 1), (31, "membership", 1), (32, "membership", 1)],
    ),
    "what the user names stays as it is": (
        [line(n, "deploy", is_given=True, sign=None) for n in (1, 2, 3)],
        [(1, "deploy", 1), (2, "deploy", 1), (3, "deploy", 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_lines_to_changes(name: str) -> None:
    rows, expected = CASES[name]

    assert told(*rows) == expected


def test_an_entry_says_how_often_in_which_steps_and_which_version_was_before() -> None:
    loop, deploy = find_changes(
        lines(
            line(1), line(2), line(4), line(6),
            line(60, service_name="web", version="2"), line(300, service_name="web", version="3"),
        )
    )[::2]  # fmt: skip

    assert (loop.event_count, loop.period_seconds) == (4, 120)
    assert loop.last_timestamp == DAY + timedelta(minutes=6)
    assert (deploy.kind, deploy.version, deploy.previous_version) == ("deploy", "3", "2")
    assert deploy.source == "api.log:18000"


def risen(minute: float, *, spread: float = 0, baseline_count: int = 3) -> Finding:
    at = DAY + timedelta(minutes=minute)
    one: Finding = sample.incident().findings[0]
    return replace(
        one,
        finding_id="f",
        services=[ServiceCount("api", baseline_count, 9)],
        baseline_count=baseline_count,
        first_seen=at,
        onset=at,
        onset_lower=at - timedelta(minutes=spread),
        onset_upper=at + timedelta(minutes=spread),
        changes_before=[],
    )


def minutes(*at: float) -> pl.DataFrame:
    rows = [("f", "baseline", DAY + timedelta(minutes=minute)) for minute in at]
    return pl.DataFrame(rows, schema=MINUTES, orient="row")


def before(
    finding: Finding, changes: Sequence[Change], seen: pl.DataFrame | None = None
) -> list[tuple[float, bool, bool, int, int]]:
    seen = minutes() if seen is None else seen
    (one,) = with_changes_before([finding], changes, seen)
    return [
        (at.seconds_before / 60, at.is_same_service, at.is_order_known,
         at.baseline_count, at.baseline_followed_count)
        for at in one.changes_before
    ]  # fmt: skip


def test_changes_of_the_half_hour_before_stand_beside_a_class_its_own_services_first() -> None:
    changes = find_changes(
        lines(
            line(65, service_name="db"), line(60, "config"), line(29, "deploy"),
            line(71, "leader"), line(58, "deploy", service_name="*", is_given=True),
        )
    )  # fmt: skip

    assert before(risen(70), changes) == [
        (10, True, True, 0, 0), (12, True, True, 0, 0), (5, False, True, 0, 0),
    ]  # fmt: skip


def test_within_the_onset_s_interval_the_order_is_not_known_unless_the_class_is_new() -> None:
    changes = find_changes(lines(line(60, "config"), line(72, "leader")))

    assert before(risen(70, spread=15), changes) == [
        (-2, True, False, 0, 0), (10, True, False, 0, 0),
    ]  # fmt: skip
    assert before(risen(70, spread=15, baseline_count=0), changes) == [(10, True, True, 0, 0)]


def test_the_same_change_of_the_baseline_is_counted_with_what_followed() -> None:
    changes = find_changes(
        lines(
            *(line(at, "config", window_name="baseline") for at in (100, 200, 300)),
            line(250, "config", service_name="db", window_name="baseline"),
            line(1000, "config"),
        )
    )

    assert before(risen(1010), changes, minutes(95, 229, 340)) == [(10, True, True, 3, 1)]


def test_a_loop_that_goes_on_counts_from_its_beginning() -> None:
    changes = find_changes(lines(*(line(at) for at in range(1, 60, 2))))

    assert before(risen(58), changes) == [(57, True, True, 0, 0)]


def test_a_class_without_an_onset_has_no_changes_before() -> None:
    (one,) = with_changes_before(
        [replace(risen(5), onset=None)], find_changes(lines(line(4))), minutes()
    )

    assert one.changes_before == []


def test_of_very_many_changes_those_before_an_error_are_told() -> None:
    rows = [
        line(at, "config", text=f"{'x' * (at % 7)}", service_name=f"s{at}") for at in range(1400)
    ]
    changes = find_changes(lines(*rows))
    (one,) = with_changes_before([risen(100)], changes, minutes())

    told_ = shown(changes, [one])

    assert len(told_) == 1000
    assert {at.change_id for at in one.changes_before} <= {at.change_id for at in told_}
    assert told_ == sorted(told_, key=lambda at: at.timestamp)
    assert search_of(lines(*rows), changes, told_, 9).left_out_count == 400
