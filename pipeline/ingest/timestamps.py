"""Text to UTC microseconds: the notations that logs use, on whole columns.

Every notation is cut into a part with whole seconds, a fraction and a zone. Seconds repeat, so the
costly part is parsed once per distinct second; fractions are plain arithmetic (six digits are kept,
the rest is cut: storage is in microseconds). Nothing is guessed: a time without a zone is UTC
unless the caller names another zone, and the caller flags that.
"""

from dataclasses import dataclass

import polars as pl

from pipeline.schema import TIMESTAMP

# 2000-01-01 .. 2100-01-01 in seconds: an epoch outside, in every unit, is not a time.
_EPOCH_MIN, _EPOCH_MAX = 946_684_800, 4_102_444_800
# Stands for a year that is not written: before any log of ours, and a leap year.
YEARLESS = 1972
_ZONE = r"(?: ?(?P<zone>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"


@dataclass(frozen=True, slots=True)
class Layout:
    """A notation: *pattern* has the groups base, fraction and zone; *base_format* reads the
    base.
    """

    pattern: str
    base_format: str
    has_date: bool = True
    is_yearless: bool = False


LAYOUTS: dict[str, Layout] = {
    "iso": Layout(
        r"^(?P<base>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.,](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%Y-%m-%d %H:%M:%S",
    ),
    "slash": Layout(
        r"^(?P<base>[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.,](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%Y/%m/%d %H:%M:%S",
    ),
    "slash_dash": Layout(
        r"^(?P<base>[0-9]{4}/[0-9]{2}/[0-9]{2} - [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%Y/%m/%d - %H:%M:%S",
    ),
    "dotted": Layout(
        r"^(?P<base>[0-9]{4}\.[0-9]{2}\.[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%Y.%m.%d %H:%M:%S",
    ),
    "day_month_dash": Layout(
        r"^(?P<base>[0-9]{2}-[A-Z][a-z]{2}-[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?(?P<zone>)",
        "%d-%b-%Y %H:%M:%S",
    ),
    "clf_blank": Layout(
        r"^(?P<base>[0-9]{1,2}/[A-Z][a-z]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?P<fraction>)(?P<zone>)",
        "%d/%b/%Y %H:%M:%S",
    ),
    "clf": Layout(
        r"^(?P<base>[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%d/%b/%Y:%H:%M:%S",
    ),
    "day_month_name": Layout(
        r"^(?P<base>[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.,](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%d %b %Y %H:%M:%S",
    ),
    "c_weekday": Layout(
        r"^[A-Z][a-z]{2} (?P<base>[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?(?P<year> [0-9]{4})(?P<zone>)",
        "%b %e %H:%M:%S %Y",
    ),
    "yymmdd": Layout(
        r"^(?P<base>[0-9]{6} [ 0-9][0-9]:[0-9]{2}:[0-9]{2})(?P<fraction>)(?P<zone>)",
        "%y%m%d %k:%M:%S",
    ),
    "yymmdd_slash": Layout(
        r"^(?P<base>[0-9]{2}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?P<fraction>)(?P<zone>)",
        "%y/%m/%d %H:%M:%S",
    ),
    "yymmdd_compact": Layout(
        r"^(?P<base>[0-9]{6} [0-9]{6})(?P<fraction>)(?P<zone>)",
        "%y%m%d %H%M%S",
    ),
    "day_month_colons": Layout(
        r"^(?P<base>[0-9]{1,2}-[A-Z][a-z]{2}-[0-9]{4}::[0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?P<fraction>)(?P<zone>)",
        "%d-%b-%Y::%H:%M:%S",
    ),
    "compact_dot": Layout(
        r"^(?P<base>[0-9]{8}\.[0-9]{6})(?:[.,](?P<fraction>[0-9]{1,9}))?(?P<zone>)",
        "%Y%m%d.%H%M%S",
    ),
    # None of its numbers is padded, milliseconds neither.
    "compact_colon": Layout(
        r"^(?P<base>[0-9]{8}-[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2})(?::(?P<millis>[0-9]{1,3}))?(?P<zone>)",
        "%Y%m%d-%H:%M:%S",
    ),
    "db2": Layout(
        r"^(?P<base>[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}\.[0-9]{2}\.[0-9]{2})"
        r"(?:\.(?P<fraction>[0-9]{1,9}))?(?P<zone>)",
        "%Y-%m-%d-%H.%M.%S",
    ),
    "day_first_dash": Layout(
        r"^(?P<base>[0-9]{2}-[0-9]{2}-[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%d-%m-%Y %H:%M:%S",
    ),
    "bsd_year": Layout(
        r"^(?P<base>[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%b %e %Y %H:%M:%S",
    ),
    # Month first: only for formats that are known to write it so, never a guess.
    "month_first": Layout(
        r"^(?P<base>[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%m/%d/%Y %H:%M:%S",
    ),
    "month_first_dash": Layout(
        r"^(?P<base>[0-9]{2}/[0-9]{2}/[0-9]{4}-[0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?" + _ZONE,
        "%m/%d/%Y-%H:%M:%S",
    ),
    "month_first_12": Layout(
        r"^(?P<base>[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}, [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AP]M)"
        r"(?P<fraction>)(?P<zone>)",
        "%m/%d/%Y %I:%M:%S %p",
    ),
    "month_name_12": Layout(
        r"^(?P<base>[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4},? [0-9]{1,2}:[0-9]{2}:[0-9]{2}"
        r"[ \u202f][AP]M)"
        r"(?P<fraction>)" + _ZONE,
        "%b %d %Y %I:%M:%S %p",
    ),
    # MinIO: the time, its zone, then the date with the month first.
    "time_date": Layout(
        r"^(?P<base>[0-9]{2}:[0-9]{2}:[0-9]{2})(?P<fraction>) (?P<zone>UTC|GMT)"
        r"(?P<year> [0-9]{2}/[0-9]{2}/[0-9]{4})",
        "%H:%M:%S %m/%d/%Y",
    ),
    # Without a year: read in YEARLESS, for `complete_years` to settle.
    "bsd": Layout(
        r"^(?P<base>[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?(?P<zone>)",
        "%b %e %H:%M:%S %Y",
        is_yearless=True,
    ),
    "klog": Layout(
        r"^(?P<base>[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.](?P<fraction>[0-9]{1,9}))?(?P<zone>)",
        "%m%d %H:%M:%S %Y",
        is_yearless=True,
    ),
    "month_day": Layout(
        r"^(?P<base>[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?(?P<zone>)",
        "%m-%d %H:%M:%S %Y",
        is_yearless=True,
    ),
    "month_day_slash": Layout(
        r"^(?P<base>[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})"
        r"(?:[.](?P<fraction>[0-9]{1,9}))?(?P<zone>)",
        "%m/%d %H:%M:%S %Y",
        is_yearless=True,
    ),
    "month_day_dot": Layout(
        r"^(?P<base>[0-9]{2}\.[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?P<fraction>)(?P<zone>)",
        "%m.%d %H:%M:%S %Y",
        is_yearless=True,
    ),
    "tai64n": Layout(r"^@(?P<base>4[0-9a-f]{15})(?P<nanos>[0-9a-f]{8})?$", ""),
    "epoch": Layout(r"^(?P<base>[0-9]{9,19})(?:[.](?P<fraction>[0-9]{1,9}))?(?P<zone>)$", ""),
    "time_of_day": Layout(
        r"^(?P<base>[0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?(?P<zone>)$",
        "",
        has_date=False,
    ),
}


