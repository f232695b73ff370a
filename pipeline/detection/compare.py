"""The rate test: did a class of errors become more frequent than its baseline says, beyond chance?

A moderated negative-binomial predictive test: many classes, few replicate windows, so each class's dispersion is shrunk
towards that of all (the idea of edgeR: Robinson and Smyth, Bioinformatics 23, 2007, and of limma: Smyth, SAGMB 3, 2004).
`docs/decisions/002-rate-test.md` has the measurements behind the constants. Counts in, values out: this module reads no
files and knows no windows' names.

For one class with baseline total B over offset O_b, and Y in the candidate over O_w:

    expected   E = (B + prior) / O_b * O_w
    dispersion a = fast / w + slow,  w buckets a window; both scales shrunk to the pool
    test       p = P[NB(mean = margin * E, variance = mean + a_eff * mean^2) >= Y],  a_eff = a (1 + 1/n_b) + 1 / (B + prior)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from pipeline.detection.distributions import nbinom_cdf, nbinom_sf
from pipeline.model import Confidence, State


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """The test's constants; the defaults are those that were measured."""

    # The null is "no more than 10 % more": p reads as the chance of a rise beyond what nobody acts on.
    margin: float = 1.1
    false_discovery_rate: float = 0.05
    # With few classes the false-discovery step alone is too lenient: each must stand by itself, too.
    single_p: float = 0.005
    suspected_p: float = 0.01
    minimum_ratio: float = 1.25
    minimum_excess: float = 2.5
    minimum_new_count: int = 3
    # A class never seen is one of very many that might appear: half an event (Jeffreys) would call for
    # eight events against none in windows of equal length; a tenth calls for four or five.
    prior_count: float = 0.5
    prior_new_count: float = 0.1
    # How many windows' worth of evidence the pool's dispersion counts for.
    pool_weight: float = 16.0
    default_slow: float = 0.02
    default_fast: float = 0.1
    # ln 20: total events replace time as the offset only where they explain the baseline twenty times better.
    event_offset_margin: float = 3.0
    minimum_baseline_seconds: float = 30.0


@dataclass(slots=True)
class Series:
    """One class's buckets, baseline and candidate apart: counts, covered seconds, exposure."""

    series_id: str
    baseline: list[float] = field(default_factory=list)
    candidate: list[float] = field(default_factory=list)
    baseline_raw: int = 0
    candidate_raw: int = 0
    baseline_seconds: list[float] = field(default_factory=list)
    candidate_seconds: list[float] = field(default_factory=list)
    baseline_exposure: list[float | None] = field(default_factory=list)
    candidate_exposure: list[float | None] = field(default_factory=list)
    exposure_kind: str = "requests"


@dataclass(slots=True)
class Comparison:
    """What the test says of one class."""

    series: Series
    offset: str
    expected: float
    expected_by_bucket: list[float]
    mu: list[float]
    alpha: float = 0.0
    effective: float = 0.0
    p: float = 1.0
    p_plain: float = 1.0
    p_lower: float = 1.0
    p_raw: float = 1.0
    q: float = 1.0
    state: State = State.UNKNOWN
    confidence: Confidence = Confidence.NONE


def compare(series: Sequence[Series], settings: DetectionSettings) -> list[Comparison]:
    """Test every class and correct for their number; one comparison a series, in the same order."""
    found = [_expect(one, settings) for one in series]
    testable = [one for one in found if _is_testable(one.series, settings)]
    _shrink(testable, settings)
    for one in testable:
        _test(one, settings)
    for one, q in zip(testable, _q_values([one.p for one in testable]), strict=True):
        one.q = q
    for one in testable:
        _judge(one, settings)
    return found


def _is_testable(series: Series, settings: DetectionSettings) -> bool:
    return (
        sum(series.baseline_seconds) >= settings.minimum_baseline_seconds
        and sum(series.candidate_seconds) > 0
    )


def _prior(series: Series, settings: DetectionSettings) -> float:
    return settings.prior_count if sum(series.baseline) else settings.prior_new_count


