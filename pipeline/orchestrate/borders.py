"""Hours that a window's border lies in, counted again: cut at the border.

Requests are counted by the hour while it is not known yet which windows will be compared; a border
that is named beforehand cuts its hour at once (`windows.named_borders`), one that the end of the
data gives cannot. Where requests lie on both sides of such a border, the sources of that hour are
read once more, and the hour's counts replaced.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from pipeline.diagnosis.windows import Choice, named_borders
from pipeline.ingest import STDIN, Stream, merge_latencies, merge_rollup, read_stream
from pipeline.model import Settings
from pipeline.orchestrate.reading import Tables, Tell, options_of, redacted_counts, redactor_of

_HOUR = timedelta(hours=1)
# Reading is most of what a large run costs, and one hour of many is what is gained: from here on
# the hour belongs to neither window, as that of standard input.
_MOST_BYTES = 64 << 20
# No line holds it, so that no event is kept.
_NOTHING = ("\x00",)
_Merge = Callable[[list[pl.DataFrame]], pl.DataFrame]


def cut_at_borders(
    inputs: Mapping[str, Tables],
    streams: Mapping[str, Sequence[Stream]],
    choice: Choice,
    settings: Settings,
    tell: Tell,
) -> dict[str, Tables]:
    """Return *inputs* with the hours of requests cut at the borders of *choice*.

    *streams* are those that were read, by origin. What came from standard input stays as it is: its
    hour belongs to neither window.
    """
    cut = dict(inputs)
    for origin, tables in inputs.items():
        borders = _uncut(tables.rollup, choice, origin, named_borders(settings))
        again = _streams_of(streams[origin], tables.ledger, borders) if borders else None
        if again:
            tell("counting again the hours on the borders of the windows")
            cut[origin] = _cut(tables, again, borders, settings)
    return cut


def _uncut(
    rollup: pl.DataFrame, choice: Choice, origin: str, named: Sequence[datetime]
) -> tuple[datetime, ...]:
    """Return the borders with requests on both sides in a row of *rollup*."""
    requests = rollup.filter(pl.col("http_response_status_code").is_not_null())
    windows = choice.table().filter(pl.col("origin") == origin)
    edges = {*windows["window_start"].to_list(), *windows["window_end"].to_list()} - {*named}
    spans = requests.select("first_timestamp", "last_timestamp").unique()
    return tuple(
        edge
        for edge in sorted(edges)
        if spans.filter(
            (pl.col("first_timestamp") < edge) & (pl.col("last_timestamp") >= edge)
        ).height
    )


def _streams_of(
    streams: Sequence[Stream], ledger: pl.DataFrame, borders: Sequence[datetime]
) -> list[Stream]:
    """Return the streams with events in an hour of *borders*; none where one cannot be read again,
    or where they are large.
    """
    hours = [(hour, hour + _HOUR) for hour in map(_hour_of, borders)]
    reaches = pl.any_horizontal(
        (pl.col("first_timestamp") < end) & (pl.col("last_timestamp") >= start)
        for start, end in hours
    )
    reached = ledger.filter(reaches)
    if reached["byte_count"].sum() > _MOST_BYTES:
        return []
    paths = set(reached["log_file_path"].to_list())
    found = [one for one in streams if any(source.path in paths for source in one.sources)]
    return [] if any(source.path == STDIN for one in found for source in one.sources) else found


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _cut(
    tables: Tables, streams: Sequence[Stream], borders: tuple[datetime, ...], settings: Settings
) -> Tables:
    asked = options_of(settings)
    options = replace(asked, borders=(*asked.borders, *borders), keep_all=False, texts=_NOTHING)
    batches = [batch for stream in streams for batch in read_stream(stream, options, [])]
    hours = pl.Series("hour", sorted({_hour_of(border) for border in borders}))
    return replace(
        tables,
        rollup=_replaced(
            tables.rollup, [one.rollup for one in batches], hours, merge_rollup, settings
        ),
        latencies=_replaced(
            tables.latencies, [one.latencies for one in batches], hours, merge_latencies, settings
        ),
    )


def _replaced(
    counts: pl.DataFrame,
    parts: list[pl.DataFrame],
    hours: pl.Series,
    merge: _Merge,
    settings: Settings,
) -> pl.DataFrame:
    """Return *counts* with the rows of *hours* from *parts*."""
    is_cut = pl.col("bucket_start").dt.truncate("1h").is_in(hours.implode()).fill_null(False)
    fresh = merge([one.filter(is_cut) for one in parts])
    if settings.redact == "store":
        fresh = redacted_counts(fresh, merge, redactor_of(settings))
    whole = pl.concat([counts.filter(~is_cut), fresh.select(counts.columns)])
    return whole.sort(*whole.columns, nulls_last=True)
