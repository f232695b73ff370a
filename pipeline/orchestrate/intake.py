"""New lines into the store: what was read before is not read again, and counts once.

What may still grow (the last event of each stream, a line without an end) is kept apart in the
`open` parts: it counts in every analysis, and the next run that reads its file tells it again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import store
from pipeline.errors import StoreError, UsageError
from pipeline.ingest import (
    MAX_PASSES,
    STDIN,
    Cursor,
    Cursors,
    Job,
    LostError,
    Options,
    Reader,
    Stream,
    check_conservation,
    find_streams,
    ledger_frame,
    merge_minutes,
    merge_rollup,
)
from pipeline.ingest import Batch as Read
from pipeline.mining import TemplateBook
from pipeline.model import Settings
from pipeline.orchestrate.changes import PLACE, ChangeLines
from pipeline.orchestrate.reading import (
    PartWriter,
    Step,
    Tell,
    options_of,
    redacted_counts,
    redactor_of,
    rules_of,
)
from pipeline.orchestrate.templates import Book, book_of_tables, open_book
from pipeline.schema import ALIASES, CHANGES, EVENTS, LEDGER, MINUTES, ROLLUP, TEMPLATES, Schema

NO_DATE = "none"
# As a value of --since: the last run tells where to begin.
SINCE_LAST = "last"
# All that a store holds is of one input: windows are cut from it.
ORIGIN = "candidate"
DATED = ("events", "hourly", "minutes", "changes")
EVENT_ORDER = ("timestamp", "log_file_path", "line_number", "byte_offset")
# Of the parts that hold what may still grow: whose it is.
OWNED = {"source_id": pl.String}


@dataclass(frozen=True, slots=True)
class Intake:
    """What a run read anew: *streams* are all that were found, *byte_count* what was new of them.

    *refused* are rows of the ledger of what cannot be read.
    """

    streams: list[Stream]
    byte_count: int
    line_count: int
    refused: pl.DataFrame


def take_in(
    logs: Sequence[str],
    settings: Settings,
    kept: store.Store,
    now: datetime,
    *,
    skip: Sequence[Path],
    tell: Tell,
) -> Intake:
    """Read what is new in *logs* into the store *kept*, whose lock is held: all or nothing."""
    if STDIN in logs:
        raise UsageError(
            "standard input cannot be known again, so --store does not take it",
            hint="name files or folders",
        )
    cursors = Cursors(cursors_of(kept))
    streams = find_streams(
        logs,
        skip=[*skip, kept.folder],
        input_encoding=settings.encoding,
        follows_outside=settings.follows_outside,
        known=cursors.known,
    )
    with kept.change() as batch:
        taker = _Taker(kept, batch, settings, tell)
        for _ in range(MAX_PASSES):
            jobs = cursors.plan(streams)
            if not jobs:
                break
            taker.read(jobs)
        taker.settle(cursors.absent())
        if taker.has_changed:
            taker.finish(cursors, now)
    refused = [
        one for stream in streams for one in stream.sources if one.error or one.origin is None
    ]
    rows = Reader(Stream("", tuple(refused)), options_of(settings)).ledger_rows() if refused else []
    return Intake(streams, taker.byte_count, taker.line_count, ledger_frame(rows))


def cursors_of(kept: store.Store) -> list[Cursor]:
    """Return how far each file was read. Raises `StoreError` where that cannot be told."""
    try:
        return [Cursor.from_json(row) for row in kept.rows("sources")]
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"the store {kept.folder} does not say how far files were read: {error}",
            hint="it was written by another version of this program; name another with --store",
        ) from error


@dataclass(slots=True)
class _Counts:
    """Tables of what was read: those of whole events, and, by source, of what may still grow."""

    hourly: list[pl.DataFrame] = field(default_factory=list)
    minutes: list[pl.DataFrame] = field(default_factory=list)
    changes: list[pl.DataFrame] = field(default_factory=list)

    def add(self, read: Read) -> None:
        self.hourly.append(read.rollup)
        self.minutes.append(read.minutes)


class _Taker:
    """Reads jobs into one batch of the store."""

    def __init__(
        self, kept: store.Store, batch: store.Batch, settings: Settings, tell: Tell
    ) -> None:
        self._kept = kept
        self._batch = batch
        self._settings = settings
        self._tell = tell
        # Borders lie on full hours, and `last` names one that the store counts by.
        since = None if settings.since == SINCE_LAST else settings.since
        self._options: Options = options_of(replace(settings, since=since))
        self._rules = rules_of(settings)
        self._redactor = redactor_of(settings) if settings.redact == "store" else None
        self._former = _one(kept, "templates", TEMPLATES)
        aliases = _one(kept, "aliases", ALIASES)
        is_new = self._former.is_empty()
        self._book = open_book(settings) if is_new else book_of_tables(self._former, aliases)
        self._dated = _DatedParts(batch)
        self._writer = self._new_writer(self._dated, self._book)
        self._counts: dict[str | None, _Counts] = defaultdict(_Counts)
        self._open = _Open(kept)
        self._read: dict[str, Cursor] = {}
        self.has_changed = False
        self.byte_count = self.line_count = 0

    def _new_writer(self, parts: "_DatedParts | _Memory", book: Book) -> PartWriter:
        return PartWriter(parts, "", book, self._redactor, self._rules)

    def read(self, jobs: Sequence[Job]) -> None:
        """Read what is new, and remember how far that went."""
        sizes = [
            sum(max(0, (source.size or 0) - one.offset) for source, one in _pairs(job))
            for job in jobs
        ]
        done = 0
        for job, size in zip(jobs, sizes, strict=True):
            self._tell(Step(f"reading {job.stream.name}", done, sum(sizes)))
            done += size
            self._read_job(job)

    def _read_job(self, job: Job) -> None:
        reader = Reader(job.stream, self._options, job.positions, is_live=job.is_live)
        before = [(one.offset, one.tally.reading.line_count) for one in job.positions]
        batches = reader.batches()
        try:
            first = next(batches, None)
        except LostError:
            # It was changed under us: what was open counts as it was, and reading goes on behind.
            self.settle(job.cursors)
            self._read_job(replace(job, positions=[one.position for one in job.cursors]))
            return
        if reader.whole and not job.is_anew:
            for one in job.alone():
                self._read_job(one)
            return
        self.has_changed = True
        owner = job.cursors[0].source_id if job.is_anew else None
        if owner is not None:
            self._drop_owned(owner)
        ids = {
            source.path: cursor.source_id
            for source, cursor in zip(job.stream.sources, job.cursors, strict=True)
        }
        dated = _DatedParts(self._batch, owner) if owner else self._dated
        writer = self._new_writer(dated, self._book) if owner else self._writer
        if first is not None:
            self._add(first, ids, owner, writer)
        for read in batches:
            self._add(read, ids, owner, writer)
        if owner is not None:
            writer.flush()
            self._note_redactions(writer, is_open=False)
        positions = reader.positions
        self._open.drop(ids.values())
        for read in reader.open_batches():
            # Counts do not say of which file they are: they go with the last of the stream.
            events = _with_ids(read.events, ids)
            changes = self._changes_in(_with_ids(read.notable, ids))
            self._open.add(read._replace(events=events, notable=changes), job.cursors[-1].source_id)
        reader.positions = positions
        check_conservation(ledger_frame(reader.ledger_rows()))
        for index, (source, cursor) in enumerate(zip(job.stream.sources, job.cursors, strict=True)):
            cursor.advance(reader, index, source)
            cursor.open_redactions = {}
            self._read[cursor.source_id] = cursor
            total = cursor.total.reading
            self.byte_count += total.byte_count - before[index][0]
            self.line_count += total.line_count - before[index][1]

    def _add(self, read: Read, ids: dict[str, str], owner: str | None, writer: PartWriter) -> None:
        writer.add(read._replace(events=_with_ids(read.events, ids)))
        self._counts[owner].add(read)
        if read.notable.height:
            self._counts[owner].changes.append(self._changes_in(_with_ids(read.notable, ids)))

    def _changes_in(self, notable: pl.DataFrame) -> pl.DataFrame:
        lines = ChangeLines(ORIGIN, self._redactor)
        lines.add(notable)
        return lines.table()

    def _note_redactions(self, writer: PartWriter, *, is_open: bool) -> None:
        for path, kind, count in pl.concat(writer.redactions).rows():
            if (cursor := self._read.get(path)) is not None:
                name = "open_redactions" if is_open else "redactions"
                counts = Counter(getattr(cursor, name)) + Counter({kind: count})
                setattr(cursor, name, dict(counts))
        writer.redactions = writer.redactions[:1]

    def _drop_owned(self, owner: str) -> None:
        for kind in DATED:
            own = [one for one in self._batch.parts(kind) if one.owner == owner]
            self._batch.drop(own)
        self._counts.pop(owner, None)

    def settle(self, absent: Iterable[Cursor]) -> None:
        """Let what may still have grown in files that are gone count as it is."""
        ids = [one.source_id for one in absent if one.settle()]
        if not ids:
            return
        self.has_changed = True
        taken = self._open.take(ids)
        self._dated.write(taken["events"])
        counts = self._counts[None]
        counts.hourly.append(taken["hourly"])
        counts.minutes.append(taken["minutes"])
        counts.changes.append(taken["changes"])

    def finish(self, cursors: Cursors, now: datetime) -> None:
        """Write what was collected, and let it count."""
        self._writer.flush()
        self._note_redactions(self._writer, is_open=False)
        for owner, counts in self._counts.items():
            hourly = self._cleaned(merge_rollup(counts.hourly), merge_rollup)
            minutes = self._cleaned(merge_minutes(counts.minutes), merge_minutes)
            changes = pl.concat([pl.DataFrame(schema=CHANGES), *counts.changes])
            _DatedCounts(self._batch, owner).write(hourly, minutes, changes)
        self._name_open()
        self._open.write(self._batch, self._cleaned)
        table = _with_former_counts(self._book.table(), self._former)
        self._batch.replace_table("templates", table)
        aliases = (self._book.book or TemplateBook()).alias_table()
        self._batch.replace_table("aliases", aliases)
        _write_sources(self._kept, self._batch, cursors, f"{now:%Y-%m}-01")
        self._batch.commit(now)

    def _name_open(self) -> None:
        """Give what may still grow, and was read now, its templates and classes."""
        named = _Memory()
        # They are counted in the book when they are whole.
        book = Book(pl.DataFrame(schema=TEMPLATES), self._book.book)
        writer = self._new_writer(named, book)
        for events in self._open.fresh:
            writer.add(Read(events, *[events.clear()] * 3))
        writer.flush()
        self._open.fresh = []
        self._open.events = pl.concat([self._open.events, *named.frames])
        self._note_redactions(writer, is_open=True)

    def _cleaned(self, counts: pl.DataFrame, merge: Any) -> pl.DataFrame:  # noqa: ANN401
        return counts if self._redactor is None else redacted_counts(counts, merge, self._redactor)


def _write_sources(kept: store.Store, batch: store.Batch, cursors: Cursors, month: str) -> None:
    """Write how far each file was read: those that are there, and, by the month in which they went,
    those that are not. A store of years has many of these, and they are not written again.
    """
    gone = {one.source_id: one for one in cursors.absent()}
    told: set[str] = set()
    added: list[dict[str, object]] = []
    for part in batch.parts("sources"):
        if part.date is None:
            continue
        rows = list(kept.rows_of(part))
        left = [row for row in rows if row["source_id"] in gone]
        told |= {str(row["source_id"]) for row in left}
        if len(left) < len(rows) or part.date == month:
            batch.drop([part])
            added += left if part.date == month else []
            if left and part.date != month:
                batch.add_rows("sources", left, date=part.date)
    added += [one.at_rest().to_json() for key, one in sorted(gone.items()) if key not in told]
    batch.drop([part for part in batch.parts("sources") if part.date is None])
    here = (one for key, one in sorted(cursors.by_id.items()) if key not in gone)
    batch.add_rows("sources", (one.to_json() for one in here))
    if added:
        batch.add_rows("sources", added, date=month)


def _pairs(job: Job) -> list[tuple[Any, Any]]:
    return list(zip(job.stream.sources, job.positions, strict=True))


def _one(kept: store.Store, kind: str, schema: Schema) -> pl.DataFrame:
    return next(iter(kept.tables(kind)), pl.DataFrame(schema=schema))


def _with_ids(events: pl.DataFrame, ids: dict[str, str]) -> pl.DataFrame:
    if events.is_empty():
        return events
    return events.with_columns(pl.col("log_file_path").replace(ids))


def _with_former_counts(table: pl.DataFrame, former: pl.DataFrame) -> pl.DataFrame:
    before = former.select("template_id", before="event_count")
    return (
        table.join(before, on="template_id", how="left", maintain_order="left")
        .with_columns(event_count=pl.col("event_count") + pl.col("before").fill_null(0))
        .drop("before")
    )


class _DatedParts:
    """Takes events, as a run's staging does, and adds them to the parts of their days."""

    def __init__(self, batch: store.Batch, owner: str | None = None) -> None:
        self._batch = batch
        self._owner = owner
        # The writer of parts makes an empty one where there is none: here there need be none.
        self.event_parts: dict[str, list[Path]] = {"": []}

    def write_events(self, _: str, events: pl.DataFrame) -> None:
        """Add *events*."""
        self.write(events)

    def write(self, events: pl.DataFrame) -> None:
        """Add *events* to their days."""
        for date, rows in by_date(events, "timestamp"):
            if self._owner is None:
                self._batch.append("events", rows, date, EVENT_ORDER)
            else:
                rows = rows.sort(EVENT_ORDER, nulls_last=True)
                self._batch.add_table("events", rows, date=date, owner=self._owner)


