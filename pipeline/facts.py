"""What is said of formats, lines, sources and of the test itself: the values behind `formats`,
`doctor` and `calibrate`.

`ingest` and `detection` find them, `render` shows them; `asdict` of each is what ``--json`` prints.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipeline.model import LifecycleState


@dataclass(frozen=True, slots=True)
class FormatSummary:
    """One format as the list shows it; *origin* is ``shipped`` or the file that defines it."""

    name: str
    title: str
    kind: str
    priority: int
    origin: str


@dataclass(frozen=True, slots=True)
class FormatDefinition:
    """One format in full; *definition* is its file, word for word."""

    summary: FormatSummary
    url: str | None
    description: str | None
    patterns: list[str]
    fields: dict[str, list[str]]
    layouts: list[str]
    samples: list[str]
    definition: str


@dataclass(frozen=True, slots=True)
class FormatCheck:
    """What checking a definition found: *problems* make it unusable, *clashes* are to be known."""

    path: str
    name: str
    pattern_count: int
    sample_count: int
    problems: list[str]
    clashes: list[str]


@dataclass(frozen=True, slots=True)
class Count:
    """How many events have *name*; *share* of all of the same source, between 0 and 1."""

    name: str
    event_count: int
    share: float


@dataclass(frozen=True, slots=True)
class FormatShare:
    """What one format took of a source: events, their lines, and the line of the first."""

    name: str
    event_count: int
    line_count: int
    share: float
    first_line_number: int


@dataclass(frozen=True, slots=True)
class Inference:
    """What was assumed of the times of a source, of how many events; *text* is for a reader."""

    kind: str
    event_count: int
    share: float
    text: str


@dataclass(frozen=True, slots=True)
class ServiceName:
    """A service's name, and where it was read."""

    name: str
    event_count: int
    source: str


@dataclass(frozen=True, slots=True)
class Shape:
    """Lines that look alike, with letters and digits folded; *example* is the first one's text."""

    shape: str
    event_count: int
    line_number: int
    example: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What was not understood, and the command or deed that mends it."""

    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class SourceReading:
    """How one source was understood. *confidence*: share of events that a format took; null when
    there are none.
    """

    log_file_path: str
    compression: str | None
    encoding: str | None
    envelopes: list[str]
    formats: list[FormatShare]
    confidence: float | None
    byte_count: int
    line_count: int
    event_count: int
    blank_line_count: int
    unparsed_event_count: int
    undecodable_byte_count: int
    partial_joined_count: int
    first_timestamp: datetime | None
    last_timestamp: datetime | None
    time_zone: str | None
    time_sources: list[Count]
    inferences: list[Inference]
    is_reversed: bool
    notes: list[str]
    severities: list[Count]
    severity_sources: list[Count]
    services: list[ServiceName]
    unparsed_shapes: list[Shape]
    problems: list[Problem]
    error: str | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `doctor` found: one reading a source, and the versions that read it."""

    sources: list[SourceReading]
    versions: dict[str, str]

    @property
    def is_readable(self) -> bool:
        """Whether every source could be read to its end."""
        return bool(self.sources) and all(one.error is None for one in self.sources)


