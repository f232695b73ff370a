"""`analyze report --check`: every document against what the tables of its run give."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import store
from pipeline.model import Settings
from pipeline.orchestrate import analyze, check_report
from pipeline.orchestrate.checking import recompute
from pipeline.orchestrate.runs import documents_of
from pipeline.render import compare_documents
from tests.command import Run

LOGS = Path("../shared/logs")
_NUMBERS_TRIED = 20


@pytest.fixture(scope="session")
def expected(made: Path) -> dict[str, str]:
    """The documents of the run, computed again."""
    return documents_of(recompute(store.run_files(made / "out")), ("html", "md"))


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    shutil.copytree(made / "out", tmp_path / "out")
    return tmp_path / "out"


def test_a_report_agrees_with_its_tables(made: Path, run: Run) -> None:
    shown = run("report", "--check", made / "out")

    assert shown.code == 0
    assert shown.out.count("agrees") == len(store.DOCUMENTS)


def test_nothing_is_written(copy: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}

    check_report(copy)

    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def altered(text: str) -> Iterator[tuple[str, str]]:
    """Yield texts in which one digit of one number differs, with that number as it then is.

    Codes of characters are none: what they stand for is told.
    """
    found = list(re.finditer(r"(?<!&#)\b\d+\b", text))
    step = max(1, len(found) // _NUMBERS_TRIED)
    for at in found[::step]:
        digit = at.end() - 1
        other = str((int(text[digit]) + 1) % 10)
        yield text[:digit] + other + text[digit + 1 :], at.group()[:-1] + other


@pytest.mark.parametrize("name", store.DOCUMENTS)
def test_every_altered_digit_is_named(expected: dict[str, str], name: str) -> None:
    assert compare_documents(name, expected[name], expected[name]).differences == []

    for text, number in altered(expected[name]):
        differences = compare_documents(name, text, expected[name]).differences
        # A key of JSON that changed is a key too many and a key that is missing.
        assert 1 <= len(differences) <= 2
        assert any(number in f"{one.printed} {one.field}" for one in differences)


HTML_CHANGES = {
    "a word": ("Executive summary", "Executive summary, revised"),
    "a left out sentence": ("<p><b>Still normal:</b>", "<p><!-- <b>Still normal:</b> -->"),
    "a sentence more": ("</main>", "<p>All is well.</p></main>"),
    "a tone": ('class="verdict bad"', 'class="verdict ok"'),
    "a link": ('href="#summary"', 'href="https://example.org/"'),
    "a style": ("</style>", "#summary{display:none}</style>"),
    "a space": ("<main>\n", "<main>\n\n"),
}


@pytest.mark.parametrize("what", HTML_CHANGES)
def test_changes_beside_numbers_are_named(expected: dict[str, str], what: str) -> None:
    page = expected["report.html"]
    old, new = HTML_CHANGES[what]

    assert old in page
    assert compare_documents("report.html", page.replace(old, new, 1), page).differences


def test_section_field_and_both_values_are_told(copy: Path, run: Run) -> None:
    page = (copy / "report.html").read_text(encoding="utf-8")
    result = json.loads((copy / "result.json").read_text(encoding="utf-8"))
    errors = result["windows"]["candidate"]["error_count"]
    at = page.index(f">{errors:,}</", page.index("Both windows"))
    changed = f"{page[:at]}>{errors + 1:,}</{page[at:].partition('</')[2]}"
    (copy / "report.html").write_text(changed, encoding="utf-8")

    shown = run("report", "--check", copy)

    assert shown.code == 1
    assert "quality, " in shown.out
    assert "Candidate" in shown.out
    assert ": Errors" in shown.out
    assert f"printed     {errors + 1:,}" in shown.out
    assert f"recomputed  {errors:,}" in shown.out


def test_a_number_of_the_result_is_named_by_its_path(copy: Path, run: Run) -> None:
    path = copy / "result.json"
    text = path.read_text(encoding="utf-8")
    count = json.loads(text)["findings"][0]["candidate_count"]
    old = f'"candidate_count": {count}'
    path.write_text(text.replace(old, f'"candidate_count": {count + 1}', 1), encoding="utf-8")

    shown = run("report", "--check", copy, "--json")

    (document, *others) = json.loads(shown.out)["documents"]
    assert shown.code == 1
    assert document["differences"] == [
        {
            "document": "result.json",
            "section": "findings",
            "field": "findings[0].candidate_count",
            "printed": str(count + 1),
            "recomputed": str(count),
        }
    ]
    assert all(not one["differences"] for one in others)


def test_a_changed_table_differs_from_its_documents(copy: Path, run: Run) -> None:
    minutes = store.read_table(copy / "minutes.parquet")
    store.write_table(copy / "minutes.parquet", minutes.head(minutes.height - 500))

    assert run("report", "--check", copy).code == 1


def test_a_damaged_table_is_told(copy: Path, run: Run) -> None:
    path = copy / "rollup.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)

    shown = run("report", "--check", copy)

    assert shown.code == 3
    assert "rollup.parquet" in shown.err


def test_documents_that_were_not_written_are_named(copy: Path, run: Run) -> None:
    (copy / "report.md").unlink()

    shown = run("report", "--check", copy)

    assert shown.code == 0
    assert "not there: report.md" in shown.out


def test_what_is_no_json_is_compared_by_lines(copy: Path, run: Run) -> None:
    path = copy / "result.json"
    path.write_text(path.read_text(encoding="utf-8").replace("{", "", 1), encoding="utf-8")

    assert run("report", "--check", copy).code == 1


def test_a_folder_without_a_run_is_wrong_usage(tmp_path: Path, run: Run) -> None:
    assert run("report", "--check", tmp_path).code == 2


@pytest.mark.slow
@pytest.mark.skipif(not LOGS.is_dir(), reason="the real logs are not here")
@pytest.mark.parametrize(
    ("logs", "baseline"),
    [
        ("kafka", "auto"),
        ("mysql/galera-upgrade", "auto"),
        ("nezha-trainticket/docker/ts-01", "nezha-trainticket/docker/normal-2023-01-29"),
    ],
)
def test_reports_of_real_logs_agree(logs: str, baseline: str, tmp_path: Path) -> None:
    named = baseline if baseline == "auto" else str(LOGS / baseline)
    analyze([str(LOGS / logs)], Settings(baseline=(named,)), out=tmp_path)

    assert [one.differences for one in check_report(tmp_path).documents] == [[], [], [], []]
