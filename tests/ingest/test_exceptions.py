import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.ingest.exceptions import COLUMNS, extract
from pipeline.schema import ERROR_SEVERITY
from tests.ingest.support import read_text

CASES = tomllib.loads(Path(__file__).with_name("tracebacks.toml").read_text(encoding="utf-8"))
HEAD = "2026-03-02 10:00:00,001 - shop - ERROR - it failed\n"
NEXT = "2026-03-02 10:00:01,001 - shop - INFO - next\n"


def _cases() -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in CASES["case"]]


def _agrees(found: dict[str, Any], case: dict[str, Any]) -> None:
    assert found["exception_type"] == case["type"]
    assert found["exception_message"] == case.get("message")
    if "chain" in case:
        assert found["exception_chain"] == case["chain"]
    if "place" in case:
        place = [found[f"code_{part}"] for part in ("file_path", "line_number", "function_name")]
        assert place == case["place"]


@pytest.mark.parametrize("case", _cases())
def test_innermost_exception_chain_and_place_are_read(case: dict[str, Any]) -> None:
    _agrees(extract(pl.Series([case["text"]])).row(0, named=True), case)


@pytest.mark.parametrize("case", _cases())
def test_a_traceback_belongs_whole_to_the_line_above_it(case: dict[str, Any]) -> None:
    events = read_text(HEAD + case["text"].lstrip("\n") + NEXT).events
    assert events["severity_number"].to_list() == [ERROR_SEVERITY, 9], events["body"].to_list()
    first = events.row(0, named=True)
    assert first["line_count"] == 1 + case["text"].lstrip("\n").count("\n")
    assert first["body"] == "it failed\n" + case["text"].strip("\n")
    _agrees(first, case)


@pytest.mark.parametrize("case", _cases())
def test_without_a_header_a_traceback_is_one_error(case: dict[str, Any]) -> None:
    if not case["text"].strip().startswith(("Traceback", "+ Exception Group")):
        pytest.skip("only Python announces its traces with a line of their own")
    if case["name"] in ("note", "message_of_several_lines"):
        pytest.skip("without headers nothing tells text below a traceback from a new message")
    events = read_text(case["text"].strip("\n") + "\n").events
    assert events["severity_number"].to_list() == [ERROR_SEVERITY]
    _agrees(events.row(0, named=True), case)


def test_text_without_an_exception_gives_nulls() -> None:
    found = extract(pl.Series(["all is well", None, ""], dtype=pl.String))
    assert found.columns == list(COLUMNS)
    assert found.null_count().row(0) == (3,) * len(COLUMNS)


def test_equal_traces_are_read_alike_in_their_places() -> None:
    text = CASES["case"][0]["text"]
    found = extract(pl.Series([text, None, text]))
    assert found["exception_type"].to_list() == ["KeyError", None, "KeyError"]
