"""Errors that come whenever their service begins to log again: normal at a restart.

A pool that is not warm, a peer that is not up yet: such errors say that the service was started,
not that it is ill. Logs do not show every start; a silence that ended is one that they show.
"""

import math

import polars as pl

RESTART_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "series_id": pl.String,
    "start_count": pl.Int64,
    "followed_count": pl.Int64,
    "event_count": pl.Int64,
    "after_count": pl.Int64,
    "candidate_start_count": pl.Int64,
    "candidate_followed_count": pl.Int64,
}
_AFTER = pl.duration(minutes=10)
# A start is told to the minute in which the first line stands.
_BEFORE = pl.duration(minutes=1)
_SLOT, _SLOT_SECONDS = "10m", 600.0
# Twice is the least that can be a habit, and by chance it should be once in a thousand.
_LEAST_STARTS, _LEAST_SHARE, _CHANCE = 2, 0.5, 1e-3


def find_restart_errors(
    minutes: pl.DataFrame, starts: pl.DataFrame, baseline_seconds: float
) -> pl.DataFrame:
    """Find the classes that follow the starts of their service, decided on the baseline alone.

    *minutes*: `series_id`, `window_name`, `bucket_start`, `event_count`; *starts*: `series_id`,
    `window_name` and `start`, when a service that logs the class began to log again;
    *baseline_seconds* were covered. Ten minutes after a start count, and starts, not events: a
    failing start logs many. Tested is how many starts were followed against the share of all other
    ten minutes that hold the class (binomial). Returns a row a class (`RESTART_SCHEMA`), sorted.
    """
    near = (
        starts.unique()
        .join(minutes, on=["series_id", "window_name"])
        .filter(pl.col("bucket_start").is_between(
            pl.col("start") - _BEFORE, pl.col("start") + _AFTER, closed="left"
        ))
    )  # fmt: skip
    key = ["series_id", "window_name"]
    facts = starts.unique().group_by(key).agg(start_count=pl.len().cast(pl.Int64))
    followed = near.group_by(key).agg(followed_count=pl.col("start").n_unique().cast(pl.Int64))
    after = near.unique([*key, "bucket_start"])
    own = minutes.group_by(key).agg(pl.col("event_count").sum().cast(pl.Int64))
    follows = after.group_by(key).agg(after_count=pl.col("event_count").sum().cast(pl.Int64))
    others = (
        minutes.join(after, on=[*key, "bucket_start"], how="anti")
        .group_by(key)
        .agg(other_slots=pl.col("bucket_start").dt.truncate(_SLOT).n_unique())
    )
    for table in (followed, own, follows, others):
        facts = facts.join(table, on=key, how="left")
    facts = facts.with_columns(pl.exclude(key).fill_null(0))
    before = facts.filter(window_name="baseline")
    counts = before.select("start_count", "followed_count", "other_slots")
    slots = baseline_seconds / _SLOT_SECONDS
    is_habit = [_is_habit(*row, slots=slots) for row in counts.iter_rows()]
    candidate = facts.filter(window_name="candidate").select(
        "series_id",
        candidate_start_count="start_count",
        candidate_followed_count="followed_count",
    )
    return (
        before.filter(pl.Series(is_habit, dtype=pl.Boolean))
        .join(candidate, on="series_id", how="left")
        .with_columns(pl.col("candidate_start_count", "candidate_followed_count").fill_null(0))
        .select(RESTART_SCHEMA.keys())
        .sort("series_id")
    )


def _is_habit(starts: int, followed: int, other_slots: int, *, slots: float) -> bool:
    if followed < max(_LEAST_STARTS, _LEAST_SHARE * starts):
        return False
    chance = min((other_slots + 0.5) / (slots + 1), 1.0)
    tail = sum(
        math.comb(starts, count) * chance**count * (1 - chance) ** (starts - count)
        for count in range(followed, starts + 1)
    )
    return tail < _CHANCE
