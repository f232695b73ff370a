"""Which of several classes that precede another does so directly.

The rate of the later class is written as a constant of its quarter hour plus, for each earlier
class, a step function of the time since its events: a linear Hawkes model, fitted by least squares
(Hansen, Reynaud-Bouret and Rivoirard, Bernoulli 21, 2015). Where A leads to B and B to C, what is
known of B leaves nothing for A to tell of C; where A leads to both B and C, nothing is left for B.
The class's own past is among the regressors, so that a burst does not pass for a follower.

The integrals of the fit are sums over points at all lags after the events, each weighted by how
densely points lie around it; no grid over the window, whose length so costs nothing.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import polars as pl

T = TypeVar("T")

# Borders of the steps, in seconds.
STEPS = (0.0, 0.1, 0.3, 0.6, 1.0, 1.7, 3.0, 5.0, 8.0, 12.0, 20.0, 50.0, 120.0)
_MAX_POINTS = 16_000
_GOLDEN = (math.sqrt(5) - 1) / 2
# Weight of one event of nothing in each step: keeps steps that hardly any event fills in bounds.
_PRIOR_EVENTS = 0.5
# A function reaches this many times the lag at which its class shows best.
_REACH = 4.0


@dataclass(frozen=True, slots=True)
class Direct:
    """How many events of the later class follow the earlier one itself, beyond all else.

    *error* is the standard error of *excess* were there none. *tied_count* events stand at the very
    time of an earlier one, which says nothing of their order, and are not in *excess*.
    """

    excess: float
    error: float
    median_lag_seconds: float | None
    tied_count: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a class's function: its events *near* to *far* seconds ago."""

    name: str
    near: float
    far: float

    @property
    def width(self) -> float:
        """How many seconds it spans."""
        return self.far - self.near


def direct_sources(
    target: pl.Series,
    sources: Mapping[str, pl.Series],
    lags: Mapping[str, float],
    *,
    constant: float,
) -> dict[str, Direct]:
    """Return what each of *sources* tells of *target* beside all others, by name.

    All series are sorted seconds. *lags* says at which lag each shows best: its function reaches
    four times as far. Rates are taken to be constant over *constant* seconds, but for the steps.
    """
    if not sources:
        return {}
    steps = [step for name in sources for step in _steps(name, lags[name], constant)]
    fit = _fit(target, sources, steps, max(constant, 1.0))
    gram, found = fit.gram, fit.found
    # First the shape that each class would have alone, then how much of each shape all need.
    places = {name: [at for at, step in enumerate(steps) if step.name == name] for name in sources}
    shapes = {name: _shape(gram, found, own) for name, own in places.items()}
    small = [
        [
            sum(x * y * gram[a][b] for x, a in _zip(shapes[one], places[one])
                for y, b in _zip(shapes[other], places[other]))
            for other in sources
        ]
        for one in sources
    ]  # fmt: skip
    right = [sum(x * found[a] for x, a in _zip(shapes[one], places[one])) for one in sources]
    for at in range(len(small)):
        small[at][at] += 1e-6 * small[at][at] + 1e-30
    factor = _cholesky(small)
    amounts = _solve(factor, right)
    rate = target.len() / fit.seconds
    answer = {}
    for at, (name, series) in enumerate(sources.items()):
        own = [steps[place] for place in places[name]]
        masses = [shape * step.width for shape, step in _zip(shapes[name], own)]
        unit = [float(place == at) for place in range(len(small))]
        variance = rate * _solve(factor, unit)[at]
        whole = sum(masses) * series.len()
        answer[name] = Direct(
            excess=amounts[at] * whole,
            error=math.sqrt(max(variance, 0.0)) * whole,
            median_lag_seconds=_median(masses, own),
            tied_count=int(target.is_in(series.implode()).sum()),
        )
    return answer


@dataclass(frozen=True, slots=True)
class _Fit:
    """Normal equations of the least squares, all rates taken off by block; *seconds* they span."""

    gram: list[list[float]]
    found: list[float]
    seconds: float


