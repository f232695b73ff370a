"""The order of the stages: read, mine, classify, count, test, explain, render.

Only here do the stages meet; each of them knows nothing of the others. This is also the only module
that asks for the clock, and hands it on.
"""

import hashlib
import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from pipeline import store
from pipeline.detection import (
    Counts,
    audit_baseline,
    calibrate_counts,
    cap_storms,
    cut_out,
    detect,
    expected_band,
    find_onset,
    find_ramps,
    rate_ratio_interval,
    refine_onset,
)
from pipeline.detection.calibrate import KINDS
from pipeline.diagnosis import findings as building
from pipeline.diagnosis.assemble import Tested, assemble
from pipeline.diagnosis.audits import with_ramps
from pipeline.diagnosis.coverage import (
    EVERYTHING,
    Coverage,
    bucket_seconds,
    find_coverage,
    minute_coverage,
)
from pipeline.diagnosis.premises import (
    Ask,
    by_time_alone,
    facts_of,
    find_doubts,
    recounted,
    rounds,
    settle,
    with_verdicts,
)
from pipeline.diagnosis.series import (
    Grid,
    finding_series,
    in_buckets,
    make_grid,
    onset_minutes,
    onset_table,
    service_coverage,
    service_traffic,
    shares_of,
    shift_baseline,
    total_series,
    uncapped,
    with_bucket_lengths,
    without_band,
)
from pipeline.diagnosis.times import parse_absolute
from pipeline.diagnosis.understanding import unknown_sources
from pipeline.diagnosis.windows import Choice, choose_windows, is_window_text, named_borders
from pipeline.errors import SourceError, UndecidableError, UsageError
from pipeline.facts import Calibration
from pipeline.ingest import (
    Batch,
    Options,
    Stream,
    check_conservation,
    find_streams,
    formats_with,
    ledger_frame,
    merge_minutes,
    merge_rollup,
    parse_services,
    read_stream,
)
from pipeline.mining import fingerprint, mine
from pipeline.model import (
    CalibrationQuote,
    ExitCode,
    Onset,
    Premise,
    QueryFacts,
    Result,
    Run,
    Settings,
    State,
    Verdict,
    Window,
)
from pipeline.rules import load_rules, rule_table
from pipeline.rules.knowledge import load_knowledge
from pipeline.schema import EVENTS
from pipeline.sql import Session, classify, load_queries
from pipeline.sql import title as query_title

Tell = Callable[[str], None]

# Small parts cost footers, large ones memory: a part holds some tens of MiB of text at most.
PART_EVENTS = 40_000
# Counts are merged when this many rows wait: merging after every block would be quadratic.
_MERGE_ROWS = 400_000
RULE_TEXT_CHARACTERS = 1000
CALIBRATION = "calibration.json"


@dataclass(frozen=True, slots=True)
class Tables:
    """What reading one input gave: counts of all events, and where every line went."""

    rollup: pl.DataFrame
    minutes: pl.DataFrame
    ledger: pl.DataFrame
    extents: tuple[Window, ...]


def read(
    groups: Sequence[Sequence[Stream]],
    origin: str,
    settings: Settings,
    staging: store.Staging,
    tell: Tell,
) -> Tables:
    """Read streams into staged events and counts; *groups* are the streams of each path given.

    Raises `SourceError` when nothing can be read, `ConservationError` when a line is missing.
    """
    options = Options(
        formats=formats_with(Path(settings.formats_dir) if settings.formats_dir else None),
        zone=settings.zone,
        keep_all=settings.keeps_all_events,
        # The machine's clock, whatever moment a run is made for: later lines are of a wrong one.
        now=datetime.now(UTC),
        borders=named_borders(settings),
        services=parse_services(settings.services),
    )
    rows: list[dict[str, object]] = []
    extents = []
    rollup, minutes = _Sum(merge_rollup), _Sum(merge_minutes)
    writer = _PartWriter(staging, origin)
    for streams in groups:
        first_row = len(rows)
        for stream in streams:
            tell(f"reading {stream.name}")
            for batch in read_stream(stream, options, rows):
                writer.add(batch)
                rollup.add(batch.rollup)
                minutes.add(batch.minutes)
        extents += _extent(rows[first_row:])
    writer.flush()
    ledger = ledger_frame(rows)
    check_conservation(ledger)
    _refuse_unreadable(ledger, settings)
    return Tables(rollup.total(), minutes.total(), ledger, tuple(extents))


