"""What a run found as gauges for Prometheus: a text file that a collector on the machine picks up.

Labels are bounded and never hold text of a log: classes go by the names of rules and by finding
ids, the worst of them, and all others together. The format is Prometheus's, written by its own
client library.
"""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pipeline.facts import Job
from pipeline.model import Finding, Result, State, Verdict

# Each class is a series in a database for good: more than a screen of them helps nobody.
MAX_CLASSES = 50
_OTHER = "other"


def render_metrics(job: Job, result: Result | None) -> str:
    """Return the gauges of *job*, and of its *result* where it came to one."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges([*_of_job(job), *(_of_result(result) if result else ())]))
    return generate_latest(registry).decode()


class _Gauges(Collector):
    def __init__(self, families: Sequence[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


def _gauge(
    name: str, text: str, values: dict[tuple[str, ...], float], *labels: str
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"aftershock_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _of_job(job: Job) -> Iterator[GaugeMetricFamily]:
    yield _gauge("build_info", "Version of the program.", {(job.version,): 1}, "version")
    yield _gauge(
        "last_run_timestamp_seconds", "End of the last run, whatever came of it.",
        {(): job.ended.timestamp()},
    )  # fmt: skip
    if job.last_success:
        yield _gauge(
            "last_success_timestamp_seconds", "End of the last run that came to a verdict.",
            {(): job.last_success.timestamp()},
        )  # fmt: skip
    yield _gauge("last_run_duration_seconds", "How long the last run took.", {(): job.seconds})
    yield _gauge(
        "last_run_exit_status",
        "Exit status of the last run: 0 normal, 1 regression, 2 usage, 3 failed, 4 cannot decide.",
        {(): job.exit_status},
    )


def _of_result(result: Result) -> Iterator[GaugeMetricFamily]:
    yield _gauge(
        "verdict", "1 for the verdict of the last run, 0 for the others.",
        {(one.value,): float(one is result.verdict) for one in Verdict}, "verdict",
    )  # fmt: skip
    yield from _of_input(result)
    yield from _of_windows(result)
    states: list[tuple[str, State]] = [
        (one.kind, one.state) for one in result.findings if one.is_regression
    ]
    kinds = ("error", "failed_request")
    yield _gauge(
        "regressions", "Classes of errors that are confirmed to be worse, by state.",
        {(kind, state.value): states.count((kind, state)) for kind in kinds for state in State},
        "kind", "state",
    )  # fmt: skip
    yield from _of_classes(result)


def _of_input(result: Result) -> Iterator[GaugeMetricFamily]:
    sources = result.coverage.sources
    unread = sum(one.error is not None for one in sources)
    yield _gauge(
        "sources", "Files of the last run.",
        {("read",): len(sources) - unread, ("unreadable",): unread}, "outcome",
    )  # fmt: skip
    blank = sum(one.blank_line_count for one in sources)
    unparsed = sum(one.unparsed_event_count for one in sources)
    lines = sum(one.line_count for one in sources)
    yield _gauge(
        "lines", "Lines of the last run: all of them are in events, or blank.",
        {("event",): lines - blank, ("blank",): blank}, "outcome",
    )  # fmt: skip
    yield _gauge("unparsed_events", "Events that no log format took.", {(): unparsed})
    yield _gauge("input_bytes", "Bytes of the last run.", {(): sum(o.byte_count for o in sources)})
    if result.coverage.parse_coverage is not None:
        yield _gauge(
            "parse_coverage_ratio", "Share of events that a log format took.",
            {(): result.coverage.parse_coverage},
        )  # fmt: skip
    yield _gauge(
        "warnings", "What is doubtful about the input.", {(): len(result.coverage.warnings)}
    )


def _of_windows(result: Result) -> Iterator[GaugeMetricFamily]:
    known = {"baseline": result.windows.baseline, "candidate": result.windows.candidate}
    yield _gauge(
        "window_end_timestamp_seconds", "End of what was compared.",
        {(name,): one.end.timestamp() for name, one in known.items() if one.end}, "window",
    )  # fmt: skip
    yield _gauge(
        "window_covered_seconds", "Time of the window in which something was logged.",
        {(name,): one.covered_seconds for name, one in known.items()}, "window",
    )  # fmt: skip
    rates = {"baseline": result.totals.baseline_rate, "candidate": result.totals.candidate_rate}
    yield _gauge(
        "errors_per_hour", "Error events per covered hour.",
        {(name,): rate for name, rate in rates.items() if rate is not None}, "window",
    )  # fmt: skip


def _of_classes(result: Result) -> Iterator[GaugeMetricFamily]:
    found = [one for one in result.findings if one.kind in ("error", "failed_request")]
    hours = result.windows.candidate.covered_seconds / 3600
    rates: dict[tuple[str, ...], float] = {}
    expected: dict[tuple[str, ...], float] = {}
    states: dict[tuple[str, ...], float] = {}
    for place, one in enumerate(found):
        key = _labels(one) if place < MAX_CLASSES else ("", _OTHER, "")
        rates[key] = rates.get(key, 0.0) + (one.candidate_rate or 0.0)
        if one.expected_count is not None and hours:
            expected[key] = expected.get(key, 0.0) + one.expected_count / hours
        if place < MAX_CLASSES:
            states[*key, one.state.value] = float(one.is_regression)
    labels = ("kind", "finding_id", "class")
    yield _gauge("class_events_per_hour", "Events of a class per covered hour.", rates, *labels)
    yield _gauge("class_expected_per_hour", "What its baseline lets expect.", expected, *labels)
    yield _gauge(
        "class_regression", "1 where a class is confirmed to be worse.", states, *labels, "state"
    )


def _labels(finding: Finding) -> tuple[str, str, str]:
    return finding.kind, finding.finding_id, finding.error_class or ""
