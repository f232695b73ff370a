"""From paths to tables: which files are read, what their lines become, where every line went.

Public: `find_streams` (what would be read), `read_stream` (one stream to batches), `Cursors` (what
is new since an earlier run; `Reader` goes on there), `merge_rollup`, `merge_minutes` and
`merge_latencies` (counts add up), `find_events` (ordinary lines, afterwards), `check_conservation`,
`load_formats`, `formats_with` (and those of a user). `reader` ties the steps together; `survey`,
`explain` and `suggest` tell what it does.
"""

from pipeline.ingest.counts import merge_minutes, merge_rollup
from pipeline.ingest.cursors import MAX_PASSES, Cursor, Cursors, Job
from pipeline.ingest.formats import load_formats
from pipeline.ingest.identity import parse_services
from pipeline.ingest.latencies import merge_latencies
from pipeline.ingest.ledger import check_conservation, ledger_frame
from pipeline.ingest.own_formats import formats_with
from pipeline.ingest.reader import Batch, Options, Reader, read_stream
from pipeline.ingest.recall import Search, find_events
from pipeline.ingest.resume import LostError
from pipeline.ingest.sources import STDIN, Stream, find_streams

__all__ = [
    "MAX_PASSES",
    "STDIN",
    "Batch",
    "Cursor",
    "Cursors",
    "Job",
    "LostError",
    "Options",
    "Reader",
    "Search",
    "Stream",
    "check_conservation",
    "find_events",
    "find_streams",
    "formats_with",
    "ledger_frame",
    "load_formats",
    "merge_latencies",
    "merge_minutes",
    "merge_rollup",
    "parse_services",
    "read_stream",
]
