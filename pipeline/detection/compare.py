"""The rate test: did a class of errors become more frequent than its baseline says, beyond chance?

A moderated negative-binomial predictive test: many classes, few replicate windows, so each class's
dispersion is shrunk towards that of all, as far as the classes themselves resemble each other (the
idea of edgeR: Robinson and Smyth, Bioinformatics 23, 2007, and of limma: Smyth, SAGMB 3, 2004).
`docs/decisions/002-rate-test.md` has the measurements behind the constants. Counts in, values out:
this module reads no files and knows no windows' names.

For one class with baseline total B over offset O_b, and Y in the candidate over O_w:

    expected    E = (B + prior) / O_b * O_w
    dispersion  a = fast / w + slow,  w buckets a window; both scales shrunk to the pool
    test        p = P[NB(mean = margin * E, variance = mean + a_eff * mean^2) >= Y]
                a_eff = unseen * a (1 + 1 / n_b) + 1 / (B + prior),
                n_b stretches of the window's length in the baseline;
                averaged over what is not known of a (`intervals.mixed_tail`)
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, variance

from pipeline.detection.distributions import nbinom_cdf, nbinom_sf
from pipeline.detection.intervals import mixed_tail
from pipeline.detection.seasons import Season, find_season, gain
from pipeline.model import Confidence, State

# Noise of a common class over a few hours, for rules about one class's past.
_USUAL_DISPERSION = 0.1
_HOURS_OVER_REQUESTS = 0.5
# With more of a stretch in one bucket, noise between buckets cannot be told from that between days.
_MOST_IN_ONE = 0.5


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """The test's constants; the defaults are those that were measured."""

    # The null is "no more than 7 % more": p reads as the chance of a rise that anybody acts on.
    margin: float = 1.07
    false_discovery_rate: float = 0.05
    # With few classes the false-discovery step is too lenient: each must stand by itself, too.
    single_p: float = 0.005
    suspected_p: float = 0.015
    minimum_ratio: float = 1.25
    minimum_excess: float = 2.5
    minimum_new_count: int = 3
    # A class never seen is one of very many that might appear: half an event (Jeffreys) would call
    # for eight events against none in windows of equal length; a tenth calls for four or five.
    prior_count: float = 0.5
    prior_new_count: float = 0.1
    # How many windows' worth of evidence the pool counts for, where it cannot tell itself.
    pool_weight: float = 12.0
    minimum_pool_weight: float = 4.0
    maximum_pool_weight: float = 32.0
    minimum_pool: int = 10
    default_slow: float = 0.02
    default_fast: float = 0.1
    # What lies between baseline and candidate (drift, a release) shows in no stretch of the
    # baseline: measured, squared prediction errors are 6 to 9 % larger than its noise tells.
    unseen: float = 1.1
    # ln 20: what the rate is per is settled when the baseline speaks for it twenty to one.
    offset_margin: float = 3.0
    # Nats an event between the shapes of traffic and of time: under 0.005 (traffic within 10 % of
    # its mean) no baseline can tell what a class follows, and requests are what a rate is per.
    flat_traffic: float = 0.005
    minimum_baseline_seconds: float = 30.0
    # Absence is only believed of a class whose service was logging.
    minimum_coverage: float = 0.8


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
    # The hours in which the buckets begin, counted from one midnight of a Monday.
    baseline_hours: list[int] = field(default_factory=list)
    candidate_hours: list[int] = field(default_factory=list)
    exposure_kind: str = "requests"
    window_seconds: float = 0.0

    @property
    def coverage(self) -> float:
        """Share of the candidate in which the service was logging."""
        covered = sum(self.candidate_seconds)
        return min(covered / self.window_seconds, 1.0) if self.window_seconds else 0.0


