"""Results written by hand: an incident, a quiet day, an undecidable one and a hostile one."""

# ruff: noqa: ANN401  # the makers take any field of the model

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from pipeline.model import (
    Chain,
    ChainEdge,
    ChainNode,
    ChainNote,
    Change,
    ChangeBefore,
    ChangeSearch,
    CodeLocation,
    Confidence,
    Correlate,
    Coverage,
    Criterion,
    DataWarning,
    Endpoint,
    Escalation,
    Evidence,
    Exclusion,
    FactFile,
    Finding,
    FirstFailure,
    Gap,
    Health,
    HealthStatement,
    HourlyPoint,
    HypothesisCheck,
    Interarrival,
    Knowledge,
    KnownCommand,
    Latency,
    Localisation,
    NumberSource,
    Premise,
    QueryFacts,
    RecoveryEstimate,
    Remediation,
    Result,
    Run,
    Sample,
    ServiceCount,
    SignCheck,
    SourceFacts,
    State,
    Totals,
    TraceSign,
    Verdict,
    WindowFacts,
    Windows,
)

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 4, 9, tzinfo=UTC)
MIDDLE = START + 24 * HOUR
END = START + 48 * HOUR
ONSET = datetime(2026, 3, 6, 2, 14, 8, tzinfo=UTC)
GAP = (START + 13 * HOUR, START + 15 * HOUR)


def wave(hour: int, level: float) -> float:
    """A day with a busy afternoon, the same every time."""
    return level * (1 + 0.45 * math.sin((hour - 4) / 24 * 2 * math.pi))


def fact(name: str, kind: str, records: int, **given: Any) -> FactFile:
    values: dict[str, Any] = {
        "file_name": name,
        "sha256": "ab12cd34" * 8,
        "byte_count": 48_213,
        "kind": kind,
        "record_count": records,
        "captured_at": None,
        "captured_after": None,
        "time_origin": "in the file",
        "when": "after" if given.keys() & {"captured_at", "captured_after"} else "unknown",
        "problem": None,
        "notes": [],
        "excerpt": None,
    }
    return FactFile(**(values | given))


def series(
    level: float,
    risen: float,
    *,
    onset: datetime = ONSET,
    start: datetime = START,
    hours: int = 48,
    has_expectation: bool = True,
) -> list[HourlyPoint]:
    """*level* per hour before *onset*, *risen* after it; one gap, a short last hour."""
    points = []
    for hour in range(hours):
        begin = start + hour * HOUR
        expected = wave(hour, level)
        is_gap = GAP[0] <= begin < GAP[1]
        coverage = 0.0 if is_gap else 0.4 if hour == hours - 1 else 1.0
        share = min(max((begin + HOUR - onset) / HOUR, 0.0), 1.0)
        mean = (expected * (1 - share) + wave(hour, risen) * share) * coverage
        jitter = 1 + 0.12 * math.sin(hour * 2.7)
        spread = 2.2 * math.sqrt(expected * coverage) + 0.5
        points.append(
            HourlyPoint(
                bucket_start=begin,
                window="baseline" if begin < MIDDLE else "candidate",
                event_count=round(mean * jitter),
                expected_count=expected * coverage if has_expectation else None,
                lower=max(expected * coverage - spread, 0.0) if has_expectation else None,
                upper=expected * coverage + spread if has_expectation else None,
                exposure=None,
                coverage=coverage,
            )
        )
    return points


