"""What lies where in a store, and how old a store may be.

    store.json                        format and name of the store: it is one
    lock                              who runs
    manifests/00000012.json           what counts (`manifest`)
    events/date=2026-03-02/….parquet  kept events, columns `schema.EVENTS`; `log_file_path` is the
                                      id of a source
    hourly/date=…, minutes/date=…     counts of all events, `schema.ROLLUP` and `schema.MINUTES`
    changes/date=…                    lines that tell of a change, `schema.CHANGES`
    open/….parquet                    what may still grow, of all four, by source
    sources/….jsonl                   how far each file was read, and its row of the ledger: of
                                      those that are there, and by the month in which they went
    templates/, aliases/              the template book
    runs/….jsonl, runs/ID/            the runs, and the result of each
    findings/….jsonl                  what is remembered of findings from run to run

Dates are days in UTC; events without a time lie in `date=none`.
"""

from dataclasses import dataclass

STORE_FILE = "store.json"
NO_DATE = "none"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of part: its *folder*, the end of its files' names, whether it is kept by day."""

    folder: str
    ending: str = "parquet"
    is_dated: bool = False


KINDS = {
    "events": Kind("events", is_dated=True),
    "hourly": Kind("hourly", is_dated=True),
    "minutes": Kind("minutes", is_dated=True),
    "changes": Kind("changes", is_dated=True),
    "open_events": Kind("open"),
    "open_hourly": Kind("open"),
    "open_minutes": Kind("open"),
    "open_changes": Kind("open"),
    "sources": Kind("sources", "jsonl"),
    "templates": Kind("templates"),
    "aliases": Kind("aliases"),
    "evidence": Kind("evidence"),
    "runs": Kind("runs", "jsonl", is_dated=True),
    "results": Kind("runs", "json.gz", is_dated=True),
    "findings": Kind("findings", "jsonl"),
}
FOLDERS = sorted({kind.folder for kind in KINDS.values()})
# What a run compares; the other kinds say how far was read, and what runs found.
COMPARED = frozenset(
    {
        *("events", "hourly", "minutes", "changes", "aliases"),
        *("open_events", "open_hourly", "open_minutes", "open_changes"),
    }
)
