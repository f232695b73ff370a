"""`detect` on planted truths: what must be found, and what must not be made of the data."""

import itertools
import random
from collections.abc import Sequence

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.detection import DetectionSettings, detect
from pipeline.model import Window
from tests.detection.draws import START, days, hours, noisy, poisson, table, traffic

WEEK, DAY = hours(0, 168), hours(168, 192)


def one(frame: pl.DataFrame, baseline: Window | Sequence[Window], candidate: Window) -> pl.Series:
    """The single row of `detect` as a struct series to index by column."""
    found = detect(frame, baseline, candidate)
    assert found.height == 1
    return found.to_struct()


def service(
    rng: random.Random,
    rate: float,
    *,
    factor: float = 1.0,
    surge: float = 1.0,
    follows: bool = True,
    name: str = "a",
) -> pl.DataFrame:
    """Eight days of one class beside its requests; the last day is the candidate."""
    counts, requests = [], []
    for hour, day in zip(range(192), days(rng), strict=False):
        wave = traffic(hour) * (surge if hour >= 168 else 1.0)
        shape = wave if follows else 1.0
        planted = factor if hour >= 168 else 1.0
        counts.append(noisy(rng, rate * shape * day * planted))
        requests.append(float(poisson(rng, 3000 * wave)))
    return table(name, counts, exposure=requests)


def value(found: pl.Series, column: str) -> object:
    """One cell of the row."""
    return found.struct.field(column)[0]


# Traffic


def test_doubled_traffic_with_doubled_errors_is_no_regression(rng: random.Random) -> None:
    frame = pl.concat(service(rng, 20, surge=2.0, name=f"s{i}") for i in range(20))
    found = detect(frame, WEEK, DAY)
    assert found["is_regression"].sum() == 0
    assert found["offset"].unique().to_list() == ["requests"]
    assert 0.8 < float(found["rate_ratio"].mean()) < 1.2  # type: ignore[arg-type]


def test_doubled_traffic_is_a_regression_of_nothing_even_without_exposure_for_constant_classes(
    rng: random.Random,
) -> None:
    frame = pl.concat(service(rng, 20, surge=2.0, follows=False, name=f"s{i}") for i in range(20))
    assert detect(frame, WEEK, DAY)["is_regression"].sum() == 0


def test_halved_traffic_with_equal_errors_is_found_for_classes_that_follow_traffic(
    rng: random.Random,
) -> None:
    frame = pl.concat(service(rng, 20, surge=0.5, factor=2.0, name=f"s{i}") for i in range(20))
    found = detect(frame, WEEK, DAY)
    assert found["is_regression"].sum() >= 18
    timers = pl.concat(service(rng, 20, surge=0.5, follows=False, name=f"t{i}") for i in range(20))
    assert detect(timers, WEEK, DAY)["is_regression"].sum() == 0


def test_flat_traffic_is_the_measure_of_all_classes(rng: random.Random) -> None:
    """Where traffic never varied, no class can show that it does not follow it."""

    def flat(surge: float, factor: float) -> pl.DataFrame:
        late = [1.0] * 168 + [surge] * 24
        counts = [noisy(rng, 20 * (factor if size != 1 else 1), shape=50) for size in late]
        return table("a", counts, exposure=[float(poisson(rng, 2000 * size)) for size in late])

    assert value(one(flat(0.5, 1.0), WEEK, DAY), "is_regression") is True
    assert value(one(flat(2.0, 2.0), WEEK, DAY), "is_regression") is False


def test_rare_classes_are_not_held_to_a_quiet_night(rng: random.Random) -> None:
    """Too rare to show what they follow, and the candidate's traffic is a third of the usual."""
    frame = pl.concat(
        table(
            f"s{i}",
            [poisson(rng, 0.7) for _ in range(54)],
            exposure=[900.0 * traffic(hour) for hour in range(54)],
        )
        for i in range(60)
    )
    assert detect(frame, hours(0, 48), hours(48, 54))["is_regression"].sum() <= 1


def test_other_events_excuse_a_class_only_when_the_baseline_shows_that_it_follows_them(
    rng: random.Random,
) -> None:
    counts = [poisson(rng, 6 * (3.0 if hour >= 168 else 1.0)) for hour in range(192)]
    flood = [100.0 * (10 if hour >= 168 else 1) for hour in range(192)]
    frame = table("a", counts, exposure=flood)
    requests = one(frame, WEEK, DAY)
    events = one(frame.with_columns(exposure_kind=pl.lit("events")), WEEK, DAY)
    assert value(requests, "is_regression") is False
    assert value(events, "is_regression") is True
    assert value(events, "offset") == "time"


