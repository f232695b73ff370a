"""What a store tells of days and runs: classes over time (`trend`), and the page over all runs.

Only the days that are asked for are read. Time counts as covered by the hour: one in which a
service that logs the class logged anything. Kinds, ids and copies are those of the queries
`stg_events` and `int_finding_events`, so that a class has here the id that it has in reports.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from pipeline import store
from pipeline.diagnosis.times import parse_time
from pipeline.errors import StoreError, UndecidableError, UsageError
from pipeline.model import Settings, Window
from pipeline.orchestrate.history import extent_of
from pipeline.orchestrate.intake import cursors_of
from pipeline.orchestrate.keeping import remembered_rows
from pipeline.orchestrate.windows import moment_of
from pipeline.schema import EVENTS, ROLLUP
from pipeline.store.manifest import write_durably
from pipeline.trends import (
    HourCount,
    OpenTime,
    Period,
    RunLine,
    Series,
    Standing,
    StoreHistory,
    Trend,
)

_HOUR = timedelta(hours=1)
STEPS = {"day": timedelta(days=1), "hour": _HOUR}
# What a terminal shows side by side.
_DEFAULT_STEPS = {"day": 30, "hour": 48}
_KEY = ["kind", "error_class", "detail"]
_PLACE = ["service_name", "container_name", "log_iostream", "timestamp", "body_hash"]
_COLUMNS = [
    *("timestamp", "severity_number", "service_name", "container_name", "log_iostream"),
    *("exception_type", "http_response_status_code", "template_id", "template", "fingerprint"),
    *("error_class", "log_file_path", "body"),
]
_KINDS = {"error": 0, "failed_request": 1, "warning": 2}


def trend(
    folder: Path,
    name: str | None = None,
    *,
    by: str = "day",
    since: str | None = None,
    until: str | None = None,
    zone: str | None = None,
) -> Trend:
    """Return the classes in the store over time, or those that *name* names: by class, title or id.

    Without *since*: the newest 30 days, or 48 hours. Raises `UsageError` where *name* names none,
    `UndecidableError` where nothing lies between the two times.
    """
    kept = store.open_store(folder)
    extent = _extent(kept)
    step = STEPS[by]
    until_ = _time(until, extent, zone) or extent.end
    start = _time(since, extent, zone)
    if start is None:
        start = _floor(until_ - timedelta(microseconds=1), step) - (_DEFAULT_STEPS[by] - 1) * step
    window = _cut(extent, start, until_)
    horizon = _horizon(kept, "events")
    if horizon is not None and horizon > window.start:
        window = _cut(extent, horizon, window.end)
    else:
        horizon = None
    standings = {one.finding_id: one for one in _standings(kept)}
    logged = _logged_hours(kept, window)
    found = [
        _series(own, logged, window, step, standings)
        for own in _classes(kept, window).partition_by("finding_id")
    ]
    seen = {one.finding_id for one in found}
    # What was open and did not occur in this time is told, too: that is what one looks for.
    found += [
        _absent(one, window, step) for one in standings.values() if one.finding_id not in seen
    ]
    chosen = [one for one in found if _is_named(one, name)] if name else found
    chosen = _told_apart(chosen)
    if name and not chosen:
        raise UsageError(
            f"no class {name!r} in this time",
            hint="analyze trend --store DIR lists all; --since names an earlier time",
        )
    shown = chosen if name else [one for one in chosen if _is_of_interest(one, window)]
    shown.sort(key=_foremost)
    ids = {one.finding_id for one in shown}
    hidden = sum(1 for one in chosen if one.event_count and one.finding_id not in ids)
    return Trend(str(folder), by, window.start, window.end, name, shown, hidden, horizon)


def store_history(
    folder: Path, *, since: str | None = None, until: str | None = None, zone: str | None = None
) -> StoreHistory:
    """Return hours, runs and findings of the store, all of them without *since* and *until*."""
    kept = store.open_store(folder)
    extent = _extent(kept)
    start, end = _time(since, extent, zone), _time(until, extent, zone)
    window = _cut(extent, start or extent.start, end or extent.end)
    horizon = _horizon(kept, "hourly")
    if horizon is not None and horizon > window.start:
        window = _cut(extent, horizon, window.end)
    counted = _hourly(kept, window).group_by("bucket_start").agg(
        pl.col("event_count").sum(),
        pl.col("event_count").filter(_is_error()).sum().alias("error_count"),
    )  # fmt: skip
    hours = [
        HourCount(at, events, errors, _covered(at, window))
        for at, events, errors in counted.sort("bucket_start").iter_rows()
    ]
    # A run tells of the time before it: one just after the last event belongs to it.
    runs = [
        one
        for one in _run_lines(kept)
        if one.generated_at >= window.start and (end is None or one.generated_at < end)
    ]
    standings = [
        one for one in _standings(kept) if any(_touches(spell, window) for spell in one.spells)
    ]
    return StoreHistory(str(folder), window.start, window.end, hours, runs, standings)


def write_index(
    folder: Path,
    page: Path,
    *,
    since: str | None = None,
    until: str | None = None,
    zone: str | None = None,
) -> None:
    """Write the page over all runs to *page*, in place of what was there, whole or not at all.

    Raises `StoreError` where it cannot be written.
    """
    from pipeline import render

    found = store_history(folder, since=since, until=until, zone=zone)
    text = render.render_index(found, str(page.absolute().parent))
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_durably(page, text.encode())
    except OSError as error:
        raise StoreError(f"cannot write {page}: {error.strerror or error}") from error


# ---- times


def _extent(kept: store.Store) -> Window:
    extent = extent_of(cursors_of(kept))
    if extent is None:
        raise UndecidableError(
            f"the store {kept.folder} holds no event with a time",
            hint="analyze store info tells what it holds",
        )
    return extent


def _time(text: str | None, extent: Window, zone: str | None) -> datetime | None:
    if text is None:
        return None
    now = moment_of(None, Settings(zone=zone))
    return parse_time(text, {"now": now, "start": extent.start, "end": extent.end}, zone)


def _cut(extent: Window, start: datetime, end: datetime) -> Window:
    first, last = max(start, extent.start), min(end, extent.end)
    if first >= last:
        raise UndecidableError(
            "the store holds nothing of this time",
            hint=f"it holds {extent.start:%Y-%m-%d %H:%M} to {extent.end:%Y-%m-%d %H:%M} UTC",
        )
    return Window(first, last)


def _horizon(kept: store.Store, kind: str) -> datetime | None:
    day = kept.manifest.horizons.get(kind)
    return None if day is None else datetime.fromisoformat(day).replace(tzinfo=UTC)


def _floor(moment: datetime, step: timedelta) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if step == _HOUR else hour.replace(hour=0)


def _days(window: Window) -> Iterator[str]:
    at = _floor(window.start, STEPS["day"])
    while at < window.end:
        yield f"{at:%Y-%m-%d}"
        at += STEPS["day"]


def _covered(hour: datetime, window: Window) -> float:
    """Return how much of an hour lies in *window*, in hours."""
    return max(min(hour + _HOUR, window.end) - max(hour, window.start), timedelta()) / _HOUR


def _touches(spell: OpenTime, window: Window) -> bool:
    return spell.start < window.end and (spell.end is None or spell.end >= window.start)


# ---- counts


def _hourly(kept: store.Store, window: Window) -> pl.DataFrame:
    """Return the counts of all events by hour, of the hours that *window* touches."""
    first = _floor(window.start, _HOUR)
    inside = pl.col("bucket_start").is_between(first, window.end, closed="left")
    days = (f"{first:%Y-%m-%d}", f"{window.end:%Y-%m-%d}")
    columns = [
        *("bucket_start", "service_name", "severity_number"),
        *("http_response_status_code", "event_count"),
    ]
    empty = pl.DataFrame(schema=ROLLUP).select(columns)
    tables = (*kept.tables("hourly", *days), *kept.tables("open_hourly"))
    return pl.concat([empty, *(one.select(columns).filter(inside) for one in tables)])


def _is_error() -> pl.Expr:
    status = pl.col("http_response_status_code")
    return (status >= 500) | (status.is_null() & (pl.col("severity_number") >= 17))


def _logged_hours(kept: store.Store, window: Window) -> dict[str, set[datetime]]:
    """Return the hours in which each service logged anything."""
    rows = _hourly(kept, window).select("service_name", "bucket_start").unique()
    found: dict[str, set[datetime]] = defaultdict(set)
    for service, hour in rows.iter_rows():
        found[service or ""].add(hour)
    return found


def _classes(kept: store.Store, window: Window) -> pl.DataFrame:
    """Return events of classes: finding_id, kind, error_class, name, service_name, hour, count."""
    opened = [one.select(_COLUMNS) for one in kept.tables("open_events")]
    empty = pl.DataFrame(schema=EVENTS).select(_COLUMNS)
    counted = []
    for day in _days(window):
        own = [one.select(_COLUMNS) for one in kept.tables("events", day, day)]
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        part = Window(max(start, window.start), min(start + STEPS["day"], window.end))
        counted.append(_counted(pl.concat([empty, *own, *opened]), part))
    whole = pl.concat(counted).group_by(*_KEY, "service_name", "hour").agg(
        pl.col("template").min(), pl.col("event_count").sum()
    )  # fmt: skip
    keys = whole.select(_KEY).unique()
    ids = [finding_id(*row) for row in keys.iter_rows()]
    return whole.join(
        keys.with_columns(finding_id=pl.Series(ids, dtype=pl.String)), on=_KEY, nulls_equal=True
    ).sort("finding_id", "hour", "service_name", nulls_last=True)


def _counted(events: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Return the events of one day by key, service and hour.

    The n-th of equal lines in one file is a copy of the n-th in another, so of equal lines as many
    count as the file has that has most of them.
    """
    status = pl.col("http_response_status_code")
    kind = (
        pl.when(status >= 500)
        .then(pl.lit("failed_request"))
        .when(status.is_not_null())
        .then(None)
        .when(pl.col("severity_number") >= 17)
        .then(pl.lit("error"))
        .when(pl.col("severity_number") >= 13)
        .then(pl.lit("warning"))
    )
    detail = (
        pl.when(pl.col("kind") == "failed_request")
        .then(status.cast(pl.String))
        .when(pl.col("error_class").is_not_null())
        .then(pl.coalesce("exception_type", "template_id"))
        .otherwise(pl.coalesce("fingerprint", "template_id"))
    )
    return (
        events.filter(pl.col("timestamp").is_between(window.start, window.end, closed="left"))
        .with_columns(kind=kind, body_hash=pl.col("body").hash())
        .filter(pl.col("kind").is_not_null())
        .with_columns(detail=detail)
        .group_by(*_KEY, *_PLACE, "log_file_path")
        .agg(pl.col("template").min(), pl.len().cast(pl.Int64).alias("event_count"))
        .group_by(*_KEY, *_PLACE)
        .agg(pl.col("template").min(), pl.col("event_count").max())
        .with_columns(hour=pl.col("timestamp").dt.truncate("1h"))
        .group_by(*_KEY, "service_name", "hour")
        .agg(pl.col("template").min(), pl.col("event_count").sum())
    )


