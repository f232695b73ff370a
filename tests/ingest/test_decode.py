"""JSON rows become the same text whichever parser takes them."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ingest.decode import decode_objects

# The fast parser does not escape the keys of nested objects; no logger writes such keys.
KEYS = st.text(st.characters(exclude_categories=["C"], exclude_characters='"\\'), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c.d", "other"]), VALUES, max_size=4)


def _same(text: str | None, value: Any) -> bool:  # noqa: ANN401
    if value is None or text is None:
        return text is None and value is None
    if isinstance(value, str):
        return text == value
    return bool(json.loads(text) == value)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OBJECTS, min_size=1, max_size=6), st.booleans())
def test_columns_are_the_values_of_the_object(objects: list[dict[str, Any]], escape: bool) -> None:
    rows = pl.Series([json.dumps(found, ensure_ascii=escape) for found in objects])
    decoded = decode_objects(rows, ("a", "b", "c.d"))
    assert decoded["is_object"].all()
    for row, found in zip(decoded.to_dicts(), objects, strict=True):
        for key in ("a", "b", "c.d"):
            assert _same(row[key], found.get(key)), (row[key], found.get(key))


@pytest.mark.parametrize(
    "escape", [r"\n", r"\t", r"\r", r"\b", r"\f", r"\u0007", r"\\", r"\"", r"\/"]
)
def test_nested_text_stays_json(escape: str) -> None:
    row = f'{{"a": {{"stack": "x{escape}y"}}}}'
    text = decode_objects(pl.Series([row]), ("a",))["a"][0]
    assert json.loads(text) == json.loads(row)["a"]


@pytest.mark.parametrize(
    "row",
    [
        "",
        "{",
        '{"a": 1',
        '{"a": 1}}',
        "[1]",
        "null",
        "text",
        '{"a": tru}',
        '{"a": ' * 5000 + "1" + "}" * 5000,
    ],
    ids=lambda row: row[:12],
)
def test_a_row_that_is_no_object_harms_no_other(row: str) -> None:
    decoded = decode_objects(pl.Series(['{"a": "first"}', row, '{"a": {"b": 2}}']), ("a",))
    assert decoded["is_object"].to_list() == [True, False, True]
    assert decoded["a"].to_list() == ["first", None, '{"b": 2}']


def test_no_rows_give_no_rows() -> None:
    decoded = decode_objects(pl.Series([], dtype=pl.String), ("a",))
    assert decoded.height == 0
    assert decoded.columns == ["a", "is_object"]
