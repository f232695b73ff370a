"""A result turned into what the templates read: words, order, choice and coordinates."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.model import (
    Change,
    Confidence,
    Correlate,
    Criterion,
    Endpoint,
    Evidence,
    Exclusion,
    Finding,
    Gap,
    HealthStatement,
    HourlyPoint,
    Knowledge,
    Premise,
    QueryFacts,
    Remediation,
    Result,
    Sample,
    SourceFacts,
    State,
    Verdict,
    WindowFacts,
)
from pipeline.render import charts
from pipeline.render.charts import Slot, slots
from pipeline.render.figures import (
    TIMES,
    UNKNOWN,
    bars,
    count,
    duration,
    interval,
    machine_time,
    many,
    minute,
    moment,
    percent,
    rate,
    ratio,
    size,
)
from pipeline.render.prose import lead_of, tiles_of
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import (
    ActionView,
    CandidateView,
    ChainView,
    ChangeView,
    ChartView,
    CriterionView,
    EdgeView,
    EndpointView,
    EvidenceView,
    FindingRow,
    GapView,
    HealthColumn,
    HeatView,
    KnowledgeView,
    Link,
    Moment,
    NodeView,
    PremiseView,
    QueryView,
    ReportContext,
    SampleView,
    ServiceView,
    SlotRow,
    SourceView,
    StatementView,
    WarningView,
    WindowView,
)
from pipeline.render.words import (
    VERDICT_WORDS,
    appeared,
    baseline_words,
    change_of,
    coverage_parts,
    distinct_names,
    explaining,
    first_seen_of,
    has_baseline,
    is_risen,
    name_of,
    other_warnings,
    regressions_of,
    series_words,
    state_counts,
    state_of,
)

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
TONES = {
    Verdict.REGRESSION: "bad",
    Verdict.WATCH: "warn",
    Verdict.NORMAL: "ok",
    Verdict.CANNOT_DECIDE: "plain",
}
# A change is worth naming beside a regression when it came at most this long before it.
_BEFORE, _AFTER = timedelta(minutes=30), timedelta(minutes=1)
# Sparklines share a floor of a twentieth of the highest rate, one event an hour at least: scaled
# to its own maximum, a single error looks like an outage.
_FLOOR_SHARE = 20.0
_PATH_CHARACTERS = 72


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of each list a document shows; what is left out is counted and said."""

    findings: int = 40
    unchanged: int = 12
    charts: int = 6
    candidates: int = 8
    samples: int = 3
    endpoints: int = 30
    heat_rows: int = 11
    unclassified: int = 15
    statements: int = 10
    folded_statements: int = 50
    gaps: int = 30
    sources: int = 80
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
    endpoints=12,
    unclassified=8,
    gaps=12,
    sources=30,
    folded_statements=0,
)