def finding(finding_id: str, error_class: str | None, title: str, **given: Any) -> Finding:
    """A finding whose counts follow from its series; *given* sets the other fields."""
    hourly = given.pop("hourly")
    baseline = sum(point.event_count for point in hourly if point.window == "baseline")
    candidate = sum(point.event_count for point in hourly if point.window == "candidate")
    values: dict[str, Any] = {
        "finding_id": finding_id,
        "kind": "error",
        "severity_number": 17,
        "error_class": error_class,
        "title": title,
        "template_id": f"t-{finding_id}",
        "template": title,
        "fingerprint": f"fp-{finding_id}",
        "state": State.STEADY,
        "confidence": Confidence.NONE,
        "is_regression": False,
        "baseline_count": baseline,
        "candidate_count": candidate,
        "expected_count": float(baseline),
        "baseline_rate": baseline / 22,
        "candidate_rate": candidate / 23.4,
        "rate_ratio": candidate / 23.4 / (baseline / 22) if baseline else None,
        "rate_ratio_lower": None,
        "rate_ratio_upper": None,
        "p_value": 0.4,
        "q_value": 0.7,
        "minimum_detectable_ratio": 1.4,
        "first_seen": None,
        "last_seen": END - timedelta(minutes=12),
        "is_ongoing": False,
        "onset": None,
        "onset_lower": None,
        "onset_upper": None,
        "interarrival_seconds": None,
        "services": [ServiceCount("api", baseline, candidate)],
        "exception_type": None,
        "exception_message": None,
        "code_location": None,
        "hourly": hourly,
        "samples": [],
        "correlates": [],
        "knowledge": None,
    }
    return Finding(**{**values, **given})