@dataclass(slots=True)
class Comparison:
    """What the test says of one class; *mu* and *expected_by_bucket* are means a bucket."""

    series: Series
    offset: str
    expected: float
    expected_by_bucket: list[float]
    mu: list[float]
    # The same by the offset that expects least: a fall must be a fall by every offset in doubt.
    expected_least: float = 0.0
    season: Season | None = None
    fast: float = 0.0
    slow: float = 0.0
    alpha: float = 0.0
    estimated: float = 0.0
    fixed: float = 0.0
    freedom: float = 1.0
    p: float = 1.0
    p_plain: float = 1.0
    p_lower: float = 1.0
    p_raw: float = 1.0
    q: float = 1.0
    needed_p: float = 0.0
    state: State = State.UNKNOWN
    confidence: Confidence = Confidence.NONE

    def tail(
        self, tail: Callable[[float, float, float], float], count: float, mean: float
    ) -> float:
        """A tail of the class's predictive distribution."""
        return mixed_tail(tail, count, mean, self.estimated, self.fixed, self.freedom)


def compare(series: Sequence[Series], settings: DetectionSettings) -> list[Comparison]:
    """Test every class and correct for their number; one comparison a series, in the same order."""
    found = [_expect(one, settings) for one in series]
    testable = [one for one in found if _is_testable(one, settings)]
    _shrink(testable, settings)
    for one in testable:
        _test(one, settings)
    for one, q in zip(testable, _q_values([one.p for one in testable]), strict=True):
        one.q = q
    for one in testable:
        _judge(one, settings)
    _tell_needed_p(testable, settings)
    return found


def is_confirmed(one: Comparison, count: float, p: float, settings: DetectionSettings) -> bool:
    """Would *count* with this p-value be a rise, given the p that the others leave it?"""
    return _rises(one, count, settings) and p < settings.single_p and p <= one.needed_p


def _tell_needed_p(found: Sequence[Comparison], settings: DetectionSettings) -> None:
    """The p-value that the next class must pass: one more beside those already found."""
    passed = sum(one.q <= settings.false_discovery_rate for one in found)
    for one in found:
        rank = passed + (one.q > settings.false_discovery_rate)
        one.needed_p = settings.false_discovery_rate * rank / len(found)


def _is_testable(one: Comparison, settings: DetectionSettings) -> bool:
    return (
        bool(one.expected_by_bucket)
        and sum(one.series.baseline_seconds) >= settings.minimum_baseline_seconds
        and sum(one.series.candidate_seconds) > 0
    )


def _prior(series: Series, settings: DetectionSettings) -> float:
    return settings.prior_count if sum(series.baseline) else settings.prior_new_count


@dataclass(frozen=True, slots=True)
class _Offset:
    name: str
    before: Sequence[float]
    after: Sequence[float]
    likelihood: float
    rate: float
    means: Sequence[float]
    season: Season | None = None

    @property
    def expected(self) -> float:
        return self.rate * sum(self.after)


def _expect(series: Series, settings: DetectionSettings) -> Comparison:
    """Choose what the rate is per by the baseline's likelihood; in doubt, what expects most."""
    offsets = [_offset(series, "time", series.baseline_seconds, series.candidate_seconds, settings)]
    if _has_exposure(series):
        before = [value or 0.0 for value in series.baseline_exposure]
        after = [value or 0.0 for value in series.candidate_exposure]
        offsets.append(_offset(series, series.exposure_kind, before, after, settings))
    usable = [one for one in offsets if one is not None]
    if not usable:
        return Comparison(series, "time", 0.0, [], [])
    open_ones = _in_doubt(usable, settings)
    seasonal = _seasonal(series, usable[0], open_ones, settings)
    if seasonal is not None:
        open_ones = [seasonal]
    chosen = max(open_ones, key=lambda one: (one.expected, one.likelihood))
    by_bucket = [chosen.rate * part for part in chosen.after]
    least = min(one.expected for one in open_ones)
    return Comparison(
        series, chosen.name, sum(by_bucket), by_bucket, list(chosen.means), least, chosen.season
    )


