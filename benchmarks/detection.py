"""False alarms, power, intervals and onset of `pipeline.detection` on counts with planted truths.

    python benchmarks/detection.py [--quick] [--batches N] [--part PART]

Two families of noise that share nothing but the layout:

- `negbin`: gamma noise an hour, log-normal day factors, a day's cosine of traffic, bursts of about
  forty lines.
- `cox`: log-normal rates with first-order autocorrelation (0.3 to 0.9 an hour), two peaks a day and
  a weekly season, a deploy step within the baseline, Pareto bursts (shape 1.2), 2 to 200 classes,
  5 to 40 % missing hours in its own "missing" column. The constants of the method were chosen on
  `negbin`; `cox` is the check.

Beside the product run, on the same hourly draws, the rules that people use: ratio above 1.5; any
hour above the mean and three standard deviations; the exact conditional Poisson test at 0.01; a
Mann-Whitney shift interval as in Kayenta's judge.
"""

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from pipeline.detection import audit_baseline, cap_storms, cut_out, detect, find_onset, refine_onset
from pipeline.model import Window

Array = np.ndarray[Any, np.dtype[Any]]
Generator = np.random.Generator

_EPOCH = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
_TRAFFIC, _CONSTANT, _STORM = 0, 1, 2
_KIND_SHARES = (0.60, 0.25, 0.15)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is planted in one draw; hours for lengths, ratios for the rest."""

    baseline_hours: int = 168
    candidate_hours: int = 24
    class_count: int = 100
    surge: float = 1.0  # the candidate's traffic
    missing: float = 0.0  # share of hours without any log
    drift: float = 0.0  # linear growth over the whole span
    only_kind: int | None = None
    candidate_clock: int | None = None  # hour of the day at which the candidate begins
    is_batch: bool = False  # every class runs for two hours a day, which the candidate holds
    has_requests: bool = True
    # (rate an hour, factor) for the first classes; a factor of inf is a class without baseline.
    planted: tuple[tuple[float, float], ...] = ()
    change_minute: int = 0


@dataclass(slots=True)
class Draw:
    """Minute counts of many classes of one service; keeps the rates, to draw a candidate again."""

    setting: Setting
    rates: Array  # [classes, minutes], events a minute, factors applied
    bursts: Array  # [classes, minutes]
    requests: Array  # [minutes]
    covered: Array  # [hours], bool
    factor: Array  # [classes]
    counts: Array = field(default_factory=lambda: np.zeros((0, 0), int))

    @property
    def split(self) -> int:
        """First minute of the candidate."""
        return self.setting.baseline_hours * 60


def negbin(rng: Generator, setting: Setting) -> Draw:
    """Gamma hours in log-normal days."""
    hours = setting.baseline_hours + setting.candidate_hours
    clock = _clock(rng, setting)
    day = clock // 24 - clock[0] // 24
    traffic = np.exp(0.7 * np.cos(2 * np.pi * (clock % 24 - 14) / 24))
    traffic *= np.where((clock // 24) % 7 >= 5, 0.7, 1.0)
    traffic *= np.exp(rng.normal(0, 0.10, day[-1] + 1))[day] * np.exp(rng.normal(0, 0.08, hours))
    count = setting.class_count
    shape = np.exp(rng.uniform(math.log(2), math.log(50), count))[:, None]
    noise = rng.gamma(shape, 1 / shape, (count, hours))
    noise *= np.exp(rng.normal(0, 0.10, (count, day[-1] + 1)))[:, day]
    return _draw(rng, setting, clock, traffic, noise, lambda: rng.lognormal(math.log(40), 0.8))


def cox(rng: Generator, setting: Setting) -> Draw:
    """Log-normal Cox rates with autocorrelation, a deploy step, heavy bursts."""
    if not setting.planted:
        size = int(np.exp(rng.uniform(math.log(2), math.log(200))))
        setting = replace(setting, class_count=max(size, 2))
    if setting.missing:
        setting = replace(setting, missing=float(rng.uniform(0.05, 0.40)))
    hours = setting.baseline_hours + setting.candidate_hours
    clock = _clock(rng, setting)
    peaks = 0.5 * np.cos(2 * np.pi * (clock % 24 - 11) / 24)
    peaks += 0.25 * np.cos(4 * np.pi * (clock % 24 - 9) / 24)
    week = 0.15 * np.cos(2 * np.pi * (clock % 168 - 60) / 168)
    walk = _autoregressive(rng, np.array([0.8]), np.array([0.12]), hours)[0]
    traffic = np.exp(peaks + week + walk)
    count = setting.class_count
    memory = rng.uniform(0.3, 0.9, count)
    spread = np.exp(rng.uniform(math.log(0.1), math.log(0.4), count))
    noise = np.exp(_autoregressive(rng, memory, spread, hours))
    deploy = rng.integers(0, setting.baseline_hours, count)
    step = np.exp(rng.normal(0, 0.10, count))
    noise *= np.where(np.arange(hours)[None, :] >= deploy[:, None], 1.0, step[:, None])
    return _draw(rng, setting, clock, traffic, noise, lambda: 15 * (1 + rng.pareto(1.2)))


FAMILIES: dict[str, Callable[[Generator, Setting], Draw]] = {"negbin": negbin, "cox": cox}


def _clock(rng: Generator, setting: Setting) -> Array:
    """Return the hour of the week of every hour of a draw, not cut at the week's end."""
    begin = int(rng.integers(0, 168))
    if setting.candidate_clock is not None:
        begin += (setting.candidate_clock - begin - setting.baseline_hours) % 24
    return np.arange(setting.baseline_hours + setting.candidate_hours) + begin


