"""Signs of changes are data: each is tried on its own lines, and on those of all others."""

import polars as pl
import pytest

from pipeline.changes import Sign, check_sign, find_changes, literals_of, load_signs, parse_signs
from pipeline.errors import RuleError
from pipeline.schema import EVENTS

SIGNS = load_signs()


def events(*bodies: str) -> pl.DataFrame:
    rows = [{"body": body, "service_name": "api", "severity_number": 9} for body in bodies]
    return pl.DataFrame(rows, schema=EVENTS)


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.name)
def test_a_sign_fits_its_own_lines_and_is_the_first_that_does(sign: Sign) -> None:
    check_sign(sign)
    lines = [line for pattern in sign.patterns for line in pattern.must]

    found = find_changes(events(*lines), SIGNS, "candidate")

    assert dict(found.select("text", "sign").rows()) == dict.fromkeys(
        (line.strip() for line in lines), sign.name
    )


def test_literals_hold_no_other() -> None:
    literals = literals_of(SIGNS)

    assert not [a for a in literals for b in literals if a != b and a in b]
    for sign in SIGNS:
        for pattern in sign.patterns:
            for text in pattern.literals:
                assert any(one in text for one in literals)


ENTRY = """
[[change]]
name = "x_start"
kind = "start"
product = "X"
title = "X starts"
references = ["https://example.org/"]
must_not = ["starting up Y"]
[[change.pattern]]
literals = ["starting up"]
regex = '^starting up X'
must = ["starting up X"]
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"start"', '"strat"', "none of start"),
        ('["starting up"]', '["starting"', "not TOML"),
        ('literals = ["starting up"]', 'literals = ["up"]', "8 to 60 characters"),
        ('literals = ["starting up"]', "literals = ['starting \"up']", "some notation escapes"),
        ("title =", "titel =", "unknown key 'titel'"),
        ('["https://example.org/"]', "[]", "at least one text"),
        ("'^starting up X'", "'^starting up Y'", "does not match the must line"),
        ("'^starting up X'", "'^starting up'", "matches the must_not line"),
        ("'^starting up X'", "'(?=x)'", "regex"),
        ('literals = ["starting up"]', 'literals = ["starting up", "beginning"]', "in none of"),
    ],
)
def test_what_is_wrong_with_a_sign_is_said(old: str, new: str, reason: str) -> None:
    assert old in ENTRY

    with pytest.raises(RuleError, match=reason):
        for sign in parse_signs("own.toml", ENTRY.replace(old, new)):
            check_sign(sign)


def test_a_sign_without_fault_passes() -> None:
    (sign,) = parse_signs("own.toml", ENTRY)
    check_sign(sign)


def test_access_lines_and_texts_that_quote_are_no_changes() -> None:
    quoted = events("client said: database system is ready to accept connections")
    access = events("Started server process [1]").with_columns(
        http_response_status_code=pl.lit(200, pl.Int16)
    )

    assert find_changes(quoted, SIGNS, "candidate").is_empty()
    assert find_changes(access, SIGNS, "candidate").is_empty()
