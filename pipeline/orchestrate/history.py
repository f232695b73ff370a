"""What a store holds of a stretch of time, as the tables that a run compares.

Only the days of that stretch are read, so that a run costs the same after a year as after a month.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from pipeline import store
from pipeline.diagnosis.times import parse_absolute, parse_duration
from pipeline.diagnosis.windows import SAME_HOURS, Choice
from pipeline.errors import UndecidableError, UsageError
from pipeline.ingest import Cursor, merge_minutes, merge_rollup
from pipeline.model import Settings, Window
from pipeline.orchestrate.changes import PLACE
from pipeline.orchestrate.intake import SINCE_LAST, cursors_of, ledger_of
from pipeline.orchestrate.reading import PART_EVENTS, Tables
from pipeline.schema import CHANGES, EVENTS, MINUTES, ROLLUP, Schema

Merge = Callable[[list[pl.DataFrame]], pl.DataFrame]

# Four of each hour of the week: hours of the week need three (`detection.seasons`), and one more is
# for a holiday.
HISTORY = timedelta(days=28)
CANDIDATE = timedelta(hours=24)
# With less than this before it, a day under question would be most of what is known.
LEAST_HISTORY = timedelta(hours=12)
# Lines that came late to the last run lie up to this before its end.
LATENESS = timedelta(minutes=10)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class History:
    """What a store holds between two moments: *paths* of files by the ids of sources."""

    kept: store.Store
    window: Window
    paths: dict[str, str]
    ledger: pl.DataFrame

    def tables(self) -> Tables:
        """Return the counts, merged, and the ledger."""
        return Tables(
            self._counts("hourly", ROLLUP, merge_rollup),
            self._counts("minutes", MINUTES, merge_minutes),
            self.ledger,
            self._changes(),
            (self.window,),
        )

    def _changes(self) -> pl.DataFrame:
        inside = pl.col("timestamp").is_between(self.window.start, self.window.end, closed="left")
        tables = (*self._dated("changes"), *self.kept.tables("open_changes"))
        whole = pl.concat([pl.DataFrame(schema=CHANGES), *(one.filter(inside) for one in tables)])
        named = whole.with_columns(pl.col("log_file_path").replace(self.paths))
        return named.sort(PLACE, nulls_last=True)

    def _counts(self, kind: str, schema: Schema, merge: Merge) -> pl.DataFrame:
        inside = pl.col("bucket_start").is_between(
            self.window.start, self.window.end, closed="left"
        )
        parts = [
            table.select(list(schema)).filter(inside)
            for table in (*self._dated(kind), *self.kept.tables(f"open_{kind}"))
        ]
        merged = merge(parts)
        return merged.sort(merged.columns, nulls_last=True)

    def _dated(self, kind: str) -> Iterable[pl.DataFrame]:
        first, last = (f"{at:%Y-%m-%d}" for at in (self.window.start, self.window.end))
        return self.kept.tables(kind, first, last)

    def write_events(self, staging: store.Staging, origin: str) -> None:
        """Write the kept events into the output folder of a run, with the paths of their files."""
        inside = pl.col("timestamp").is_between(self.window.start, self.window.end, closed="left")
        waiting: list[pl.DataFrame] = []
        for table in (*self._dated("events"), *self.kept.tables("open_events")):
            rows = table.filter(inside).with_columns(pl.col("log_file_path").replace(self.paths))
            waiting.append(rows)
            if sum(one.height for one in waiting) >= PART_EVENTS:
                staging.write_events(origin, pl.concat(waiting))
                waiting = []
        if waiting or origin not in staging.event_parts:
            empty = pl.DataFrame(schema=EVENTS)
            staging.write_events(origin, pl.concat([empty, *waiting]))


def extent_of(cursors: Sequence[Cursor]) -> Window | None:
    """Return the time from the first to the last event that was ever read; None without any."""
    firsts = [t for one in cursors if (t := one.total.first) is not None]
    lasts = [t for one in cursors if (t := one.total.last) is not None]
    if not firsts:
        return None
    return Window(min(firsts), max(lasts) + timedelta(microseconds=1))


def settled_times(settings: Settings, kept: store.Store, extent: Window) -> Settings:
    """Return *settings* with the candidate window that they mean on the store: what `last` says,
    and the last day where nothing is named.
    """

    since = settings.since
    if since == SINCE_LAST:
        start = last_end(kept)
        since = None if start is None else (_floor(start - LATENESS)).isoformat()
    if since is None and settings.baseline == ("auto",):
        until = parse_absolute(settings.until, settings.zone) if settings.until else None
        start = _floor((until or extent.end) - CANDIDATE)
        if start - extent.start >= LEAST_HISTORY:
            since = start.isoformat()
    return replace(settings, since=since)


def last_end(kept: store.Store) -> datetime | None:
    """Return the end of the candidate window of the last finished run; None before the first."""
    last = kept.last_row("runs")
    if last is None or not last.get("candidate_end"):
        return None
    return datetime.fromisoformat(str(last["candidate_end"])).astimezone(UTC)


def open_history(kept: store.Store, settings: Settings, refused: pl.DataFrame) -> History:
    """Return what the store holds of the candidate window, and of what it is compared with.

    *settings* come from `settled_times`; *refused* are rows of the ledger of files that this run
    could not read. Raises `UndecidableError` where the store holds no event with a time.
    """
    cursors = cursors_of(kept)
    extent = extent_of(cursors)
    if extent is None:
        raise UndecidableError(
            f"the store {kept.folder} holds no event with a time",
            hint="rates need times: analyze doctor LOGS tells what was understood",
        )
    window = _stretch(kept, settings, extent)
    own = [
        one
        for one in cursors
        if (last := one.total.last) is None
        or (last >= window.start and (one.total.first or last) < window.end)
    ]
    ledger = pl.concat([ledger_of(own), refused]).sort("log_file_path")
    return History(kept, window, {one.source_id: one.path for one in cursors}, ledger)


def _stretch(kept: store.Store, settings: Settings, extent: Window) -> Window:
    """Return the stretch that the windows may lie in: what is kept, at most `HISTORY` and the
    candidate window; all of it where the user names a baseline.
    """
    until = parse_absolute(settings.until, settings.zone) if settings.until else None
    end = min(extent.end, until) if until else extent.end
    start = extent.start
    since = parse_absolute(settings.since, settings.zone) if settings.since else None
    reach = _reach(settings)
    if reach is not None:
        start = max(start, _floor((since or end - CANDIDATE) - reach))
    for kind in ("events", "hourly", "minutes"):
        if (day := kept.manifest.horizons.get(kind)) is not None:
            start = max(start, datetime.fromisoformat(day).replace(tzinfo=UTC))
    if end <= start:
        raise UndecidableError(
            f"the store {kept.folder} holds nothing before --until {settings.until}",
            hint="analyze store info tells what it holds",
        )
    return Window(start, end)


def _reach(settings: Settings) -> timedelta | None:
    """Return how far before the candidate window a baseline may lie; None where that is not known
    before the windows are chosen.
    """
    (text, *more) = settings.baseline
    if more:
        return timedelta()  # paths
    if text == "auto":
        return HISTORY
    duration = parse_duration(text.removeprefix(SAME_HOURS))
    # A candidate window that is not named is as long as the baseline.
    return None if duration is None else 2 * duration


def to_hours(choice: Choice) -> Choice:
    """Move the borders of *choice* to full hours: the store counts by hour, and an hour lies in one
    window.
    """
    cut = _floor(choice.candidate.start)
    baseline = []
    for one in choice.baseline:
        start, end = _floor(one.start), _ceil(one.end)
        end = min(end, cut) if one.start < cut else end
        if end > start:
            baseline.append(Window(start, end))
    return replace(
        choice, baseline=tuple(baseline), candidate=Window(cut, _ceil(choice.candidate.end))
    )


def described(choice: Choice) -> Choice:
    """Return *choice* with what its baseline is, where it was taken from the store by itself."""
    if not choice.baseline:
        return choice
    days = (choice.baseline[-1].end - choice.baseline[0].start) / timedelta(days=1)
    span = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} h"
    return replace(choice, description=f"the {span} in the store before the candidate window")


def refuse_since_last(settings: Settings) -> None:
    """Refuse ``--since last`` without a store: nothing is remembered of a last run."""
    if settings.since == SINCE_LAST and settings.store is None:
        raise UsageError(
            "--since last needs the store that remembers the last run", hint="add --store DIR"
        )


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _ceil(moment: datetime) -> datetime:
    floor = _floor(moment)
    return floor if floor == moment else floor + _HOUR