class _Memory:
    """Takes events, as a run's staging does, and keeps them."""

    def __init__(self) -> None:
        self.event_parts: dict[str, list[Path]] = {"": []}
        self.frames: list[pl.DataFrame] = []

    def write_events(self, _: str, events: pl.DataFrame) -> None:
        """Keep *events*."""
        self.frames.append(events)


class _DatedCounts:
    """Adds counts to the parts of their days."""

    def __init__(self, batch: store.Batch, owner: str | None) -> None:
        self._batch = batch
        self._owner = owner

    def write(self, hourly: pl.DataFrame, minutes: pl.DataFrame, changes: pl.DataFrame) -> None:
        """Add all three tables."""
        for kind, table in (("hourly", hourly), ("minutes", minutes), ("changes", changes)):
            time, *_ = order = PLACE if kind == "changes" else tuple(table.columns)
            for date, rows in by_date(table, time):
                if self._owner is None:
                    self._batch.append(kind, rows, date, order)
                else:
                    rows = rows.sort(order, nulls_last=True)
                    self._batch.add_table(kind, rows, date=date, owner=self._owner)


def by_date(table: pl.DataFrame, column: str) -> list[tuple[str, pl.DataFrame]]:
    """Part *table* by the day, UTC, of a time; rows without one are of the day `none`."""
    if table.is_empty():
        return []
    day = pl.col(column).dt.strftime("%Y-%m-%d").fill_null(NO_DATE)
    parts = table.with_columns(_day=day).partition_by("_day", as_dict=True, include_key=False)
    return sorted((str(key[0]), rows) for key, rows in parts.items())


