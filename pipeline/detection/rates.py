"""Tables in, tables out: `detect` reads series of buckets, runs `compare`, gives a row a class."""

from collections.abc import Callable, Sequence

import polars as pl

from pipeline.detection.compare import (
    Comparison,
    DetectionSettings,
    Series,
    compare,
    is_confirmed,
)
from pipeline.detection.distributions import nbinom_ppf, nbinom_sf
from pipeline.detection.intervals import detectable_ratio, predictive_limits
from pipeline.detection.seasons import hour_number
from pipeline.model import Confidence, State, Window

RESULT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "series_id": pl.String,
    "state": pl.String,
    "confidence": pl.String,
    "is_regression": pl.Boolean,
    "baseline_count": pl.Int64,
    "candidate_count": pl.Int64,
    "expected_count": pl.Float64,
    "baseline_rate": pl.Float64,
    "candidate_rate": pl.Float64,
    "rate_ratio": pl.Float64,
    "rate_ratio_lower": pl.Float64,
    "rate_ratio_upper": pl.Float64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    "minimum_detectable_ratio": pl.Float64,
    "offset": pl.String,
    "alpha": pl.Float64,
    "bucket_alpha": pl.Float64,
    "season": pl.List(pl.Float64),
    "usual_rate": pl.Float64,
    "noise": pl.Float64,
    "drift": pl.Float64,
    "unsure": pl.Float64,
    "freedom": pl.Float64,
    "baseline_hours": pl.Float64,
}
_RISES = (State.NEW, State.INCREASED, State.ESCALATING, State.RETURNED)
_OPTIONAL = {
    "capped_count": pl.col("event_count"),
    "exposure_kind": pl.lit("requests"),
    "exposure": pl.lit(None, pl.Float64),
}
_COLUMNS = ("series_id", "bucket_start", "event_count", "capped_count", "covered_seconds",
            "exposure", "exposure_kind")  # fmt: skip


def detect(
    series: pl.DataFrame,
    baseline: Window | Sequence[Window],
    candidate: Window,
    settings: DetectionSettings | None = None,
) -> pl.DataFrame:
    """Compare each series' candidate window with its baseline.

    *series* has a row per (series_id, bucket_start): `event_count`, `covered_seconds`, `exposure`
    (null = unknown), optionally `capped_count` (the test decides on it, counts report the raw) and
    `exposure_kind` ("requests" or "events"). A bucket belongs to the window in which it starts. A
    bucket that other series have and this one lacks counts as zero events; one that is not covered
    counts as nothing at all.

    Returns one row per series_id, sorted by it (`RESULT_SCHEMA`). Rates are events per covered
    hour; `rate_ratio` is null where the baseline is zero or unknown, and may differ from the
    quotient of the rates: it is of the capped counts, per `offset`: "time", "requests", "events",
    or time by "hour_of_day" or "hour_of_week", with the factors of those hours from Monday 00:00
    UTC on in `season`. `alpha` is the dispersion of the whole candidate, `bucket_alpha` that of one
    bucket. `usual_rate` to `baseline_hours` are what the baseline lets expect of later hours, the
    fields of `pipeline.model.Level`; the rate of a class that was never seen is zero.
    State `unknown` means that no test was possible: under 30 s of covered baseline, or no covered
    candidate; then all that the test would give is null.
    """
    settings = settings or DetectionSettings()
    found = compare(_read(place(series, baseline, candidate), candidate), settings)
    rows = [_row(one, settings) for one in found]
    return pl.DataFrame(rows, schema=RESULT_SCHEMA, orient="row").sort("series_id")


def expected_band(
    series: pl.DataFrame,
    found: pl.DataFrame,
    baseline: Window | Sequence[Window],
    candidate: Window,
) -> pl.DataFrame:
    """Tell what each bucket would have counted at the baseline's rate: a chart's band.

    *series* and the windows are those given to `detect`, *found* is what it returned; only the
    classes in *found* are drawn, so filter it first. Returns a row per (series_id, bucket_start) of
    either window, sorted: `window`, `event_count` (raw), `expected_count`, and the ends `lower` and
    `upper` of the 95 % predictive interval of one bucket. Expectation and ends are null where the
    bucket was not covered or the class could not be tested.
    """
    placed = place(series, baseline, candidate).filter(pl.col("window").is_not_null())
    fit = found.select(
        "series_id", "expected_count", "offset", "bucket_alpha", "baseline_count", "season"
    )
    is_exposed = pl.col("offset").is_in(["requests", "events"])
    slot = hour_number("bucket_start") % pl.col("season").list.len()
    season = pl.col("season").list.get(slot).fill_null(1.0)
    size = pl.when(is_exposed).then("exposure").otherwise(pl.col("covered_seconds") * season)
    is_covered = pl.col("covered_seconds") > 0
    candidate_size = pl.col("_size").filter(is_covered & (pl.col("window") == "candidate")).sum()
    frame = (
        placed.join(fit, on="series_id", how="inner")
        .with_columns(_size=size.cast(pl.Float64))
        .with_columns(
            expected_count=pl.when(is_covered).then(
                pl.col("expected_count") / candidate_size.over("series_id") * pl.col("_size")
            ),
            _dispersion=pl.col("bucket_alpha") + 1 / (pl.col("baseline_count") + 0.5),
        )
        .sort("series_id", "bucket_start")
    )
    keys = frame.select("expected_count", "_dispersion").unique().drop_nulls()
    ends = keys.with_columns(
        pl.Series("lower", [_end(0.025, *key) for key in keys.iter_rows()], pl.Float64),
        pl.Series("upper", [_end(0.975, *key) for key in keys.iter_rows()], pl.Float64),
    )
    return frame.join(
        ends, on=["expected_count", "_dispersion"], how="left", maintain_order="left"
    ).select(
        "series_id", "bucket_start", "window", "event_count", "expected_count", "lower", "upper"
    )


