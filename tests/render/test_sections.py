"""`docs/report-sections.md` against the templates: the same sections, in the same order."""

import re
from pathlib import Path

import pytest

from pipeline.diagnosis import health
from pipeline.render.context import SECTIONS
from pipeline.resources import resource_dir

PAGE = Path(__file__).parents[2] / "docs" / "report-sections.md"
SOURCES = {"logs", "captured files", "knowledge base", "rule", "people", "not known"}


def html_headings() -> list[str]:
    folder = resource_dir("reports")
    names = re.findall(r'"partials/(_\w+\.html\.j2)"', (folder / "report.html.j2").read_text())
    texts = [(folder / "partials" / name).read_text(encoding="utf-8") for name in names]
    return [heading for text in texts for heading in re.findall(r"<h2>(.*?)</h2>", text)]


def markdown_headings() -> list[str]:
    text = (resource_dir("reports") / "report.md.j2").read_text(encoding="utf-8")
    return re.findall(r"^## \d+ (.*)$", text, re.MULTILINE)


def tables() -> list[list[list[str]]]:
    """Return the rows of each table of the page, without its head."""
    found: list[list[list[str]]] = []
    rows: list[list[str]] = []
    for line in [*PAGE.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif rows:
            found.append(rows[2:])
            rows = []
    return found


def test_both_documents_have_the_sections_of_the_page_in_its_order() -> None:
    described = [row[0].strip() for row in tables()[0]]

    assert html_headings() == described
    assert markdown_headings() == described
    assert len(SECTIONS) == len(described)


@pytest.mark.parametrize("row", tables()[1], ids=lambda row: row[0][:40])
def test_each_counterpart_stands_in_a_section_and_names_its_source(row: list[str]) -> None:
    there, here, section, origin = row

    assert there and here
    assert section in html_headings()
    assert set(origin.split(", ")) <= SOURCES
    of_section = next(one[2] for one in tables()[0] if one[0] == section)
    is_blank = origin in ("people", "not known")
    assert is_blank or set(origin.split(", ")) <= set(of_section.split(", "))


@pytest.mark.parametrize("row", tables()[0], ids=lambda row: row[0][:40])
def test_a_section_with_blanks_for_people_has_them_in_both_documents(row: list[str]) -> None:
    folder = resource_dir("reports")
    anchor = SECTIONS[html_headings().index(row[0])][0]
    page = (folder / "partials" / f"_{anchor}.html.j2").read_text(encoding="utf-8")
    markdown = (folder / "report.md.j2").read_text(encoding="utf-8")
    own = re.split(r"^## \d+ ", markdown, flags=re.MULTILINE)
    section = next(text for text in own if text.startswith(row[0]))

    has_blanks = "people" in row[2].split(", ")
    assert ("{{ blank(" in page) is has_blanks
    assert ("_to be filled in" in section) is has_blanks


def test_what_is_not_read_is_listed_as_not_known() -> None:
    said = " ".join(f"{name} {unknown}" for name, unknown, _ in health.questions())

    for word in ("container state", "resources", "database", "hanging requests", "migrations"):
        assert word in said