class _Builder:
    """Builds the parts of the context that need to know the whole result."""

    def __init__(self, result: Result, caps: Caps) -> None:
        self.result = result
        self.caps = caps
        self.risen = sorted((one for one in result.findings if is_risen(one)), key=_by_appearance)
        self.regressions = regressions_of(result)
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
        self.floor = max([1.0, *(value / _FLOOR_SHARE for value in rates)])

    def undecided(self) -> list[Finding]:
        """Return all errors where nothing could be compared: their traces are all there is."""
        is_open = self.result.verdict is Verdict.CANNOT_DECIDE
        return [one for one in self.result.findings if is_open and one.kind != "warning"]

    def intro(self) -> str:
        """Say what the cards are."""
        if self.regressions:
            return (
                "One card for each class that rose, in order of appearance. A class is at most the "
                "first failure seen here; what made it fail lies outside of its own lines."
            )
        if self.risen:
            return (
                "Nothing is confirmed. One card for each class whose rise is suspected only, and "
                "for warnings that rose; these decide nothing."
            )
        if self.cards:
            return "Nothing could be compared. One card for each class of errors, as it is."
        return ""

    def slots(self, points: Sequence[HourlyPoint], limit: int) -> list[Slot]:
        return slots(points, limit, self.borders)

    def link(self, finding_id: str | None) -> Link | None:
        if finding_id is None or finding_id not in self.names:
            return None
        return Link(Untrusted(self.names[finding_id]), self.anchors.get(finding_id, ""))

    # ---- summary

    def finding_rows(self) -> list[FindingRow]:
        shown = {one.finding_id for one in self.risen}
        rest = [one for one in self.result.findings if one.finding_id not in shown]
        return [self.finding_row(one) for one in [*self.risen, *rest][: self.caps.findings]]

    def findings_more(self) -> str:
        rest = self.result.findings
        shown = {one.finding_id for one in self.risen}
        rest = [*self.risen, *(one for one in rest if one.finding_id not in shown)]
        return _more(rest[self.caps.findings :])

    def finding_row(self, one: Finding) -> FindingRow:
        drawn = self.sparks[one.finding_id]
        rates = [slot.rate for slot in drawn]
        top = max([self.floor, *(value for value in rates if value is not None)])
        return FindingRow(
            link=Link(Untrusted(name_of(one)), self.anchors.get(one.finding_id, "")),
            title=Untrusted("" if one.title == name_of(one) else one.title),
            state=state_of(one),
            tone=_tone(one),
            first_seen=first_seen_of(one),
            baseline_rate=rate(one.baseline_rate),
            candidate_rate=rate(one.candidate_rate),
            baseline_count=count(one.baseline_count if has_baseline(one) else None),
            candidate_count=count(one.candidate_count),
            change=change_of(one),
            interval=interval(one.rate_ratio_lower, one.rate_ratio_upper),
            spark=charts.spark(drawn, self.floor, onset=one.onset if is_risen(one) else None),
            course=bars(_halved(rates, 24), top),
        )

    def premise(self, one: Premise) -> PremiseView:
        names = [self.names[name] for name in one.finding_ids if name in self.names]
        return PremiseView(
            Untrusted(one.kind), Untrusted(one.text), one.query_id, [Untrusted(n) for n in names]
        )

    def unchanged(self) -> list[str]:
        names = [self.names[one] for one in self.result.unchanged if one in self.names]
        return list(dict.fromkeys(names))

    # ---- charts

    def chart(
        self,
        points: Sequence[HourlyPoint],
        chart_id: str,
        name: str,
        **given: Any,  # noqa: ANN401  # options of `rate_chart`, and *limit*
    ) -> ChartView:
        limit = given.pop("limit")
        drawn = self.slots(points, limit)
        bucket = _bucket_words(drawn)
        return ChartView(
            chart_id=chart_id,
            name=Untrusted(name),
            description=Untrusted(series_words(name, drawn, bucket)),
            bucket=bucket,
            chart=charts.rate_chart(drawn, **given),
            rows=[_slot_row(slot) for slot in drawn],
        )

    def rates(self) -> ChartView | None:
        if not self.result.hourly:
            return None
        onset = min((one.onset for one in self.regressions if one.onset), default=None)
        return self.chart(
            self.result.hourly, "all", "All errors by time",
            limit=self.caps.slots, onset=onset, noun="errors",
        )  # fmt: skip

    def requests(self) -> ChartView | None:
        points = [
            HourlyPoint(point.bucket_start, point.window, round(point.exposure), None, None, None,
                        None, point.coverage)
            for point in self.result.hourly
            if point.exposure is not None
        ]  # fmt: skip
        if not points:
            return None
        return self.chart(
            points, "requests", "Requests by time",
            limit=self.caps.request_slots, noun="requests", height=150,
        )  # fmt: skip

    def small_charts(self) -> list[ChartView]:
        return [
            self.chart(
                one.hourly, f"s{at}", name_of(one), limit=self.caps.small_slots, onset=one.onset,
                width=340, height=180, tick_distance=76.0,
            )
            for at, one in enumerate(self.risen[: self.caps.charts], start=1)
            if one.hourly
        ]  # fmt: skip

    def heat(self) -> HeatView | None:
        ranked = [*self.risen, *(one for one in self.result.findings if not is_risen(one))]
        chosen = [one for one in ranked if one.hourly][: self.caps.heat_rows]
        if not chosen:
            return None
        names = distinct_names(self.result.findings)
        rows = [
            (names[one.finding_id], self.slots(one.hourly, self.caps.heat_slots)) for one in chosen
        ]
        drawn = charts.heat_map([("", drawn) for _, drawn in rows])
        said = [f"{name}: {_heat_words(drawn)}" for name, drawn in rows]
        left = len(ranked) - len(chosen)
        more = f" {many(left, 'further class', 'further classes')} not drawn." if left else ""
        return HeatView(
            chart=drawn,
            names=[Untrusted(name) for name, _ in rows],
            description=Untrusted("; ".join(said) + "." + more),
            bucket=_bucket_words(max((drawn for _, drawn in rows), key=len)),
        )

    # ---- candidates

    def candidate(self, number: int, one: Finding) -> CandidateView:
        return CandidateView(
            anchor=self.anchors[one.finding_id],
            number=number,
            name=Untrusted(name_of(one)),
            title=Untrusted("" if one.title == name_of(one) else one.title),
            state=state_of(one),
            tone=_tone(one),
            position=self.position(one),
            template=Untrusted(one.template or ""),
            seen=_seen_words(one),
            rates=f"{rate(one.baseline_rate)} → {rate(one.candidate_rate)} per hour",
            significance=_significance(one),
            spacing=_spacing(one),
            onset=_onset_words(one),
            service_order=Untrusted(_service_order(one)),
            left_out=[_excluded(at) for at in one.baseline_excluded],
            services=[
                Untrusted(
                    f"{service.service_name}: {count(service.baseline_count)} → "
                    f"{count(service.candidate_count)} events"
                )
                for service in sorted(one.services, key=lambda at: -at.candidate_count)[:8]
            ],
            location=Untrusted(_location(one)),
            location_share=percent(one.code_location.share) if one.code_location else "",
            correlates=[Untrusted(_correlate(at)) for at in one.correlates[:8]],
            samples=[_sample(at) for at in one.samples[: self.caps.samples]],
            changes=[Untrusted(text) for text in self.changes_before(one)],
            knowledge=_knowledge(one.knowledge),
        )

    def position(self, one: Finding) -> str:
        """Say where in the chain the finding stands, never that it is the cause."""
        if one.finding_id in self.result.chain.first_failures:
            return "first failure: no other regression precedes it here"
        node_ids = {
            node.node_id for node in self.result.chain.nodes if node.finding_id == one.finding_id
        }
        if not one.is_regression:
            return "not a confirmed regression"
        before = [edge for edge in self.result.chain.edges if edge.target in node_ids]
        return "follows another" if before else "order unknown"

    def changes_before(self, one: Finding) -> list[str]:
        began = appeared(one)
        if began is None:
            return []
        return [
            f"{moment(at.timestamp)} UTC {at.service_name}: {at.kind}: {at.text}"
            for at in self.result.changes
            if began - _BEFORE <= at.timestamp <= began + _AFTER
        ][:5]

    # ---- the rest

    def chain(self) -> ChainView | None:
        chain = self.result.chain
        if not chain.nodes:
            return None
        labels = {node.node_id: node.label for node in chain.nodes}
        keys = {node.node_id: f"n{at}" for at, node in enumerate(chain.nodes)}
        edges = [e for e in chain.edges if e.source in keys and e.target in keys]
        said = [
            f"{labels[e.source]} precedes {labels[e.target]} ({percent(e.share)})" for e in edges
        ]
        return ChainView(
            graph=charts.chain_graph(chain.nodes, edges),
            nodes=[
                NodeView(
                    keys[node.node_id],
                    Untrusted(node.label),
                    node.kind,
                    self.anchors.get(node.finding_id or "", ""),
                )
                for node in chain.nodes
            ],
            edges=[
                EdgeView(
                    source=Untrusted(labels[edge.source]),
                    target=Untrusted(labels[edge.target]),
                    source_key=keys[edge.source],
                    target_key=keys[edge.target],
                    evidence=_EVIDENCE[edge.evidence],
                    grade=edge.grade,
                    together=count(edge.together_count),
                    share=percent(edge.share),
                    lift=ratio(edge.lift),
                    lag=duration(edge.median_lag_seconds),
                    control=percent(edge.negative_control),
                )
                for edge in edges
            ],
            first_failures=[
                Untrusted(self.names[one]) for one in chain.first_failures if one in self.names
            ],
            order_unknown=[
                (Untrusted(self.names[pair[0]]), Untrusted(self.names[pair[1]]))
                for pair in chain.order_unknown
                if len(pair) == 2 and all(one in self.names for one in pair)
            ],
            description=Untrusted("; ".join(said) + "." if said else "No order is known."),
        )

    def endpoint(self, one: Endpoint) -> EndpointView:
        return EndpointView(
            name=Untrusted(f"{one.http_request_method} {one.http_route}".strip()),
            service=Untrusted(one.service_name),
            requests=f"{count(one.baseline_request_count)} → {count(one.candidate_request_count)}",
            failures=f"{count(one.baseline_failure_count)} → {count(one.candidate_failure_count)}",
            baseline_share=_share(one.baseline_failure_count, one.baseline_request_count),
            candidate_share=_share(one.candidate_failure_count, one.candidate_request_count),
            change=UNKNOWN if one.rate_ratio is None else f"{TIMES} {ratio(one.rate_ratio)}",
            interval=interval(one.rate_ratio_lower, one.rate_ratio_upper),
            dominant=self.link(one.dominant_finding_id),
            source=Untrusted(one.source),
        )

    def services(self) -> list[ServiceView]:
        before: defaultdict[str, int] = defaultdict(int)
        after: defaultdict[str, int] = defaultdict(int)
        for one in self.regressions:
            for service in one.services:
                before[service.service_name] += service.baseline_count
                after[service.service_name] += service.candidate_count
        names = sorted(after, key=lambda name: (-after[name], name))[: self.caps.endpoints]
        return [ServiceView(Untrusted(n), count(before[n]), count(after[n])) for n in names]

    def action(self, one: Remediation) -> ActionView:
        return ActionView(
            priority=str(one.priority),
            action=Untrusted(one.action),
            answers=self.link(one.answers) or Link(Untrusted(one.answers), ""),
            share=percent(one.expected_excess_share),
            source=Untrusted(one.source),
            undone_if=Untrusted(one.undone_if or ""),
            verified_by=Untrusted(one.verified_by or ""),
        )


