import re

import duckdb
import polars as pl
import pytest

from pipeline.mining.masks import STAGES, Mask, load_masks

MASKS = load_masks()


def found(mask: Mask, texts: tuple[str, ...]) -> list[bool]:
    return pl.Series(texts, dtype=pl.String).str.contains(mask.pattern).to_list()


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: f"{mask.stage}-{mask.name}")
def test_mask_is_found_in_its_matches_only(mask: Mask) -> None:
    assert mask.matches
    assert mask.leaves
    assert [
        text for text, hit in zip(mask.matches, found(mask, mask.matches), strict=True) if not hit
    ] == []
    assert [
        text for text, hit in zip(mask.leaves, found(mask, mask.leaves), strict=True) if hit
    ] == []


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: f"{mask.stage}-{mask.name}")
def test_pattern_means_the_same_in_polars_duckdb_and_python(mask: Mask) -> None:
    texts = (*mask.matches, *mask.leaves)
    query = "select list(regexp_matches(text, $pattern)) from unnest($texts) as t(text)"
    row = duckdb.execute(query, {"pattern": mask.pattern, "texts": list(texts)}).fetchone()

    assert row == (found(mask, texts),)
    assert [bool(re.search(mask.pattern, text)) for text in texts] == found(mask, texts)


def test_names_are_unique() -> None:
    names = [mask.name for mask in MASKS]

    assert len(set(names)) == len(names)


def test_stages_are_applied_in_order() -> None:
    stages = [mask.stage for mask in MASKS]

    assert stages == sorted(stages, key=list(STAGES).index)


def test_first_masks_ask_for_no_certain_digit() -> None:
    # The shape of a line, with 0 for each digit, must be found wherever the line is (miner.mine).
    for mask in MASKS:
        if mask.stage == "first":
            asked = re.sub(r"\{[0-9,]+\}", "", mask.pattern).replace("[0-9", "[")
            assert not re.search("[0-9]", asked), mask.name