def _end(probability: float, mean: float, dispersion: float) -> float:
    return float(nbinom_ppf(probability, mean, dispersion))


def place(
    series: pl.DataFrame, baseline: Window | Sequence[Window], candidate: Window
) -> pl.DataFrame:
    """Return the buckets of either window, zero rows added, with `window` named."""
    stretches = [baseline] if isinstance(baseline, Window) else list(baseline)
    start = pl.col("bucket_start")

    def within(window: Window) -> pl.Expr:
        return (start >= window.start) & (start < window.end)

    is_baseline = pl.any_horizontal(pl.lit(False), *(within(window) for window in stretches))
    frame = series.with_columns(
        value.alias(name) for name, value in _OPTIONAL.items() if name not in series.columns
    )
    return (
        _with_zeros(frame)
        .with_columns(
            window=pl.when(within(candidate))
            .then(pl.lit("candidate"))
            .when(is_baseline)
            .then(pl.lit("baseline"))
        )
        .with_columns(pl.col("capped_count").fill_null(pl.col("event_count")))
    )


def _with_zeros(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the buckets that other series have, with zero events and the bucket's usual coverage."""
    frame = frame.select(_COLUMNS)
    buckets = frame.group_by("bucket_start").agg(
        pl.col("covered_seconds", "exposure", "exposure_kind").max()
    )
    names = frame.select("series_id").unique()
    if frame.height == buckets.height * names.height:
        return frame
    missing = names.join(buckets, how="cross").join(
        frame, on=["series_id", "bucket_start"], how="anti"
    )
    zeros = missing.with_columns(
        event_count=pl.lit(0, frame.schema["event_count"]),
        capped_count=pl.lit(0, frame.schema["capped_count"]),
    )
    return pl.concat([frame, zeros.select(_COLUMNS)])


def _read(placed: pl.DataFrame, candidate: Window) -> list[Series]:
    """Gather each class's buckets; classes without any in either window are kept, empty."""
    names = placed["series_id"].unique().sort().to_list()
    known = {name: Series(name, window_seconds=candidate.seconds) for name in names}
    columns = ("series_id", "window", "event_count", "capped_count", "covered_seconds", "exposure",
               "exposure_kind")  # fmt: skip
    # Uncovered buckets are no evidence of anything, neither of errors nor of their absence.
    rows = placed.filter(pl.col("window").is_not_null(), pl.col("covered_seconds") > 0)
    rows = rows.sort("series_id", "bucket_start").select(*columns, hour_number("bucket_start"))
    for name, window, count, capped, seconds, exposure, kind, hour in rows.iter_rows():
        one = known[name]
        one.exposure_kind = kind or one.exposure_kind
        if window == "baseline":
            one.baseline.append(capped)
            one.baseline_raw += count
            one.baseline_seconds.append(seconds)
            one.baseline_hours.append(hour)
            one.baseline_exposure.append(exposure)
        else:
            one.candidate.append(capped)
            one.candidate_raw += count
            one.candidate_seconds.append(seconds)
            one.candidate_hours.append(hour)
            one.candidate_exposure.append(exposure)
    return list(known.values())


def _row(one: Comparison, settings: DetectionSettings) -> tuple[object, ...]:
    series = one.series
    before_hours = sum(series.baseline_seconds) / 3600
    after_hours = sum(series.candidate_seconds) / 3600
    known = one.state is not State.UNKNOWN
    ratio = lower = upper = detectable = None
    if known and one.expected > 0:
        shape = (one.estimated, one.fixed, one.freedom)
        count = sum(series.candidate)
        lower, upper = predictive_limits(count, one.expected, *shape)
        if sum(series.baseline):
            ratio = count / one.expected
            detectable = detectable_ratio(one.expected, _needed(one, settings), *shape)
        else:
            upper = None
    is_regression = one.confidence is Confidence.CONFIRMED and one.state in _RISES
    return (
        series.series_id, one.state.value, one.confidence.value, is_regression,
        series.baseline_raw, series.candidate_raw,
        one.expected if known else None,
        series.baseline_raw / before_hours if before_hours else None,
        series.candidate_raw / after_hours if after_hours else None,
        ratio, lower, upper,
        one.p if known else None, one.q if known else None, detectable,
        one.offset, one.alpha if known else None, one.fast + one.slow if known else None,
        one.season.factors if one.season else None,
        *(_level(one, before_hours, after_hours, settings) if known else [None] * 6),
    )  # fmt: skip


def _level(
    one: Comparison, before_hours: float, after_hours: float, settings: DetectionSettings
) -> list[float | None]:
    """Return the fields of a `Level`: the class by covered hour, whatever it was compared per."""
    count, buckets = sum(one.series.baseline), len(one.expected_by_bucket)
    if not before_hours or not buckets:
        return [None] * 6
    rate = (count + settings.prior_count) / before_hours if count else 0.0
    noise = settings.unseen * one.fast * after_hours / buckets
    drift = settings.unseen * one.slow
    return [rate, noise, drift, one.fixed, one.freedom, before_hours]


def _needed(one: Comparison, settings: DetectionSettings) -> Callable[[float], bool]:
    """Return the rule by which a count of this class is confirmed."""

    def is_enough(count: float) -> bool:
        p = one.tail(nbinom_sf, count, settings.margin * one.expected)
        return is_confirmed(one, count, p, settings)

    return is_enough
