"""The values that stages hand to each other, and the typed form of ``result.json``.

Field names and order are those of the JSON document (`docs/result-schema.md`); keys may be added,
never renamed or removed. Every datetime is aware and UTC; null means "not known", never zero.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

SCHEMA_VERSION = 1

Kind = Literal["error", "warning", "failed_request"]
WindowName = Literal["baseline", "candidate"]
# A text that must not be empty.
Needed = Annotated[str, "needed"]


class Verdict(StrEnum):
    """The answer in one word."""

    REGRESSION = "regression"
    WATCH = "watch"
    NORMAL = "normal"
    CANNOT_DECIDE = "cannot_decide"


class State(StrEnum):
    """How an error class stands against its baseline."""

    NEW = "new"
    INCREASED = "increased"
    ESCALATING = "escalating"
    RETURNED = "returned"
    BURST = "burst"
    STEADY = "steady"
    DECREASED = "decreased"
    GONE = "gone"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure the test is: confirmed is corrected for many tests, suspected is not."""

    CONFIRMED = "confirmed"
    SUSPECTED = "suspected"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval of event time, [start, end); both ends aware and UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs times with a zone")
        if self.end < self.start:
            raise ValueError(f"a window ends before it starts: {self.start} .. {self.end}")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Onset:
    """Estimated start of a regression with the 95 % interval around it, UTC.

    An estimate, so there need be no event at *onset*; *first_event* is the first at or after it.
    """

    onset: datetime
    onset_lower: datetime
    onset_upper: datetime
    first_event: datetime | None = None