def _seasonal(
    series: Series, time: _Offset, others: Sequence[_Offset], settings: DetectionSettings
) -> _Offset | None:
    """Return time by the hours of other days, where no other offset tells the baseline as well.

    Requests that rise and fall with the class are why it does; their hours are only when. Hours
    must tell half as much again as requests do: noise at the same hours may tell a little more.
    """
    if not series.baseline_hours:
        return None
    season = find_season(series.baseline, series.baseline_seconds, series.baseline_hours)
    if season is None:
        return None
    least = settings.offset_margin * season.noise
    for one in others:
        needed = max(least, _HOURS_OVER_REQUESTS * gain(series.baseline, one.means, time.means))
        if gain(series.baseline, season.apart, one.means) < needed:
            return None
    before, after = (
        [size * season.factor(hour) for size, hour in zip(sizes, hours, strict=True)]
        for sizes, hours in (
            (series.baseline_seconds, series.baseline_hours),
            (series.candidate_seconds, series.candidate_hours),
        )
    )
    rate = (sum(series.baseline) + _prior(series, settings)) / sum(before)
    return _Offset(season.name, before, after, 0.0, rate, season.apart, season)


def _offset(
    series: Series,
    name: str,
    before: Sequence[float],
    after: Sequence[float],
    settings: DetectionSettings,
) -> _Offset | None:
    size, total = sum(before), sum(series.baseline)
    if size <= 0:
        return None
    likelihood = _likelihood(series.baseline, before, total / size)
    rate = (total + _prior(series, settings)) / size
    means = [total / size * part for part in before]
    return _Offset(name, before, after, likelihood, rate, means)


def _in_doubt(offsets: Sequence[_Offset], settings: DetectionSettings) -> list[_Offset]:
    """Offsets that the baseline does not refute. Events must prove themselves, requests not.

    A flood of restarts multiplies the events beside the errors, and must not excuse them.
    """
    best = max(one.likelihood for one in offsets)
    proven = [
        one
        for one in offsets
        if one.name != "events" or one.likelihood >= offsets[0].likelihood + settings.offset_margin
    ]
    open_ones = [one for one in proven if one.likelihood >= best - settings.offset_margin]
    if len(open_ones) == 2 and _is_flat(open_ones[0], open_ones[1], settings):
        return open_ones[1:]
    return open_ones or proven


def _is_flat(time: _Offset, requests: _Offset, settings: DetectionSettings) -> bool:
    """Does traffic vary too little in the baseline to be told from time?"""
    all_time, all_requests = sum(time.before), sum(requests.before)
    divergence = 0.0
    for seconds, size in zip(time.before, requests.before, strict=True):
        share = size / all_requests
        if share and seconds:
            divergence += share * math.log(share / (seconds / all_time))
    return divergence < settings.flat_traffic


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


@dataclass(frozen=True, slots=True)
class _Noise:
    """Dispersion of one class's baseline between buckets, and between stretches of a window."""

    bucket: float
    bucket_mean: float
    block: float
    block_mean: float
    blocks: int
    width: int
    # How much of a stretch lies in one bucket: one of its width, but for a class with hours.
    share: float
    # How many buckets tell the dispersion between buckets.
    buckets: float

    @property
    def has_blocks(self) -> bool:
        return self.blocks >= 3 and self.share <= _MOST_IN_ONE

    @property
    def slow(self) -> float:
        return (self.block - self.bucket * self.share) / (1 - self.share)


def _shrink(found: Sequence[Comparison], settings: DetectionSettings) -> None:
    """Estimate each class's dispersion at two scales and draw it towards the pool's."""
    noises = [_noise(one) for one in found]
    slow_prior, weight = _slow_pool(noises, settings)
    fast_pool = [max(n.bucket - slow_prior, 0.0) for n in noises if n.bucket_mean > 1]
    is_enough = len(fast_pool) >= settings.minimum_pool
    fast_prior = median(fast_pool) if is_enough else settings.default_fast
    for one, noise in zip(found, noises, strict=True):
        slow, information = slow_prior, 0.0
        if noise.has_blocks:
            information = noise.blocks * noise.block_mean / (1 + noise.block_mean)
            slow = (information * noise.slow + weight * slow_prior) / (information + weight)
        one.slow = max(slow, slow_prior / 2)
        raw_fast = max(noise.bucket - one.slow, 0.0)
        one.fast = (noise.buckets * raw_fast + weight * fast_prior) / (noise.buckets + weight)
        one.alpha = one.fast * _share(one) + one.slow
        replicates = one.season.periods if one.season else max(noise.blocks, 1)
        one.estimated = settings.unseen * one.alpha * (1 + 1 / replicates)
        one.fixed = 1 / (sum(one.series.baseline) + _prior(one.series, settings))
        if one.season:
            hours = one.series.candidate_hours
            one.fixed = max(one.fixed, one.season.uncertainty(one.expected_by_bucket, hours))
        one.freedom = information + weight


