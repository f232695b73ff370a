"""Calibration on counts that are drawn here: what is planted must be found, and nothing else."""

import random
from dataclasses import asdict
from datetime import timedelta

import polars as pl
import pytest

import pipeline.detection.calibrate as calibration
from pipeline.detection import Counts, calibrate_counts
from pipeline.errors import UndecidableError
from pipeline.facts import Calibration, Planted
from tests.detection.draws import START, hours, poisson

HOURS = 96


def drawn(rng: random.Random, rates: dict[str, float], length: int = HOURS) -> Counts:
    """Poisson counts by minute of classes with these rates an hour, all of them covered."""
    rows = [
        (name, START + timedelta(minutes=at), START + timedelta(hours=at // 60), count)
        for name, rate in rates.items()
        for at in range(60 * length)
        if (count := poisson(rng, rate / 60))
    ]
    buckets = [
        (name, START + timedelta(hours=at), 3600.0, None, None)
        for name in rates
        for at in range(length)
    ]
    time = pl.Datetime("us", "UTC")
    return Counts(
        pl.DataFrame(
            rows,
            schema={
                "series_id": pl.String,
                "bucket_start": time,
                "bucket": time,
                "event_count": pl.Int64,
            },
            orient="row",
        ),
        pl.DataFrame(
            buckets,
            schema={
                "series_id": pl.String,
                "bucket_start": time,
                "covered_seconds": pl.Float64,
                "exposure": pl.Float64,
                "exposure_kind": pl.String,
            },
            orient="row",
        ),
        hours(0, length),
        24 * 3600.0,
        3600,
    )


@pytest.fixture(scope="module")
def counts() -> Counts:
    # The first is too rare to be planted in: ten events a window are asked for.
    rates = {f"class-{number}": rate for number, rate in enumerate((0.3, 6, 10, 20, 40, 60))}
    return drawn(random.Random(5), rates)


@pytest.fixture(scope="module")
def found(counts: Counts) -> Calibration:
    return calibrate_counts(counts, 1)


def by_kind(found: Calibration) -> dict[str, Planted]:
    return {one.kind: one for one in found.planted}


def test_large_rises_are_found_and_dated(found: Calibration) -> None:
    kinds = by_kind(found)

    for kind in ("x3", "new"):
        assert kinds[kind].count >= 4
        assert (kinds[kind].confirmed or 0) > 0.9
        assert kinds[kind].dated_count
    assert (kinds["x3"].onset_error_minutes or 99) < 15
    assert (kinds["x1.5"].confirmed or 0) <= (kinds["x3"].confirmed or 0)


def test_silence_is_neither_a_rise_nor_a_fall(found: Calibration) -> None:
    silence = by_kind(found)["silence"]

    assert silence.held_back == 1
    assert silence.confirmed is None


def test_noise_alone_raises_few_alarms(found: Calibration, counts: Counts) -> None:
    placebo = calibrate_counts(counts, 1, is_placebo=True)

    assert (found.window_count, placebo.window_count) == (8, 4)
    assert found.class_window_count == 6 * 8
    assert found.false_alarm_count <= 1
    assert placebo.false_alarm_count <= 1
    assert placebo.planted == []


def test_a_rise_in_the_counts_themselves_is_told_by_the_placebo(rng: random.Random) -> None:
    quiet = drawn(rng, {"steady": 10, "risen": 10})
    late = START + timedelta(hours=HOURS - 24)
    more = drawn(rng, {"risen": 60}).minutes.filter(pl.col("bucket_start") >= late)
    counts = Counts(pl.concat([quiet.minutes, more]), quiet.buckets, quiet.whole, 24 * 3600.0, 3600)

    found = calibrate_counts(counts, 1, is_placebo=True)

    assert found.false_alarm_count == found.windows_with_alarm_count == 1


def test_the_seed_decides_everything(rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_MOST", 2)
    counts = drawn(rng, {"one": 3, "two": 5}, 50)
    first, again, other = (asdict(calibrate_counts(counts, seed)) for seed in (1, 1, 2))

    assert first == again
    assert first["planted"] != other["planted"]


def test_rare_classes_have_no_power_that_could_be_told(rng: random.Random) -> None:
    found = calibrate_counts(drawn(rng, {"rare": 0.1}), 1)

    assert all(one.count == 0 and one.confirmed is None for one in found.planted)


@pytest.mark.parametrize(("rates", "length"), [({}, HOURS), ({"one": 5.0}, 30)])
def test_too_little_is_refused(rng: random.Random, rates: dict[str, float], length: int) -> None:
    with pytest.raises(UndecidableError, match="cannot calibrate"):
        calibrate_counts(drawn(rng, rates, length), 1)
