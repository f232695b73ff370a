"""What several sections ask of the whole result, worked out once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from pipeline.model import Exclusion, Finding, HourlyPoint, Result, State, Verdict
from pipeline.render.charts import Slot, slots
from pipeline.render.figures import machine_time, minute
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import Link, Moment
from pipeline.render.words import in_order, is_risen, name_of, regressions_of, state_counts

# Sparklines share a floor of a twentieth of the highest rate, one event an hour at least: scaled
# to its own maximum, a single error looks like an outage.
_FLOOR_SHARE = 20.0


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of each list a document shows; what is left out is counted and said."""

    findings: int = 40
    others: int = 25
    unchanged: int = 8
    charts: int = 12
    candidates: int = 8
    samples: int = 3
    sample_characters: int = 1400
    endpoints: int = 30
    rows: int = 12
    unclassified: int = 15
    rules: int = 3
    statements: int = 8
    folded_statements: int = 50
    gaps: int = 30
    sources: int = 80
    facts: int = 60
    slots: int = 168
    small_slots: int = 48
    request_slots: int = 84
    spark_slots: int = 36
    heat_slots: int = 48


PAGE = Caps()
# GitHub takes 65,536 characters of a comment: lists are shorter and only the summary is never cut.
MARKDOWN = Caps(
    findings=25,
    candidates=5,
    samples=1,
    sample_characters=1100,
    endpoints=12,
    unclassified=8,
    gaps=12,
    sources=30,
    facts=12,
    folded_statements=0,
)


class Basis:
    """A result with the choices and names that must be the same in every section."""

    def __init__(self, result: Result, caps: Caps) -> None:
        self.result = result
        self.caps = caps
        self.regressions = regressions_of(result)
        others = (one for one in result.findings if is_risen(one) and not one.is_regression)
        self.risen = [*self.regressions, *in_order(others, result.chain)]
        self.carded = self.regressions or self.risen or self.undecided()
        self.cards = self.carded[: caps.candidates]
        self.anchors = {one.finding_id: f"c{at}" for at, one in enumerate(self.cards, start=1)}
        self.names = {one.finding_id: name_of(one) for one in result.findings}
        windows = (result.windows.baseline, result.windows.candidate)
        self.borders = [one.end for one in windows if one.end]
        self.sparks = {
            one.finding_id: self.slots(one.hourly, caps.spark_slots) for one in result.findings
        }
        rates = [slot.rate or 0.0 for drawn in self.sparks.values() for slot in drawn]
        self.class_keys = {one.finding_id: f"c{at}" for at, one in enumerate(result.findings)}
        self.service_keys = {name: f"s{at}" for at, name in enumerate(_service_names(result))}
        self.floor = max([1.0, *(value / _FLOOR_SHARE for value in rates)])

    @cached_property
    def shared(self) -> list[Slot]:
        """The slots of all errors, on whose time all charts of rates stand."""
        return self.slots(self.result.hourly, self.caps.slots)

    def undecided(self) -> list[Finding]:
        """Return all errors where nothing could be compared: their traces are all there is."""
        is_open = self.result.verdict is Verdict.CANNOT_DECIDE
        return [one for one in self.result.findings if is_open and one.kind != "warning"]

    def slots(self, points: Sequence[HourlyPoint], limit: int) -> list[Slot]:
        """Return at most *limit* buckets of a series; none spans the border of two windows."""
        return slots(points, limit, self.borders)

    def keys(self, one: Finding) -> str:
        """Return what the page's filter selects a finding by: its class and its services."""
        own = [self.service_keys[at.service_name] for at in one.services]
        return " ".join([self.class_keys[one.finding_id], *own])

    def link(self, finding_id: str | None) -> Link | None:
        """Return the name of a finding and its card; null for an id that is not known."""
        if finding_id is None or finding_id not in self.names:
            return None
        return Link(Untrusted(self.names[finding_id]), self.anchors.get(finding_id, ""))


def _service_names(result: Result) -> list[str]:
    """Return all services that anything in the report names, in order."""
    named = {one.service_name for finding in result.findings for one in finding.services}
    named |= {one.service_name for one in result.endpoints}
    named |= {one.service_name for one in result.coverage.gaps}
    named |= {one.service_name for one in result.changes}
    return sorted(named | {one.service_name for one in result.coverage.sources if one.service_name})


def tone_of(finding: Finding) -> str:
    """Return how a finding is coloured: bad, warn, ok or plain."""
    if finding.is_regression:
        return "bad" if finding.state in (State.NEW, State.ESCALATING) else "warn"
    if is_risen(finding):
        return "warn"
    return "plain" if finding.state in (State.UNKNOWN, State.GONE, State.DECREASED) else "ok"


def moment_view(value: datetime | None) -> Moment:
    """Return a time as read and as machines read it."""
    return Moment(minute(value), machine_time(value))


def more_of(rest: Sequence[Finding]) -> str:
    """Say how many findings are not shown and in which states, or nothing."""
    return f"and {len(rest):,} more: {state_counts(rest)}" if rest else ""


def count_more(number: int) -> str:
    """Say how many are not shown, or nothing."""
    return f"and {number:,} more" if number > 0 else ""


def excluded(one: Exclusion) -> Untrusted:
    """Say which stretch was left out of a window, and why."""
    return Untrusted(f"{minute(one.start)} to {minute(one.end)} UTC: {one.reason}")
