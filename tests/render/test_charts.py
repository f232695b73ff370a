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