def build_context(result: Result, caps: Caps = PAGE) -> ReportContext:
    """Return the context of *result*; the same result gives the same context."""
    build = _Builder(result, caps)
    settings = result.run.settings
    affected = [one for one in result.endpoints if one.is_affected]
    others = [one for one in result.endpoints if not one.is_affected]
    unclassified = [
        one for one in result.findings if one.error_class is None and one.kind == "error"
    ]
    unchanged = build.unchanged()
    coverage = result.coverage
    return ReportContext(
        page_title=Untrusted(f"{VERDICT_WORDS[result.verdict].upper()}: {result.headline}"),
        verdict=VERDICT_WORDS[result.verdict],
        tone=TONES[result.verdict],
        headline=Untrusted(result.headline),
        report_title=Untrusted(_setting(settings, "title")),
        author=Untrusted(_setting(settings, "author")),
        run_id=Untrusted(result.run.run_id),
        version=Untrusted(result.run.version),
        command=Untrusted(result.run.command),
        settings=[Untrusted(f"{name} = {_json(value)}") for name, value in settings.items()],
        generated_at=_moment(result.run.generated_at),
        windows=[
            _window("Baseline", result.windows.baseline),
            _window("Candidate", result.windows.candidate),
        ],
        baseline_description=Untrusted(baseline_words(result)),
        coverage=coverage_parts(result),
        rate_unit=Untrusted(result.totals.rate_unit),
        sections=list(SECTIONS),
        lead=[Untrusted(sentence) for sentence in lead_of(result)],
        tiles=tiles_of(result),
        findings=build.finding_rows(),
        findings_more=build.findings_more(),
        unchanged=[Untrusted(name) for name in unchanged[: caps.unchanged]],
        unchanged_more=_count_more(len(unchanged) - caps.unchanged),
        rates=build.rates(),
        requests=build.requests(),
        charts=build.small_charts(),
        candidates=[build.candidate(at, one) for at, one in enumerate(build.cards, start=1)],
        candidates_intro=build.intro(),
        candidates_more=_more(build.carded[caps.candidates :]),
        changes=[_change(one) for one in result.changes[: caps.gaps]],
        chain=build.chain(),
        endpoints=[build.endpoint(one) for one in affected[: caps.endpoints]],
        unaffected=[build.endpoint(one) for one in others[: caps.endpoints]],
        unaffected_more=_count_more(
            max(len(affected) - caps.endpoints, 0) + max(len(others) - caps.endpoints, 0)
        ),
        services=build.services(),
        heat=build.heat(),
        unclassified=[build.finding_row(one) for one in unclassified[: caps.unclassified]],
        unclassified_more=_more(unclassified[caps.unclassified :]),
        working=_column(result.health.working, caps),
        broken=_column(result.health.broken, caps),
        unknown=_column(result.health.unknown, caps),
        evidence=[_evidence(one) for one in result.evidence],
        actions=[build.action(one) for one in sorted(result.remediation, key=_by_priority)],
        criteria=[_criterion(one) for one in result.criteria],
        escalation_level=Untrusted(result.escalation.level),
        escalation_rule=Untrusted(result.escalation.rule),
        recovery=_recovery(result),
        warnings=[
            WarningView(Untrusted(w.kind), Untrusted(w.text)) for w in other_warnings(result)
        ],
        premises=[build.premise(one) for one in explaining(result)[: caps.gaps]],
        premises_more=_count_more(len(result.premises) - caps.gaps),
        gaps=[_gap(one) for one in coverage.gaps[: caps.gaps]],
        gaps_more=_count_more(len(coverage.gaps) - caps.gaps),
        unclassified_share=percent(coverage.unclassified_share),
        sources=[_source(one) for one in coverage.sources[: caps.sources]],
        sources_more=_count_more(len(coverage.sources) - caps.sources),
        queries=[_query(at, one) for at, one in enumerate(result.queries, start=1)],
        query_numbers={one.query_id: at for at, one in enumerate(result.queries, start=1)},
    )


