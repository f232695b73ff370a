"""Text to UTC microseconds: the notations that logs use, on whole columns.

Every notation is cut into a part with whole seconds, a fraction and a zone. Seconds repeat, so the
costly part is parsed once per distinct second; fractions are plain arithmetic (six digits are kept,
the rest is cut: storage is in microseconds). Nothing is guessed here: a time without a zone stands
as if it were UTC, one without a year lies in `YEARLESS`, one without a date on `DATELESS`; what
they are is settled by `clocks`, which has the neighbours, the envelope and the file to ask.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

import polars as pl

from pipeline.ingest.layouts import (
    ABBREVIATIONS,
    DATELESS,
    EVIDENT,
    FOREIGN_MONTHS,
    LAYOUTS,
    MONTHS,
    YEARLESS,
    Layout,
)
from pipeline.schema import TIMESTAMP

# 2000-01-01 .. 2100-01-01 in seconds: an epoch outside, in every unit, is not a time.
_EPOCH_MIN, _EPOCH_MAX = 946_684_800, 4_102_444_800
_HOUR = 3_600_000_000
# What daemontools adds to the seconds since 1970: the label's own 2^62, and the 10 seconds by
# which TAI was ahead then. It keeps no table of leap seconds, and so neither does the reading.
_TAI64 = (1 << 62) + 10

_NUMERIC = r"^([0-9]{1,2})[/-]([0-9]{1,2})[/-][0-9]{4}\b"
# Notations of a group named `time_of_day`.
TIMES_OF_DAY = ("time_of_day", "time_of_day_halves")
PARSED: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": TIMESTAMP,
    "has_zone": pl.Boolean,
    "zone_name": pl.String,
}


def parse_times(text: pl.Series, layouts: tuple[str, ...]) -> pl.DataFrame:
    """Parse *text* with the first of *layouts* that matches each value.

    Returns a frame of the same height: `timestamp` (microseconds, null where nothing matched or the
    value is no date; UTC where `has_zone`, else as if it were), `has_zone` (whether the text itself
    tells its distance from UTC) and `zone_name` (a name such as CEST, which alone does not tell
    it).
    """
    if not layouts:
        return pl.DataFrame(
            {name: pl.Series([None], dtype=kind).new_from_index(0, len(text))
             for name, kind in PARSED.items()}
        ).with_columns(has_zone=pl.lit(False))  # fmt: skip
    result = _parse(text, LAYOUTS[layouts[0]])
    for name in layouts[1:]:
        if not result["timestamp"].null_count():
            break
        rows = (result["timestamp"].is_null() & text.is_not_null()).arg_true()
        if not len(rows):
            break
        parsed = _parse(text.gather(rows), LAYOUTS[name])
        result = result.with_columns(
            result[column].scatter(rows, parsed[column]) for column in result.columns
        )
    return result


def fitting_layouts(text: pl.Series, layouts: Iterable[str] = EVIDENT) -> tuple[str, ...]:
    """Return which of *layouts* read a value of *text* that those before them do not read."""
    found = []
    rest = text.drop_nulls()
    for name in layouts:
        if rest.is_empty():
            break
        unread = _parse(rest, LAYOUTS[name])["timestamp"].is_null()
        if not unread.all():
            found.append(name)
            rest = rest.filter(unread)
    return tuple(found)


def numeric_order(text: pl.Series) -> str | None:
    """Tell of dates written with numbers which layout reads them: "month_first" or "day_first".

    A number above 12 is a day. Where none is, the number that stays the same while the other counts
    up by days is the month, since a log holds days in a row more often than a day of every month.
    None: nothing tells, or both occur.
    """
    groups = text.drop_nulls().str.extract_groups(_NUMERIC).struct.unnest()
    pairs = groups.select(pl.all().cast(pl.Int32)).drop_nulls().unique()
    if pairs.is_empty():
        return None
    first, second = pairs.to_series(0), pairs.to_series(1)
    is_day_first, is_month_first = bool((first > 12).any()), bool((second > 12).any())
    if is_day_first or is_month_first:
        return None if is_day_first and is_month_first else _ORDER[is_day_first]
    if pairs.height > 1 and (first.n_unique() == 1) != (second.n_unique() == 1):
        return _ORDER[second.n_unique() == 1]
    return None


_ORDER = {True: "day_first", False: "month_first"}


def complete_years(times: pl.Series, anchors: pl.Series) -> pl.Series:
    """Give each of *times*, read without a year, the year that puts it nearest to its anchor.

    Null where there is no anchor.
    """
    frame = pl.DataFrame({"time": times, "anchor": anchors})
    # As text, since the last of February is no date in most years: null, not an error.
    rest = pl.col("time").dt.strftime("-%m-%dT%H:%M:%S%.6f")
    steps: tuple[int, ...] = (0, -1, 1, -2, 2, -3, 3, -4, 4)
    is_leap_day = (times.dt.month() == 2) & (times.dt.day() == 29)
    if not is_leap_day.any():
        steps = steps[:3]
    years = [
        pl.concat_str((pl.col("anchor").dt.year() + step).cast(pl.String), rest)
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", time_zone="UTC", strict=False)
        .alias(str(step))
        for step in steps
    ]
    far = [(pl.col(str(step)) - pl.col("anchor")).abs().alias(f"far{step}") for step in steps]
    return (
        frame.with_columns(years)
        .with_columns(far)
        .with_columns(least=pl.min_horizontal(f"far{step}" for step in steps))
        .select(
            pl.coalesce(
                pl.when(pl.col(f"far{step}") == pl.col("least")).then(str(step)) for step in steps
            )
        )
        .to_series()
    )


def local_to_utc(times: pl.Series, zone: str) -> pl.DataFrame:
    """Read *times*, which stand as if they were UTC, as local times of *zone*.

    Returns `timestamp`, `later` (the second reading of an hour that occurs twice; null elsewhere)
    and `is_gap` (a local time that the change to summer time leaves out: read as if the clock had
    not been put forward yet).
    """
    plain = times.dt.replace_time_zone(None)

    def read(local: pl.Series, which: str) -> pl.Series:
        there = local.dt.replace_time_zone(zone, ambiguous=which, non_existent="null")  # type: ignore[arg-type]
        return there.dt.convert_time_zone("UTC")

    first, last = read(plain, "earliest"), read(plain, "latest")
    is_gap = first.is_null() & times.is_not_null()
    if is_gap.any():
        rows = is_gap.arg_true()
        # Changes are months apart: a few hours before, the clock stood as it did before this one.
        before = timedelta(hours=3)
        first = first.scatter(rows, read(plain.gather(rows) - before, "earliest") + before)
    later = pl.select(pl.when(last != first).then(last)).to_series()
    return pl.DataFrame({"timestamp": first, "later": later, "is_gap": is_gap})


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
    if layout.number:
        return _parse_number(parts, layout.number)
    base = _base(parts, layout)
    micros = _column(parts, "fraction", _fraction_micros) + _column(parts, "millis", _millis)
    # The leap second is the last moment of the one before it.
    if (leap := base.str.contains(_LEAP_SECOND)).any():
        base = base.str.replace(_LEAP_SECOND, ":59$1")
        micros = micros.set(leap.fill_null(False), 999_999)
    form = layout.base_format if layout.has_date else f"%Y-%m-%d {layout.base_format}"
    local = base.str.to_datetime(form, time_unit="us", strict=False).cast(pl.Int64) + micros
    if "half" in parts.columns and parts["half"].null_count() < len(local):
        local = _in_halves(local, parts["half"])
    return _zoned(local, parts["zone"] if "zone" in parts.columns else None)


_LEAP_SECOND = r":60( |$)"


def _column(parts: pl.DataFrame, name: str, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return a number of each row as *read* from a group that a layout may lack: 0 where not."""
    if name in parts.columns:
        return read(parts[name]).fill_null(0)
    return pl.Series([0], dtype=pl.Int64).new_from_index(0, parts.height)


