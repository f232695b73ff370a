"""What is chosen for the charts: which classes, in which words, and what a filter selects."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.model import Change, Gap, Result, ServiceCount
from pipeline.render.context import build_context
from tests.render import sample


def many(number: int) -> Result:
    """Return an incident with *number* classes, each new and in a service of its own."""
    findings = [
        replace(
            sample.ENUM,
            finding_id=f"r{at:02}",
            error_class=f"class_{at:02}",
            services=[ServiceCount(f"service-{at:02}", 0, 10)],
        )
        for at in range(number)
    ]
    return replace(sample.incident(), findings=findings)


@pytest.mark.parametrize(("number", "rest"), [(1, 0), (12, 0), (13, 2), (30, 19)])
def test_twelve_rows_at_most_and_the_rest_added_up(number: int, rest: int) -> None:
    context = build_context(many(number))

    assert context.class_charts and context.heat and context.slope
    rows = min(number, 12)
    strips, names = context.class_charts.charts, [one.reveal() for one in context.heat.names]
    assert len(strips) == len(names) == len(context.slope.chart.slopes) == rows
    assert (strips[-1].name.reveal() == f"{rest} other classes") is bool(rest)
    assert (names[-1] == f"{rest} other") is bool(rest)
    assert bool(context.class_charts.more) is bool(rest)


def test_what_is_added_up_keeps_every_event() -> None:
    few, many_ = build_context(many(1)), build_context(many(30))

    assert few.heat and many_.heat
    one = sum(int(row.count.replace(",", "")) for row in few.heat.rows)
    last = [row for row in many_.heat.rows if row.name.reveal() == "19 other"]
    assert sum(int(row.count.replace(",", "")) for row in last) == 19 * one


def test_a_filter_finds_every_row_of_a_class_and_of_a_service() -> None:
    context = build_context(sample.incident())

    keys = dict((name.reveal(), key) for key, name in context.filters.classes)
    services = dict((name.reveal(), key) for key, name in context.filters.services)
    assert context.class_charts
    marked = [
        *(row.keys.split() for row in context.findings),
        *(card.keys.split() for card in context.candidates),
        *(chart.keys.split() for chart in context.class_charts.charts),
    ]
    own = [found for found in marked if keys["enum_binding"] in found]
    assert len(own) == 3
    assert all(services["api"] in found for found in own)
    assert len(set(keys.values()) | set(services.values())) == len(keys) + len(services)


def test_the_key_names_only_what_is_drawn() -> None:
    assert build_context(sample.quiet()).drawn == frozenset()
    assert {"band", "gaps", "partial", "above"} <= build_context(sample.incident()).drawn
    assert "band" not in build_context(sample.undecided()).drawn


def test_a_chart_says_its_message_in_words() -> None:
    context = build_context(sample.incident())

    assert context.rates
    text = context.rates.description.reveal()
    assert "in the band until 2026-03-06 02:00 UTC, then above it in" in text
    assert "buckets not covered" in text


def test_lanes_show_who_fell_silent_rose_or_changed() -> None:
    base = many(30)
    hour = timedelta(hours=1)
    gap = Gap("service-07", "baseline", sample.MIDDLE - 3 * hour, sample.MIDDLE - hour, "silent")
    change = Change(sample.MIDDLE + hour, "service-09", "restart", "started", "a.log:1")

    view = build_context(
        replace(base, coverage=replace(base.coverage, gaps=[gap]), changes=[change])
    ).service_lanes

    assert view
    rows = {name.reveal(): words for name, words in view.rows}
    assert len(rows) == 12
    assert "1 change, first 2026-03-05 10:00:00 UTC" in rows["service-09"]
    assert sum(name.endswith("other (any of them)") for name in rows) == 1
    assert build_context(sample.quiet()).service_lanes is None