ENUM = finding(
    "e1",
    "enum_binding",
    'UndefinedObjectError: type "payment_kind" does not exist',
    severity_number=17,
    state=State.NEW,
    confidence=Confidence.CONFIRMED,
    is_regression=True,
    rate_ratio_lower=38.0,
    p_value=1e-80,
    q_value=4e-79,
    first_seen=ONSET,
    is_ongoing=True,
    onset=ONSET,
    changes_before=[ChangeBefore("c1", 540.0, True, True, 2, 0)],
    onset_lower=ONSET - timedelta(seconds=4),
    onset_upper=ONSET + timedelta(seconds=2),
    interarrival_seconds=Interarrival(0.9, 2.1, 38.0),
    exception_type="asyncpg.exceptions.UndefinedObjectError",
    exception_message='type "payment_kind" does not exist',
    code_location=CodeLocation("/srv/app/billing/tokens.py", 88, "load_tokens", 0.97),
    hourly=series(0.0, 168.0),
    samples=[
        Sample(
            "logs/api-1.log",
            18244,
            2_113_440,
            ONSET,
            "api",
            '(sqlalchemy.exc.ProgrammingError) type "payment_kind" does not exist\n'
            "[SQL: SELECT tokens.id, tokens.owner_id FROM tokens\n"
            "WHERE tokens.owner_id = $1::INTEGER AND tokens.kind = $2::payment_kind]",
        ),
        Sample(
            "logs/api-1.log",
            18391,
            2_140_018,
            ONSET + timedelta(seconds=9),
            "api",
            "Traceback (most recent call last):\n"
            '  File "/srv/app/billing/tokens.py", line 88, in load_tokens\n'
            "    rows = await session.execute(query)",
        ),
    ],
    correlates=[
        Correlate("endpoint", "POST /api/v1/billing/sync", 31.0, 0.93),
        Correlate("version", "api 2.14.0", None, 1.0),
    ],
    knowledge=Knowledge(
        knowledge_id="pg_undefined_type",
        title="A type that the database does not know on this connection",
        hypotheses=[
            "Its schema is not on the search_path",
            "A migration did not run in this database",
        ],
        check_first=["Ask with the service's own role: select to_regtype('payment_kind')"],
        remedy=["Name schema and type in the column's definition"],
        verify=["The class does not occur for three covered hours"],
        references=["https://www.postgresql.org/docs/current/functions-info.html"],
        reviewed="2026-01-15",
        mechanism="The driver casts a parameter to a type name that the server cannot resolve.",
        applies_to="PostgreSQL 12 to 17",
        opened="2026-01-15",
        commands=[KnownCommand("select to_regtype('payment_kind')", "psql", "PostgreSQL 17")],
        hypothesis_checks=[
            HypothesisCheck(
                "Its schema is not on the search_path",
                "supported",
                [
                    SignCheck(
                        kind="class",
                        is_against=False,
                        looked_for="events of missing_relation",
                        status="supported",
                        text="12 events, 0 in the baseline, which began 3 min before it",
                        event_count=12,
                        baseline_count=0,
                        finding_id="e9",
                        log_file_path="logs/api.log",
                        line_number=41,
                        query_id="finding_totals",
                    )
                ],
                "Other connections of the same role find the type",
            ),
            HypothesisCheck(
                "A migration did not run in this database",
                "not_known",
                [],
                "The migration is in the table of versions",
                "no source has a log of postgres",
            ),
        ],
    ),
)
ASGI = finding(
    "e2",
    "asgi_message",
    "RuntimeError: Unexpected message received: http.request",
    state=State.NEW,
    confidence=Confidence.CONFIRMED,
    is_regression=True,
    rate_ratio_lower=51.0,
    p_value=1e-90,
    q_value=2e-88,
    first_seen=ONSET + timedelta(seconds=3),
    is_ongoing=True,
    onset=ONSET + timedelta(seconds=3),
    onset_lower=ONSET,
    onset_upper=ONSET + timedelta(seconds=5),
    interarrival_seconds=Interarrival(0.4, 1.2, 3.1),
    exception_type="RuntimeError",
    exception_message="Unexpected message received: http.request",
    code_location=CodeLocation("/srv/app/http/errors.py", 37, "dispatch", 1.0),
    hourly=series(0.0, 236.0, onset=ONSET + timedelta(seconds=3)),
    samples=[
        Sample(
            "logs/api-1.log",
            18251,
            2_114_100,
            ONSET + timedelta(seconds=3),
            "api",
            "RuntimeError: Unexpected message received: http.request\n"
            '  File "/srv/app/http/errors.py", line 37, in dispatch',
        )
    ],
)
TIMEOUT = finding(
    "e3",
    "upstream_timeout",
    "TimeoutError: no answer from <service> within <num> s",
    state=State.INCREASED,
    confidence=Confidence.CONFIRMED,
    is_regression=True,
    rate_ratio_lower=2.0,
    rate_ratio_upper=2.6,
    p_value=3e-12,
    q_value=2e-11,
    first_seen=START + timedelta(minutes=5),
    onset=ONSET + timedelta(minutes=3),
    onset_lower=ONSET - timedelta(minutes=1),
    onset_upper=ONSET + timedelta(minutes=11),
    hourly=series(61.0, 240.0, onset=ONSET + timedelta(minutes=3)),
    services=[ServiceCount("api", 900, 1700), ServiceCount("worker", 442, 1101)],
    samples=[
        Sample(
            "logs/worker.log",
            911,
            88_120,
            None,
            "worker",
            "TimeoutError: no answer from ledger within 30 s",
        )
    ],
)
FAILED = finding(
    "f1",
    "http_500",
    "HTTP 500 answers",
    kind="failed_request",
    severity_number=0,
    state=State.INCREASED,
    confidence=Confidence.CONFIRMED,
    is_regression=True,
    rate_ratio_lower=40.0,
    rate_ratio_upper=71.0,
    first_seen=START + 2 * HOUR,
    onset=ONSET,
    onset_lower=ONSET - timedelta(seconds=30),
    onset_upper=ONSET + timedelta(seconds=30),
    is_ongoing=True,
    template=None,
    template_id=None,
    hourly=series(2.0, 180.0),
)
SUSPECT = finding(
    "e4",
    "disk_pressure",
    "OSError: No space left on device",
    state=State.BURST,
    confidence=Confidence.SUSPECTED,
    rate_ratio_lower=0.9,
    rate_ratio_upper=9.0,
    first_seen=START + 3 * HOUR,
    hourly=series(0.4, 1.4),
)
UNNAMED = finding(
    "e5",
    None,
    "job <*> left the queue <*> without an answer",
    samples=[
        Sample(
            "logs/worker.log",
            88,
            9_120,
            START,
            "worker",
            "job 71 left the queue mail without an answer",
        )
    ],
    first_seen=START,
    rate_ratio_lower=0.84,
    rate_ratio_upper=1.04,
    hourly=series(206.0, 206.0),
)
STEADY = finding(
    "w1",
    "slow_query",
    "slow query: <num> ms",
    kind="warning",
    severity_number=13,
    rate_ratio_lower=0.7,
    rate_ratio_upper=1.2,
    first_seen=START,
    hourly=series(12.0, 12.0),
)
GONE = finding(
    "e6",
    "redis_busy",
    "BusyLoadingError: Redis is loading the dataset in memory",
    state=State.GONE,
    confidence=Confidence.CONFIRMED,
    rate_ratio_upper=0.2,
    first_seen=START,
    hourly=series(9.0, 0.0, onset=MIDDLE),
)
FINDINGS = [ENUM, ASGI, TIMEOUT, FAILED, SUSPECT, UNNAMED, STEADY, GONE]


