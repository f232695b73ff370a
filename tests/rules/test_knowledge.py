import re
from datetime import date

import pytest

from pipeline.errors import RuleError
from pipeline.model import Knowledge
from pipeline.rules import load_knowledge, load_rules
from pipeline.rules.knowledge import parse_knowledge

KNOWLEDGE = load_knowledge()
ENTRY = """
title = "Out of stock"
mechanism = "The shelf is empty."
hypotheses = ["Nobody ordered."]
check_first = ["Look at the shelf."]
remedy = ["Order."]
verify = ["The shelf is full."]
references = ["https://www.postgresql.org/docs/current/"]
reviewed = "2026-11-25"
"""


def test_entries_belong_to_shipped_rules() -> None:
    names = {rule.name for rule in load_rules()}

    assert len(KNOWLEDGE) >= 30
    assert set(KNOWLEDGE) <= names


@pytest.mark.parametrize("entry", KNOWLEDGE.values(), ids=lambda entry: entry.knowledge_id)
def test_entry_is_complete_and_dated(entry: Knowledge) -> None:
    assert KNOWLEDGE[entry.knowledge_id] is entry
    assert date.fromisoformat(entry.reviewed).year >= 2026
    assert entry.title
    assert entry.mechanism
    assert entry.hypotheses
    assert entry.check_first
    assert entry.remedy
    assert entry.verify
    assert all(re.fullmatch(r"https://[^\s]+", url) for url in entry.references)


def test_enum_entry_does_not_repeat_the_change_that_does_not_help() -> None:
    entry = KNOWLEDGE["enum_binding"]

    assert any("search_path" in text for text in (*entry.hypotheses, *entry.check_first))
    assert any("native_enum=True" in text and "changes nothing" in text for text in entry.remedy)


def test_text_becomes_an_entry() -> None:
    entry = parse_knowledge("stock_gone.toml", ENTRY)

    assert entry.knowledge_id == "stock_gone"
    assert entry.check_first == ["Look at the shelf."]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('title = "Out of stock"', "", "title: a text"),
        ('remedy = ["Order."]', "remedy = []", "remedy: a list"),
        ('remedy = ["Order."]', 'remedy = "Order."', "remedy: a list"),
        ('title = "Out of stock"', 'titel = "x"', "unknown key 'titel'"),
        ('["https://www.postgresql.org/docs/current/"]', '["manual"]', "references: .* https"),
        ('"2026-11-25"', '"last week"', "reviewed: a date"),
        ("title =", "title", "not TOML"),
    ],
)
def test_unusable_entry_is_refused_with_file_key_and_reason(
    old: str, new: str, reason: str
) -> None:
    with pytest.raises(RuleError, match=rf"stock_gone\.toml: .*{reason}"):
        parse_knowledge("stock_gone.toml", ENTRY.replace(old, new))