def _extent(rows: Iterable[dict[str, object]]) -> list[Window]:
    firsts = [row["first_timestamp"] for row in rows if row["first_timestamp"] is not None]
    lasts = [row["last_timestamp"] for row in rows if row["last_timestamp"] is not None]
    if not firsts:
        return []
    end = max(lasts) + timedelta(microseconds=1)  # type: ignore[type-var, operator]
    return [Window(min(firsts), end)]  # type: ignore[type-var, arg-type]


def _refuse_unreadable(ledger: pl.DataFrame, settings: Settings) -> None:
    if ledger.is_empty():
        raise SourceError(
            "there is no log in what was named", hint="name files, or folders of files"
        )
    failed = ledger.filter(pl.col("error").is_not_null())
    # What broke off was read up to its break: that is reported, and no reason to stop.
    is_empty = failed.height == ledger.height and not ledger["line_count"].sum()
    if is_empty or (settings.is_strict and failed.height):
        path, reason = failed.select("log_file_path", "error").row(0)
        more = f" (and {failed.height - 1} more)" if failed.height > 1 else ""
        what = "no source could be read" if is_empty else "a source cannot be read"
        raise SourceError(
            f"{what}: {path}: {reason}{more}",
            hint="name logs as text, gzip, zstd, bzip2, xz, tar or zip; without --strict, what "
            "cannot be read is reported and the rest is read",
        )


class _Sum:
    """A table of counts that grows by addition."""

    def __init__(self, merge: Callable[[list[pl.DataFrame]], pl.DataFrame]) -> None:
        self._merge = merge
        self._parts: list[pl.DataFrame] = []
        self._rows = 0

    def add(self, part: pl.DataFrame) -> None:
        self._parts.append(part)
        self._rows += part.height
        if self._rows > _MERGE_ROWS:
            self._parts = [self.total()]
            # A merged table that is large by itself must not be merged again with every block.
            self._rows = 0

    def total(self) -> pl.DataFrame:
        merged = self._merge(self._parts)
        return merged.sort(*merged.columns, nulls_last=True)


class _PartWriter:
    """Collects kept events and writes them, mined and classified, in parts."""

    def __init__(self, staging: store.Staging, origin: str) -> None:
        self._staging = staging
        self._origin = origin
        self._waiting: list[pl.DataFrame] = []
        self._count = 0
        self._patterns = rule_table(load_rules())

    def add(self, batch: Batch) -> None:
        if batch.events.is_empty():
            return
        self._waiting.append(batch.events)
        self._count += batch.events.height
        if self._count >= PART_EVENTS:
            self.flush()

    def flush(self) -> None:
        if self._waiting or self._origin not in self._staging.event_parts:
            events = pl.concat(self._waiting) if self._waiting else pl.DataFrame(schema=EVENTS)
            self._staging.write_events(self._origin, name_errors(events, self._patterns))
        self._waiting, self._count = [], 0


def name_errors(events: pl.DataFrame, patterns: pl.DataFrame) -> pl.DataFrame:
    """Fill template, fingerprint and error class of *events* (columns `EVENTS`); access lines have
    none.

    Rules look at distinct texts only: exception type and message, and the head of the body.
    """
    if events.is_empty():
        return events
    is_access = pl.col("http_response_status_code").is_not_null()
    bodies = events.select(pl.when(~is_access).then("body"))["body"]
    mined = mine(bodies)
    named = events.with_columns(template_id=mined["template_id"], template=mined["template"])
    named = named.with_columns(fingerprint=fingerprint(named))
    exception = pl.concat_str(
        "exception_type", pl.col("exception_message").fill_null(""), separator=": "
    )
    head = pl.col("body").str.head(RULE_TEXT_CHARACTERS)
    text = named.select(
        text=pl.when(~is_access & (pl.col("severity_number") >= 13)).then(
            pl.concat_str(exception, head, separator="\n", ignore_nulls=True)
        )
    )["text"]
    classes = pl.coalesce(_classes(text, patterns), _failed_class())
    return named.with_columns(error_class=classes)


