"""Whether an incident is over: the success criteria of a run, checked on later logs.

A criterion passes only where it could have failed: its services were logging for long enough, and
so much was going on that an unmended fault would have shown. It fails only where chance does not
explain what is above its limit: by the same model, with the same numbers, that set the limit.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from pipeline import store
from pipeline.detection import chance_of_fewer, most_explained
from pipeline.diagnosis.coverage import EVERYTHING, Coverage, find_coverage
from pipeline.diagnosis.times import parse_time, shown
from pipeline.diagnosis.windows import Choice
from pipeline.errors import ExitCode, UndecidableError, UsageError
from pipeline.facts import CriterionCheck, Verification
from pipeline.mining import mine
from pipeline.model import Level, Settings, Window
from pipeline.orchestrate.reading import Tables, Tell, read, streams_of, write_tables
from pipeline.orchestrate.templates import book_of
from pipeline.sql import Session

FILE = "criteria.toml"
METRICS = ("event_rate", "error_rate", "failure_share")
# A fault that goes on would stay below the limit by chance less often than this.
_CHANCE = 0.05
_HINT = "name the folder of a finished run, or its criteria.toml"


@dataclass(frozen=True, slots=True)
class _Asked:
    """One entry of the file; keys that people may have left out are null."""

    criterion_id: str
    text: str
    metric: str
    scope: Mapping[str, str]
    threshold: float
    minimum_exposure: float
    value_now: float | None
    usual_activity: float | None
    activity_unit: str | None
    expected: Level | None
    chance: float
    unmended: float | None

    @property
    def level(self) -> Level:
        """What the limit was made of; a limit of somebody's own is what is usual, but for chance.

        Its count has no noise of its own: the limit is meant as it is said.
        """
        return self.expected or Level(self.threshold, 0.0, 0.0, 0.0, _SURE, 0.0)


# So many degrees of freedom are as good as knowing.
_SURE = 1e9


def verify(
    run: Path, logs: Sequence[str], settings: Settings, *, tell: Tell = lambda _: None
) -> Verification:
    """Check the criteria of *run*, a folder or its ``criteria.toml``, on *logs*.

    By default on what was logged after the run's own window; *settings* may cut it otherwise.
    Raises `UsageError` for a file that holds no criteria, `UndecidableError` where *logs* hold
    nothing of the time in question.
    """
    document, asked = _read(run)
    with TemporaryDirectory(prefix="aftershock-") as name, store.staged(Path(name)) as staging:
        streams = [streams_of(logs, settings, Path(name))]
        # By its book a class keeps its id under the masks of today.
        book = book_of(run if run.is_dir() else run.parent, settings)
        tables = read(streams, "candidate", settings, staging, book, tell)
        window = _window(tables, settings, document.get("end"))
        tell("checking")
        choice = Choice((), window, "candidate", "later logs")
        written = write_tables(staging, {"candidate": tables})
        with Session() as session:
            session.read_events(staging.event_parts)
            session.register("rollup", written["rollup"])
            session.register("minutes", written["minutes"])
            session.register("windows", choice.table())
            names = ("finding_totals", "service_minutes", "endpoint_totals", "window_totals")
            marts = {name: session.frame(name) for name in names}
    later = _Later(marts, find_coverage(marts["service_minutes"], choice), window)
    run_id = document.get("run_id")
    return Verification(
        run_id=run_id if isinstance(run_id, str) else None,
        start=window.start,
        end=window.end,
        criteria=[_check(one, later) for one in asked],
    )


# ---- the file ---------------------------------------------------------------------------------


def _read(run: Path) -> tuple[dict[str, Any], list[_Asked]]:
    path = run / FILE if run.is_dir() else run
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"cannot read {path}: {reason}", hint=_HINT) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}", hint=_HINT) from error
    entries = document.get("criterion")
    if not isinstance(entries, list) or not entries:
        raise UndecidableError(
            f"{path} holds no criterion: the run found no regression",
            hint="there is nothing to verify; compare two runs with analyze diff",
        )
    return document, [_asked(path, number, entry) for number, entry in enumerate(entries, start=1)]


def _asked(path: Path, number: int, entry: object) -> _Asked:
    where = f"{path}: criterion {number}"
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: a table is needed", hint=_HINT)
    metric = _text(where, entry, "metric")
    if metric not in METRICS:
        raise UsageError(f"{where}: metric: {metric!r} is none of {', '.join(METRICS)}", hint=_HINT)
    scope = entry.get("scope", {})
    if not isinstance(scope, dict) or not all(isinstance(one, str) for one in scope.values()):
        raise UsageError(f"{where}: scope: a table of texts is needed", hint=_HINT)
    needed = {"event_rate": "finding_id", "failure_share": "http_route"}.get(metric)
    if needed and needed not in scope:
        raise UsageError(f"{where}: scope: {needed} is missing", hint=_HINT)
    value_now = _number(where, entry, "value_now") if "value_now" in entry else None
    threshold = _number(where, entry, "threshold")
    expected = _expected(where, entry, threshold)
    unmended = value_now if expected is None else _optional(where, entry, "unmended")
    return _Asked(
        criterion_id=_text(where, entry, "criterion_id"),
        text=_text(where, entry, "text"),
        metric=metric,
        scope=scope,
        threshold=threshold,
        minimum_exposure=_number(where, entry, "minimum_exposure"),
        value_now=value_now,
        usual_activity=_optional(where, entry, "usual_activity"),
        activity_unit=entry.get("activity_unit"),
        expected=expected,
        chance=_optional(where, entry, "chance") or _CHANCE / 2,
        unmended=unmended,
    )


def _expected(where: str, entry: Mapping[str, Any], threshold: float) -> Level | None:
    """Return what the limit was made of, unless the limit was changed by hand since."""
    if "expected" not in entry or threshold != entry.get("threshold_expected", threshold):
        return None
    table = entry["expected"]
    names = [one.name for one in fields(Level)]
    if not isinstance(table, dict) or set(table) != set(names):
        raise UsageError(
            f"{where}: expected: a table of {', '.join(names)} is needed; without it the threshold "
            "counts as it is",
            hint=_HINT,
        )
    values = {name: _number(f"{where}: expected", table, name) for name in names}
    if not values["freedom"]:
        raise UsageError(f"{where}: expected: freedom: more than 0 is needed", hint=_HINT)
    return Level(**values)


def _optional(where: str, entry: Mapping[str, Any], key: str) -> float | None:
    return _number(where, entry, key) if key in entry else None


def _text(where: str, entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{where}: {key}: a text is needed, not {value!r}", hint=_HINT)
    return value


def _number(where: str, entry: Mapping[str, Any], key: str) -> float:
    value = entry.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:  # type: ignore[arg-type, operator]
        raise UsageError(f"{where}: {key}: a number from 0 on is needed, not {value!r}", hint=_HINT)
    return float(value)  # type: ignore[arg-type]


# ---- what was logged since ----------------------------------------------------------------------


def _window(tables: Tables, settings: Settings, run_end: object) -> Window:
    """Return the time in question, in whole minutes: as counts are kept."""
    if not tables.extents:
        raise UndecidableError(
            "no line of the logs has a time",
            hint="analyze doctor LOGS tells what was understood of them",
        )
    extent = tables.extents[0]
    anchors = {"now": datetime.now(UTC), "start": extent.start, "end": extent.end}
    start, end = _floor(extent.start), extent.end
    if settings.since is not None:
        start = _floor(parse_time(settings.since, anchors, settings.zone))
    elif isinstance(run_end, datetime) and run_end.tzinfo is not None:
        start = max(start, run_end.astimezone(UTC))
    if settings.until is not None:
        end = parse_time(settings.until, anchors, settings.zone)
    end = -(-(end - _EPOCH) // _MINUTE) * _MINUTE + _EPOCH
    if end <= start or start >= extent.end or end <= extent.start:
        raise UndecidableError(
            f"the logs hold nothing from {shown(start)} to {shown(end)}: they run from "
            f"{shown(extent.start)} to {shown(extent.end)}",
            hint="name logs of a later time, or another time with --since and --until",
        )
    return Window(start, end)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


class _Later:
    """Counts of the later logs, and for how long each service was logging."""

    def __init__(
        self, marts: Mapping[str, pl.DataFrame], coverage: Coverage, window: Window
    ) -> None:
        self._marts = marts
        self._coverage = coverage
        self._window = window

    def hours(self, services: Sequence[str]) -> float:
        """Return for how many hours the least heard of *services* was logging."""
        seconds = [self._seconds(name) for name in services or [EVERYTHING]]
        return min(seconds) / 3600

    def _seconds(self, name: str) -> float:
        if name not in self._coverage.present["candidate"]:
            return 0.0
        start, end = self._window.start, self._window.end
        return self._coverage.covered_seconds({name: 1.0}, "candidate", start, end)

    def activity(self, unit: str | None) -> float | None:
        """Return requests or calm events per covered hour of all services."""
        hours = self.hours([])
        if not hours or unit not in ("requests", "events"):
            return None
        column = "request_count" if unit == "requests" else "calm_event_count"
        return float(self._marts["service_minutes"][column].sum()) / hours

    def errors(self) -> int:
        """Return the errors of all services, without copies."""
        totals = self._marts["window_totals"].filter(pl.col("window_name") == "candidate")
        return int(totals["error_count"].sum())

    def events(self, scope: Mapping[str, str]) -> int:
        """Return how many events are of the class that *scope* names, whatever it is called now."""
        totals = self._marts["finding_totals"]
        is_kind = pl.col("kind") == scope.get("kind", "error")
        is_same = pl.col("finding_id") == scope["finding_id"]
        if fingerprint := scope.get("fingerprint"):
            is_same |= is_kind & (pl.col("fingerprint") == fingerprint)
        exception = scope.get("exception_type")
        if exception and scope.get("error_class"):
            is_class = pl.col("error_class") == scope["error_class"]
            is_same |= is_kind & is_class & (pl.col("exception_type") == exception)
        elif (template := scope.get("template")) and not exception:
            # The masks of today may make another template of it than those of then.
            (again,) = mine(pl.Series([template]))["template"]
            is_template = pl.col("template").is_in([template, again])
            is_same |= is_kind & is_template & pl.col("exception_type").is_null()
        return int(totals.filter(is_same)["candidate_count"].sum())

    def requests(self, scope: Mapping[str, str]) -> tuple[int, int]:
        """Return requests and failures of the endpoint that *scope* names."""
        keys = ("service_name", "http_request_method", "http_route")
        rows = self._marts["endpoint_totals"]
        for key in keys:
            if key in scope:
                rows = rows.filter(pl.col(key) == scope[key])
        counts = rows.select("candidate_request_count", "candidate_failure_count").sum().row(0)
        return int(counts[0]), int(counts[1])


# ---- the check ----------------------------------------------------------------------------------


def _check(one: _Asked, later: _Later) -> CriterionCheck:
    if one.metric == "failure_share":
        return _check_share(one, later)
    names = one.scope.get("services", "").split(", ") if one.metric == "event_rate" else []
    hours = later.hours([name for name in names if name])
    count = later.errors() if one.metric == "error_rate" else later.events(one.scope)
    busy = _busy(one, later)
    # More is allowed where more is going on; where less is, timers fail as often as ever.
    status, reason = _judge(one, count, hours, hours * max(1.0, busy), hours * busy)
    if status != "insufficient" and busy > 1 and one.threshold > 0:
        limit = one.threshold * busy
        more = f"{busy:.1f} times the usual {one.activity_unit}: up to {limit:.3g} per hour pass"
        reason = f"{more}; {reason}" if reason else more
    value = count / hours if hours else None
    return _checked(one, status, reason, hours, value, count)


def _check_share(one: _Asked, later: _Later) -> CriterionCheck:
    requests, failures = later.requests(one.scope)
    service = one.scope.get("service_name")
    hours = later.hours([service] if service else [])
    status, reason = _judge(one, failures, hours, requests, requests)
    if not requests and status != "fail":
        status, reason = "insufficient", "there was no request"
    value = failures / requests if requests else None
    return _checked(one, status, reason, hours, value, failures, requests)


def _checked(
    one: _Asked,
    status: str,
    reason: str | None,
    hours: float,
    value: float | None,
    events: int,
    requests: int | None = None,
) -> CriterionCheck:
    return CriterionCheck(
        criterion_id=one.criterion_id,
        status=status,
        value=value,
        threshold=one.threshold,
        exposure=hours,
        text=one.text,
        metric=one.metric,
        value_then=one.value_now,
        event_count=events,
        request_count=requests,
        minimum_exposure=one.minimum_exposure,
        reason=reason,
    )


def _busy(one: _Asked, later: _Later) -> float:
    """Return how busy the later logs are, as a multiple of the usual; 1 where it is not known."""
    now = later.activity(one.activity_unit)
    return now / one.usual_activity if now is not None and one.usual_activity else 1.0


def _judge(
    one: _Asked, count: int, hours: float, allowing: float, showing: float
) -> tuple[str, str | None]:
    """Return pass, fail or insufficient, and why where that is not plain.

    *allowing* is the exposure by which usual events are allowed, *showing* that by which a fault
    shows. It fails where what is usual does not explain the count, and passes where that does and
    a fault that was not mended does not; where both do, neither is known.
    """
    most = most_explained(one.level, hours, one.chance, allowing) if hours else 0
    if count > most:
        return "fail", None
    if hours < one.minimum_exposure:
        return "insufficient", f"{hours:.1f} h covered, {one.minimum_exposure:g} h are needed"
    if one.unmended is not None and one.unmended > one.level.rate:
        fewer = chance_of_fewer(one.level, one.unmended, count, hours, showing)
        if fewer > _CHANCE:
            return "insufficient", (
                f"too little was going on: had it not been mended, {one.unmended * showing:.1f} "
                "events were to be expected"
            )
    is_above = count > one.threshold * allowing
    return "pass", "above the limit by no more than chance explains" if is_above else None


def verification_code(found: Verification) -> ExitCode:
    """Return the exit status: 1 where a criterion fails, 4 where one has too little exposure."""
    states = {one.status for one in found.criteria}
    if "fail" in states:
        return ExitCode.REGRESSION
    return ExitCode.CANNOT_DECIDE if "insufficient" in states else ExitCode.NORMAL


def default_run(paths: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the run and the logs that *paths* name: the first is a run if it looks like one."""
    first = Path(paths[0])
    is_run = (first.is_dir() and (first / FILE).is_file()) or first.suffix == ".toml"
    run, logs = (first, list(paths[1:])) if is_run else (Path("analysis"), list(paths))
    if not logs:
        raise UsageError("no logs are named", hint="analyze verify RUN LOGS...")
    return run, logs
