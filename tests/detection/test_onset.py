"""`find_onset` and `refine_onset` on rises whose minute is known."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest

from pipeline.detection import find_onset, refine_onset
from pipeline.model import Onset, Window
from tests.detection.draws import START, hours, poisson, table, traffic

WEEK, DAY = hours(0, 168), hours(168, 192)
MINUTE = timedelta(minutes=1)


def minutes(
    rng: random.Random,
    rate: float,
    factor: float,
    change: int,
    *,
    end: int = 1440,
    shape: float = 10.0,
    follows: bool = False,
    is_new: bool = False,
) -> pl.DataFrame:
    """A week of baseline and a day that rises by *factor* in its minutes [change, end)."""
    counts, exposure = [], []
    for hour in range(192):
        noise = rng.gammavariate(shape, 1 / shape)
        wave = traffic(hour) if follows else 1.0
        for minute in range(60):
            at = (hour - 168) * 60 + minute
            planted = factor if change <= at < end else (0.0 if is_new else 1.0)
            counts.append(poisson(rng, rate * wave * noise * planted / 60))
            exposure.append(float(poisson(rng, 50 * traffic(hour))))
    return table("a", counts, seconds=60, exposure=exposure)


def errors(
    rng: random.Random, rate: float, factor: float, *, is_new: bool = False
) -> tuple[float, float]:
    """Median error in minutes and share of intervals that hold the truth, over 20 days."""
    found, covers = [], []
    for _ in range(20):
        change = rng.randrange(120, 1000)
        frame = minutes(rng, rate, factor, change, is_new=is_new, follows=rng.random() < 0.5)
        onset = find_onset(frame, WEEK, DAY)
        assert onset is not None
        truth = DAY.start + change * MINUTE
        found.append(abs((onset.onset - truth).total_seconds()) / 60)
        covers.append(onset.onset_lower <= truth <= onset.onset_upper)
    return statistics.median(found), statistics.mean(covers)


@pytest.mark.parametrize(
    ("rate", "factor", "is_new", "most"),
    [(30, 2.0, False, 15), (30, 3.0, False, 8), (5, 3.0, False, 40), (3, 1.0, True, 15)],
)
def test_onset_is_near_the_truth_and_its_interval_holds_it(
    rng: random.Random, rate: float, factor: float, is_new: bool, most: float
) -> None:
    error, covered = errors(rng, rate, factor, is_new=is_new)
    assert error <= most
    assert covered >= 0.8


def test_onset_lies_within_its_interval(rng: random.Random) -> None:
    for factor in (1.5, 3.0, 20.0):
        onset = find_onset(minutes(rng, 10, factor, 700), WEEK, DAY)
        assert onset is not None
        assert DAY.start <= onset.onset_lower <= onset.onset <= onset.onset_upper <= DAY.end


def test_stronger_rise_has_a_narrower_interval(rng: random.Random) -> None:
    widths = []
    for factor in (2.0, 8.0, 50.0):
        onset = find_onset(minutes(rng, 20, factor, 700), WEEK, DAY)
        assert onset is not None
        widths.append(onset.onset_upper - onset.onset_lower)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] <= timedelta(minutes=5)


def new(at: Sequence[int], *, counts: int = 1, covered: Sequence[float] = ()) -> Onset:
    """The onset of a class that nobody had seen, with events in the day's minutes *at*."""
    day = [0] * 1440
    for minute in at:
        day[minute] = counts
    week = [60.0] * (168 * 60)
    frame = table(
        "a", [0] * (168 * 60) + day, seconds=60, covered=[*week, *(covered or [60] * 1440)]
    )
    onset = find_onset(frame, WEEK, DAY)
    assert onset is not None
    return onset


