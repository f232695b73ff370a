"""Rows of JSON text to columns: fast when all rows are sound, exact when some are not."""

import json
import re
from collections.abc import Mapping
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

# Deeper than this is no log record; it is text that would exhaust a parser.
MAX_DEPTH = 64
# A flat object whose values are strings, numbers, booleans or null: what the fast parser surely
# takes.
_PLAIN = (
    r'^\s*\{(?:\s*"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"\s*:\s*'
    r'(?:"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?'
    r"|true|false|null)\s*,?)+\}\s*$"
)
# Escapes that the fast parser does not write back when it copies a nested value.
# A quote that is not escaped ends a key of this object, not of one that is written in its strings.
_NESTED_VALUE = r'[^\\]"\s*:\s*[{\[]'
_LOST_ESCAPE = r"\\(?:[tbf\\]|u00[01]|u005[cC])"


def decode_objects(rows: pl.Series, keys: tuple[str, ...], raw: bytes = b"") -> pl.DataFrame:
    """Read one JSON object a row; returns the columns *keys* as text, and `is_object`.

    Nested values come as their JSON text, numbers and booleans as written. A row that is no object
    (broken, nested too deep, another type) has nulls and `is_object` false. Nothing raises. *raw*
    are the bytes of *rows* where the caller has them.
    """
    schema = dict.fromkeys(keys, pl.String)
    is_candidate = rows.str.starts_with("{") & rows.str.ends_with("}")
    if not is_candidate.all():
        is_candidate = rows.str.starts_with("{") & rows.str.strip_chars_end().str.ends_with("}")
    if is_candidate.all() and len(rows):
        decoded = _read(rows, schema, raw)
        if decoded is not None:
            return _exact(rows, decoded).with_columns(is_object=pl.lit(True))
    return _decode_mixed(rows, is_candidate.fill_null(False), schema)


def resolve(objects: pl.DataFrame, keys: tuple[str, ...]) -> pl.Series:
    """Return the first of *keys* that each decoded object has: as a flat key, else by its path.

    A path's head is a column of *objects*, the rest is read as JSONPath: `a.b`, `a['b.c']`. Columns
    that are not there count as absent.
    """
    found: pl.Series | None = None
    names = set(objects.columns)
    for key in keys:
        head = re.split(r"[.\[]", key, maxsplit=1)[0]
        if key in names:
            found = _first(found, objects[key])
        if head != key and head in names and (found is None or found.null_count()):
            nested = objects[head]
            if nested.null_count() < len(nested):
                found = _first(found, nested.str.json_path_match(f"${key[len(head) :]}"))
        if found is not None and not found.null_count():
            break
    if found is None:
        return pl.Series([None], dtype=pl.String).new_from_index(0, objects.height)
    return found.alias("")


def _first(found: pl.Series | None, other: pl.Series) -> pl.Series | None:
    """Fill the nulls of *found*; most keys of all formats are in no object of a stream."""
    if other.null_count() == len(other):
        return found
    return other if found is None else found.zip_with(found.is_not_null(), other)


def _read(rows: pl.Series, schema: Mapping[str, Any], raw: bytes = b"") -> pl.DataFrame | None:
    text = raw or rows.str.join("\n").item().encode()
    try:
        decoded = pl.read_ndjson(text, schema=dict(schema))
    except (PolarsError, RecursionError):
        return None
    return decoded if decoded.height == len(rows) else None


def _exact(rows: pl.Series, decoded: pl.DataFrame) -> pl.DataFrame:
    """Decode again what the fast parser wrote out wrongly.

    It copies a nested value's tabs, backslashes and control characters bare, which is no JSON: a
    stack trace inside an object would be lost.
    """
    bare = rows.str.contains(_LOST_ESCAPE)
    if not bare.any():
        return decoded
    rare = bare.arg_true()
    wrong = rare.filter(rows.gather(rare).str.contains(_NESTED_VALUE))
    if wrong.is_empty():
        return decoded
    objects = [_object(text, decoded.schema) or {} for text in rows.gather(wrong).to_list()]
    repaired = pl.DataFrame(objects, schema=decoded.schema)
    return decoded.with_columns(
        decoded[name].scatter(wrong, repaired[name]) for name in decoded.columns
    )


def _decode_mixed(
    rows: pl.Series, is_candidate: pl.Series, schema: Mapping[str, Any]
) -> pl.DataFrame:
    plain = is_candidate & rows.str.contains(_PLAIN)
    parts: list[pl.DataFrame] = []
    index = pl.int_range(len(rows), eager=True).alias("index")
    decoded = _read(rows.filter(plain), schema) if plain.any() else None
    if decoded is None:  # sound rows that the fast parser still refuses: take all the slow way
        plain = pl.Series([False]).new_from_index(0, len(rows))
    else:
        parts.append(
            decoded.with_columns(index.filter(plain).alias("index"), is_object=pl.lit(True))
        )
    slow = is_candidate & ~plain
    objects = [_object(text, schema) for text in rows.filter(slow).to_list()]
    parts.append(
        pl.DataFrame(
            [{**(found or {}), "is_object": found is not None} for found in objects],
            schema={**schema, "is_object": pl.Boolean},
        ).with_columns(index.filter(slow).alias("index"))
    )
    everything = pl.DataFrame({"index": index})
    return (
        everything.join(
            pl.concat(parts, how="diagonal"), on="index", how="left", maintain_order="left"
        )
        .with_columns(pl.col("is_object").fill_null(False))
        .select(*schema, "is_object")
    )


def _object(text: str, schema: Mapping[str, Any]) -> dict[str, str | None] | None:
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return {key: _text(value.get(key)) for key in schema}


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
