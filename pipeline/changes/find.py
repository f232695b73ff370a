"""Which events tell of a change: patterns on the distinct texts of the few that may."""

from collections.abc import Sequence

import polars as pl

from pipeline.changes.load import GROUPS, TEXT_CHARACTERS, Pattern, Sign
from pipeline.schema import CHANGES

_FOUND: dict[str, pl.DataType | type[pl.DataType]] = {
    "text": pl.String,
    "sign": pl.String,
    "kind": pl.String,
    "product": pl.String,
    **dict.fromkeys(GROUPS, pl.String),
}


def find_changes(events: pl.DataFrame, signs: Sequence[Sign], origin: str) -> pl.DataFrame:
    """Return a row for each of *events* (columns `EVENTS`) that tells of a change, columns
    `CHANGES`; of several signs the first one that fits. Access lines tell of none.
    """
    told = events.filter(pl.col("http_response_status_code").is_null()).with_columns(
        text=pl.col("body")
        .str.strip_chars_start()
        .str.head(4 * TEXT_CHARACTERS)
        .str.splitn("\n", 2)
        .struct[0]
        .str.strip_chars_end()
        .str.head(TEXT_CHARACTERS)
    )
    matched = _matched(told["text"].drop_nulls().unique().sort(), signs)
    rows = told.join(matched, on="text", how="inner", maintain_order="left").with_columns(
        origin=pl.lit(origin),
        event_count=pl.lit(1, pl.Int64),
        is_given=pl.lit(False),
        # A name of a group that took part without a letter is none.
        **{name: pl.when(pl.col(name) != "").then(name) for name in GROUPS},
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in CHANGES.items())


def _matched(texts: pl.Series, signs: Sequence[Sign]) -> pl.DataFrame:
    """Return what the distinct *texts* tell: columns `_FOUND`, a row a text that tells something.

    A pattern is only compiled where one of its literals is in some text.
    """
    found = [pl.DataFrame(schema=_FOUND)]
    whole = "\n".join(texts.to_list())
    for sign in signs:
        for pattern in sign.patterns:
            if texts.is_empty() or not any(text in whole for text in pattern.literals):
                continue
            hits = texts.filter(_fits(texts, pattern))
            if hits.is_empty():
                continue
            found.append(_told(hits, pattern, sign))
            texts = texts.filter(~texts.is_in(hits.implode()))
    return pl.concat(found)


def _fits(texts: pl.Series, pattern: Pattern) -> pl.Series:
    return texts.str.contains_any(list(pattern.literals)) & texts.str.contains(pattern.regex)


def _told(texts: pl.Series, pattern: Pattern, sign: Sign) -> pl.DataFrame:
    table = texts.to_frame("text").with_columns(
        sign=pl.lit(sign.name), kind=pl.lit(sign.kind), product=pl.lit(sign.product)
    )
    named = [name for name in GROUPS if f"(?P<{name}>" in pattern.regex]
    groups = pl.col("text").str.extract_groups(pattern.regex).struct
    return table.with_columns(
        **{name: groups.field(name) if name in named else _NONE for name in GROUPS}
    ).select(list(_FOUND))


_NONE = pl.lit(None, pl.String)