def _failed_class() -> pl.Expr:
    status = pl.col("http_response_status_code")
    return pl.when(status >= 500).then(pl.concat_str(pl.lit("http_"), status.cast(pl.String)))


def _classes(text: pl.Series, patterns: pl.DataFrame) -> pl.Series:
    named = classify(text, patterns)
    return text.replace_strict(
        named["text"], named["error_class"], default=None, return_dtype=pl.String
    )


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where every line went: a row a source, columns `schema.LEDGER`."""

    sources: pl.DataFrame

    @property
    def line_count(self) -> int:
        """Lines of all sources."""
        return int(self.sources["line_count"].sum())

    @property
    def event_count(self) -> int:
        """Events of all sources, kept or only counted."""
        return int(self.sources["event_count"].sum())

    @property
    def unparsed_event_count(self) -> int:
        """Events that no format took."""
        return int(self.sources["unparsed_event_count"].sum())


def ingest(logs: Sequence[str], out: Path, settings: Settings, *, tell: Tell = print) -> Ledger:
    """Read *logs* into *out*: events, counts and ledger, and nothing else."""
    with store.staged(out) as staging:
        tables = read([_streams(logs, settings, out)], "candidate", settings, staging, tell)
        _write_tables(staging, {"candidate": tables})
        staging.commit()
    return Ledger(tables.ledger)


def _streams(paths: Sequence[str], settings: Settings, out: Path) -> list[Stream]:
    return find_streams(
        paths,
        skip=[out],
        input_encoding=settings.encoding,
        follows_outside=settings.follows_outside,
    )


def _write_tables(staging: store.Staging, read_: dict[str, Tables]) -> dict[str, pl.DataFrame]:
    """Write the counts of both inputs as one table each, with the column `origin`."""
    merged = {}
    for name in store.TABLES:
        parts = [
            getattr(tables, name).with_columns(origin=pl.lit(origin))
            for origin, tables in read_.items()
        ]
        merged[name] = pl.concat(parts)
        staging.write_table(name, merged[name])
    return merged


def analyze(
    logs: Sequence[str],
    settings: Settings,
    *,
    out: Path,
    documents: Sequence[str] = ("html", "md", "json"),
    now: str | None = None,
    tell: Tell = lambda _: None,
) -> Result:
    """Compare *logs* with their baseline; write tables and *documents* to *out*; return the result.

    Raises a `PipelineError` whose exit code says what kind of failure it was; what an earlier run
    left in *out* then stays as it was.
    """
    moment = _moment(now, settings)
    names = [] if all(map(_is_time, settings.baseline)) else list(settings.baseline)
    if names and any(map(_is_time, names)):
        raise UsageError(
            "--baseline names both paths and times",
            hint="name paths only, or one window or duration",
        )
    candidate_streams = _streams(logs, settings, out)
    baseline_streams = [_streams([name], settings, out) for name in names]
    with store.staged(out) as staging:
        inputs = {}
        if names:
            inputs["baseline"] = read(baseline_streams, "baseline", settings, staging, tell)
        inputs["candidate"] = read([candidate_streams], "candidate", settings, staging, tell)
        tables = _write_tables(staging, inputs)
        choice = _choose(settings, moment, inputs)
        tell("comparing")
        result = _examine(staging, tables, choice, settings, _Stamp(moment, logs, names))
        result = replace(result, calibration=_last_calibration(out, tell))
        tell("writing the report")
        for name, text in _documents(result, documents).items():
            staging.write_text(name, text)
        staging.commit()
    return result


def _last_calibration(out: Path, tell: Tell) -> CalibrationQuote | None:
    """Return what `calibrate` left in *out*; a file that is none is told and not quoted."""
    path = out / CALIBRATION
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        start, end = (
            datetime.fromisoformat(raw[name]).astimezone(UTC) for name in ("start", "end")
        )
        return CalibrationQuote(
            start=start,
            end=end,
            window_seconds=float(raw["window_seconds"]),
            class_window_count=int(raw["class_window_count"]),
            false_alarm_count=int(raw["false_alarm_count"]),
            confirmed={
                planted["kind"]: float(planted["confirmed"])
                for planted in raw["planted"]
                if planted["kind"] in KINDS and planted["confirmed"] is not None
            },
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        tell(f"{CALIBRATION} is not quoted: it cannot be read ({type(error).__name__})")
        return None


def _is_time(text: str) -> bool:
    return is_window_text(text) and not Path(text).exists()


def _moment(now: str | None, settings: Settings) -> datetime:
    if now is None:
        return datetime.now(UTC).replace(microsecond=0)
    moment = parse_absolute(now, settings.zone)
    if moment is None:
        raise UsageError(
            f"--now must name a moment by itself, not {now!r}",
            hint="use ISO 8601 such as 2026-03-02T10:00Z, or @epoch",
        )
    return moment


def _choose(settings: Settings, now: datetime, inputs: Mapping[str, Tables]) -> Choice:
    candidate = inputs["candidate"]
    if not candidate.extents:
        lines = int(candidate.ledger["line_count"].sum())
        files = "1 file" if candidate.ledger.height == 1 else f"{candidate.ledger.height:,} files"
        raise UndecidableError(
            f"none of {lines:,} lines in {files} has a time"
            if lines
            else f"there is no line in {files}",
            hint=_hint_on_times(candidate.ledger),
        )
    baseline = inputs.get("baseline")
    if baseline is not None and not baseline.extents:
        raise UndecidableError(
            "the baseline holds no event with a time", hint="name other logs with --baseline"
        )
    return choose_windows(settings, now, candidate.extents[0], baseline.extents if baseline else ())


def _hint_on_times(ledger: pl.DataFrame) -> str:
    collect = "rates need times: collect with docker logs -t or kubectl logs --timestamps"
    unknown = unknown_sources(ledger)
    if not unknown:
        return collect
    path = shlex.quote(unknown[0][0])
    return f"{collect}, or teach the format: analyze formats suggest {path}"


@dataclass(frozen=True, slots=True)
class _Stamp:
    now: datetime
    logs: Sequence[str]
    baseline: Sequence[str]


def _examine(
    staging: store.Staging,
    tables: Mapping[str, pl.DataFrame],
    choice: Choice,
    settings: Settings,
    stamp: _Stamp,
) -> Result:
    """Count, test and explain what was read."""
    with Session() as session:
        session.read_events(staging.event_parts)
        session.register("rollup", tables["rollup"])
        session.register("minutes", tables["minutes"])
        session.register("windows", choice.table())
        marts = {name: session.frame(name) for name in MARTS}
        coverage = find_coverage(marts["service_minutes"], choice)
        tested = _test(marts, choice, coverage, session.frame)
        session.register("onsets", onset_table(tested.onsets))
        for name in MARTS_OF_RISEN:
            marts[name] = session.frame(name)
    return assemble(
        marts,
        tested,
        choice,
        coverage,
        tables["ledger"],
        load_knowledge(),
        rate_ratio_interval,
        _run(settings, stamp),
        _queries(choice),
    )


MARTS = (
    "correlated_endpoints",
    "correlated_pairs",
    "data_quality",
    "endpoint_totals",
    "finding_intervals",
    "finding_locations",
    "finding_minutes",
    "finding_services",
    "finding_totals",
    "service_minutes",
    "stated_causes",
    "window_totals",
)
# What is only asked of classes that rose, once it is known since when.
MARTS_OF_RISEN = ("finding_samples", "finding_values")


@dataclass(frozen=True, slots=True)
class _Court:
    """What every class is judged by: the windows' buckets, and who logged how much in each."""

    choice: Choice
    grid: Grid
    baseline: Sequence[Window]
    shares: pl.DataFrame
    covered: pl.DataFrame
    traffic: pl.DataFrame
    audit: pl.DataFrame | None = None  # in shifted time; None before the baseline was looked at

    def capped(self, minutes: pl.DataFrame) -> pl.DataFrame:
        """Return minute counts, by `series_id`, with storms cut."""
        shifted = shift_baseline(minutes, self.choice.shift)
        # A storm is a matter of minutes: where these are the buckets, it is what is looked for.
        is_capped = self.baseline and self.grid.bucket_seconds > 60
        capped = cap_storms(shifted, self.baseline) if is_capped else uncapped(shifted)
        return shift_baseline(capped, -self.choice.shift)

    def series(self, capped: pl.DataFrame) -> pl.DataFrame:
        """Return the buckets of every class."""
        return finding_series(capped, self.shares, self.grid, self.covered, self.traffic)

    def compare(self, series: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the verdicts on *series*, and its points with what was expected."""
        return _compare(self.cut(series), self.grid, self.choice, self.baseline)

    def cut(self, series: pl.DataFrame) -> pl.DataFrame:
        """Leave out of the baseline what the audit found not to be normal."""
        if self.audit is None:
            return series
        shifted = cut_out(shift_baseline(series, self.choice.shift), self.audit)
        return shift_baseline(shifted, -self.choice.shift)


def _test(
    marts: Mapping[str, pl.DataFrame], choice: Choice, coverage: Coverage, ask: Ask
) -> Tested:
    """Run the rate test on every class and on all errors together, and date the regressions."""
    grid = make_grid(choice)
    services = sorted(marts["service_minutes"]["service_name"].unique().to_list())
    covered = service_coverage([EVERYTHING, *services], grid, coverage)
    traffic = service_traffic(marts["service_minutes"], grid)
    baseline = [Window(w.start - choice.shift, w.end - choice.shift) for w in choice.baseline]
    shares = shares_of(marts["finding_services"])
    court = _Court(choice, grid, baseline, shares, covered, traffic)
    minutes = marts["finding_minutes"].rename({"finding_id": "series_id"})
    capped = court.capped(minutes)
    series = court.series(capped)
    total = total_series(marts["service_minutes"], grid, covered, traffic)
    audit = audit_baseline(shift_baseline(series, choice.shift), baseline, choice.candidate)
    court = replace(court, audit=audit)
    verdicts, hourly = court.compare(series)
    total_verdict, total_hourly = court.compare(total)
    premises, verdicts = _audit(marts, minutes, verdicts, court, ask)
    audit = audit.with_columns(pl.col("start", "end") + pl.lit(choice.shift))
    ramps = find_ramps(shift_baseline(court.cut(series), choice.shift), baseline, choice.candidate)
    explained = [name for one in premises for name in one.finding_ids]
    ramps = ramps.filter(~pl.col("series_id").is_in(explained))
    verdicts = with_ramps(verdicts, ramps)
    services_of = marts["finding_services"]
    onsets = _onsets(verdicts, court.cut(series), capped, services_of, choice, coverage, audit)
    by_service = _service_onsets(onsets, court, services_of, coverage, audit, ask)
    return Tested(
        capped, verdicts, hourly, total_verdict, total_hourly, onsets, audit, ramps, premises,
        by_service,
    )  # fmt: skip


def _audit(
    marts: Mapping[str, pl.DataFrame],
    minutes: pl.DataFrame,
    verdicts: pl.DataFrame,
    court: _Court,
    ask: Ask,
) -> tuple[list[Premise], pl.DataFrame]:
    """Look for what the input itself may fake, and judge the classes concerned without it.

    Returns the premises, and the verdicts with those replaced that an artefact explains.
    """
    asked = dict(marts)

    def answer(name: str) -> pl.DataFrame:
        if name not in asked:
            asked[name] = ask(name)
        return asked[name]

    windows = court.grid.frame.group_by("window_name").agg(
        (pl.col("bucket_end") - pl.col("bucket_start")).dt.total_seconds(fractional=True).sum()
    )
    seconds = {"baseline": 0.0, "candidate": 0.0, **dict(windows.iter_rows())}
    facts = facts_of(
        answer, marts["finding_totals"], marts["finding_services"], verdicts, minutes, seconds
    )
    doubts = find_doubts(facts)
    retested: dict[int, Mapping[str, object]] = {}
    for places in rounds(doubts):
        chosen = [doubts[place] for place in places]
        series = court.series(court.capped(recounted(chosen, minutes)))
        found, _ = court.compare(by_time_alone(chosen, series))
        rows = {row["series_id"]: row for row in found.iter_rows(named=True)}
        retested |= {
            place: rows[name]
            for place in places
            if (name := doubts[place].finding_id) is not None and name in rows
        }
    names = building.titles(marts["finding_totals"])
    premises, explained = settle(doubts, retested, names)
    return premises, with_verdicts(verdicts, explained)


def _compare(
    series: pl.DataFrame, grid: Grid, choice: Choice, baseline: Sequence[Window]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return verdicts and the series with its expected band; without a baseline, neither."""
    placed = with_bucket_lengths(series, grid)
    if not baseline or series.is_empty():
        return pl.DataFrame(schema={"series_id": pl.String}), without_band(placed)
    shifted = shift_baseline(placed, choice.shift)
    verdicts = detect(shifted, baseline, choice.candidate)
    band = expected_band(shifted, verdicts, baseline, choice.candidate).select(
        "series_id", "bucket_start", "expected_count", "lower", "upper"
    )
    joined = shifted.join(band, on=["series_id", "bucket_start"], how="left", maintain_order="left")
    return verdicts, shift_baseline(joined, -choice.shift)


def _onsets(
    verdicts: pl.DataFrame,
    series: pl.DataFrame,
    minutes: pl.DataFrame,
    services: pl.DataFrame,
    choice: Choice,
    coverage: Coverage,
    audit: pl.DataFrame,
) -> dict[str, Onset]:
    """Date every class that rose, confirmed or suspected."""
    if verdicts.is_empty():
        return {}
    onsets = {}
    for row in verdicts.filter(pl.col("confidence") != "none").iter_rows(named=True):
        name = row["series_id"]
        weights = dict(
            shares_of(services.filter(pl.col("finding_id") == name))
            .select("service_name", "weight")
            .iter_rows()
        )
        own = series.filter(pl.col("series_id") == name)
        counts = minutes.filter(pl.col("series_id") == name)
        onset = _onset(row, own, counts, weights, choice, coverage, audit)
        if onset is not None:
            onsets[name] = onset
    return onsets


# To date a series takes up to half a second; this many keep a run of many services short.
_MOST_DATED = 48


def _service_onsets(
    onsets: Mapping[str, Onset],
    court: _Court,
    services: pl.DataFrame,
    coverage: Coverage,
    audit: pl.DataFrame,
    ask: Ask,
) -> dict[tuple[str, str], Onset]:
    """Date what rose and is logged by several in each service that it rose in by the same test.

    By id and service name. In a service where it is as ever, any minute is as likely as another.
    """
    risen = services.filter(pl.col("finding_id").is_in(list(onsets)))
    if not risen["finding_id"].is_duplicated().any():
        return {}
    both = pl.concat_str("finding_id", "service_name", separator=" ")
    minutes = ask("finding_service_minutes").filter(pl.col("finding_id").is_in(list(onsets)))
    minutes = minutes.with_columns(series_id=both)
    keys = minutes.select("finding_id", "service_name", "series_id").unique().sort("series_id")
    if keys.is_empty():
        return {}
    own = replace(
        court,
        shares=keys.select("series_id", "service_name", weight=pl.lit(1.0)),
        audit=court.audit if court.audit is None else _by_service(court.audit, keys),
    )
    capped = own.capped(minutes)
    series = own.series(capped)
    verdicts, _ = own.compare(series)
    series = own.cut(series)
    rises = verdicts.filter(pl.col("confidence") != "none")
    rises = rises.join(keys, on="series_id").filter(pl.len().over("finding_id") > 1)
    # Clearest classes first, each with all its services or with none: half an order misleads.
    clearest = pl.col("p_value").min().over("finding_id")
    rises = rises.sort(clearest, "series_id", nulls_last=True).with_row_index("place")
    rises = rises.filter(pl.col("place").max().over("finding_id") < _MOST_DATED)
    dated = {}
    for verdict in rises.iter_rows(named=True):
        finding_id, service = verdict["finding_id"], verdict["service_name"]
        own_rows = pl.col("series_id") == verdict["series_id"]
        onset = _onset(
            {**verdict, "series_id": finding_id},
            series.filter(own_rows),
            capped.filter(own_rows),
            {service: 1.0},
            court.choice,
            coverage,
            audit,
        )
        if onset is not None:
            dated[finding_id, service] = onset
    return dated


def _by_service(audit: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Return *audit* with what it says of a class said of the class in each service."""
    names = keys.select(pl.col("finding_id"), in_service=pl.col("series_id"))
    joined = audit.join(names, left_on="series_id", right_on="finding_id", how="left")
    return joined.with_columns(series_id=pl.coalesce("in_service", "series_id")).drop("in_service")


# A fault that ran before the candidate began may have begun this much before it stood out.
_BEFORE_RUNNING = timedelta(hours=2)


def _onset(
    verdict: Mapping[str, Any],
    series: pl.DataFrame,
    minutes: pl.DataFrame,
    services: Mapping[str, float],
    choice: Choice,
    coverage: Coverage,
    audit: pl.DataFrame,
) -> Onset | None:
    """Date one series' rise; that of a fault that already ran lies before the candidate window."""
    begin = choice.candidate.start
    running = audit.filter(
        (pl.col("series_id") == verdict["series_id"]) & (pl.col("end") == begin) & pl.col("is_cut")
    )
    if running.height and not choice.shift:
        begin = max(running["start"][0] - _BEFORE_RUNNING, choice.baseline[-1].start)
    covered = minute_coverage(choice, coverage, services, begin)
    in_question = (pl.col("window_name") == "candidate") | (pl.col("bucket_start") >= begin)
    rows = minutes.filter(in_question)
    # As in the test: events beside the errors are no excuse unless the baseline proves them one.
    is_proven = verdict["offset"] == "events" or "requests" in series["exposure_kind"]
    frame = onset_minutes(
        shift_baseline(series, choice.shift), rows, covered, with_exposure=is_proven
    )
    baseline = [
        Window(w.start - choice.shift, min(w.end, max(begin, w.start)) - choice.shift)
        if w.end == choice.candidate.start
        else Window(w.start - choice.shift, w.end - choice.shift)
        for w in choice.baseline
    ]
    onset = find_onset(frame, baseline, Window(begin, choice.candidate.end))
    if onset is None:
        return None
    is_new = verdict["baseline_count"] == 0
    return refine_onset(onset, rows["first_timestamp"], is_new=is_new)


def _run(settings: Settings, stamp: _Stamp) -> Run:
    """Describe the run without what does not change its result: output folder, order of
    arguments.
    """
    logs, baseline = sorted(stamp.logs), sorted(stamp.baseline)
    asked = {
        key: value
        for key, value in asdict(replace(settings, baseline=())).items()
        if value not in (None, False, ())
    }
    asked["baseline"] = baseline or list(settings.baseline)
    identity = json.dumps([logs, asked, version("aftershock")], sort_keys=True, default=str)
    command = shlex.join(
        ["analyze", *logs, *(part for name in asked["baseline"] for part in ("--baseline", name))]
    )
    return Run(
        run_id=hashlib.sha256(identity.encode()).hexdigest()[:12],
        generated_at=stamp.now,
        version=version("aftershock"),
        command=command,
        settings=asked,
    )


def _queries(choice: Choice) -> list[QueryFacts]:
    windows = {
        f"{name}_{index}": f"{start:%Y-%m-%dT%H:%M:%SZ} .. {end:%Y-%m-%dT%H:%M:%SZ}"
        for index, (name, _, start, end) in enumerate(choice.table().iter_rows())
    }
    texts = load_queries()
    return [
        QueryFacts(name, query_title(texts[name]), texts[name], {"windows": windows})
        for name in texts
        if "pattern" not in name and name != "stg_keys"
    ]


def _documents(result: Result, formats: Sequence[str]) -> dict[str, str]:
    """Render what was asked for; the result itself and its criteria are always written."""
    from pipeline import render

    writers = {"html": render.render_html, "md": render.render_markdown}
    return {
        **{f"report.{name}": writers[name](result) for name in formats if name in writers},
        "result.json": render.to_json(result),
        "criteria.toml": render.render_criteria(result),
    }


def render_again(path: Path, out: Path | None, documents: Sequence[str]) -> tuple[Path, Result]:
    """Render the documents of a finished run from its folder or ``result.json``; return where."""
    source = path / "result.json" if path.is_dir() else path
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            f"cannot read {source}: {reason}",
            hint="name the folder of a finished run, or its result.json",
        ) from error
    from pipeline.render import from_json

    result = from_json(text)
    folder = out or source.parent
    store.write_documents(folder, _documents(result, documents))
    return folder, result


def calibrate(
    logs: Sequence[str],
    settings: Settings,
    *,
    seed: int,
    is_placebo: bool = False,
    out: Path | None = None,
    tell: Tell = lambda _: None,
) -> Calibration:
    """Tell how the test does on the counts of *logs*; write ``calibration.json`` to *out*, if any.

    Raises `UndecidableError` where there is nothing to calibrate on: no times, no errors, or less
    than a run needs for a baseline. Everything else in *out* stays as it is.
    """
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory(prefix="aftershock-")))
        staging = stack.enter_context(store.staged(folder))
        streams = [_streams(logs, settings, folder)]
        inputs = {"candidate": read(streams, "candidate", settings, staging, tell)}
        usual = _choose(settings, _moment(None, settings), inputs)
        if not usual.baseline:
            raise UndecidableError(
                f"cannot calibrate: there is no baseline in these logs ({usual.description})",
                hint="name logs of twelve hours or more, better of several normal days",
            )
        tell("calibrating")
        counts = _counts(_write_tables(staging, inputs), usual, staging)
        found = calibrate_counts(counts, seed, is_placebo=is_placebo)
    if out is not None:
        from pipeline.render import facts_json

        store.write_documents(out, {CALIBRATION: facts_json(found)})
    return found