def test_events_that_the_class_follows_serve_as_exposure(rng: random.Random) -> None:
    frame = service(rng, 30, surge=3.0).with_columns(exposure_kind=pl.lit("events"))
    found = one(frame, WEEK, DAY)
    assert value(found, "offset") == "events"
    assert value(found, "is_regression") is False


# Silence and gaps


@pytest.mark.parametrize("rate", [0.2, 5, 500])
def test_silent_service_is_neither_gone_nor_decreased(rng: random.Random, rate: float) -> None:
    counts = [noisy(rng, rate) for _ in range(168)] + [0] * 24
    covered = [3600.0] * 168 + [0.0] * 24
    found = one(table("a", counts, covered=covered), WEEK, DAY)
    assert value(found, "state") == "unknown"
    assert value(found, "p_value") is None
    assert value(found, "candidate_rate") is None


@pytest.mark.parametrize("silent", [5, 12, 23])
def test_partly_silent_service_is_neither_gone_nor_decreased(
    rng: random.Random, silent: int
) -> None:
    counts = [noisy(rng, 30) for _ in range(168)] + [0] * 24
    covered = [3600.0] * (192 - silent) + [0.0] * silent
    assert value(one(table("a", counts, covered=covered), WEEK, DAY), "state") == "steady"
    # The same hours without any row at all.
    shorter = table("a", counts[: 192 - silent])
    assert value(one(shorter, WEEK, DAY), "state") == "steady"


def test_class_that_stops_while_its_service_logs_is_gone(rng: random.Random) -> None:
    frame = table("a", [noisy(rng, 5) for _ in range(168)] + [0] * 24)
    assert value(one(frame, WEEK, DAY), "state") == "gone"


def test_class_at_a_fifth_of_its_rate_has_decreased(rng: random.Random) -> None:
    frame = table("a", [noisy(rng, 30 if hour < 168 else 6) for hour in range(192)])
    found = one(frame, WEEK, DAY)
    assert value(found, "state") == "decreased"
    assert value(found, "is_regression") is False


@pytest.mark.parametrize("how", ["uncovered", "without rows"])
def test_removed_hours_never_improve_a_finding(rng: random.Random, how: str) -> None:
    whole = service(rng, 30, factor=2.5)
    assert value(one(whole, WEEK, DAY), "is_regression") is True
    for hour in range(0, 192, 3):
        if how == "uncovered":
            at = pl.int_range(pl.len()) == hour
            frame = whole.with_columns(
                pl.when(at).then(0).otherwise(pl.col(name)).alias(name)
                for name in ("event_count", "covered_seconds", "exposure")
            )
        else:
            frame = whole.filter(pl.int_range(pl.len()) != hour)
        found = one(frame, WEEK, DAY)
        assert value(found, "is_regression") is True, hour
        assert 1.9 < float(value(found, "rate_ratio")) < 3.2, hour  # type: ignore[arg-type]


def test_removed_hours_never_make_a_steady_class_better(rng: random.Random) -> None:
    whole = service(rng, 30)
    for kept in range(0, 25, 4):
        frame = whole.head(168 + kept)
        state = value(one(frame, WEEK, DAY), "state")
        assert state == ("steady" if kept else "unknown")


def test_events_outside_covered_time_are_no_evidence(rng: random.Random) -> None:
    counts = [noisy(rng, 5) for _ in range(168)] + [500] + [noisy(rng, 5) for _ in range(23)]
    covered = [3600.0] * 168 + [0.0] + [3600.0] * 23
    assert value(one(table("a", counts, covered=covered), WEEK, DAY), "state") == "steady"


# Short and empty baselines


@pytest.mark.parametrize(("count", "is_found"), [(1, False), (2, False), (3, True), (10, True)])
def test_zero_baseline_of_a_week_confirms_from_three_events(count: int, is_found: bool) -> None:
    frame = table("a", [0] * 168 + [1] * count + [0] * (24 - count))
    found = one(frame, WEEK, DAY)
    assert value(found, "state") == "new"
    assert value(found, "is_regression") is is_found
    assert value(found, "rate_ratio") is None
    assert value(found, "rate_ratio_upper") is None
    assert float(value(found, "rate_ratio_lower")) > 0  # type: ignore[arg-type]


def test_one_minute_of_baseline_is_tested_exactly() -> None:
    minute = START.replace(minute=1)
    baseline = Window(START, minute)
    candidate = Window(minute, START.replace(minute=11))
    few = one(table("a", [0] + [1] * 5 + [0] * 5, seconds=60), baseline, candidate)
    assert value(few, "state") == "new"
    assert value(few, "is_regression") is False
    many = one(table("a", [0] + [30] * 10, seconds=60), baseline, candidate)
    assert value(many, "is_regression") is True


