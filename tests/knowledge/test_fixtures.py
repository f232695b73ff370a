"""Every entry is triggered by the lines of its fixture, and by no other entry's."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline import store
from pipeline.model import Settings
from pipeline.orchestrate.reading import read, streams_of
from pipeline.orchestrate.templates import open_book
from pipeline.rules import KnowledgeBase, load_rules, rule_table
from pipeline.sql import classify

FIXTURES = Path(__file__).parents[2] / "fixtures" / "knowledge"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the fixtures are not installed")
BASE = KnowledgeBase()
# The lowest number of a warning, and the lowest status that is a failure.
WARNING, FAILURE = 13, 500


@cache
def _texts() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in FIXTURES.glob("*.log")}


def test_every_entry_has_a_fixture_and_every_fixture_an_entry() -> None:
    assert _texts().keys() == set(BASE.names)


def test_texts_of_each_fixture_go_to_its_entry_and_no_other() -> None:
    """All pairs at once: what rules and look-up make of the lines, without reading them as logs."""
    texts = {name: text for name, text in _texts().items() if not re.match(r"http_50", name)}
    lines = pl.Series([text.strip() for text in texts.values()])
    classes = dict(classify(lines, rule_table(load_rules())).select("text", "error_class").rows())

    found = {
        name: BASE.find({"kind": "error", "error_class": classes.get(text.strip()),
                         "first_text": text})
        for name, text in texts.items()
    }  # fmt: skip

    assert {name: entry and entry.knowledge.knowledge_id for name, entry in found.items()} == {
        name: name for name in texts
    }


def _findings(events: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield what findings are made of, as `finding_totals` has it: one row an event."""
    for row in events.iter_rows(named=True):
        is_failed = (row["http_response_status_code"] or 0) >= FAILURE
        if is_failed or row["severity_number"] >= WARNING:
            texts = (row["exception_type"], row["exception_message"], row["body"])
            text = "\n".join(one for one in texts if one)
            yield {**row, "kind": "failed_request" if is_failed else "error", "first_text": text}


@pytest.mark.slow
def test_each_fixture_read_as_a_log_triggers_its_entry_and_no_other(tmp_path: Path) -> None:
    settings = Settings()
    with store.staged(tmp_path) as staging:
        streams = [streams_of([str(FIXTURES)], settings, tmp_path)]
        read(streams, "candidate", settings, staging, open_book(settings), lambda _: None)
        parts = [path for paths in staging.event_parts.values() for path in paths]
        events = pl.concat([pl.read_parquet(path) for path in parts])

    triggered: dict[str, set[str]] = {name: set() for name in BASE.names}
    for row in _findings(events):
        entry = BASE.find(row)
        triggered[Path(row["log_file_path"]).stem].add(
            entry.knowledge.knowledge_id if entry else "none"
        )
    assert {name: own for name, own in triggered.items() if own != {name}} == {}
