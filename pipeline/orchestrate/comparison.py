"""What changed between two finished runs, whatever rules, masks and version each was made with.

The kept events of both are named again, by the rules and masks of today: so a class that only got
another name is the same class, and a difference that is left is one of the system. Each class of
the later run is then tested against the earlier one as a run tests it against its baseline.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from pipeline import store
from pipeline.diagnosis import findings as building
from pipeline.diagnosis.coverage import EVERYTHING, Coverage, find_coverage
from pipeline.diagnosis.series import (
    make_grid,
    service_coverage,
    service_traffic,
    shares_of,
    uncapped,
)
from pipeline.diagnosis.windows import Choice
from pipeline.errors import ExitCode, PipelineError, UndecidableError
from pipeline.facts import ClassChange, ComparedRun, Difference
from pipeline.mining import TemplateBook
from pipeline.model import Confidence, State, Window, WindowName
from pipeline.orchestrate.examination import read_basis
from pipeline.orchestrate.reading import Classifier, Tell, name_errors
from pipeline.orchestrate.templates import book_of
from pipeline.orchestrate.trial import Court
from pipeline.rules import load_rules, rule_table
from pipeline.schema import EVENTS, WARN_SEVERITY
from pipeline.sql import Session

# As the rate test calls them, and the parts that a run writes.
BEFORE: WindowName = "baseline"
AFTER: WindowName = "candidate"
# Below this share of its time a service that logs nothing says nothing (as in the rate test).
_ENOUGH_COVERAGE = 0.8
_WORSE = (State.INCREASED, State.ESCALATING, State.RETURNED, State.BURST)
_TITLE_CHARACTERS = 120
# Why nothing follows from a class's absence, though its services were logging.
_RARE, _UNEVEN = "too seldom to tell", "too uneven to tell"
# From here on it is not the number of events that is too small to miss them.
_MANY = 20.0
UNNAMED = "(none)"
_ORDER = ("new", "worse", "unknown", "better", "resolved", "same")


@dataclass(frozen=True, slots=True)
class _Side:
    """One run: its events named again, how they were named when it was made, its minutes."""

    folder: Path
    window: Window
    run_id: str | None
    version: str | None
    parts: list[Path]
    labels: pl.DataFrame
    minutes: pl.DataFrame


def diff(
    before: Path, after: Path, *, rules: Path | None = None, tell: Tell = lambda _: None
) -> Difference:
    """Compare what the runs in *before* and *after* found in the windows that they examined.

    *rules* is a folder of own rules, by which both are named. Raises `UsageError` where a folder is
    of no run, `UndecidableError` when one of them holds no time.
    """
    classes_of = Classifier(rule_table(load_rules([rules] if rules else ())))
    with TemporaryDirectory(prefix="aftershock-") as name, Session() as session:
        sides = []
        book = book_of(after).book  # so that classes have the ids that its report shows
        for origin, folder in ((BEFORE, before), (AFTER, after)):
            tell(f"naming the events of {folder}")
            sides.append(_side(folder, origin, classes_of, book, Path(name)))
        tell("comparing")
        choice = _choice(*sides)
        session.read_events({BEFORE: sides[0].parts, AFTER: sides[1].parts})
        minutes = [
            one.minutes.with_columns(origin=pl.lit(origin))
            for origin, one in zip((BEFORE, AFTER), sides, strict=True)
        ]
        session.register("minutes", pl.concat(minutes, how="diagonal_relaxed"))
        session.register("windows", choice.table())
        names = ("finding_totals", "finding_minutes", "finding_services", "service_minutes")
        marts = {name: session.frame(name) for name in names}
    return _difference(sides[0], sides[1], marts, choice)


def _side(
    folder: Path, origin: str, classes_of: Classifier, book: TemplateBook | None, scratch: Path
) -> _Side:
    files = store.run_files(folder)
    minutes = files.table("minutes").filter(pl.col("origin") == AFTER)
    run_id = version = None
    if store.WINDOWS in files.tables:
        basis = read_basis(files.basis(), files.table(store.WINDOWS))
        window, run_id, version = basis.choice.candidate, basis.run.run_id, basis.run.version
    elif minutes.is_empty():
        raise UndecidableError(
            f"nothing in {folder} has a time", hint="name runs on logs with times"
        )
    else:  # what `ingest` read has no windows: all of it counts
        first, last = minutes["bucket_start"].min(), minutes["bucket_start"].max()
        assert isinstance(first, datetime)
        assert isinstance(last, datetime)
        window = Window(first, last + timedelta(minutes=1))
    parts, labels = [], []
    for number, path in enumerate(files.events.get(AFTER, ())):
        events = _relevant(store.read_table(path), window)
        named = name_errors(events, classes_of, book)
        labels.append(_labels(events, named))
        part = scratch / f"{origin}-{number:05d}.parquet"
        store.write_table(part, named)
        parts.append(part)
    if not parts:
        raise PipelineError(
            f"{folder} holds no events", hint="analyse the logs again: analyze LOGS -o DIR"
        )
    return _Side(folder, window, run_id, version, parts, pl.concat(labels), minutes)


def _relevant(events: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Return the errors, warnings and failed requests of *window*, in the columns of today."""
    missing = [
        pl.lit(None, kind).alias(name) for name, kind in EVENTS.items() if name not in events
    ]
    events = events.with_columns(missing).select(
        pl.col(name).cast(kind) for name, kind in EVENTS.items()
    )
    status = pl.col("http_response_status_code")
    is_counted = pl.when(status.is_null()).then(pl.col("severity_number") >= WARN_SEVERITY)
    return events.filter(
        (pl.col("timestamp") >= window.start)
        & (pl.col("timestamp") < window.end)
        & is_counted.otherwise(status >= 500)
    )