def test_under_half_a_minute_of_baseline_no_test_is_possible() -> None:
    baseline = Window(START, START.replace(second=20))
    candidate = Window(START.replace(second=20), START.replace(minute=10))
    frame = pl.concat(
        [
            table("a", [0], seconds=20),
            table("a", [50] * 9, seconds=60, start=START.replace(second=20)),
        ]
    )
    assert value(one(frame, baseline, candidate), "state") == "unknown"


def test_without_any_baseline_nothing_is_claimed() -> None:
    found = one(table("a", [5] * 24), [], hours(0, 24))
    assert value(found, "state") == "unknown"
    assert value(found, "confidence") == "none"
    assert value(found, "candidate_rate") == 5.0


def test_windows_of_minutes_find_a_tenfold_rise(rng: random.Random) -> None:
    counts = [poisson(rng, 2 if minute < 60 else 20) for minute in range(80)]
    baseline = hours(0, 1)
    candidate = Window(baseline.end, baseline.end.replace(minute=20))
    found = one(table("a", counts, seconds=60), baseline, candidate)
    assert value(found, "is_regression") is True
    assert 5 < float(value(found, "rate_ratio")) < 20  # type: ignore[arg-type]


# Buckets and windows


def test_partial_buckets_count_by_what_they_cover(rng: random.Random) -> None:
    counts = [noisy(rng, 40) for _ in range(190)]
    half = [*counts[:189], counts[189] // 2]
    covered = [3600.0] * 189 + [1800.0]
    whole = one(table("a", counts), WEEK, hours(168, 190))
    part = one(table("a", half, covered=covered), WEEK, hours(168, 190))
    before, after = float(value(whole, "rate_ratio")), float(value(part, "rate_ratio"))  # type: ignore[arg-type]
    assert after == pytest.approx(before, rel=0.02)


def test_windows_need_not_lie_on_bucket_borders(rng: random.Random) -> None:
    """Buckets are cut where the window is: the part before 16:26 belongs to the baseline."""
    border = START.replace(day=9, hour=16, minute=26)
    before = table("a", [noisy(rng, 20) for _ in range(184)])
    cut = table("a", [noisy(rng, 9)], covered=[26 * 60.0], start=border.replace(minute=0))
    rest = table("a", [noisy(rng, 30)], covered=[34 * 60.0], start=border)
    after = table("a", [noisy(rng, 60) for _ in range(12)], start=border.replace(hour=17, minute=0))
    frame = pl.concat([before, cut, rest, after])
    found = one(frame, Window(START, border), Window(border, border.replace(day=10, hour=5)))
    assert value(found, "is_regression") is True
    expected = [*rest["event_count"].to_list(), *after["event_count"].to_list()]
    assert value(found, "candidate_count") == sum(expected)
    assert 2.2 < float(value(found, "rate_ratio")) < 4  # type: ignore[arg-type]


def test_event_bucket_at_a_window_end_belongs_to_the_next_window() -> None:
    frame = table("a", [1, 2, 4, 8])
    found = one(frame, hours(0, 2), hours(2, 4))
    assert value(found, "baseline_count") == 3
    assert value(found, "candidate_count") == 12


def test_row_order_is_irrelevant(rng: random.Random) -> None:
    frame = pl.concat(service(rng, 3.0**i, name=f"s{i}") for i in range(5))
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=7)
    assert_frame_equal(detect(frame, WEEK, DAY), detect(shuffled, WEEK, DAY))


def test_bucket_that_only_other_series_have_counts_as_zero(rng: random.Random) -> None:
    dense = pl.concat([service(rng, 0.5, name="rare"), service(rng, 50, name="busy")])
    sparse = dense.filter((pl.col("series_id") == "busy") | (pl.col("event_count") > 0))
    assert sparse.height < dense.height
    # Exposure differs by series here; what the rare one lacks is taken from the busy one.
    same = dense.with_columns(exposure=pl.lit(None, pl.Float64))
    assert_frame_equal(
        detect(same, WEEK, DAY),
        detect(sparse.with_columns(exposure=pl.lit(None, pl.Float64)), WEEK, DAY),
    )


def test_baseline_may_lie_in_several_stretches_and_after_the_candidate(rng: random.Random) -> None:
    counts = [noisy(rng, 60 if 72 <= hour < 96 else 20) for hour in range(168)]
    frame = table("a", counts)
    found = one(frame, [hours(0, 72), hours(96, 168)], hours(72, 96))
    assert value(found, "is_regression") is True
    assert value(found, "baseline_count") == sum(counts) - sum(counts[72:96])


# Storms and states


def test_test_decides_on_capped_counts_and_reports_raw_ones() -> None:
    counts = [2] * 168 + [2] * 23 + [300]
    capped = [2] * 168 + [2] * 23 + [5]
    frame = table("a", counts).with_columns(capped_count=pl.Series(capped))
    found = one(frame, WEEK, DAY)
    assert value(found, "state") == "burst"
    assert value(found, "is_regression") is False
    assert value(found, "candidate_count") == 346


