"""Do events of one class follow events of another: tests on times alone.

`find_lags` asks of every ordered pair whether the later class has one of the earlier within a lag
before it more often than chance allows. Chance is not a formula: the later class is moved by some
minutes, many times over, and asked again. That keeps what both have in common by the hour, and
breaks what ties them by the second. `kernels` tells then which of several such ties is direct.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.detection.distributions import binomial_sf
from pipeline.detection.kernels import direct_sources

# Calls fail within a second, are retried within some, time out at half a minute or two.
LAGS = (0.2, 1.0, 5.0, 30.0, 120.0)
# Of all pairs and lags that are tried, a false one in a thousand runs.
_FAMILY_ERROR = 1e-3
_FEWEST_EVENTS = 5
_FEWEST_TOGETHER = 3
# What is asked for is sampled evenly beyond this many events; what is looked up never is.
MAX_ASKED = 2000
MAX_SERIES = 12
# What the sums of one target hold: of more classes before it, those that show most.
MAX_SOURCES = 6
# Where nearly every event has one of the source within a lag anyway, the lag tells nothing.
_MOST_CHANCE = 0.8
# A class is moved by at most this; less where it lasted less, and then only short lags are tried.
_FARTHEST_MOVE = 1200.0
_MOVES = 8  # to either side
_GOLDEN = (math.sqrt(5) - 1) / 2
# Moved by whole minutes and hours, two jobs of one clock still meet.
_CLOCK_MOVES = (60.0, 300.0, 600.0, 900.0, 3600.0)
# Lags, in seconds, at which a source of a source and the target's own bursts are looked for; the
# former counts where it explains most of the target, far beyond its error.
_FAR, _OWN = 5.0, 5.0
_CLEAR, _MOST = 8.0, 0.4

SCHEMA = {
    "source_id": pl.String,
    "target_id": pl.String,
    "lag_seconds": pl.Float64,
    "together_count": pl.Int64,
    "asked_count": pl.Int64,
    "target_count": pl.Int64,
    "is_thinned": pl.Boolean,
    "is_cut": pl.Boolean,
    "share": pl.Float64,
    "chance_share": pl.Float64,
    "clock_share": pl.Float64,
    "baseline_count": pl.Int64,
    "baseline_share": pl.Float64,
    "p_value": pl.Float64,
    "is_significant": pl.Boolean,
    "direct_share": pl.Float64,
    "direct_error": pl.Float64,
    "renewed_share": pl.Float64,
    "tied_share": pl.Float64,
    "median_lag_seconds": pl.Float64,
}

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Series:
    """Times of one class in seconds, sorted."""

    name: str
    times: pl.Series
    is_cut: bool  # it has more events, later than these

    @property
    def count(self) -> int:
        """How many events there are."""
        return self.times.len()


def find_lags(times: pl.DataFrame, *, most_series: int = MAX_SERIES) -> pl.DataFrame:
    """Return a row per ordered pair of classes that was tested, by the lag where it shows best.

    *times*: a row an event, `series_id` str, `window_name` str (baseline, candidate), `seconds`
    float, `is_cut` bool: the class has more events later; any order. Classes of fewer than five
    events in the candidate are not tested; of more than *most_series*, those with most events are.
    Columns of the answer:

    - `together_count` of `asked_count` events of the target have one of the source at most
      `lag_seconds` before them, which is `share`; `chance_share` have when the target is moved in
      time, `clock_share` when it is moved by whole minutes or an hour, `baseline_share` of the
      `baseline_count` events of the target in the baseline (null under five of them).
    - `p_value`: of so many by chance, corrected for all pairs and lags; `is_significant` asks
      also that no moved copy has as many.
    - `direct_share`: share of the target's events that follow the source and no other class that
      it follows as well, with its standard error; null where the pair is not significant.
      `renewed_share` is the same beside the target's own past: what is left of it where the target
      comes in bursts.
      `tied_share` of the target's events stand at the very time of one of the source.
    """
    before = {one.name: one for one in _series(times, "baseline")}
    after = [one for one in _series(times, "candidate") if one.count >= _FEWEST_EVENTS]
    chosen = sorted(after, key=lambda one: (-one.count, one.name))[:most_series]
    chosen.sort(key=lambda one: one.name)
    rows = _screened(chosen)
    by_name = {one.name: one for one in chosen}
    before_each = {
        target: {
            str(row["source_id"])
            for row in rows
            if row["target_id"] == target and row["is_significant"]
        }
        for target in by_name
    }
    for target in chosen:
        # What leads to a source may lead to the target as well, too far off to show by itself.
        own = before_each[target.name]
        beyond = {name for source in own for name in before_each[source]} - {target.name}
        tested = [
            row
            for row in rows
            if row["target_id"] == target.name and row["source_id"] in own | beyond
        ]
        tested.sort(key=lambda row: (-_beyond_chance(row), str(row["source_id"])))
        known = {str(row["source_id"]): row for row in tested[:MAX_SOURCES]}
        _add_direct(known, target, by_name)
    for row in rows:
        row |= _baseline(row, before)
    return pl.DataFrame(rows, schema=SCHEMA)


def _screened(chosen: Sequence[Series]) -> list[Row]:
    """Test every ordered pair by itself."""
    if len(chosen) < 2:
        return []
    low, high = _span(chosen)
    pair_count = len(chosen) * (len(chosen) - 1)
    rows = []
    for target in chosen:
        asked = _asked(target, low, high)
        for source in chosen:
            known = _known(target, source)
            if source is target or known.count < _FEWEST_EVENTS or not asked.moves.lags:
                continue
            own = asked if known is target else _asked(known, low, high)
            rows.append(_screen(source, own, pair_count))
    return rows


def _add_direct(rows: Mapping[str, Row], target: Series, by_name: Mapping[str, Series]) -> None:
    """Add to *rows*, by their sources, what each tells of *target* beside all others."""
    if not rows:
        return
    sources = [by_name[name] for name in rows]
    known = _known(target, *sources)
    times = {one.name: one.times for one in sources}
    reach = {
        name: float(str(row["lag_seconds"])) if row["is_significant"] else _FAR
        for name, row in rows.items()
    }
    constant = _moves(target).farthest
    found = direct_sources(known.times, times, reach, constant=constant)
    # A burst of the target's own would else pass for followers of what it leads to.
    beside = direct_sources(
        known.times,
        {**times, known.name: known.times},
        {**reach, known.name: _OWN},
        constant=constant,
    )
    for name, row in rows.items():
        one = found[name]
        row |= {
            # Sums of many parts: their last digits depend on the number of threads.
            "direct_share": round(one.excess / known.count, 6),
            "direct_error": round(one.error / known.count, 6),
            "renewed_share": round(beside[name].excess / known.count, 6),
            "median_lag_seconds": _rounded(one.median_lag_seconds),
            "tied_share": one.tied_count / known.count,
        }
        if not row["is_significant"]:
            row["is_significant"] = one.excess > max(_CLEAR * one.error, _MOST * known.count)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def _beyond_chance(row: Row) -> float:
    return float(str(row["share"])) - float(str(row["chance_share"]))


def _series(times: pl.DataFrame, window: str) -> list[Series]:
    own = times.filter(pl.col("window_name") == window).sort("series_id", "seconds")
    return [
        Series(str(name), rows["seconds"], bool(rows["is_cut"].any()))
        for (name,), rows in own.group_by("series_id", maintain_order=True)
    ]


@dataclass(frozen=True, slots=True)
class Moves:
    """By how much a class is moved, and the lags that are small beside that."""

    farthest: float
    seconds: Sequence[float]
    clock: Sequence[float]
    lags: Sequence[float]


def _moves(one: Series) -> Moves:
    """Choose moves that stay within the hours in which the class has most of its events."""
    middle = one.times.quantile(0.9, "nearest") - one.times.quantile(0.1, "nearest")  # type: ignore[operator]
    farthest = min(_FARTHEST_MOVE, middle / 3)
    nearest = farthest / 6
    steps = [nearest + (farthest - nearest) * ((at * _GOLDEN) % 1) for at in range(1, _MOVES + 1)]
    clock = [move for move in _CLOCK_MOVES if move <= max(farthest, middle / 2)]
    return Moves(
        farthest,
        [sign * step for step in steps for sign in (1, -1)],
        [sign * move for move in clock for sign in (1, -1)],
        [lag for lag in LAGS if lag <= nearest],
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """Events of a target at their true time, then moved, then moved by the clock: one after
    another.
    """

    target: Series
    moves: Moves
    count: int
    times: pl.Series
    parts: pl.Series


def _asked(target: Series, low: float, high: float) -> Asked:
    moves = _moves(target)
    times = _thinned(target.times, MAX_ASKED)
    count = times.len()
    shifts = [0.0, *moves.seconds, *moves.clock]
    moved = [(times + (by - low)) % (high - low) + low for by in shifts]
    parts = pl.Series("part", range(len(shifts)), dtype=pl.Int32)
    return Asked(
        target, moves, count, pl.concat([times, *moved[1:]]), parts.repeat_by(count).explode()
    )


def _screen(source: Series, asked: Asked, pair_count: int) -> Row:
    """Count at every lag, at the true time and at the moved ones; keep the clearest lag."""
    lags, moves, count = asked.moves.lags, asked.moves, asked.count
    waits = pl.DataFrame([asked.parts, waits_after(source.times, asked.times).alias("wait")])
    counts = (
        waits.group_by("part", maintain_order=True)
        .agg((pl.col("wait") <= lag).sum().alias(f"{at}") for at, lag in enumerate(lags))
        .drop("part")
    )
    real, last = counts.row(0), 1 + len(moves.seconds)
    totals = counts[1:last].sum().row(0)
    chances = [(total + 0.5) / (count * len(moves.seconds) + 1) for total in totals]
    gains = [
        _gain(one, count, chance) if chance <= _MOST_CHANCE else 0.0
        for one, chance in zip(real, chances, strict=True)
    ]
    at = gains.index(max(gains))
    tries = pair_count * len(lags)
    p_value = min(1.0, tries * binomial_sf(real[at], count, chances[at]))
    highest = int(str(counts[1:last][f"{at}"].max()))
    clock = counts[last:][f"{at}"]
    is_significant = (
        p_value < _FAMILY_ERROR
        and real[at] > highest
        and real[at] - chances[at] * count >= _FEWEST_TOGETHER
    )
    return {
        "source_id": source.name,
        "target_id": asked.target.name,
        "lag_seconds": lags[at],
        "together_count": real[at],
        "asked_count": count,
        "target_count": asked.target.count,
        "is_thinned": count < asked.target.count,
        "is_cut": source.is_cut or asked.target.is_cut,
        "share": real[at] / count,
        "chance_share": totals[at] / (count * len(moves.seconds)),
        "clock_share": int(str(clock.max())) / count if clock.len() else None,
        "p_value": p_value,
        "is_significant": is_significant,
    }


def _gain(together: int, count: int, chance: float) -> float:
    """Log-likelihood ratio of the share found against that of chance; 0 where it is less."""
    share = together / count
    if share <= chance:
        return 0.0
    rest = (count - together) * math.log((1 - share) / (1 - chance)) if share < 1 else 0.0
    return together * math.log(share / chance) + rest


def waits_after(earlier: pl.Series, later: pl.Series) -> pl.Series:
    """Return how long before each of *later* the last of *earlier* (sorted) was, strictly."""
    place = earlier.search_sorted(later, side="left")
    wait = later - earlier.gather(place.cast(pl.Int64).clip(1) - 1)
    return pl.select(pl.when(place > 0).then(wait).otherwise(math.inf)).to_series()


def _thinned(times: pl.Series, most: int) -> pl.Series:
    """Return every n-th of *times*, so that at most *most* remain."""
    return times.gather_every(math.ceil(times.len() / most)) if times.len() > most else times


def _span(series: Sequence[Series]) -> tuple[float, float]:
    return (
        min(float(one.times[0]) for one in series),
        max(float(one.times[-1]) for one in series) + 1.0,
    )


def _known(target: Series, *sources: Series) -> Series:
    """Return *target* without what is later than the events that were cut off *sources*."""
    ends = [float(one.times[-1]) for one in sources if one.is_cut]
    if not ends or float(target.times[-1]) <= min(ends):
        return target
    return Series(target.name, target.times.filter(target.times <= min(ends)), target.is_cut)


def _baseline(row: Row, before: Mapping[str, Series]) -> Row:
    """Ask the same of the baseline: is the tie older than the rise."""
    target = before.get(str(row["target_id"]))
    source = before.get(str(row["source_id"]))
    count = target.count if target else 0
    if target is None or count < _FEWEST_EVENTS:
        return {"baseline_count": count, "baseline_share": None}
    if source is None:
        return {"baseline_count": count, "baseline_share": 0.0}
    lag = float(str(row["lag_seconds"]))
    together = int((waits_after(source.times, target.times) <= lag).sum())
    return {"baseline_count": count, "baseline_share": together / count}
