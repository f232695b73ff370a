"""Documents that must follow the code: columns, command line, formats, rules."""

import itertools
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipeline.changes import KINDS, load_signs
from pipeline.cli import analyze
from pipeline.ingest import load_formats
from pipeline.ingest.envelopes import load_envelopes
from pipeline.redaction.rules import load_redactions
from pipeline.rules import load_knowledge, load_rules
from pipeline.schema import (
    ALIASES,
    CALM,
    CHANGES,
    EVENTS,
    FACTS,
    LATENCIES,
    LEDGER,
    MEASURES,
    MINUTES,
    ROLLUP,
    TEMPLATES,
    TRACED,
)
from tests.command import Run, runner

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documents are not installed")


TABLES = [
    EVENTS,
    ROLLUP,
    MINUTES,
    LEDGER,
    TEMPLATES,
    ALIASES,
    CALM,
    CHANGES,
    LATENCIES,
    FACTS,
    MEASURES,
    TRACED,
]


@pytest.mark.parametrize("table", TABLES, ids=len)
def test_every_column_is_explained(table: dict[str, object]) -> None:
    text = (DOCS / "columns.md").read_text(encoding="utf-8")

    assert [name for name in table if f"`{name}`" not in text] == []


def _help(*command: str) -> str:
    shown = CliRunner().invoke(
        analyze, [*command, "--help"], prog_name="analyze", terminal_width=88
    )
    return f"```text\n$ {' '.join(('analyze', *command))} --help\n{shown.output.rstrip()}\n```\n"


def command_paths(
    group: click.Group = analyze, above: tuple[str, ...] = ()
) -> list[tuple[str, ...]]:
    """Every command as the words that name it, groups before their own commands."""
    paths = []
    for name, command in sorted(group.commands.items()):
        paths.append((*above, name))
        if isinstance(command, click.Group):
            paths += command_paths(command, (*above, name))
    return paths


def command_line() -> str:
    parts = [_help(), *(f"## {' '.join(path)}\n\n{_help(*path)}" for path in command_paths())]
    return "# The command line\n\nWritten from the program's own help.\n\n" + "\n".join(parts)


def format_table() -> str:
    rows = [
        f"| `{one.name}` | {one.title} |" for one in sorted(load_formats(), key=lambda f: f.name)
    ]
    head = "# Log formats\n\nFound by content, line by line. Written from `pipeline/formats/`.\n\n"
    around = [
        "", "## Around them", "",
        "What platforms and collectors wrap a line in is taken off first, up to three deep:",
        "Docker's json-file, its binary `local` files, and `pipeline/formats/_envelopes.toml`:",
        "", "| name | what |", "| --- | --- |",
        *(f"| `{one.name}` | {one.title} |" for one in load_envelopes()),
    ]  # fmt: skip
    return head + "\n".join(["| name | what |", "| --- | --- |", *rows, *around]) + "\n"


def rule_table() -> str:
    rows = [f"| `{rule.name}` | {rule.title} |" for rule in load_rules()]
    head = "# Error classes\n\nThe first rule that fits names an error. From `pipeline/rules/`.\n\n"
    return head + "\n".join(["| name | what |", "| --- | --- |", *rows]) + "\n"


def change_table() -> str:
    """Which changes are recognised, by kind and product, from the signs themselves."""
    page = (DOCS / "changes.md").read_text(encoding="utf-8")
    head, begin, rest = page.partition(f"{CHANGES_BEGIN}\n")
    _, end, tail = rest.partition(CHANGES_END)
    rows = [
        f"| {sign.kind} | {sign.product} | {sign.title} | `{sign.name}` |"
        for sign in sorted(load_signs(), key=lambda one: (list(KINDS).index(one.kind), one.product))
    ]
    kinds = [f"| `{kind}` | {text} |" for kind, text in KINDS.items()]
    table = [
        "", "| kind | what |", "| --- | --- |", *kinds, "",
        "| kind | product | what its line says | sign |", "| --- | --- | --- | --- |", *rows,
        "", "",
    ]  # fmt: skip
    return head + begin + "\n".join(table) + end + tail


CHANGES_BEGIN = "<!-- generated from pipeline/changes: make docs -->"
CHANGES_END = "<!-- end of the generated part -->"


