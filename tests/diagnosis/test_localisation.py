"""Which service is ranked first where steps of traces changed, and when nothing is said."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pytest

from pipeline.diagnosis.localisation import localise
from pipeline.diagnosis.trace_signs import PRIORS, share_rose, took_longer
from pipeline.model import Localisation
from pipeline.schema import TIMESTAMP, TRACED
from pipeline.sql import load_queries

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """One event of a trace: *ms* after the one before."""

    service: str
    statement: str
    ms: float = 2.0
    severity: int = 9


# A shop asks stock, and stock asks prices; then it asks mail.
USUAL = (
    Step("shop", "begins"),
    Step("stock", "is asked", 3.0),
    Step("prices", "is asked", 3.0),
    Step("stock", "has prices", 4.0),
    Step("shop", "has stock", 4.0),
    Step("mail", "is asked", 3.0),
    Step("shop", "ends", 3.0),
)


def lines(
    origin: str, count: int, change: Callable[[int], tuple[Step, ...]], *, has_spans: bool = True
) -> Iterator[dict[str, object]]:
    """Yield the events of *count* traces, the n-th with the steps that *change* gives."""
    begin = START if origin == "baseline" else START + 24 * HOUR
    for number in range(count):
        at = begin + number * timedelta(seconds=2)
        for line, step in enumerate(change(number)):
            # Gaps scatter by some per cent, the same in every run.
            at += timedelta(milliseconds=step.ms * (1 + 0.1 * math.sin(7 * number + line)))
            yield {
                "origin": origin,
                "timestamp": at,
                "service_name": step.service,
                "trace_id": f"{origin}-{number}",
                "span_id": f"{step.service}-span" if has_spans else None,
                "severity_number": step.severity,
                "statement": step.statement,
                "log_file_path": f"{step.service}.log",
                "line_number": 100 * number + line,
            }


def usual(_: int) -> tuple[Step, ...]:
    return USUAL


def told(
    change: Callable[[int], tuple[Step, ...]],
    *,
    baseline: Callable[[int], tuple[Step, ...]] = usual,
    counts: tuple[int, int] = (60, 80),
    has_spans: bool = True,
) -> Localisation:
    rows = [
        *lines("baseline", counts[0], baseline, has_spans=has_spans),
        *lines("candidate", counts[1], change, has_spans=has_spans),
    ]
    windows = pl.DataFrame(
        [
            ("baseline", "baseline", START, START + HOUR),
            ("candidate", "candidate", START + 24 * HOUR, START + 25 * HOUR),
        ],
        schema={
            "window_name": pl.String, "origin": pl.String,
            "window_start": TIMESTAMP, "window_end": TIMESTAMP,
        },
        orient="row",
    )  # fmt: skip
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("traced", pl.DataFrame(rows, schema=TRACED).to_arrow())
        connection.register("windows", windows.to_arrow())
        for name in ("stg_traced", "trace_steps"):
            connection.execute(f"create temp view {name} as {load_queries()[name]}")
        return localise(connection.sql("from trace_steps").pl())


def first_of(found: Localisation) -> tuple[str, set[str]]:
    assert found.status == "clear"
    return found.candidates[0].service_name, {one.kind for one in found.candidates[0].signs}


def without(*places: int) -> tuple[Step, ...]:
    return tuple(step for at, step in enumerate(USUAL) if at not in places)


def slower(service: str, factor: float) -> Callable[[int], tuple[Step, ...]]:
    """Take *factor* times as long on the way to *service* and back."""
    steps = []
    for before, step in zip((USUAL[0], *USUAL[:-1]), USUAL, strict=True):
        is_touched = before.service != step.service and service in (before.service, step.service)
        steps.append(replace(step, ms=step.ms * factor) if is_touched else step)
    return lambda _: tuple(steps)


def test_nothing_is_said_where_nothing_changed() -> None:
    found = told(usual)

    assert found.status == "not_known"
    assert all(one.strength == "weak" for one in found.candidates)


@pytest.mark.parametrize("has_spans", [True, False])
def test_the_deepest_service_that_fails_is_the_first(has_spans: bool) -> None:
    # Prices fails, and stock and shop break off because of it.
    fails = (*USUAL[:3], Step("prices", "no such price", 1.0, severity=17))

    found = told(lambda number: fails if number % 2 else USUAL, has_spans=has_spans)

    assert first_of(found)[0] == "prices"
    assert found.candidates[0].trace_count == found.candidates[0].changed_trace_count == 40


def test_a_span_that_breaks_off_without_a_word_is_found() -> None:
    found = told(lambda number: USUAL[:6] if number % 2 else USUAL)

    assert first_of(found) == ("shop", {"cut_short"})


def test_a_service_that_falls_silent_is_found_though_its_caller_goes_on() -> None:
    found = told(lambda number: without(5) if number % 2 else USUAL)

    assert first_of(found) == ("mail", {"silent"})
    (sign,) = found.candidates[0].signs
    assert (sign.other_service, sign.statement, sign.next_statement) == (
        "shop",
        "has stock",
        "ends",
    )
    assert (sign.baseline_count, sign.baseline_of) == (0, 60)


@pytest.mark.parametrize("service", ["prices", "mail"])
def test_a_service_whose_calls_take_longer_is_found(service: str) -> None:
    assert first_of(told(slower(service, 30)))[0] == service


def test_a_service_that_most_steps_touch_is_not_told_from_all_of_them() -> None:
    assert told(slower("stock", 30)).status == "not_known"


def test_what_takes_half_as_long_again_everywhere_is_no_services_fault() -> None:
    all_slower = tuple(replace(step, ms=step.ms * 1.5) for step in USUAL)

    assert told(lambda _: all_slower).status == "not_known"


def test_an_error_that_another_service_always_had_is_nothing_new() -> None:
    had = (*USUAL, Step("mail", "no connection", severity=17))
    has = (*USUAL, Step("prices", "no connection", severity=17))

    found = told(
        lambda number: has if number % 2 else USUAL,
        baseline=lambda number: had if number % 2 else USUAL,
    )

    assert found.status == "not_known"


def test_a_beginning_within_the_window_is_dated() -> None:
    found = told(lambda number: USUAL[:6] if number >= 50 else USUAL)

    since = found.candidates[0].since
    assert first_of(found)[0] == "shop"
    assert since is not None
    assert abs(since - (START + 24 * HOUR + timedelta(seconds=100))) < timedelta(seconds=25)


@pytest.mark.parametrize(
    ("counts", "words"), [((9, 80), "the baseline window has 9 traces"), ((60, 1), "has 1 trace,")]
)
def test_too_few_traces_carry_no_ranking(counts: tuple[int, int], words: str) -> None:
    found = told(lambda _: USUAL[:6], counts=counts)

    assert found.status == "not_known"
    assert words in found.reason
    assert found.candidates == []


def test_one_service_alone_is_not_ranked() -> None:
    alone = (Step("shop", "begins"), Step("shop", "ends"))

    found = told(lambda _: alone[:1], baseline=lambda _: alone)

    assert found.reason == "the traces are of one service only"


def test_a_baseline_that_changes_by_itself_makes_nothing_clear() -> None:
    # Half of the baseline breaks off as the candidate window does.
    found = told(lambda _: USUAL[:6], baseline=lambda number: USUAL[:6] if number >= 30 else USUAL)

    assert found.status == "not_known"
    assert found.nats_by_chance is not None
    assert found.nats_by_chance > PRIORS.clear


# ---- what a change is worth ---------------------------------------------------------------------


def test_a_share_is_worth_what_both_marginal_likelihoods_say() -> None:
    # Uniform priors, 1 of 1 against 0 of 1: (1/2 * 1/2) / (1/6), and twice that for one side.
    assert share_rose(1, 1, 0, 1, 1.0) == pytest.approx(math.log(2 * (1 / 4) / (1 / 6)))


@pytest.mark.parametrize(
    ("hits", "of", "usual", "usual_of"), [(1, 2, 1, 2), (0, 5, 1, 5), (1, 1, 0, 0)]
)
def test_a_share_that_did_not_rise_is_worth_nothing(
    hits: int, of: int, usual: int, usual_of: int
) -> None:
    assert share_rose(hits, of, usual, usual_of, 0.5) == -math.inf


def test_few_spans_are_worth_less_than_many() -> None:
    assert share_rose(2, 2, 0, 2, 0.5) < share_rose(20, 20, 0, 20, 0.5)


def test_a_longer_step_is_worth_more_the_longer_it_is_and_a_shorter_one_speaks_against() -> None:
    ratios = [took_longer(one, 0.1, math.log(10)) for one in (-1.0, 0.0, 1.0, 3.0)]

    assert ratios == sorted(ratios)
    assert ratios[1] < 0 < ratios[2]