def _autoregressive(rng: Generator, memory: Array, spread: Array, hours: int) -> Array:
    shocks = rng.normal(0, 1, (len(memory), hours)) * spread[:, None]
    out = np.empty_like(shocks)
    out[:, 0] = shocks[:, 0]
    for hour in range(1, hours):
        kept = np.sqrt(1 - memory**2)
        out[:, hour] = memory * out[:, hour - 1] + kept * shocks[:, hour]
    return np.asarray(out - (spread**2)[:, None] / 2)


def _draw(
    rng: Generator,
    setting: Setting,
    clock: Array,
    traffic: Array,
    noise: Array,
    burst_size: Callable[[], float],
) -> Draw:
    count, hours = noise.shape
    split = setting.baseline_hours
    traffic = traffic / traffic[:split].mean()
    traffic[split:] *= setting.surge
    kind = rng.choice(3, count, p=_KIND_SHARES)
    if setting.only_kind is not None:
        kind[:] = setting.only_kind
    rate = np.exp(rng.uniform(math.log(0.2), math.log(100), count))
    factor = np.ones(count)
    for index, (planted_rate, planted_factor) in enumerate(setting.planted):
        rate[index], factor[index] = planted_rate, planted_factor
    follows = np.where((kind == _CONSTANT)[:, None], 1.0, traffic[None, :])
    if setting.is_batch:
        begin = clock[split] + rng.integers(0, setting.candidate_hours - 1, count)
        since = (clock[None, :] - begin[:, None]) % 24
        follows = np.where(since < 2, 12.0, 0.0)
    growth = 1 + setting.drift * np.arange(hours) / hours
    rates = np.repeat(rate[:, None] * follows * noise * growth / 60, 60, axis=1)
    covered = rng.random(hours) >= setting.missing
    draw = Draw(
        setting=setting,
        rates=rates,
        bursts=_bursts(rng, kind, hours * 60, burst_size),
        requests=rng.poisson(np.repeat(traffic * 5, 60)) * 60,
        covered=covered,
        factor=factor,
    )
    draw.bursts[np.isinf(factor)] = 0
    draw.requests *= np.repeat(covered, 60)
    plant(rng, draw, factor)
    return draw