def _base(parts: pl.DataFrame, layout: Layout) -> pl.Series:
    """Return the text that `base_format` reads: the base and what belongs behind it."""
    base = parts["base"]
    for character in layout.drop:
        base = base.str.replace_all(character, "", literal=True)
    for character in layout.blank:
        base = base.str.replace_all(character, " ", literal=True)
    if layout.has_foreign_months:
        base = _english_months(base)
    if "clock" in parts.columns:
        base = base + " " + parts["clock"]
    if "year" in parts.columns:
        base = base + parts["year"]
    elif layout.is_yearless:
        base = base + f" {YEARLESS}"
    return base if layout.has_date else f"{DATELESS:%Y-%m-%d} " + base


def _english_months(base: pl.Series) -> pl.Series:
    names = base.str.extract(r"^([^ .]+)").str.to_lowercase()
    english = {name: MONTHS[number - 1] for name, number in FOREIGN_MONTHS.items()}
    month = names.replace_strict(english, default=None, return_dtype=pl.String)
    return month + base.str.replace(r"^[^ ]+", "")


def _in_halves(local: pl.Series, half: pl.Series) -> pl.Series:
    """Read hours 12, 1 … 11 before and after noon; an hour above 12 is none and gives null."""
    hour = pl.col("local") // _HOUR % 24
    is_after = pl.col("half").str.contains("[Pp]")
    return (
        pl.DataFrame({"local": local, "half": half})
        .select(
            pl.when(pl.col("half").is_null())
            .then("local")
            .when(hour.is_between(1, 12))
            .then(
                pl.col("local")
                + ((hour % 12) + pl.when(is_after).then(12).otherwise(0) - hour) * _HOUR
            )
        )
        .to_series()
    )


