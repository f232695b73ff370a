"""Chain, endpoints, health, plan, criteria, level: no digit of theirs changes unnoticed."""

import json
import random
import re
from typing import Any

import pytest

from pipeline import store
from pipeline.model import Settings
from pipeline.orchestrate import analyze
from pipeline.orchestrate.checking import recompute
from pipeline.orchestrate.runs import documents_of
from pipeline.render import compare_documents
from tests.written_logs import Line, beats, requests, times, write

SECTIONS = ("chain", "endpoints", "health", "evidence", "plan", "success", "escalation")
KEYS = ("chain", "endpoints", "health", "evidence", "remediation", "criteria", "escalation")
RULE = """
levels = ["calm", "ticket", "call"]
[[rule]]
level = "call"
when = [{ fact = "regressions", at_least = 50 }]
[[rule]]
level = "ticket"
when = [{ fact = "failed_request_share", at_least = 0.01 }]
[[rule]]
level = "calm"
when = []
"""
NUMBER = re.compile(r"(?<!&#)\b\d+\b")


def failures(rng: random.Random, first: float, last: float) -> list[Line]:
    """Return requests under one id each: a class, another after it, a failed answer."""
    lines: list[Line] = []
    for at in times(rng, first, last, 12):
        request = f"request_id={rng.getrandbits(64):016x}"
        lines.append((at, "ERROR", f"ledger answered nothing for invoice {request}"))
        lines.append((at, "ERROR", f"worker gave up after several tries {request}"))
        lines.append((at, "INFO", '10.0.0.7 - - @ "GET /invoices/7 HTTP/1.1" 500 17'))
    return lines


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The documents of a run with a chain, an affected endpoint and a plan."""
    folder, rng = tmp_path_factory.mktemp("sections"), random.Random(7)
    calm = requests(rng, 0, 30, 30) + beats(rng, 0, 30, 20)
    write(folder / "logs", {"api": calm + failures(rng, 24, 30), "mail": beats(rng, 0, 30, 20)})
    rule = folder / "rule.toml"
    rule.write_text(RULE, encoding="utf-8")
    settings = Settings(baseline=("24h",), since="6h", escalation=str(rule))
    analyze([str(folder / "logs")], settings, out=folder / "out", now="2026-03-03T00:00Z",
            documents=())  # fmt: skip
    rule.unlink()  # the run keeps the rule that it was made with
    return documents_of(recompute(store.run_files(folder / "out")), ("html",))


def other(text: str) -> str:
    """Return *text* with the last digit of each number changed."""
    return NUMBER.sub(lambda at: f"{at[0][:-1]}{(int(at[0][-1]) + 1) % 10}", text)


def test_the_run_has_all_of_the_sections(expected: dict[str, str]) -> None:
    result = json.loads(expected["result.json"])

    assert any(edge["grade"] != "hypothesis" for edge in result["chain"]["edges"])
    assert any(one["is_affected"] for one in result["endpoints"])
    assert result["health"]["working"] and result["health"]["broken"]
    follows = [one["follows"] for one in result["remediation"]]
    assert any(follows) and result["criteria"]
    assert result["escalation"]["level"] == "ticket"
    asked = {one["scope"].get("finding_id") for one in result["criteria"]}
    assert {one["answers"] for one in result["remediation"]} <= asked
    assert {one["finding_id"] for one in result["findings"] if one["is_regression"]} <= asked


def bounds(page: str, section: str) -> tuple[int, int]:
    start = page.index(f'<section id="{section}">')
    return start, page.index("</section>", start)


def test_every_altered_number_of_these_sections_of_the_page_is_named(
    expected: dict[str, str],
) -> None:
    page = changed = expected["report.html"]
    numbers: dict[str, set[str]] = {}
    for name in SECTIONS:
        start, end = bounds(changed, name)
        part = re.sub(r">[^<]+<", lambda at: other(at[0]), changed[start:end])
        texts = re.findall(r">([^<]+)<", part)
        numbers[name] = {number for text in texts for number in NUMBER.findall(text)}
        changed = changed[:start] + part + changed[end:]

    found = compare_documents("report.html", changed, page).differences

    assert all(numbers.values())
    for name, altered_ones in numbers.items():
        printed = " ".join(f"{one.printed} {one.field}" for one in found if one.section == name)
        assert {one for one in altered_ones if one not in printed} == set()
    assert {one.section for one in found} == set(SECTIONS)


def test_every_altered_number_of_the_result_is_named(expected: dict[str, str]) -> None:
    document = json.loads(expected["result.json"])
    paths: list[str] = []
    for key in KEYS:
        # What is in an object is named within it.
        path = "" if isinstance(document[key], dict) else key
        document[key] = altered(document[key], path, paths)

    found = compare_documents("result.json", json.dumps(document), expected["result.json"])

    fields = {one.field for one in found.differences} - {"how it is written"}
    assert fields == set(paths)
    assert len(paths) > 100


def altered(value: Any, path: str, paths: list[str]) -> Any:  # noqa: ANN401  # any JSON
    """Return *value* with every number in it changed; *paths* gets where."""
    if isinstance(value, dict):
        return {
            key: altered(one, f"{path}.{key}".removeprefix("."), paths)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [altered(one, f"{path}[{at}]", paths) for at, one in enumerate(value)]
    changed = other(value) if isinstance(value, str) else value
    if isinstance(value, int | float) and not isinstance(value, bool):
        changed = value + 1
    if changed != value:
        paths.append(path)
    return changed