def total_series(findings: Sequence[Finding]) -> list[HourlyPoint]:
    """All error events together, with the sums of expectation and bounds."""
    columns = zip(*(one.hourly for one in findings if one.kind == "error"), strict=True)
    return [
        replace(
            column[0],
            event_count=sum(point.event_count for point in column),
            expected_count=sum(point.expected_count or 0.0 for point in column),
            lower=sum(point.lower or 0.0 for point in column),
            upper=sum(point.upper or 0.0 for point in column),
            exposure=9_000.0 * column[0].coverage,
        )
        for column in columns
    ]


def source(path: str, service: str | None, **given: Any) -> SourceFacts:
    values: dict[str, Any] = {
        "log_file_path": path,
        "service_name": service,
        "byte_count": 48_112_034,
        "line_count": 301_402,
        "event_count": 290_811,
        "event_line_count": 301_398,
        "blank_line_count": 4,
        "unparsed_event_count": 17,
        "undecodable_byte_count": 0,
        "format_names": ["python_asctime_level"],
        "encoding": "utf-8",
        "first_timestamp": START,
        "last_timestamp": END - timedelta(seconds=11),
        "time_zone_assumption": None,
        "partial_joined_count": 0,
        "sha256_head": "9f2c" * 16,
        "error": None,
    }
    return SourceFacts(**{**values, **given})


def endpoint(method: str, route: str, failures: tuple[int, int], **given: Any) -> Endpoint:
    values: dict[str, Any] = {
        "service_name": "api",
        "http_request_method": method,
        "http_route": route,
        "baseline_request_count": 1800,
        "candidate_request_count": 1750,
        "baseline_failure_count": failures[0],
        "candidate_failure_count": failures[1],
        "rate_ratio": failures[1] / failures[0] if failures[0] else None,
        "rate_ratio_lower": None,
        "rate_ratio_upper": None,
        "dominant_finding_id": None,
        "is_affected": False,
        "source": "access log",
    }
    return Endpoint(**{**values, **given})


def window(start: datetime | None, end: datetime | None, **given: Any) -> WindowFacts:
    values: dict[str, Any] = {
        "covered_seconds": 79_200.0,
        "event_count": 1_402_113,
        "error_count": 6301,
        "warning_count": 264,
        "request_count": 198_000,
        "failed_request_count": 44,
    }
    return WindowFacts(start=start, end=end, **{**values, **given})


NODES = [
    ChainNode("p1", "endpoint", "POST /api/v1/billing/sync", None),
    ChainNode("e1", "finding", "enum_binding", "e1"),
    ChainNode("f1", "status", "HTTP 500 answers", "f1"),
    ChainNode("e2", "finding", "asgi_message", "e2"),
    ChainNode("e3", "finding", "upstream_timeout", "e3"),
]
EDGES = [
    ChainEdge(
        "p1",
        "e1",
        "trace",
        "observed",
        2410,
        0.93,
        31.0,
        0.042,
        0.03,
        "of 2,590 ids of the later 2,410 have the earlier before it",
        0.03,
        0.01,
    ),
    ChainEdge("e1", "f1", "trace", "observed", 2561, 0.99, 58.0, 0.011, 0.0),
    ChainEdge("e1", "e2", "stated", "observed", 2544, 0.71, None, None, None),
    ChainEdge("e2", "e3", "lag", "hypothesis", 467, 0.32, 2.1, 30.0, 0.12),
]
NOTES = [
    ChainNote("common_cause_possible", ["e2", "e3"], "now one first, now the other"),
]
QUERIES = [
    QueryFacts(
        "finding_totals",
        "Events of each finding, both windows",
        "select\n    finding_id,\n    count(*) as event_count\nfrom events\n"
        "where timestamp >= $start and timestamp < $end\ngroup by all",
        {"start": "2026-03-05T09:00:00Z", "end": "2026-03-06T09:00:00Z"},
    ),
    QueryFacts("finding_minutes", "Events by minute", "select * from minutes", {}),
    QueryFacts(
        "finding_samples",
        "Samples of each finding",
        "select * from events limit $limit",
        {"limit": 3},
    ),
    QueryFacts("endpoint_totals", "Requests and failures by endpoint", "select * from rollup", {}),
    QueryFacts("correlated_pairs", "Findings under one request id", "select * from pairs", {}),
    QueryFacts("service_minutes", "Events by service and minute", "select * from minutes", {}),
    QueryFacts("window_totals", "Totals of both windows", "select * from rollup", {}),
]


