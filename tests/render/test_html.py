"""The page: one file that asks for nothing, says every section, and obeys no log."""

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest

from pipeline.model import Result
from pipeline.render import render_html
from pipeline.render.context import SECTIONS
from pipeline.render.figures import UNKNOWN
from pipeline.render.untrusted import visible
from tests.render import sample
from tests.render.attacks import ATTACKS

RESULTS = [sample.incident, sample.undecided, sample.quiet]
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "nav"),
    *("section", "article", "div", "p", "h1", "h2", "h3", "h4", "h5", "span", "b", "i", "small"),
    *("dl", "dt", "dd", "ol", "ul", "li", "a", "bdi", "time", "button", "code", "pre", "script"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption"),
    *("details", "summary", "svg", "desc", "defs", "pattern", "line", "rect", "path", "circle"),
    *("text", "tspan", "g", "form", "label", "select", "option", "output"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "href", "id", "title", "type"),
    *("hidden", "datetime", "scope", "tabindex", "role", "aria-label", "aria-labelledby"),
    *("aria-hidden", "viewBox", "width", "height", "x", "y", "dx", "dy", "x1", "x2", "y1", "y2"),
    *("data-keys", "value", "colspan", "aria-live"),
    *("cx", "cy", "r", "rx", "d", "fill", "stroke-width", "patternUnits", "patternTransform"),
}
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@cache
def page_of(attack: str) -> str:
    return render_html(sample.hostile(attack))


def parse(page: str) -> tuple[Element, list[Any]]:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root: Element = parser.parse(page)
    return root, parser.errors


