"""What the same request or trace id ties together, and in which order."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from pipeline.diagnosis.chain.graph import triangles
from pipeline.diagnosis.chain.words import in_baseline, percent
from pipeline.model import ChainEdge

# Below these, ids that two classes share may be a coincidence of a few requests.
MINIMUM_TOGETHER = 3
MINIMUM_SHARE = 0.2
# One class comes first where it does so under nine of ten ids; lines are sometimes late.
_ORDERED = 0.9
# A control that finds half as much as the edge itself is as good as the edge.
_CONTROL = 0.5
# Under the true parent a class follows seldom without it; a few ids in twenty are odd.
_STRAY = 0.05
_DIRECT_RATE, _DIRECT_IDS = 0.5, 3

Pair = tuple[str, str]


class Ties:
    """Ids that classes share: marts `correlated_pairs` and `correlated_triples`.

    *request_count*: requests of the candidate window, 0 where they are not known.
    """

    def __init__(
        self, names: Collection[str], pairs: pl.DataFrame, triples: pl.DataFrame, request_count: int
    ) -> None:
        self._rows: dict[Pair, dict[str, Any]] = {
            (row["source_id"], row["target_id"]): row
            for row in pairs.iter_rows(named=True)
            if row["source_id"] in names and row["target_id"] in names
        }
        self._triples: dict[frozenset[str], int] = {
            frozenset(ids): count for *ids, count in triples.iter_rows()
        }
        self._request_count = request_count

    def are_tied(self, one: str, other: str) -> bool:
        """Tell whether the two share enough ids for these to decide on their order."""
        row = self._rows.get((one, other))
        if row is None:
            return False
        return self._both(row) >= MINIMUM_TOGETHER and (
            self._both(row) >= MINIMUM_SHARE * min(row["source_id_count"], row["target_id_count"])
        )

    def unordered(self) -> list[Pair]:
        """Return the pairs that share ids, but come now in one order, now in the other."""
        return [
            (one, other)
            for one, other in sorted(self._rows)
            if one < other
            and self.are_tied(one, other)
            and not self._is_first(one, other)
            and not self._is_first(other, one)
        ]

    def edges(self) -> list[ChainEdge]:
        """Return the edges, without those that a way over a third class explains."""
        ordered = {
            pair
            for pair, row in self._rows.items()
            if row["together_count"] >= MINIMUM_TOGETHER
            and row["share"] >= MINIMUM_SHARE
            and self._is_first(*pair)
        }
        explained = set()
        for first, middle, last in triangles(ordered):
            explained |= self._explained(first, middle, last)
        return [self._edge(pair) for pair in sorted(ordered - explained)]

    def _is_first(self, source: str, target: str) -> bool:
        row = self._rows.get((source, target))
        if row is None:
            return False
        first, second = row["together_count"], row["opposite_count"]
        return bool(first >= _ORDERED * (first + second) and first >= row["tied_count"])

    def _both(self, row: Mapping[str, Any]) -> int:
        return int(row["together_count"] + row["opposite_count"] + row["tied_count"])

    def _explained(self, first: str, middle: str, last: str) -> set[Pair]:
        """Return which edge to *last* is the other one's shadow: that of *first*, if it follows
        *middle* alone; that of *middle*, if both follow *first*.

        Ids that have one of the two and not the other tell: likelihoods of both readings.
        """
        pair, onward, across = (
            self._rows[first, middle], self._rows[middle, last], self._rows[first, last],
        )  # fmt: skip
        all_three = self._triples.get(frozenset((first, middle, last)), 0)
        both = max(self._both(pair), 1)
        usual = min(max(all_three / both, 2 * _STRAY), 1 - _STRAY)
        only_first = max(pair["source_id_count"] - both, 0)
        only_middle = max(pair["target_id_count"] - both, 0)
        after_first = min(max(self._both(across) - all_three, 0), only_first)
        after_middle = min(max(self._both(onward) - all_three, 0), only_middle)
        if all(
            ids >= _DIRECT_IDS and after >= _DIRECT_RATE * usual * ids
            for after, ids in ((after_first, only_first), (after_middle, only_middle))
        ):
            return set()
        in_line = _preference(after_first, only_first, _STRAY, usual)
        # A middle class without the first may be another failure of that class, followed by
        # nothing of the kind: that it is followed tells, that it is not tells nothing.
        in_line += max(_preference(after_middle, only_middle, usual, _STRAY), 0.0)
        return {(first, last)} if in_line >= 0 else {(middle, last)}

    def _edge(self, pair: Pair) -> ChainEdge:
        row = self._rows[pair]
        chance = None
        if self._request_count:
            chance = min(row["source_id_count"] / self._request_count, 1.0)
        before = row["baseline_share"]
        known = [one for one in (chance, before) if one is not None]
        is_older = before is not None and before >= _CONTROL * row["share"]
        return ChainEdge(
            source=pair[0],
            target=pair[1],
            evidence="trace",
            grade="supported" if is_older else "observed",
            together_count=row["together_count"],
            share=row["share"],
            lift=row["share"] / chance if chance else None,
            median_lag_seconds=row["median_lag_seconds"],
            negative_control=max(known, default=None),
            checked=_checked(row, chance),
            shuffled_share=chance,
            baseline_share=before,
        )


def _preference(hits: int, tries: int, share: float, other: float) -> float:
    """Return the log-likelihood of *share* less that of *other*, given *hits* of *tries*."""
    misses = tries - hits
    return hits * math.log(share / other) + misses * math.log((1 - share) / (1 - other))


def _checked(row: Mapping[str, Any], chance: float | None) -> str:
    """Say what the order rests on, in numbers."""
    parts = [
        f"of {row['target_id_count']:,} ids of the later {row['together_count']:,} have the "
        f"earlier before it and {row['opposite_count']:,} after it"
    ]
    if row["tied_count"]:
        parts.append(f"{row['tied_count']:,} have both at one time")
    if chance is not None:
        parts.append(f"{percent(chance)} of all requests have the earlier")
    parts.append(in_baseline(row["baseline_share"], row["baseline_id_count"], "ids"))
    return "; ".join(parts)
