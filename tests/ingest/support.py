"""Reading for tests: text or files in, all events and the ledger out, conservation checked."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipeline.ingest import (
    Options,
    check_conservation,
    find_streams,
    ledger_frame,
    load_formats,
    merge_latencies,
    merge_minutes,
    merge_rollup,
    read_stream,
)
from pipeline.schema import EVENTS


class Read(NamedTuple):
    """What reading gave: columns of `EVENTS`, `ROLLUP`, `MINUTES`, `LEDGER`, and `EVENTS` again."""

    events: pl.DataFrame
    rollup: pl.DataFrame
    minutes: pl.DataFrame
    ledger: pl.DataFrame
    notable: pl.DataFrame
    latencies: pl.DataFrame


def options(**changes: object) -> Options:
    return Options(**{"formats": load_formats(), "keep_all": True, **changes})  # type: ignore[arg-type]


def read_paths(
    *paths: Path | str, options_: Options | None = None, input_encoding: str | None = None
) -> Read:
    """Read every stream under *paths*; events in the order of path, line and offset."""
    rows: list[dict[str, object]] = []
    batches = [
        batch
        for stream in find_streams([str(path) for path in paths], input_encoding=input_encoding)
        for batch in read_stream(stream, options_ or options(), rows)
    ]
    ledger = ledger_frame(rows)
    check_conservation(ledger)
    nothing, place = pl.DataFrame(schema=EVENTS), ("log_file_path", "line_number", "byte_offset")
    return Read(
        pl.concat([nothing, *(batch.events for batch in batches)]).sort(*place),
        merge_rollup([batch.rollup for batch in batches]),
        merge_minutes([batch.minutes for batch in batches]),
        ledger,
        pl.concat([nothing, *(batch.notable for batch in batches)]).sort(*place),
        merge_latencies([batch.latencies for batch in batches]),
    )


def read_files(
    files: Mapping[str, bytes],
    options_: Options | None = None,
    *,
    input_encoding: str | None = None,
) -> Read:
    """Read *files* (name: content) from a folder that exists only for the reading."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return read_paths(folder, options_=options_, input_encoding=input_encoding)


def read_text(text: str, options_: Options | None = None, *, name: str = "app.log") -> Read:
    """Read *text* as one file."""
    return read_files({name: text.encode()}, options_)


def read_event(text: str) -> dict[str, Any]:
    """Read *text*, which must be one event, and return its columns."""
    events = read_text(text).events
    assert events.height == 1, events["body"].to_list()
    return events.row(0, named=True)
