"""A result turned into what the templates read: words, order, choice and coordinates.

One module a section; `basis` has what several of them ask. `views.ReportContext` names the fields.
"""

from pipeline.model import Finding, Result, Verdict
from pipeline.render.context.appendix import number_view, query_views, source_view
from pipeline.render.context.basis import (
    MARKDOWN,
    PAGE,
    Basis,
    Caps,
    count_more,
    moment_view,
    more_of,
)
from pipeline.render.context.beginnings import began_view
from pipeline.render.context.candidates import candidate_views, intro
from pipeline.render.context.chain import chain_view
from pipeline.render.context.endpoints import endpoint_view, mention_view, service_views, sources_of
from pipeline.render.context.filters import filters
from pipeline.render.context.header import setting, settings_lines, window_view
from pipeline.render.context.health import column, evidence_view, fact_view
from pipeline.render.context.maps import change_view, heat_view, lanes_view, slope_view
from pipeline.render.context.plan import (
    criterion_view,
    escalation,
    hit,
    phase_views,
    recovery,
)
from pipeline.render.context.quality import gap_view, hours_told, premise_view, redactions
from pipeline.render.context.rates import (
    class_charts,
    drawn_kinds,
    request_chart,
    time_axis,
    total_chart,
)
from pipeline.render.context.summary import (
    finding_row,
    finding_rows,
    findings_title,
    leads,
    other_findings,
    shown_findings,
    unchanged_names,
)
from pipeline.render.figures import many, percent
from pipeline.render.happenings import foremost, nothing_words
from pipeline.render.proposals import proposed_rules
from pipeline.render.prose import tiles_of
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ReportContext, WarningView
from pipeline.render.words import (
    VERDICT_WORDS,
    baseline_words,
    coverage_parts,
    explaining,
    other_warnings,
    state_counts,
)

__all__ = ["MARKDOWN", "PAGE", "SECTIONS", "Basis", "Caps", "build_context"]

SECTIONS = (
    ("summary", "Summary"),
    ("rates", "Rates"),
    ("candidates", "Candidates"),
    ("chain", "Chain"),
    ("endpoints", "Endpoints"),
    ("map", "Class by hour"),
    ("unclassified", "Unclassified"),
    ("health", "Health"),
    ("evidence", "Evidence"),
    ("plan", "Plan"),
    ("success", "Criteria"),
    ("escalation", "Escalation"),
    ("quality", "Data"),
    ("appendix", "Appendix"),
)

_TONES = {
    Verdict.REGRESSION: "bad",
    Verdict.WATCH: "warn",
    Verdict.NORMAL: "ok",
    Verdict.CANNOT_DECIDE: "plain",
}