def plant(rng: Generator, draw: Draw, factor: Array) -> None:
    """Draw the counts anew where *factor* asks for it: the baseline is drawn once."""
    start = draw.split + draw.setting.change_minute
    rates = draw.rates.copy()
    new = np.isinf(factor)
    rates[:, start:] *= np.where(new, 1.0, factor)[:, None]
    rates[new, :start] = 0
    candidate = rng.poisson(rates[:, draw.split :])
    if draw.counts.size:
        before = draw.counts[:, : draw.split]
    else:
        before = rng.poisson(rates[:, : draw.split]) + draw.bursts[:, : draw.split]
    after = candidate + draw.bursts[:, draw.split :]
    draw.counts = np.concatenate([before, after], axis=1) * np.repeat(draw.covered, 60)
    draw.factor = factor


def _bursts(rng: Generator, kind: Array, minutes: int, size: Callable[[], float]) -> Array:
    out = np.zeros((len(kind), minutes), int)
    for index in np.flatnonzero(kind == _STORM):
        for _ in range(rng.poisson(minutes / 60 / 36)):
            at, span = int(rng.integers(0, minutes - 5)), int(rng.integers(1, 6))
            lines = min(int(size()) + 1, 100_000)
            out[index, at : at + span] += rng.multinomial(lines, np.ones(span) / span)
    return out


# The product


def windows(setting: Setting) -> tuple[Window, Window]:
    """Return baseline and candidate of a draw."""
    split = _EPOCH + timedelta(hours=setting.baseline_hours)
    return Window(_EPOCH, split), Window(split, split + timedelta(hours=setting.candidate_hours))


def minute_table(draw: Draw) -> pl.DataFrame:
    """Return the draw's minutes with events, as the SQL would give them."""
    index, minute = np.nonzero(draw.counts)
    return pl.DataFrame(
        {
            "series_id": np.char.add("s", index.astype(str)),
            "bucket_start": (minute * 60_000_000).astype("int64"),
            "event_count": draw.counts[index, minute].astype("int64"),
        }
    ).with_columns(
        bucket_start=pl.lit(_EPOCH).dt.cast_time_unit("us")
        + pl.col("bucket_start").cast(pl.Duration("us"))
    )


def hourly_table(draw: Draw, minutes: pl.DataFrame) -> pl.DataFrame:
    """Return a row for every class and hour."""
    hours = len(draw.covered)
    grid = pl.DataFrame(
        {
            "bucket_start": [_EPOCH + timedelta(hours=hour) for hour in range(hours)],
            "covered_seconds": draw.covered * 3600.0,
            "exposure": draw.requests.reshape(-1, 60).sum(1).astype(float),
        }
    ).with_columns(pl.col("bucket_start").cast(pl.Datetime("us", "UTC")))
    if not draw.setting.has_requests:
        grid = grid.with_columns(exposure=pl.lit(None, pl.Float64))
    names = pl.DataFrame({"series_id": [f"s{index}" for index in range(len(draw.counts))]})
    sums = minutes.group_by("series_id", pl.col("bucket_start").dt.truncate("1h")).agg(
        pl.col("event_count").sum(), pl.col("capped_count").sum()
    )
    return (
        names.join(grid, how="cross")
        .join(sums, on=["series_id", "bucket_start"], how="left")
        .with_columns(pl.col("event_count", "capped_count").fill_null(0))
    )


def ours(draw: Draw) -> pl.DataFrame:
    """Run the product; rows in the order of the classes."""
    baseline, candidate = windows(draw.setting)
    minutes = cap_storms(minute_table(draw), baseline)
    found = detect(hourly_table(draw, minutes), baseline, candidate)
    return _in_order(found)


def _in_order(found: pl.DataFrame) -> pl.DataFrame:
    return found.with_columns(at=pl.col("series_id").str.slice(1).cast(pl.Int64)).sort("at")


# The rules beside it, on raw hourly counts of the covered hours


def _ratio(before: Array, after: Array) -> Array:
    return np.asarray(after.mean(1) > 1.5 * before.mean(1))


