"""What the templates read. They decide how it looks; every number, order and choice is made before.

A plain `str` here was made by this program. What came from logs, rules or options is `Untrusted`.
"""

from dataclasses import dataclass, field

from pipeline.render.charts import (
    Axis,
    Graph,
    HeatMap,
    LaneChart,
    RateChart,
    SlopeChart,
    Spark,
)
from pipeline.render.untrusted import Untrusted


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as read and as machines read it."""

    shown: str
    iso: str


@dataclass(frozen=True, slots=True)
class Link:
    """A named thing; *anchor* is its place in the report, empty where it has none."""

    name: Untrusted
    anchor: str


@dataclass(frozen=True, slots=True)
class LeadView:
    """A line of the first screen: the question that it answers, and the answer in sentences."""

    label: str
    text: Untrusted


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the large figures; *query_id* is the key into `ReportContext.query_numbers`."""

    value: str
    label: str
    tone: str
    query_id: str


@dataclass(frozen=True, slots=True)
class WindowView:
    """One of the two windows with its totals."""

    name: str
    is_known: bool
    start: Moment
    end: Moment
    description: Untrusted
    covered: str
    events: str
    errors: str
    warnings: str
    requests: str
    failed_requests: str
    excluded: list[Untrusted]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A row of the findings table."""

    link: Link
    title: Untrusted
    state: str
    tone: str
    first_seen: str
    baseline_rate: str
    candidate_rate: str
    baseline_count: str
    candidate_count: str
    change: str
    interval: str
    spark: Spark
    course: str
    keys: str


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A row of the table behind a chart."""

    time: str
    is_candidate: bool
    count: str
    rate: str
    expected: str
    band: str
    remark: str


@dataclass(frozen=True, slots=True)
class ChartView:
    """A chart with its words and the table behind it; *keys* are what a filter selects it by."""

    chart_id: str
    name: Untrusted
    description: Untrusted
    bucket: str
    chart: RateChart
    rows: list[SlotRow]
    anchor: str = ""
    state: str = ""
    tone: str = ""
    keys: str = ""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One bucket of all drawn classes: counts, each with what was expected where that is known."""

    time: str
    is_candidate: bool
    cells: list[str]


@dataclass(frozen=True, slots=True)
class ClassCharts:
    """Charts of classes below each other on one axis of time, and the table behind them."""

    charts: list[ChartView]
    bucket: str
    more: str
    rows: list[ClassRow]


@dataclass(frozen=True, slots=True)
class SampleView:
    """One event as it stands in the log."""

    place: Untrusted
    time: str
    service: Untrusted
    body: Untrusted


@dataclass(frozen=True, slots=True)
class SignView:
    """A sign for or against a hypothesis: what was looked for, what was found, and where."""

    kind: str
    looked_for: Untrusted
    text: Untrusted
    place: Untrusted
    query_id: str


@dataclass(frozen=True, slots=True)
class HypothesisView:
    """A hypothesis with what this input says to it."""

    text: Untrusted
    status: str
    tone: str
    reason: Untrusted
    refuted_if: Untrusted
    signs: list[SignView]


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command to check with."""

    run: Untrusted
    where: Untrusted
    ran_with: Untrusted