_EVIDENCE = {
    "stated": "stated in the trace",
    "trace": "same request or trace id",
    "lag": "time between them",
}
_EVIDENCE_SIGNS = {"confirmed": "✔", "refuted": "✘", "unknown": "?"}
_CRITERION_WORDS = {"pass": "pass", "fail": "fail", "insufficient": "not enough data"}
_CRITERION_TONES = {"pass": "ok", "fail": "bad", "insufficient": "plain"}
_GAP_WORDS = {"silent": "silent", "absent": "absent", "thin": "far fewer lines than usual"}


def _by_appearance(finding: Finding) -> tuple[bool, bool, datetime | int, str]:
    began = appeared(finding)
    return (not finding.is_regression, began is None, began or 0, finding.finding_id)


def _by_priority(one: Remediation) -> int:
    return one.priority


def _tone(finding: Finding) -> str:
    if finding.is_regression:
        return "bad" if finding.state in (State.NEW, State.ESCALATING) else "warn"
    if is_risen(finding):
        return "warn"
    return "plain" if finding.state in (State.UNKNOWN, State.GONE, State.DECREASED) else "ok"


def _moment(value: datetime | None) -> Moment:
    return Moment(minute(value), machine_time(value))


def _setting(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name)
    return value if isinstance(value, str) else ""