BEGAN = Localisation(
    status="clear",
    reason="one service stands out",
    baseline_trace_count=812,
    candidate_trace_count=790,
    nats_by_chance=0.4,
    candidates=[
        FirstFailure(
            service_name="caldav",
            nats=31.25,
            strength="clear",
            since=datetime(2025, 8, 10, 3, 7, tzinfo=UTC),
            trace_count=41,
            changed_trace_count=44,
            signs=[
                TraceSign("cut_short", "caldav", "sync <*>", None, 0, 320, 41, 96, 21.5, None, 41),
                TraceSign("more_errors", "caldav", "LookupError", None, 2, 320, 41, 96, 12.0),
                TraceSign("silent", "caldav", "ask <*>", "went on", 0, 90, 12, 31, 6.5, "api", 12),
                TraceSign(
                    "slower", "caldav", "begin", "end " * 60, None, 300, None, 55, 1.5, "api",
                    baseline_ms=4.25, candidate_ms=1830.5,
                ),
            ],
        ),
        FirstFailure("api", 0.75, "weak", None, 0, 0, [
            TraceSign("slower", "api", "a", "b", None, 9, None, 7, 0.75, None),
        ]),
    ],
)  # fmt: skip


def incident() -> Result:
    """Three classes are new or increased since one night; one gap; one source not read."""
    return Result(
        schema_version=1,
        verdict=Verdict.REGRESSION,
        headline="Errors +71 %: 286 → 489 per hour; 2 new, 1 increased error classes",
        run=Run(
            "7c1e90ab42d0",
            END + HOUR,
            "0.1.0",
            "analyze run logs --baseline 24h",
            {
                "baseline": ["24h"],
                "since": None,
                "fail_on": "regression",
                "title": "Billing sync fails",
                "author": "On-call",
            },
        ),
        windows=Windows(
            baseline=window(
                START,
                MIDDLE,
                description="the 24 h before the candidate window",
                excluded=[Exclusion(GAP[0], GAP[1], "no service logged")],
            ),
            candidate=window(
                MIDDLE, END, error_count=11_442, covered_seconds=84_240.0, failed_request_count=1291
            ),
        ),
        totals=Totals(286.4, 488.9, 1.707, 1.61, 1.81, "errors/hour", 31.8, 57.8),
        coverage=Coverage(
            parse_coverage=0.9994,
            unclassified_share=0.41,
            sources=[
                source("logs/api-1.log", "api"),
                source(
                    "logs/worker.log", "worker", time_zone_assumption="UTC", partial_joined_count=31
                ),
                source(
                    "logs/core.dump",
                    None,
                    error="binary content",
                    line_count=0,
                    event_count=0,
                    byte_count=512,
                    format_names=[],
                    encoding=None,
                    first_timestamp=None,
                    last_timestamp=None,
                    sha256_head=None,
                ),
            ],
            gaps=[
                Gap("api", "baseline", GAP[0], GAP[1], "silent"),
                Gap("worker", "candidate", END - 2 * HOUR, END, "thin"),
            ],
            warnings=[
                DataWarning(
                    "clock_skew", "worker runs 1.8 s ahead of api; lags are corrected by it"
                ),
                DataWarning(
                    "time_assumed", "31 lines of logs/worker.log carry no zone; UTC was assumed"
                ),
            ],
        ),
        findings=FINDINGS,
        chain=Chain(NODES, EDGES, ["e1"], [["e2", "f1"]], NOTES),
        localisation=BEGAN,
        changes=[
            Change(
                ONSET - timedelta(minutes=9),
                "api",
                "restart",
                "Started server process [1]",
                "logs/api-1.log:17990",
                change_id="c1",
                sign="uvicorn_start",
                product="Uvicorn",
                window="candidate",
                log_file_path="logs/api-1.log",
                line_number=17990,
                byte_offset=812_345,
                byte_length=60,
            )
        ],
        change_search=ChangeSearch(121, 1, 0, 1, 0),
        endpoints=[
            endpoint(
                "POST",
                "/api/v1/billing/sync",
                (7, 1088),
                is_affected=True,
                dominant_finding_id="e1",
                rate_ratio=160.0,
                rate_ratio_lower=76.0,
                rate_ratio_upper=336.0,
            ),
            endpoint(
                "GET",
                "/api/v1/tokens/{id}",
                (0, 203),
                is_affected=True,
                dominant_finding_id="e1",
                rate_ratio_lower=55.0,
                latency=Latency(34.9, 120.0, 36.1, 1450.0, 410, 395),
                unfinished_count=2,
            ),
            endpoint("GET", "/health", (0, 0), source="proxy"),
            endpoint(
                "POST",
                "/jobs/{id}",
                (0, 0),
                source="mentioned",
                mention_count=14,
                unfinished_count=3,
            ),
        ],
        health=Health(
            working=[
                HealthStatement("api", f"GET /page/{at} answered 1,750 requests", "endpoint_totals")
                for at in range(12)
            ],
            broken=[
                HealthStatement(
                    "api", "enum_binding: 679 events, 0 events in the baseline", "finding_totals"
                ),
                HealthStatement(
                    "api",
                    "not running: exited, OOMKilled, last exit 137 (container shop-api-1)",
                    "fact_measures",
                    "facts/inspect.json",
                ),
            ],
            unknown=[
                HealthStatement(
                    "resources", "not in logs: CPU, memory, disk and network use", None
                ),
                HealthStatement(
                    "facts",
                    "a captured file tells nothing: a pipe: not read",
                    "fact_files",
                    "facts/pipe",
                ),
            ],
        ),
        evidence=[
            Evidence(
                "enum_binding did not occur in the baseline", "confirmed", "finding_totals", None
            ),
            Evidence("Requests rose by more than 10 % as well", "refuted", "window_totals", None),
            Evidence("What changed in code, configuration or data", "unknown", None, "not in logs"),
        ],
        remediation=[
            Remediation(
                1,
                "Ask with the service's own role: select to_regtype('payment_kind')",
                "e1",
                0.42,
                "knowledge base: pg_undefined_type",
                "c1 passes on 3 covered hours before it is begun",
                "c1",
                then="Name schema and type in the column's definition",
            ),
            Remediation(
                2,
                "Look at /srv/app/http/errors.py:37, the place that its traces name",
                "e2",
                None,
                "this input",
                "enum_binding is mended first, which 71 % of asgi_message follows it",
                "c4",
                follows="e1",
                follows_share=0.71,
            ),
            Remediation(
                3,
                "Decide whether container api-2 can be taken out of service: 97 % come from there",
                "e1",
                0.41,
                "this input",
                "c1 passes on 3 covered hours before it is begun",
                "c1",
                phase="contain",
            ),
            Remediation(
                4,
                "Run analyze verify on the logs of 5 covered hours after the repair",
                "e1",
                None,
                "this input",
                "nothing is done about enum_binding, and c1 passes all the same",
                "c1",
                phase="validate",
            ),
        ],
        criteria=[
            Criterion(
                "c1",
                "enum_binding: no event",
                "event_rate",
                {"finding_id": "e1"},
                0.0,
                3.0,
                110.6,
                "fail",
            ),
            Criterion(
                "c2",
                "all errors: at most 315 per hour",
                "error_rate",
                {"kind": "error"},
                315.04,
                3.0,
                488.9,
                "fail",
            ),
            Criterion(
                "c3",
                "GET /api/v1/tokens/{id}: no request fails",
                "failure_share",
                {
                    "service_name": "api",
                    "http_request_method": "GET",
                    "http_route": "/api/v1/tokens/{id}",
                },
                0.0,
                3.0,
                None,
                "insufficient",
            ),
        ],
        escalation=Escalation(
            "critical",
            "critical: a regression that goes on at the end of the data; high: any other",
        ),
        recovery_estimate=RecoveryEstimate(1.5, 4.0, 3),
        unchanged=["e5", "w1"],
        facts=[
            fact("facts/inspect.json", "docker inspect", 12, captured_after=END),
            fact("facts/pg_enum.csv", "CSV", 0, captured_at=END, excerpt="typname,label\na,b"),
            fact("facts/pipe", "not read", 0, sha256=None, problem="a pipe: not read"),
        ],
        numbers=[
            NumberSource(
                "counts of a class",
                ["findings[].candidate_count"],
                ["finding_totals"],
                "counted",
                "as the query gives it",
            )
        ],
        premises=[
            Premise(
                "p1",
                "level_renamed",
                "stock is short: looks like a rise, is an artefact: api logged the same message as "
                "WARN 41 times in the baseline and 0 times since",
                "api",
                "candidate",
                {"other_baseline_count": 41, "other_candidate_count": 0},
                "finding_totals",
                ["e5"],
            )
        ],
        queries=QUERIES,
        hourly=total_series(FINDINGS),
    )


