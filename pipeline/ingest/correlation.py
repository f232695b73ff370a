"""Ids that tie the events of one request together, from wherever in a line they stand.

The rules are data (`correlation.toml`), each with texts that test it. Ids are normalised, so that
the same trace is the same text in every service:

- ids of traces and spans in lower case; a trace's without dashes, and without the 16 leading zeros
  that a 64-bit id gets in 128-bit fields;
- an id of zeros, a placeholder (`-`, `null`, `undefined`) or a word without any digit is no id.

Works on the events that are kept only: no line of the hot path comes here.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from pipeline.ingest.needles import Haystack, contains

COLUMNS = ("trace_id", "span_id", "request_id")
# Headers and contexts stand at the front of a line or in a JSON object; a dump of megabytes is no
# place to look for them.
_MAX_CHARACTERS = 16_384
_MAX_ID_CHARACTERS = 128
# A line that has none of these has no id that a rule takes. Kept in one place so that most lines
# are left after one search; `check_rules` is the guard.
_HINTS = ("trace", "span", "request", "correlation", "req", "b3", "Root=", "invocation", "00-")
_HINT_SHAPES = (
    r"\[(?:[^\[\],]{0,64},)?[0-9a-f]{16}|\[[0-9a-f]{8}-"  # ids in brackets
    r"| [0-9a-f]{32}$|\" \"[0-9A-Za-z-]{6,64}\" \""  # fields of access lines
)
_ZEROS = r"^[0:._-]*$"


@dataclass(frozen=True, slots=True)
class Rule:
    """One notation: a pattern whose groups are columns, and the texts that test it."""

    name: str
    regex: str
    columns: tuple[str, ...]
    hints: tuple[str, ...]
    samples: tuple[tuple[str, Mapping[str, str]], ...]
    leaves: tuple[str, ...]


@cache
def load_rules() -> tuple[Rule, ...]:
    """Load the rules in the order in which they are tried."""
    text = (files("pipeline") / "ingest" / "correlation.toml").read_text(encoding="utf-8")
    return tuple(
        Rule(
            name=entry["name"],
            regex=entry["regex"],
            columns=tuple(re.findall(r"\(\?P<([a-z_]+)>", entry["regex"])),
            hints=tuple(entry.get("hints", ())),
            samples=tuple((each["text"], each["expect"]) for each in entry["sample"]),
            leaves=tuple(entry.get("leaves", ())),
        )
        for entry in tomllib.loads(text)["rule"]
    )


def correlate(text: pl.Series) -> pl.DataFrame:
    """Find the ids in each text: columns `trace_id`, `span_id`, `request_id`; null where none is.

    Same length and order; a null text has no ids.
    """
    found = {
        name: pl.Series(name, [None], pl.String).new_from_index(0, len(text)) for name in COLUMNS
    }
    head = text.str.head(_MAX_CHARACTERS)
    hinted = head.str.contains_any(list(_HINTS), ascii_case_insensitive=True)
    rows = (hinted | contains(head, _HINT_SHAPES)).fill_null(False).arg_true()
    if not len(rows):
        return pl.DataFrame(found)
    part = pl.DataFrame({"text": head.gather(rows)}).with_columns(
        pl.lit(None, pl.String).alias(name) for name in COLUMNS
    )
    known = Haystack(part["text"])
    for rule in load_rules():
        if known.may_fit(rule.regex):
            part = _with_rule(part, rule)
    return pl.DataFrame({name: found[name].scatter(rows, part[name]) for name in COLUMNS})


def _with_rule(part: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Fill what is not yet found, from the texts that may have it."""
    is_open = pl.any_horizontal(pl.col(column).is_null() for column in rule.columns)
    if rule.hints:
        is_open &= pl.col("text").str.contains_any(list(rule.hints), ascii_case_insensitive=True)
    rows = part.select(is_open).to_series().arg_true()
    if not len(rows):
        return part
    open_ = part[rows]
    groups = open_["text"].str.extract_groups(rule.regex)
    filled = {}
    for column in rule.columns:
        own = open_[column]
        values = own.zip_with(own.is_not_null(), _normal(column, groups.struct.field(column)))
        filled[column] = part[column].scatter(rows, values)
    return part.with_columns(**filled)


def normal_ids(events: pl.DataFrame) -> dict[str, pl.Series]:
    """Return the three columns of *events* normalised, as those that `correlate` finds."""
    return {name: _normal(name, events[name]) for name in COLUMNS}


def _normal(column: str, ids: pl.Series) -> pl.Series:
    if ids.null_count() == len(ids):
        return ids
    if column != "request_id":
        # A resource's name ends in the id: projects/shop/traces/1c2d…
        ids = ids.str.to_lowercase().str.extract(r"([^/\s]+)\s*$")
    if column == "trace_id":
        ids = ids.str.replace_all("-", "", literal=True)
        ids = ids.str.replace(r"^0{16}([0-9a-f]{16})$", "${1}")
    usable = ids.str.contains(r"[0-9]") & ~ids.str.contains(_ZEROS)
    none = pl.Series([None], dtype=pl.String).new_from_index(0, len(ids))
    return ids.str.head(_MAX_ID_CHARACTERS).zip_with(usable.fill_null(False), none)
