"""What the templates read: a result turned into words and coordinates."""

from dataclasses import dataclass

from pipeline.model import Result
from pipeline.render.figures import machine_time, minute, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.words import VERDICT_WORDS, change_of, first_seen_of, name_of, state_of


@dataclass(frozen=True, slots=True)
class FindingView:
    """A row of the findings table."""

    name: Untrusted
    state: str
    first_seen: str
    baseline_rate: str
    candidate_rate: str
    change: str


@dataclass(frozen=True, slots=True)
class ReportContext:
    """Every name that a template may read."""

    verdict: str
    headline: Untrusted
    generated_at: str
    generated_at_iso: str
    findings: list[FindingView]


def build_context(result: Result) -> ReportContext:
    """Return the context of *result*."""
    return ReportContext(
        verdict=VERDICT_WORDS[result.verdict],
        headline=Untrusted(result.headline),
        generated_at=minute(result.run.generated_at),
        generated_at_iso=machine_time(result.run.generated_at),
        findings=[
            FindingView(
                Untrusted(name_of(one)),
                state_of(one),
                first_seen_of(one),
                rate(one.baseline_rate),
                rate(one.candidate_rate),
                change_of(one),
            )
            for one in result.findings
        ],
    )