def parse_times(text: pl.Series, layouts: tuple[str, ...]) -> pl.DataFrame:
    """Parse *text* with the first of *layouts* that matches each value.

    Returns a frame of the same height: `timestamp` (UTC microseconds, null where nothing matched or
    the value is no date) and `has_zone` (whether the text itself named its zone).
    """
    result = (
        pl.DataFrame(
            {"timestamp": pl.Series([None] * len(text), dtype=TIMESTAMP), "has_zone": False},
            schema={"timestamp": TIMESTAMP, "has_zone": pl.Boolean},
        )
        if not layouts
        else None
    )
    for name in layouts:
        parsed = _parse(text, LAYOUTS[name])
        if result is None:
            result = parsed
        elif result["timestamp"].null_count():
            missing = result["timestamp"].is_null()
            result = pl.DataFrame(
                {
                    column: parsed[column].zip_with(missing, result[column])
                    for column in result.columns
                }
            )
    assert result is not None
    return result


def complete_years(times: pl.Series, anchors: pl.Series) -> pl.Series:
    """Give each of *times*, read without a year, the year that puts it nearest to its anchor.

    Null where there is no anchor.
    """
    frame = pl.DataFrame({"time": times, "anchor": anchors})
    # As text, since the last of February is no date in most years: null, not an error.
    rest = pl.col("time").dt.strftime("-%m-%dT%H:%M:%S%.6f")
    years = [
        pl.concat_str((pl.col("anchor").dt.year() + step).cast(pl.String), rest)
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", time_zone="UTC", strict=False)
        .alias(str(step))
        for step in (-1, 0, 1)
    ]
    far = [(pl.col(str(step)) - pl.col("anchor")).abs().alias(f"far{step}") for step in (-1, 0, 1)]
    return (
        frame.with_columns(years)
        .with_columns(far)
        .with_columns(least=pl.min_horizontal("far-1", "far0", "far1"))
        .select(
            pl.coalesce(
                pl.when(pl.col(f"far{step}") == pl.col("least")).then(str(step))
                for step in (0, -1, 1)
            )
        )
        .to_series()
    )


