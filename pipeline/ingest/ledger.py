"""Where every line went: the table of sources, and the check that no line is missing from it."""

from collections.abc import Iterable, Mapping

import polars as pl

from pipeline.errors import ConservationError
from pipeline.schema import LEDGER


def ledger_frame(rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    """Return the ledger, one row a source, in path order."""
    return pl.DataFrame(list(rows), schema=LEDGER).sort("log_file_path")


def check_conservation(ledger: pl.DataFrame) -> None:
    """Raise `ConservationError` unless each line of each source is in an event or blank.

    The check counts what was emitted against what was read: a fault in joining or parsing cannot
    pass as a smaller error count.
    """
    wrong = ledger.filter(
        pl.col("event_line_count") + pl.col("blank_line_count") != pl.col("line_count")
    )
    if wrong.is_empty():
        return
    row = wrong.row(0, named=True)
    raise ConservationError(
        f"{row['log_file_path']}: {row['line_count']:,} lines were read, but "
        f"{row['event_line_count']:,} are in events and {row['blank_line_count']:,} blank",
        hint="this is a fault of the program, not of the log; please report it with the file",
    )