def _three_sigma(before: Array, after: Array) -> Array:
    limit = before.mean(1) + 3 * before.std(1, ddof=1)
    return np.asarray((after > limit[:, None]).any(1))


def _exact_poisson(before: Array, after: Array) -> Array:
    y, total = after.sum(1), before.sum(1) + after.sum(1)
    share = after.shape[1] / (after.shape[1] + before.shape[1])
    return np.asarray(stats.binom.sf(y - 1, total, share) < 0.01)


def _mann_whitney(before: Array, after: Array) -> Array:
    """Kayenta's judge: the 98 % interval of the shift lies above a quarter of the shift itself."""
    m, n = after.shape[1], before.shape[1]
    z = stats.norm.ppf(0.99)
    at = max(int(m * n / 2 - z * math.sqrt(m * n * (m + n + 1) / 12)), 0)
    found = np.zeros(len(before), bool)
    for index, (b, w) in enumerate(zip(before, after, strict=True)):
        shift = np.sort((w[:, None] - b[None, :]).ravel())
        found[index] = shift[at] > 0.25 * abs(np.median(shift)) and w.mean() >= b.mean()
    return found


PEERS: dict[str, Callable[[Array, Array], Array]] = {
    "ratio > 1.5": _ratio,
    "3-sigma": _three_sigma,
    "exact Poisson": _exact_poisson,
    "Mann-Whitney": _mann_whitney,
}


def peers(draw: Draw) -> Iterator[tuple[str, Array]]:
    """Yield each rule's name and what it found."""
    hourly = draw.counts.reshape(len(draw.counts), -1, 60).sum(2)
    split = draw.setting.baseline_hours
    before = hourly[:, :split][:, draw.covered[:split]]
    after = hourly[:, split:][:, draw.covered[split:]]
    for name, rule in PEERS.items():
        yield name, rule(before, after) if after.shape[1] else np.zeros(len(before), bool)


# What is measured

_ALARMS: dict[str, Setting] = {
    "null": Setting(),
    "storm": Setting(only_kind=_STORM),
    "traffic x2": Setting(surge=2.0),
    "missing": Setting(missing=0.2),
    "drift": Setting(drift=0.5),
    "2 d / 6 h": Setting(baseline_hours=48, candidate_hours=6),
    "few classes": Setting(class_count=3),
    "7 d / 6 h at the peak": Setting(candidate_hours=6, candidate_clock=11, has_requests=False),
    "7 d / 6 h batch": Setting(
        candidate_hours=6, candidate_clock=0, is_batch=True, has_requests=False
    ),
    "4 w / 6 h at the peak": Setting(672, 6, candidate_clock=11, has_requests=False),
}
_FACTORS, _RATES = (1.51, 2.0, 3.0), (1.0, 5.0, 30.0)
_PLANTED = (*((rate, factor) for factor in _FACTORS for rate in _RATES), (3.0, math.inf))


def _label(rate: float, factor: float) -> str:
    return f"new {rate:g}/h" if math.isinf(factor) else f"x{factor:g}@{rate:g}"


def alarms(
    family: str, windows_wanted: int, seed: int, only: str = ""
) -> dict[str, dict[str, tuple[float, int]]]:
    """False alarms: method -> column -> (per 1000 class-windows, class-windows).

    *only*: the columns whose names hold it.
    """
    table: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
    for column, setting in _ALARMS.items():
        if only not in column:
            continue
        rng = np.random.default_rng([seed, len(column), 1])
        hits: dict[str, int] = defaultdict(int)
        ratios: list[float] = []
        tested = 0
        # A draw of few classes costs as much as one of many, and one of weeks four times that.
        cost = max(20 / setting.class_count, setting.baseline_hours / 168, 1.0)
        while tested < windows_wanted / cost:
            draw = FAMILIES[family](rng, setting)
            tested += len(draw.counts)
            found = ours(draw)
            hits["aftershock"] += int(found["is_regression"].sum())
            hits["  suspected too"] += int((found["confidence"] != "none").sum())
            ratios += found["minimum_detectable_ratio"].fill_null(math.inf).to_list()
            hits["  gone, decreased"] += int(found["state"].is_in(["gone", "decreased"]).sum())
            for name, what in peers(draw):
                hits[name] += int(what.sum())
        for name, value in hits.items():
            table[name][column] = (1000 * value / tested, tested)
        table["  detectable ratio, median (x)"][column] = (float(np.median(ratios)), tested)
    return table


