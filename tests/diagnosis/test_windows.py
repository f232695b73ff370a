"""Which time is taken as normal and which is under question, for every way of asking."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.diagnosis.windows import Choice, choose_windows, is_window_text, named_borders
from pipeline.errors import PipelineError, UndecidableError, UsageError
from pipeline.model import Settings, Window

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """Read `02T10:30` as a time of March 2026."""
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC)


def span(text: str) -> Window:
    first, _, last = text.partition(" ")
    return Window(at(first), at(last))


def choose(extent: str, *paths: str, **asked: Any) -> Choice:  # noqa: ANN401  # fields of Settings
    baseline = tuple(f"folder{n}" for n, _ in enumerate(paths)) or asked.pop("baseline", ("auto",))
    settings = Settings(baseline=baseline, **asked)
    return choose_windows(settings, NOW, span(extent), [span(path) for path in paths])


def chosen(choice: Choice) -> tuple[list[Window], Window]:
    return list(choice.baseline), choice.candidate


# extent, baseline, since, until: windows. Everything in one folder.
TIMES = {
    "same hours of three days": (
        "01T00:00 05T12:00", "same-hours:3d", "2026-03-05T06:00", None,
        ["02T06:00 02T12:00", "03T06:00 03T12:00", "04T06:00 04T12:00"], "05T06:00 05T12:00",
    ),
    "same hours as far as the logs go back": (
        "03T08:00 05T12:00", "same-hours:7d", "2026-03-05T06:00", "2026-03-05T10:00",
        ["03T08:00 03T10:00", "04T06:00 04T10:00"], "05T06:00 05T10:00",
    ),
    "same hours without since take the last day": (
        "01T00:00 03T12:00", "same-hours:1d", None, None,
        ["01T12:00 02T12:00"], "02T12:00 03T12:00",
    ),
    "auto below 12 h has no baseline": (
        "01T00:00 01T11:59", "auto", None, None,
        [], "01T00:00 01T11:59",
    ),
    "auto from 12 h on takes the last quarter": (
        "01T00:00 01T12:00", "auto", None, None,
        ["01T00:00 01T09:00"], "01T09:00 01T12:00",
    ),
    "auto up to 96 h takes the last quarter, from a full hour": (
        "01T00:30 03T10:10", "auto", None, None,
        ["01T00:00 02T20:00"], "02T20:00 03T11:00",
    ),
    "auto from 96 h on takes the last day": (
        "01T00:00 05T00:00", "auto", None, None,
        ["01T00:00 04T00:00"], "04T00:00 05T00:00",
    ),
    "auto with since takes all before it": (
        "01T00:00 01T06:00", "auto", "2026-03-01T05:00", None,
        ["01T00:00 01T05:00"], "01T05:00 01T06:00",
    ),
    "auto with since and until": (
        "01T00:00 03T00:00", "auto", "2026-03-02", "2026-03-02T06:00",
        ["01T00:00 02T00:00"], "02T00:00 02T06:00",
    ),
    "auto with since at the beginning has no baseline": (
        "01T00:00 03T00:00", "auto", "start", None,
        [], "01T00:00 03T00:00",
    ),
    "auto with until judges the data up to it": (
        "01T00:00 06T00:00", "auto", None, "2026-03-01T16:00",
        ["01T00:00 01T12:00"], "01T12:00 01T16:00",
    ),
    "duration: that long before, the same length after": (
        "01T00:00 05T00:00", "24h", None, None,
        ["03T00:00 04T00:00"], "04T00:00 05T00:00",
    ),
    "duration that leaves less than its own length": (
        "01T00:00 02T06:00", "24h", None, None,
        ["01T00:00 02T00:00"], "02T00:00 02T06:00",
    ),
    "duration before since": (
        "01T00:00 05T00:00", "12h", "end-6h", None,
        ["04T06:00 04T18:00"], "04T18:00 05T00:00",
    ),
    "duration with until": (
        "01T00:00 05T00:00", "6h", None, "2026-03-03",
        ["02T12:00 02T18:00"], "02T18:00 03T00:00",
    ),
    "minutes where the data is short": (
        "01T10:00:10 01T11:29:50", "30m", None, None,
        ["01T10:30 01T11:00"], "01T11:00 01T11:30",
    ),
    "seconds are moved to the start of their minute": (
        "01T10:00:10 01T11:29:50", "2026-03-01T10:10:30..2026-03-01T10:20:30",
        "2026-03-01T10:20:59.9", "end",
        ["01T10:10 01T10:20"], "01T10:20 01T11:30",
    ),
    "a duration with seconds": (
        "01T10:00:10 01T11:29:50", "90s", None, None,
        ["01T11:26 01T11:28"], "01T11:28 01T11:30",
    ),
    "window before the end leaves the rest": (
        "01T00:00 03T00:00", "2026-03-01..2026-03-02T01:00", None, None,
        ["01T00:00 02T01:00"], "02T01:00 03T00:00",
    ),
    "window up to the end leaves what was before": (
        "01T00:00 03T00:00", "2026-03-02..end", None, None,
        ["02T00:00 03T00:00"], "01T00:00 02T00:00",
    ),
    "window after the candidate": (
        "01T00:00 03T00:00", "2026-03-02..2026-03-02T12:00", "start", "2026-03-01T12:00",
        ["02T00:00 02T12:00"], "01T00:00 01T12:00",
    ),
    "window with anchors": (
        "01T00:00 05T00:00", "start..start+24h", "end-24h", None,
        ["01T00:00 02T00:00"], "04T00:00 05T00:00",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES.values(), ids=TIMES)
def test_windows_in_one_input(
    case: tuple[str, str, str | None, str | None, list[str], str],
) -> None:
    extent, text, since, until, baseline, candidate = case

    choice = choose(extent, baseline=(text,), since=since, until=until)

    assert chosen(choice) == ([span(one) for one in baseline], span(candidate))
    assert choice.baseline_origin == "candidate"
    assert choice.description


def test_zone_of_times_without_one_is_that_of_the_settings() -> None:
    choice = choose("01T00:00 05T00:00", since="2026-03-04", zone="Europe/Berlin")

    assert choice.candidate.start == at("03T23:00")


PATHS = {
    "one folder before": (["01T00:00 02T00:00"], "03T00:00 04T00:00", ["01T00:00 02T00:00"]),
    "one folder after": (["05T00:00 06T00:00"], "03T00:00 04T00:00", ["05T00:00 06T00:00"]),
    "several folders are several stretches, in time order": (
        ["02T00:00 02T06:00", "01T00:00 01T06:00"], "03T00:00 04T00:00",
        ["01T00:00 01T06:00", "02T00:00 02T06:00"],
    ),
    "folders that touch are one stretch": (
        ["01T00:00 01T12:00", "01T12:00 02T00:00"], "03T00:00 04T00:00", ["01T00:00 02T00:00"],
    ),
    "the same folder twice is one stretch": (
        ["01T00:00 02T00:00", "01T00:00 02T00:00"], "03T00:00 04T00:00", ["01T00:00 02T00:00"],
    ),
    "folders on both sides of the logs": (
        ["01T00:00 02T00:00", "05T00:00 06T00:00"], "03T00:00 04T00:00",
        ["01T00:00 02T00:00", "05T00:00 06T00:00"],
    ),
    "borders are full minutes that hold every event": (
        ["01T00:00:30 01T05:59:59.5"], "03T00:00 04T00:00", ["01T00:00 01T06:00"],
    ),
    "a folder that ends when the logs begin": (
        ["02T00:00 03T00:00"], "03T00:00 04T00:00", ["02T00:00 03T00:00"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PATHS.values(), ids=PATHS)
def test_windows_of_folders(case: tuple[list[str], str, list[str]]) -> None:
    paths, extent, baseline = case

    choice = choose(extent, *paths)

    assert chosen(choice) == ([span(one) for one in baseline], span(extent))
    assert (choice.baseline_origin, choice.warnings) == ("baseline", ())
    assert choice.shift == timedelta()
    assert "folder0" in choice.description


@pytest.mark.parametrize(
    ("baseline", "minutes"), [("02T00:00 03T00:15", 15), ("04T23:59 06T00:00", 1)]
)
def test_folders_may_overlap_by_a_quarter_of_an_hour(baseline: str, minutes: int) -> None:
    choice = choose("03T00:00 05T00:00", baseline)

    (warning,) = choice.warnings
    assert warning.kind == "overlap"
    assert f"by {minutes} min" in warning.text
    assert chosen(choice) == ([span(baseline)], span("03T00:00 05T00:00"))


def test_the_shift_parts_windows_that_overlap_and_keeps_the_hour_of_the_day() -> None:
    choice = choose("03T00:00 05T00:00", "04T23:50 06T00:00")

    (baseline,) = choice.baseline
    assert baseline.end - choice.shift <= choice.candidate.start
    assert choice.shift % timedelta(days=1) == timedelta()


REFUSED = {
    "overlap above 15 min": (("03T00:00 05T00:00", "02T00:00 03T00:16"), {}),
    "baseline inside the logs": (("03T00:00 05T00:00", "03T06:00 03T06:10"), {}),
    "logs inside the baseline": (("03T00:00 03T00:10", "01T00:00 05T00:00"), {}),
    "the same folder": (("03T00:00 05T00:00", "03T00:00 05T00:00"), {}),
    "one of two folders inside": (
        ("03T00:00 05T00:00", "01T00:00 02T00:00", "04T00:00 04T01:00"), {},
    ),
    "since after the end": (("01T00:00 03T00:00",), {"since": "2026-03-04"}),
    "until before the beginning": (("01T00:00 03T00:00",), {"until": "2026-02-01"}),
    "since after until": (
        ("01T00:00 03T00:00",), {"since": "2026-03-02T10:00", "until": "2026-03-02T09:00"},
    ),
    "until equal to since": (("01T00:00 03T00:00",), {"since": "end-1h", "until": "end-1h"}),
    "since after the logs of two folders": (
        ("03T00:00 05T00:00", "01T00:00 02T00:00"), {"since": "2026-03-06"},
    ),
    "duration as long as the data": (("01T00:00 02T00:00",), {"baseline": ("24h",)}),
    "duration longer than the data": (("01T00:00 02T00:00",), {"baseline": ("7d",)}),
    "duration of nothing": (("01T00:00 02T00:00",), {"baseline": ("0s",)}),
    "duration that ends before the data": (
        ("01T00:00 02T00:00",), {"baseline": ("6h",), "since": "start"},
    ),
    "window within a minute": (
        ("01T00:00 03T00:00",), {"baseline": ("2026-03-02T10:00:05..2026-03-02T10:00:50",)},
    ),
    "window of nothing": (("01T00:00 03T00:00",), {"baseline": ("2026-03-02..2026-03-02",)}),
    "window that ends before it starts": (
        ("01T00:00 03T00:00",), {"baseline": ("2026-03-02..2026-03-01",)},
    ),
    "window before the data": (
        ("01T00:00 03T00:00",), {"baseline": ("2026-02-01..2026-02-02",)},
    ),
    "window after the data": (("01T00:00 03T00:00",), {"baseline": ("2026-04-01..2026-04-02",)}),
    "window over all data": (("01T00:00 03T00:00",), {"baseline": ("start..end",)}),
    "window that overlaps the candidate": (
        ("01T00:00 03T00:00",),
        {"baseline": ("start..2026-03-02",), "since": "2026-03-01T23:59"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_windows_that_overlap_or_are_empty_are_refused(
    case: tuple[tuple[str, ...], dict[str, Any]],
) -> None:
    paths, asked = case

    with pytest.raises(UndecidableError) as caught:
        choose(*paths, **asked)

    assert caught.value.hint


@pytest.mark.parametrize(
    "baseline",
    [("24h", "auto"), ("24h", "12h"), ("auto", "auto"), ("2026-03-01..2026-03-02", "24h")],
)
def test_several_times_are_no_baseline(baseline: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="several times"):
        choose("01T00:00 05T00:00", baseline=baseline)


@pytest.mark.parametrize("text", ["yesterday..today", "2026-03-01..", "..2026-03-02", "1..2..3"])
def test_a_window_needs_two_times(text: str) -> None:
    with pytest.raises(PipelineError) as caught:
        choose("01T00:00 05T00:00", baseline=(text,))

    assert caught.value.hint


def test_an_overlap_that_since_cuts_away_is_none() -> None:
    choice = choose("03T00:00 05T00:00", "02T00:00 03T06:00", since="2026-03-03T06:00")

    assert choice.candidate == span("03T06:00 05T00:00")
    assert choice.warnings == ()


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("auto", True),
        ("24h", True),
        ("1h30m", True),
        ("2026-03-01..2026-03-02", True),
        ("start..end", True),
        ("logs", False),
        ("../logs", False),
        ("./logs/", False),
        ("..", False),
        (str(Path("/var/log")), False),
        ("logs-2026-03-01.gz", False),
    ],
)
def test_what_names_a_time(text: str, is_time: bool) -> None:
    assert is_window_text(text) == is_time


def test_table_names_the_input_that_each_window_lies_in() -> None:
    choice = choose("03T00:00 04T00:00", "01T00:00 02T00:00", "02T06:00 02T12:00")

    assert choice.table().rows() == [
        ("baseline", "baseline", at("01T00:00"), at("02T00:00")),
        ("baseline", "baseline", at("02T06:00"), at("02T12:00")),
        ("candidate", "candidate", at("03T00:00"), at("04T00:00")),
    ]


@pytest.mark.parametrize("text", ["same-hours:", "same-hours:x", "same-hours:36h", "same-hours:0d"])
def test_same_hours_are_of_whole_days(text: str) -> None:
    with pytest.raises(UsageError, match="whole days"):
        choose("01T00:00 05T12:00", baseline=(text,))


def test_same_hours_are_refused_where_they_overlap_or_lie_before_the_logs() -> None:
    with pytest.raises(UndecidableError, match="longer than a day"):
        choose("01T00:00 05T12:00", baseline=("same-hours:3d",), since="2026-03-03")
    with pytest.raises(UndecidableError, match="none of those hours"):
        choose("05T00:00 05T12:00", baseline=("same-hours:3d",), since="2026-03-05T06:00")


def test_hours_of_each_day_are_borders_before_anything_is_read() -> None:
    settings = Settings(baseline=("same-hours:2d",), since="2026-03-05T06:30")

    borders = named_borders(settings)

    assert borders == (at("03T06:30"), at("04T06:30"), at("05T06:30"))
