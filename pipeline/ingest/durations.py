"""How long a request or a step took, from wherever a line says it, in milliseconds.

The rules are data (`durations.toml`), each with lines that test it. A number of which neither the
name nor the text tells the unit is left out: not known is better than wrong by a thousand. Works
on the events that are kept only, where the format's own fields gave nothing.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from pipeline.ingest.needles import Haystack

_MAX_CHARACTERS = 16_384
_MILLISECONDS = {
    "ns": 1e-6, "nano": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "micr": 1e-3, "usec": 1e-3,
    "ms": 1.0, "msec": 1.0, "mill": 1.0, "s": 1e3, "sec": 1e3, "secs": 1e3, "seco": 1e3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One notation: a pattern with the group `duration`, its unit, and the lines that test it."""

    name: str
    regex: str
    unit: str | None
    formats: tuple[str, ...]
    hints: tuple[str, ...]
    samples: tuple[tuple[str, float], ...]
    leaves: tuple[str, ...]


@cache
def load_rules() -> tuple[Rule, ...]:
    """Load the rules in the order in which they are tried."""
    text = (files("pipeline") / "ingest" / "durations.toml").read_text(encoding="utf-8")
    return tuple(_rule(entry) for entry in tomllib.loads(text)["rule"])


def _rule(entry: Mapping[str, object]) -> Rule:
    def texts(key: str) -> tuple[str, ...]:
        values = entry.get(key, ())
        assert isinstance(values, list | tuple)
        return tuple(values)

    samples = entry["sample"]
    assert isinstance(samples, list)
    unit = entry.get("unit")
    return Rule(
        name=str(entry["name"]),
        regex=str(entry["regex"]),
        unit=None if unit is None else str(unit),
        formats=texts("formats"),
        hints=texts("hints"),
        samples=tuple((each["line"], each["ms"]) for each in samples),
        leaves=texts("leaves"),
    )


def milliseconds(text: pl.Series, format_names: pl.Series) -> pl.Series:
    """Return the duration that each line tells, in milliseconds; null where it tells none."""
    rows = pl.DataFrame(
        {"text": text.str.head(_MAX_CHARACTERS), "format_name": format_names}
    ).with_columns(duration=pl.lit(None, pl.Float64))
    known = Haystack(rows["text"])
    for rule in load_rules():
        if not known.may_fit(rule.regex):
            continue
        fits = pl.col("duration").is_null()
        if rule.formats:
            fits &= pl.col("format_name").is_in(rule.formats)
        if rule.hints:
            fits &= pl.col("text").str.contains_any(list(rule.hints), ascii_case_insensitive=True)
        at = rows.select(fits.fill_null(False)).to_series().arg_true()
        if len(at):
            found = _values(rows["text"].gather(at), rule)
            rows = rows.with_columns(rows["duration"].scatter(at, found))
    return rows["duration"]


def _values(text: pl.Series, rule: Rule) -> pl.Series:
    groups = text.str.extract_groups(rule.regex).struct.unnest()
    number = pl.col("duration").cast(pl.Float64, strict=False)
    for name, factor in (("hours", 3600), ("minutes", 60)):
        if name in groups.columns:
            number += pl.col(name).cast(pl.Float64, strict=False).fill_null(0) * factor
    if "unit" in re.compile(rule.regex).groupindex:
        unit: pl.Expr = (
            pl.col("unit")
            .str.to_lowercase()
            .str.head(4)
            .replace_strict(_MILLISECONDS, default=None, return_dtype=pl.Float64)
        )
    else:
        unit = pl.lit(_MILLISECONDS[rule.unit or ""])
    return groups.select(number * unit).to_series()