def power(family: str, batches: int, seed: int) -> dict[str, dict[str, tuple[float, int]]]:
    """Share found in %: method -> planted -> (percent, planted); half of the classes are null."""
    rng = np.random.default_rng([seed, 2])
    planted = _PLANTED * 4
    setting = Setting(class_count=3 * len(planted), planted=planted)
    hits: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for _ in range(batches):
        draw = FAMILIES[family](rng, setting)
        found = ours(draw)
        rows = [
            ("aftershock", found["is_regression"].to_numpy()),
            ("  suspected too", (found["confidence"] != "none").to_numpy()),
            *peers(draw),
        ]
        for name, what in rows:
            for index, cell in enumerate(planted):
                hits[name][_label(*cell)] += int(what[index])
    total = 4 * batches
    return {
        name: {label: (100 * count / total, total) for label, count in cells.items()}
        for name, cells in hits.items()
    }


def intervals(family: str, batches: int, seed: int) -> dict[str, tuple[float, int]]:
    """Coverage of the ratio's interval at x1 and x2, and power at the printed detectable ratio."""
    rng = np.random.default_rng([seed, 3])
    setting = Setting(class_count=100)
    tally: dict[str, list[bool]] = defaultdict(list)
    for _ in range(batches):
        draw = FAMILIES[family](rng, setting)
        count = len(draw.counts)
        null = ours(draw)
        detectable = null["minimum_detectable_ratio"].to_list()
        for factor in (1.0, 2.0):
            plant(rng, draw, np.full(count, factor))
            rows = ours(draw).select("rate_ratio_lower", "rate_ratio_upper", "expected_count")
            for lower, upper, expected in rows.iter_rows():
                if upper is not None:
                    size = "E < 20" if expected < 20 else "E >= 20"
                    tally[f"interval covers x{factor:g}, {size}"].append(lower <= factor <= upper)
        # One of many classes rises: each further one would lower the bar for the others.
        for index in rng.choice(count, 4, replace=count < 4):
            if detectable[index] is not None:
                factors = np.ones(count)
                factors[index] = detectable[index]
                plant(rng, draw, factors)
                found = ours(draw)["is_regression"][int(index)]
                tally["found at detectable ratio"].append(found)
    return {name: (100 * float(np.mean(values)), len(values)) for name, values in tally.items()}


# Hours before the baseline's end, rate, factor: faults that run when the candidate begins.
_CONTAMINATED = ((3, 10.0, math.inf), (3, 30.0, math.inf), (12, 5.0, 3.0), (12, 5.0, 10.0))


