"""Silence of a service, and how buckets are cut."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.diagnosis.coverage import (
    EVERYTHING,
    Coverage,
    all_buckets,
    bucket_seconds,
    buckets,
    find_coverage,
    minute_coverage,
)
from pipeline.diagnosis.windows import Choice
from pipeline.model import Gap, Window, WindowName
from pipeline.schema import TIMESTAMP, Schema

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHOICE = Choice(
    (Window(DAY, DAY + 24 * HOUR),), Window(DAY + 24 * HOUR, DAY + 48 * HOUR), "candidate", ""
)
MINUTES: Schema = {
    "service_name": pl.String,
    "window_name": pl.String,
    "bucket_start": TIMESTAMP,
    "event_count": pl.Int64,
    "first_timestamp": TIMESTAMP,
    "last_timestamp": TIMESTAMP,
}


def logging(service: str, minutes: Iterable[int]) -> list[tuple[object, ...]]:
    """Rows of a service that logs one event in each of *minutes* after the first midnight."""
    starts = [DAY + timedelta(minutes=minute) for minute in minutes]
    return [
        (service, "baseline" if start < DAY + 24 * HOUR else "candidate", start, 1,
         start + timedelta(seconds=10), start + timedelta(seconds=50))
        for start in starts
    ]  # fmt: skip


def coverage_of(*services: list[tuple[object, ...]]) -> Coverage:
    rows = [row for service in services for row in service]
    return find_coverage(pl.DataFrame(rows, schema=MINUTES, orient="row"), CHOICE)


def gaps(coverage: Coverage, service: str) -> list[tuple[str, str, float, float]]:
    """Return (window, kind, first hour, last hour) of the gaps, in hours after midnight."""
    return [
        (gap.window, gap.kind, (gap.start - DAY) / HOUR, (gap.end - DAY) / HOUR)
        for gap in coverage.gaps[service]
    ]


def test_an_outage_of_a_busy_service_is_a_gap() -> None:
    busy = [minute for minute in range(48 * 60) if not 30 * 60 <= minute < 31 * 60]

    ((window, kind, start, end),) = gaps(coverage_of(logging("api", busy)), "api")

    assert (window, kind) == ("candidate", "silent")
    # From the last event before to the first after.
    assert (start, end) == pytest.approx((30 - 10 / 3600, 31 + 10 / 3600))


@pytest.mark.parametrize(
    "minutes",
    [range(0, 48 * 60, 60), range(0, 48 * 60, 5), [30, 24 * 60 + 30], [10, 13, 1500, 1502]],
    ids=["hourly job", "every five minutes", "daily job", "a few lines a day"],
)
def test_a_job_is_not_silent_between_its_runs(minutes: Iterable[int]) -> None:
    busy = logging("api", range(48 * 60))

    assert gaps(coverage_of(busy, logging("job", minutes)), "job") == []


def test_an_hourly_job_that_runs_no_more_is_absent() -> None:
    busy = logging("api", range(48 * 60))

    found = gaps(coverage_of(busy, logging("job", range(0, 24 * 60, 60))), "job")

    assert found == [("candidate", "absent", 24, 48)]


def test_quiet_nights_of_a_day_time_service_are_usual() -> None:
    hours = [hour for day in (0, 24) for hour in range(day + 8, day + 20)]
    days = [hour * 60 + minute for hour in hours for minute in range(60)]
    coverage = coverage_of(logging("api", range(48 * 60)), logging("office", days))

    # Its nights are no outage in its own minutes: the first error of the morning has a full rate.
    morning = [gap for gap in gaps(coverage, "office") if 8 < gap[2] % 24 < 19]
    assert morning == []


def test_a_service_that_never_logs_in_the_candidate_window_is_absent() -> None:
    coverage = coverage_of(logging("api", range(48 * 60)), logging("web", range(24 * 60)))

    assert gaps(coverage, "web") == [("candidate", "absent", 24, 48)]
    assert (
        coverage.covered_seconds({"web": 1.0}, "candidate", DAY + 24 * HOUR, DAY + 25 * HOUR) == 0
    )


def test_time_before_a_services_first_appearance_is_covered() -> None:
    coverage = coverage_of(logging("api", range(48 * 60)), logging("new", range(24 * 60, 48 * 60)))

    # The gap is told, and the first error of a new service is new all the same.
    assert gaps(coverage, "new") == [("baseline", "absent", 0, 24)]
    assert coverage.covered_seconds({"new": 1.0}, "baseline", DAY, DAY + HOUR) == 3600


def test_a_gap_at_the_edge_of_a_window_reaches_the_edge() -> None:
    coverage = coverage_of(logging("api", range(46 * 60)))

    ((window, kind, _, end),) = gaps(coverage, "api")
    assert (window, kind, end) == ("candidate", "silent", 48)


def test_an_outage_of_all_services_is_a_gap_of_everything() -> None:
    busy = [minute for minute in range(48 * 60) if not 30 * 60 <= minute < 32 * 60]
    coverage = coverage_of(logging("api", busy), logging("web", busy))

    assert len(gaps(coverage, EVERYTHING)) == 1


def test_an_outage_of_one_service_of_two_is_no_gap_of_everything() -> None:
    busy = [minute for minute in range(48 * 60) if not 30 * 60 <= minute < 32 * 60]
    coverage = coverage_of(logging("api", busy), logging("web", range(48 * 60)))

    assert gaps(coverage, EVERYTHING) == []
    assert len(gaps(coverage, "api")) == 1


def test_coverage_is_weighted_by_service() -> None:
    busy = [minute for minute in range(48 * 60) if not 30 * 60 <= minute < 32 * 60]
    coverage = coverage_of(logging("api", busy), logging("web", range(48 * 60)))
    start = DAY + 30 * HOUR

    covered = coverage.covered_seconds({"api": 0.25, "web": 0.75}, "candidate", start, start + HOUR)

    assert covered == pytest.approx(0.75 * 3600)


def test_the_minutes_of_a_gap_add_up_to_its_hours() -> None:
    busy = [minute for minute in range(48 * 60) if not 1815 <= minute < 1850]
    coverage = coverage_of(logging("api", busy))

    by_minute = sum(
        covered
        for _, covered in minute_coverage(CHOICE, coverage, {"api": 1.0}, CHOICE.candidate.start)
    )
    whole = coverage.covered_seconds({"api": 1.0}, "candidate", DAY + 24 * HOUR, DAY + 48 * HOUR)
    assert by_minute == pytest.approx(whole)
    assert whole == pytest.approx(24 * 3600 - 35 * 60 - 20)


def test_buckets_are_cut_at_full_hours_and_at_the_windows_borders() -> None:
    start, end = DAY + timedelta(minutes=26), DAY + timedelta(hours=2, minutes=10)

    found = buckets(Window(start, end), 3600)

    assert found == [(start, DAY + HOUR), (DAY + HOUR, DAY + 2 * HOUR), (DAY + 2 * HOUR, end)]


def test_a_window_shorter_than_a_bucket_is_one_bucket() -> None:
    start, end = DAY + timedelta(minutes=26), DAY + timedelta(minutes=27)

    assert buckets(Window(start, end), 3600) == [(start, end)]


def test_buckets_of_all_stretches_fill_them() -> None:
    stretches = (
        Window(DAY, DAY + 90 * timedelta(minutes=1)),
        Window(DAY + 5 * HOUR, DAY + 6 * HOUR),
    )
    choice = Choice(stretches, Window(DAY + 9 * HOUR, DAY + 11 * HOUR), "candidate", "")

    rows = all_buckets(choice, 3600)

    assert [name for name, _, _ in rows] == ["baseline"] * 3 + ["candidate"] * 2
    assert sum(((end - start) for _, start, end in rows), timedelta()) == 4.5 * HOUR


@pytest.mark.parametrize(
    ("baseline_hours", "candidate_hours", "seconds"),
    [(24, 24, 3600), (24, 6.5, 3600), (6, 6, 60), (19, 6, 60), (24, 6, 600), (24 * 30, 6, 3600)],
)
def test_short_windows_have_short_buckets_while_they_stay_few(
    baseline_hours: float, candidate_hours: float, seconds: int
) -> None:
    middle = DAY + timedelta(hours=baseline_hours)
    candidate = Window(middle, middle + timedelta(hours=candidate_hours))

    assert bucket_seconds(Choice((Window(DAY, middle),), candidate, "candidate", "")) == seconds


@pytest.mark.parametrize("years", [0.1, 2, 20, 60])
def test_a_line_of_long_ago_does_not_make_a_million_buckets(years: float) -> None:
    end = DAY + timedelta(days=365 * years)
    choice = Choice((Window(DAY, end),), Window(end, end + timedelta(days=1)), "candidate", "")

    assert len(all_buckets(choice, bucket_seconds(choice))) <= 3003


def test_covered_time_leaves_out_each_gap_once() -> None:
    hour = timedelta(hours=1)
    early = [
        Gap("api", "baseline", DAY + hour * at, DAY + hour * at + hour / 2, "silent")
        for at in (1, 3, 5)
    ]
    gaps = (*early, Gap("api", "candidate", DAY + hour * 8, DAY + hour * 9, "silent"))
    everywhere = frozenset({"api"})
    coverage = Coverage({"api": gaps}, {"baseline": everywhere, "candidate": everywhere})

    def covered(window: WindowName, first: float, last: float) -> float:
        start, end = DAY + hour * first, DAY + hour * last
        return coverage.covered_seconds({"api": 1.0}, window, start, end)

    assert covered("baseline", 0, 6) == 6 * 3600 - 3 * 1800
    assert covered("baseline", 3.25, 3.75) == 1800 - 900
    assert covered("baseline", 6, 10) == 4 * 3600
    assert covered("candidate", 6, 10) == 3 * 3600
    assert covered("candidate", 8.25, 8.5) == 0


def test_one_long_pause_among_a_few_is_no_habit() -> None:
    """Bursts of minutes, then a day of nothing: what lies between was not logged."""
    bursts = [*range(5), *range(9, 14), *range(19, 24), 24 * 60 + 600, 24 * 60 + 601]
    coverage = coverage_of(logging("a", bursts))
    assert coverage.covered_seconds({"a": 1.0}, "baseline", DAY, DAY + 24 * HOUR) < 3600