def empty_window() -> WindowFacts:
    return WindowFacts(None, None, 0.0, 0, 0, 0, 0, 0)


def undecided() -> Result:
    """Errors, but nothing to compare them with; all that can be null is null."""
    hourly = series(3.0, 9.0, has_expectation=False)[24:]
    unknown = finding(
        "e1",
        None,
        "something failed",
        state=State.UNKNOWN,
        expected_count=None,
        baseline_count=0,
        baseline_rate=None,
        candidate_rate=None,
        rate_ratio=None,
        p_value=None,
        q_value=None,
        minimum_detectable_ratio=None,
        last_seen=None,
        template=None,
        template_id=None,
        fingerprint=None,
        services=[],
        hourly=hourly,
    )
    base = incident()
    return replace(
        base,
        verdict=Verdict.CANNOT_DECIDE,
        headline="141 errors and no baseline to compare them with",
        run=replace(base.run, settings={}),
        windows=Windows(
            empty_window(),
            window(MIDDLE, END, error_count=141, request_count=0, failed_request_count=0),
        ),
        totals=Totals(None, None, None, None, None, "errors/hour"),
        coverage=Coverage(None, None, [], [], [DataWarning("short_baseline", "there is none")]),
        findings=[unknown],
        chain=Chain([], [], [], []),
        localisation=Localisation(
            "not_known", "no line that was kept names a trace", 0, 0, None, []
        ),
        changes=[],
        endpoints=[],
        health=Health([], [], [HealthStatement("resources", "not in logs", None)]),
        evidence=[],
        remediation=[],
        criteria=[],
        escalation=Escalation("unknown", "no decision possible"),
        recovery_estimate=None,
        unchanged=[],
        queries=[],
        hourly=[],
    )


