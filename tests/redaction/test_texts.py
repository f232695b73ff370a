"""Redaction is one step whose outcome is final, and touches nothing but secrets."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.redaction import Redactor, redact, redact_lines, redact_text

PIECES = [
    "password", "token", "Authorization", "Cookie", "api_key", "secret", "session_id", "otp", "x",
    "=", ":", ": ", " = ", "=>", "\"", "'", "\\\"", "\\'", "\\", ",", ", ", ";", "&", "?", "[",
    "]", "[r", "[red", "{", "}", "(", ")", "<", ">", "</", "--", " ", "\n", "\x00", "@", "://",
    "/", "└ ", "b'", "[redacted:", "[redacted:password]", "[redacted:jwt]", "[parameters: ",
    "null", "missing", "Bearer ", "Basic ", "hunter2", "a1b2c3d4e5f6g7h8",
    "0123456789abcdef0123456789abcdef", "eyJhbGciOiJIUzI1NiJ9", ".", "name", "value",
    "-----BEGIN PRIVATE KEY-----", "bob@example.com", "203.0.113.9", "4111111111111111",
    "IDENTIFIED BY ", "curl -u bob:", "ä", "🔑",
]  # fmt: skip
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), max_size=40)


@settings(max_examples=25, deadline=None)
@given(TEXTS)
def test_twice_is_once(texts: list[str]) -> None:
    once = redact(pl.Series(texts, dtype=pl.String))

    assert redact(once).to_list() == once.to_list()


@settings(max_examples=10, deadline=None)
@given(TEXTS)
def test_twice_is_once_with_personal_data(texts: list[str]) -> None:
    once = redact(pl.Series(texts, dtype=pl.String), pii=True, key=b"k")

    assert redact(once, pii=True, key=b"k").to_list() == once.to_list()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=30))
def test_text_without_a_secret_stays(texts: list[str]) -> None:
    plain = [text for text in texts if not any(c in text for c in "=:@[]/\x00")]

    assert redact(pl.Series(plain, dtype=pl.String)).to_list() == plain


@settings(max_examples=10, deadline=None)
@given(TEXTS)
def test_a_text_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    together = redact(pl.Series(texts, dtype=pl.String)).to_list()

    assert together[:3] == [redact_text(text) for text in texts[:3]]


def test_nulls_and_order_stay() -> None:
    texts = pl.Series(["a", None, "password=x1", "b", None, "password=x1"])

    found = redact(texts).to_list()

    assert found == ["a", None, *["password=[redacted:password]", "b", None][:3], found[2]]


def test_what_is_given_is_not_changed() -> None:
    texts = pl.Series(["password=x1", "a"])

    redact(texts)

    assert texts.to_list() == ["password=x1", "a"]


def test_personal_data_stays_unless_asked_for() -> None:
    text = "bob@example.com from 203.0.113.9 paid with 4111111111111111"

    assert redact_text(text) == text
    assert (
        redact_text(text, pii=True)
        == "[redacted:email] from [redacted:ip] paid with [redacted:card]"
    )


def test_equal_values_stay_equal_under_a_key_and_differ_under_another() -> None:
    texts = pl.Series(["a bob@example.com", "b BOB@example.com", "c eve@example.com"])

    one, two = redact(texts, pii=True, key=b"one"), redact(texts, pii=True, key=b"two")

    hidden = [text[2:] for text in one.to_list()]
    assert hidden[0] == hidden[1] != hidden[2]
    assert hidden[0].startswith("[redacted:email:")
    assert not set(hidden) & {text[2:] for text in two.to_list()}


def test_an_address_that_begins_another_does_not_spoil_it() -> None:
    texts = pl.Series(["203.0.113.9", "203.0.113.94 and 203.0.113.9"])

    assert redact(texts, pii=True).to_list() == ["[redacted:ip]", "[redacted:ip] and [redacted:ip]"]


def test_certain_rules_alone_leave_what_only_a_name_tells() -> None:
    certain = Redactor(only_certain=True)

    found = certain(pl.Series(["password=hunter2", "postgres://a:hunter2@db/x"]))

    assert found.to_list() == ["password=hunter2", "postgres://a:[redacted:url_password]@db/x"]


def test_a_key_over_several_lines_is_taken_out_of_each() -> None:
    lines = [
        "a",
        "b -----BEGIN EC PRIVATE KEY-----",
        "c2hvcnQ=",
        "",
        "-----END EC PRIVATE KEY-----",
        "z",
    ]

    key = "[redacted:private_key]"
    assert redact_lines(lines) == ["a", f"b {key}", key, key, key, "z"]
