"""JUnit, CSV and GitHub: reviewed goldens, the shape that readers expect, text that stays text."""

import csv
import dataclasses
import io
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model import Result
from pipeline.render import (
    SUMMARY_BYTES,
    render_annotations,
    render_csv,
    render_junit,
    render_outputs,
    render_summary,
)
from pipeline.render.junit import MAX_CASES
from pipeline.render.untrusted import Untrusted, csv_text, github_inert
from tests.render.attacks import ATTACKS
from tests.render.sample import hostile, incident, quiet, undecided

GOLDENS = Path(__file__).parent / "goldens"
WIDE = "\uff1d\uff0b\uff0d\uff20"  # a spreadsheet takes them for = + - @
RESULTS = {"incident": incident(), "undecided": undecided(), "quiet": quiet()}

# Of each element: attributes, and children in their order (`*`: any number of them).
JUNIT = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time"}, "testsuite*"),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        "properties testcase*",
    ),
    "properties": (set(), "property*"),
    "property": ({"name", "value"}, ""),
    "testcase": ({"classname", "name", "time"}, "(failure|error|skipped)?"),
    "failure": ({"message", "type"}, ""),
    "error": ({"message", "type"}, ""),
    "skipped": ({"message"}, ""),
}


def rendered() -> dict[str, str]:
    found = incident()
    return {
        "junit.xml": render_junit(found),
        "annotations.txt": render_annotations(found),
        **{name: text for name, text in render_csv(found).items() if name != "hourly.csv"},
    }


@pytest.mark.parametrize("name", sorted(rendered()))
def test_it_is_as_reviewed(name: str) -> None:
    path, text = GOLDENS / name, rendered()[name]
    if os.environ.get("AFTERSHOCK_UPDATE_GOLDENS"):
        path.write_text(text, encoding="utf-8", newline="")

    with path.open(encoding="utf-8", newline="") as file:
        assert file.read() == text


def assert_shape(element: ElementTree.Element) -> None:
    attributes, children = JUNIT[element.tag]
    assert set(element.attrib) == attributes
    pattern = re.sub(r"[a-z]+", lambda found: f"(?:{found.group()} )", children).replace(" (", "(")
    assert re.fullmatch(pattern, "".join(f"{child.tag} " for child in element)), element.tag
    for child in element:
        assert_shape(child)


def assert_junit(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    assert_shape(root)
    for suite in root:
        cases = suite.findall("testcase")
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[name]) == sum(case.find(tag) is not None for case in cases)
        assert int(suite.attrib["tests"]) == len(cases)
    return root


@pytest.mark.parametrize("name", RESULTS)
def test_junit_has_the_shape_that_readers_expect(name: str) -> None:
    root = assert_junit(render_junit(RESULTS[name]))

    failed = [case for case in root.iter("testcase") if case.find("failure") is not None]
    assert len(failed) == sum(one.is_regression for one in RESULTS[name].findings)
    names = [case.attrib["name"] for case in root.iter("testcase")]
    assert len(names) == len(set(names))


def test_junit_is_cut_and_says_so() -> None:
    found = incident()
    many = [
        dataclasses.replace(found.findings[0], finding_id=f"f{at}") for at in range(MAX_CASES + 7)
    ]

    root = assert_junit(render_junit(dataclasses.replace(found, findings=many)))

    values = {one.attrib["name"]: one.attrib["value"] for one in root[0][0]}
    assert values["not_shown"] == "7 more test cases"


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("name", RESULTS)
def test_csv_has_a_row_for_each_entry_of_the_result(name: str) -> None:
    result, sheets = RESULTS[name], render_csv(RESULTS[name])

    assert [row["finding_id"] for row in read_csv(sheets["findings.csv"])] == [
        one.finding_id for one in result.findings
    ]
    assert len(read_csv(sheets["endpoints.csv"])) == len(result.endpoints)
    assert len(read_csv(sheets["criteria.csv"])) == len(result.criteria)
    assert len(read_csv(sheets["sources.csv"])) == len(result.coverage.sources)
    hourly = read_csv(sheets["hourly.csv"])
    assert sum(int(row["event_count"]) for row in hourly) == sum(
        point.event_count for one in result.findings for point in one.hourly
    )


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =HYPERLINK(1)", *(f"{one}1" for one in WIDE)],
)
def test_no_cell_is_a_formula(text: str) -> None:
    shown = csv_text(Untrusted(text))

    assert shown.startswith("'")


def assert_harmless(result: Result) -> None:
    assert_junit(render_junit(result))
    for text in render_csv(result).values():
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert len({len(row) for row in rows}) <= 1
        for row in rows[1:]:
            for cell in row:
                assert not set(cell) & set("\n\r\t\x00\x1b")
                assert cell.lstrip()[:1] not in ("=", "+", "@", *WIDE)
                assert not cell.startswith("-") or float(cell) < 0
    annotations = render_annotations(result)
    for line in annotations.splitlines():
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,]*::[^\r\n]*", line)
    assert annotations.count("\n") == len(annotations.splitlines()) <= 10


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_hostile_text_stays_text(attack: str) -> None:
    assert_harmless(hostile(attack))


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=80))
def test_any_text_stays_text(text: str) -> None:
    assert_harmless(hostile(text))


def test_at_most_ten_annotations_and_the_last_says_how_many_more() -> None:
    found = incident()
    risen = next(one for one in found.findings if one.is_regression)
    many = [dataclasses.replace(risen, finding_id=f"f{at}") for at in range(14)]

    lines = render_annotations(dataclasses.replace(found, findings=many)).splitlines()

    assert len(lines) == 10
    assert lines[-1].endswith("and 5 more classes of errors: see the job summary")


def test_without_a_rise_the_verdict_is_told() -> None:
    assert render_annotations(quiet()).startswith("::notice title=Normal::")
    assert render_annotations(undecided()).startswith("::warning title=")


def test_the_job_summary_fits_its_room() -> None:
    assert 1000 < len(render_summary(incident()).encode()) <= SUMMARY_BYTES
    assert render_summary(incident(), 100) == ""


def test_outputs_are_one_line_each() -> None:
    text = render_outputs(incident(), [("result", "a/result.json"), ("bad", "x\nverdict=normal")])

    assert text.splitlines() == [
        "verdict=regression",
        f"regressions={sum(one.is_regression for one in incident().findings)}",
        "result=a/result.json",
    ]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["::", ":", " ", "\t", "\n", "error", "##[", "#", "[", "x", "\r"])))
def test_no_printed_line_is_a_command(pieces: list[str]) -> None:
    shown = github_inert("".join(pieces))

    assert "##[" not in shown
    assert not [line for line in re.split(r"[\r\n]", shown) if line.strip().startswith("::")]
