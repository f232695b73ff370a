"""Which class follows which, by times alone, on small draws with a known answer."""

import random

import polars as pl
import pytest

from pipeline.detection import find_lags

HOURS = 3


def failures(rng: random.Random, count: int) -> list[float]:
    return sorted(rng.uniform(0, HOURS * 3600) for _ in range(count))


def followed(rng: random.Random, times: list[float], mean: float, keep: float = 0.8) -> list[float]:
    return [at + 0.05 + rng.expovariate(1 / mean) for at in times if rng.random() < keep]


def lag_rows(classes: dict[str, list[float]], **other: list[float]) -> dict[str, dict[str, object]]:
    """Return the rows of the test by "source target"; *other* are times in the baseline."""
    rows = [
        (name, window, at, False)
        for window, own in (("candidate", classes), ("baseline", other))
        for name, times in own.items()
        for at in times
    ]
    schema = {
        "series_id": pl.String, "window_name": pl.String, "seconds": pl.Float64,
        "is_cut": pl.Boolean,
    }  # fmt: skip
    frame = find_lags(pl.DataFrame(rows, schema=schema, orient="row"))
    return {f"{row['source_id']} {row['target_id']}": row for row in frame.iter_rows(named=True)}


def share(row: dict[str, object], name: str = "direct_share") -> float:
    return float(str(row[name]))


def test_in_a_chain_the_last_follows_the_middle_and_not_the_first() -> None:
    rng = random.Random(1)
    first = failures(rng, 150)
    middle = followed(rng, first, 2)
    rows = lag_rows({"a": first, "b": middle, "c": followed(rng, middle, 3)})

    assert share(rows["a b"]) > 0.8
    assert share(rows["b c"]) > 0.8
    assert abs(share(rows["a c"])) < 0.2
    assert not rows["b a"]["is_significant"]
    assert share(rows["b c"], "median_lag_seconds") == pytest.approx(2.1, rel=0.3)


def test_where_both_follow_the_first_the_middle_tells_nothing() -> None:
    rng = random.Random(2)
    first = failures(rng, 150)
    rows = lag_rows({"a": first, "b": followed(rng, first, 2), "c": followed(rng, first, 3)})

    assert share(rows["a c"]) > 0.8
    assert share(rows["b c"]) < 0.2


def test_classes_of_the_same_hours_do_not_follow_each_other() -> None:
    rng = random.Random(3)
    classes = {name: [at / 3 for at in failures(rng, 150)] for name in "ab"}

    assert not any(row["is_significant"] for row in lag_rows(classes).values())


def test_a_burst_does_not_pass_for_followers() -> None:
    rng = random.Random(4)
    first = sorted(at + rng.expovariate(1 / 4) for at in failures(rng, 30) for _ in range(8))
    rows = lag_rows({"a": first, "b": followed(rng, first, 2)})

    assert rows["b a"]["is_significant"]
    assert share(rows["b a"], "renewed_share") < 0.25 * share(rows["a b"], "renewed_share")


def test_two_jobs_of_one_clock_show_in_the_moves_by_minutes() -> None:
    minutes = [60.0 * at for at in range(1, 120)]
    rows = lag_rows({"a": minutes, "b": [at + 2 for at in minutes]})

    assert share(rows["a b"], "clock_share") > 0.9
    assert share(rows["a b"], "chance_share") < 0.3


def test_the_baseline_is_asked_at_the_same_lag() -> None:
    rng = random.Random(5)
    first, before = failures(rng, 100), [-100.0 * at for at in range(1, 21)]
    rows = lag_rows(
        {"a": first, "b": followed(rng, first, 2)}, a=before, b=[at + 1 for at in before]
    )

    assert (rows["a b"]["baseline_count"], rows["a b"]["baseline_share"]) == (20, 1.0)


def test_events_at_one_time_have_no_order() -> None:
    rng = random.Random(6)
    first = failures(rng, 100)
    rows = lag_rows({"a": first, "b": first})

    assert not any(row["is_significant"] for row in rows.values())


def test_too_few_events_are_not_tested() -> None:
    assert lag_rows({"a": [1.0, 2.0, 3.0, 4.0], "b": [1.0] * 30}) == {}
