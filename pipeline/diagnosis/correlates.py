"""What explains a finding: values that its events carry more often than before, and than others.

A value must be over-represented twice, against the class's own baseline and against other events
of the same window, as far as each exists: against one alone, the values that a class always
carries, or that all traffic now carries, would pass for its explanation.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import polars as pl

from pipeline.model import Correlate

Interval = Callable[[float, float, float, float], tuple[float | None, float | None, float | None]]

# The lower end of the lift's 95 % interval: at 1.5 fewer than one of a thousand values that mean
# nothing passes (tests/diagnosis/test_correlates.py), while a tenth more traffic of one kind, which
# is nobody's explanation, never does.
MINIMUM_LIFT = 1.5
# Fewer events of the past cannot tell what was usual.
_MINIMUM_REFERENCE = 5
_MAXIMUM_EACH = 12
# What each event of a new class carries is told as its place, or is part of its name.
_TOLD_ELSEWHERE = ("service", "detail")


def find_correlates(values: pl.DataFrame, interval: Interval) -> dict[str, list[Correlate]]:
    """Return the over-represented values of each finding, those that explain most of it first.

    *values*: mart `finding_values`. *interval* gives (ratio, lower, upper) of two counts with their
    totals, the reference first. The method is that of comparing two populations of events field by
    field, as log-rate analyses do, with an interval of the ratio in place of a p-value alone: what
    is asked is how much more, not whether.
    """
    found: defaultdict[str, list[Correlate]] = defaultdict(list)
    for row in values.iter_rows(named=True):
        is_constant = row["candidate_count"] == row["candidate_total"] and not row["baseline_total"]
        if is_constant and row["value_kind"] in _TOLD_ELSEWHERE:
            continue
        if correlate := _correlate(row, interval):
            found[row["finding_id"]].append(correlate)
    return {name: sorted(own, key=_order)[:_MAXIMUM_EACH] for name, own in found.items()}


def _correlate(row: dict[str, Any], interval: Interval) -> Correlate | None:
    count, total = row["candidate_count"], row["candidate_total"]
    references = [
        (row[f"{name}_count"], row[f"{name}_total"])
        for name in ("baseline", "other")
        if row[f"{name}_total"] >= _MINIMUM_REFERENCE
    ]
    if not references:
        return None
    lifts = [interval(before, of, count, total) for before, of in references]
    if any(lower is None or lower < MINIMUM_LIFT for _, lower, _ in lifts):
        return None
    known = [ratio for ratio, _, _ in lifts if ratio is not None]
    return Correlate(
        kind=row["value_kind"],
        value=row["value_text"],
        lift=min(known) if known else None,
        share=count / total,
        event_count=count,
        baseline_share=_share(row["baseline_count"], row["baseline_total"]),
        other_share=_share(row["other_count"], row["other_total"]),
    )


def _share(count: int, total: int) -> float | None:
    return count / total if total else None


def _order(one: Correlate) -> tuple[object, ...]:
    return (-one.share, -(one.lift or 1e9), one.kind, one.value)