def _zoned(local: pl.Series, zone: pl.Series | None) -> pl.DataFrame:
    """Shift *local* microseconds by the offsets that *zone* tells."""
    times = local.cast(TIMESTAMP)
    if zone is None or zone.null_count() == len(zone):
        return pl.DataFrame(
            {"timestamp": times},
            schema={"timestamp": TIMESTAMP},
        ).with_columns(has_zone=pl.lit(False), zone_name=pl.lit(None, pl.String))
    distinct = [text for text in zone.drop_nulls().unique(maintain_order=True).to_list() if text]
    offsets = {text: found for text in distinct if (found := _offset(text)) is not None}
    offset = zone.replace_strict(offsets, default=None, return_dtype=pl.Int64)
    times = (local - offset.fill_null(0)).cast(TIMESTAMP)
    has_zone = offset.is_not_null()
    names = pl.Series([None], dtype=pl.String).new_from_index(0, len(zone))
    for name in distinct:
        rows = (zone == name).arg_true()
        if name in ABBREVIATIONS:
            names = names.scatter(rows, name)
        elif "/" in name and (moved := _located(times.gather(rows), name)) is not None:
            times, has_zone = times.scatter(rows, moved), has_zone.scatter(rows, True)
    return pl.DataFrame({"timestamp": times, "has_zone": has_zone, "zone_name": names})


def _located(times: pl.Series, zone: str) -> pl.Series | None:
    try:
        return local_to_utc(times, zone)["timestamp"]
    except pl.exceptions.ComputeError:  # no zone of that name
        return None


def _fraction_micros(fraction: pl.Series) -> pl.Series:
    return fraction.str.head(6).str.pad_end(6, "0").str.to_integer(strict=False, dtype=pl.Int64)


def _millis(text: pl.Series) -> pl.Series:
    return text.cast(pl.Int64, strict=False) * 1_000


def _offset(text: str) -> int | None:
    """Microseconds east of UTC; None for a name that does not tell it."""
    rest = text.removeprefix("UTC").removeprefix("GMT")
    if rest in ("", "Z", "z"):
        return 0
    if rest[0] not in "+-":
        return None
    digits = rest[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60
    return (-seconds if rest[0] == "-" else seconds) * 1_000_000


def _parse_number(parts: pl.DataFrame, number: str) -> pl.DataFrame:
    """Read a count of seconds: an epoch in any unit, plain or as a float, or a TAI64 label."""
    base = parts["base"]
    if number == "tai64":
        timestamp = _parse_tai64(base, parts["fraction"])
    elif number == "scientific":
        # A float keeps 15 digits, which for seconds is down to the microsecond.
        value = base.cast(pl.Float64, strict=False)
        whole = value.cast(pl.Int64, strict=False)
        rest = ((value - whole) * 1_000_000).round().cast(pl.Int64, strict=False)
        timestamp = _parse_epoch(whole, rest)
    else:
        timestamp = _parse_epoch(
            base.cast(pl.Int64, strict=False), _fraction_micros(parts["fraction"])
        )
    return pl.DataFrame({"timestamp": timestamp, "has_zone": timestamp.is_not_null()}).with_columns(
        zone_name=pl.lit(None, pl.String)
    )


def _parse_tai64(label: pl.Series, nanos: pl.Series) -> pl.Series:
    seconds = label.str.to_integer(base=16, strict=False, dtype=pl.Int64) - _TAI64
    micros = nanos.str.to_integer(base=16, strict=False, dtype=pl.Int64).fill_null(0) // 1_000
    frame = pl.DataFrame({"seconds": seconds, "micros": micros})
    return frame.select(
        pl.when(pl.col("seconds").is_between(_EPOCH_MIN, _EPOCH_MAX))
        .then(pl.col("seconds") * 1_000_000 + pl.col("micros"))
        .cast(TIMESTAMP)
    ).to_series()


def _parse_epoch(whole: pl.Series, micros_of_second: pl.Series) -> pl.Series:
    """Read an epoch in seconds, milli-, micro- or nanoseconds: the ranges do not overlap.

    A fraction counts in the unit of the whole: `1772445600125.5` has half a millisecond.
    """
    frame = pl.DataFrame({"whole": whole, "fraction": micros_of_second})
    scale = {1_000_000: 1, 1_000: 1_000, 1: 1_000_000}  # micros per unit: units per second
    fraction = pl.col("fraction").fill_null(0)
    timestamp = pl.coalesce(
        *(
            pl.when(pl.col("whole").is_between(_EPOCH_MIN * unit, _EPOCH_MAX * unit)).then(
                pl.col("whole") * micros + fraction // unit
            )
            for micros, unit in scale.items()
        ),
        pl.when(
            pl.col("whole").is_between(_EPOCH_MIN * 1_000_000_000, _EPOCH_MAX * 1_000_000_000)
        ).then(pl.col("whole") // 1_000),
    )
    return frame.select(timestamp.cast(TIMESTAMP)).to_series()