def _counts(tables: Mapping[str, pl.DataFrame], usual: Choice, staging: store.Staging) -> Counts:
    """Count all that was read as one window, in the buckets that a run would take."""
    whole = Window(usual.baseline[0].start, usual.candidate.end)
    choice = Choice((), whole, "candidate", "all that was read")
    with Session() as session:
        session.read_events(staging.event_parts)
        session.register("rollup", tables["rollup"])
        session.register("minutes", tables["minutes"])
        session.register("windows", choice.table())
        names = ("finding_minutes", "finding_services", "service_minutes")
        marts = {name: session.frame(name) for name in names}
    seconds = bucket_seconds(usual)
    grid = make_grid(choice, seconds)
    coverage = find_coverage(marts["service_minutes"], choice)
    services = sorted(marts["service_minutes"]["service_name"].unique().to_list())
    covered = service_coverage([EVERYTHING, *services], grid, coverage)
    traffic = service_traffic(marts["service_minutes"], grid)
    minutes = marts["finding_minutes"].rename({"finding_id": "series_id"})
    shares = shares_of(marts["finding_services"])
    buckets = finding_series(uncapped(minutes), shares, grid, covered, traffic)
    placed = in_buckets(minutes.with_columns(minute=pl.col("bucket_start")), grid)
    return Counts(
        placed.select("series_id", "event_count", bucket_start="minute", bucket="bucket_start"),
        buckets.drop("window_name", "event_count", "capped_count"),
        whole,
        usual.candidate.seconds,
        seconds,
    )


def demo(
    out: Path,
    *,
    seed: int,
    documents: Sequence[str],
    logs_only: bool = False,
    tell: Tell = lambda _: None,
) -> Result | None:
    """Write the demo's logs below *out* and analyse them: last day against the day before."""
    from pipeline.demo import write_demo

    tell("writing logs")
    write_demo(out, seed=seed)
    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    if logs_only:
        return None
    return analyze(
        [str(out / "logs")],
        Settings(baseline=("24h",), title="Demo: a 21-container stack in trouble"),
        out=out / "report",
        documents=documents,
        now=truth["windows"]["candidate"]["end"],
        tell=tell,
    )


def exit_code(result: Result, fail_on: str) -> ExitCode:
    """Return the exit status of a finished run under ``--fail-on``."""
    if result.verdict is Verdict.CANNOT_DECIDE:
        return ExitCode.CANNOT_DECIDE
    rises = [one for one in result.findings if one.is_regression]
    hit = {
        "never": False,
        "new": any(one.state is State.NEW for one in rises),
        "regression": bool(rises),
        "any": bool(rises) or result.verdict is Verdict.WATCH,
    }[fail_on]
    return ExitCode.REGRESSION if hit else ExitCode.NORMAL