def _audited(draw: Draw) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return verdicts without and with the audit of the baseline, and the audit."""
    baseline, candidate = windows(draw.setting)
    series = hourly_table(draw, cap_storms(minute_table(draw), baseline))
    audit = audit_baseline(series, baseline, candidate)
    plain = detect(series, baseline, candidate)
    cut = detect(cut_out(series, audit), baseline, candidate)
    return _in_order(plain), _in_order(cut), audit


def baselines(family: str, windows_wanted: int, seed: int) -> dict[str, tuple[float, int]]:
    """What the audit cuts from clean baselines, what it costs, and what it finds."""
    rng = np.random.default_rng([seed, 5])
    tally: dict[str, list[float]] = defaultdict(list)
    for name, hours, only in (
        ("7 d", (168, 24), None), ("storms, 7 d", (168, 24), _STORM), ("2 d", (48, 24), None),
        ("1 d", (24, 24), None),
    ):  # fmt: skip
        tested = 0
        while tested < windows_wanted:
            setting = Setting(*hours, only_kind=only)
            draw = FAMILIES[family](rng, setting)
            plain, cut, audit = _audited(draw)
            count = len(draw.counts)
            tested += count
            cuts = audit.filter("is_cut").height
            tally[f"clean, {name}: stretches cut"] += [1000.0] * cuts + [0.0] * (count - cuts)
            for label, found in (("without", plain), ("with", cut)):
                hits = found["is_regression"].to_list()
                tally[f"clean, {name}: false alarms {label} audit"] += [
                    1000.0 * hit for hit in hits
                ]
    for _ in range(max(windows_wanted // 250, 4)):
        for length in (24, 168):
            _contaminated(rng, family, length, tally)
    return {name: (float(np.mean(values)), len(values)) for name, values in tally.items()}


def _contaminated(rng: Generator, family: str, length: int, tally: dict[str, list[float]]) -> None:
    planted = [(rate, factor) for _, rate, factor in _CONTAMINATED] * 2
    setting = Setting(length, 24, 40, planted=tuple(planted))
    draw = FAMILIES[family](rng, setting)
    # The fault of each class begins inside the baseline, not at its end.
    for index, (before, _, factor) in enumerate(_CONTAMINATED * 2):
        first = draw.split - 60 * before
        own = draw.rates[index, first : draw.split]
        counts = rng.poisson(own * (1.0 if math.isinf(factor) else factor))
        draw.counts[index, first : draw.split] = (
            counts * np.repeat(draw.covered, 60)[first : draw.split]
        )
    plain, cut, audit = _audited(draw)
    found = set(audit.filter("is_cut")["series_id"])
    for index, (before, rate, factor) in enumerate(_CONTAMINATED * 2):
        label = f"{_label(rate, factor)} since {before} h before the end of {length} h"
        tally[f"{label}: cut"].append(100.0 * (f"s{index}" in found))
        tally[f"{label}: found without audit"].append(100.0 * plain["is_regression"][index])
        tally[f"{label}: found with audit"].append(100.0 * cut["is_regression"][index])


def onsets(family: str, batches: int, seed: int) -> dict[str, tuple[float, ...]]:
    """Onset in minutes: planted -> (median, p90, coverage %, median width, first line, n)."""
    cells = ((30.0, 1.51), (5.0, 2.0), (30.0, 2.0), (5.0, 3.0), (30.0, 3.0), (1.0, 10.0),
             (3.0, math.inf), (30.0, math.inf))  # fmt: skip
    planted = cells * 3
    rng = np.random.default_rng([seed, 4])
    rows: dict[str, list[tuple[float, bool, float, float]]] = defaultdict(list)
    for _ in range(batches):
        change = int(rng.integers(120, 16 * 60))
        setting = Setting(class_count=40, planted=planted, change_minute=change)
        draw = FAMILIES[family](rng, setting)
        baseline, candidate = windows(setting)
        capped = cap_storms(minute_table(draw), baseline)
        found = detect(hourly_table(draw, capped), baseline, candidate)
        regressions = set(found.filter("is_regression")["series_id"])
        grid = _minute_grid(draw)
        truth = candidate.start + timedelta(minutes=change)
        for index, cell in enumerate(planted):
            name = f"s{index}"
            if name not in regressions:
                continue
            own = grid.join(
                capped.filter(series_id=name).select("bucket_start", "event_count", "capped_count"),
                on="bucket_start",
                how="left",
            ).with_columns(pl.col("event_count", "capped_count").fill_null(0))
            onset = find_onset(own, baseline, candidate)
            first = np.flatnonzero(draw.counts[index, draw.split :])[0]
            if onset is None:
                rows[_label(*cell)].append((1440.0, False, 1440.0, abs(first - change)))
                continue
            onset = refine_onset(
                onset, _first_times(rng, own, candidate), is_new=cell[1] == math.inf
            )
            error = abs((onset.onset - truth).total_seconds()) / 60
            is_in = onset.onset_lower <= truth <= onset.onset_upper
            width = (onset.onset_upper - onset.onset_lower).total_seconds() / 60
            rows[_label(*cell)].append((error, is_in, width, abs(first - change)))
    out: dict[str, tuple[float, ...]] = {}
    for name, values in sorted(rows.items()):
        errors, covers, widths, firsts = np.array(values, float).T
        out[name] = (
            float(np.median(errors)), float(np.percentile(errors, 90)), 100 * float(covers.mean()),
            float(np.median(widths)), float(np.median(firsts)), float(len(values)),
        )  # fmt: skip
    return out


def _first_times(rng: Generator, own: pl.DataFrame, candidate: Window) -> pl.Series:
    """Draw the second of the first event of each of the candidate's minutes."""
    busy = own.filter(pl.col("bucket_start") >= candidate.start, pl.col("event_count") > 0)
    counts = busy["event_count"].to_numpy()
    into = 60 * (1 - rng.random(len(counts)) ** (1 / counts))
    return busy["bucket_start"] + pl.Series(into * 1e6, dtype=pl.Duration("us"))


