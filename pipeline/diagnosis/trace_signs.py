"""How the steps of traces changed: counts by part of the window, and what they are worth in nats.

One function a kind of change; `localisation` tells what they are and how they are put together.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import polars as pl

from pipeline.model import TraceSign
from pipeline.schema import WARN_SEVERITY

# Into how many parts `trace_steps` cuts the candidate window's traces.
PARTS = 8
SPAN = ["trace_id", "span_key"]
STEP = ["service_name", "statement"]
CALL = ["service_name", "statement", "next_statement"]
_UNIT = 2.0**16
_HOP = ["service_name", "statement", "follow_service", "follow_statement"]


@dataclass(frozen=True, slots=True)
class Priors:
    """What is supposed before anything is seen; none is fitted (`benchmarks/localise.py` tells
    what halving and doubling each does).

    *share*: both parameters of the beta prior of a share; a half is Jeffreys'. *affected*: how much
    of a slow service's steps are slow; not known, so a half. *slowdown*: scale of the logarithm of
    how much longer a step takes in a slow service: ten times is nothing unusual. *drift*: the same
    between two periods without a fault, as caches, loads and data make it: half as long again.
    *tick_ms*: what is below this is not told apart by most clocks of logs. *spread_weight*: the
    spread of all steps counts for each as so many gaps of its own. *clear*: twenty to one, as in
    Kass and Raftery's "strong".
    """

    share: float = 0.5
    affected: float = 0.5
    slowdown: float = math.log(10)
    drift: float = math.log(1.5)
    tick_ms: float = 1.0
    spread_weight: float = 4.0
    clear: float = math.log(20)
    starts: tuple[int, ...] = tuple(range(PARTS))


PRIORS = Priors()


# ---- counts by part ---------------------------------------------------------------------------

Key = tuple[str, ...]


@dataclass(slots=True)
class _Counts:
    """Numbers of one key in the baseline (first) and in each part of the candidate window."""

    values: list[list[float]]

    def sums(self, start: int) -> tuple[list[float], list[float]]:
        """Return the sums before and from part *start* on."""
        before = [sum(one[: start + 1]) for one in self.values]
        after = [sum(one[start + 1 :]) for one in self.values]
        return before, after


def _by_part(table: pl.DataFrame, keys: Sequence[str], values: Sequence[str]) -> dict[Key, _Counts]:
    """Turn rows by *keys* and `part` into counts by key."""
    found: dict[Key, _Counts] = {}
    # What is added up in Python is added in one order: the last digit of a sum depends on it.
    for row in table.select(*keys, "part", *values).sort(*keys, "part").iter_rows():
        key, part, numbers = row[: len(keys)], row[len(keys)], row[len(keys) + 1 :]
        counts = found.get(key)
        if counts is None:
            counts = found[key] = _Counts([[0.0] * (PARTS + 1) for _ in values])
        for at, number in enumerate(numbers):
            counts.values[at][part + 1] += number
    return found


@dataclass(slots=True)
class StepCounts:
    """All that is counted of the steps, by part."""

    ends: dict[Key, _Counts]
    errors: dict[Key, _Counts]
    spans: dict[Key, _Counts]
    calls: dict[Key, _Counts]
    passages: dict[Key, _Counts]
    gaps: dict[Key, _Counts]

    @classmethod
    def of(cls, steps: pl.DataFrame, priors: Priors) -> "StepCounts":
        """Count *steps*, the answer of `trace_steps`."""
        went_on = steps.filter(pl.col("next_statement").is_not_null())
        span = pl.struct(SPAN).n_unique().alias("spans")
        log_gap = (pl.col("gap_ms").clip(0) + priors.tick_ms).log()
        # In whole numbers, so that no sum depends on the order of its rows.
        fixed = (log_gap * _UNIT).round().cast(pl.Int64)
        hops = steps.filter(pl.col("gap_ms").is_not_null()).with_columns(log_gap=fixed)
        count = pl.len().alias("count")
        return cls(
            ends=_by_part(
                steps.filter(~pl.col("has_failed"))
                .group_by(*STEP, "part").agg(count, pl.col("is_cut").sum()),
                STEP, ["count", "is_cut"],
            ),
            errors=_by_part(
                steps.filter(pl.col("severity_number") >= WARN_SEVERITY)
                .group_by(*STEP, "part").agg(span),
                STEP, ["spans"],
            ),
            spans=_by_part(
                steps.group_by("service_name", "part").agg(span), ["service_name"], ["spans"]
            ),
            calls=_by_part(
                went_on.filter(pl.col("callee").is_not_null())
                .group_by(*CALL, "callee", "part").agg(count),
                [*CALL, "callee"], ["count"],
            ),
            passages=_by_part(went_on.group_by(*CALL, "part").agg(count), CALL, ["count"]),
            gaps=_by_part(
                hops.group_by(*_HOP, "part").agg(
                    count,
                    pl.col("log_gap").sum().alias("sum"),
                    (pl.col("log_gap") ** 2).sum().alias("squares"),
                ),
                _HOP, ["count", "sum", "squares"],
            ),
        )  # fmt: skip


# ---- likelihood ratios --------------------------------------------------------------------------


def share_rose(hits: float, of: float, usual: float, usual_of: float, prior: float) -> float:
    """Return how much likelier *hits* of *of* and *usual* of *usual_of* are with two shares, the
    first of them higher, than with one: the logarithm of the ratio, in nats.

    Beta-binomial marginal likelihoods with both parameters *prior*; a higher share is half of what
    is possible, hence ln 2. Where the share did not rise nothing speaks for it: minus infinity.
    """
    if not of or not usual_of or hits / of <= usual / usual_of:
        return -math.inf
    apart = _log_beta(hits + prior, of - hits + prior) + _log_beta(
        usual + prior, usual_of - usual + prior
    )
    alike = _log_beta(hits + usual + prior, of + usual_of - hits - usual + prior)
    return apart - alike - _log_beta(prior, prior) + math.log(2)


def took_longer(difference: float, variance: float, slowdown: float) -> float:
    """Return how much likelier a *difference* of mean logarithms is if a step became slower, by a
    half-normal with scale *slowdown*, than if it did not, in nats; *variance* is that of the
    difference without a change.
    """
    whole = variance + slowdown**2
    above = 0.5 * math.erfc(-difference * slowdown / math.sqrt(2 * variance * whole))
    if above <= 0:
        return -math.inf
    return (
        math.log(2 * above)
        + 0.5 * math.log(variance / whole)
        + difference**2 / 2 * (1 / variance - 1 / whole)
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


# ---- kinds of change ----------------------------------------------------------------------------


def changed_spans(counts: StepCounts, start: int, priors: Priors) -> list[TraceSign]:
    """Return what became more frequent in spans from part *start* on, with the nats that are left
    after the number of statements that were looked at is taken off.
    """
    tried = math.log(len(counts.ends) + 1)
    found = (
        *_cut_short(counts, start, priors),
        *_more_errors(counts, start, priors),
        *_silent(counts, start, priors),
    )
    return [replace(one, nats=one.nats - tried) for one in found if one.nats > tried]


def _cut_short(counts: StepCounts, start: int, priors: Priors) -> Iterator[TraceSign]:
    """Spans that end with a statement after which they went on before."""
    for (service, statement), one in counts.ends.items():
        (usual_of, usual), (of, hits) = one.sums(start)
        nats = share_rose(hits, of, usual, usual_of, priors.share)
        yield _sign("cut_short", service, statement, None, (usual, usual_of, hits, of), nats)


def _more_errors(counts: StepCounts, start: int, priors: Priors) -> Iterator[TraceSign]:
    """Spans with a warning or error, held against the service that had the most of it before: what
    one service is known to log is nothing new in another.
    """
    spans = {key[0]: one.sums(start) for key, one in counts.spans.items()}
    most: dict[str, tuple[float, float]] = {}
    for (service, statement), one in counts.errors.items():
        (usual,), _ = one.sums(start)
        usual_of = spans[service][0][0]
        highest = most.get(statement, (0.0, 1.0))
        if usual and usual / usual_of > highest[0] / highest[1]:
            most[statement] = (usual, usual_of)
    for (service, statement), one in counts.errors.items():
        _, (hits,) = one.sums(start)
        usual, usual_of = most.get(statement, (0.0, spans[service][0][0]))
        of = spans[service][1][0]
        nats = share_rose(hits, of, usual, usual_of, priors.share)
        yield _sign("more_errors", service, statement, None, (usual, usual_of, hits, of), nats)


def _silent(counts: StepCounts, start: int, priors: Priors) -> Iterator[TraceSign]:
    """Services that write nothing where they did before, although their caller goes on as ever."""
    for (service, statement, following, callee), one in counts.calls.items():
        (usual_of,), (of,) = counts.passages[service, statement, following].sums(start)
        (called,), (calls,) = one.sums(start)
        usual, hits = usual_of - called, of - calls
        nats = share_rose(hits, of, usual, usual_of, priors.share)
        numbers = (usual, usual_of, hits, of)
        sign = _sign("silent", callee, statement, following, numbers, nats)
        yield replace(sign, other_service=service)


def _sign(
    kind: str,
    service: str,
    statement: str,
    following: str | None,
    numbers: tuple[float, float, float, float],
    nats: float,
) -> TraceSign:
    usual, usual_of, hits, of = (round(one) for one in numbers)
    return TraceSign(
        kind=kind,  # type: ignore[arg-type]
        service_name=service,
        statement=statement,
        next_statement=following,
        baseline_count=usual,
        baseline_of=usual_of,
        candidate_count=hits,
        candidate_of=of,
        nats=nats,
    )


def slow_services(
    counts: StepCounts, start: int, priors: Priors
) -> Iterator[tuple[str, float, list[TraceSign]]]:
    """Yield each service whose steps rather took longer: its nats, after the number of services is
    taken off, and the steps that did.

    A step counts for both services that it lies between. The spread of a mean has the step's own
    part and that of all steps; what all steps have in common is no service's.
    """
    steps = [one for one in (_Hop.of(key, each, start) for key, each in counts.gaps.items()) if one]
    if len(steps) < _FEWEST_STEPS:
        return
    usual = median(one.variance for one in steps)
    common = median(one.difference for one in steps)
    nats: dict[str, float] = {}
    signs: dict[str, list[TraceSign]] = {}
    for one in steps:
        variance = one.of_difference(usual, priors.spread_weight) + priors.drift**2
        ratio = took_longer(one.difference - common, variance, priors.slowdown)
        # A slow service need not be slow in everything: that is what bounds how much an unchanged
        # step can say against it.
        told = math.log1p(priors.affected * math.expm1(min(ratio, _LARGEST)))
        for service in {one.key[0], one.key[2]}:
            nats[service] = nats.get(service, 0.0) + told
            if ratio > 0:
                signs.setdefault(service, []).append(one.sign(service, told, priors.tick_ms))
    tried = math.log(len(nats))
    for service in sorted(nats):
        if nats[service] > 0:
            yield service, nats[service] - tried, signs.get(service, [])


# Fewer steps do not tell what all have in common; beyond this an exponential is no number.
_FEWEST_STEPS, _LARGEST = 3, 600.0


@dataclass(frozen=True, slots=True)
class _Hop:
    """From one statement to the next of its trace: logarithms of the gap before and now."""

    key: Key
    before: int
    now: int
    mean_before: float
    mean_now: float
    variance: float

    @classmethod
    def of(cls, key: Key, counts: _Counts, start: int) -> "_Hop | None":
        (before, *of_before), (now, *of_now) = counts.sums(start)
        if before < 2 or now < 2:
            return None
        sum_before, sum_now = of_before[0] / _UNIT, of_now[0] / _UNIT
        squares_before, squares_now = of_before[1] / _UNIT**2, of_now[1] / _UNIT**2
        within = squares_before - sum_before**2 / before + squares_now - sum_now**2 / now
        return cls(
            key,
            round(before),
            round(now),
            sum_before / before,
            sum_now / now,
            max(within, 0.0) / (before + now - 2),
        )

    @property
    def difference(self) -> float:
        return self.mean_now - self.mean_before

    def of_difference(self, usual: float, weight: float) -> float:
        """Return the variance of the difference of means, its spread drawn towards the *usual*."""
        freedom = self.before + self.now - 2
        spread = (freedom * self.variance + weight * usual) / (freedom + weight)
        return spread * (1 / self.before + 1 / self.now)

    def sign(self, service: str, nats: float, tick_ms: float) -> TraceSign:
        return TraceSign(
            kind="slower",
            service_name=service,
            statement=self.key[1],
            next_statement=self.key[3],
            other_service=next((one for one in (self.key[0], self.key[2]) if one != service), None),
            baseline_count=None,
            baseline_of=self.before,
            candidate_count=None,
            candidate_of=self.now,
            nats=nats,
            baseline_ms=max(math.exp(self.mean_before) - tick_ms, 0.0),
            candidate_ms=max(math.exp(self.mean_now) - tick_ms, 0.0),
        )
