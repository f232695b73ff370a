"""Text from logs stays text: it cannot leave its wrapper unseen, nor carry what a reader obeys."""

import re
import time
import unicodedata

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.render import untrusted
from pipeline.render.documents import environment
from pipeline.render.untrusted import Untrusted, visible
from tests.render.attacks import ATTACKS

LEAKS = [
    "{{ m }}", "{{ m ~ '' }}", "{{ m|upper }}", '{{ "%s"|format(m) }}', "{{ [m]|join }}",
    "{{ m|string }}", "{{ m|safe }}", "{{ m|e }}", "{{ [m] }}", "{{ m|trim }}", "{{ m|list }}",
    "{{ m|tojson }}", "{{ {'a': m}|xmlattr }}", "{{ m|replace('a', 'b') }}", "{{ m + m }}",
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["html.j2", "md.j2"])
@pytest.mark.parametrize("source", LEAKS)
def test_a_template_cannot_print_it_unfiltered(source: str, suffix: str) -> None:
    env = environment().overlay(loader=jinja2.DictLoader({f"x.{suffix}": source}))

    try:
        shown = env.get_template(f"x.{suffix}").render(m=Untrusted("secret"))
    except TypeError:
        return
    assert "secret" not in shown.lower()


def test_python_cannot_print_it_either() -> None:
    wrapped = Untrusted("secret")

    assert "secret" not in repr(wrapped)
    for attempt in (str, "{}".format, "%s".__mod__, "".__add__, "".join, list):
        with pytest.raises(TypeError):
            attempt(wrapped)  # type: ignore[operator]


def test_html_templates_escape_although_their_last_suffix_is_another() -> None:
    env = environment()

    names = [name for name in env.list_templates() if name.endswith(".html.j2")]
    assert len(names) > 10
    assert all(env.autoescape(name) is True for name in names)  # type: ignore[operator]
    assert env.autoescape("report.md.j2") is False  # type: ignore[operator]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("is_block", [True, False])
def test_nothing_hidden_is_left(attack: str, is_block: bool) -> None:
    shown = visible(attack, is_block=is_block)

    allowed = {"\n"} if is_block else set()
    bad = {c for c in shown if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"} - allowed
    assert not bad
    shown.encode()


@given(st.text(max_size=200))
def test_no_text_at_all_hides_anything(text: str) -> None:
    shown = visible(text)

    assert not [c for c in shown if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"]


def test_what_is_hidden_is_named() -> None:
    assert visible("a\u202eb") == "a⟨U+202E⟩b"
    assert visible("a\udce9b") == "a⟨0xE9⟩b"
    assert visible("\ud800") == "⟨U+D800⟩"
    assert visible("a\x1b[31mb\x1b[0mc") == "abc"
    assert visible("a\nb\r\nc\td") == "a⏎b⏎c d"
    assert visible("a\nb\tc", is_block=True) == "a\nb    c"
    assert visible("x\x1b") == "x⟨U+001B⟩"


def test_a_sequence_put_together_by_removing_another_is_shown() -> None:
    assert "\x1b" not in visible("\x1b\x1b[0m[31mred")


def test_length_is_capped_and_said() -> None:
    shown = visible("x" * 1000, 100)

    assert shown == "x" * 100 + "… (+900 characters)"
    assert visible("x" * 1000, 20) == "x" * 20 + "…"
    assert visible("x" * 100, 100) == "x" * 100


def test_a_megabyte_costs_nothing() -> None:
    start = time.perf_counter()
    for text in ("\x1b]" * 500_000, "\x1b[" * 500_000, "\x1bP" + "a" * 1_000_000, "`" * 1_000_000):
        visible(text)
        untrusted.markdown_block(Untrusted(text))

    assert time.perf_counter() - start < 2


def test_fences_are_longer_than_what_they_hold() -> None:
    block = untrusted.markdown_block(Untrusted("a\n``````\nb"))

    fence = re.match("`+", block)
    assert fence is not None and len(fence.group()) == 7
    assert block.endswith("\n" + "`" * 7)


@given(st.text(max_size=80))
def test_a_cell_holds_only_entities_and_plain_characters(text: str) -> None:
    cell = untrusted.markdown_code(Untrusted(text))

    inside = cell.removeprefix("<code>").removesuffix("</code>")
    inside = inside.replace("&#64;</code><code>", "")  # an address of mail is cut in two
    assert not set("|`*<>[]@#!\\~$\n") & set(re.sub(r"&#\d+;", "", inside))


@given(st.text(max_size=80))
def test_a_mermaid_label_never_leaves_its_quotes(text: str) -> None:
    label = untrusted.mermaid_label(Untrusted(text))

    assert not set("\"'`<>[](){}|%;\n") & set(re.sub(r"#\d+;", "", label))


def test_words_that_become_links_become_code() -> None:
    shown = untrusted.markdown_text(Untrusted("see https://a.example and @team in #12, snake_case"))

    assert "://" not in shown
    assert shown.count("<code>") == 3
    assert shown.endswith("snake_case")


@pytest.mark.parametrize("text", ["# a", "- a", "+ a", "1. a", "12) a", "> a", "=== a", "    a"])
def test_a_sentence_begins_no_block(text: str) -> None:
    shown = untrusted.markdown_text(Untrusted(text))

    assert re.match(r"&#|[a-z]", shown)