def quiet() -> Result:
    """A day like the day before, and no line of it wrong."""
    base = undecided()
    return replace(
        base,
        verdict=Verdict.NORMAL,
        headline="0 errors; no class rose beyond chance",
        windows=Windows(window(START, MIDDLE, error_count=0), window(MIDDLE, END, error_count=0)),
        totals=Totals(0.0, 0.0, None, None, None, "errors/hour"),
        coverage=Coverage(1.0, 0.0, [source("logs/api-1.log", "api")], [], []),
        findings=[],
    )


def with_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return *value* with every string that is not one of the model's fixed words changed."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [with_text(item, change) for item in value]
    if isinstance(value, tuple):
        return tuple(with_text(item, change) for item in value)
    if isinstance(value, dict):
        return {with_text(key, change): with_text(item, change) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fixed = _FIXED.get(type(value).__name__, ())
        return replace(
            value,
            **{
                item.name: with_text(getattr(value, item.name), change)
                for item in dataclasses.fields(value)
                if item.name not in fixed
            },
        )
    return value


# Fields that the model restricts to a handful of words.
_FIXED = {
    "HourlyPoint": ("window",),
    "Gap": ("window", "kind"),
    "Finding": ("kind",),
    "SignCheck": ("kind", "status"),
    "HypothesisCheck": ("status",),
    "ChainNode": ("kind",),
    "ChainEdge": ("evidence", "grade"),
    "Evidence": ("status",),
    "Criterion": ("status",),
    "Remediation": ("phase",),
}


def hostile(attack: str) -> Result:
    """The incident with *attack* in front of every string."""
    return with_text(incident(), lambda text: f"{attack}{text[:12]}")  # type: ignore[no-any-return]
