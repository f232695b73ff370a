"""Which sources no format takes, and how to teach one: said wherever it may change an answer."""

import shlex

import polars as pl

from pipeline.model import DataWarning

# Below this share of all events, what was not understood may hide what the report is about.
LOW_PARSE_COVERAGE = 0.95
# A source of few odd lines (a banner, a shell's last words) is none of an unknown layout.
_MIN_EVENTS, _UNKNOWN_SHARE = 10, 0.5
_NAMED = 3


def parse_coverage(ledger: pl.DataFrame) -> float | None:
    """Return the share of events that a format took, 0 to 1; None without events."""
    events = int(ledger["event_count"].sum())
    return 1 - int(ledger["unparsed_event_count"].sum()) / events if events else None


def not_understood(ledger: pl.DataFrame) -> list[DataWarning]:
    """Tell what share of the events no format took, in which sources, and what to do about it.

    Nothing where that is little both of the whole and of each source. *ledger* has the columns of
    `schema.LEDGER`.
    """
    parsed = parse_coverage(ledger)
    unknown = unknown_sources(ledger)
    if parsed is None or (parsed >= LOW_PARSE_COVERAGE and not unknown):
        return []
    if not unknown:
        worst = ledger.sort("unparsed_event_count", "log_file_path", descending=[True, False])
        unknown = _with_shares(worst.head(_NAMED))
    named = ", ".join(f"{path} ({_percent(share)})" for path, share in unknown[:_NAMED])
    more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
    # What to do stands before the names: these may be long, and a report cuts long texts.
    text = (
        f"{_percent(1 - parsed)} of the events were taken by no format; of these only the text is "
        "known, and only a level at the beginning makes one an error. To teach their format: "
        f"analyze formats suggest {shlex.quote(unknown[0][0])} . They are in {named}{more}"
    )
    return [DataWarning("low_coverage", text)]


def unknown_sources(ledger: pl.DataFrame) -> list[tuple[str, float]]:
    """Return the sources of which no format takes the most, with that share, most events first."""
    unparsed, events = pl.col("unparsed_event_count"), pl.col("event_count")
    return _with_shares(
        ledger.filter((unparsed >= _MIN_EVENTS) & (unparsed >= _UNKNOWN_SHARE * events)).sort(
            "unparsed_event_count", "log_file_path", descending=[True, False]
        )
    )


def _with_shares(ledger: pl.DataFrame) -> list[tuple[str, float]]:
    columns = ("log_file_path", "unparsed_event_count", "event_count")
    return [
        (path, count / events) for path, count, events in ledger.select(columns).rows() if count
    ]


def _percent(share: float) -> str:
    """Return a share with one decimal, and never as all or nothing where it is not."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return "all" if share == 1 else f"{min(round(share * 100, 1), 99.9):g} %"