def _expect(series: Series, settings: DetectionSettings) -> Comparison:
    """Choose what the rate is per (time, requests or events) by the baseline's own likelihood."""
    total = sum(series.baseline)
    choices = [("time", series.baseline_seconds, series.candidate_seconds)]
    if _has_exposure(series):
        kind = series.exposure_kind
        choices.append((kind, series.baseline_exposure, series.candidate_exposure))  # type: ignore[arg-type]
    best: tuple[float, str, Sequence[float], Sequence[float]] | None = None
    for name, before, after in choices:
        offset = sum(before)
        if offset <= 0:
            continue
        likelihood = _likelihood(series.baseline, before, total / offset)
        needed = settings.event_offset_margin if name == "events" else 0.0
        if best is None or likelihood >= best[0] + needed:
            best = (likelihood, name, before, after)
    if best is None:
        return Comparison(series, "time", 0.0, [], [])
    _, name, before, after = best
    rate = (total + _prior(series, settings)) / sum(before)
    mu = [total / sum(before) * part for part in before]
    by_bucket = [rate * part for part in after]
    return Comparison(series, name, sum(by_bucket), by_bucket, mu)


def _has_exposure(series: Series) -> bool:
    both = [*series.baseline_exposure, *series.candidate_exposure]
    return (
        bool(both)
        and all(value is not None for value in both)
        and sum(value for value in series.baseline_exposure if value) > 0
        and sum(value for value in series.candidate_exposure if value) > 0
    )


def _likelihood(counts: Sequence[float], offsets: Sequence[float], rate: float) -> float:
    """Poisson log-likelihood up to what does not depend on the offset's shape."""
    total = 0.0
    for count, offset in zip(counts, offsets, strict=True):
        mean = rate * offset
        if count > 0:
            total += count * math.log(mean) if mean > 0 else -1e9
        total -= mean
    return total


def _shrink(found: Sequence[Comparison], settings: DetectionSettings) -> None:
    """Estimate each class's dispersion at two scales and draw it towards the pool's median."""
    if not found:
        return
    rows = [(_hourly_noise(one), _block_noise(one)) for one in found]
    slow_pool = [s - h / w for (h, _), (s, n, w, m) in rows if n >= 3 and w > 1 and m > 5]  # type: ignore[misc]
    slow_prior = max(median(slow_pool), 0.005) if len(slow_pool) >= 10 else settings.default_slow
    fast_pool = [max(h - slow_prior, 0.0) for one, ((h, mean), _) in zip(found, rows, strict=True)
                 if mean > 1]  # fmt: skip
    fast_prior = median(fast_pool) if len(fast_pool) >= 10 else settings.default_fast
    weight = settings.pool_weight
    for one, ((hour, mean), (block, count, width, block_mean)) in zip(found, rows, strict=True):
        slow = slow_prior
        if count >= 3 and width > 1:
            raw = (block - hour / width) / (1 - 1 / width)
            information = count * block_mean / (1 + block_mean)
            slow = max((information * raw + weight * slow_prior) / (information + weight), slow_prior / 2)
        information = len(one.mu) * min(mean, 1.0)
        raw_fast = max(hour - slow, 0.0)
        fast = (information * raw_fast + weight * fast_prior) / (information + weight)
        windows = max(len(one.expected_by_bucket), 1)
        one.alpha = fast / windows + slow
        blocks = max(count, 1)
        prior = _prior(one.series, settings)
        one.effective = one.alpha * (1 + 1 / blocks) + 1 / (sum(one.series.baseline) + prior)


def _hourly_noise(one: Comparison) -> tuple[float, float]:
    """Dispersion between buckets, and the mean count of one."""
    square = sum(mean * mean for mean in one.mu)
    if square <= 0:
        return 0.0, 0.0
    excess = sum((y - m) ** 2 - m for y, m in zip(one.series.baseline, one.mu, strict=True))
    return excess / square, sum(one.mu) / len(one.mu)