def _minute_grid(draw: Draw) -> pl.DataFrame:
    minutes = len(draw.requests)
    return pl.DataFrame(
        {
            "bucket_start": pl.datetime_range(
                _EPOCH, _EPOCH + timedelta(minutes=minutes - 1), "1m", time_unit="us", eager=True
            ),
            "covered_seconds": np.repeat(draw.covered, 60) * 60.0,
            "exposure": draw.requests.astype(float),
        }
    )


# Printing


def _print_table(title: str, table: dict[str, dict[str, tuple[float, int]]], unit: str) -> None:
    columns = list(next(iter(table.values())))
    sizes = [next(iter(table.values()))[column][1] for column in columns]
    print(f"\n{title} ({unit}; n = {min(sizes)} to {max(sizes)} a cell)\n")
    print("| method | " + " | ".join(columns) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for name, cells in table.items():
        print(f"| {name} | " + " | ".join(f"{cells[column][0]:.1f}" for column in columns) + " |")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts asked for and print their tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="2,000 class-windows a column")
    parser.add_argument("--windows", type=int, help="class-windows a column of false alarms")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family", choices=[*FAMILIES, "both"], default="both")
    parser.add_argument("--column", default="", help="false alarms of columns that hold this alone")
    parser.add_argument(
        "--part",
        choices=["alarms", "power", "intervals", "baseline", "onset", "all"],
        default="all",
    )
    options = parser.parse_args(arguments)
    wanted = options.windows or (2_000 if options.quick else 10_000)
    batches = max(wanted // 250, 4)
    for family in FAMILIES if options.family == "both" else [options.family]:
        begin = time.perf_counter()
        print(f"\n## Family {family}, seed {options.seed}")
        if options.part in ("alarms", "all"):
            table = alarms(family, wanted, options.seed, options.column)
            _print_table("False alarms", table, "per 1000 class-windows; 7 d / 24 h unless said")
        if options.part in ("power", "all"):
            _print_table("Power", power(family, batches, options.seed), "% found, 7 d / 24 h")
        if options.part in ("intervals", "all"):
            print("\nIntervals\n\n| what | % | n |\n| --- | ---: | ---: |")
            for name, (value, size) in sorted(intervals(family, batches, options.seed).items()):
                print(f"| {name} | {value:.1f} | {size} |")
        if options.part in ("baseline", "all"):
            print("\nBaseline audit (clean: per 1000 classes; planted: %)\n")
            print("| what | value | n |\n| --- | ---: | ---: |")
            for name, (value, size) in baselines(family, wanted // 2, options.seed).items():
                print(f"| {name} | {value:.1f} | {size} |")
        if options.part in ("onset", "all"):
            print("\nOnset (minutes)\n")
            print("| planted | median | p90 | covers % | width | first line | n |")
            print("| --- |" + " ---: |" * 6)
            for name, values in onsets(family, batches, options.seed).items():
                print(f"| {name} | " + " | ".join(f"{value:.0f}" for value in values) + " |")
        print(f"\n{time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
