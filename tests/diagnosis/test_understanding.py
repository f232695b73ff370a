"""When a report says that logs were not understood, and what it says of them."""

import polars as pl
import pytest

from pipeline.diagnosis.understanding import not_understood, parse_coverage, unknown_sources


def ledger(*rows: tuple[str, int, int]) -> pl.DataFrame:
    columns = ("log_file_path", "event_count", "unparsed_event_count")
    schema = dict(zip(columns, (pl.String, pl.Int64, pl.Int64), strict=True))
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize(
    ("rows", "share"),
    [([("a", 10, 0), ("b", 30, 10)], 0.75), ([("a", 0, 0)], None), ([("a", 5, 5)], 0.0)],
)
def test_parse_coverage_is_of_all_events(rows: list[tuple[str, int, int]], share: object) -> None:
    assert parse_coverage(ledger(*rows)) == share


def test_nothing_is_said_of_a_few_odd_lines() -> None:
    assert not_understood(ledger(("a.log", 1000, 3), ("banner.log", 5, 5))) == []


def test_a_small_source_of_an_unknown_layout_is_named_among_large_ones() -> None:
    found = not_understood(ledger(("a.log", 10_000, 0), ("odd logs/b.log", 40, 30)))

    assert [one.kind for one in found] == ["low_coverage"]
    assert "0.3 % of the events" in found[0].text
    assert "odd logs/b.log (75 %)" in found[0].text
    assert "analyze formats suggest 'odd logs/b.log'" in found[0].text


def test_the_worst_are_named_first_and_the_others_counted() -> None:
    found = not_understood(ledger(*((f"{n}.log", 100, 50 + n) for n in range(6))))

    assert "5.log (55 %), 4.log (54 %), 3.log (53 %) and 3 more" in found[0].text


def test_lines_that_are_spread_over_all_sources_are_told_too() -> None:
    found = not_understood(ledger(("a.log", 100, 10), ("b.log", 100, 20)))

    assert unknown_sources(ledger(("a.log", 100, 10), ("b.log", 100, 20))) == []
    assert "15 % of the events" in found[0].text
    assert "b.log (20 %), a.log (10 %)" in found[0].text


def test_nearly_all_is_not_all() -> None:
    assert "99.9 % of" in not_understood(ledger(("a.log", 100_000, 99_999)))[0].text
    assert "all of" in not_understood(ledger(("a.log", 100, 100)))[0].text
