import re
from collections.abc import Iterable
from pathlib import Path
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import duckdb
import polars as pl
import pytest

from pipeline.errors import RuleError
from pipeline.rules import Rule, check_rule, load_rules, rule_table

RULES = load_rules()
Node = Any  # the parser's trees have no types
# The condition and the order that the classifying query uses, kept the same.
WINNER = """
    select line_id, arg_min(
        {'error_class': error_class, 'kind': kind}, (rule_order, pattern_order)
    ) as won
    from lines
    join rules on contains(lower(line), literal) and regexp_matches(line, regex)
    group by line_id
"""


def winners(lines: Iterable[str]) -> list[tuple[str, str | None] | None]:
    """Return (error_class, kind) of the rule that takes each line in DuckDB; null: none does."""
    texts = pl.DataFrame({"line": list(lines)}, schema={"line": pl.String}).with_row_index(
        "line_id"
    )
    connection = duckdb.connect()
    connection.register("lines", texts)
    connection.register("rules", rule_table(RULES))
    won = dict(connection.execute(WINNER).fetchall())
    return [
        (won[i]["error_class"], won[i]["kind"]) if i in won else None for i in range(texts.height)
    ]


def test_there_are_the_classes_that_such_stacks_die_of() -> None:
    names = {rule.name for rule in RULES}

    assert len(names) >= 50
    assert {"enum_binding", "asgi_message", "timeout", "unhandled_exception"} <= names


def test_each_must_line_is_taken_by_its_own_pattern_among_all_rules() -> None:
    wanted = [
        (line, (rule.name, pattern.kind))
        for rule in RULES
        for pattern in rule.patterns
        for line in pattern.must
    ]

    taken = winners(line for line, _ in wanted)

    wrong = [
        (line, want, got) for (line, want), got in zip(wanted, taken, strict=True) if want != got
    ]
    assert wrong == []


def test_no_must_not_line_is_taken_by_its_rule() -> None:
    lines = [(rule.name, line) for rule in RULES for line in rule.must_not]

    taken = winners(line for _, line in lines)

    wrong = [
        (name, line)
        for (name, line), got in zip(lines, taken, strict=True)
        if got and got[0] == name
    ]
    assert wrong == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_passes_the_checks_that_loading_makes(rule: Rule) -> None:
    check_rule(rule)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_literal_is_in_every_alternative_of_the_regex(rule: Rule) -> None:
    missing = [
        (pattern.literal, text)
        for pattern in rule.patterns
        for text in _shortest_texts(parser.parse(pattern.regex))
        if pattern.literal not in text.lower()
    ]

    assert missing == []


def _shortest_texts(tree: Iterable[Node]) -> list[str]:
    """Spell each alternative of a parsed regex once; what a class matches is written as NUL."""
    texts = [""]
    for operation, argument in tree:
        texts = [head + tail for head in texts for tail in _spell(operation, argument)]
    return texts


def _spell(operation: Node, argument: Node) -> list[str]:
    match operation, argument:
        case code.LITERAL, int(value):
            return [chr(value)]
        case code.AT, _:
            return [""]
        case code.SUBPATTERN, (_, _, _, tree):
            return _shortest_texts(tree)
        case code.BRANCH, (_, branches):
            return [text for branch in branches for text in _shortest_texts(branch)]
        case ((code.MAX_REPEAT | code.MIN_REPEAT), (int(least), most, tree)):
            once = _shortest_texts(tree)
            return [text * least for text in once] if least else ["", *(once if most == 1 else [])]
        case code.IN, [*members] if all(kind is code.LITERAL for kind, _ in members):
            return [chr(value) for _, value in members]
        case ((code.IN | code.NOT_LITERAL | code.ANY), _):
            return ["\0"]
    raise AssertionError(f"not spelt: {operation}")


def test_names_are_unique_and_generic_rule_is_last() -> None:
    names = [rule.name for rule in RULES]

    assert len(set(names)) == len(names)
    assert names[-1] == "unhandled_exception"


def test_regexes_hold_no_long_bounded_repeats() -> None:
    long = [
        pattern.regex
        for rule in RULES
        for pattern in rule.patterns
        if re.search(r"\{[0-9]*,[0-9]{2,}\}", pattern.regex)
    ]

    assert long == []