def _fit(
    target: pl.Series, sources: Mapping[str, pl.Series], steps: Sequence[Step], length: float
) -> _Fit:
    end = max(float(one[-1]) for one in (target, *sources.values()))
    points, weight = _points(sources, steps, end)
    features = _features(points, sources, steps)
    density = pl.repeat(0.0, points.len(), eager=True)
    for feature, step in zip(features, steps, strict=True):
        density = density + feature / step.width
    names = [f"{at}" for at in range(len(steps))]
    # A point at its own event, or rounded beyond the last step, lies after none.
    frame = pl.DataFrame(
        [
            _blocks(points, length),
            density.alias("density"),
            *(one.alias(name) for one, name in zip(features, names, strict=True)),
        ]
    ).filter(pl.col("density") > 0)
    weighted = frame.select("block", pl.col(names) * weight / pl.col("density"))
    sums = weighted.group_by("block").agg(pl.col(names).sum()).sort("block")
    counts = sums.select("block").join(
        _blocks(target, length).to_frame().group_by("block").len("count"),
        on="block", how="left", maintain_order="left",
    )["count"].fill_null(0)  # fmt: skip
    found = [
        float(feature.sum()) - _dot(counts, sums[name]) / length
        for feature, name in zip(_features(target, sources, steps), names, strict=True)
    ]
    gram = [[0.0] * len(names) for _ in names]
    for a, one in enumerate(names):
        for b, other in enumerate(names[: a + 1]):
            product = _dot(weighted[one], frame[other]) - _dot(sums[one], sums[other]) / length
            gram[a][b] = gram[b][a] = product
    for at, step in enumerate(steps):
        gram[at][at] += _PRIOR_EVENTS * step.width
    return _Fit(gram, found, sums.height * length)


def _blocks(times: pl.Series, length: float) -> pl.Series:
    return (times / length).floor().cast(pl.Int64).alias("block")


def _dot(one: pl.Series, other: pl.Series) -> float:
    return float(one.cast(pl.Float64).dot(other) or 0.0)


def _zip(values: Sequence[float], others: Sequence[T]) -> Iterator[tuple[float, T]]:
    return zip(values, others, strict=True)


def _shape(
    gram: Sequence[Sequence[float]], found: Sequence[float], places: Sequence[int]
) -> list[float]:
    factor = _cholesky([[gram[a][b] for b in places] for a in places])
    return [max(height, 0.0) for height in _solve(factor, [found[a] for a in places])]


def _steps(name: str, lag: float, constant: float) -> list[Step]:
    borders = [
        one for one in STEPS if one <= max(STEPS[4], min(_REACH * lag, constant / 5, STEPS[-1]))
    ]
    return [Step(name, near, far) for near, far in pairwise(borders)]


def _points(
    sources: Mapping[str, pl.Series], steps: Sequence[Step], end: float
) -> tuple[pl.Series, float]:
    """Return sorted points after the events of all *sources*, and how many events and steps one
    stands for.
    """
    total = sum(sources[step.name].len() for step in steps)
    turns = max(1, min(4, _MAX_POINTS // max(total, 1)))
    parts = []
    for place, step in enumerate(steps):
        series = sources[step.name]
        ranks = pl.Series(range(series.len()), dtype=pl.Float64)
        for turn in range(turns):
            phase = (ranks * _GOLDEN + 0.37 * place) % 1.0
            parts.append(series + step.near + step.width * (phase + turn) / turns)
    points = pl.concat(parts).sort()
    every = math.ceil(points.len() / _MAX_POINTS)
    points = points.gather_every(every)
    return points.filter(points <= end), every / turns


def _features(
    points: pl.Series, sources: Mapping[str, pl.Series], steps: Sequence[Step]
) -> list[pl.Series]:
    """Return for each step how many events of its class lie so far before each point."""
    before: dict[tuple[str, float], pl.Series] = {}
    for step in steps:
        for border in (step.near, step.far):
            if (step.name, border) not in before:
                place = sources[step.name].search_sorted(points - border, side="left")
                before[step.name, border] = place.cast(pl.Float64)
    return [before[step.name, step.near] - before[step.name, step.far] for step in steps]


def _cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    size = len(matrix)
    factor = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            if i == j:
                # A matrix that sampling made a little indefinite is held above zero.
                factor[i][i] = math.sqrt(max(rest, 1e-9 * abs(matrix[i][i]), 1e-300))
            else:
                factor[i][j] = rest / factor[j][j]
    return factor


def _solve(factor: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    size = len(factor)
    middle = [0.0] * size
    for i in range(size):
        middle[i] = (right[i] - sum(factor[i][k] * middle[k] for k in range(i))) / factor[i][i]
    answer = [0.0] * size
    for i in reversed(range(size)):
        rest = middle[i] - sum(factor[k][i] * answer[k] for k in range(i + 1, size))
        answer[i] = rest / factor[i][i]
    return answer


def _median(masses: Sequence[float], steps: Sequence[Step]) -> float | None:
    """Return the lag below which half of the mass lies; null where there is none."""
    kept = [max(mass, 0.0) for mass in masses]
    half = sum(kept) / 2
    if half <= 0:
        return None
    for mass, step in zip(kept, steps, strict=True):
        if mass >= half:
            return step.near + step.width * half / mass
        half -= mass
    return steps[-1].far
