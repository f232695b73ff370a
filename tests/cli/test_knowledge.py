import json

import pytest

from pipeline.rules import load_knowledge
from tests.command import Run


@pytest.fixture
def entries() -> list[str]:
    return list(load_knowledge())


def test_every_entry_is_listed(run: Run, entries: list[str]) -> None:
    listed = json.loads(run("knowledge", "list", "--json").out)

    assert [one["knowledge"]["knowledge_id"] for one in listed] == entries
    assert [line.split()[0] for line in run("knowledge", "list").out.splitlines()[1:]] == entries


def test_an_entry_is_shown_with_what_speaks_for_and_against_it(run: Run) -> None:
    shown = run("knowledge", "show", "timeout.pool")

    assert shown.code == 0
    assert "refuted if" in shown.out
    assert "more requests per hour" in shown.out


def test_an_unknown_entry_is_told_with_the_nearest(run: Run) -> None:
    shown = run("knowledge", "show", "timeout.pol")

    assert shown.code == 2
    assert "timeout.pool" in shown.err