@pytest.mark.parametrize("gap", [2, 20, 60])
def test_new_class_began_a_wait_before_its_first_event(gap: int) -> None:
    """Half of the waits are shorter than 0.69 of their mean, 95 % than three times that."""
    onset = new(range(600, 600 + 11 * gap, gap))
    first = DAY.start + 600 * MINUTE
    assert 0.5 * gap <= (first - onset.onset) / MINUTE <= 0.85 * gap
    assert 3 * gap <= (first - onset.onset_lower) / MINUTE <= 7 * gap
    assert onset.onset_upper == first + MINUTE


def test_two_waits_tell_how_far_back_it_may_have_begun_and_no_more() -> None:
    onset = new([600, 610, 640])
    assert onset.onset == DAY.start + 600 * MINUTE
    assert onset.onset_lower <= DAY.start + 560 * MINUTE


def test_fast_new_class_began_seconds_before_its_first_event() -> None:
    onset = new(range(600, 700), counts=100)
    assert timedelta(0) < DAY.start + 600 * MINUTE - onset.onset <= timedelta(seconds=20)
    assert DAY.start + 600 * MINUTE - onset.onset_lower <= 2 * MINUTE


def test_rate_long_after_the_beginning_says_nothing_of_the_first_wait() -> None:
    slow = range(300, 300 + 12 * 30, 30)
    assert new(slow).onset == new([*slow, *range(700, 1400)]).onset


def test_lines_of_one_failure_are_one_event_to_the_wait() -> None:
    at = range(300, 600, 25)
    assert new(at, counts=1).onset == new(at, counts=9).onset


def test_stray_hours_before_a_rise_is_not_its_beginning() -> None:
    onset = new([100, *range(900, 1440, 2)])
    assert abs(onset.onset - (DAY.start + 900 * MINUTE)) <= 10 * MINUTE


def test_new_class_began_in_the_window_or_in_the_gap_before_its_first_event() -> None:
    """Nothing was covered in the minutes 340 to 460: it may have begun in any of them."""
    covered = [0.0 if 340 <= minute < 460 else 60.0 for minute in range(1440)]
    onset = new(range(462, 700, 4), covered=covered)
    assert onset.onset_lower <= DAY.start + 340 * MINUTE
    assert onset.onset == DAY.start + 460 * MINUTE
    assert new(range(1, 1440, 40)).onset_lower == DAY.start


def test_daily_wave_is_not_a_rise_when_the_class_follows_its_requests(rng: random.Random) -> None:
    """The day's peak is at 14:00; the change comes at night, when traffic falls."""
    frame = minutes(rng, 60, 3.0, 20 * 60, follows=True, shape=50)
    onset = find_onset(frame, WEEK, DAY)
    assert onset is not None
    assert abs(onset.onset - (DAY.start + timedelta(hours=20))) <= timedelta(minutes=15)


def test_rise_that_ended_is_found(rng: random.Random) -> None:
    onset = find_onset(minutes(rng, 20, 6.0, 300, end=480), WEEK, DAY)
    assert onset is not None
    assert abs(onset.onset - (DAY.start + 300 * MINUTE)) <= 10 * MINUTE


def test_rise_of_the_whole_window_begins_at_its_start(rng: random.Random) -> None:
    onset = find_onset(minutes(rng, 30, 3.0, 0), WEEK, DAY)
    assert onset is not None
    assert onset.onset_lower == DAY.start
    assert onset.onset - DAY.start <= 15 * MINUTE


def test_no_rise_has_no_onset(rng: random.Random) -> None:
    frame = minutes(rng, 10, 0.0, 0)
    assert find_onset(frame, WEEK, DAY) is None


def test_no_covered_baseline_or_candidate_has_no_onset(rng: random.Random) -> None:
    frame = minutes(rng, 10, 3.0, 300)
    assert find_onset(frame, [], DAY) is None
    assert find_onset(frame, WEEK, hours(200, 210)) is None
    assert find_onset(frame.with_columns(covered_seconds=pl.lit(0.0)), WEEK, DAY) is None


