"""Geometry: whatever the numbers, all points lie in the box, and gaps stay gaps."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import ChainEdge, ChainNode, HourlyPoint
from pipeline.render import charts

START = datetime(2026, 3, 28, tzinfo=UTC)
HOUR = timedelta(hours=1)


def point(at: int, events: int = 1, **given: float | None) -> HourlyPoint:
    values: dict[str, float | None] = {"expected_count": 1.0, "lower": 0.0, "upper": 3.0, **given}
    return HourlyPoint(
        bucket_start=START + at * HOUR,
        window="candidate",
        event_count=events,
        expected_count=values["expected_count"],
        lower=values["lower"],
        upper=values["upper"],
        exposure=None,
        coverage=values.get("coverage") if values.get("coverage") is not None else 1.0,  # type: ignore[arg-type]
    )


def places(path: str) -> list[tuple[float, float]]:
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.replace("h0", ""))]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


POINTS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.integers(0, 10**9),
        st.floats(0, 1),
        st.one_of(st.none(), st.floats(0, 1e9)),
    ),
    max_size=60,
    unique_by=lambda row: row[0],
)


RATES = st.one_of(st.none(), st.just(0.0), st.floats(1e-4, 1e7))


@given(POINTS)
def test_every_point_lies_in_the_box(rows: list[tuple[int, int, float, float | None]]) -> None:
    points = [
        point(at, events, coverage=coverage, upper=upper, lower=0.0 if upper is not None else None)
        for at, events, coverage, upper in rows
    ]

    chart = charts.rate_chart(charts.slots(points, 48), onset=START + 5 * HOUR)

    drawn = [
        *places(chart.band),
        *places(chart.line),
        *places(chart.partial),
        *places(chart.expected),
        *places(chart.above),
    ]
    assert all(chart.left - 0.1 <= x <= chart.right + 0.1 for x, _ in drawn)
    assert all(chart.top - 0.1 <= y <= chart.bottom + 0.1 for _, y in drawn)
    assert [tick.at for tick in chart.times] == sorted(tick.at for tick in chart.times)
    assert len(chart.hits) <= 60


@given(st.floats(0, 1e12))
def test_ticks_rise_from_zero_to_the_top(top: float) -> None:
    ticks = charts.nice_ticks(top)

    assert ticks[0] == 0
    assert ticks == sorted(set(ticks))
    assert ticks[-1] >= top * 0.999
    assert 2 <= len(ticks) <= 6


def test_nothing_gives_an_empty_drawing() -> None:
    chart = charts.rate_chart([])

    assert (chart.line, chart.partial, chart.band, chart.hits, chart.times) == ("", "", "", [], [])
    assert charts.spark([], 1.0).line == ""
    assert charts.heat_map([]).cells == []
    assert charts.chain_graph([], []).boxes == []


def test_a_single_bucket_is_seen() -> None:
    assert charts.rate_chart(charts.slots([point(0, 5)], 48)).line.endswith("h0")


def test_the_line_is_never_drawn_through_a_gap() -> None:
    points = [point(0, 5), point(1, 5), point(2, 0, coverage=0.0), point(3, 5), point(4, 5)]

    chart = charts.rate_chart(charts.slots(points, 48))

    assert chart.line.count("M") == 2
    assert [area.title for area in chart.gaps] == [
        "not covered: 2026-03-28 02:00 to 2026-03-28 03:00 UTC"
    ]


def test_a_bucket_covered_in_part_is_dashed_and_scaled() -> None:
    drawn = charts.slots([point(0, 5), point(1, 5), point(2, 2, coverage=0.4)], 48)

    chart = charts.rate_chart(drawn)

    assert drawn[2].rate == 5
    assert len(places(chart.line)) == 2
    assert len(places(chart.partial)) == 2


def test_a_window_that_ends_within_a_bucket_cuts_it() -> None:
    end = START + 2 * HOUR + timedelta(minutes=15)

    drawn = charts.slots([point(0, 4), point(1, 4), point(2, 1)], 48, [end])

    assert drawn[2].end == end
    assert drawn[2].rate == 4
    assert drawn[2].is_partial


def test_hardly_covered_time_has_no_rate() -> None:
    drawn = charts.slots([point(0, 5), point(1, 1, coverage=0.05)], 48)

    assert drawn[1].rate is None
    assert drawn[1].event_count == 1


@pytest.mark.parametrize("number", [48, 168, 1000, 1440, 10_000])
def test_more_buckets_than_fit_are_added_up(number: int) -> None:
    points = [point(at, 3) for at in range(number)]

    drawn = charts.slots(points, 168)

    assert len(drawn) <= 168
    assert sum(slot.event_count for slot in drawn) == 3 * number
    assert all(slot.rate == pytest.approx(3) for slot in drawn)


def test_windows_are_never_added_together() -> None:
    points = [replace(point(at), window="baseline" if at < 5 else "candidate") for at in range(10)]

    drawn = charts.slots(points, 2)

    assert {slot.window for slot in drawn} == {"baseline", "candidate"}
    assert sum(slot.event_count for slot in drawn if slot.window == "baseline") == 5


def test_windows_weeks_apart_stand_side_by_side() -> None:
    chart = charts.rate_chart(charts.slots([point(0), point(1), point(800), point(801)], 48))

    assert len(chart.breaks) == 1
    assert chart.line.count("M") == 2
    assert max(x for x, _ in places(chart.line)) > 700


def test_hours_stay_equally_wide_when_clocks_change() -> None:
    chart = charts.rate_chart(charts.slots([point(at) for at in range(48)], 48))

    assert len({round(area.width) for area in chart.hits}) == 1


def test_the_onset_lies_where_its_time_is() -> None:
    drawn = charts.slots([point(at) for at in range(10)], 48)

    chart = charts.rate_chart(drawn, onset=START + 5 * HOUR)
    outside = charts.rate_chart(drawn, onset=START + 50 * HOUR)

    assert chart.onset == pytest.approx((chart.left + chart.right) / 2)
    assert outside.onset is None


def test_a_floor_keeps_single_events_low() -> None:
    drawn = charts.slots([point(0, 0), point(1, 1), point(2, 0)], 48)

    low = min(y for _, y in places(charts.spark(drawn, 20.0).line))
    high = min(y for _, y in places(charts.spark(drawn, 1.0).line))

    assert low > 20
    assert high == 2


@pytest.mark.parametrize(
    ("events", "expected", "upper", "level"),
    [(3, 2.0, 4.0, "0"), (7, 4.0, 5.0, "1"), (9, 3.0, 5.0, "2"), (30, 5.0, 8.0, "3"),
     (90, 5.0, 8.0, "4"), (9, 0.0, 0.5, "4"), (5, None, None, "none")],
)  # fmt: skip
def test_heat_levels(events: int, expected: float | None, upper: float | None, level: str) -> None:
    (slot,) = charts.slots([point(0, events, expected_count=expected, upper=upper)], 48)

    assert charts.heat_level(slot) == level


def edge(source: str, target: str, share: float = 0.5) -> ChainEdge:
    return ChainEdge(source, target, "trace", "observed", 10, share, None, None, None)


def node(name: str) -> ChainNode:
    return ChainNode(name, "finding", name, None)


def test_what_follows_stands_below() -> None:
    graph = charts.chain_graph(
        [node("a"), node("b"), node("c")], [edge("a", "b"), edge("b", "c"), edge("a", "c")]
    )

    heights = {box.number: box.y for box in graph.boxes}
    assert heights[0] < heights[1] < heights[2]
    assert len(graph.arrows) == 3


def test_a_circle_ends() -> None:
    graph = charts.chain_graph(
        [node("a"), node("b")], [edge("a", "b"), edge("b", "a"), edge("a", "a")]
    )

    assert len(graph.boxes) == 2
    assert len(graph.arrows) == 2


def test_a_way_back_does_not_change_the_layers() -> None:
    nodes = [node(name) for name in "abcd"]
    onward = [edge("a", "b"), edge("b", "c"), edge("c", "d")]

    plain = charts.chain_graph(nodes, onward)
    back = charts.chain_graph(nodes, [*onward, edge("d", "b")])

    assert [box.y for box in back.boxes] == [box.y for box in plain.boxes]
    assert len(back.arrows) == 4


def test_nodes_without_place_are_folded_and_counted() -> None:
    nodes = [node(f"n{at}") for at in range(30)]

    graph = charts.chain_graph(nodes, [edge("n28", "n29")])

    assert len(graph.boxes) == charts.MAX_BOXES
    assert [box.is_rest for box in graph.boxes].count(True) == 1
    assert graph.folded == 30 - (charts.MAX_BOXES - 1)
    assert {28, 29} <= {box.number for box in graph.boxes}


def test_boxes_do_not_overlap() -> None:
    nodes = [node(f"n{at}") for at in range(12)]
    graph = charts.chain_graph(nodes, [edge("n0", f"n{at}") for at in range(1, 12)])

    spots = sorted((box.y, box.x, box.width) for box in graph.boxes)
    for (y, x, width), (next_y, next_x, _) in pairwise(spots):
        assert next_y > y or next_x >= x + width
    assert all(box.x >= 0 and box.x + box.width <= graph.width for box in graph.boxes)


def test_charts_of_several_series_stand_on_one_axis() -> None:
    long = charts.slots([point(at) for at in range(48)], 48)
    short = charts.slots([point(at, 9) for at in range(40, 48)], 48)

    alone, shared = charts.rate_chart(short), charts.rate_chart(short, shared=long)

    assert places(alone.line)[0][0] < 110
    assert places(shared.line)[0][0] > 780
    assert charts.axis_strip(long).times == charts.rate_chart(long).times


def test_all_zero_lies_on_the_floor() -> None:
    chart = charts.rate_chart(
        charts.slots([point(at, 0, upper=0.0, expected_count=0.0) for at in range(5)], 48)
    )

    assert {y for _, y in places(chart.line)} == {chart.bottom}
    assert chart.above == ""
    assert [tick.label for tick in chart.rates] == ["0", "1"]


def test_what_was_expected_beside_nothing_is_not_blown_up() -> None:
    quiet = [point(at, 0, upper=0.002, expected_count=0.001) for at in range(5)]
    busy = [point(at, 3, upper=5.0, expected_count=2.0) for at in range(5)]

    assert max(float(tick.label) for tick in charts.rate_chart(charts.slots(quiet, 48)).rates) >= 1
    assert max(float(tick.label) for tick in charts.rate_chart(charts.slots(busy, 48)).rates) >= 3


def test_more_than_a_week_of_hours_is_drawn_by_six_hours_and_said() -> None:
    week = [point(at) for at in range(168)]
    longer = [point(at) for at in range(169)]

    assert len(charts.slots(week, charts.MOST_POINTS)) == 168
    drawn = charts.slots(longer, charts.MOST_POINTS)
    assert {slot.end - slot.start for slot in drawn[1:-1]} == {6 * HOUR}
    assert charts.joined_words(week, charts.slots(week, 168)) == "1 h"
    assert charts.joined_words(longer, drawn) == "6 h (added from 1 h)"


def test_no_line_has_more_points_than_the_screen_shows() -> None:
    drawn = charts.slots([point(at) for at in range(10_000)], 10**6)

    assert len(drawn) <= charts.MOST_POINTS
    assert drawn[0].end - drawn[0].start <= timedelta(days=1)


@pytest.mark.parametrize("zone", ["2026-03-29", "2026-10-25"])
def test_a_day_on_which_clocks_change_has_24_equal_hours(zone: str) -> None:
    begin = datetime.fromisoformat(f"{zone}T00:00:00+00:00")
    points = [replace(point(0), bucket_start=begin + at * HOUR) for at in range(24)]

    chart = charts.rate_chart(charts.slots(points, 48))

    widths = [area.width for area in chart.hits]
    assert len(widths) == 24
    assert max(widths) - min(widths) <= 0.2
    assert [tick.date for tick in chart.times if tick.date] == [f"{begin:%d %b}"]


def test_labels_of_time_do_not_leave_the_drawing_or_touch() -> None:
    for hours in (1, 5, 23, 48, 100, 168, 400):
        chart = charts.rate_chart(charts.slots([point(at) for at in range(hours)], 168))
        ends = [tick.at for tick in chart.times]
        assert all(later - earlier >= 70 for earlier, later in pairwise(ends))
        assert all(tick.anchor == "end" or tick.at + 20 <= chart.right for tick in chart.times)


def test_a_part_of_the_axis_begins_with_a_label_that_does_not_hide_the_break() -> None:
    chart = charts.rate_chart(charts.slots([point(0), point(1), point(48), point(49)], 48))

    after = next(tick for tick in chart.times if tick.at > chart.breaks[0])
    assert after.anchor == "first"


def test_the_onset_says_how_sure_it_is() -> None:
    drawn = charts.slots([point(at) for at in range(10)], 48)
    onset = START + 5 * HOUR
    bounds = (onset - timedelta(seconds=90), onset + timedelta(seconds=3))

    sure = charts.rate_chart(drawn, onset=onset, onset_range=(onset, onset))
    wide = charts.rate_chart(drawn, onset=onset, onset_range=bounds)
    open_ = charts.rate_chart(drawn, onset=onset)

    assert sure.onset_label == "onset 05:00:00 ± 1 s"
    assert wide.onset_label == "onset 05:00:00 ± 1 min 30 s"
    assert open_.onset_label == "onset 05:00:00"
    assert wide.onset_range is not None and wide.onset_range.at < (wide.onset or 0.0)


def test_neighbours_without_an_event_are_told_together_where_room_is_short() -> None:
    drawn = charts.slots([point(at, 0) for at in range(20)] + [point(20, 4)], 48)

    full, strip = charts.rate_chart(drawn), charts.rate_chart(drawn, has_times=False)

    assert len(full.hits) == 21
    assert len(strip.hits) == 2
    assert strip.hits[0].width == pytest.approx(sum(hit.width for hit in full.hits[:20]), abs=2)


def test_series_are_added_bucket_by_bucket() -> None:
    one = [point(0, 1), point(1, 2)]
    other = [point(1, 5, coverage=0.5), point(2, 7, upper=None)]

    added = charts.add_points([one, other])

    assert [at.event_count for at in added] == [1, 7, 7]
    assert added[1].coverage == 0.75
    assert [at.upper for at in added] == [3.0, 6.0, None]


@given(st.lists(st.tuples(RATES, RATES), max_size=14))
def test_slopes_lie_in_the_drawing_and_labels_apart(
    pairs: list[tuple[float | None, float | None]],
) -> None:
    chart = charts.slope_chart(pairs)

    for one in chart.slopes:
        for at in (one.before, one.after):
            assert at is None or chart.top - 0.1 <= at <= chart.zero + 0.1
    labels = sorted(one.label for one in chart.slopes)
    assert all(later - earlier >= 14.7 for earlier, later in pairwise(labels))
    assert not labels or (labels[0] >= chart.top - 0.1 and labels[-1] <= chart.zero + 0.1)


def test_zero_has_a_row_of_its_own_below_the_scale() -> None:
    chart = charts.slope_chart([(0.0, 300.0), (2.0, 0.0), (None, 5.0)])

    new, gone, open_ = chart.slopes
    assert new.before == gone.after == chart.zero > chart.bottom
    assert all(tick.at <= chart.bottom for tick in chart.ticks)
    assert open_.before is None and open_.after is not None
    assert charts.slope_chart([(0.0, 0.0)]).ticks == []
    assert charts.slope_chart([]).slopes == []


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=20))
def test_log_ticks_enclose_all_values(values: list[float]) -> None:
    ticks = charts.log_ticks(values)

    assert 2 <= len(ticks) <= 8
    assert ticks[0] <= min(values) * 1.001
    assert ticks[-1] >= max(values) * 0.999


def test_lanes_end_where_gaps_begin() -> None:
    window = (START, START + 10 * HOUR)
    gap = charts.Gap(START + 2 * HOUR, START + 3 * HOUR, "silent")
    lane = charts.Lane([gap], [START + 5 * HOUR], [START + 4 * HOUR, START - HOUR])

    chart = charts.lane_chart([lane], None, window)

    assert [bar.kind for bar in chart.bars] == ["logged", "silent", "logged"]
    assert sum(bar.width for bar in chart.bars) == pytest.approx(chart.right - chart.left, abs=0.3)
    assert [mark.kind for mark in chart.marks] == ["change", "onset"]
    assert chart.kinds == {"logged", "silent", "change", "onset"}


def test_overlapping_and_outlying_gaps_never_make_a_bar_run_backwards() -> None:
    window = (START, START + 10 * HOUR)
    gaps = [
        charts.Gap(START - 5 * HOUR, START + HOUR, "absent"),
        charts.Gap(START, START + 4 * HOUR, "thin"),
        charts.Gap(START + 3 * HOUR, START + 20 * HOUR, "silent"),
    ]

    chart = charts.lane_chart([charts.Lane(gaps)], None, window)

    assert [bar.kind for bar in chart.bars] == ["absent", "thin", "silent"]
    assert all(bar.width > 0 for bar in chart.bars)
    assert charts.lane_chart([], None, None).bars == []


def test_edges_of_one_box_end_at_different_places() -> None:
    nodes = [node(name) for name in "abcd"]
    graph = charts.chain_graph(nodes, [edge("a", "d"), edge("b", "d"), edge("c", "d")])

    assert len({arrow.head for arrow in graph.arrows}) == 3
    assert len({(arrow.label_x, arrow.label_y) for arrow in graph.arrows}) == 3


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15), st.floats(0, 1)), max_size=30))
def test_any_graph_stays_in_its_drawing(links: list[tuple[int, int, float]]) -> None:
    nodes = [node(f"n{at}") for at in range(16)]
    edges = [edge(f"n{source}", f"n{target}", share) for source, target, share in links]

    graph = charts.chain_graph(nodes, edges)

    assert len(graph.boxes) == charts.MAX_BOXES
    for arrow in graph.arrows:
        xs = [x for x, _ in places(arrow.path)]
        assert min(xs) >= -1 and max(xs) <= graph.width + 1
        assert 0 <= arrow.label_x <= graph.width
        ys = [y for _, y in places(arrow.path)]
        assert min(ys) >= 0 and max(ys) <= graph.height