def _labels(recorded: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Return the class that each fingerprint of today had in the run: fingerprint, label, count."""
    return (
        named.select("fingerprint", label=recorded["error_class"])
        .filter(pl.col("fingerprint").is_not_null())
        .group_by("fingerprint", "label")
        .agg(event_count=pl.len().cast(pl.Int64))
    )


def _choice(before: _Side, after: _Side) -> Choice:
    overlap = before.window.end - after.window.start
    # By whole days, which keep the hour; the same logs may be compared under other rules.
    days = -(-overlap // timedelta(days=1)) if overlap > timedelta() else 0
    return Choice(
        (before.window,), after.window, BEFORE, "the earlier run", shift=timedelta(days=days)
    )


def _difference(
    before: _Side, after: _Side, marts: Mapping[str, pl.DataFrame], choice: Choice
) -> Difference:
    coverage = find_coverage(marts["service_minutes"], choice)
    grid = make_grid(choice)
    services = sorted(marts["service_minutes"]["service_name"].unique().to_list())
    covered = service_coverage([EVERYTHING, *services], grid, coverage)
    traffic = service_traffic(marts["service_minutes"], grid)
    shares = shares_of(marts["finding_services"])
    shifted = Window(before.window.start - choice.shift, before.window.end - choice.shift)
    court = Court(choice, grid, [shifted], shares, covered, traffic)
    minutes = marts["finding_minutes"].rename({"finding_id": "series_id"})
    series = court.series(uncapped(minutes))
    verdicts, _ = court.compare(series)
    changes = _changes(
        marts, series, {row["series_id"]: row for row in verdicts.iter_rows(named=True)},
        _Logging(marts["service_minutes"], coverage),
        _relabelled(before, after, marts["finding_totals"]),
        (before.window, after.window),
    )  # fmt: skip
    counts = {status: sum(one.status == status for one in changes) for status in _ORDER}
    counts["relabelled"] = sum(one.relabelled_to is not None for one in changes)
    runs = [
        _compared(side, name, marts["finding_totals"], coverage)
        for name, side in _named(before, after)
    ]
    return Difference(runs[0], runs[1], counts, changes, _notes(before, after))


def _named(before: _Side, after: _Side) -> tuple[tuple[WindowName, _Side], ...]:
    return (BEFORE, before), (AFTER, after)


def _compared(
    side: _Side, name: WindowName, totals: pl.DataFrame, coverage: Coverage
) -> ComparedRun:
    seconds = coverage.covered_seconds({EVERYTHING: 1.0}, name, side.window.start, side.window.end)
    errors = totals.filter(pl.col("kind") == "error")[f"{name}_count"].sum()
    return ComparedRun(
        path=str(side.folder),
        run_id=side.run_id,
        version=side.version,
        start=side.window.start,
        end=side.window.end,
        covered_hours=seconds / 3600,
        error_count=int(errors),
    )


class _Logging:
    """Which services logged in which window, and which of them log nothing but errors."""

    def __init__(self, service_minutes: pl.DataFrame, coverage: Coverage) -> None:
        calm = service_minutes.filter(pl.col("calm_event_count") > 0)
        self._speaks = set(calm["service_name"])
        self._present = coverage.present

    def unheard_before(self, services: list[str]) -> list[str]:
        """Return those that had no line in the earlier run, and log more than errors: whether they
        failed then is not known.
        """
        return [
            name for name in services if name not in self._present[BEFORE] and name in self._speaks
        ]


def _changes(
    marts: Mapping[str, pl.DataFrame],
    series: pl.DataFrame,
    verdicts: Mapping[str, Mapping[str, Any]],
    logging: _Logging,
    relabelled: Mapping[str, tuple[str, str]],
    windows: tuple[Window, Window],
) -> list[ClassChange]:
    hours = {
        (row["series_id"], row["window_name"]): row["covered_seconds"] / 3600
        for row in series.group_by("series_id", "window_name")
        .agg(pl.col("covered_seconds").sum())
        .iter_rows(named=True)
    }
    busy = _busy_hours(marts["finding_minutes"])
    names = building.titles(marts["finding_totals"])
    services: dict[str, list[str]] = {}
    for finding_id, service in (
        marts["finding_services"].select("finding_id", "service_name").rows()
    ):
        services.setdefault(finding_id, []).append(service)
    changes = []
    for row in marts["finding_totals"].iter_rows(named=True):
        name = row["finding_id"]
        verdict = verdicts.get(name, {})
        own_hours = (hours.get((name, BEFORE), 0.0), hours.get((name, AFTER), 0.0))
        covered = [
            own / (window.seconds / 3600) for own, window in zip(own_hours, windows, strict=True)
        ]
        unheard = logging.unheard_before(services[name])
        status, reason = _status(row, verdict, unheard, covered[0], covered[1])
        if reason == _UNEVEN:
            reason = (
                f"{_UNEVEN}: in the earlier run it came in {busy[name]} of {own_hours[0]:.0f}"
                " hours, so that hours without it prove little; `analyze verify` tells whether it"
                " is over"
            )
        was, now = relabelled.get(name, (None, None))
        changes.append(
            ClassChange(
                finding_id=name,
                kind=row["kind"],
                error_class=row["error_class"],
                title=_title(row, names[name]),
                status=status,
                confidence=_confidence(status, verdict),
                reason=reason,
                is_blind=status == "unknown" and not (reason or "").startswith((_RARE, _UNEVEN)),
                relabelled_from=was,
                relabelled_to=now,
                before_count=row["baseline_count"],
                after_count=row["candidate_count"],
                before_rate=row["baseline_count"] / own_hours[0] if own_hours[0] else None,
                after_rate=row["candidate_count"] / own_hours[1] if own_hours[1] else None,
                rate_ratio=verdict.get("rate_ratio"),
                rate_ratio_lower=verdict.get("rate_ratio_lower"),
                rate_ratio_upper=verdict.get("rate_ratio_upper"),
                services=services[name],
            )
        )
    return sorted(changes, key=_place)


def _busy_hours(minutes: pl.DataFrame) -> dict[str, int]:
    """Return in how many hours of the earlier run each class came, by finding_id."""
    return dict(
        minutes.filter((pl.col("window_name") == BEFORE) & (pl.col("event_count") > 0))
        .group_by("finding_id")
        .agg(pl.col("bucket_start").dt.truncate("1h").n_unique())
        .iter_rows()
    )


def _title(row: Mapping[str, Any], name: str) -> str:
    """Return the class with the words that tell it from others of its class."""
    words = row["exception_type"] or row["template"]
    return f"{name}: {words[:_TITLE_CHARACTERS]}" if row["error_class"] and words else name


def _status(
    row: Mapping[str, Any],
    verdict: Mapping[str, Any],
    unheard: list[str],
    covered_before: float,
    covered_after: float,
) -> tuple[str, str | None]:
    """Return what became of one class, and why that is not known where it is not.

    Where its services were not logging, a class is neither new nor better nor the same.
    """
    state = State(verdict.get("state", State.UNKNOWN))
    is_confirmed = verdict.get("confidence") == Confidence.CONFIRMED
    count, expected = row["candidate_count"], verdict.get("expected_count") or 0.0
    if not covered_after:
        return "unknown", "its services logged nothing in the later run"
    if not row["baseline_count"]:
        if unheard:
            return "unknown", f"the earlier run has no line of {', '.join(unheard)}"
        if covered_before < _ENOUGH_COVERAGE and not is_confirmed:
            return "unknown", f"its services logged in {covered_before:.0%} of the earlier run only"
        return (
            ("unknown", "the earlier run is too short") if state is State.UNKNOWN else ("new", None)
        )
    if state is State.UNKNOWN:
        return "unknown", "its services logged too little in one of the runs"
    if state in _WORSE:
        return "worse", None
    if state is State.GONE:
        return "resolved", None
    if covered_after < _ENOUGH_COVERAGE:
        return "unknown", f"its services logged in {covered_after:.0%} of the later run only"
    if state is State.DECREASED:
        return "better", None
    if not count and expected >= _MANY:
        return "unknown", _UNEVEN
    if not count:
        return "unknown", f"{_RARE}: {expected:.1f} events were to be expected, and none came"
    return "same", None


def _confidence(status: str, verdict: Mapping[str, Any]) -> str:
    # The test names a fall only where it is sure of it.
    if status in ("better", "resolved"):
        return str(Confidence.CONFIRMED)
    is_told = status in ("new", "worse")
    return str(verdict.get("confidence", Confidence.NONE)) if is_told else str(Confidence.NONE)


def _place(change: ClassChange) -> tuple[object, ...]:
    """Order: what is worse first, and what is sure of that; then by how much there is of it."""
    return (
        _ORDER.index(change.status),
        change.confidence != Confidence.CONFIRMED,
        change.kind == "warning",
        -max(change.before_count, change.after_count),
        change.finding_id,
    )


def _relabelled(before: _Side, after: _Side, totals: pl.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the names that a class had in each run, where they differ, by finding_id of today.

    By the fingerprint that most of its events share, and only where both runs hold it: a class that
    holds other events than before is not relabelled.
    """
    labels = _main_labels(before).join(_main_labels(after), on="fingerprint", suffix="_after")
    changed = labels.filter(pl.col("label").ne_missing(pl.col("label_after")))
    found = totals.select("finding_id", "fingerprint").join(changed, on="fingerprint")
    return {
        row["finding_id"]: (row["label"] or UNNAMED, row["label_after"] or UNNAMED)
        for row in found.iter_rows(named=True)
    }


def _main_labels(side: _Side) -> pl.DataFrame:
    """Return the class that most events of each fingerprint had: fingerprint, label."""
    summed = side.labels.group_by("fingerprint", "label").agg(pl.col("event_count").sum())
    ordered = summed.sort("event_count", "label", descending=[True, False], nulls_last=True)
    return ordered.unique("fingerprint", keep="first", maintain_order=True).drop("event_count")


def _notes(before: _Side, after: _Side) -> list[str]:
    notes = []
    if before.window == after.window:
        notes.append("both runs examined the same time")
    elif before.window.start > after.window.start:
        notes.append("the first run named is the later one in time")
    if before.version != after.version:
        notes.append(
            f"made by versions {before.version or 'unknown'} and {after.version or 'unknown'}; the "
            "events of both were named again by this one"
        )
    return notes


def difference_code(found: Difference) -> ExitCode:
    """Return the exit status: 1 where a class is surely new or worse, 4 where one cannot be told
    because nothing was logged, 0 otherwise.
    """
    if any(
        one.status in ("new", "worse")
        and one.confidence == Confidence.CONFIRMED
        and one.kind != "warning"
        for one in found.changes
    ):
        return ExitCode.REGRESSION
    is_blind = any(
        one.status == "unknown" and one.kind != "warning" and one.is_blind for one in found.changes
    )
    return ExitCode.CANNOT_DECIDE if is_blind else ExitCode.NORMAL
