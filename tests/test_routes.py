"""Paths to routes: every rule takes what it must, and names of endpoints stay."""

import polars as pl
import pytest

from pipeline.routes import PLACEHOLDER, http_route, load_segments, static_segments

MASKS = [
    pytest.param(text, id=f"{segment.name}-{text}")
    for segment in load_segments()
    for text in segment.masks
]


def _route(path: str) -> str:
    return str(http_route(pl.Series([path]))[0])


@pytest.mark.parametrize("segment", MASKS)
def test_segment_is_masked_at_the_end_and_between_others(segment: str) -> None:
    assert _route(f"/orders/{segment}") == f"/orders/{PLACEHOLDER}"
    assert _route(f"/orders/{segment}/items") == f"/orders/{PLACEHOLDER}/items"


@pytest.mark.parametrize("segment", static_segments())
def test_name_of_an_endpoint_stays(segment: str) -> None:
    assert _route(f"/orders/{segment}/items") == f"/orders/{segment}/items"


@pytest.mark.parametrize("segment", load_segments(), ids=lambda segment: segment.name)
def test_rule_takes_its_own_segments_whole(segment: object) -> None:
    [same] = [each for each in load_segments() if each is segment]
    texts = pl.Series(same.masks, dtype=pl.String)
    assert texts.str.contains(f"^(?:{same.regex})$").all()


def test_neighbouring_ids_are_all_masked() -> None:
    assert _route("/a/7/8/9/ann@shop.example/z") == "/a/{id}/{id}/{id}/{id}/z"


def test_a_masked_path_stays_as_it_is() -> None:
    routes = http_route(pl.Series(["/a/7/b/2026-03-02", "/" + "x/" * 20, None]))
    assert http_route(routes).to_list() == routes.to_list()