def test_rise_that_keeps_rising_is_escalating(rng: random.Random) -> None:
    counts = [noisy(rng, 10) for _ in range(168)] + [
        noisy(rng, 10 + 5 * hour, shape=50) for hour in range(24)
    ]
    assert value(one(table("a", counts), WEEK, DAY), "state") == "escalating"


def test_class_that_was_silent_for_long_has_returned(rng: random.Random) -> None:
    counts = [noisy(rng, 5) for _ in range(48)] + [0] * 120 + [noisy(rng, 20) for _ in range(24)]
    assert value(one(table("a", counts), WEEK, DAY), "state") == "returned"


# Rates of false alarms and of finding


def _draws(rng: random.Random, rate: float, factor: float, count: int) -> pl.DataFrame:
    return pl.concat(
        service(rng, rate, factor=factor, follows=bool(i % 4), name=f"r{rate}-{i}")
        for i in range(count)
    )


@pytest.mark.slow
def test_two_thousand_unchanged_classes_give_at_most_two_false_alarms(
    rng: random.Random,
) -> None:
    alarms = 0
    for _ in range(20):
        frame = pl.concat(
            service(rng, 10 ** rng.uniform(-0.7, 2), follows=bool(i % 4), name=f"s{i}")
            for i in range(100)
        )
        alarms += int(detect(frame, WEEK, DAY)["is_regression"].sum())
    assert alarms <= 2


@pytest.mark.parametrize(
    ("rate", "factor", "least"), [(5, 2.0, 0.80), (30, 2.0, 0.85), (5, 3.0, 0.95)]
)
def test_rises_are_found(rng: random.Random, rate: float, factor: float, least: float) -> None:
    frame = pl.concat([_draws(rng, rate, factor, 40), _draws(rng, 7.0, 1.0, 60)])
    found = detect(frame, WEEK, DAY).filter(pl.col("series_id").str.starts_with(f"r{rate}-"))
    assert found["is_regression"].mean() >= least  # type: ignore[operator]


def test_new_class_of_three_an_hour_is_found(rng: random.Random) -> None:
    frame = pl.concat(
        table(f"n{i}", [0] * 168 + [poisson(rng, 3) for _ in range(24)]) for i in range(30)
    )
    assert detect(frame, WEEK, DAY)["is_regression"].all()


def test_interval_of_the_ratio_holds_the_planted_ratio(rng: random.Random) -> None:
    frame = _draws(rng, 10, 2.0, 120)
    found = detect(frame, WEEK, DAY)
    covers = (found["rate_ratio_lower"] <= 2) & (found["rate_ratio_upper"] >= 2)
    assert 0.90 <= float(covers.mean()) <= 0.995  # type: ignore[arg-type]


def test_smallest_detectable_ratio_falls_with_the_rate(rng: random.Random) -> None:
    frame = pl.concat(service(rng, rate, name=f"{rate:03}") for rate in (1, 10, 100))
    ratios = detect(frame, WEEK, DAY)["minimum_detectable_ratio"].to_list()
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] > 1.25


def test_many_classes_are_held_to_a_lower_p_value(rng: random.Random) -> None:
    rise = service(rng, 5, factor=1.6, name="rise")
    alone = detect(rise, WEEK, DAY)
    crowd = [service(rng, 5, name=f"s{i}") for i in range(200)]
    among = detect(pl.concat([rise, *crowd]), WEEK, DAY).filter(series_id="rise")
    assert alone["q_value"][0] == alone["p_value"][0]
    assert among["q_value"][0] > 5 * among["p_value"][0]


def test_settings_move_the_decision(rng: random.Random) -> None:
    frame = service(rng, 20, factor=2.0)
    assert detect(frame, WEEK, DAY)["is_regression"][0]
    strict = DetectionSettings(minimum_ratio=3.0)
    assert not detect(frame, WEEK, DAY, strict)["is_regression"][0]


def test_empty_table_gives_an_empty_result() -> None:
    found = detect(table("a", []), WEEK, DAY)
    assert found.height == 0
    assert "minimum_detectable_ratio" in found.columns


@pytest.mark.parametrize(
    ("rate", "hour_count"), list(itertools.product([1, 10**5, 10**8], [2, 24]))
)
def test_huge_counts_are_finite(rng: random.Random, rate: int, hour_count: int) -> None:
    counts = [noisy(rng, rate) for _ in range(168 + hour_count)]
    found = detect(table("a", counts), WEEK, hours(168, 168 + hour_count))
    numbers = found.select(pl.col(pl.Float64)).row(0)
    assert all(number is not None and number == number for number in numbers)
