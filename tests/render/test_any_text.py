"""Any text at all, in every field of a result, in every rendering: it stays text."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.model import Result
from pipeline.render import render_html, render_markdown, render_terminal
from tests.render.attacks import ATTACKS
from tests.render.sample import hostile, incident, with_text
from tests.render.test_html import ATTRIBUTES, HIDDEN, parse, tag_of
from tests.render.test_html import TAGS as HTML_TAGS
from tests.render.test_markdown import TAGS as MARKDOWN_TAGS
from tests.render.test_markdown import rendered

# Beginnings and ends of what somebody could want to be obeyed, put together anyhow.
PIECES = [
    "<", ">", "</", "<!--", "-->", "<script>", "<svg/onload=x>", "</bdi>", "</code>", "</td>",
    "&lt;", "&#60;", "&", '"', "'", "=", "`", "```", "~~~", "\n", "\n\n", "\r", "\t", "|", "||",
    "\\", "*", "**", "_", "__", "#", "# ", "- ", "1. ", "> ", "    ", "[", "](", ")", "![", "http",
    "://", "www.", "@", "@team", "#17", "a.b", "---", "===", "$$", "{{", "}}", "{%", "%}", "${",
    "%s", "\x1b[", "\x1b]0;", "\x07", "\x9b", "\x00", "\x7f", "\x85", "\u202e", "\u2066", "\u200b",
    "\u2028", "\ufeff", "\ud800", "\U000e0041", "\u0301", "é", "漢", "🔑", "click", "%%{", ";",
    "end", "subgraph", "::", "##[", "x", "word", " ",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=30).map("".join)


def assert_inert(result: Result) -> None:
    root, errors = parse(render_html(result))
    assert errors == []
    for element in root.iter():
        assert tag_of(element) in HTML_TAGS
        assert set(element.attrib) <= ATTRIBUTES
        assert element.get("href", "#").startswith("#")
    assert len(root.findall(".//script")) == len(root.findall(".//style")) == 1
    markdown = render_markdown(result)
    page = rendered(markdown)
    assert set(page.tags) <= MARKDOWN_TAGS
    assert page.attributes <= {"class", "style", "start"}
    assert not HIDDEN.search(markdown)
    terminal = render_terminal(result, width=90, color=False, files=["out/report.html"])
    assert not re.search(r"[^\n\x20-\x7e\xa0-\U0010ffff]|[\u200b-\u200f\u2028-\u202e]", terminal)
    for text in (markdown, terminal):
        text.encode()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_any_text_in_every_field(text: str) -> None:
    assert_inert(hostile(text))


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, TEXTS)
def test_any_two_texts_around_what_was_there(before: str, after: str) -> None:
    assert_inert(with_text(incident(), lambda text: f"{before}{text}{after}"))


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("other", ["fence", "table", "break_out", "comment"])
def test_attacks_that_end_what_another_began(attack: str, other: str) -> None:
    texts = iter([attack, ATTACKS[other]] * 10_000)

    assert_inert(with_text(incident(), lambda text: f"{next(texts)}{text[:12]}"))