def finding_id(kind: str, error_class: str | None, detail: str | None) -> str:
    """Return the id of a class, as the query `int_finding_events` makes it."""
    text = "\x1f".join((kind, error_class or "-", detail or "-"))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:12]


# ---- series


def _series(
    rows: pl.DataFrame,
    logged: Mapping[str, set[datetime]],
    window: Window,
    step: timedelta,
    standings: Mapping[str, Standing],
) -> Series:
    first = rows.row(0, named=True)
    services = {one or "" for one in rows["service_name"]}
    hours = set().union(*(logged.get(one, set()) for one in services))
    counts: dict[datetime, int] = defaultdict(int)
    for hour, count in rows.select("hour", "event_count").iter_rows():
        counts[_floor(hour, step)] += count
        hours.add(hour)
    periods = _periods(counts, hours, window, step)
    standing = standings.get(first["finding_id"])
    name = standing.title if standing else _name(first)
    return _summed(
        first["finding_id"], name, first["kind"], first["error_class"], periods, standing
    )


def _name(row: Mapping[str, str | None]) -> str:
    if row["kind"] == "failed_request":
        return f"HTTP {row['detail']}"
    return row["error_class"] or row["template"] or row["detail"] or "unnamed"


def _told_apart(found: Sequence[Series]) -> list[Series]:
    """Return *found*, with the id in the names that several have."""
    times = Counter(one.name for one in found)
    return [
        replace(one, name=f"{one.name} ({one.finding_id})") if times[one.name] > 1 else one
        for one in found
    ]


