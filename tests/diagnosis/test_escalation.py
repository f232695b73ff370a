"""The level: a printed rule that is data, the facts that matched, and what would raise it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.diagnosis.escalation import (
    Fact,
    Rule,
    escalation_of,
    facts_of,
    parse_rule,
    shipped_text,
)
from pipeline.errors import UsageError
from pipeline.model import Endpoint, Escalation, Finding, Settings, Verdict
from pipeline.orchestrate import analyze
from tests.diagnosis.test_statements import rise
from tests.render import sample

INCIDENT = sample.incident()
SHIPPED = parse_rule(shipped_text(), "escalation.toml")
OWN = """
levels = ["calm", "call"]
[[rule]]
level = "call"
when = [{ fact = "failed_request_share", at_least = 0.5 }]
[[rule]]
level = "calm"
when = []
"""


def facts(
    verdict: Verdict, findings: list[Finding], endpoints: list[Endpoint] | None = None
) -> dict[str, Fact]:
    windows = INCIDENT.windows
    return facts_of(verdict, findings, endpoints or [], INCIDENT.totals, windows.candidate)


def level(
    verdict: Verdict, findings: list[Finding], endpoints: list[Endpoint] | None = None
) -> Escalation:
    return escalation_of(SHIPPED, facts(verdict, findings, endpoints))


@pytest.mark.parametrize(
    ("verdict", "is_ongoing", "has_endpoints", "expected"),
    [
        (Verdict.REGRESSION, True, True, "critical"),
        (Verdict.REGRESSION, True, False, "high"),
        (Verdict.REGRESSION, False, True, "high"),
        (Verdict.REGRESSION, False, False, "medium"),
        (Verdict.CANNOT_DECIDE, True, True, "unknown"),
    ],
)
def test_the_level_follows_from_its_printed_rule(
    verdict: Verdict, is_ongoing: bool, has_endpoints: bool, expected: str
) -> None:
    endpoints = INCIDENT.endpoints if has_endpoints else []
    found = level(verdict, [rise("a", "api", 90, is_ongoing=is_ongoing)], endpoints)

    assert found.level == expected
    assert f"{expected}: " in found.rule
    assert found.matched


@pytest.mark.parametrize(
    ("verdict", "expected"), [(Verdict.WATCH, "watch"), (Verdict.NORMAL, "none")]
)
def test_without_a_regression_it_is_watched_or_nothing(verdict: Verdict, expected: str) -> None:
    assert level(verdict, []).level == expected


def test_what_matched_and_what_is_missing_are_told_with_their_facts() -> None:
    found = level(Verdict.REGRESSION, [rise("a", "api", 90, is_ongoing=True)], [])

    assert found.matched == ["regressions that go on at the end of the data: at least 1 (now 1)"]
    assert found.next_level == "critical"
    assert "endpoints that fail more than before: at least 1 (now not known)" in found.next_if
    assert "services that log a regression: at least 3 (now 1)" in found.next_if
    assert found.facts["ongoing_regressions"] == 1
    assert found.facts["affected_endpoints"] is None


def test_some_classes_are_high_even_where_they_stopped() -> None:
    stopped = rise("a", "api", 90, is_ongoing=False)
    assert level(Verdict.REGRESSION, [stopped]).level == "medium"
    full = replace(stopped, error_class="disk_full")
    found = level(Verdict.REGRESSION, [full])
    assert found.level == "high"
    assert found.matched == [
        "the classes that rose: one of disk_full, out_of_memory, read_only, crash (now disk_full)"
    ]


def test_the_highest_level_has_no_next() -> None:
    ongoing = [rise("a", "api", 90, is_ongoing=True)]
    found = level(Verdict.REGRESSION, ongoing, INCIDENT.endpoints)
    assert (found.level, found.next_level, found.next_if) == ("critical", None, [])


def rule(text: str) -> Rule:
    return parse_rule(text, "own.toml")


def test_a_rule_of_ones_own_counts_instead() -> None:
    share = facts(Verdict.REGRESSION, [])["failed_request_share"]
    found = escalation_of(rule(OWN), facts(Verdict.REGRESSION, []))

    assert isinstance(share, float)
    assert found.level == "calm"
    assert found.next_if == [
        f"the share of failed requests: at least 50 % (now {share * 100:.3g} %)"
    ]
    assert found.rule == "call: the share of failed requests: at least 50 %; calm: otherwise"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("levels", "= x", "not TOML"),
        ("levels =", "level =", "unknown key 'level'"),
        ('["calm", "call"]', '["calm", "calm"]', "levels: a list of different names"),
        ('level = "call"', 'level = ""', "rule 1: level: a text is needed"),
        ('level = "call"', 'level = "calls"', "rule 1: level: 'calls' is none of levels"),
        ("failed_request_share", "failed_requests_share", "did you mean failed_request_share"),
        ("at_least = 0.5", "at_least = '0.5'", "rule 1, condition 1: at_least: a number is needed"),
        ("at_least = 0.5", "at_least = nan", "a number is needed"),
        ("at_least = 0.5", "is = 'x'", "is tested by one of at_least, at_most, not by is"),
        ("at_least = 0.5", "at_least = 1, at_most = 2", "tested by one of"),
        ("at_least = 0.5", "above = '__import__'", "tested by one of"),
        ("when = []", "when = [{ fact = 'regressions', at_least = 1 }]", "the last rule needs"),
        (
            'when = [{ fact = "failed_request_share", at_least = 0.5 }]',
            "when = []",
            "no later rule",
        ),
        ("when = []", "when = 1", "rule 2: when: a list of conditions"),
        ("when = []", "when = [1]", "rule 2, condition 1: a table"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_with_its_place(old: str, new: str, message: str) -> None:
    assert old in OWN
    with pytest.raises(UsageError, match=r"own\.toml") as raised:
        rule(OWN.replace(old, new))
    assert message in str(raised.value)


def test_a_rule_that_cannot_be_read_stops_the_run_before_it_reads_logs(tmp_path: Path) -> None:
    settings = Settings(escalation=str(tmp_path / "missing.toml"))
    with pytest.raises(UsageError, match="cannot read"):
        analyze(["nowhere"], settings, out=tmp_path / "out")