def _json(value: Any) -> str:  # noqa: ANN401  # a setting
    return json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)


def _more(rest: Sequence[Finding]) -> str:
    return f"and {len(rest):,} more: {state_counts(rest)}" if rest else ""


def _count_more(number: int) -> str:
    return f"and {number:,} more" if number > 0 else ""


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else UNKNOWN


def _halved(values: Sequence[float | None], most: int) -> list[float | None]:
    """Join neighbours until at most *most* values are left."""
    per_cell = max(1, -(-len(values) // most))
    groups = [values[at : at + per_cell] for at in range(0, len(values), per_cell)]
    known = [[value for value in group if value is not None] for group in groups]
    return [sum(group) / len(group) if group else None for group in known]


def _window(name: str, facts: WindowFacts) -> WindowView:
    is_known = facts.start is not None
    return WindowView(
        name=name,
        is_known=is_known,
        start=_moment(facts.start),
        end=_moment(facts.end),
        description=Untrusted(facts.description),
        covered=duration(facts.covered_seconds) if is_known else UNKNOWN,
        events=count(facts.event_count) if is_known else UNKNOWN,
        errors=count(facts.error_count) if is_known else UNKNOWN,
        warnings=count(facts.warning_count) if is_known else UNKNOWN,
        requests=count(facts.request_count) if is_known else UNKNOWN,
        failed_requests=count(facts.failed_request_count) if is_known else UNKNOWN,
        excluded=[_excluded(one) for one in facts.excluded],
    )


def _excluded(one: Exclusion) -> Untrusted:
    return Untrusted(f"{minute(one.start)} to {minute(one.end)} UTC: {one.reason}")


def _slot_row(slot: Slot) -> SlotRow:
    band = "" if slot.upper is None else f"{rate(slot.lower)} to {rate(slot.upper)}"
    remarks = ["above the band"] if slot.is_above else []
    if slot.is_partial:
        remarks.append(f"{percent(slot.coverage)} covered" if slot.coverage < 1 else "cut short")
    return SlotRow(
        time=minute(slot.start),
        is_candidate=slot.window == "candidate",
        count=count(slot.event_count),
        rate=rate(slot.rate),
        expected=rate(slot.expected),
        band=band,
        remark=", ".join(remarks),
    )


def _bucket_words(drawn: Sequence[Slot]) -> str:
    """Return the usual length of a bucket."""
    lengths = sorted((slot.end - slot.start).total_seconds() for slot in drawn)
    return duration(lengths[len(lengths) // 2]) if lengths else ""


def _heat_words(drawn: Sequence[Slot]) -> str:
    above = [slot for slot in drawn if charts.heat_level(slot) in "1234"]
    if not above:
        return "never above its band"
    where = f"{minute(above[0].start)} to {minute(above[-1].end)} UTC"
    return f"above its band in {len(above)} of {len(drawn)} buckets, {where}"


def _seen_words(one: Finding) -> str:
    before = count(one.baseline_count) if has_baseline(one) else "no number known"
    text = f"{many(one.candidate_count, 'time')}, {before} in the baseline"
    if one.expected_count is not None:
        text += f"; {rate(one.expected_count)} expected"
    text += f". First {moment(one.first_seen)}, last {moment(one.last_seen)} UTC"
    return text + (", still going on at the end of the data" if one.is_ongoing else "")


def _significance(one: Finding) -> str:
    parts = []
    if one.rate_ratio is not None:
        parts.append(f"{TIMES} {ratio(one.rate_ratio)}")
    bounds = interval(one.rate_ratio_lower, one.rate_ratio_upper)
    if bounds:
        parts.append(f"95 % interval of the ratio: {bounds}")
    if one.q_value is not None:
        parts.append(f"q {_small(one.q_value)}")
    if one.confidence is not Confidence.NONE:
        parts.append(one.confidence.value)
    return "; ".join(parts)


def _small(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"= {value:.2g}"


def _spacing(one: Finding) -> str:
    at = one.interarrival_seconds
    if at is None:
        return ""
    return (
        f"median {duration(at.p50)}; 10 % within {duration(at.p10)}, 90 % within {duration(at.p90)}"
    )


def _onset_words(one: Finding) -> str:
    if one.onset is None:
        return ""
    text = f"{moment(one.onset)} UTC"
    if one.onset_lower is None or one.onset_upper is None:
        return text
    return f"{text} (95 % interval {moment(one.onset_lower)} to {moment(one.onset_upper)})"


def _service_order(one: Finding) -> str:
    """Say in which services it rose first, next and so on, as far as their intervals tell."""
    dated = sorted(
        (at.onset_lower, at.onset, at.onset_upper, at.service_name)
        for at in one.services
        if at.onset is not None and at.onset_lower is not None and at.onset_upper is not None
    )
    if len(dated) < 2:
        return ""
    is_one_day = len({at.date() for times in dated for at in times[:3]} | _days(one.onset)) == 1
    steps: list[list[str]] = []
    until = dated[0][0]
    for lower, begun, upper, name in dated:
        if not steps or lower > until:
            steps.append([])
        times = [f"{at:%H:%M:%S}" if is_one_day else moment(at) for at in (begun, lower, upper)]
        steps[-1].append(f"{name} {times[0]} ({times[1]} to {times[2]})")
        until = max(until, upper)
    if len(steps) == 1:
        return f"order cannot be told, the 95 % intervals overlap: {'; '.join(steps[0])}"
    said = [
        " and ".join(step) + (" (which of these is first cannot be told)" if step[1:] else "")
        for step in steps
    ]
    return f"first in {', then in '.join(said)}; in brackets 95 % intervals"


def _days(at: datetime | None) -> set[date]:
    return set() if at is None else {at.date()}


def _location(one: Finding) -> str:
    place = one.code_location
    if place is None:
        return ""
    line = f":{place.code_line_number}" if place.code_line_number is not None else ""
    name = f" {place.code_function_name}" if place.code_function_name else ""
    return f"{place.code_file_path}{line}{name}"


def _correlate(one: Correlate) -> str:
    usual = [
        f"{percent(share)} {where}"
        for share, where in (
            (one.baseline_share, "in the baseline"),
            (one.other_share, "of what else was logged"),
        )
        if share is not None
    ]
    against = f", against {' and '.join(usual)}" if usual else ""
    return f"{one.kind} {one.value}: {percent(one.share)} of the events{against}"


def _sample(one: Sample) -> SampleView:
    return SampleView(
        place=Untrusted(f"{_tail(one.log_file_path)}:{one.line_number}"),
        time=f"{moment(one.timestamp)} UTC" if one.timestamp else "no time",
        service=Untrusted(one.service_name),
        body=Untrusted(one.body),
    )


def _tail(path: str) -> str:
    """Shorten a path from the left: file and line must be seen; the appendix has it whole."""
    return path if len(path) <= _PATH_CHARACTERS else f"…{path[-_PATH_CHARACTERS:]}"


def _knowledge(one: Knowledge | None) -> KnowledgeView | None:
    if one is None:
        return None
    return KnowledgeView(
        knowledge_id=Untrusted(one.knowledge_id),
        title=Untrusted(one.title),
        mechanism=Untrusted(one.mechanism),
        hypotheses=_all(one.hypotheses),
        check_first=_all(one.check_first),
        remedy=_all(one.remedy),
        verify=_all(one.verify),
        references=_all(one.references),
        reviewed=Untrusted(one.reviewed),
    )


def _all(texts: Iterable[str]) -> list[Untrusted]:
    return [Untrusted(text) for text in texts]


def _change(one: Change) -> ChangeView:
    return ChangeView(
        _moment(one.timestamp),
        Untrusted(one.service_name),
        Untrusted(one.kind),
        Untrusted(one.text),
        Untrusted(one.source),
    )


def _column(statements: Sequence[HealthStatement], caps: Caps) -> HealthColumn:
    shown, folded = caps.statements, caps.statements + caps.folded_statements
    return HealthColumn(
        shown=_statements(statements[:shown]),
        folded=_statements(statements[shown:folded]),
        folded_words=f"{len(statements[shown:folded])} more",
        more=_count_more(len(statements) - folded),
    )


def _statements(statements: Iterable[HealthStatement]) -> list[StatementView]:
    return [
        StatementView(Untrusted(one.component), Untrusted(one.text), one.query_id or "")
        for one in statements
    ]


def _evidence(one: Evidence) -> EvidenceView:
    return EvidenceView(
        Untrusted(one.statement),
        one.status,
        _EVIDENCE_SIGNS[one.status],
        one.query_id or "",
        Untrusted(one.source or ""),
    )


def _criterion(one: Criterion) -> CriterionView:
    return CriterionView(
        criterion_id=Untrusted(one.criterion_id),
        text=Untrusted(one.text),
        value_now=_criterion_value(one, one.value_now),
        threshold=_criterion_value(one, one.threshold),
        exposure=duration(one.minimum_exposure * 3600),
        status=_CRITERION_WORDS[one.status],
        tone=_CRITERION_TONES[one.status],
    )


def _criterion_value(one: Criterion, value: float | None) -> str:
    if one.metric.endswith("share"):
        return percent(value)
    return rate(value) if value is None or not one.metric.endswith("rate") else f"{rate(value)}/h"


def _recovery(result: Result) -> str:
    estimate = result.recovery_estimate
    if estimate is None:
        return ""
    hours = f"{rate(estimate.hours_low)} to {rate(estimate.hours_high)} hours"
    return f"{hours}, from {many(estimate.based_on_count, 'earlier incident')} of the same class"


def _gap(one: Gap) -> GapView:
    return GapView(
        service=Untrusted(one.service_name),
        window=one.window,
        start=_moment(one.start),
        end=_moment(one.end),
        kind=_GAP_WORDS[one.kind],
        length=duration((one.end - one.start).total_seconds()),
    )


def _source(one: SourceFacts) -> SourceView:
    remarks = []
    if one.error:
        remarks.append(f"not read: {one.error}")
    if one.time_zone_assumption:
        remarks.append(f"zone assumed: {one.time_zone_assumption}")
    remarks += [f"{note.text} ({note.event_count:,})" for note in one.time_notes]
    if one.undecodable_byte_count:
        remarks.append(many(one.undecodable_byte_count, "undecodable byte"))
    if one.truncated_line_count:
        remarks.append(f"{many(one.truncated_line_count, 'line')} cut after 1 MiB")
    if one.nul_byte_count:
        remarks.append(many(one.nul_byte_count, "NUL byte"))
    if one.is_reversed:
        remarks.append("newest first: read from its end")
    remarks += one.notes
    if one.partial_joined_count:
        remarks.append(f"{many(one.partial_joined_count, 'split record')} joined")
    is_dated = one.first_timestamp is not None
    return SourceView(
        path=Untrusted(one.log_file_path),
        service=Untrusted(one.service_name or UNKNOWN),
        size=size(one.byte_count),
        lines=count(one.line_count),
        events=count(one.event_count),
        unparsed=count(one.unparsed_event_count),
        span=f"{minute(one.first_timestamp)} to {minute(one.last_timestamp)}"
        if is_dated
        else UNKNOWN,
        formats=Untrusted(", ".join(one.format_names) or UNKNOWN),
        remark=Untrusted("; ".join(remarks)),
        sha256=Untrusted((one.sha256_head or "")[:16]),
    )


def _query(number: int, one: QueryFacts) -> QueryView:
    return QueryView(
        number=number,
        anchor=f"q{number}",
        query_id=Untrusted(one.query_id),
        title=Untrusted(one.title),
        sql=Untrusted(one.sql),
        parameters=[Untrusted(f"${name} = {_json(v)}") for name, v in one.parameters.items()],
    )