def _absent(standing: Standing, window: Window, step: timedelta) -> Series:
    """Return the series of what did not occur: without its services, what was covered is not
    known.
    """
    periods = _periods({}, set(), window, step)
    return _summed(
        standing.finding_id,
        standing.title,
        standing.kind,
        standing.error_class,
        periods,
        standing,
    )


def _summed(
    series_id: str,
    name: str,
    kind: str,
    error_class: str | None,
    periods: list[Period],
    standing: Standing | None,
) -> Series:
    count = sum(one.event_count for one in periods)
    covered = sum(one.covered_hours for one in periods)
    rate = _rate(count, covered)
    return Series(series_id, name, kind, error_class, count, covered, rate, periods, standing)


def _periods(
    counts: Mapping[datetime, int], hours: Iterable[datetime], window: Window, step: timedelta
) -> list[Period]:
    covered: dict[datetime, float] = defaultdict(float)
    for hour in hours:
        covered[_floor(hour, step)] += _covered(hour, window)
    found = []
    at = _floor(window.start, step)
    while at < window.end:
        count, length = counts.get(at, 0), covered.get(at, 0.0)
        found.append(Period(at, count, length, _rate(count, length)))
        at += step
    return found


def _rate(count: int, hours: float) -> float | None:
    return count / hours if hours > 0 else None


