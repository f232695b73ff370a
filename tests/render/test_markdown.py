"""The Markdown: the same facts, and text from logs that stays literal."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from pipeline.model import Result
from pipeline.render import render_markdown
from pipeline.render.untrusted import visible
from tests.render import sample
from tests.render.attacks import ATTACKS
from tests.render.test_html import HIDDEN, large

RESULTS = [sample.incident, sample.undecided, sample.quiet]
TAGS = {
    *("h1", "h2", "h3", "p", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
    *("code", "pre", "em", "strong", "details", "summary"),
}


NODE = re.compile(r'  n\d+\["[^"`<>\[\](){}|]*"\]')
ARROW = re.compile(r'  n\d+ (-->|-\.->)\|"[\d. %]+"\| n\d+')


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment of somebody else: {data}")


@cache
def markdown_of(attack: str) -> str:
    # Texts this long would have sections left out, which are to be looked at, too.
    return render_markdown(sample.hostile(attack), 90_000)


def rendered(text: str) -> _Page:
    page = _Page()
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    page.feed(markdown.render(text))
    page.close()
    return page


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_hostile_text_stays_text(attack: str) -> None:
    page = rendered(markdown_of(attack))

    assert set(page.tags) <= TAGS
    assert page.attributes <= {"class", "style", "start"}  # of fences, columns and lists
    text = " ".join("".join(page.words).split())
    assert " ".join(visible(attack)[:60].split()) in text


@pytest.mark.parametrize("attack", ["fence", "table", "formula", "mermaid"])
def test_a_hostile_report_is_built_like_a_harmless_one(attack: str) -> None:
    def built(text: str) -> list[str]:
        result = sample.hostile(text)  # whether a rule can be proposed depends on the words
        bare = [replace(one, template=None) for one in result.findings]
        return rendered(render_markdown(replace(result, findings=bare))).tags

    assert built(ATTACKS[attack]) == built("harmless ")


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nothing_becomes_a_link_or_a_mention_by_itself(attack: str) -> None:
    text = markdown_of(attack)

    outside = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    outside = re.sub(r"<code>.*?</code>", "", outside)
    assert not re.search(r"://|@|www\.|#\d+\b(?!;)|GH-\d", outside.replace("&#", ""))
    assert not HIDDEN.search(text)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_chain_keeps_to_its_grammar(attack: str) -> None:
    text = markdown_of(attack)

    section = text[text.index("\n## 4 ") : text.index("\n## 5 ")]
    block = re.search(r"^```mermaid\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert block is not None
    first, *lines = block.group(1).splitlines()
    assert first == "flowchart TD"
    assert len(lines) == len(sample.NODES) + len(sample.EDGES)
    for line in lines:
        assert NODE.fullmatch(line) or ARROW.fullmatch(line), line


@pytest.mark.parametrize("make", RESULTS)
def test_every_section_stands_in_order_and_says_something(make: Callable[[], Result]) -> None:
    text = render_markdown(make())

    headings = re.findall(r"^## (\d+) ", text, re.MULTILINE)
    assert headings == [str(number) for number in range(1, 15)]
    assert all(len(part.strip()) > 20 for part in re.split(r"^## .*$", text, flags=re.MULTILINE))
    assert "\n\n\n\n" not in text


@pytest.mark.parametrize("make", RESULTS)
def test_no_finding_is_called_a_root_cause(make: Callable[[], Result]) -> None:
    text = render_markdown(make()).replace(
        "Confirmed root cause: _to be filled in by a person_", ""
    )

    assert "root cause" not in text.lower()


def test_it_fits_a_comment_of_github() -> None:
    assert len(render_markdown(sample.incident())) < 60_000
    assert len(render_markdown(large())) < 60_000
