"""The level of an incident by a rule that is data, and that the report prints with its facts.

A rule is an ordered list of conditions on facts of the result: names and numbers that are compared,
never an expression that is run.
"""

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeGuard

from pipeline.diagnosis.findings import regressions
from pipeline.errors import UsageError
from pipeline.model import Endpoint, Escalation, Finding, State, Totals, Verdict, WindowFacts

FILE = "escalation.toml"
# The level of what could not be decided is neither higher nor lower than another.
_APART = "unknown"
Fact = float | str | list[str] | None
_HINT = "docs/plan.md tells what a rule holds; without --escalation the shipped one counts"
# What each fact is called in the report, and what kind of value it has.
_FACTS: dict[str, tuple[str, str]] = {
    "verdict": ("text", "the verdict"),
    "regressions": ("number", "regressions"),
    "ongoing_regressions": ("number", "regressions that go on at the end of the data"),
    "new_regressions": ("number", "regressions of classes never seen before"),
    "classes": ("list", "the classes that rose"),
    "affected_endpoints": ("number", "endpoints that fail more than before"),
    "affected_endpoint_share": ("share", "the share of endpoints that fail more than before"),
    "affected_services": ("number", "services that log a regression"),
    "failed_request_share": ("share", "the share of failed requests"),
    "error_rate_ratio": ("number", "the ratio of all errors per hour to the baseline"),
}
_TESTS = {
    "number": ("at_least", "at_most"),
    "share": ("at_least", "at_most"),
    "text": ("is", "any_of"),
    "list": ("any_of",),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact, how it is tested, and against what."""

    fact: str
    test: str
    wanted: float | str | tuple[str, ...]

    def holds(self, facts: Mapping[str, Fact]) -> bool:
        """Tell whether it holds; what is not known fulfils nothing."""
        value = facts.get(self.fact)
        if value is None:
            return False
        if isinstance(self.wanted, tuple):
            values = value if isinstance(value, list) else [value]
            return bool(set(self.wanted) & {str(one) for one in values})
        if isinstance(self.wanted, str):
            return value == self.wanted
        if not isinstance(value, int | float):
            return False
        return value >= self.wanted if self.test == "at_least" else value <= self.wanted

    def words(self) -> str:
        """Return the condition as it is printed."""
        kind, name = _FACTS[self.fact]
        if isinstance(self.wanted, tuple):
            return f"{name}: {'one' if kind == 'list' else 'any'} of {', '.join(self.wanted)}"
        if isinstance(self.wanted, str):
            return f"{name}: {self.wanted}"
        return f"{name}: {self.test.replace('_', ' ')} {_shown(self.fact, self.wanted)}"

    def words_now(self, facts: Mapping[str, Fact]) -> str:
        """Return the condition with the fact as it is."""
        return f"{self.words()} (now {_shown(self.fact, facts.get(self.fact))})"


@dataclass(frozen=True, slots=True)
class Clause:
    """A level, and the conditions that all have to hold for it."""

    level: str
    when: tuple[Condition, ...]

    def words(self) -> str:
        """Return the clause as it is printed."""
        conditions = " and ".join(one.words() for one in self.when) or "otherwise"
        return f"{self.level}: {conditions}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Clauses in the order in which they are asked; *levels* from the least to the most."""

    levels: tuple[str, ...]
    clauses: tuple[Clause, ...]


def shipped_text() -> str:
    """Return the rule that counts where no other is named."""
    return (files("pipeline") / FILE).read_text(encoding="utf-8")


# ---- the file ---------------------------------------------------------------------------------


@cache
def parse_rule(text: str, name: str) -> Rule:
    """Return the rule in *text*; *name* is the file's. Raises `UsageError` with place, reason."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name}: not TOML: {error}", hint=_HINT) from error
    _no_other_keys(name, document, ("levels", "rule"))
    levels = document.get("levels")
    if not _is_texts(levels) or len(set(levels)) < len(levels):
        raise UsageError(f"{name}: levels: a list of different names is needed", hint=_HINT)
    entries = document.get("rule")
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{name}: at least one [[rule]] is needed", hint=_HINT)
    clauses = [_clause(f"{name}: rule {at}", one) for at, one in enumerate(entries, start=1)]
    for at, one in enumerate(clauses, start=1):
        if one.level not in (*levels, _APART):
            close = _nearest(one.level, dict.fromkeys(levels))
            raise UsageError(
                f"{name}: rule {at}: level: {one.level!r} is none of levels, nor {_APART}{close}",
                hint=_HINT,
            )
    if clauses[-1].when:
        raise UsageError(
            f"{name}: rule {len(clauses)}: the last rule needs when = [], so that one always holds",
            hint=_HINT,
        )
    for at, one in enumerate(clauses[:-1], start=1):
        if not one.when:
            raise UsageError(
                f"{name}: rule {at}: when is empty, so that no later rule is ever asked", hint=_HINT
            )
    return Rule(tuple(levels), tuple(clauses))


def _clause(where: str, entry: object) -> Clause:
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: a table is needed", hint=_HINT)
    _no_other_keys(where, entry, ("level", "when"))
    level, when = entry.get("level"), entry.get("when")
    if not isinstance(level, str) or not level.strip():
        raise UsageError(f"{where}: level: a text is needed", hint=_HINT)
    if not isinstance(when, list):
        raise UsageError(f"{where}: when: a list of conditions is needed", hint=_HINT)
    return Clause(
        level,
        tuple(_condition(f"{where}, condition {at}", one) for at, one in enumerate(when, start=1)),
    )


def _condition(where: str, entry: object) -> Condition:
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: a table such as {{ fact = ... }} is needed", hint=_HINT)
    fact = entry.get("fact")
    if not isinstance(fact, str) or fact not in _FACTS:
        raise UsageError(
            f"{where}: fact: {fact!r} is none of {', '.join(_FACTS)}{_nearest(fact, _FACTS)}",
            hint=_HINT,
        )
    kind = _FACTS[fact][0]
    tests = [key for key in entry if key != "fact"]
    if len(tests) != 1 or tests[0] not in _TESTS[kind]:
        given = ", ".join(tests) or "none"
        raise UsageError(
            f"{where}: {fact} is tested by one of {', '.join(_TESTS[kind])}, not by {given}",
            hint=_HINT,
        )
    return Condition(fact, tests[0], _wanted(f"{where}: {tests[0]}", tests[0], entry[tests[0]]))


def _wanted(where: str, test: str, value: object) -> float | str | tuple[str, ...]:
    if test == "any_of":
        if not _is_texts(value):
            raise UsageError(f"{where}: a list of texts is needed, not {value!r}", hint=_HINT)
        return tuple(value)
    if test == "is":
        if not isinstance(value, str) or not value:
            raise UsageError(f"{where}: a text is needed, not {value!r}", hint=_HINT)
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):  # type: ignore[arg-type]
        raise UsageError(f"{where}: a number is needed, not {value!r}", hint=_HINT)
    return value  # type: ignore[return-value]


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, str) and one.strip() for one in value)
    )


def _no_other_keys(where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise UsageError(
                f"{where}: unknown key {key!r}, not one of {', '.join(known)}", hint=_HINT
            )


def _nearest(word: object, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


# ---- the level --------------------------------------------------------------------------------


def facts_of(
    verdict: Verdict,
    findings: Sequence[Finding],
    endpoints: Sequence[Endpoint],
    totals: Totals,
    candidate: WindowFacts,
) -> dict[str, Fact]:
    """Return what a rule may ask for; None is what this input cannot tell."""
    found = regressions(findings)
    affected = sum(1 for one in endpoints if one.is_affected)
    failed, requests = candidate.failed_request_count, candidate.request_count
    services = {
        service.service_name for one in found for service in one.services if service.candidate_count
    }
    return {
        "verdict": verdict.value,
        "regressions": len(found),
        "ongoing_regressions": sum(1 for one in found if one.is_ongoing),
        "new_regressions": sum(1 for one in found if one.state is State.NEW),
        "classes": sorted({one.error_class for one in found if one.error_class}),
        "affected_endpoints": affected if endpoints else None,
        "affected_endpoint_share": affected / len(endpoints) if endpoints else None,
        "affected_services": len(services),
        "failed_request_share": failed / requests if requests else None,
        "error_rate_ratio": totals.rate_ratio,
    }


def escalation_of(rule: Rule, facts: Mapping[str, Fact]) -> Escalation:
    """Return the level that *rule* gives, what matched, and what would give the next higher one."""
    applied = next(one for one in rule.clauses if all(at.holds(facts) for at in one.when))
    next_level, unmet = _next(rule, applied.level, facts)
    asked = dict.fromkeys(at.fact for one in rule.clauses for at in one.when)
    return Escalation(
        level=applied.level,
        rule="; ".join(one.words() for one in rule.clauses),
        matched=[one.words_now(facts) for one in applied.when],
        facts={name: facts.get(name) for name in asked},
        next_level=next_level,
        next_if=[" and ".join(one.words_now(facts) for one in group) for group in unmet],
    )


def _next(
    rule: Rule, level: str, facts: Mapping[str, Fact]
) -> tuple[str | None, list[list[Condition]]]:
    """Return the next higher level, and what is missing in each clause that gives it."""
    if level not in rule.levels:
        return None, []
    for name in rule.levels[rule.levels.index(level) + 1 :]:
        missing = [
            [at for at in one.when if not at.holds(facts)]
            for one in rule.clauses
            if one.level == name
        ]
        if missing:
            return name, missing
    return None, []


def _shown(fact: str, value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, int | float) and _FACTS[fact][0] == "share":
        return f"{value * 100:.3g} %"
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)