def test_uncovered_stretch_before_the_rise_is_not_taken_for_quiet(rng: random.Random) -> None:
    """The rise began somewhere in the gap: the onset is where the log resumes."""
    at = pl.int_range(pl.len()) - 168 * 60
    frame = minutes(rng, 60, 5.0, 400).with_columns(
        pl.when((at >= 340) & (at < 460)).then(0).otherwise(pl.col(name)).alias(name)
        for name in ("event_count", "covered_seconds", "exposure")
    )
    onset = find_onset(frame, WEEK, DAY)
    assert onset is not None
    assert abs(onset.onset - (DAY.start + 460 * MINUTE)) <= 5 * MINUTE
    assert onset.onset_lower <= DAY.start + 340 * MINUTE


def test_row_order_is_irrelevant(rng: random.Random) -> None:
    frame = minutes(rng, 10, 4.0, 500)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    assert find_onset(frame, WEEK, DAY) == find_onset(shuffled, WEEK, DAY)


def test_capped_counts_decide(rng: random.Random) -> None:
    """A storm of five minutes long before the rise is not its onset."""
    frame = minutes(rng, 20, 3.0, 900)
    at = pl.int_range(pl.len()) - 168 * 60
    in_storm = (at >= 100) & (at < 105)
    frame = frame.with_columns(
        capped_count=pl.col("event_count"),
        event_count=pl.when(in_storm).then(5000).otherwise(pl.col("event_count")),
    )
    onset = find_onset(frame, WEEK, DAY)
    assert onset is not None
    assert abs(onset.onset - (DAY.start + 900 * MINUTE)) <= 60 * MINUTE


def test_window_of_minutes_has_an_onset(rng: random.Random) -> None:
    counts = [0] * 60 + [0] * 12 + [poisson(rng, 4) for _ in range(18)]
    frame = table("a", counts, seconds=60)
    candidate = Window(START + timedelta(hours=1), START + timedelta(minutes=90))
    onset = find_onset(frame, hours(0, 1), candidate)
    assert onset is not None
    assert abs(onset.onset - (candidate.start + 12 * MINUTE)) <= 2 * MINUTE


def _times(*offsets: float) -> pl.Series:
    values: list[datetime] = [DAY.start + offset * MINUTE for offset in offsets]
    return pl.Series(values, dtype=pl.Datetime("us", "UTC"))


def _onset(lower: float, at: float, upper: float) -> Onset:
    return Onset(DAY.start + at * MINUTE, DAY.start + lower * MINUTE, DAY.start + upper * MINUTE)


def test_first_event_at_or_after_the_onset_is_told_and_does_not_move_it() -> None:
    refined = refine_onset(_onset(5, 10, 20), _times(30, 2, 10.5, 8), is_new=False)
    assert refined == replace(_onset(5, 10, 20), first_event=DAY.start + 10.5 * MINUTE)


def test_onset_after_the_last_event_has_no_first_event() -> None:
    assert refine_onset(_onset(5, 10, 20), _times(2), is_new=False) == _onset(5, 10, 20)


def test_wait_of_a_new_class_is_reckoned_from_its_first_event() -> None:
    """The minute of the first event is the one before the interval's end."""
    refined = refine_onset(_onset(5, 10, 20), _times(19.25, 22), is_new=True)
    assert refined.onset == DAY.start + 10.25 * MINUTE
    assert refined.onset_lower == DAY.start + 5 * MINUTE
    assert refined.onset_upper == refined.first_event == DAY.start + 19.25 * MINUTE


def test_stray_before_the_rise_of_a_new_class_is_not_its_first_event() -> None:
    refined = refine_onset(_onset(5, 10, 20), _times(1, 12), is_new=True)
    assert refined == replace(_onset(5, 10, 20), first_event=DAY.start + 12 * MINUTE)


def test_without_events_the_onset_stays() -> None:
    onset = _onset(5, 10, 20)
    assert refine_onset(onset, _times(), is_new=True) == onset