def tag_of(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def words_of(element: Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


@pytest.mark.parametrize("make", RESULTS)
def test_the_page_is_well_formed(make: Callable[[], Result]) -> None:
    root, errors = parse(render_html(make()))

    assert errors == []
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    targets = {element.get("href", "")[1:] for element in root.iter("a")}
    assert targets <= set(ids)
    labels = {name for e in root.iter() for name in e.get("aria-labelledby", "").split()}
    assert labels <= set(ids)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_hostile_text_stays_text(attack: str) -> None:
    root, errors = parse(page_of(attack))

    assert errors == []
    for element in root.iter():
        assert isinstance(element.tag, str), "a comment of somebody else"
        assert tag_of(element) in TAGS
        assert set(element.attrib) <= ATTRIBUTES
        assert element.get("href", "#").startswith("#")
        assert element.get("fill", "url(#").startswith("url(#")
    assert len(root.findall(".//script")) == len(root.findall(".//style")) == 1
    heading = root.find(".//h1")
    assert heading is not None
    assert " ".join(visible(attack)[:60].split()) in words_of(heading)


def test_a_hostile_page_is_built_like_a_harmless_one() -> None:
    def shape(attack: str) -> list[str]:
        return [tag_of(element) for element in parse(page_of(attack))[0].iter()]

    assert shape(ATTACKS["break_out"]) == shape("harmless ")


def test_no_control_character_is_in_any_page() -> None:
    for attack in ATTACKS.values():
        page = page_of(attack)
        page.encode()
        assert not HIDDEN.search(page)


@pytest.mark.parametrize("make", RESULTS)
def test_the_page_asks_for_nothing(make: Callable[[], Result]) -> None:
    page = render_html(make())
    root, _ = parse(page)

    assert not [e for e in root.iter() if {"src", "srcset", "style", "action"} & set(e.attrib)]
    assert not [e for e in root.iter() if any(name.startswith("on") for name in e.attrib)]
    assert not root.findall(".//link")
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_the_policy_names_exactly_the_style_and_script_of_the_page() -> None:
    root, _ = parse(render_html(sample.incident()))
    metas = {e.get("http-equiv"): e.get("content", "") for e in root.iter("meta")}
    policy = metas["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        text = root.findtext(f".//{tag}") or ""
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("make", RESULTS)
def test_every_section_stands_in_order_and_says_something(make: Callable[[], Result]) -> None:
    root, _ = parse(render_html(make()))

    sections = root.findall(".//section")
    assert [section.get("id") for section in sections] == [anchor for anchor, _ in SECTIONS]
    for section in sections:
        title = section.findtext("h2") or ""
        assert len(words_of(section)) > len(title) + 20


@pytest.mark.parametrize("make", RESULTS)
def test_no_finding_is_called_a_root_cause(make: Callable[[], Result]) -> None:
    root, _ = parse(render_html(make()))

    text = words_of(root).lower().replace("confirmed root cause to be filled in by a person", "")
    assert "root cause" not in text


def test_the_first_screen_stands_alone() -> None:
    root, _ = parse(render_html(sample.incident()))

    summary = words_of(next(e for e in root.iter("section") if e.get("id") == "summary"))
    facts = ("2026-03-06 02:14:08", "286 → 489", "1.6 to 1.8", "enum_binding", "2 of 3", "going on")
    assert all(fact in summary for fact in facts)
    assert "Still normal:" in summary
    header = words_of(next(root.iter("header")))
    named = ("Regression", "22 h covered", "99.94 % parsed", "7c1e90ab42d0", "2026-03-06 10:00")
    assert all(fact in header for fact in named)
    assert (root.findtext(".//title") or "").startswith("REGRESSION: ")


def test_what_is_not_known_is_a_dash_and_never_zero() -> None:
    root, _ = parse(render_html(sample.undecided()))

    table = next(e for e in root.iter("table") if e.get("class") == "findings")
    cells = [words_of(cell) for cell in table.iter("td")]
    assert cells[1:5] == [UNKNOWN, f"{UNKNOWN} {UNKNOWN}", f"{UNKNOWN} 93", UNKNOWN]


def test_each_chart_has_words_and_a_table() -> None:
    root, _ = parse(render_html(sample.incident()))

    drawings = [e for e in root.iter() if tag_of(e) == "svg" and e.get("role") == "img"]
    assert len(drawings) == 11
    for drawing in drawings:
        said = [words_of(e) for e in drawing if tag_of(e) in ("title", "desc")]
        assert len(said) == 2 and all(said)
    assert len([e for e in root.iter("details") if e.get("class") == "data"]) == 6


def test_every_badge_leads_to_its_query() -> None:
    root, _ = parse(render_html(sample.incident()))

    badges = {e.get("href") for e in root.iter("a") if e.get("class") == "query"}
    assert badges == {f"#q{at}" for at in range(1, len(sample.QUERIES) + 1)}
    assert "group by all" in words_of(next(e for e in root.iter("div") if e.get("id") == "q1"))


def test_the_same_result_gives_the_same_bytes_in_any_process() -> None:
    code = (
        "import hashlib; from tests.render import sample; from pipeline.render import *;"
        "r = sample.incident();"
        "t = render_html(r) + render_markdown(r) + to_json(r) + render_criteria(r);"
        "print(hashlib.sha256(t.encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip

    assert len(digests) == 1


def large() -> Result:
    """Two weeks by the hour, 200 classes of which 40 rose, 400 files, 80 endpoints."""
    base = sample.incident()
    start = sample.END - 336 * sample.HOUR
    hourly = [
        replace(point, window="candidate" if point.bucket_start >= sample.MIDDLE else "baseline")
        for point in sample.series(40.0, 160.0, start=start, hours=336)
    ]
    risen = [
        replace(sample.ENUM, finding_id=f"r{at}", error_class=f"class_{at}", hourly=hourly)
        for at in range(40)
    ]
    steady = [
        replace(sample.UNNAMED, finding_id=f"s{at}", title=f"template {at} <num>", hourly=hourly)
        for at in range(160)
    ]
    points = [replace(point, exposure=9000.0) for point in hourly]
    return replace(
        base,
        findings=[*risen, *steady],
        hourly=points,
        coverage=replace(base.coverage, sources=base.coverage.sources * 133),
        endpoints=base.endpoints * 27,
    )


def test_a_large_incident_stays_small_enough_to_mail() -> None:
    page = render_html(large())

    assert len(page.encode()) <= 330_000
    assert "and 32 more: 32 new" in page  # cards that were left out are counted