class _Open:
    """What may still grow, of all files, by source."""

    def __init__(self, kept: store.Store) -> None:
        self.events = _one(kept, "open_events", EVENTS)
        self.hourly = _one(kept, "open_hourly", ROLLUP | OWNED)
        self.minutes = _one(kept, "open_minutes", MINUTES | OWNED)
        self.changes = _one(kept, "open_changes", CHANGES)
        self.fresh: list[pl.DataFrame] = []  # events of this run, which have no names yet

    def drop(self, ids: Iterable[str]) -> None:
        """Forget what was open of files that are read again."""
        self.take(list(ids))

    def take(self, ids: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Return what was open of some files, by the names of the tables, and forget it."""
        taken = {}
        for name, key in (
            ("events", "log_file_path"),
            ("hourly", "source_id"),
            ("minutes", "source_id"),
            ("changes", "log_file_path"),
        ):
            table = getattr(self, name)
            is_own = table[key].is_in(list(ids))
            taken[name] = table.filter(is_own).drop("source_id", strict=False)
            setattr(self, name, table.filter(~is_own))
        others = ~pl.col("log_file_path").is_in(list(ids))
        self.fresh = [one.filter(others) for one in self.fresh]
        return taken

    def add(self, read: Read, source_id: str) -> None:
        """Add events that may still grow, their counts, and the changes of which they tell."""
        mark = pl.lit(source_id).alias("source_id")
        self.fresh.append(read.events)
        self.changes = pl.concat([self.changes, read.notable])
        self.hourly = pl.concat([self.hourly, read.rollup.with_columns(mark)])
        self.minutes = pl.concat([self.minutes, read.minutes.with_columns(mark)])

    def write(self, batch: store.Batch, cleaned: Any) -> None:  # noqa: ANN401
        """Let this be all that is open."""
        batch.replace_table("open_events", self.events.sort(EVENT_ORDER, nulls_last=True))
        batch.replace_table("open_changes", self.changes.sort(PLACE, nulls_last=True))
        for kind, table, merge in (
            ("open_hourly", self.hourly, merge_rollup),
            ("open_minutes", self.minutes, merge_minutes),
        ):
            parts = [
                cleaned(rows.drop("source_id"), merge).with_columns(source_id=pl.lit(key[0]))
                for key, rows in sorted(table.partition_by("source_id", as_dict=True).items())
            ]
            merged = pl.concat(parts) if parts else table
            batch.replace_table(kind, merged.sort(merged.columns, nulls_last=True))


def templates_of(kept: store.Store) -> pl.DataFrame:
    """Return the template book of a store, with the events that may still grow counted in."""
    former = _one(kept, "templates", TEMPLATES)
    book = Book(former)
    for events in kept.tables("open_events"):
        book.add(events)
    return _with_former_counts(book.table(), former)


def ledger_of(cursors: Iterable[Cursor]) -> pl.DataFrame:
    """Return the ledger of what was read of each file, columns `schema.LEDGER`."""
    rows = []
    for one in cursors:
        if not one.ledger:
            continue
        counts = Counter(one.redactions) + Counter(one.open_redactions)
        redactions = [{"kind": kind, "event_count": n} for kind, n in sorted(counts.items())]
        times = {
            name: datetime.fromisoformat(text) if (text := one.ledger[name]) else None
            for name in ("first_timestamp", "last_timestamp")
        }
        rows.append(
            {**one.ledger, **times, "log_file_path": one.path, "redactions": redactions or None}
        )
    return pl.DataFrame(rows, schema=LEDGER).sort("log_file_path")