@dataclass(frozen=True, slots=True)
class Layer:
    """One envelope around a line, and what it gave."""

    name: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Captured:
    """One value of a line: the column that it fills, its text, and where that was written."""

    column: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class LineReading:
    """How one line is read; *event* holds the columns of the event that it belongs to."""

    log_file_path: str
    line_number: int
    text: str
    byte_offset: int
    byte_length: int
    encoding: str
    compression: str | None
    layers: list[Layer]
    payload: str
    role: str
    event_lines: list[int] = field(default_factory=list)
    format_name: str | None = None
    format_kind: str | None = None
    pattern_number: int | None = None
    pattern: str | None = None
    captured: list[Captured] = field(default_factory=list)
    time_written: str | None = None
    time_source: str | None = None
    timestamp: datetime | None = None
    observed_timestamp: datetime | None = None
    inferences: list[str] = field(default_factory=list)
    severity_text: str | None = None
    severity_number: int | None = None
    severity_source: str | None = None
    service_name: str | None = None
    service_source: str | None = None
    is_kept: bool | None = None
    why_kept: str | None = None
    event: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planted:
    """What became of one kind of planted change, in *count* classes of windows.

    Shares are between 0 and 1, null where nothing was planted. *held_back* is for silence alone:
    the share that was rightly taken neither for a rise nor for a fall. *onset_error_minutes* is the
    median distance of the estimated start from the true one, of the *dated_count* confirmed.
    """

    kind: str
    count: int
    confirmed: float | None
    confirmed_or_suspected: float | None
    held_back: float | None
    dated_count: int
    onset_error_minutes: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the test does on somebody's own counts; *budget* is the false discovery rate that it is
    held to. A class-window is one class tested in one window.
    """

    seed: int
    is_placebo: bool
    start: datetime
    end: datetime
    window_seconds: float
    class_count: int
    window_count: int
    class_window_count: int
    false_alarm_count: int
    false_alarms_per_1000: float | None
    windows_with_alarm_count: int
    false_suspicion_count: int
    budget: float
    planted: list[Planted]


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """One rule as the list shows it; *origin* is ``shipped`` or the file that defines it."""

    name: str
    title: str
    priority: int
    pattern_count: int
    origin: str


@dataclass(frozen=True, slots=True)
class RulePattern:
    """One way in which a class shows itself, with lines that it matches."""

    literal: str
    regex: str
    kind: str | None
    must: list[str]


@dataclass(frozen=True, slots=True)
class RuleDefinition:
    """One rule in full; *definition* is a file of it alone, *knowledge_ids* what is known of it."""

    summary: RuleSummary
    description: str
    severity: str | None
    patterns: list[RulePattern]
    must_not: list[str]
    knowledge_id: str | None
    definition: str
    knowledge_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """What checking rules found: *problems* make them unusable, *warnings* are to be known."""

    path: str
    rule_count: int
    pattern_count: int
    problems: list[str]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class RuleHits:
    """How many errors and warnings of logs one class names; *name* is null for those without.

    *example* is the text that the first one was named by, *place* its ``FILE:LINE``.
    """

    name: str | None
    event_count: int
    share: float
    example: str
    place: str


@dataclass(frozen=True, slots=True)
class Naming:
    """What rules made of the errors and warnings of logs, most first."""

    event_count: int
    hits: list[RuleHits]


@dataclass(frozen=True, slots=True)
class EvidenceCheck:
    """What became of one sample of a report in the logs.

    *status*: ``intact``, ``moved`` (the same bytes elsewhere: *found_path*, *found_offset*),
    ``altered``, ``gone``, or ``unverifiable``; *detail* says why in words.
    """

    finding_id: str
    finding: str
    log_file_path: str
    line_number: int
    byte_offset: int
    byte_length: int | None
    segment_hash: str | None
    status: str
    detail: str
    found_path: str | None = None
    found_offset: int | None = None


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """All samples of a report checked against logs."""

    run_id: str
    source_count: int
    checks: list[EvidenceCheck]

    def count(self, *statuses: str) -> int:
        """Return how many samples have one of *statuses*."""
        return sum(1 for one in self.checks if one.status in statuses)


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of a source as it stands there, without secrets; *is_own*: of the event itself."""

    text: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class ShownSample:
    """A sample with what stands around it; *lines* is empty where its source is not at hand.

    *body* and *stacktrace* are those of the event, in full.
    """

    check: EvidenceCheck
    timestamp: datetime | None
    service_name: str
    body: str
    stacktrace: str | None
    lines: list[ShownLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """One finding in full: the finding itself as in ``result.json``, its samples, its relations.

    *edges* are (relation, other finding's or endpoint's name, evidence, grade).
    """

    finding: Any
    samples: list[ShownSample]
    edges: list[tuple[str, str, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One of two runs that are compared: its candidate window, and what was counted in it."""

    path: str
    run_id: str | None
    version: str | None
    start: datetime
    end: datetime
    covered_hours: float
    error_count: int


@dataclass(frozen=True, slots=True)
class ClassChange:
    """How one class of errors stands in the later of two runs.

    *status*: new, worse, better, resolved, same or unknown; *reason* says why it is unknown, and
    *is_blind* that it is so because services were not logging.
    *relabelled_from* is the class that the earlier run gave the same texts, where it gave another:
    a change of rules, not of the system. Rates are per covered hour.
    """

    finding_id: str
    kind: str
    error_class: str | None
    title: str
    status: str
    confidence: str
    reason: str | None
    is_blind: bool
    relabelled_from: str | None
    relabelled_to: str | None
    before_count: int
    after_count: int
    before_rate: float | None
    after_rate: float | None
    rate_ratio: float | None
    rate_ratio_lower: float | None
    rate_ratio_upper: float | None
    services: list[str]


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed between two runs; *counts* are of classes by status, and of those relabelled."""

    before: ComparedRun
    after: ComparedRun
    counts: dict[str, int]
    changes: list[ClassChange]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class CriterionCheck:
    """A success criterion on later logs: *exposure* is in covered hours, *reason* says what is
    missing where that is too little; *status* is pass, fail or insufficient.
    """

    criterion_id: str
    status: str
    value: float | None
    threshold: float
    exposure: float
    text: str
    metric: str
    value_then: float | None
    event_count: int | None
    request_count: int | None
    minimum_exposure: float
    reason: str | None


@dataclass(frozen=True, slots=True)
class Verification:
    """All criteria of a run on later logs."""

    run_id: str | None
    start: datetime | None
    end: datetime | None
    criteria: list[CriterionCheck]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One place where a document does not say what the tables of its run give.

    *document* is its file, *section* and *field* the place in it; *printed* is null for what is
    missing there, *recomputed* for what should not be there.
    """

    document: str
    section: str
    field: str
    printed: str | None
    recomputed: str | None


@dataclass(frozen=True, slots=True)
class DocumentCheck:
    """One document compared with its recomputation; *value_count* and *number_count* tell how many
    values, and how many of them with a digit, were compared.
    """

    document: str
    value_count: int
    number_count: int
    differences: list[Discrepancy]


@dataclass(frozen=True, slots=True)
class ReportCheck:
    """The documents of a run against what its tables give when everything is computed again."""

    run_id: str
    version: str
    checked_with: str
    documents: list[DocumentCheck]
    missing: list[str]

    @property
    def agrees(self) -> bool:
        """Whether no document says anything else."""
        return not any(one.differences for one in self.documents)


@dataclass(frozen=True, slots=True)
class Job:
    """One run as a scheduler sees it; *last_success* is null where none is known of."""

    version: str
    ended: datetime
    seconds: float
    exit_status: int
    last_success: datetime | None


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What a store holds of one kind: files, bytes, rows, and of which days."""

    kind: str
    part_count: int
    byte_count: int
    row_count: int
    first_date: str | None
    last_date: str | None


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a store holds. *horizons*: the first day that is kept of a kind that was pruned."""

    folder: str
    store_id: str
    manifest: int
    written_at: str | None
    program: str | None
    first_event: datetime | None
    last_event: datetime | None
    source_count: int
    run_count: int
    last_run: str | None
    last_verdict: str | None
    kinds: list[KindFacts]
    horizons: dict[str, str]

    @property
    def byte_count(self) -> int:
        """Bytes of all parts."""
        return sum(one.byte_count for one in self.kinds)


@dataclass(frozen=True, slots=True)
class StoreDamage:
    """A file of a store that is not as it was written."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What became of every file of a store; *strays*: files that nothing lists."""

    folder: str
    part_count: int
    byte_count: int
    damaged: list[StoreDamage]
    strays: int

    @property
    def agrees(self) -> bool:
        """Whether every file is as it was written."""
        return not self.damaged


@dataclass(frozen=True, slots=True)
class StoreChange:
    """What pruning or compacting did, or would do: *is_applied* tells which."""

    folder: str
    action: str
    is_applied: bool
    kinds: list[KindFacts]
    bytes_before: int
    bytes_after: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a row: *run_id* is null where a person made it."""

    at: datetime
    before: str | None
    after: str
    why: str
    run_id: str | None = None
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which the problem was open; *end* is its last event, null while it goes on."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Limit:
    """What says that it is over: at most *bound* events in *hours* covered hours; *activity* is
    what is usual in an hour, by the points' exposure (null: not known).
    """

    hours: float
    bound: int
    activity: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """What is remembered of one finding. *told* are its events in its recent covered hours when it
    was last opened or worse; *until* is when it is no longer silenced.
    """

    finding_id: str
    kind: str
    error_class: str | None
    title: str
    template_id: str | None
    fingerprint: str | None
    state: LifecycleState
    since: datetime
    run_count: int
    last_run: str
    last_seen: datetime | None
    spells: list[Spell] = field(default_factory=list)
    limit: Limit | None = None
    told: tuple[int, float] | None = None
    handling: Literal["none", "acknowledged", "silenced"] = "none"
    who: str | None = None
    why: str | None = None
    until: datetime | None = None
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BacktestStep:
    """What a run at *at* would have found: *changes* are states over runs with the class."""

    at: datetime
    verdict: str
    exit_status: int
    changes: list[str]


@dataclass(frozen=True, slots=True)
class Backtest:
    """A store's past judged again, with the settings of now and, beside them, others."""

    settings: list[str]
    steps: list[BacktestStep]
    proposed: list[str] | None = None
    proposed_steps: list[BacktestStep] | None = None
