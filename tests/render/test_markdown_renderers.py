"""The Markdown read by those who will read it: GitHub's own renderer, a linter, and Mermaid."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest

from pipeline.model import Result
from pipeline.render import from_json, render_markdown
from pipeline.render.untrusted import visible
from tests.render import sample
from tests.render.attacks import ATTACKS
from tests.render.test_html import large
from tests.render.test_markdown import markdown_of

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "tests" / "tools"
RESULTS = {
    "incident": sample.incident,
    "undecided": sample.undecided,
    "quiet": sample.quiet,
    "large": large,
}
SLUGS = [
    "1-executive-summary",
    "2-hourly-error-rate-against-the-baseline",
    "3-candidates",
    "4-failure-chain",
    "5-affected-endpoints-and-services",
    "6-class-by-hour-and-what-changed",
    "7-unclassified-errors",
    "8-infrastructure-health",
    "9-evidence-summary",
    "10-remediation-and-action-plan",
    "11-success-criteria",
    "12-escalation-and-recovery",
    "13-data-quality-and-method",
    "14-appendix",
]


def rendered(text: str) -> Element:
    """Return the page that GitHub's fork of cmark makes, with raw HTML let through."""
    cmarkgfm = pytest.importorskip("cmarkgfm")
    page = cmarkgfm.github_flavored_markdown_to_html(text, cmarkgfm.Options.CMARK_OPT_UNSAFE)
    root: Element = html5lib.HTMLParser(namespaceHTMLElements=False).parse(page)
    return root


def words(element: Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def slug(heading: str) -> str:
    """Return the id that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def lint(text: str) -> list[str]:
    api = pytest.importorskip("pymarkdown.api")
    scanner = api.PyMarkdownApi().configuration_file_path(str(ROOT / "pyproject.toml"))
    found = scanner.scan_string(text).scan_failures
    return [f"{one.line_number}: {one.rule_id} {one.rule_description}" for one in found]


@pytest.mark.filterwarnings("ignore")  # of the linter's own
@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_a_linter_finds_nothing(make: Any) -> None:  # noqa: ANN401  # a maker of results
    assert lint(render_markdown(make())) == []


@pytest.mark.filterwarnings("ignore")
def test_the_linter_finds_what_is_wrong() -> None:
    assert lint("# a\n\n\n\ntext\n#b\n")


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_github_renders_tables_lists_and_the_same_headings(make: Any) -> None:  # noqa: ANN401
    result: Result = make()
    root = rendered(render_markdown(result))

    headings = [slug(words(one)) for one in root.iter("h2")]
    assert headings == SLUGS[: len(headings)]
    for table in root.iter("table"):
        widths = {len(list(row)) for row in table.iter("tr")}
        assert len(widths) == 1
    assert len(list(root.iter("details"))) == len(list(root.iter("summary")))
    assert not [one for one in root.iter("p") if words(one).startswith("|")]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_hostile_text_stays_text_for_github(attack: str) -> None:
    root = rendered(markdown_of(attack))

    tags = {str(one.tag) for one in root.iter()}
    assert tags & {"a", "img", "script", "iframe", "style", "del", "svg"} == set()
    boxes = [set(one.attrib) for one in root.iter("input")]  # of actions and success criteria
    incident = sample.incident()
    asked = len(incident.criteria) + len(incident.remediation)
    assert boxes == [{"type", "disabled"}] * (asked + 2)
    assert [slug(words(one)) for one in root.iter("h2")] == SLUGS
    assert " ".join(visible(attack)[:60].split()) in words(root)


def test_sections_are_dropped_from_the_back_and_never_the_summary() -> None:
    whole = render_markdown(sample.incident())
    titles = re.findall(r"^## \d+ (.*)$", whole, re.MULTILINE)

    for limit in (len(whole.encode()), 12_000, 6_000, 1):
        text = render_markdown(sample.incident(), limit)
        kept = re.findall(r"^## \d+ (.*)$", text, re.MULTILINE)
        assert kept == titles[: len(kept)]
        assert kept[0] == "Executive summary"
        assert len(text.encode()) <= limit or kept == titles[:1]
        note = text.rstrip("\n").rpartition("\n")[2]
        dropped = titles[len(kept) :]
        assert all(title in note for title in dropped)
        assert note.startswith(f"Left out to keep to {limit:,} bytes: ") is bool(dropped)


def test_what_a_log_writes_is_no_border_of_a_section() -> None:
    attack = "x\n## 9 Evidence summary\n```\n\n\n"
    text = render_markdown(sample.hostile(attack), 15_000)

    headings = [slug(words(one)) for one in rendered(text).iter("h2")]
    assert headings == SLUGS[: len(headings)]
    assert len(headings) < len(SLUGS)


def test_blank_lines_of_a_trace_stay() -> None:
    base = sample.incident()
    text = render_markdown(sample.with_text(base, lambda one: one))
    body = "first line\n\n\n\nlast line"
    changed = render_markdown(
        sample.with_text(base, lambda one: body if one == base.findings[0].samples[0].body else one)
    )

    assert body in changed
    assert body not in text


def diagrams(results: list[Result]) -> list[dict[str, Any]]:
    """Return what the real library reads in the chains of *results*."""
    node = shutil.which("node")
    if node is None or not (TOOLS / "node_modules" / "mermaid").exists():
        pytest.skip("needs node, and: npm install --prefix tests/tools")
    pages = [rendered(render_markdown(one)) for one in results]
    blocks = [
        "".join(one.itertext())
        for page in pages
        for one in page.iter("pre")
        if one.get("lang") == "mermaid"
    ]
    assert len(blocks) == len(results)
    ran = subprocess.run(
        [node, str(TOOLS / "mermaid.mjs")],
        input=json.dumps(blocks), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def test_mermaid_reads_each_box_and_arrow_and_keeps_labels_literal() -> None:
    results = [sample.incident(), *(sample.hostile(attack) for attack in ATTACKS.values())]

    for result, diagram in zip(results, diagrams(results), strict=True):
        assert diagram["diagramType"].startswith("flowchart")
        assert all(node["link"] is None for node in diagram["nodes"])
        labels = [node["label"] for node in diagram["nodes"]]
        assert sorted(labels) == sorted(visible(one.label, 60) for one in result.chain.nodes)
        assert len(diagram["edges"]) == len(result.chain.edges)
        assert all(label.endswith(" %") for _, _, label in diagram["edges"])


LOGS = ROOT.parent / "shared" / "logs"
FOLDERS = {
    "kafka": ["kafka"],
    "galera": ["mysql/galera-upgrade"],
    "ts-01": [
        "nezha-trainticket/docker/ts-01",
        "--baseline",
        "nezha-trainticket/docker/normal-2023-01-29",
    ],
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("words_", [["demo"], *FOLDERS.values()], ids=["demo", *FOLDERS])
def test_reports_of_real_logs_pass_the_linter_and_render(tmp_path: Path, words_: list[str]) -> None:
    if words_ != ["demo"] and not LOGS.is_dir():
        pytest.skip("needs the shared logs")
    arguments = [word if word[0] == "-" or word == "demo" else str(LOGS / word) for word in words_]
    command = ["analyze", *arguments, "-o", str(tmp_path), "-q"]
    subprocess.run([str(ROOT / ".venv/bin" / command[0]), *command[1:]], check=False)
    (path,) = tmp_path.rglob("result.json")

    text = render_markdown(from_json(path.read_text(encoding="utf-8")))
    assert lint(text) == []
    assert len(text.encode()) <= 60_000
    assert [slug(words(one)) for one in rendered(text).iter("h2")] == SLUGS