def _share(one: Comparison) -> float:
    """Return how much of the candidate lies in one bucket: what a bucket's noise weighs there."""
    size = max(len(one.expected_by_bucket), 1)
    if one.season is None or not one.expected:
        return 1 / size
    return sum(mean * mean for mean in one.expected_by_bucket) / one.expected**2


def _slow_pool(noises: Sequence[_Noise], settings: DetectionSettings) -> tuple[float, float]:
    """Return the pool's slow dispersion and for how many stretches of a class's own it counts.

    Relative variances of n stretches scatter like chi-squared over n - 1 when all classes have the
    same dispersion; what they scatter beyond that says how far the pool can stand for a class
    (limma's prior degrees of freedom, by the moments of the logarithm).
    """
    pool = [n for n in noises if n.has_blocks and n.block_mean > 5]
    if len(pool) < settings.minimum_pool:
        return settings.default_slow, settings.pool_weight
    # The median of chi-squared lies below its mean (Wilson and Hilferty's cube).
    below = [(1 - 2 / (9 * (n.blocks - 1))) ** 3 for n in pool]
    relative = [max(n.block + 1 / n.block_mean, 1e-6) for n in pool]
    slow = median(
        v / c - 1 / n.block_mean - n.bucket * n.share
        for n, v, c in zip(pool, relative, below, strict=True)
    )
    busy = [math.log(v) for n, v in zip(pool, relative, strict=True) if n.block_mean > 50]
    weight = settings.pool_weight
    if len(busy) >= settings.minimum_pool:
        own = 2 / max(median(n.blocks for n in pool) - 2, 0.5)
        between = variance(busy) - own
        limit = settings.maximum_pool_weight
        weight = min(max(2 / max(between, 1e-9), settings.minimum_pool_weight), limit)
    return max(slow, 0.005), weight


def _noise(one: Comparison) -> _Noise:
    counts, means = one.series.baseline, one.mu
    width = max(len(one.expected_by_bucket), 1)
    blocks = len(means) // width
    skip = len(means) - blocks * width
    mean = sum(means) / len(means)
    square = sum(mean * mean for mean in means)
    buckets = sum(means) ** 2 / square if one.season and square else float(len(means))
    buckets *= min(mean, 1.0) if one.season is None else 1.0
    bucket = _dispersion(counts, means, 1.0)
    if blocks < 2:
        return _Noise(bucket, mean, 0.0, 0.0, max(blocks, 1), width, 1 / width, buckets)
    starts = range(skip, len(means), width)
    block_counts = [sum(counts[at : at + width]) for at in starts]
    block_means = [sum(means[at : at + width]) for at in starts]
    block = _dispersion(block_counts, block_means, 1 - 1 / blocks) * blocks / (blocks - 1)
    share = 1 / width
    if one.season:
        share = sum(mean * mean for mean in means[skip:]) / sum(mean * mean for mean in block_means)
    return _Noise(bucket, mean, block, sum(block_means) / blocks, blocks, width, share, buckets)


def _dispersion(counts: Sequence[float], means: Sequence[float], share: float) -> float:
    """Moment estimate: the variance beyond Poisson's over the squared mean."""
    square = sum(mean * mean for mean in means)
    if square <= 0:
        return 0.0
    pairs = zip(counts, means, strict=True)
    return sum((y - m) ** 2 - m * share for y, m in pairs) / square


