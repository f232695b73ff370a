"""A run with facts: its documents, and whether they answer to the tables."""

import random
from pathlib import Path

import pytest

from pipeline import orchestrate
from pipeline.model import Result, Settings
from pipeline.render import render_terminal
from tests.written_logs import beats, errors, requests, write

FIXTURES = Path(__file__).parents[2] / "fixtures" / "facts"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("facts")


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    rng = random.Random(9)
    api = requests(rng, 0, 30, 30, 0.02) + errors(rng, 26, 30, 20, "boom")
    write(folder / "logs", {"api": api, "worker": beats(rng, 0, 30, 20)})
    settings = Settings(baseline=("24h",), facts=(str(FIXTURES),))
    return orchestrate.analyze(
        [str(folder / "logs")], settings, out=folder / "out", now="2026-03-03T00:00Z"
    )


def test_facts_are_part_of_the_result(result: Result) -> None:
    broken = {one.component: one for one in result.health.broken if one.source}

    assert broken["api"].query_id == "fact_measures"
    assert len(result.facts) == len(list(FIXTURES.iterdir()))
    assert "--facts" in result.run.command


def test_what_no_file_answers_is_said_with_what_would(result: Result) -> None:
    left = {one.component: one.text for one in result.health.unknown}

    assert "given with --facts" in left["database"]
    assert {"container state", "resources", "hanging requests"}.isdisjoint(left)


def test_documents_show_each_statement_with_its_file(result: Result, folder: Path) -> None:
    page = (folder / "out" / "report.html").read_text("utf-8")
    text = (folder / "out" / "report.md").read_text("utf-8")
    (inspect,) = (one for one in result.facts if one.file_name.endswith("docker-inspect.json"))

    for document in (page, text):
        assert "OOMKilled" in document
        assert (inspect.sha256 or "-")[:12] in document
        assert "order_state" in document
        assert "tulip-bulb" not in document


def test_documents_answer_to_the_tables(result: Result, folder: Path) -> None:
    assert orchestrate.check_report(folder / "out").agrees
    page = folder / "out" / "report.md"
    honest = page.read_text("utf-8")
    assert "restarted 14 times" in honest

    page.write_text(honest.replace("restarted 14 times", "restarted 15 times"), "utf-8")
    try:
        assert not orchestrate.check_report(folder / "out").agrees
    finally:
        page.write_text(honest, "utf-8")


def test_the_terminal_says_what_captured_files_show_broken(result: Result) -> None:
    text = render_terminal(result, width=100, color=False, files=[])

    assert "OOMKilled" in text
    assert f"{len(result.facts)} captured files read" in text
