"""The baseline's audit: what is not normal by its own rest is found, what is normal stays."""

import random
from datetime import timedelta

import polars as pl
import pytest

from pipeline.detection import EVERY_CLASS, audit_baseline, cut_out, detect
from tests.detection.draws import START, hours, noisy, poisson, table, traffic

WEEK, DAY_AFTER = hours(0, 168), hours(168, 192)


def facts(audit: pl.DataFrame) -> list[tuple[str, str, int, int, bool]]:
    hour = timedelta(hours=1)
    return [
        (row["series_id"], row["kind"], (row["start"] - START) // hour,
         (row["end"] - START) // hour, row["is_cut"])
        for row in audit.iter_rows(named=True)
    ]  # fmt: skip


def test_a_fault_that_already_runs_is_cut_and_found_as_new() -> None:
    counts = [0] * 21 + [20] * 3 + [20] * 24
    series = table("fault", counts)

    audit = audit_baseline(series, hours(0, 24), hours(24, 48))

    assert facts(audit) == [("fault", "running", 21, 24, True)]
    found = detect(cut_out(series, audit), hours(0, 24), hours(24, 48)).row(0, named=True)
    assert (found["state"], found["is_regression"], found["baseline_count"]) == ("new", True, 0)


def test_an_incident_is_cut_and_what_is_expected_is_that_of_the_rest(rng: random.Random) -> None:
    counts = [noisy(rng, 5) for _ in range(192)]
    counts[100:106] = [90] * 6
    series = table("one", counts)

    audit = audit_baseline(series, WEEK, DAY_AFTER)

    assert facts(audit) == [("one", "incident", 100, 106, True)]
    found = detect(cut_out(series, audit), WEEK, DAY_AFTER).row(0, named=True)
    assert found["expected_count"] == pytest.approx(5 * 24, rel=0.1)


def test_what_every_night_repeats_is_normal(rng: random.Random) -> None:
    counts = [40 if hour % 24 == 3 else poisson(rng, 1) for hour in range(192)]

    assert audit_baseline(table("nightly", counts), WEEK, DAY_AFTER).is_empty()


def test_what_the_candidate_repeats_at_the_same_time_of_day_is_a_schedule() -> None:
    counts = [40 if hour % 24 == 3 else 0 for hour in range(48)]

    assert audit_baseline(table("nightly", counts), hours(0, 24), hours(24, 48)).is_empty()


def test_a_day_of_traffic_is_normal(rng: random.Random) -> None:
    counts = [noisy(rng, 20 * traffic(hour)) for hour in range(192)]

    assert audit_baseline(table("busy", counts), WEEK, DAY_AFTER).is_empty()


def test_more_than_half_is_told_and_stays(rng: random.Random) -> None:
    counts = [poisson(rng, 3) for _ in range(60)] + [poisson(rng, 30) for _ in range(132)]
    series = table("one", counts)

    audit = audit_baseline(series, WEEK, DAY_AFTER)

    assert facts(audit) == [("one", "step", 60, 168, False)]
    assert cut_out(series, audit).equals(series)


def test_an_incident_of_many_rare_classes_is_cut_for_all(rng: random.Random) -> None:
    parts = []
    for index in range(40):
        counts = [poisson(rng, 0.2) for _ in range(192)]
        counts[80:84] = [2] * 4
        parts.append(table(f"s{index:02d}", counts))
    series = pl.concat(parts)

    audit = audit_baseline(series, WEEK, DAY_AFTER)

    assert facts(audit) == [(EVERY_CLASS, "incident", 80, 84, True)]
    cut = cut_out(series, audit).filter(pl.col("covered_seconds") == 0)
    assert cut.height == 40 * 4


def test_a_class_with_twice_the_requests_is_no_incident() -> None:
    requests = [4000.0 if 70 <= hour < 90 else 1000.0 for hour in range(192)]
    counts = [round(size / 100) for size in requests]

    audit = audit_baseline(table("one", counts, exposure=requests), WEEK, DAY_AFTER)

    assert audit.is_empty()
    alone = audit_baseline(table("one", counts), WEEK, DAY_AFTER)
    assert facts(alone) == [("one", "incident", 70, 90, True)]
