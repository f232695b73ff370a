"""Bodies to templates, column by column: first line, keep, fold, mask, each on distinct strings.

No clustering: a template is a function of its body alone, so ids are the same whatever else was
read, in whatever order, in however many parts. What it costs in accuracy is in
docs/decisions/004-templates.md.
"""

import hashlib
from functools import cache

import polars as pl

from pipeline.mining.book import TemplateBook
from pipeline.mining.masks import Stage, load_masks

# The head of a line tells which statement wrote it; the rest is values. Longer lines are dumps.
MAX_BODY_CHARACTERS = 2_000
MAX_TEMPLATE_CHARACTERS = 400
ID_HEX_DIGITS = 12  # 48 bits: among 100,000 templates, two share an id with probability 2e-5

# Text to keep is moved out of the reach of every mask: each printable ASCII character to one of its
# own in the private use area. Such characters in the input are removed first.
_HIDDEN_BASE = 0xE000
_PLAIN = [chr(code) for code in range(0x21, 0x7F)]
_HIDDEN = [chr(_HIDDEN_BASE + code) for code in range(0x21, 0x7F)]
_ANY_HIDDEN = "[\ue000-\ue07f]"


def mine(bodies: pl.Series, book: TemplateBook | None = None) -> pl.DataFrame:
    """Return template_id and template, a row per body in the same order; a null body gives nulls.

    The first line that is not blank decides. The id is a hash of the template's text, or the one
    that *book* holds for it; templates that are new to the book are added to it.
    """
    lines = pl.DataFrame({"line": _first_lines(bodies.cast(pl.String))})
    distinct = lines.unique().filter(pl.col("line").is_not_null())
    distinct = distinct.with_columns(folded=_fold(distinct["line"]))
    folded = distinct.select("folded").unique()
    folded = folded.with_columns(template=_mask(folded["folded"]))
    templates = folded.select("template").unique().sort("template")
    templates = templates.with_columns(template_id=_ids(templates["template"], book))
    # Joined on distinct rows first: only one join sees every row.
    mined = distinct.join(folded.join(templates, on="template"), on="folded").drop("folded")
    return lines.join(mined, on="line", how="left", maintain_order="left").select(
        "template_id", "template"
    )


def hash_texts(texts: pl.Series) -> pl.Series:
    """Return the id of each text: the first 12 hex digits of its BLAKE2b hash; null stays null."""
    distinct = texts.drop_nulls().unique()
    if distinct.is_empty():
        return pl.Series(texts.name, [None] * len(texts), dtype=pl.String)
    ids = [_hash(text) for text in distinct]
    return texts.replace_strict(distinct, ids, default=None, return_dtype=pl.String)


def _hash(text: str) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return digest[:ID_HEX_DIGITS]


def _first_lines(bodies: pl.Series) -> pl.Series:
    stripped = bodies.str.strip_chars_start()
    return stripped.str.splitn("\n", 2).struct.field("field_0").str.head(MAX_BODY_CHARACTERS)


def _fold(lines: pl.Series) -> pl.Series:
    """Hide what stays and write every number and hex id as 0: most lines fall together here."""
    return _hide(lines.str.replace_all(_ANY_HIDDEN, "")).str.replace_all(_any_of("fold"), "0")


def _mask(folded: pl.Series) -> pl.Series:
    for mask in load_masks():
        if mask.stage == "mask":
            folded = mask.apply(folded)
    return (
        folded.str.strip_chars().str.head(MAX_TEMPLATE_CHARACTERS).str.replace_many(_HIDDEN, _PLAIN)
    )


def _hide(lines: pl.Series) -> pl.Series:
    """Move the matches of every `keep` pattern into the private use area."""
    pattern = _any_of("keep")
    rows = pl.DataFrame({"line": lines}).with_row_index("row")
    found = rows.filter(pl.col("line").str.contains(pattern))
    if found.is_empty():
        return lines
    cut = "\ue07f"  # the base's DEL: no printable character is moved there
    pieces = found.select(
        "row",
        kept=pl.concat_list(pl.col("line").str.extract_all(pattern), pl.lit("")),
        rest=pl.col("line").str.replace_all(pattern, cut).str.split(cut),
    )
    joined = (
        pieces.explode("kept", "rest", empty_as_null=True, keep_nulls=True)
        .with_columns(pl.col("kept").str.replace_many(_PLAIN, _HIDDEN))
        .group_by("row", maintain_order=True)
        .agg(line=pl.concat_str("rest", "kept").str.join(""))
    )
    return rows.update(joined, on="row")["line"]


@cache
def _any_of(stage: Stage) -> str:
    """One pattern for a whole stage, since each pass over all lines costs; earlier masks win."""
    return "|".join(f"(?:{mask.pattern})" for mask in load_masks() if mask.stage == stage)


def _ids(templates: pl.Series, book: TemplateBook | None) -> pl.Series:
    ids = hash_texts(templates)
    if book is None:
        return ids
    known = [book.id_of(text) or own for text, own in zip(templates, ids, strict=True)]
    book.update(zip(known, templates, strict=True))
    return pl.Series("template_id", known, dtype=pl.String)