def build_context(result: Result, caps: Caps = PAGE) -> ReportContext:
    """Return the context of *result*; the same result gives the same context."""
    basis = Basis(result, caps)
    settings = result.run.settings
    affected = [one for one in result.endpoints if one.is_affected]
    others = [one for one in result.endpoints if one.is_counted and not one.is_affected]
    mentioned = [one for one in result.endpoints if not one.is_counted]
    unclassified = [
        one for one in result.findings if one.error_class is None and one.kind == "error"
    ]
    unchanged = unchanged_names(basis)
    shown, rest = shown_findings(basis), other_findings(basis)
    rules, rule_count = proposed_rules(sorted(unclassified, key=_most_frequent_first), caps.rules)
    applied, others_of_rule = escalation(result)
    coverage, search = result.coverage, result.change_search
    rates, requests, classes = total_chart(basis), request_chart(basis), class_charts(basis)
    return ReportContext(
        page_title=Untrusted(f"{VERDICT_WORDS[result.verdict].upper()}: {result.headline}"),
        verdict=VERDICT_WORDS[result.verdict],
        tone=_TONES[result.verdict],
        headline=Untrusted(result.headline),
        report_title=Untrusted(setting(settings, "title")),
        author=Untrusted(setting(settings, "author")),
        run_id=Untrusted(result.run.run_id),
        version=Untrusted(result.run.version),
        command=Untrusted(result.run.command),
        versions=[Untrusted(f"{name} {at}") for name, at in result.run.versions.items()],
        settings=settings_lines(settings),
        generated_at=moment_view(result.run.generated_at),
        windows=[
            window_view("Baseline", result.windows.baseline, baseline_words(result)),
            window_view("Candidate", result.windows.candidate, ""),
        ],
        coverage=coverage_parts(result),
        rate_unit=Untrusted(result.totals.rate_unit),
        sections=list(SECTIONS),
        lead=leads(result),
        tiles=tiles_of(result),
        findings=finding_rows(basis, shown[: caps.findings]),
        findings_title=findings_title(basis),
        findings_more=more_of(shown[caps.findings :]),
        others=finding_rows(basis, rest[: caps.others]),
        others_words=state_counts(rest),
        others_more=more_of(rest[caps.others :]),
        unchanged=[Untrusted(name) for name in unchanged[: caps.unchanged]],
        unchanged_more=count_more(len(unchanged) - caps.unchanged),
        time_axis=time_axis(basis),
        drawn=drawn_kinds(rates, requests, classes),
        rates=rates,
        requests=requests,
        class_charts=classes,
        candidates=candidate_views(basis),
        candidates_intro=intro(basis),
        candidates_more=more_of(basis.carded[caps.candidates :]),
        changes=[change_view(one) for one in foremost(result, caps.gaps)],
        changes_more=count_more(
            len(result.changes) - caps.gaps + (search.left_out_count if search else 0)
        ),
        changes_nothing=nothing_words(result),
        began=began_view(basis),
        chain=chain_view(basis),
        endpoints=[endpoint_view(basis, one) for one in affected[: caps.endpoints]],
        endpoint_sources=Untrusted(sources_of(affected + others)),
        unaffected=[endpoint_view(basis, one) for one in others[: caps.endpoints]],
        unaffected_more=count_more(
            max(len(affected) - caps.endpoints, 0) + max(len(others) - caps.endpoints, 0)
        ),
        mentioned=[mention_view(one) for one in mentioned[: caps.endpoints]],
        mentioned_more=count_more(len(mentioned) - caps.endpoints),
        services=service_views(basis),
        heat=heat_view(basis),
        slope=slope_view(basis),
        service_lanes=lanes_view(basis),
        filters=filters(basis),
        unclassified=[finding_row(basis, one) for one in unclassified[: caps.unclassified]],
        unclassified_more=more_of(unclassified[caps.unclassified :]),
        rules=Untrusted(rules),
        rules_words=many(rule_count, "rule"),
        working=column(result.health.working, caps, result.facts),
        broken=column(result.health.broken, caps, result.facts),
        unknown=column(result.health.unknown, caps, result.facts),
        facts=[fact_view(one) for one in result.facts[: caps.facts]],
        facts_more=count_more(len(result.facts) - caps.facts),
        evidence=[evidence_view(one) for one in result.evidence],
        hit=hit(basis),
        phases=phase_views(basis),
        criteria=[criterion_view(one) for one in result.criteria],
        escalation_level=Untrusted(result.escalation.level),
        escalation_rule=Untrusted(applied),
        escalation_others=Untrusted(others_of_rule),
        escalation_matched=[Untrusted(one) for one in result.escalation.matched],
        escalation_next=Untrusted(result.escalation.next_level or ""),
        escalation_next_if=[Untrusted(one) for one in result.escalation.next_if],
        recovery=recovery(result),
        recovery_reason=result.recovery_reason,
        warnings=[
            WarningView(Untrusted(w.kind), Untrusted(w.text)) for w in other_warnings(result)
        ],
        premises=[premise_view(basis, one) for one in explaining(result)[: caps.gaps]],
        premises_more=count_more(len(result.premises) - caps.gaps),
        gaps=[gap_view(one) for one in coverage.gaps[: caps.gaps]],
        gaps_more=count_more(len(coverage.gaps) - caps.gaps),
        redactions=redactions(result),
        hours_told=hours_told(result),
        unclassified_share=percent(coverage.unclassified_share),
        sources=[source_view(one) for one in coverage.sources[: caps.sources]],
        sources_more=count_more(len(coverage.sources) - caps.sources),
        numbers=[number_view(one) for one in result.numbers],
        queries=query_views(
            result.queries, {name for one in result.numbers for name in one.query_ids}
        ),
        query_numbers={one.query_id: at for at, one in enumerate(result.queries, start=1)},
    )


def _most_frequent_first(one: Finding) -> tuple[bool, int, str]:
    return (not one.is_regression, -one.candidate_count, one.finding_id)
