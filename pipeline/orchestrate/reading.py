"""Streams of logs into staged events and counts: everything that is read once, and written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, Self

import polars as pl

from pipeline import store
from pipeline.changes import literals_of, load_signs
from pipeline.diagnosis.windows import named_borders
from pipeline.errors import SourceError
from pipeline.ingest import (
    Batch,
    Options,
    Stream,
    check_conservation,
    find_streams,
    formats_with,
    ledger_frame,
    merge_latencies,
    merge_minutes,
    merge_rollup,
    parse_services,
    read_stream,
)
from pipeline.mining import TemplateBook, fingerprint, mine
from pipeline.model import Settings, Window
from pipeline.orchestrate.changes import ChangeLines
from pipeline.orchestrate.templates import Book
from pipeline.redaction import COUNTED, Redactor, redact_columns, redact_events
from pipeline.rules import Rule, load_rules, rule_table
from pipeline.schema import EVENTS, LATENCIES, LEDGER, WARN_SEVERITY
from pipeline.sql import classify

Tell = Callable[[str], None]


class Step(str):
    """What is being done, with how much of it is *done* of a *total*, in bytes."""

    done: int
    total: int

    def __new__(cls, text: str, done: int, total: int) -> Self:
        """Return *text* with its numbers."""
        step = super().__new__(cls, text)
        step.done, step.total = done, total
        return step


# Small parts cost footers, large ones memory: a part holds some tens of MiB of text at most.
PART_EVENTS = 40_000
# Counts are merged when this many rows wait: merging after every block would be quadratic.
_MERGE_ROWS = 400_000
RULE_TEXT_CHARACTERS = 1000
# Whose class is remembered from part to part: some tens of MiB at most.
_MOST_KNOWN_TEXTS = 20_000


@dataclass(frozen=True, slots=True)
class Tables:
    """What reading one input gave: counts of all events, where every line went, which lines tell of
    a change, and how long requests took that were drawn.
    """

    rollup: pl.DataFrame
    minutes: pl.DataFrame
    ledger: pl.DataFrame
    changes: pl.DataFrame
    extents: tuple[Window, ...]
    latencies: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LATENCIES))


def read(
    groups: Sequence[Sequence[Stream]],
    origin: str,
    settings: Settings,
    staging: store.Staging,
    book: Book,
    tell: Tell,
) -> Tables:
    """Read streams into staged events and counts; *groups* are the streams of each path given.

    *book* gives ids to templates, and counts them.

    Raises `SourceError` when nothing can be read, `ConservationError` when a line is missing.
    """
    options = options_of(settings)
    rows: list[dict[str, object]] = []
    extents = []
    rollup, minutes, latencies = _Sum(merge_rollup), _Sum(merge_minutes), _Sum(merge_latencies)
    redactor = redactor_of(settings) if settings.redact == "store" else None
    writer = PartWriter(staging, origin, book, redactor, rules_of(settings))
    changes = ChangeLines(origin, redactor)
    sizes = [sum(one.size or 0 for one in stream.sources) for part in groups for stream in part]
    done, total, next_size = 0, sum(sizes), iter(sizes)
    for streams in groups:
        first_row = len(rows)
        for stream in streams:
            tell(Step(f"reading {stream.name}", done, total))
            done += next(next_size)
            for batch in read_stream(stream, options, rows):
                writer.add(batch)
                changes.add(batch.notable)
                rollup.add(batch.rollup)
                minutes.add(batch.minutes)
                latencies.add(batch.latencies)
        extents += _extent(rows[first_row:])
    writer.flush()
    ledger = ledger_frame(rows)
    check_conservation(ledger)
    _refuse_unreadable(ledger, settings)
    ledger = _with_redactions(ledger, writer.redactions)
    by_hour, by_minute, by_length = rollup.total(), minutes.total(), latencies.total()
    if redactor is not None:
        ledger = redact_columns(ledger, redactor)
        by_hour = redacted_counts(by_hour, merge_rollup, redactor)
        by_minute = redacted_counts(by_minute, merge_minutes, redactor)
        by_length = redacted_counts(by_length, merge_latencies, redactor)
    return Tables(by_hour, by_minute, ledger, changes.table(), tuple(extents), by_length)


def options_of(settings: Settings) -> Options:
    """Return how streams are read, as *settings* ask for it."""
    return Options(
        formats=formats_with(Path(settings.formats_dir) if settings.formats_dir else None),
        zone=settings.zone,
        keep_all=settings.keeps_all_events,
        notable=literals_of(load_signs()),
        # The machine's clock, whatever moment a run is made for: later lines are of a wrong one.
        now=datetime.now(UTC),
        borders=named_borders(settings),
        services=parse_services(settings.services),
    )


def redactor_of(settings: Settings) -> Redactor:
    """Return what takes secrets out of texts, as *settings* ask for it."""
    key = settings.redaction_key
    return Redactor(pii=settings.redact_pii, key=key.encode() if key else None)


def redacted_counts(
    counts: pl.DataFrame, merge: Callable[[list[pl.DataFrame]], pl.DataFrame], redactor: Redactor
) -> pl.DataFrame:
    """Redact the names in a table of counts; what becomes equal by that is added up."""
    cleaned = redact_columns(counts, redactor)
    if cleaned is counts:
        return counts
    merged = merge([cleaned])
    return merged.sort(*merged.columns, nulls_last=True)


def _with_redactions(ledger: pl.DataFrame, redactions: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add to each source of *ledger* how many of its events held which kind of secret."""
    counted = (
        pl.concat(redactions)
        .group_by("log_file_path", "kind")
        .agg(pl.col("event_count").sum())
        .sort("log_file_path", "kind")
        .group_by("log_file_path", maintain_order=True)
        .agg(redactions=pl.struct("kind", "event_count"))
    )
    rows = ledger.drop("redactions").join(
        counted, on="log_file_path", how="left", maintain_order="left"
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in LEDGER.items())


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


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """Return the rules of a run: those of the user's own folder, and the shipped ones."""
    return load_rules([Path(settings.rules_dir)] if settings.rules_dir else ())


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


