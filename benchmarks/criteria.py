"""How often success criteria are right: on counts of systems that recovered, and that did not.

    python benchmarks/criteria.py [--quick] [--seed N]

Each draw is one system: hourly counts of error classes in a baseline (a day to two weeks), an
incident in which some rise or are new, then later logs. Criteria are made by the product's own code
from the rate test's verdicts, and judged as `analyze verify` does. Counts scatter as the classes of
`benchmarks/detection.py` do: gamma noise between hours, log-normal factors between days, some
classes without either. Later logs are

- recovered: every class is back at its baseline's rate, new ones are gone,
- half: half of each class's rate during the incident goes on, where that is above its baseline,
- unrecovered: all of it goes on,
- short: recovered, but half an hour is too little to tell.

Printed is how often the whole system passes, fails, or is told to be insufficient, and the same of
single criteria (half: of those whose half is still twice the baseline's rate); beside it, what a
flat margin of ten percent above the baseline's rate would say.
"""

import argparse
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from pipeline.detection import chance_of_fewer, detect, find_limits, most_explained
from pipeline.detection.recovery import Limits
from pipeline.diagnosis.criteria import level_of
from pipeline.model import Level, Window

Array = np.ndarray[Any, np.dtype[Any]]
Generator = np.random.Generator

_START = datetime(2026, 3, 2, tzinfo=UTC)
_BASELINES = (24, 72, 168, 336)
_INCIDENTS = (6, 24)
_CLASSES = 20
_RISEN = 4
_OUTCOMES = ("recovered", "half", "unrecovered", "short")
_RIGHT = {"recovered": "pass", "half": "fail", "unrecovered": "fail", "short": "insufficient"}
_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class System:
    """Rates an hour before and during the incident, and how the counts of each class scatter."""

    before: Array
    during: Array
    shape: Array  # of the gamma noise between hours; inf: Poisson
    spread: Array  # of the log-normal factors between days

    def draw(self, rng: Generator, rates: Array, hours: int) -> Array:
        """Return counts [classes, hours]."""
        count = len(rates)
        days = np.exp(rng.normal(0, 1, (count, hours // 24 + 1)) * self.spread[:, None])
        days /= np.exp(self.spread[:, None] ** 2 / 2)
        noise = np.ones((count, hours))
        finite = np.isfinite(self.shape)
        shapes = self.shape[finite][:, None]
        noise[finite] = rng.gamma(shapes, 1 / shapes, (int(finite.sum()), hours))
        factor = days[:, np.arange(hours) // 24] * noise
        return rng.poisson(rates[:, None] * factor)


def system(rng: Generator) -> System:
    """Return a system: a few classes rise by two to fifty times, or are new."""
    before = np.exp(rng.uniform(math.log(0.1), math.log(60), _CLASSES))
    during = before.copy()
    for at in range(_RISEN):
        if rng.random() < 0.4:
            before[at] = 0.0
            during[at] = np.exp(rng.uniform(math.log(0.5), math.log(200)))
        else:
            during[at] = before[at] * np.exp(rng.uniform(math.log(2), math.log(50)))
    shape = np.exp(rng.uniform(math.log(3), math.log(50), _CLASSES))
    shape[rng.random(_CLASSES) < 0.3] = np.inf
    spread = np.where(rng.random(_CLASSES) < 0.3, 0.0, rng.uniform(0.0, 0.15, _CLASSES))
    return System(before, during, shape, spread)


@dataclass(frozen=True, slots=True)
class Asked:
    """One criterion: what the baseline lets expect, its limits, and the class's place."""

    at: int
    level: Level
    limits: Limits
    chance: float
    flat: float  # the limit of a flat margin, per hour


def asked_of(rng: Generator, of: System) -> list[Asked]:
    """Return the criteria of every class that the rate test confirms."""
    hours = int(rng.choice(_BASELINES)), int(rng.choice(_INCIDENTS))
    counts = np.hstack([of.draw(rng, of.before, hours[0]), of.draw(rng, of.during, hours[1])])
    split = _START + timedelta(hours=hours[0])
    end = split + timedelta(hours=hours[1])
    verdicts = detect(_table(counts), Window(_START, split), Window(split, end))
    risen = verdicts.filter("is_regression")
    asked = []
    chance = _CHANCE / max(risen.height, 1)
    for row in risen.iter_rows(named=True):
        level = level_of(row)
        if level is not None:
            limits = find_limits(level, row["candidate_rate"], 3.0, chance)
            flat = 1.1 * row["baseline_rate"]
            asked.append(Asked(int(row["series_id"]), level, limits, chance, flat))
    return asked


def _table(counts: Array) -> pl.DataFrame:
    classes, hours = counts.shape
    starts = [_START + timedelta(hours=at) for at in range(hours)]
    return pl.DataFrame(
        {
            "series_id": np.repeat([f"{at:03d}" for at in range(classes)], hours),
            "bucket_start": pl.Series(starts * classes).dt.cast_time_unit("us"),
            "event_count": counts.reshape(-1),
            "covered_seconds": np.full(classes * hours, 3600.0),
        }
    )


def judged(rng: Generator, of: System, asked: list[Asked], outcome: str) -> Iterator[str]:
    """Yield the status of each criterion on later logs of the longest exposure that is asked."""
    hours = max((math.ceil(one.limits.hours) for one in asked), default=3)
    rates = of.before
    if outcome in ("half", "unrecovered"):
        part = 0.5 if outcome == "half" else 1.0
        rates = np.maximum(of.before, part * of.during)
    counts = of.draw(rng, rates, hours)
    for one in asked:
        if outcome == "short":
            count, size = int(rng.poisson(rates[one.at] * 0.5)), 0.5
        else:
            count, size = int(counts[one.at].sum()), float(hours)
        yield status(one, count, size)


def status(one: Asked, count: int, hours: float) -> str:
    """Return pass, fail or insufficient, as `analyze verify` tells."""
    if count > most_explained(one.level, hours, one.chance):
        return "fail"
    unmended = one.limits.unmended
    if hours < one.limits.hours:
        return "insufficient"
    if unmended is not None and chance_of_fewer(one.level, unmended, count, hours) > _CHANCE:
        return "insufficient"
    return "pass"


def overall(states: list[str]) -> str:
    """Return the status of a system: one that fails, else one that cannot be told, decides."""
    return next((one for one in ("fail", "insufficient") if one in states), "pass")


def main() -> None:
    """Draw systems and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Formatter)
    parser.add_argument("--quick", action="store_true", help="200 systems instead of 2,000")
    parser.add_argument("--systems", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    count = options.systems or (200 if options.quick else 2000)
    rng, began = np.random.default_rng(options.seed), time.process_time()
    whole: dict[str, Counter[str]] = {one: Counter() for one in _OUTCOMES}
    single: dict[str, Counter[str]] = {one: Counter() for one in _OUTCOMES}
    flat, lengths = Counter[str](), list[float]()
    for _ in range(count):
        of = system(rng)
        asked = asked_of(rng, of)
        if not asked:
            continue
        lengths.append(max(one.limits.hours for one in asked))
        for outcome in _OUTCOMES:
            states = list(judged(rng, of, asked, outcome))
            whole[outcome][overall(states)] += 1
            far = [outcome != "half" or _is_far(of, one) for one in asked]
            single[outcome].update(one for one, counts in zip(states, far, strict=True) if counts)
        later = of.draw(rng, of.before, 3)
        flat.update(
            "pass" if later[one.at].sum() <= 3 * one.flat else "fail" for one in asked if one.flat
        )
    _print("system", whole)
    _print("single criterion", single)
    share = flat["fail"] / max(flat.total(), 1)
    print(
        f"\na flat margin of 10 % over 3 h fails {share:.1%} of recovered classes that were known"
    )
    middle, most = np.median(lengths), max(lengths)
    print(f"hours asked for: {middle:.0f} at the median, {most:.0f} at most")
    print(f"{len(lengths)} systems, seed {options.seed}, {time.process_time() - began:.0f} s")


def _is_far(of: System, one: Asked) -> bool:
    """Tell whether half of what it rose to is still a rise: twice its baseline or more."""
    return bool(of.during[one.at] >= 4 * of.before[one.at])


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the docstring."""


def _print(title: str, counts: dict[str, Counter[str]]) -> None:
    print(f"\n| {title} | pass | fail | insufficient | right |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for outcome, found in counts.items():
        total = max(found.total(), 1)
        cells = [f"{found[one] / total:.1%}" for one in ("pass", "fail", "insufficient")]
        print(f"| {outcome} | {' | '.join(cells)} | {found[_RIGHT[outcome]] / total:.1%} |")


if __name__ == "__main__":
    main()