@dataclass(frozen=True, slots=True)
class KnowledgeView:
    """What is generally known of such an error; not derived from this input."""

    knowledge_id: Untrusted
    title: Untrusted
    mechanism: Untrusted
    check_first: list[Untrusted]
    remedy: list[Untrusted]
    verify: list[Untrusted]
    references: list[Untrusted]
    reviewed: Untrusted
    applies_to: Untrusted
    opened: Untrusted
    commands: list[CommandView]


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A regressed class with all that the logs tell of it."""

    anchor: str
    number: int
    name: Untrusted
    title: Untrusted
    state: str
    tone: str
    position: str
    template: Untrusted
    seen: str
    over_runs: Untrusted
    rates: str
    significance: str
    spacing: str
    onset: str
    service_order: Untrusted
    ramp: str
    left_out: list[Untrusted]
    services: list[Untrusted]
    location: Untrusted
    location_share: str
    correlates: list[Untrusted]
    samples: list[SampleView]
    changes: list[Untrusted]
    knowledge: KnowledgeView | None
    knowledge_at: Link | None
    hypotheses: list[HypothesisView]
    keys: str


@dataclass(frozen=True, slots=True)
class NodeView:
    """A box of the chain."""

    key: str
    label: Untrusted
    kind: str


@dataclass(frozen=True, slots=True)
class EdgeView:
    """An arrow of the chain, as a row of its table."""

    source: Link
    target: Link
    source_key: str
    target_key: str
    evidence: str
    grade: str
    together: str
    share: str
    lift: str
    lag: str
    control: str
    checked: Untrusted


@dataclass(frozen=True, slots=True)
class ChainNoteView:
    """What cannot be told of some boxes of the chain, or was not looked at."""

    names: list[Untrusted]
    text: Untrusted


@dataclass(frozen=True, slots=True)
class ChainView:
    """What followed from what."""

    graph: Graph
    nodes: list[NodeView]
    edges: list[EdgeView]
    first_failures: list[Untrusted]
    order_unknown: list[tuple[Untrusted, Untrusted]]
    notes: list[ChainNoteView]
    description: Untrusted


@dataclass(frozen=True, slots=True)
class FirstFailureView:
    """A service in which it may have begun, with the signs in words."""

    service: Untrusted
    strength: str
    nats: str
    traces: str
    since: Moment | None
    signs: list[Untrusted]


@dataclass(frozen=True, slots=True)
class BeganView:
    """Where it began, as far as traces tell."""

    status: str
    reason: Untrusted
    traces: str
    by_chance: str
    candidates: list[FirstFailureView]


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint before and after."""

    name: Untrusted
    service: Untrusted
    requests: str
    failures: str
    baseline_share: str
    candidate_share: str
    change: str
    interval: str
    dominant: Link | None
    keys: str
    half: str
    most: str
    unfinished: str


@dataclass(frozen=True, slots=True)
class MentionView:
    """An endpoint that no access line names."""

    name: Untrusted
    service: Untrusted
    mentions: str
    unfinished: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """Events of all findings in one service."""

    name: Untrusted
    baseline_count: str
    candidate_count: str
    keys: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A stretch of one class above its band, or in which nothing is known of it."""

    name: Untrusted
    time: str
    count: str
    level: str


@dataclass(frozen=True, slots=True)
class HeatView:
    """The heat map with the names of its rows, and its coloured fields as a table."""

    chart: HeatMap
    names: list[Untrusted]
    description: Untrusted
    bucket: str
    rows: list[HeatRow]
    more: str


@dataclass(frozen=True, slots=True)
class SlopeView:
    """Rates before and after with the names and tones of the classes, and the table behind it."""

    chart: SlopeChart
    names: list[Untrusted]
    tones: list[str]
    description: Untrusted
    rows: list[tuple[Untrusted, str, str]]


@dataclass(frozen=True, slots=True)
class LaneView:
    """What services logged over time, with the names of the lanes."""

    chart: LaneChart
    names: list[Untrusted]
    description: Untrusted
    rows: list[tuple[Untrusted, str]]


@dataclass(frozen=True, slots=True)
class Filters:
    """What classes and services the page can be narrowed to: key and name."""

    classes: list[tuple[str, Untrusted]]
    services: list[tuple[str, Untrusted]]


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change of the system that the logs tell of."""

    time: Moment
    service: Untrusted
    kind: Untrusted
    text: Untrusted
    source: Untrusted


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement on a component, the query behind it, and the captured file that it is from."""

    component: Untrusted
    text: Untrusted
    query_id: str
    source: Untrusted


@dataclass(frozen=True, slots=True)
class HealthColumn:
    """A column of statements: the first are *shown*, the next *folded*, the rest counted."""

    shown: list[StatementView]
    folded: list[StatementView]
    folded_words: str
    more: str


@dataclass(frozen=True, slots=True)
class FactView:
    """A file that was captured beside the logs; *excerpt* where it is shown as it is."""

    name: Untrusted
    kind: Untrusted
    records: str
    size: str
    digest: Untrusted
    captured: Untrusted
    notes: list[Untrusted]
    excerpt: Untrusted | None


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A statement and whether the input bears it out."""

    statement: Untrusted
    status: str
    sign: str
    query_id: str
    source: Untrusted


@dataclass(frozen=True, slots=True)
class ActionView:
    """One action of the plan: *known* is of the knowledge base, *own* made of this input."""

    priority: str
    known: Untrusted
    own: Untrusted
    then: Untrusted
    answers: Link
    share: str
    has_share: bool
    source: Untrusted
    undone_if: Untrusted
    verified_by: Untrusted


