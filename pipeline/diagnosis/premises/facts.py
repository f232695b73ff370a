"""What doubts are looked for in, and what a doubt is; shared by all kinds of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pipeline.model import State, WindowName

Ask = Callable[[str], pl.DataFrame]
Row = Mapping[str, Any]
_RISES = (State.NEW, State.INCREASED, State.ESCALATING, State.RETURNED, State.BURST)
_FALLS = (State.GONE, State.DECREASED)
# Fewer texts, requests or notices than this may stand so by chance.
FEWEST = 10
FEWEST_BEFORE = 3
# Nearly all: a handler that writes twice writes every line twice, a failure repeated at random is
# repeated sometimes. Timestamps must tell the two apart, so most need parts of a second.
NEARLY_ALL = 0.8


@dataclass(frozen=True, slots=True)
class Doubt:
    """One artefact, and how its class would have been counted without it.

    *minutes*: window_name, bucket_start, event_count, first_timestamp; None where nothing is to be
    tested. *partners* are classes that are the same as *finding_id* without the artefact.
    *keeps_traffic* is false where the artefact bends what rates are per, too. *state*: what the
    evidence itself makes of the class, without a test.
    """

    kind: str
    service_name: str | None
    window: WindowName | None
    numbers: dict[str, Any]
    query_id: str
    finding_id: str | None = None
    partners: tuple[str, ...] = ()
    minutes: pl.DataFrame | None = None
    keeps_traffic: bool = True
    state: State | None = None


@dataclass(slots=True)
class Facts:
    """What doubts are looked for in: marts by name, verdicts by finding, lengths of the windows."""

    ask: Ask
    totals: Mapping[str, Row]
    verdicts: Mapping[str, Row]
    minutes: pl.DataFrame
    seconds: Mapping[WindowName, float]
    services: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # Has ordinary lines of templates, by their ids, looked for before `level_minutes` is asked.
    recall: Callable[[Sequence[str]], None] = lambda _: None

    def risen(self) -> list[str]:
        """Return the findings that the test calls risen, in order of their ids."""
        return [
            name
            for name, row in sorted(self.verdicts.items())
            if name in self.totals and is_risen(row)
        ]

    def fallen(self) -> list[str]:
        """Return the findings that ended or became fewer."""
        return [
            name
            for name, row in sorted(self.verdicts.items())
            if name in self.totals and row["state"] in _FALLS
        ]

    def of(self, name: str) -> pl.DataFrame:
        """Return the minutes of one finding."""
        return counted(self.minutes.filter(pl.col("series_id") == name))

    def home(self, name: str) -> str | None:
        """Return the one service that logs a finding, or None where several do."""
        own = self.services.get(name, frozenset())
        return next(iter(own)) if len(own) == 1 else None


def is_risen(verdict: Row) -> bool:
    """Tell whether a verdict is a rise, confirmed or suspected."""
    return verdict["confidence"] != "none" and verdict["state"] in _RISES


def facts_of(
    ask: Ask,
    totals: pl.DataFrame,
    services: pl.DataFrame,
    verdicts: pl.DataFrame,
    minutes: pl.DataFrame,
    seconds: Mapping[WindowName, float],
    recall: Callable[[Sequence[str]], None] = lambda _: None,
) -> Facts:
    """Gather what `find_doubts` reads; *minutes* as `finding_minutes`, with `series_id`."""
    by_finding = services.group_by("finding_id").agg("service_name").iter_rows()
    return Facts(
        ask,
        {row["finding_id"]: row for row in totals.iter_rows(named=True)},
        {row["series_id"]: row for row in verdicts.iter_rows(named=True)},
        minutes,
        seconds,
        {name: frozenset(own) for name, own in by_finding},
        recall,
    )


def by_window(units: pl.DataFrame) -> dict[str, dict[WindowName, Row]]:
    """Return the rows of `unit_totals` by finding and window."""
    found: dict[str, dict[WindowName, Row]] = {}
    for row in units.iter_rows(named=True):
        found.setdefault(row["finding_id"], {})[row["window_name"]] = row
    return found


def window_counts(rows: pl.DataFrame) -> dict[WindowName, int]:
    """Return how many events minutes have in each window."""
    counts: dict[WindowName, int] = {"baseline": 0, "candidate": 0}
    summed = rows.group_by("window_name").agg(pl.col("event_count").sum())
    counts.update(dict(summed.iter_rows()))
    return counts


def measured(facts: Facts, name: str, measure: str) -> pl.DataFrame:
    """Return the minutes of a finding, counted by another *measure* of `unit_minutes`."""
    rows = facts.ask("unit_minutes").filter(pl.col("finding_id") == name)
    return counted(rows.with_columns(event_count=pl.col(measure)))


def counted(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of minutes that a doubt has."""
    return rows.select(
        "window_name", "bucket_start", pl.col("event_count").cast(pl.Int64), "first_timestamp"
    )