def _test(one: Comparison, settings: DetectionSettings) -> None:
    count, raised = sum(one.series.candidate), settings.margin * one.expected
    one.p = one.tail(nbinom_sf, count, raised)
    one.p_plain = one.tail(nbinom_sf, count, one.expected)
    one.p_lower = one.tail(nbinom_cdf, count, one.expected_least)
    one.p_raw = one.p
    if one.series.candidate_raw > count:
        one.p_raw = one.tail(nbinom_sf, one.series.candidate_raw, raised)


def _q_values(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg adjusted values (JRSS B 57, 1995), in the order given."""
    count = len(p_values)
    order = sorted(range(count), key=lambda index: p_values[index], reverse=True)
    q, smallest = [1.0] * count, 1.0
    for position, index in enumerate(order):
        smallest = min(smallest, p_values[index] * count / (count - position))
        q[index] = smallest
    return q


def _rises(one: Comparison, count: float, settings: DetectionSettings) -> bool:
    is_known = sum(one.series.baseline) > 0
    return (
        count >= settings.minimum_ratio * one.expected
        and count - one.expected >= settings.minimum_excess
        and (is_known or count >= settings.minimum_new_count)
    )


def _judge(one: Comparison, settings: DetectionSettings) -> None:
    rises = _rises(one, sum(one.series.candidate), settings)
    is_sure = one.p < settings.single_p and one.q <= settings.false_discovery_rate
    if rises and is_sure:
        one.confidence, one.state = Confidence.CONFIRMED, _rise_state(one)
    elif rises and one.p_plain < settings.suspected_p:
        is_new = not sum(one.series.baseline)
        one.confidence = Confidence.SUSPECTED
        one.state = State.NEW if is_new else State.INCREASED
    else:
        one.state = _other_state(one, settings)


def _other_state(one: Comparison, settings: DetectionSettings) -> State:
    series, count = one.series, sum(one.series.candidate)
    if not sum(series.baseline) and series.candidate_raw > 0:
        return State.NEW  # seen for the first time, too seldom to be called a regression
    if _rises(one, series.candidate_raw, settings) and one.p_raw < settings.single_p:
        return State.BURST
    if one.p_lower < settings.single_p and series.coverage >= settings.minimum_coverage:
        if count == 0:
            return State.GONE
        if count <= 0.5 * one.expected_least:
            return State.DECREASED
    return State.STEADY


def _rise_state(one: Comparison) -> State:
    series = one.series
    if sum(series.baseline) == 0:
        return State.NEW
    if _was_silent(one):
        return State.RETURNED
    return State.ESCALATING if _still_rising(one) else State.INCREASED


def _was_silent(one: Comparison) -> bool:
    """Did the baseline end in a silence that is improbable, and three times its longest before?

    The rate is that of the buckets before the silence, and the dispersion a usual one: the class's
    own has the silence in it.
    """
    seen = [i for i, y in enumerate(one.series.baseline) if y]
    last = seen[-1]
    before, silent = sum(one.mu[: last + 1]), sum(one.mu[last + 1 :])
    if not silent:
        return False
    gaps = [sum(one.mu[a + 1 : b]) for a, b in itertools.pairwise([-1, *seen])]
    rate = sum(one.series.baseline) / before
    return silent > 3 * max(gaps) and nbinom_cdf(0, rate * silent, _USUAL_DISPERSION) < 0.005


def _still_rising(one: Comparison) -> bool:
    """Is the last third of the window above its first two thirds, by the same test?"""
    counts, means = one.series.candidate, one.expected_by_bucket
    cut = len(counts) * 2 // 3
    if cut == 0 or cut == len(counts) or sum(means[:cut]) <= 0:
        return False
    early, late = sum(counts[:cut]), sum(counts[cut:])
    mean = (early + 0.5) * sum(means[cut:]) / sum(means[:cut])
    return nbinom_sf(late, mean, one.alpha + 1 / (early + 0.5)) < 0.05 and late > 1.25 * mean
