"""Whole tables without secrets: kept events, counts, and any value made of strings."""

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

import polars as pl

from pipeline.redaction.rules import harmless, load_redactions
from pipeline.redaction.texts import MARKER, Redactor

# What the program writes itself, and where a line is found again.
_OWN = frozenset(
    {
        "time_source", "log_iostream", "template_id", "template", "fingerprint", "error_class",
        "format_name", "log_file_path",
    }
)  # fmt: skip
COUNTED = {"log_file_path": pl.String, "kind": pl.String, "event_count": pl.Int64}
_PAIRS = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))

T = TypeVar("T")


def redact_events(events: pl.DataFrame, redactor: Redactor) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return *events* (columns of `schema.EVENTS`) without secrets, and how many held which.

    The second frame has columns `COUNTED`: of each file, the events with a secret of that kind in
    any of their columns. Paths of log files stay as they are.
    """
    changed: dict[str, pl.Series] = {}
    for name, dtype in events.schema.items():
        if name in _OWN:
            continue
        column = events[name]
        if dtype == pl.String:
            cleaned = redactor(column)
        elif isinstance(dtype, pl.List) and dtype.inner == pl.String:
            cleaned = _lists(column, redactor)
        elif isinstance(dtype, pl.Map):
            cleaned = _maps(column, redactor)
        else:
            continue
        if cleaned is not column:
            changed[name] = cleaned
    if not changed:
        return events, pl.DataFrame(schema=COUNTED)
    return events.with_columns(**changed), _counted(events, changed)


def _counted(events: pl.DataFrame, changed: Mapping[str, pl.Series]) -> pl.DataFrame:
    found = []
    for name, cleaned in changed.items():
        old, new = _as_text(events[name]), _as_text(cleaned)
        rows = old.ne_missing(new).arg_true()
        kinds = new.gather(rows).str.extract_all(MARKER).list.unique()
        found.append(pl.DataFrame({"row": rows, "kind": kinds}).explode("kind"))
    each = pl.concat(found).drop_nulls().with_columns(pl.col("kind").str.extract(MARKER)).unique()
    paths = events["log_file_path"].gather(each["row"])
    counts = each.with_columns(log_file_path=paths).group_by("log_file_path", "kind")
    return counts.agg(event_count=pl.len().cast(pl.Int64)).select(*COUNTED)


def _as_text(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column
    if isinstance(column.dtype, pl.Map):
        values = pl.element().struct.field("value")
        column = column.cast(_PAIRS).to_frame("x").select(pl.col("x").list.eval(values))["x"]
    return column.list.join("\n", ignore_nulls=True)


def _lists(column: pl.Series, redactor: Redactor) -> pl.Series:
    inner = column.explode(empty_as_null=False, keep_nulls=False)
    cleaned = redactor(inner)
    return column if cleaned is inner else _folded(column, cleaned)


def _folded(column: pl.Series, inner: pl.Series) -> pl.Series:
    """Return *column*, a list of the same lengths, with the values *inner*."""
    lengths = column.list.len().fill_null(0)
    rows = (
        pl.int_range(len(column), eager=True)
        .repeat_by(lengths)
        .explode(empty_as_null=False, keep_nulls=False)
    )
    lists = (
        pl.DataFrame({"row": rows.cast(pl.Int64), "value": inner})
        .group_by("row", maintain_order=True)
        .agg("value")
    )
    base = pl.DataFrame({"row": pl.int_range(len(column), eager=True), "old": column})
    joined = base.join(lists, on="row", how="left", maintain_order="left")
    return joined.select(pl.coalesce("value", "old"))["value"]


def _maps(column: pl.Series, redactor: Redactor) -> pl.Series:
    if column.null_count() == len(column):
        return column
    lists = column.cast(_PAIRS)
    pairs = lists.explode(empty_as_null=False, keep_nulls=False).struct.unnest()
    cleaned = _pairs(pairs, redactor)
    if cleaned is pairs:
        return column
    return _folded(lists, cleaned.to_struct("value")).cast(column.dtype)


def _pairs(pairs: pl.DataFrame, redactor: Redactor) -> pl.DataFrame:
    """Redact columns `key` and `value`: a value by what it is, and by what its name says."""
    key, value = redactor(pairs["key"]), redactor(pairs["value"])
    told = _kinds(pairs["key"])
    if told is not None:
        is_secret = told.is_not_null() & (value.str.len_bytes() > 0)
        is_secret &= ~value.str.contains(harmless()) & ~value.str.contains(MARKER)
        if is_secret.any():
            value = ("[redacted:" + told + "]").zip_with(is_secret, value)
    if key is pairs["key"] and value is pairs["value"]:
        return pairs
    return pl.DataFrame({"key": key, "value": value})


def _kinds(names: pl.Series) -> pl.Series | None:
    """Return the kind of secret that a field of such a name holds, null for all other names; None
    where all are others.
    """
    distinct = names.unique()
    distinct = distinct.filter(distinct.str.contains_any(_literals(), ascii_case_insensitive=True))
    kinds: dict[str, str] = {}
    for rule in load_redactions():
        if rule.keys and distinct.len():
            hits = distinct.filter(distinct.str.contains(rule.keys + "$"))
            kinds = dict.fromkeys(hits.to_list(), rule.name) | kinds
    if not kinds:
        return None
    return names.replace_strict(kinds, default=None, return_dtype=pl.String)


@cache
def _literals() -> list[str]:
    return sorted({one for rule in load_redactions() if rule.keys for one in rule.literals})


def redact_columns(table: pl.DataFrame, redactor: Redactor) -> pl.DataFrame:
    """Return a table of counts with its texts redacted; paths of log files stay as they are."""
    changed = {}
    for name, dtype in table.schema.items():
        if name in _OWN:
            continue
        column = table[name]
        if dtype == pl.String:
            cleaned = redactor(column)
        elif isinstance(dtype, pl.List) and dtype.inner == pl.String:
            cleaned = _lists(column, redactor)
        else:
            continue
        if cleaned is not column:
            changed[name] = cleaned
    return table.with_columns(**changed) if changed else table


def redact_fields(value: T, redactor: Redactor, *, skip: tuple[type, ...] = ()) -> T:
    """Return *value*, made of dataclasses, lists, tuples, dicts and strings, without secrets.

    Values of a type in *skip* stay as they are, and so do keys of dicts.
    """
    strings = sorted(set(_strings(value, skip)))
    series = pl.Series(strings, dtype=pl.String)
    cleaned = redactor(series)
    if cleaned is series:
        return value
    known = {old: new for old, new in zip(strings, cleaned.to_list(), strict=True) if old != new}
    replaced: T = _replaced(value, known, skip)
    return replaced


def _strings(value: object, skip: tuple[type, ...]) -> Iterator[str]:
    if isinstance(value, skip):
        return
    if type(value) is str:
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _strings(one, skip)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one, skip)
    elif dataclasses.is_dataclass(value):
        for item in dataclasses.fields(value):
            yield from _strings(getattr(value, item.name), skip)


def _replaced(value: Any, known: Mapping[str, str], skip: tuple[type, ...]) -> Any:  # noqa: ANN401
    if isinstance(value, skip):
        return value
    if type(value) is str:
        return known.get(value, value)
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(one, known, skip) for one in value)
    if isinstance(value, dict):
        return {key: _replaced(one, known, skip) for key, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (item.name for item in dataclasses.fields(value) if item.init)
        new = {name: _replaced(getattr(value, name), known, skip) for name in fields}
        return dataclasses.replace(value, **new)
    return value
