"""Every rule finds what its samples say, and leaves what they say: once, and the second time."""

import polars as pl
import pytest

from pipeline.redaction import redact_text
from pipeline.redaction.rules import Rule, load_redactions

RULES = load_redactions()
MUST = [
    pytest.param(rule, text, expected, id=f"{rule.name}-{at}-{number}")
    for at, rule in enumerate(RULES)
    for number, (text, expected) in enumerate(rule.must)
]
MUST_NOT = [
    pytest.param(rule, text, id=f"{rule.name}-{at}-{number}")
    for at, rule in enumerate(RULES)
    for number, text in enumerate(rule.must_not)
]


@pytest.mark.parametrize(("rule", "text", "expected"), MUST)
def test_what_must_be_redacted(rule: Rule, text: str, expected: str) -> None:
    assert redact_text(text, pii=rule.is_personal) == expected


@pytest.mark.parametrize(("rule", "text"), MUST_NOT)
def test_what_must_stay(rule: Rule, text: str) -> None:
    assert redact_text(text, pii=rule.is_personal and rule.name != "email") == text


@pytest.mark.parametrize(("rule", "text", "expected"), MUST)
def test_what_was_redacted_stays(rule: Rule, text: str, expected: str) -> None:
    assert redact_text(expected, pii=rule.is_personal) == expected


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_text_of_a_rule_holds_one_of_its_literals(rule: Rule) -> None:
    texts = pl.Series([text for text, _ in rule.must])

    if rule.literals:
        assert texts.str.contains_any(list(rule.literals), ascii_case_insensitive=True).all()
    assert all(literal == literal.lower() for literal in rule.literals)
