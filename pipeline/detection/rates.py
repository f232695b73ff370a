"""Tables in, tables out: `detect` reads series of buckets, runs the test of `compare`, gives a row a class."""

import math
from collections.abc import Sequence

import polars as pl

from pipeline.detection.compare import Comparison, DetectionSettings, Series, compare
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
}
_RISES = (State.NEW, State.INCREASED, State.ESCALATING, State.RETURNED)
# Normal quantiles: 95 % two-sided; 99.5 % one-sided test at 80 % power (2.58 + 0.84).
_Z95, _Z_POWER = 1.96, 3.42


def detect(
    series: pl.DataFrame,
    baseline: Window | Sequence[Window],
    candidate: Window,
    settings: DetectionSettings | None = None,
) -> pl.DataFrame:
    """Compare each series' candidate window with its baseline.

    *series* has a row per (series_id, bucket_start): `event_count`, `covered_seconds`, `exposure` (null =
    unknown), optionally `capped_count` (the test decides on it, counts report the raw) and `exposure_kind`
    ("requests" or "events"). A bucket belongs to the window in which it starts. A bucket that other series have
    and this one lacks counts as zero events. Returns one row per series_id, sorted by it (`RESULT_SCHEMA`);
    rates are events per covered hour; `rate_ratio` is null where the baseline is zero or unknown. State `unknown`
    means that no test was possible: under 30 s of covered baseline, or no covered candidate.
    """
    settings = settings or DetectionSettings()
    stretches = [baseline] if isinstance(baseline, Window) else list(baseline)
    found = compare(_read(series, stretches, candidate), settings)
    rows = [_row(one, settings) for one in found]
    return pl.DataFrame(rows, schema=RESULT_SCHEMA, orient="row").sort("series_id")


def _read(
    series: pl.DataFrame, stretches: Sequence[Window], candidate: Window
) -> list[Series]:
    start = pl.col("bucket_start")

    def within(window: Window) -> pl.Expr:
        return (start >= window.start) & (start < window.end)

    is_baseline = pl.any_horizontal(pl.lit(False), *(within(window) for window in stretches))
    optional = {
        "capped_count": pl.col("event_count"),
        "exposure_kind": pl.lit("requests"),
        "exposure": pl.lit(None, pl.Float64),
    }
    frame = series.with_columns(
        value.alias(name) for name, value in optional.items() if name not in series.columns
    )
    frame = _with_zeros(frame).with_columns(
        window=pl.when(within(candidate)).then(1).when(is_baseline).then(0)
    )
    known: dict[str, Series] = {
        name: Series(name) for name in series["series_id"].unique(maintain_order=True).to_list()
    }
    columns = ("series_id", "window", "event_count", "capped_count", "covered_seconds", "exposure",
               "exposure_kind")  # fmt: skip
    rows = frame.filter(pl.col("window").is_not_null()).sort("series_id", "bucket_start")
    for name, window, count, capped, seconds, exposure, kind in rows.select(columns).iter_rows():
        one = known[name]
        one.exposure_kind = kind or one.exposure_kind
        if window == 0:
            if seconds <= 0:
                continue  # nothing was logged: no evidence of anything
            one.baseline.append(capped)
            one.baseline_raw += count
            one.baseline_seconds.append(seconds)
            one.baseline_exposure.append(exposure)
        else:
            one.candidate.append(capped)
            one.candidate_raw += count
            one.candidate_seconds.append(seconds)
            one.candidate_exposure.append(exposure)
    return list(known.values())


def _with_zeros(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the buckets that other series have, with zero events and the bucket's usual coverage."""
    buckets = frame.group_by("bucket_start").agg(
        pl.col("covered_seconds").max(), pl.col("exposure").max(), pl.col("exposure_kind").first()
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
    columns = ["series_id", "bucket_start", "event_count", "capped_count", "covered_seconds",
               "exposure", "exposure_kind"]  # fmt: skip
    return pl.concat([frame.select(columns), zeros.select(columns)], how="vertical_relaxed")


def _row(one: Comparison, settings: DetectionSettings) -> tuple[object, ...]:
    series = one.series
    before_hours = sum(series.baseline_seconds) / 3600
    after_hours = sum(series.candidate_seconds) / 3600
    known = one.state is not State.UNKNOWN
    count, expected = sum(series.candidate), one.expected
    ratio = lower = upper = detectable = None
    if known and expected > 0:
        spread = _Z95 * math.sqrt(one.effective + 1 / max(count, 1.0))
        center = max(count, 0.5) / expected
        lower = center * math.exp(-spread) if count else 0.0
        if sum(series.baseline):
            ratio = count / expected
            upper = center * math.exp(spread)
            detectable = settings.margin * math.exp(
                _Z_POWER * math.sqrt(one.effective + 1 / expected)
            )
    is_regression = one.confidence is Confidence.CONFIRMED and one.state in _RISES
    return (
        series.series_id, one.state.value, one.confidence.value, is_regression,
        series.baseline_raw, series.candidate_raw,
        expected if known else None,
        series.baseline_raw / before_hours if before_hours else None,
        series.candidate_raw / after_hours if after_hours else None,
        ratio, lower, upper,
        one.p if known else None, one.q if known else None, detectable,
        one.offset, one.alpha if known else None,
    )  # fmt: skip