def knowledge_page() -> str:
    entries = load_knowledge().values()
    head = """# Knowledge base

What is generally known of a class of errors, and what is looked for in the logs to tell hypotheses
apart. `analyze knowledge show ID` prints an entry in full. Written from `pipeline/knowledge/`; the
head of `pipeline/rules/knowledge.py` tells the keys.

A hypothesis is *supported* (a sign is there, which proves nothing), *refuted*, *seen* (a sign that
tells nothing: no more often than before, or too late), *not seen* in what was read, or *not known*,
with the reason. Signs in texts are looked for in errors, warnings and failed requests.

"""
    rows = [
        f"| `{one.knowledge.knowledge_id}` | {one.knowledge.title} | {one.knowledge.applies_to} |"
        f" {len(one.hypotheses)} | {one.knowledge.reviewed} |"
        for one in entries
    ]
    table = [
        "| entry | what | written for | hypotheses | reviewed |",
        "| --- | --- | --- | ---: | --- |",
    ]
    return head + "\n".join([*table, *rows]) + "\n"


GENERATED = {
    "knowledge.md": knowledge_page,
    "changes.md": change_table,
    "command-line.md": command_line,
    "formats.md": format_table,
    "rules.md": rule_table,
}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_up_to_date(name: str) -> None:
    path, text = DOCS / name, GENERATED[name]()
    if os.environ.get("AFTERSHOCK_UPDATE_DOCS"):
        path.write_text(text, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def test_every_kind_of_secret_is_named() -> None:
    text = (DOCS / "redaction.md").read_text(encoding="utf-8")

    assert [rule.name for rule in load_redactions() if f"`{rule.name}`" not in text] == []


def test_places_that_the_map_names_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "queries/README.md")]
PAGES += sorted(DOCS.glob("**/*.md"))


def _anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_page_is_in_the_index() -> None:
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in DOCS.glob("*.md") if page.name != "README.md"]

    assert pages
    assert [name for name in pages if f"]({name}" not in text] == []


def test_every_command_is_in_the_readme_the_index_and_a_page() -> None:
    """A page is one that people wrote; `run` may be left out of what is typed."""
    written = [page for page in DOCS.glob("*.md") if page.name not in (*GENERATED, "README.md")]
    texts = [
        (ROOT / "README.md").read_text(encoding="utf-8"),
        (DOCS / "README.md").read_text(encoding="utf-8"),
        "\n".join(page.read_text(encoding="utf-8") for page in written),
    ]

    for text in texts:
        named = set(re.findall(r"(?:analyze|make) (\w+)", text))
        named |= {"run"} if re.search(r"analyze logs/", text) else set()
        assert sorted(set(analyze.commands) - named) == []


def _tutorial_steps() -> list[tuple[str, str]]:
    """Each command of the tutorial with the line that it is said to print, or nothing."""
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL))
    steps = [step.splitlines() for step in blocks.split("$ ")[1:]]
    return [(step[0], step[1] if len(step) > 1 else "") for step in steps]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    yield from runner(capsys, monkeypatch)


@pytest.mark.slow
def test_the_tutorial_prints_what_it_says(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    for command, said in _tutorial_steps():
        ran = run(*shlex.split(command)[1:])
        assert ran.code in (0, 1, 4), (command, ran.err)
        assert said in ran.out + ran.err, command


def _console_lines() -> list[str]:
    pages = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in line.split(" | ")]
    return [part for part in parts if re.match(r"(\w+=\S+ )*analyze ", part)]


@pytest.mark.parametrize("line", _console_lines())
def test_commands_of_pages_are_understood(line: str) -> None:
    """Every option and argument parses; what is not there is the logs themselves."""
    words = shlex.split(line, comments=True)
    words = list(itertools.takewhile(lambda word: word not in ("<", ">"), words))[1:]
    command = words[0] if words[0] in analyze.commands else "run"
    words = words[1:] if words[0] in analyze.commands else words

    group: click.Command = analyze.commands[command]
    while isinstance(group, click.Group):
        group, words = group.commands[words[0]], words[1:]
    context = group.make_context(command, list(words))

    assert context.params


def test_layouts_and_keys_of_the_page_on_own_formats_exist() -> None:
    from pipeline.ingest.layouts import LAYOUTS
    from pipeline.ingest.own_formats import _SCHEMA, MAX_FILE_BYTES, MAX_FILES, MAX_PATTERNS

    text = (DOCS / "own-formats.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    keys = {word for row in rows for word in re.findall(r"[a-z]+", row)}

    assert keys - {"layouts", "regex", "line", "expect"} <= _SCHEMA.keys()
    assert all(name in LAYOUTS for name in re.findall(r"`(iso|epoch|day_month_dotted)`", text))
    assert f"{MAX_FILE_BYTES // 1024} KiB" in text
    assert f"{MAX_PATTERNS} patterns, a folder {MAX_FILES} files" in text
