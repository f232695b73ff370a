"""Counts by minute to buckets: each count in its own, with coverage and exposure."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.diagnosis.coverage import EVERYTHING, Coverage
from pipeline.diagnosis.series import (
    TOTAL,
    Grid,
    finding_series,
    make_grid,
    onset_minutes,
    service_coverage,
    service_traffic,
    shares_of,
    shift_baseline,
    total_series,
    uncapped,
    with_bucket_lengths,
)
from pipeline.diagnosis.windows import Choice
from pipeline.model import Gap, Window
from pipeline.schema import TIMESTAMP, Schema

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
# Borders inside an hour: the first bucket of the candidate is cut at 8:26.
BASELINE = Window(DAY, DAY + 8 * HOUR + 26 * MINUTE)
CANDIDATE = Window(BASELINE.end, DAY + 17 * HOUR)
CHOICE = Choice((BASELINE,), CANDIDATE, "candidate", "")
FULL = Coverage({}, {"baseline": frozenset({"api", "web"}), "candidate": frozenset({"api", "web"})})
COUNTS: Schema = {
    "series_id": pl.String,
    "window_name": pl.String,
    "bucket_start": TIMESTAMP,
    "event_count": pl.Int64,
}
TRAFFIC: Schema = {
    "service_name": pl.String,
    "window_name": pl.String,
    "bucket_start": TIMESTAMP,
    "request_count": pl.Int64,
    "calm_event_count": pl.Int64,
    "error_count": pl.Int64,
}


def counts(*rows: tuple[str, int, int]) -> pl.DataFrame:
    """Rows of (series, minute of the day, events), each in its window."""
    named = [
        (series, "baseline" if DAY + minute * MINUTE < CANDIDATE.start else "candidate",
         DAY + minute * MINUTE, count)
        for series, minute, count in rows
    ]  # fmt: skip
    return uncapped(pl.DataFrame(named, schema=COUNTS, orient="row"))


def traffic(*rows: tuple[str, int, int, int]) -> pl.DataFrame:
    """Rows of (service, minute of the day, requests, calm events)."""
    named = [
        (service, "baseline" if DAY + minute * MINUTE < CANDIDATE.start else "candidate",
         DAY + minute * MINUTE, requests, calm, 1)
        for service, minute, requests, calm in rows
    ]  # fmt: skip
    return pl.DataFrame(named, schema=TRAFFIC, orient="row")


def shares(*rows: tuple[str, str, float]) -> pl.DataFrame:
    columns = ["series_id", "service_name", "weight"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def series(
    minutes: pl.DataFrame,
    of: pl.DataFrame,
    traffic_: pl.DataFrame,
    coverage: Coverage = FULL,
) -> pl.DataFrame:
    grid = make_grid(CHOICE)
    covered = service_coverage([EVERYTHING, "api", "web"], grid, coverage)
    return finding_series(minutes, of, grid, covered, service_traffic(traffic_, grid))


def by_hour(frame: pl.DataFrame, column: str) -> dict[float, object]:
    """Return the column of the buckets that are neither null nor zero, by hours after midnight."""
    rows = frame.select("bucket_start", column).iter_rows()
    return {(start - DAY) / HOUR: value for start, value in rows if value}


def test_grid_covers_both_windows_without_overlap() -> None:
    grid = make_grid(CHOICE)

    lengths = (grid.frame["bucket_end"] - grid.frame["bucket_start"]).dt.total_seconds()
    assert lengths.sum() == BASELINE.seconds + CANDIDATE.seconds
    assert grid.bucket_seconds == 3600


def test_counts_land_in_the_bucket_of_their_window() -> None:
    minutes = counts(("f", 60, 1), ("f", 119, 2), ("f", 8 * 60 + 25, 4), ("f", 8 * 60 + 26, 8),
                     ("f", 9 * 60, 16), ("f", 16 * 60 + 59, 32))  # fmt: skip

    frame = series(minutes, shares(("f", "api", 1.0)), traffic())

    assert by_hour(frame, "event_count") == {1: 3, 8: 4, 8 + 26 / 60: 8, 9: 16, 16: 32}
    assert by_hour(frame, "capped_count") == by_hour(frame, "event_count")
    assert frame["event_count"].sum() == minutes["event_count"].sum()


def test_every_bucket_of_both_windows_has_a_row() -> None:
    frame = series(counts(("f", 60, 1), ("g", 61, 1)),
                   shares(("f", "api", 1.0), ("g", "web", 1.0)), traffic())  # fmt: skip

    assert frame.group_by("series_id").len().sort("series_id").rows() == [("f", 18), ("g", 18)]
    assert frame["event_count"].null_count() == 0


def test_a_series_is_covered_as_far_as_its_services_log() -> None:
    outage = Gap("api", "candidate", DAY + 10 * HOUR, DAY + 11 * HOUR, "silent")
    coverage = Coverage({"api": (outage,)}, FULL.present)

    frame = series(counts(("f", 60, 1)), shares(("f", "api", 0.25), ("f", "web", 0.75)), traffic(),
                   coverage)  # fmt: skip

    covered = by_hour(frame, "covered_seconds")
    assert covered[9] == 3600
    assert covered[10] == pytest.approx(0.75 * 3600)
    assert covered[8 + 26 / 60] == 34 * 60


def test_exposure_is_the_requests_of_the_services_own_access_lines() -> None:
    frame = series(counts(("f", 60, 1)), shares(("f", "api", 1.0)),
                   traffic(("api", 60, 5, 9), ("api", 61, 6, 9), ("web", 60, 100, 9)))  # fmt: skip

    assert by_hour(frame, "exposure") == {1: 11.0}
    assert frame["exposure_kind"].unique().to_list() == ["requests"]


def test_exposure_of_a_service_without_access_lines_is_the_front_proxys() -> None:
    logged = traffic(("proxy", 60, 100, 0), ("api", 60, 90, 0), ("worker", 60, 0, 7))

    frame = series(counts(("f", 60, 1)), shares(("f", "worker", 1.0)), logged)

    assert by_hour(frame, "exposure") == {1: 100.0}


def test_without_any_access_line_exposure_is_the_calm_events() -> None:
    frame = series(counts(("f", 60, 1)), shares(("f", "api", 1.0)),
                   traffic(("api", 60, 0, 40), ("web", 60, 0, 9)))  # fmt: skip

    assert by_hour(frame, "exposure") == {1: 40.0}
    assert frame["exposure_kind"].unique().to_list() == ["events"]


def test_error_lines_are_never_exposure() -> None:
    frame = series(counts(("f", 60, 1)), shares(("f", "api", 1.0)), traffic(("api", 60, 0, 0)))

    assert frame["exposure"].null_count() == frame.height
    assert frame["exposure_kind"].null_count() == frame.height


def test_buckets_without_requests_have_no_exposure_rather_than_an_unknown_one() -> None:
    frame = series(counts(("f", 60, 1)), shares(("f", "api", 1.0)), traffic(("api", 60, 5, 0)))

    assert frame["exposure"].null_count() == 0
    assert by_hour(frame, "exposure") == {1: 5.0}


def test_shares_add_up_to_one_for_each_finding() -> None:
    services = pl.DataFrame(
        {
            "finding_id": ["f", "f", "g"],
            "service_name": ["api", "web", "web"],
            "baseline_count": [1, 0, 0],
            "candidate_count": [2, 1, 5],
        }
    )

    assert shares_of(services).rows() == [("f", "api", 0.75), ("f", "web", 0.25), ("g", "web", 1.0)]


def test_the_total_is_the_sum_of_all_services_errors() -> None:
    grid = make_grid(CHOICE)
    logged = traffic(("api", 60, 5, 0), ("web", 60, 0, 3), ("web", 9 * 60, 0, 3))
    covered = service_coverage([EVERYTHING], grid, FULL)

    frame = total_series(logged, grid, covered, service_traffic(logged, grid))

    assert frame["series_id"].unique().to_list() == [TOTAL]
    assert by_hour(frame, "event_count") == {1: 2, 9: 1}
    assert by_hour(frame, "exposure") == {1: 5.0}


def test_onset_minutes_are_the_baselines_buckets_and_every_candidate_minute() -> None:
    minutes = counts(("f", 9 * 60, 3), ("f", 60, 1))
    frame = series(minutes, shares(("f", "api", 1.0)), traffic())
    covered = [(CANDIDATE.start + n * MINUTE, 60.0) for n in range(514)]

    own = minutes.filter(pl.col("window_name") == "candidate")
    found = onset_minutes(frame, own, covered, with_exposure=False)

    assert found.height == 9 + 514
    assert by_hour(found, "event_count") == {1: 1, 9: 3}


def test_onset_minutes_share_the_requests_of_their_bucket() -> None:
    minutes = counts(("f", 9 * 60, 3), ("f", 60, 1))
    frame = series(
        minutes, shares(("f", "api", 1.0)), traffic(("api", 60, 7, 0), ("api", 600, 90, 0))
    )
    covered = [(CANDIDATE.start + n * MINUTE, 60.0) for n in range(514)]
    own = minutes.filter(pl.col("window_name") == "candidate")

    found = onset_minutes(frame, own, covered, with_exposure=True)

    assert found.filter(pl.col("exposure") > 0).height == 1 + 60
    assert found["exposure"].sum() == pytest.approx(97)


def test_only_the_baseline_is_shifted() -> None:
    frame = counts(("f", 60, 1), ("f", 9 * 60, 1))

    moved = shift_baseline(frame, timedelta(days=2))

    assert moved["bucket_start"].to_list() == [DAY + HOUR - timedelta(days=2), DAY + 9 * HOUR]
    assert shift_baseline(moved, -timedelta(days=2)).equals(frame)


def test_buckets_at_borders_are_shorter() -> None:
    grid: Grid = make_grid(CHOICE)
    frame = series(counts(("f", 60, 1)), shares(("f", "api", 1.0)), traffic())

    lengths = by_hour(with_bucket_lengths(frame, grid), "bucket_seconds")

    assert (lengths[7], lengths[8], lengths[8 + 26 / 60]) == (3600, 26 * 60, 34 * 60)