def test_table_has_one_row_a_pattern_in_order_of_priority() -> None:
    table = rule_table(RULES)

    assert table.columns == [
        "rule_order", "pattern_order", "error_class", "kind", "literal", "regex",
    ]  # fmt: skip
    assert table.height == sum(len(rule.patterns) for rule in RULES)
    assert table.equals(table.sort("rule_order", "pattern_order"))
    assert table["error_class"][0] == "enum_binding"
    assert [rule.priority for rule in RULES] == sorted(rule.priority for rule in RULES)


@pytest.mark.parametrize(
    ("text", "error_class"),
    [
        # An exception and the head of its traceback: frames do not distract.
        (
            "RuntimeError: Unexpected message received: http.request\n"
            "Exception in ASGI application\nTraceback (most recent call last):\n"
            '  File "/app/timeouts.py", line 3, in read_timeout',
            "asgi_message",
        ),
        (
            'asyncpg.exceptions.UndefinedObjectError: type "googleservice" does not exist\n'
            "Exception in ASGI application",
            "enum_binding",
        ),
        (
            'ERROR:  type "googleservice" does not exist at character 152\nSTATEMENT:  SELECT 1',
            "enum_binding",
        ),
        ("Starting migration of 3 tables", None),
        ("Request finished in 503 ms", None),
        ("Could not reserve seat 17 for trip 4", None),
        ("cache miss for key user:42", None),
        ("", None),
    ],
)
def test_text_goes_to_class(text: str, error_class: str | None) -> None:
    (won,) = winners([text])

    assert (won and won[0]) == error_class


RULE = """
[[rule]]
name = "stock_gone"
title = "Out of stock"
description = "The warehouse has none."
must_not = ["in stock"]
[[rule.pattern]]
literal = "out of stock"
regex = "(?i)out of stock"
must = ["Item 7 is out of stock"]
"""


def test_rules_of_a_folder_come_before_shipped_ones_of_the_same_priority(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(RULE)
    names = [rule.name for rule in load_rules([tmp_path])]
    same_priority = [rule.name for rule in RULES if rule.priority == 500]

    assert len(names) == len(RULES) + 1
    assert names.index("stock_gone") < min(names.index(name) for name in same_priority)


def test_rule_of_a_folder_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "dns.toml").write_text(RULE.replace("stock_gone", "dns"))
    rules = {rule.name: rule for rule in load_rules([tmp_path])}

    assert len(rules) == len(RULES)
    assert rules["dns"].title == "Out of stock"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('literal = "out of stock"', 'literal = "Out of stock"', "literal: .* not lower case"),
        ('literal = "out of stock"', 'literal = "sold"', "literal: 'sold' is not part of"),
        ('regex = "(?i)out of stock"', 'regex = "(?<!x)out"', "regex: .*look"),
        ('regex = "(?i)out of stock"', 'regex = "out("', "regex: "),
        ('regex = "(?i)out of stock"', 'regex = "sold out"', "does not match the must"),
        ('must_not = ["in stock"]', 'must_not = ["out of stock"]', "matches the must_not"),
        ('must_not = ["in stock"]', "must_not = []", "must_not: a list of at least one"),
        ('must = ["Item 7 is out of stock"]', "", "must: a list of at least one"),
        ('name = "stock_gone"', 'name = "Stock gone"', "name: lower-case"),
        ('title = "Out of stock"', 'title = ""', "title: a text"),
        ('title = "Out of stock"', 'title = "x"\ncolour = "red"', "unknown key 'colour'"),
        ('title = "Out of stock"', 'title = "x"\npriority = "high"', "priority: a whole"),
        ('title = "Out of stock"', 'title = "x"\nseverity = "bad"', "severity: 'bad'"),
        ("[[rule]]", "[[rules]]", "unknown key 'rules'"),
        ("[[rule]]", "[[rule]", "not TOML"),
    ],
)
def test_unusable_rule_is_refused_with_file_key_and_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    (tmp_path / "shop.toml").write_text(RULE.replace(old, new))

    with pytest.raises(RuleError, match=reason) as raised:
        load_rules([tmp_path])
    assert "shop.toml" in str(raised.value)


def test_name_twice_in_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(RULE + RULE)

    with pytest.raises(RuleError, match="name is taken"):
        load_rules([tmp_path])


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="is not a folder"):
        load_rules([tmp_path / "none"])