FailOn = Literal["never", "new", "regression", "any"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for, resolved once; what does not change the result is not here.

    *baseline*: paths of logs of the normal period, or one window `A..B`, a duration `24h`, or
    `auto`. *since* and *until* cut the candidate window. *zone* is that of times which carry none
    (None: UTC, and said). *formats_dir*: a folder of log formats that are tried before the shipped
    ones, *rules_dir* one of rules. *encoding* is that of sources without a byte-order mark (None:
    by their bytes); *follows_outside*: links are followed out of the folders named. *services*:
    names for who writes what, `GLOB=NAME` or `NAME`. *redact*: secrets are taken out of what is
    stored, only of what is reported, or not at all; *redact_pii*: personal data too, with
    *redaction_key* so that equal values stay equal. *templates*: output of an earlier run, whose
    ids stay. *event*: changes of the system that the user names, `TIME KIND SERVICE TEXT`, and
    *event_files* files of such. *escalation*: a file with the rule that gives the level. *facts*:
    files and folders of what was captured beside the logs. *trace_paths*: whether logs whose lines
    name traces are read a second time, for the order of the services in them; large ones only where
    that is asked for. *store*: what runs add to, and are compared with.
    """

    baseline: tuple[str, ...] = ("auto",)
    since: str | None = None
    until: str | None = None
    zone: str | None = None
    fail_on: FailOn = "regression"
    title: str | None = None
    author: str | None = None
    is_strict: bool = False
    keeps_all_events: bool = False
    formats_dir: str | None = None
    rules_dir: str | None = None
    encoding: str | None = None
    follows_outside: bool = False
    services: tuple[str, ...] = ()
    redact: Literal["store", "report", "off"] = "store"
    redact_pii: bool = False
    redaction_key: str | None = field(default=None, repr=False)
    templates: str | None = None
    event: tuple[str, ...] = ()
    event_files: tuple[str, ...] = ()
    escalation: str | None = None
    facts: tuple[str, ...] = ()
    trace_paths: Literal["auto", "on", "off"] = "auto"
    store: str | None = None


@dataclass(frozen=True, slots=True)
class DataWarning:
    """A doubt about the input; *kind* is one of the fixed words of `docs/result-schema.md`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Premise:
    """Something in the input that bends counts or times, with the numbers that show it.

    *kind* is one of the fixed words of `docs/result-schema.md`. *finding_ids* are the findings
    whose change it explains away: counted without it, they did not change. *service_name* and
    *window* are null where it is of several.
    """

    premise_id: str
    kind: str
    text: str
    service_name: str | None
    window: WindowName | None
    numbers: dict[str, Any]
    query_id: str
    finding_ids: list[str]


@dataclass(frozen=True, slots=True)
class Run:
    """Which run made this result; *versions* are of what read, counted and tested."""

    run_id: str
    generated_at: datetime
    version: str
    command: str
    settings: dict[str, Any]
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A stretch that was cut out of a window, and why; of one class only where it names one."""

    start: datetime
    end: datetime
    reason: str
    finding_id: str | None = None
    event_count: int | None = None  # of that class, or of all errors, in the stretch
    expected_count: float | None = None  # by the rest of the window


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """One of the two windows with its totals; times are null when there is no such window."""

    start: datetime | None
    end: datetime | None
    covered_seconds: float
    event_count: int
    error_count: int
    warning_count: int
    request_count: int
    failed_request_count: int
    excluded: list[Exclusion] = field(default_factory=list)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Windows:
    """Baseline (taken as normal) and candidate (under question)."""

    baseline: WindowFacts
    candidate: WindowFacts


@dataclass(frozen=True, slots=True)
class Totals:
    """All error events together; rates are per covered hour unless *rate_unit* says requests."""

    baseline_rate: float | None
    candidate_rate: float | None
    rate_ratio: float | None
    rate_ratio_lower: float | None
    rate_ratio_upper: float | None
    rate_unit: str
    baseline_rate_per_1000_requests: float | None = None
    candidate_rate_per_1000_requests: float | None = None


@dataclass(frozen=True, slots=True)
class TimeNote:
    """What was assumed of the times of one file's events, of how many of them."""

    kind: str
    event_count: int
    text: str


@dataclass(frozen=True, slots=True)
class Redaction:
    """How many kept events of one file held a secret of this *kind* (a name of a rule)."""

    kind: str
    event_count: int


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One row of the ledger: where every line of one file went."""

    log_file_path: str
    service_name: str | None
    byte_count: int
    line_count: int
    event_count: int
    event_line_count: int
    blank_line_count: int
    unparsed_event_count: int
    undecodable_byte_count: int
    format_names: list[str]
    encoding: str | None
    first_timestamp: datetime | None
    last_timestamp: datetime | None
    time_zone_assumption: str | None
    partial_joined_count: int
    sha256_head: str | None
    error: str | None
    truncated_line_count: int = 0  # lines of which only the beginning was looked at
    nul_byte_count: int = 0  # NUL bytes that are no text: passed over, or shown as one mark
    is_reversed: bool = False  # newest line first: read from its end
    notes: list[str] = field(default_factory=list)  # what was assumed or left out in reading
    time_notes: list[TimeNote] = field(default_factory=list)
    redactions: list[Redaction] = field(default_factory=list)  # secrets that were not stored


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a window in which a service did not log as it usually does."""

    service_name: str
    window: WindowName
    start: datetime
    end: datetime
    kind: Literal["silent", "absent", "thin"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read, what of it was understood, and where nothing was logged."""

    parse_coverage: float | None
    unclassified_share: float | None
    sources: list[SourceFacts]
    gaps: list[Gap]
    warnings: list[DataWarning]
    service_count: int | None = None  # a file may hold the lines of many services


@dataclass(frozen=True, slots=True)
class ServiceCount:
    """Events of a finding in one service; when it rose there, where it rose in several."""

    service_name: str
    baseline_count: int
    candidate_count: int
    onset: datetime | None = None
    onset_lower: datetime | None = None
    onset_upper: datetime | None = None


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """The innermost in-app frame that most of a finding's traces share."""

    code_file_path: str
    code_line_number: int | None
    code_function_name: str | None
    share: float


@dataclass(frozen=True, slots=True)
class Interarrival:
    """Seconds between consecutive events in the candidate window."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class HourlyPoint:
    """One bucket of a finding's series; *coverage* is 0-1, *exposure* the requests or null."""

    bucket_start: datetime
    window: WindowName
    event_count: int
    expected_count: float | None
    lower: float | None
    upper: float | None
    exposure: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One real event of a finding, with the place of its bytes in the decompressed source.

    *segment_hash* is BLAKE2b (16 bytes, hex) of these bytes as they stood when the run was made;
    null where they could not be read again, such as those of a pipe. *body* is bounded log text:
    hostile, and not redacted.
    """

    log_file_path: str
    line_number: int
    byte_offset: int
    timestamp: datetime | None
    service_name: str
    body: str
    byte_length: int | None = None
    segment_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Correlate:
    """A value over-represented in a finding's events; *lift* is its share over its usual share.

    *other_share* is the usual share: of the events that the value is compared with in the same
    window; *baseline_share* that of the same class's events in the baseline. Null: there are none.
    """

    kind: str
    value: str
    lift: float | None
    share: float
    event_count: int | None = None
    baseline_share: float | None = None
    other_share: float | None = None


Standing = Literal["supported", "refuted", "seen", "not_seen", "not_known"]


@dataclass(frozen=True, slots=True)
class SignCheck:
    """One sign for or against a hypothesis, looked for in this input.

    *text* says what was found. *event_count* and *baseline_count* are events of the two windows;
    null where the sign is no matter of events. The place is that of the first event.
    """

    kind: str
    is_against: bool
    looked_for: str
    status: Standing
    text: str
    event_count: int | None
    baseline_count: int | None
    finding_id: str | None
    log_file_path: str | None
    line_number: int | None
    query_id: str | None


@dataclass(frozen=True, slots=True)
class HypothesisCheck:
    """What this input says to one hypothesis; *supported* is not proven.

    *seen*: a sign is there, and tells nothing (no more often than before, too late, or signs for
    and against). *not_seen*: looked for in what was read, and absent. *not_known*: *reason* says
    why this input cannot tell.
    """

    hypothesis: str
    status: Standing
    signs: list[SignCheck]
    refuted_if: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """A command that a check starts with; *ran_with* is where it was tried, null: nowhere yet."""

    run: str
    where: str
    ran_with: str | None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is generally known of a class of errors; only its checks are derived from this input."""

    knowledge_id: str
    title: str
    hypotheses: list[str]
    check_first: list[str]
    remedy: list[str]
    verify: list[str]
    references: list[str]
    reviewed: str
    mechanism: str = ""  # what happens when such an error is raised
    applies_to: str = ""  # components and versions that the entry was written for
    opened: str = ""  # when every one of *references* was last opened and read
    commands: list[KnownCommand] = field(default_factory=list)
    # What this input says to *hypotheses*, in their order; empty: the finding did not rise.
    hypothesis_checks: list[HypothesisCheck] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A rate that has been growing day by day; *growth_per_day* is a ratio less one.

    *reference_ratio* is the last day against the first by the fitted line, *yesterday_ratio* the
    last day against the one before as counted (null: there is none, or it had no event).
    """

    days: int
    growth_per_day: float
    reference_ratio: float
    yesterday_ratio: float | None
    p_value: float


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the system: a start, a restart, a migration. Logs tell of it, or the user does.

    *kind* is a word of `docs/changes.md`, or the user's own. *service_name* is a star where the
    user means all. *source* is the file and line, or says that the user gave it. One entry stands
    for *event_count* of the same, from *timestamp* to *last_timestamp* (null: one alone), usually
    *period_seconds* apart.
    """

    timestamp: datetime
    service_name: str
    kind: str
    text: str
    source: str
    change_id: str = ""
    sign: str | None = None  # what told of it (`docs/changes.md`); null: the user
    product: str | None = None
    subject: str | None = None  # what it happened to, where one log tells of several
    container_name: str | None = None
    version: str | None = None
    previous_version: str | None = None
    event_count: int = 1
    last_timestamp: datetime | None = None
    period_seconds: float | None = None
    is_given: bool = False  # by the user
    window: WindowName | None = None  # null: it lies in neither
    log_file_path: str | None = None
    line_number: int | None = None
    byte_offset: int | None = None
    byte_length: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeBefore:
    """A change in the half hour before the onset of a class, which came after it; no more is said.

    *seconds_before* the onset; *is_order_known*: it lies before the whole interval of the onset.
    *baseline_count*: changes of the same kind in the same service in the baseline, of which
    *baseline_followed_count* had events of the class in the half hour after them.
    """

    change_id: str
    seconds_before: float
    is_same_service: bool
    is_order_known: bool
    baseline_count: int
    baseline_followed_count: int


@dataclass(frozen=True, slots=True)
class ChangeSearch:
    """How changes were looked for: by *sign_count* signs, which *line_count* lines held.

    They make *change_count* changes, with *given_count* of the user; *left_out_count* of them are
    not told, for their number.
    """

    sign_count: int
    line_count: int
    given_count: int
    change_count: int
    left_out_count: int


LifecycleState = Literal["new", "increased", "escalating", "returned", "resolved"]


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What became of a finding over the runs of a store (`docs/findings.md`).

    *since* is when its state began, *run_count* in how many runs it was a regression since it was
    opened, *spell_count* how often it was. *who* said *why* it is acknowledged or silenced, and
    *until* when. *is_changed*: by this run, from *before* (null: it was not known).
    """

    state: LifecycleState
    since: datetime
    run_count: int
    spell_count: int
    handling: Literal["none", "acknowledged", "silenced"] = "none"
    who: str | None = None
    why: str | None = None
    until: datetime | None = None
    is_changed: bool = False
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the report says of one error class, tested against its baseline."""

    finding_id: str
    kind: Kind
    severity_number: int
    error_class: str | None
    title: str
    template_id: str | None
    template: str | None
    fingerprint: str | None
    state: State
    confidence: Confidence
    is_regression: bool
    baseline_count: int
    candidate_count: int
    expected_count: float | None
    baseline_rate: float | None
    candidate_rate: float | None
    rate_ratio: float | None
    rate_ratio_lower: float | None
    rate_ratio_upper: float | None
    p_value: float | None
    q_value: float | None
    minimum_detectable_ratio: float | None
    first_seen: datetime | None
    last_seen: datetime | None
    is_ongoing: bool
    onset: datetime | None
    onset_lower: datetime | None
    onset_upper: datetime | None
    interarrival_seconds: Interarrival | None
    services: list[ServiceCount]
    exception_type: str | None
    exception_message: str | None
    code_location: CodeLocation | None
    hourly: list[HourlyPoint]
    samples: list[Sample]
    correlates: list[Correlate]
    knowledge: Knowledge | None
    scope_name: str | None = None  # the logger that most of its events name
    premise_id: str | None = None  # what explains its change away: then it is no regression
    # *onset* is an estimate; this is the first event at or after it; null: none, or no onset.
    first_after_onset: datetime | None = None
    # "time", "requests", "events", "hour_of_day", "hour_of_week": what the rates that were compared
    # are per; null: it was not tested.
    compared_per: str | None = None
    # Stretches of the baseline that the test left out: *baseline_count* has their events.
    baseline_excluded: list[Exclusion] = field(default_factory=list)
    lifecycle: Lifecycle | None = None  # null: no store, or it never was a regression
    ramp: Ramp | None = None  # a rise too slow for two windows; null: none was found
    # Whether the services' onset intervals are all apart; null: fewer than two have an onset.
    is_service_order_known: bool | None = None
    # Other ids that this finding has in results of other masks, as the template book tells.
    alias_ids: list[str] = field(default_factory=list)
    # Changes in the half hour before the onset, those of its own services first.
    changes_before: list[ChangeBefore] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChainNode:
    """A finding, endpoint, status or event in the failure chain."""

    node_id: str
    kind: Literal["finding", "endpoint", "status", "event"]
    label: str
    finding_id: str | None


@dataclass(frozen=True, slots=True)
class ChainEdge:
    """*source* precedes *target*, on the evidence named; *share* is of the target's events.

    *negative_control* is the largest share that the same test finds where nothing should be found:
    with the target moved in time (*shuffled_share*, what chance gives) and in the baseline
    (*baseline_share*); null where it cannot be asked. *lift* is *share* over *shuffled_share*.
    """

    source: str
    target: str
    evidence: Literal["stated", "trace", "lag"]
    grade: Literal["observed", "supported", "hypothesis"]
    together_count: int
    share: float
    lift: float | None
    median_lag_seconds: float | None
    negative_control: float | None
    checked: str = ""
    shuffled_share: float | None = None
    baseline_share: float | None = None


@dataclass(frozen=True, slots=True)
class ChainNote:
    """What cannot be told of some nodes of the chain, or was not looked at, and why."""

    kind: Literal["common_cause_possible", "clocks_differ", "not_tested", "capped"]
    node_ids: list[str]
    text: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What followed from what; *first_failures* precede all others, they are not root causes."""

    nodes: list[ChainNode]
    edges: list[ChainEdge]
    first_failures: list[str]
    order_unknown: list[list[str]]
    notes: list[ChainNote] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long requests of an endpoint took, in milliseconds, from *sample_count* that were drawn.

    Quantiles are off by 4 % at most, beside the chance of the draw; null: too few were drawn.
    """

    baseline_p50_ms: float | None
    baseline_p95_ms: float | None
    candidate_p50_ms: float | None
    candidate_p95_ms: float | None
    baseline_sample_count: int
    candidate_sample_count: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Requests and failures (status >= 500) of one endpoint in both windows.

    *source* says which lines it is known from: access lines, or "mentioned" where only errors name
    it, *mention_count* of them in the candidate window. *unfinished_count*: requests of that window
    that a line says began, and no line that they ended; null: no lines tell of both.
    """

    service_name: str
    http_request_method: str
    http_route: str
    baseline_request_count: int
    candidate_request_count: int
    baseline_failure_count: int
    candidate_failure_count: int
    rate_ratio: float | None
    rate_ratio_lower: float | None
    rate_ratio_upper: float | None
    dominant_finding_id: str | None
    is_affected: bool
    source: str
    latency: Latency | None = None
    mention_count: int = 0
    unfinished_count: int | None = None

    @property
    def is_counted(self) -> bool:
        """Whether access lines tell of its requests."""
        return self.source != "mentioned"


@dataclass(frozen=True, slots=True)
class HealthStatement:
    """One statement about a component with the query that it rests on; *source* is the captured
    file (`facts[].file_name`) that it is from, null where it is from the logs.
    """

    component: str
    text: str
    query_id: str | None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class FactFile:
    """One file that was captured beside the logs, or the *problem* for which it was not read.

    *captured_at* is when, *captured_after* the newest time in it; null: not known. *when* is where
    the capture lies to the candidate window. *excerpt* is its beginning, as it is, where the file
    is of no known kind: hostile text.
    """

    file_name: str
    sha256: str | None
    byte_count: int | None
    kind: str
    record_count: int
    captured_at: datetime | None
    captured_after: datetime | None
    time_origin: str | None
    when: Literal["before", "within", "after", "unknown"]
    problem: str | None
    notes: list[str]
    excerpt: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """What works, what is broken, and what this input cannot tell."""

    working: list[HealthStatement]
    broken: list[HealthStatement]
    unknown: list[HealthStatement]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A statement, whether the input confirms it, and where that can be checked."""

    statement: str
    status: Literal["confirmed", "refuted", "unknown"]
    query_id: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Remediation:
    """One action; *expected_excess_share* is the share of the excess errors that it answers.

    It answers a finding, a criterion shows that it worked, and *undone_if* says what makes it
    unnecessary: none of these may be missing. Who does it, and by when, is left to people. *then*
    is what is done once a check bears out what is generally known; *follows* is the finding that
    it falls away with, to *follows_share* of its events.
    """

    priority: int
    action: Needed
    answers: Needed
    expected_excess_share: float | None
    source: str
    undone_if: Needed
    verified_by: Needed
    phase: Literal["contain", "repair", "validate"] = "repair"
    then: str | None = None
    follows: str | None = None
    follows_share: float | None = None

    def __post_init__(self) -> None:
        for name in ("action", "answers", "undone_if", "verified_by"):
            if not getattr(self, name):
                raise ValueError(f"an action needs {name}")


@dataclass(frozen=True, slots=True)
class Level:
    """What a baseline lets expect: *rate* per covered hour, or failures per request.

    A count of mean m over h hours has variance m + ((noise / h + drift) (1 + h / hours) + unsure)
    m^2; *hours* are those of the baseline, *freedom* tells how well noise and drift are known.
    """

    rate: float
    noise: float
    drift: float
    unsure: float
    freedom: float
    hours: float


@dataclass(frozen=True, slots=True)
class Criterion:
    """A success criterion that `analyze verify` can check again on later logs.

    At most *bound* events may come in *hours* covered hours as busy as usual, which *threshold* is
    per hour (or per request): what *expected* explains, but for *chance*. *unmended* is the rate
    of a fault that was not mended, or by half, which *minimum_exposure* would show with *power*.
    """

    criterion_id: str
    text: str
    metric: str
    scope: dict[str, str]
    threshold: float
    minimum_exposure: float
    value_now: float | None
    status: Literal["pass", "fail", "insufficient"]
    # How busy the system usually is: what later logs are held against. Null: not known.
    usual_activity: float | None = None  # per covered hour
    activity_unit: Literal["requests", "events"] | None = None
    hours: float | None = None
    bound: int | None = None
    chance: float | None = None
    unmended: float | None = None
    power: float | None = None
    expected: Level | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """Level and the rule that gave it.

    *matched* are the conditions that gave the level, with the *facts* that the rule asked for;
    *next_if* is what would give *next_level*, the next higher one (null: there is none).
    """

    level: str
    rule: str
    matched: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    next_level: str | None = None
    next_if: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PastIncident:
    """An incident that is over: the finding that it began with, and the hours that it lasted."""

    finding_id: str
    hours: float


@dataclass(frozen=True, slots=True)
class RecoveryEstimate:
    """Hours until recovery, from past incidents of the same class.

    *chance* is how often the next of that many lies between the shortest and the longest.
    """

    hours_low: float
    hours_high: float
    based_on_count: int
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class QueryFacts:
    """The SQL that a number came from, with its parameters, as it was run."""

    query_id: str
    title: str
    sql: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NumberSource:
    """Where numbers come from: the *paths* in this document (``*`` is any key), the queries whose
    answers they are made of (see ``queries``), and the *method* that makes them, in words.
    """

    what: str
    paths: list[str]
    query_ids: list[str]
    method: str
    text: str


@dataclass(frozen=True, slots=True)
class CalibrationQuote:
    """What the last `analyze calibrate` into the same folder measured on the counts of *start* to
    *end*; *confirmed* is the share of planted rises that were confirmed, 0 to 1, by kind.
    """

    start: datetime
    end: datetime
    window_seconds: float
    class_window_count: int
    false_alarm_count: int
    confirmed: dict[str, float]


@dataclass(frozen=True, slots=True)
class TraceSign:
    """How steps of traces changed in one place of *service_name*, and what that is worth.

    *kind*: spans that end with *statement* (cut_short), spans that log it (more_errors), calls from
    *statement* of *other_service* after which this service wrote nothing (silent), or more time
    from *statement* to *next_statement*, the other service's where one is named (slower). Counts
    are of spans, or of calls, with the sign (null: of gaps, each has one) and in all, before and
    since; *span_count* those that were the last of their trace to start. *nats* is a logarithm of a
    likelihood ratio.
    """

    kind: Literal["cut_short", "more_errors", "silent", "slower"]
    service_name: str
    statement: str
    next_statement: str | None
    baseline_count: int | None
    baseline_of: int
    candidate_count: int | None
    candidate_of: int
    nats: float
    other_service: str | None = None
    span_count: int | None = None
    baseline_ms: float | None = None  # geometric means
    candidate_ms: float | None = None


@dataclass(frozen=True, slots=True)
class FirstFailure:
    """A service in which a failure may have begun: an order, not a cause.

    *nats* is how much likelier its steps are if something changed in it than if nothing did, as a
    logarithm. *since*: its signs are of traces that began at this time or later; null: of all. In
    *trace_count* of *changed_trace_count* traces with a changed span the last to start was its own.
    """

    service_name: str
    nats: float
    strength: Literal["clear", "weak"]
    since: datetime | None
    trace_count: int
    changed_trace_count: int
    signs: list[TraceSign]


@dataclass(frozen=True, slots=True)
class Localisation:
    """Where it began, as far as traces tell; *candidates* from the likeliest on. Not known: none of
    them stands out.

    *reason* says in words why nothing is known, or how the candidates are to be read.
    *nats_by_chance* is the highest score between the halves of the baseline, where nothing failed.
    """

    status: Literal["clear", "not_known"]
    reason: str
    baseline_trace_count: int
    candidate_trace_count: int
    nats_by_chance: float | None
    candidates: list[FirstFailure]
    trace_limit: int | None = None  # of more traces in a window, so many were taken


@dataclass(frozen=True, slots=True)
class Result:
    """All that one run found; the typed form of ``result.json``."""

    schema_version: int
    verdict: Verdict
    headline: str
    run: Run
    windows: Windows
    totals: Totals
    coverage: Coverage
    findings: list[Finding]
    chain: Chain
    changes: list[Change]
    endpoints: list[Endpoint]
    health: Health
    evidence: list[Evidence]
    remediation: list[Remediation]
    criteria: list[Criterion]
    escalation: Escalation
    recovery_estimate: RecoveryEstimate | None
    unchanged: list[str]
    queries: list[QueryFacts]
    hourly: list[HourlyPoint] = field(default_factory=list)  # all error events together
    premises: list[Premise] = field(default_factory=list)
    calibration: CalibrationQuote | None = None
    numbers: list[NumberSource] = field(default_factory=list)
    recovery_reason: str = ""  # why there is no estimate
    change_search: ChangeSearch | None = None  # null: a run of a version that did not look
    facts: list[FactFile] = field(default_factory=list)  # captured beside the logs
    localisation: Localisation | None = None  # null: written by a version that did not look
