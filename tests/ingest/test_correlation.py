"""Every rule gives what its samples say and leaves what it must leave."""

import polars as pl
import pytest

from pipeline.ingest.correlation import COLUMNS, correlate, load_rules
from tests.ingest.support import read_event

SAMPLES = [
    pytest.param(rule.name, text, expect, id=f"{rule.name}-{number}")
    for rule in load_rules()
    for number, (text, expect) in enumerate(rule.samples)
]
LEAVES = [
    pytest.param(text, id=f"{rule.name}-{number}")
    for rule in load_rules()
    for number, text in enumerate(rule.leaves)
]


def _ids(text: str) -> dict[str, str]:
    row = correlate(pl.Series([text])).row(0, named=True)
    return {name: value for name, value in row.items() if value is not None}


@pytest.mark.parametrize(("rule", "text", "expect"), SAMPLES)
def test_sample_comes_to_its_ids(rule: str, text: str, expect: dict[str, str]) -> None:
    assert _ids(text) == expect


@pytest.mark.parametrize("text", LEAVES)
def test_text_without_an_id_gives_none(text: str) -> None:
    assert _ids(text) == {}


@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.name)
def test_rule_takes_one_of_its_own_samples_and_names_columns_only(rule: object) -> None:
    [same] = [each for each in load_rules() if each is rule]
    assert set(same.columns) <= set(COLUMNS)
    texts = pl.Series([text for text, _ in same.samples])
    assert texts.str.contains(same.regex).any()


def test_rows_keep_their_place() -> None:
    found = correlate(pl.Series(["nothing", None, "trace_id=463ac35c9f6413ad", ""]))

    assert found["trace_id"].to_list() == [None, None, "463ac35c9f6413ad", None]
    assert found["request_id"].null_count() == 4


@pytest.mark.parametrize(
    ("line", "expect"),
    [
        (
            '{"level":"error","message":"gone","context":{"trace_id":"463AC35C9F6413AD"}}',
            {"trace_id": "463ac35c9f6413ad", "body": "gone"},
        ),
        (
            '{"level":"error","message":"gone","otelTraceID":"0","otelSpanID":"0"}',
            {"trace_id": None, "span_id": None},
        ),
        (
            '{"level":"error","message":"gone","headers":{"X-Request-Id":"a81d4fae7dec"}}',
            {"request_id": "a81d4fae7dec"},
        ),
        (
            "2026-03-02 10:00:00.125 ERROR [orders,64fe8b2a57d3eff7,e457b5a2e4d86bd1,true] 1 --- "
            "[nio-8080-exec-1] c.e.Orders : no stock",
            {"trace_id": "64fe8b2a57d3eff7", "span_id": "e457b5a2e4d86bd1"},
        ),
        (
            'time="2026-03-02T10:00:00Z" level=error msg="no stock" trace_id=463ac35c9f6413ad '
            "span_id=e457b5a2e4d86bd1",
            {"trace_id": "463ac35c9f6413ad", "span_id": "e457b5a2e4d86bd1"},
        ),
    ],
)
def test_event_has_the_ids_of_its_line(line: str, expect: dict[str, str | None]) -> None:
    event = read_event(line)

    assert {name: event[name] for name in expect} == expect