class EventParts(Protocol):
    """Where a `PartWriter` puts parts of events, by their origin."""

    event_parts: dict[str, list[Path]]

    def write_events(self, origin: str, events: pl.DataFrame) -> None:
        """Write one part."""
        ...


class PartWriter:
    """Collects kept events and writes them, redacted, mined and classified, in parts.

    Secrets go first: no template, fingerprint or class is made of one. *redactions* tells how many
    events held which.
    """

    def __init__(
        self,
        staging: EventParts,
        origin: str,
        book: Book,
        redactor: Redactor | None,
        rules: Iterable[Rule],
    ) -> None:
        self.redactions = [pl.DataFrame(schema=COUNTED)]
        self._staging = staging
        self._origin = origin
        self._book = book
        self._redactor = redactor
        self._waiting: list[pl.DataFrame] = []
        self._count = 0
        self._classes_of = Classifier(rule_table(rules))

    def add(self, batch: Batch) -> None:
        """Take the events of *batch*."""
        if batch.events.is_empty():
            return
        self._waiting.append(batch.events)
        self._count += batch.events.height
        if self._count >= PART_EVENTS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting or self._origin not in self._staging.event_parts:
            events = pl.concat(self._waiting) if self._waiting else pl.DataFrame(schema=EVENTS)
            if self._redactor is not None:
                events, counts = redact_events(events, self._redactor)
                self.redactions.append(counts)
            named = name_errors(events, self._classes_of, self._book.book)
            self._book.add(named)
            self._staging.write_events(self._origin, named)
        self._waiting, self._count = [], 0


class Classifier:
    """Tells the class of texts by *patterns* (`rules.rule_table`); null for what no rule takes.

    Parts of one run hold the same texts again and again: each is asked of the rules once.
    """

    def __init__(self, patterns: pl.DataFrame) -> None:
        self._patterns = patterns
        self._known = pl.DataFrame(schema={"text": pl.String, "error_class": pl.String})

    def __call__(self, texts: pl.Series) -> pl.Series:
        """Return the class of each of *texts*."""
        distinct = texts.drop_nulls().unique()
        new = distinct.filter(~distinct.is_in(self._known["text"].implode())).to_frame("text")
        known = self._known
        if new.height:
            named = classify(new["text"], self._patterns).select("text", "error_class")
            told = new.join(named, on="text", how="left")
            known = pl.concat([known, told])
            self._known = known if known.height <= _MOST_KNOWN_TEXTS else told
        return texts.replace_strict(
            known["text"], known["error_class"], default=None, return_dtype=pl.String
        )


def name_errors(
    events: pl.DataFrame, classes_of: Classifier, book: TemplateBook | None = None
) -> pl.DataFrame:
    """Fill template, fingerprint and error class of *events* (columns `EVENTS`); access lines have
    none.

    Rules look at distinct texts only: exception type and message, the head of the body, and the
    exception that was raised last.
    """
    if events.is_empty():
        return events
    is_access = pl.col("http_response_status_code").is_not_null()
    bodies = events.select(pl.when(~is_access).then("body"))["body"]
    mined = mine(bodies, book)
    named = events.with_columns(template_id=mined["template_id"], template=mined["template"])
    named = named.with_columns(fingerprint=fingerprint(named))
    classes = pl.coalesce(classes_of(rule_texts(named)), _failed_class())
    return named.with_columns(error_class=classes)


def rule_texts(events: pl.DataFrame) -> pl.Series:
    """Return what rules look at of each event: exception, head of the body, outermost exception.

    Where causes come last, the head has the outermost already; Python prints it at the very end.
    Null for access lines and for what is no warning or worse.
    """
    exception = pl.concat_str(
        "exception_type", pl.col("exception_message").fill_null(""), separator=": "
    )
    head = pl.col("body").str.head(RULE_TEXT_CHARACTERS)
    chain = pl.col("exception_chain")
    last = chain.list.first().str.head(RULE_TEXT_CHARACTERS)
    outermost = pl.when(chain.list.len() > 1).then(last)
    is_access = pl.col("http_response_status_code").is_not_null()
    return events.select(
        text=pl.when(~is_access & (pl.col("severity_number") >= WARN_SEVERITY)).then(
            pl.concat_str(exception, head, outermost, separator="\n", ignore_nulls=True)
        )
    )["text"]


def _failed_class() -> pl.Expr:
    status = pl.col("http_response_status_code")
    return pl.when(status >= 500).then(pl.concat_str(pl.lit("http_"), status.cast(pl.String)))


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


def streams_of(paths: Sequence[str], settings: Settings, out: Path) -> list[Stream]:
    """Find the streams below *paths*; what an earlier run wrote to *out* is none of them."""
    return find_streams(
        paths,
        skip=[out, *map(Path, settings.event_files)],
        input_encoding=settings.encoding,
        follows_outside=settings.follows_outside,
    )


def write_tables(staging: store.Staging, read_: dict[str, Tables]) -> dict[str, pl.DataFrame]:
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