def _is_named(one: Series, name: str) -> bool:
    return name in (one.finding_id, one.error_class, one.name)


def _is_of_interest(one: Series, window: Window) -> bool:
    """Leave out warnings that never rose, and what was over before."""
    if one.standing is not None:
        return one.event_count > 0 or any(_touches(own, window) for own in one.standing.spells)
    return one.kind != "warning"


def _foremost(one: Series) -> tuple[bool, bool, int, int, str]:
    is_open = one.standing is not None and one.standing.is_open
    return (not is_open, one.standing is None, -one.event_count, _KINDS[one.kind], one.finding_id)


# ---- what runs left


def _standings(kept: store.Store) -> list[Standing]:
    """Return what runs remember of findings. Raises `StoreError` where a row is none."""
    return [
        Standing(
            row.finding_id,
            row.title,
            row.kind,
            row.error_class,
            row.state,
            row.since,
            row.handling,
            [OpenTime(one.start, one.end) for one in row.spells],
        )
        for row in remembered_rows(kept)
    ]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that runs wrote to."""

    run: int
    has_page: bool


def _run_lines(kept: store.Store) -> list[RunLine]:
    rows = list(kept.rows("runs"))
    places = _places(rows)
    found = []
    for number, row in enumerate(rows):
        folder = _folder_of(row)
        place = places.get(folder) if folder else None
        is_there = place is not None and place.run == number and place.has_page
        regressions = row.get("regressions")
        found.append(
            RunLine(
                str(row["run_id"]),
                _utc(str(row["generated_at"])),
                str(row["verdict"]),
                str(row["headline"]),
                [str(one) for one in regressions] if isinstance(regressions, list) else [],
                folder if is_there else None,
            )
        )
    return found


def _folder_of(row: Mapping[str, object]) -> str | None:
    folder = row.get("output")
    return folder if isinstance(folder, str) and folder else None


def _places(rows: Sequence[Mapping[str, object]]) -> dict[str, _Place]:
    """Return for each folder the last run that wrote to it: what others wrote there is gone."""
    last = {folder: at for at, row in enumerate(rows) if (folder := _folder_of(row))}
    return {
        folder: _Place(at, (Path(folder) / "report.html").is_file()) for folder, at in last.items()
    }
