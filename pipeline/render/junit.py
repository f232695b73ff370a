"""The result as JUnit's XML, which every CI shows: a test case for each class that was tested.

A failure is a regression. What is only suspected, or could not be tested, is skipped: it was not
decided. Sources are a suite of their own: what could not be read is an error.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from pipeline.model import Confidence, Finding, Result, SourceFacts, State
from pipeline.render.figures import count, moment
from pipeline.render.untrusted import CELL_CHARACTERS, INLINE_CHARACTERS, Untrusted, xml_text
from pipeline.render.words import change_of, distinct_names, is_risen, place_of, state_of

# A CI shows a list, and slowly: regressions come first, so the rest can be cut.
MAX_CASES = 1000
_KINDS = {"error": "errors", "warning": "warnings", "failed_request": "failed requests"}

Element = ElementTree.Element


def render_junit(result: Result) -> str:
    """Return a document of the shape that Jenkins, GitLab, GitHub and Azure read."""
    root = Element("testsuites", name="aftershock")
    stamp = _stamp(result.run.generated_at)
    for name, cases in (
        ("error classes", _findings(result)),
        ("sources", [_source(one) for one in result.coverage.sources]),
    ):
        if cases:
            root.append(_suite(name, stamp, cases, result))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", "0")
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _stamp(moment_: datetime) -> str:
    return moment_.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _suite(name: str, stamp: str, cases: Sequence[Element], result: Result) -> Element:
    kept = cases[:MAX_CASES]
    suite = Element(
        "testsuite",
        name=name,
        tests=str(len(kept)),
        failures=str(_number(kept, "failure")),
        errors=str(_number(kept, "error")),
        skipped=str(_number(kept, "skipped")),
        time="0",
        timestamp=stamp,
        hostname="localhost",
    )
    properties = ElementTree.SubElement(suite, "properties")
    facts = {
        "verdict": result.verdict,
        "headline": _line(result.headline),
        "run_id": _line(result.run.run_id),
    }
    if len(cases) > len(kept):
        facts["not_shown"] = f"{len(cases) - len(kept)} more test cases"
    for key, value in facts.items():
        ElementTree.SubElement(properties, "property", name=key, value=value)
    suite.extend(kept)
    return suite


def _number(cases: Iterable[Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)


def _line(text: str, limit: int = CELL_CHARACTERS) -> str:
    return xml_text(Untrusted(text), limit)


def _block(text: str) -> str:
    return xml_text(Untrusted(text), 2 * INLINE_CHARACTERS, is_block=True)


def _case(suite: str, name: str) -> Element:
    return Element("testcase", classname=f"aftershock.{suite}", name=_line(name), time="0")


def _findings(result: Result) -> list[Element]:
    names = distinct_names(result.findings)
    # Names may repeat once they are cut, and a CI tells cases apart by name alone.
    return [
        _finding(one, f"{_line(names[one.finding_id])} ({one.finding_id})")
        for one in sorted(result.findings, key=_rank)
    ]


def _rank(finding: Finding) -> int:
    if finding.is_regression:
        return 0
    return 1 if is_risen(finding) else 2


def _finding(finding: Finding, name: str) -> Element:
    case = _case(_KINDS[finding.kind].replace(" ", "_"), name)
    message = f"{state_of(finding)}: {change_of(finding)}"
    if finding.is_regression:
        mark = ElementTree.SubElement(case, "failure", message=message, type="regression")
        mark.text = _details(finding)
    elif finding.state is State.UNKNOWN:
        ElementTree.SubElement(case, "skipped", message="not testable: no baseline for it")
    elif finding.confidence is Confidence.SUSPECTED and is_risen(finding):
        ElementTree.SubElement(case, "skipped", message=message)
    return case


def _details(finding: Finding) -> str:
    place = place_of(finding)
    lines = [
        _line(finding.title, INLINE_CHARACTERS),
        f"baseline {count(finding.baseline_count)}, candidate {count(finding.candidate_count)}",
        f"since {moment(finding.onset or finding.first_seen)} UTC",
        "services: " + ", ".join(_line(one.service_name, 60) for one in finding.services[:8]),
        f"code: {_line(place)}" if place else "",
    ]
    for sample in finding.samples[:1]:
        lines.append(f"{_line(sample.log_file_path)}:{sample.line_number}")
        lines.append(_block(sample.body))
    return "\n".join(line for line in lines if line)


def _source(source: SourceFacts) -> Element:
    case = _case("sources", source.log_file_path)
    if source.error is not None:
        ElementTree.SubElement(case, "error", message=_line(source.error), type="unreadable")
    return case
