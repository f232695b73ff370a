import re
import tomllib
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.errors import RuleError
from pipeline.rules import KnowledgeBase, load_knowledge, load_rules
from pipeline.rules.knowledge import parse_knowledge
from pipeline.signs import Entry

BASE = load_knowledge()
RULES = {rule.name for rule in load_rules()}
# Words that coverage.warnings[].kind may be, as `docs/result-schema.md` lists them.
ROOT = Path(__file__).parents[2]
ENTRY = """
title = "Out of stock"
mechanism = "The shelf is empty."
applies_to = "shelves"
check_first = ["Look at the shelf."]
remedy = ["Order."]
verify = ["The shelf is full."]
references = ["https://www.postgresql.org/docs/current/"]
reviewed = "2026-11-25"
opened = "2026-11-25"

[[command]]
run = "ls SHELF"
where = "shell"

[[hypothesis]]
text = "Nobody ordered."
refuted_if = "An order is on its way."
supported_by = [{ class = "no_order" }, { own = "shelf", regex = "shelf [0-9]+ empty" }]
refuted_by = [{ follows = true }]
"""


def test_every_shipped_rule_has_an_entry_and_every_entry_is_of_a_class() -> None:
    of_requests = {name for name in BASE if re.fullmatch(r"http_[45][0-9x]{2}", name)}

    assert len(BASE) >= 60
    assert {one.error_class for one in BASE.values()} >= RULES
    assert {one.error_class for one in BASE.values()} - RULES - of_requests == set()


@pytest.mark.parametrize("entry", BASE.values(), ids=lambda entry: entry.knowledge.knowledge_id)
def test_entry_is_complete_and_dated(entry: Entry) -> None:
    known = entry.knowledge

    assert date.fromisoformat(known.reviewed).year >= 2026
    assert date.fromisoformat(known.opened).year >= 2026
    assert known.hypotheses == [one.text for one in entry.hypotheses]
    assert len(known.hypotheses) >= 2
    assert all(re.fullmatch(r"https://[^\s]+", url) for url in known.references)


def test_signs_name_what_there_is() -> None:
    """A class that no rule has, or a doubt that nothing raises, would never be seen."""
    text = (ROOT / "docs" / "result-schema.md").read_text(encoding="utf-8")
    kinds = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    named: defaultdict[str, set[str]] = defaultdict(set)
    for entry in BASE.values():
        for one in entry.hypotheses:
            for sign in (*one.supported_by, *one.refuted_by):
                named[sign.kind] |= set(sign.values)

    assert named["class"] - RULES == set()
    assert named["warning"] - kinds == set()


def test_patterns_of_signs_are_patterns_of_the_engine_that_runs_them() -> None:
    for entry in BASE.values():
        for one in entry.hypotheses:
            for sign in (*one.supported_by, *one.refuted_by):
                if sign.regex is not None:
                    pl.Series(["x"]).str.contains(sign.regex)


def test_class_has_its_general_entry_after_those_for_particular_errors() -> None:
    base = KnowledgeBase()
    variants = [name for name in base.names if "." in name]

    for name in variants:
        error_class = name.partition(".")[0]
        found = [one.knowledge.knowledge_id for one in base.of_class(error_class)]
        assert found.index(name) < found.index(error_class)


def _row(**values: Any) -> dict[str, Any]:  # noqa: ANN401  # a row of any columns
    empty = dict.fromkeys(("error_class", "first_text", "http_response_status_code"))
    return {"kind": "error", **empty, **values}


def test_failed_requests_have_entries_by_status() -> None:
    base = KnowledgeBase()

    for status in (500, 502, 503, 504, 599):
        entry = base.find(_row(kind="failed_request", http_response_status_code=status))
        assert entry is not None
        assert entry.error_class in (f"http_{status}", "http_5xx")


def test_error_without_a_class_has_no_entry() -> None:
    assert KnowledgeBase().find(_row(first_text="x")) is None