def _block_noise(one: Comparison) -> tuple[float, int, int, float]:
    """Dispersion between stretches of a window's length: (noise, stretches, buckets each, mean)."""
    width = max(len(one.expected_by_bucket), 1)
    count = len(one.mu) // width
    if count < 2:
        return 0.0, max(count, 1), width, 0.0
    skip = len(one.mu) - count * width
    counts, means = one.series.baseline[skip:], one.mu[skip:]
    blocks = [
        (sum(counts[i : i + width]), sum(means[i : i + width]))
        for i in range(0, count * width, width)
    ]
    square = sum(m * m for _, m in blocks)
    if square <= 0:
        return 0.0, count, width, 0.0
    excess = sum((y - m) ** 2 - m * (1 - 1 / count) for y, m in blocks)
    noise = excess / square * count / (count - 1)
    return noise, count, width, sum(m for _, m in blocks) / count


def _test(one: Comparison, settings: DetectionSettings) -> None:
    count = sum(one.series.candidate)
    mean, dispersion = one.expected, one.effective
    one.p = nbinom_sf(count, settings.margin * mean, dispersion)
    one.p_plain = nbinom_sf(count, mean, dispersion)
    one.p_lower = nbinom_cdf(count, mean, dispersion)
    one.p_raw = nbinom_sf(one.series.candidate_raw, settings.margin * mean, dispersion)


def _q_values(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg adjusted values (JRSS B 57, 1995), in the order given."""
    count = len(p_values)
    order = sorted(range(count), key=lambda index: p_values[index], reverse=True)
    q, smallest = [1.0] * count, 1.0
    for position, index in enumerate(order):
        smallest = min(smallest, p_values[index] * count / (count - position))
        q[index] = smallest
    return q


def _judge(one: Comparison, settings: DetectionSettings) -> None:
    series = one.series
    count, before = sum(series.candidate), sum(series.baseline)
    rises = count >= settings.minimum_ratio * one.expected and (
        count - one.expected >= settings.minimum_excess
    )
    enough = before > 0 or count >= settings.minimum_new_count
    is_confirmed = (
        rises and enough and one.p < settings.single_p and one.q <= settings.false_discovery_rate
    )
    is_suspected = rises and enough and one.p_plain < settings.suspected_p
    if is_confirmed or is_suspected:
        one.confidence = Confidence.CONFIRMED if is_confirmed else Confidence.SUSPECTED
        one.state = _rise_state(one, is_confirmed)
        return
    one.state = State.STEADY
    if before == 0 and series.candidate_raw > 0:
        one.state = State.NEW  # seen for the first time, too seldom to be called a regression
    elif one.p_raw < settings.single_p and series.candidate_raw - one.expected >= settings.minimum_excess and rises:
        one.state = State.BURST
    elif series.candidate_raw > count and one.p_raw < settings.single_p:
        one.state = State.BURST
    elif one.p_lower < settings.single_p and _coverage(series) >= 0.8:
        if count == 0:
            one.state = State.GONE
        elif count <= 0.5 * one.expected:
            one.state = State.DECREASED


def _coverage(series: Series) -> float:
    """Share of the candidate's covered time in that of its best bucket: absence needs presence."""
    longest = max(series.candidate_seconds, default=0.0)
    whole = longest * len(series.candidate_seconds)
    return sum(series.candidate_seconds) / whole if whole else 0.0


def _rise_state(one: Comparison, is_confirmed: bool) -> State:
    series = one.series
    if sum(series.baseline) == 0:
        return State.NEW
    if not is_confirmed:
        return State.INCREASED
    last = max(i for i, y in enumerate(series.baseline) if y)
    silent = sum(one.mu[last + 1 :])
    if silent > 0 and nbinom_cdf(0, silent, one.alpha) < 0.005:
        return State.RETURNED
    return State.ESCALATING if _still_rising(one) else State.INCREASED


def _still_rising(one: Comparison) -> bool:
    """Is the last third of the window above its first two thirds, by the same test?"""
    counts, means = one.series.candidate, one.expected_by_bucket
    cut = len(counts) * 2 // 3
    if cut == 0 or cut == len(counts) or sum(means[:cut]) <= 0:
        return False
    early, late = sum(counts[:cut]), sum(counts[cut:])
    mean = (early + 0.5) * sum(means[cut:]) / sum(means[:cut])
    return nbinom_sf(late, mean, one.alpha + 1 / (early + 0.5)) < 0.05 and late > 1.25 * mean
