"""Which format, if any, begins a record with each line.

The formats of the stream's sample come first, in priority order, then all others: a line is never
lost to a format that the sample did not show. A match is a plain search; columns are cut out later,
by `parse`.
"""

from dataclasses import dataclass
from functools import cache

import polars as pl

from pipeline.ingest.decode import decode_objects
from pipeline.ingest.formats import Format

_LOGFMT = r'^[A-Za-z_@][A-Za-z0-9_.@/-]*=(?:"(?:[^"\\]|\\.)*"|[^ "]*)(?: [A-Za-z_@][A-Za-z0-9_.@/-]*=(?:"(?:[^"\\]|\\.)*"|[^ "]*)){2}'
_LOGFMT_KEY = r"(?:^| )(?:level|lvl|severity|msg|message|ts|time|t|logger)="


@dataclass(frozen=True, slots=True)
class Heads:
    """The outcome of `match`: *format_index* into the formats tried (null = no record begins here),
    *pattern_index* into that format's patterns, *objects* the decoded JSON rows with their `row`.
    """

    format_index: pl.Series
    pattern_index: pl.Series
    objects: pl.DataFrame


@cache
def json_keys(formats: tuple[Format, ...]) -> tuple[str, ...]:
    """Return every top-level key that a JSON format of *formats* reads, in a fixed order."""
    dotted = {
        key
        for format_ in formats
        if format_.kind == "json"
        for keys in (format_.require, *format_.fields.values())
        for key in keys
    }
    return tuple(sorted(dotted | {key.partition(".")[0] for key in dotted}))


def match(text: pl.Series, formats: tuple[Format, ...]) -> Heads:
    """Find the first of *formats* that takes each value of *text* as the first line of a record."""
    rest = pl.DataFrame({"row": pl.int_range(len(text), dtype=pl.UInt32, eager=True), "text": text})
    rest = rest.filter(pl.col("text").str.contains(r"^[^\s]"))
    hits: list[pl.DataFrame] = []
    is_object = rest["text"].str.starts_with("{")
    objects = _objects(rest.filter(is_object), formats)
    if objects.height:
        hits.append(objects.select("row", "format_index", pattern_index=pl.lit(0, pl.Int32)))
        rest = rest.join(objects.select("row"), on="row", how="anti", maintain_order="left")
    for index, format_ in enumerate(formats):
        if rest.is_empty():
            break
        if format_.kind == "json":
            continue
        for pattern_index in range(max(len(format_.patterns), 1)):
            fits = _fits(format_, pattern_index, rest["text"])
            taken = rest.filter(fits)
            if taken.is_empty():
                continue
            hits.append(
                taken.select(
                    "row",
                    format_index=pl.lit(index, pl.Int32),
                    pattern_index=pl.lit(pattern_index, pl.Int32),
                )
            )
            rest = rest.filter(~fits)
    everything = pl.DataFrame({"row": pl.int_range(len(text), dtype=pl.UInt32, eager=True)})
    if hits:
        found = everything.join(pl.concat(hits), on="row", how="left", maintain_order="left")
    else:
        found = everything.with_columns(
            format_index=pl.lit(None, pl.Int32), pattern_index=pl.lit(None, pl.Int32)
        )
    return Heads(found["format_index"], found["pattern_index"], objects.drop("format_index"))


def _fits(format_: Format, pattern_index: int, text: pl.Series) -> pl.Series:
    if format_.kind == "regex":
        return text.str.contains(format_.patterns[pattern_index])
    fits = text.str.contains(_LOGFMT) & text.str.contains(_LOGFMT_KEY)
    for key in format_.require:
        fits &= text.str.contains(rf"(?:^| ){key}=")
    return fits


def _objects(rows: pl.DataFrame, formats: tuple[Format, ...]) -> pl.DataFrame:
    keys = json_keys(formats)
    schema = {"row": pl.UInt32, **dict.fromkeys(keys, pl.String)}
    if rows.is_empty() or not keys:
        return pl.DataFrame(schema={**schema, "format_index": pl.Int32})
    decoded = decode_objects(rows["text"], keys)
    frame = (
        pl.concat([rows.select("row"), decoded], how="horizontal")
        .filter("is_object")
        .drop("is_object")
    )
    choice = pl.lit(None, pl.Int32)
    for index in reversed([i for i, format_ in enumerate(formats) if format_.kind == "json"]):
        fits = pl.lit(True)
        for key in formats[index].require:
            has = pl.col(key).is_not_null()
            if "." in key:
                head, _, tail = key.partition(".")
                has |= pl.col(head).str.json_path_match(f"$.{tail}").is_not_null()
            fits &= has
        choice = pl.when(fits).then(pl.lit(index, pl.Int32)).otherwise(choice)
    return frame.with_columns(format_index=choice).filter(pl.col("format_index").is_not_null())