def test_enum_entry_does_not_repeat_the_change_that_does_not_help() -> None:
    known = BASE["enum_binding"].knowledge

    assert any("search_path" in text for text in (*known.hypotheses, *known.check_first))


def test_text_becomes_an_entry() -> None:
    entry = parse_knowledge("stock_gone.toml", ENTRY)

    assert entry.knowledge.knowledge_id == entry.error_class == "stock_gone"
    assert entry.knowledge.check_first == ["Look at the shelf."]
    assert entry.knowledge.commands[0].ran_with is None
    (one,) = entry.hypotheses
    assert [sign.looked_for for sign in one.supported_by] == [
        "events of no_order",
        'its own lines that say "shelf"',
    ]
    assert one.supported_by[1].regex == "shelf [0-9]+ empty"
    assert [sign.kind for sign in one.refuted_by] == ["follows"]


def test_variant_takes_what_its_pattern_finds() -> None:
    entry = parse_knowledge("stock_gone.shelf.toml", 'when = "Shelf(?:Empty)?"\n' + ENTRY)

    assert entry.error_class == "stock_gone"
    assert entry.takes("ShelfEmptyError: none left")
    assert not entry.takes("ValueError: none left")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('title = "Out of stock"', "", "title: a text"),
        ('remedy = ["Order."]', "remedy = []", "remedy: a list"),
        ('remedy = ["Order."]', 'remedy = "Order."', "remedy: a list"),
        ('title = "Out of stock"', 'titel = "x"', "unknown key 'titel'"),
        ('["https://www.postgresql.org/docs/current/"]', '["manual"]', "references: .* https"),
        ('reviewed = "2026-11-25"', 'reviewed = "last week"', "reviewed: a date"),
        ('opened = "2026-11-25"', "", "opened: a text"),
        ("title =", "title", "not TOML"),
        ('title = "Out of stock"', 'title = "x"\nwhen = "y"', "when: an entry named"),
        ('where = "shell"', "", r"command\[0\]: where: a text"),
        ('where = "shell"', 'where = "shell"\nwhy = "x"', r"command\[0\]: unknown key 'why'"),
        ('{ class = "no_order" }', '{ klass = "x" }', r"supported_by\[0\]: unknown key 'klass'"),
        ('{ class = "no_order" }', '{ class = "x", own = "y" }', "one kind is needed"),
        ('{ class = "no_order" }', '{ class = "x", regex = "y" }', "regex: only of a text"),
        ('{ class = "no_order" }', '{ spread = "moon" }', "spread: one of"),
        ('{ class = "no_order" }', '"no_order"', "supported_by: a list of tables"),
        ('own = "shelf"', 'own = ["a", "b"]', r"supported_by\[1\]: own: one literal"),
        ('regex = "shelf [0-9]+ empty"', 'regex = "("', r"supported_by\[1\]: regex: "),
        ("follows = true", "follows = 1", "follows: nothing but true"),
        ("[[hypothesis]]", "[hypothesis]", "hypothesis: a list of tables"),
        ('text = "Nobody ordered."', "", r"hypothesis\[0\]: text"),
        ('text = "Nobody ordered."', 'text = "x"\nuntold = "y"', "either signs"),
    ],
)
def test_unusable_entry_is_refused_with_file_key_and_reason(
    old: str, new: str, reason: str
) -> None:
    assert old in ENTRY
    with pytest.raises(RuleError, match=rf"stock_gone\.toml: .*{reason}"):
        parse_knowledge("stock_gone.toml", ENTRY.replace(old, new))


def test_variant_without_a_pattern_is_refused() -> None:
    with pytest.raises(RuleError, match=r"stock_gone\.shelf\.toml: when: "):
        parse_knowledge("stock_gone.shelf.toml", ENTRY)


def test_keys_of_an_entry_are_explained_where_entries_are_read() -> None:
    """Who writes an entry reads the head of the module, not its code."""
    from pipeline.rules import knowledge

    keys = set(tomllib.loads(ENTRY)) | {"when"}

    assert [key for key in keys if f"{key}" not in (knowledge.__doc__ or "")] == []
