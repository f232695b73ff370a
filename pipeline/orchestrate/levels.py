"""Whether an error that is new was logged before as an ordinary line, which is only counted.

A message whose level was raised from INFO to ERROR looks like a new error. Where a class is new,
the logs are searched once more for the text of its template, by bytes (`ingest.recall`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pipeline import store
from pipeline.ingest import Options, Search, Stream, find_events
from pipeline.mining import mine
from pipeline.model import Settings
from pipeline.orchestrate.reading import options_of, redactor_of
from pipeline.orchestrate.templates import Book
from pipeline.redaction import Redactor, redact_events
from pipeline.schema import CALM, WARN_SEVERITY

# New classes that are looked for, those of most events first; each costs a search through all logs.
MAX_TEXTS = 16
# Lines that may be found: of more, none is counted, and nothing is said.
MAX_LINES = 500_000
_LEAST_CHARACTERS, _MOST_CHARACTERS = 6, 80
# What no notation of records escapes: what a template and its body have of it, the line has, too.
_LITERAL = re.compile(r"[A-Za-z][A-Za-z ,.:;_-]*[A-Za-z]")


def literal_of(template: str, body: str) -> str | None:
    """Return the longest text of letters that *template* and its *body* have in common, if any."""
    texts = (found[0][:_MOST_CHARACTERS].rstrip() for found in _LITERAL.finditer(template))
    shared = [text for text in texts if len(text) >= _LEAST_CHARACTERS and text in body]
    return max(shared, key=len, default=None)


@dataclass(frozen=True, slots=True)
class Recall:
    """Where to look again: *streams* by origin, read as they were."""

    streams: Mapping[str, Sequence[Stream]]
    options: Options
    book: Book
    redactor: Redactor | None
    staging: store.Staging

    def __call__(self, template_ids: Sequence[str]) -> pl.DataFrame:
        """Return the ordinary lines of templates by minute, columns `schema.CALM`; write them, too.

        *template_ids*: those that matter most first.
        """
        rows = self.book.table().filter(pl.col("template_id").is_in(list(template_ids)))
        texts = {
            row["template_id"]: text
            for row in rows.drop_nulls("body").iter_rows(named=True)
            if (text := literal_of(row["template"], row["body"]))
        }
        wanted = [key for key in template_ids if key in texts][:MAX_TEXTS]
        found = self._search(wanted, tuple({texts[key].encode() for key in wanted}))
        self.staging.write_table(store.CALM, found)
        return found

    def _search(self, wanted: Sequence[str], texts: tuple[bytes, ...]) -> pl.DataFrame:
        empty = pl.DataFrame(schema=CALM)
        if not texts:
            return empty
        search = Search(texts, MAX_LINES)
        parts = [
            self._counted(events, wanted, origin)
            for origin, streams in self.streams.items()
            for events in find_events(streams, search, self.options)
        ]
        if search.is_exhausted or not parts:
            return empty
        keys = ["origin", "service_name", "template_id", "bucket_start"]
        found = without_copies(pl.concat(parts)).group_by(*keys).agg(
            pl.col("severity_number").min(),
            event_count=pl.len().cast(pl.Int64),
            first_timestamp=pl.col("timestamp").min(),
        )  # fmt: skip
        return pl.concat([empty, found.select(empty.columns)]).sort(keys)

    def _counted(self, events: pl.DataFrame, wanted: Sequence[str], origin: str) -> pl.DataFrame:
        """Return the ordinary events of *wanted* templates, with what tells copies apart."""
        calm = events.filter(
            pl.col("severity_number").is_between(1, WARN_SEVERITY - 1),
            pl.col("http_response_status_code").is_null(),
            pl.col("timestamp").is_not_null(),
        )
        if self.redactor is not None:
            calm, _ = redact_events(calm, self.redactor)
        ids = mine(calm["body"], self.book.book)["template_id"]
        return calm.select(
            pl.lit(origin).alias("origin"),
            "service_name", "container_name", "log_iostream", "timestamp", "severity_number",
            "log_file_path",
            template_id=ids,
            text=pl.col("body").hash(),
            bucket_start=pl.col("timestamp").dt.truncate("1m"),
        ).filter(pl.col("template_id").is_in(list(wanted)))  # fmt: skip


def without_copies(lines: pl.DataFrame) -> pl.DataFrame:
    """Return *lines* without those that another file holds as well, as `stg_events` counts them."""
    line = ["origin", "service_name", "container_name", "log_iostream", "timestamp", "text"]
    numbered = lines.with_columns(occurrence=pl.int_range(pl.len()).over([*line, "log_file_path"]))
    return numbered.unique([*line, "occurrence"])


def recall_of(
    streams: Mapping[str, Sequence[Stream]], settings: Settings, book: Book, staging: store.Staging
) -> Recall | None:
    """Return what looks in *streams*, by origin, again; None where every event is kept anyway."""
    staging.write_table(store.CALM, pl.DataFrame(schema=CALM))
    if settings.keeps_all_events:
        return None
    redactor = redactor_of(settings) if settings.redact == "store" else None
    return Recall(streams, options_of(settings), book, redactor, staging)
