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
    changed = _changed(events, redactor)
    if not changed:
        return events, pl.DataFrame(schema=COUNTED)
    return events.with_columns(**changed), _counted(events, changed)


def _changed(table: pl.DataFrame, redactor: Redactor) -> dict[str, pl.Series]:
    """Return the columns of *table* that hold secrets, without these."""
    texts: dict[str, pl.Series] = {}
    for name, dtype in table.schema.items():
        if name not in _OWN and table[name].null_count() < table.height:
            texts |= _parts(table[name], dtype)
    cleaned = redactor.clean(texts)
    for name, dtype in table.schema.items():
        key, value = f"{name}{_KEY}", f"{name}{_VALUE}"
        if isinstance(dtype, pl.Map) and key in texts:
            told = _by_name(texts[key], cleaned[value] if value in cleaned else texts[value])
            cleaned |= {} if told is None else {value: told}
    return {
        name: whole
        for name, dtype in table.schema.items()
        if (whole := _whole(table[name], dtype, texts, cleaned)) is not None
    }


_KEY, _VALUE = ".key", ".value"  # no column has a point in its name


def _parts(column: pl.Series, dtype: pl.DataType) -> dict[str, pl.Series]:
    """Return the texts of *column* as columns of strings, a list's and a map's one below the
    other.
    """
    name = column.name
    if dtype == pl.String:
        return {name: column}
    if isinstance(dtype, pl.List) and dtype.inner == pl.String:
        return {name: column.explode(empty_as_null=False, keep_nulls=False)}
    if isinstance(dtype, pl.Map):
        pairs = column.cast(_PAIRS).explode(empty_as_null=False, keep_nulls=False).struct
        return {name + _KEY: pairs.field("key"), name + _VALUE: pairs.field("value")}
    return {}


def _whole(
    column: pl.Series,
    dtype: pl.DataType,
    texts: Mapping[str, pl.Series],
    cleaned: Mapping[str, pl.Series],
) -> pl.Series | None:
    """Put the cleaned texts of *column* together again; None where nothing changed."""
    name = column.name
    if not isinstance(dtype, pl.Map):
        inner = cleaned.get(name)
        return inner if inner is None or dtype == pl.String else _folded(column, inner)
    parts = {part: name + suffix for part, suffix in (("key", _KEY), ("value", _VALUE))}
    if not any(part in cleaned for part in parts.values()):
        return None
    pairs = pl.DataFrame({part: cleaned.get(own, texts[own]) for part, own in parts.items()})
    return _folded(column.cast(_PAIRS), pairs.to_struct("value")).cast(dtype)


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


def _by_name(keys: pl.Series, values: pl.Series) -> pl.Series | None:
    """Return *values* without what is secret by the name of its field; None where nothing is."""
    kinds = _kinds(keys)
    if kinds is None:
        return None
    is_secret = kinds.is_not_null() & (values.str.len_bytes() > 0)
    is_secret &= ~values.str.contains(harmless()) & ~values.str.contains(MARKER)
    for rule in load_redactions():
        if rule.keys and rule.leave:
            is_secret &= (kinds != rule.name) | ~values.str.contains(f"^(?:{rule.leave})$")
    if not is_secret.any():
        return None
    return ("[redacted:" + kinds + "]").zip_with(is_secret.fill_null(False), values)


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
    changed = _changed(table, redactor)
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
