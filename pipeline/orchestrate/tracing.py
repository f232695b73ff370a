"""The steps of a sample of traces, ordinary lines among them, read from the logs once more.

Ordinary lines are only counted when logs are read, so what a request did before it failed is not
known afterwards. Where lines name traces, the sources are read again, and of a sample of traces
every line is kept: when, which service, which span, and which statement of the program. The sample
is by a checksum of the trace's id, so that it is the same in every run and whole traces are in it.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import store
from pipeline.diagnosis.windows import Choice
from pipeline.ingest import STDIN, Options, Stream, read_stream
from pipeline.mining import mine
from pipeline.model import Settings
from pipeline.orchestrate.reading import options_of, redactor_of
from pipeline.redaction import Redactor, redact_events
from pipeline.schema import EVENTS, TRACED, WARN_SEVERITY

# Of each window, the traces with the smallest checksums: enough for shares of a few per cent, and
# some tens of thousands of steps.
MAX_TRACES = 2000
# What is read a second time unasked: some seconds, and less where no error rose.
_RISEN_BYTES, _CALM_BYTES = 256 * 2**20, 64 * 2**20
# Of one trace, its first steps: a batch job under one id is no request.
MAX_STEPS = 2000
MAX_STATEMENT_CHARACTERS = 200
# The ids themselves say nothing of the statement, and stand in front of many.
_IDS = r"(?i)^(?:[\[({, ]*(?:trace|span|request|correlation)[ _-]?id\s*[:=]\s*\S+\s*)+"
_COLUMNS = (
    "timestamp", "observed_timestamp", "service_name", "trace_id", "span_id", "severity_number",
    "scope_name", "exception_type", "body", "log_file_path", "line_number",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Retrace:
    """Where to look again: *streams* by origin, read as they were."""

    streams: Mapping[str, Sequence[Stream]]
    kept: Mapping[str, Sequence[Path]]
    options: Options
    choice: Choice
    redactor: Redactor | None
    staging: store.Staging

    def __call__(self) -> pl.DataFrame:
        """Return the events of sampled traces, columns `schema.TRACED`; write them, too."""
        nothing = Sample().steps().with_columns(origin=pl.lit(None, pl.String))
        parts = [nothing] + [
            sample.steps().with_columns(origin=pl.lit(origin))
            for origin in self.streams
            for sample in self._sampled(origin)
        ]
        found = pl.concat(parts)
        if self.redactor is not None:
            found, _ = redact_events(found, self.redactor)
        found = with_statements(found)
        found = found.sort("origin", "timestamp", "log_file_path", "line_number")
        self.staging.write_table(store.TRACED, found)
        return found

    def _sampled(self, origin: str) -> "list[Sample]":
        """Return a sample for each window that lies in the logs of *origin*."""
        spans = [one for one in self.choice.table().iter_rows() if one[1] == origin]
        names = sorted({name for name, *_ in spans})
        samples = {name: Sample() for name in names}
        for events in self._events(origin):
            traced = events.filter(
                pl.col("trace_id").is_not_null(), pl.col("timestamp").is_not_null()
            )
            if traced.is_empty():
                continue
            for name in names:
                inside = pl.any_horizontal(
                    pl.col("timestamp").is_between(start, end, closed="left")
                    for own, _, start, end in spans
                    if own == name
                )
                samples[name].add(traced.filter(inside))
        return list(samples.values())

    def _events(self, origin: str) -> Iterator[pl.DataFrame]:
        """Yield all events of *origin*: as they were kept, where all were, else from the logs."""
        if self.kept.get(origin):
            for path in self.kept[origin]:
                yield store.read_table(path).select(_COLUMNS)
            return
        again = replace(self.options, keep_all=True, notable=(), borders=())
        for stream in self.streams[origin]:
            for batch in read_stream(stream, again, []):
                yield batch.events.select(_COLUMNS)


class Sample:
    """The events of the *limit* traces whose ids have the smallest checksums, of all that is added.

    The limit only ever lowers the highest checksum that is in, so a trace that is in at the end was
    in from its first event on.
    """

    def __init__(self, limit: int = MAX_TRACES) -> None:
        self._limit = limit
        self._highest = 2**32
        self._parts: list[pl.DataFrame] = []
        self._checksums: set[int] = set()

    def add(self, events: pl.DataFrame) -> None:
        """Take of *events* (columns of `EVENTS`, each with a trace) those of the sample."""
        ids = events["trace_id"].unique()
        checksums = pl.Series([zlib.crc32(one.encode()) for one in ids], dtype=pl.Int64)
        table = pl.DataFrame({"trace_id": ids, "checksum": checksums})
        table = table.filter(pl.col("checksum") < self._highest)
        part = events.join(table, on="trace_id")
        if part.is_empty():
            return
        self._parts.append(part)
        self._checksums.update(table["checksum"])
        if len(self._checksums) > 2 * self._limit:
            self._narrow()

    def _narrow(self) -> None:
        kept = sorted(self._checksums)[: self._limit]
        if len(self._checksums) > self._limit:
            self._highest = kept[-1] + 1
            self._checksums = set(kept)
        self._parts = [pl.concat(self._parts).filter(pl.col("checksum") < self._highest)]

    def steps(self) -> pl.DataFrame:
        """Return what is in the sample, of each trace its first `MAX_STEPS` events."""
        if not self._parts:
            return pl.DataFrame(schema={name: EVENTS[name] for name in _COLUMNS})
        self._narrow()
        ordered = self._parts[0].sort("timestamp", "log_file_path", "line_number")
        firsts = ordered.group_by("trace_id", maintain_order=True).head(MAX_STEPS)
        return firsts.select(_COLUMNS)


def with_statements(events: pl.DataFrame) -> pl.DataFrame:
    """Return *events* in the columns `TRACED`: which statement of a program each is of.

    An error is its exception's type where it states one, else logger and template. Names of the
    services that are in *events* are masked: the same failure of another callee is the same.
    """
    mined = mine(events["body"])["template"]
    names = sorted(events["service_name"].drop_nulls().unique(), key=lambda one: (-len(one), one))
    distinct = mined.drop_nulls().unique()
    masked = distinct.str.replace(_IDS, "").str.replace_many(
        names, ["<service>"] * len(names), leftmost=True
    )
    template = mined.replace_strict(
        distinct, masked.str.head(MAX_STATEMENT_CHARACTERS), default=None, return_dtype=pl.String
    )
    is_error = (pl.col("severity_number") >= WARN_SEVERITY) & pl.col("exception_type").is_not_null()
    scoped = pl.concat_str("scope_name", pl.lit(template), separator=" ", ignore_nulls=True)
    return events.with_columns(
        statement=pl.when(is_error).then("exception_type").otherwise(scoped),
    ).select(pl.col(name).cast(dtype) for name, dtype in TRACED.items())


def why_not_traced(
    settings: Mapping[str, Any],
    choice: Choice,
    totals: pl.DataFrame,
    ledger: pl.DataFrame,
    *,
    has_risen: bool,
) -> str | None:
    """Return in words why traces are not looked at, or None where they are.

    *settings* are those of the run, *totals* the answer of `trace_totals`, *ledger* what was read.
    The same answers give the same words, so that a report can be checked.
    """
    asked = settings.get("trace_paths", "auto")
    if asked == "off":
        return "traces were not looked at, as --trace-paths off asks"
    if not choice.baseline:
        return "there is no baseline to hold traces against"
    if not settings.get("keeps_all_events") and STDIN in ledger["log_file_path"]:
        return "standard input cannot be read a second time; --events all keeps what is needed"
    if asked == "on":
        return None
    if totals.is_empty():
        return "no line that was kept names a trace"
    size, limit = int(ledger["byte_count"].sum()), _RISEN_BYTES if has_risen else _CALM_BYTES
    if size > limit and not settings.get("keeps_all_events"):
        return (
            f"the logs hold {size // 2**20:,} MiB, and more than {limit // 2**20:,} are read a "
            "second time only with --trace-paths on"
        )
    return None


def retrace_of(
    streams: Mapping[str, Sequence[Stream]],
    settings: Settings,
    choice: Choice,
    staging: store.Staging,
) -> Retrace:
    """Return what reads traces of *streams*, by origin, again."""
    staging.write_table(store.TRACED, pl.DataFrame(schema=TRACED))
    redactor = redactor_of(settings) if settings.redact == "store" else None
    kept: Mapping[str, Sequence[Path]] = staging.event_parts if settings.keeps_all_events else {}
    return Retrace(streams, kept, options_of(settings), choice, redactor, staging)