@dataclass(frozen=True, slots=True)
class PhaseView:
    """Contain, repair or validate, and the actions that the input supports there."""

    title: str
    hint: str
    is_repair: bool
    actions: list[ActionView]


@dataclass(frozen=True, slots=True)
class CriterionView:
    """A success criterion with its value now, and what an unmended fault does with it."""

    criterion_id: Untrusted
    text: Untrusted
    value_now: str
    exposure: str
    noticed: str
    status: str
    tone: str


@dataclass(frozen=True, slots=True)
class WarningView:
    """A doubt about the input."""

    kind: Untrusted
    text: Untrusted


@dataclass(frozen=True, slots=True)
class PremiseView:
    """What bends counts or times, and the rises that it explains away."""

    kind: Untrusted
    text: Untrusted
    query_id: str
    explains: list[Untrusted]


@dataclass(frozen=True, slots=True)
class GapView:
    """A stretch in which a service did not log as usual."""

    service: Untrusted
    window: str
    start: Moment
    end: Moment
    kind: str
    length: str


@dataclass(frozen=True, slots=True)
class SourceView:
    """A row of the ledger."""

    path: Untrusted
    service: Untrusted
    size: str
    lines: str
    events: str
    unparsed: str
    span: str
    formats: Untrusted
    remark: Untrusted
    sha256: Untrusted


@dataclass(frozen=True, slots=True)
class QueryView:
    """A query as it was run."""

    number: int
    anchor: str
    query_id: Untrusted
    title: Untrusted
    sql: Untrusted
    parameters: list[Untrusted]


@dataclass(frozen=True, slots=True)
class NumberView:
    """Where numbers of one kind come from: their queries, and what makes numbers of the answers."""

    what: Untrusted
    query_ids: list[str]
    method: Untrusted