def parse_rfc3339(text: pl.Series) -> pl.Series:
    """Parse the times that container runtimes write: RFC 3339, 0-9 digits, `Z` or an offset.

    The usual form ends in `Z` and costs no regex; anything else is parsed as `iso`.
    """
    base = text.str.head(19).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    fraction = text.str.slice(19, 7).str.strip_chars_end("Z")
    plain = text.str.ends_with("Z") & (fraction.str.starts_with(".") | (fraction == ""))
    micros = (fraction.cast(pl.Float64, strict=False).fill_null(0.0) * 1_000_000).round()
    parsed = (base.cast(pl.Int64) + micros.cast(pl.Int64)).cast(TIMESTAMP)
    if plain.all():
        return parsed
    return parsed.zip_with(plain.fill_null(False), parse_times(text, ("iso",))["timestamp"])


def _parse(text: pl.Series, layout: Layout) -> pl.DataFrame:
    parts = text.str.extract_groups(layout.pattern).struct.unnest()
    base = parts["base"]
    if "nanos" in parts.columns:
        return _parse_tai64n(base, parts["nanos"])
    if layout.base_format:
        if "%p" in layout.base_format:  # written with or without commas, with either blank
            base = base.str.replace_many([",", "\u202f"], ["", " "])
        if "year" in parts.columns:
            base = base + parts["year"]
        elif layout.is_yearless:
            base = base + f" {YEARLESS}"
        seconds = (
            base.str.replace("T", " ", literal=True)
            .str.to_datetime(layout.base_format, time_unit="us", strict=False)
            .cast(pl.Int64)
        )
    elif layout.has_date:
        return _parse_epoch(base, parts["fraction"])
    else:
        return pl.DataFrame(
            {"timestamp": pl.Series([None] * len(text), dtype=TIMESTAMP)}
        ).with_columns(has_zone=pl.lit(False))
    if "millis" in parts.columns:
        micros = parts["millis"].cast(pl.Int64, strict=False).fill_null(0) * 1000
    else:
        micros = _fraction_micros(parts["fraction"]).fill_null(0)
    offset = _offset_micros(parts["zone"])
    return pl.DataFrame(
        {
            "timestamp": (seconds + micros - offset.fill_null(0)).cast(TIMESTAMP),
            "has_zone": offset.is_not_null(),
        }
    )


def _fraction_micros(fraction: pl.Series) -> pl.Series:
    return fraction.str.head(6).str.pad_end(6, "0").str.to_integer(strict=False, dtype=pl.Int64)


def _offset_micros(zone: pl.Series) -> pl.Series:
    """Microseconds east of UTC; null where no zone is written."""
    distinct = zone.drop_nulls().unique(maintain_order=True).to_list()
    offsets = {text: _offset(text) for text in distinct if text}
    return zone.replace_strict(offsets, default=None, return_dtype=pl.Int64)


def _offset(text: str) -> int:
    if text in ("Z", "UTC", "GMT"):
        return 0
    digits = text[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60
    return (-seconds if text[0] == "-" else seconds) * 1_000_000


# What daemontools adds to an epoch: 2**62, and the ten seconds by which TAI led UTC in 1970.
_TAI_BASE = 2**62 + 10


def _parse_tai64n(seconds: pl.Series, nanos: pl.Series) -> pl.DataFrame:
    """Read the label that daemontools and s6 put before a line: hexadecimal, in UTC."""
    whole = seconds.str.to_integer(base=16, strict=False, dtype=pl.Int64) - _TAI_BASE
    rest = nanos.str.to_integer(base=16, strict=False, dtype=pl.Int64).fill_null(0)
    timestamp = (whole * 1_000_000 + rest // 1000).cast(TIMESTAMP)
    return pl.DataFrame({"timestamp": timestamp, "has_zone": timestamp.is_not_null()})


def _parse_epoch(base: pl.Series, fraction: pl.Series) -> pl.DataFrame:
    """Read an epoch in seconds, milli-, micro- or nanoseconds: the ranges do not overlap."""
    whole = base.cast(pl.Int64, strict=False)
    frame = pl.DataFrame({"whole": whole, "fraction": _fraction_micros(fraction)})
    scale = {1_000_000: 1, 1_000: 1_000, 1: 1_000_000}  # micros per unit: units per second
    timestamp = pl.coalesce(
        *(
            pl.when(pl.col("whole").is_between(_EPOCH_MIN * unit, _EPOCH_MAX * unit)).then(
                pl.col("whole") * micros
                + (pl.col("fraction").fill_null(0) if micros == 1_000_000 else 0)
            )
            for micros, unit in scale.items()
        ),
        pl.when(
            pl.col("whole").is_between(_EPOCH_MIN * 1_000_000_000, _EPOCH_MAX * 1_000_000_000)
        ).then(pl.col("whole") // 1_000),
    )
    parsed = frame.select(timestamp=timestamp.cast(TIMESTAMP))
    return parsed.with_columns(has_zone=pl.col("timestamp").is_not_null())