@dataclass(frozen=True, slots=True)
class ReportContext:
    """Every name that a template may read."""

    page_title: Untrusted = field(metadata={"help": "text of the title bar"})
    verdict: str = field(metadata={"help": "the answer in words"})
    tone: str = field(metadata={"help": "bad, warn, ok or plain: how the verdict is coloured"})
    headline: Untrusted = field(metadata={"help": "the title line, made of numbers"})
    report_title: Untrusted = field(metadata={"help": "title given with --title, or empty"})
    author: Untrusted = field(metadata={"help": "name given with --author, or empty"})
    run_id: Untrusted = field(metadata={"help": "which run this is"})
    version: Untrusted = field(metadata={"help": "version of the program"})
    command: Untrusted = field(metadata={"help": "the command to run it again"})
    versions: list[Untrusted] = field(metadata={"help": "name and version of what counted"})
    settings: list[Untrusted] = field(metadata={"help": "effective settings, name = value"})
    generated_at: Moment = field(metadata={"help": "time stamp of the report"})
    windows: list[WindowView] = field(metadata={"help": "baseline and candidate window"})
    coverage: list[str] = field(metadata={"help": "what was read: lines, files, services"})
    rate_unit: Untrusted = field(metadata={"help": "what the total rates are per"})
    sections: list[tuple[str, str]] = field(metadata={"help": "anchor and title, in order"})
    lead: list[LeadView] = field(metadata={"help": "the first screen in words; it stands alone"})
    tiles: list[Tile] = field(metadata={"help": "the large figures"})
    findings: list[FindingRow] = field(metadata={"help": "what rose, in order of appearance"})
    findings_title: str = field(metadata={"help": "what the table of findings holds"})
    findings_more: str = field(metadata={"help": "which findings are not in the table, or empty"})
    others: list[FindingRow] = field(metadata={"help": "findings that did not rise"})
    others_words: str = field(metadata={"help": "how many did not rise, in which states"})
    others_more: str = field(metadata={"help": "which of these are not in their table, or empty"})
    unchanged: list[Untrusted] = field(metadata={"help": "classes tested and found unchanged"})
    unchanged_more: str = field(metadata={"help": "how many more are unchanged, or empty"})
    time_axis: Axis = field(metadata={"help": "the axis of time below all rates"})
    drawn: frozenset[str] = field(metadata={"help": "what the charts of rates show, for the key"})
    rates: ChartView | None = field(metadata={"help": "all errors by time, null without"})
    requests: ChartView | None = field(metadata={"help": "requests by time, null without"})
    class_charts: ClassCharts | None = field(
        metadata={"help": "one chart a risen class on one axis of time, null without"}
    )
    candidates: list[CandidateView] = field(metadata={"help": "cards, by appearance"})
    candidates_intro: str = field(metadata={"help": "what the cards are, or empty"})
    candidates_more: str = field(metadata={"help": "regressions without a card, or empty"})
    changes: list[ChangeView] = field(metadata={"help": "restarts, deploys and the like"})
    changes_more: str = field(metadata={"help": "how many changes are not listed"})
    changes_nothing: str = field(metadata={"help": "what it means that there are none"})
    began: BeganView | None = field(
        metadata={"help": "services by where it may have begun, null where nobody looked"}
    )
    chain: ChainView | None = field(metadata={"help": "the failure chain, null without nodes"})
    endpoints: list[EndpointView] = field(metadata={"help": "endpoints that fail more"})
    endpoint_sources: Untrusted = field(metadata={"help": "which lines the requests are from"})
    unaffected: list[EndpointView] = field(metadata={"help": "the other endpoints"})
    mentioned: list[MentionView] = field(metadata={"help": "those that only errors name"})
    mentioned_more: str = field(metadata={"help": "how many more of them there are"})
    unaffected_more: str = field(metadata={"help": "how many more there are, or empty"})
    services: list[ServiceView] = field(metadata={"help": "regressed events by service"})
    heat: HeatView | None = field(metadata={"help": "class by time, null without"})
    slope: SlopeView | None = field(metadata={"help": "rates before and after, null without"})
    service_lanes: LaneView | None = field(metadata={"help": "services over time, null without"})
    filters: Filters = field(metadata={"help": "what the page can be narrowed to"})
    unclassified: list[FindingRow] = field(metadata={"help": "findings that no rule names"})
    unclassified_more: str = field(metadata={"help": "how many more there are, or empty"})
    rules: Untrusted = field(metadata={"help": "rules for these, to paste and edit, or empty"})
    rules_words: str = field(metadata={"help": "how many rules these are"})
    working: HealthColumn = field(metadata={"help": "components that work"})
    broken: HealthColumn = field(metadata={"help": "components that do not"})
    unknown: HealthColumn = field(metadata={"help": "what the input cannot tell"})
    facts: list[FactView] = field(metadata={"help": "files captured beside the logs"})
    facts_more: str = field(metadata={"help": "how many more of them there are"})
    evidence: list[EvidenceView] = field(metadata={"help": "statements, borne out or not"})
    hit: list[Untrusted] = field(metadata={"help": "what fails now, to be contained first"})
    phases: list[PhaseView] = field(metadata={"help": "the plan, by phase and priority"})
    criteria: list[CriterionView] = field(metadata={"help": "what has to hold afterwards"})
    escalation_level: Untrusted = field(metadata={"help": "level by rule"})
    escalation_rule: Untrusted = field(metadata={"help": "the clause that gave the level"})
    escalation_others: Untrusted = field(metadata={"help": "the other clauses of the rule"})
    escalation_matched: list[Untrusted] = field(
        metadata={"help": "the conditions that gave the level, with the facts"}
    )
    escalation_next: Untrusted = field(metadata={"help": "the next higher level, or empty"})
    escalation_next_if: list[Untrusted] = field(
        metadata={"help": "what would give the next higher level, each by itself"}
    )
    recovery: str = field(metadata={"help": "range of hours with its base, or empty"})
    recovery_reason: str = field(metadata={"help": "why there is no range"})
    warnings: list[WarningView] = field(metadata={"help": "doubts about the input"})
    premises: list[PremiseView] = field(metadata={"help": "what bends counts or times"})
    premises_more: str = field(metadata={"help": "how many more there are, or empty"})
    gaps: list[GapView] = field(metadata={"help": "stretches without logs"})
    gaps_more: str = field(metadata={"help": "how many more there are, or empty"})
    redactions: Untrusted = field(metadata={"help": "which secrets were taken out of how much"})
    hours_told: str = field(
        metadata={"help": "whether hours of the day and of the week were told apart, or why not"}
    )
    unclassified_share: str = field(metadata={"help": "share of errors that no rule names"})
    sources: list[SourceView] = field(metadata={"help": "the ledger"})
    sources_more: str = field(metadata={"help": "how many more there are, or empty"})
    numbers: list[NumberView] = field(metadata={"help": "where numbers come from, by kind"})
    queries: list[QueryView] = field(metadata={"help": "the SQL behind the numbers"})
    query_numbers: dict[str, int] = field(metadata={"help": "query id to number"})
