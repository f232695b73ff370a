"""Bodies to templates, column by column: first line, shape, keep, fold, mask, on distinct strings.

A line's shape has 0 for each digit, and finds the template of all its lines, unless it holds a
number that may have to stay. No clustering: a template is a function of its body alone, so ids are
the same whatever else was read, in whatever order, in however many parts. What it costs in accuracy
is in docs/decisions/004-templates.md.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import polars as pl
import pyarrow as pa

from pipeline.mining.book import Alias, TemplateBook
from pipeline.mining.masks import MASKS_VERSION, Stage, load_masks

# The head of a line tells which statement wrote it; the rest is values. Longer lines are dumps.
MAX_BODY_CHARACTERS = 16_384
MAX_TEMPLATE_CHARACTERS = 400
ID_HEX_DIGITS = 12  # 48 bits: among 100,000 templates, two share an id with probability 2e-5

# Text to keep is moved out of the reach of every mask: each printable ASCII character to one of its
# own in the private use area. Such characters in the input are removed first.
_HIDDEN_BASE = 0xE000
_PLAIN = [chr(code) for code in range(0x21, 0x7F)]
_HIDDEN = [chr(_HIDDEN_BASE + code) for code in range(0x21, 0x7F)]
_ANY_HIDDEN = "[\ue000-\ue07f]"

_ZERO_DIGITS = bytes.maketrans(b"123456789", b"000000000")
# Digits of a pattern, apart from those that say how often (captured).
_DIGITS_OF_PATTERN = re.compile(r"(\{[0-9]+(?:,[0-9]*)?\})|[0-9]")


def mine(bodies: pl.Series, book: TemplateBook | None = None) -> pl.DataFrame:
    """Return template_id and template, a row per body in the same order; a null body gives nulls.

    The first line that is not blank decides. The id is a hash of the template's text, or the one
    that *book* holds for it; templates that are new to the book are added to it.
    """
    lines = _first_lines(bodies.cast(pl.String))
    # All lines are only given their shape, and joined once; patterns see distinct texts.
    rows = pl.DataFrame({"line": lines, "shape": _shapes(lines)})
    shapes = rows["shape"].drop_nulls().unique()
    is_kept = _first(shapes).str.contains(_kept_shapes())
    by_shape = _templates(shapes.filter(~is_kept)).rename({"text": "shape"})
    rows = rows.join(by_shape, on="shape", how="left", maintain_order="left")
    if is_kept.any():
        rows = _with_kept(rows)
    templates = rows["template"].drop_nulls().unique().sort()
    ids = pl.DataFrame({"template": templates, "template_id": _ids(templates, book)})
    return rows.join(ids, on="template", how="left", maintain_order="left").select(
        "template_id", "template"
    )


def renew(book: TemplateBook, bodies: Mapping[str, str]) -> TemplateBook:
    """Return *book* as the masks of today have it, each template under the id that it had.

    *bodies* holds a body by template id; where there is none the template's own text is mined,
    which is right unless masks that used to hide something now keep it. Where masks make one
    template of several, an unchanged one keeps its id, else the first in the book; the ledger names
    the others, and the id that a run without the book would give. Of a template that masks split,
    the part to which its body belongs keeps the id, and the others get one of their own.
    """
    if book.masks_version == MASKS_VERSION:
        return book
    was = book.templates
    mined = mine(pl.Series([bodies.get(key, text) for key, text in was.items()], dtype=pl.String))
    now = dict(zip(was, mined["template"], strict=True))
    holders: dict[str, str] = {}
    for key in sorted(was, key=lambda key: now[key] != was[key]):  # sorting keeps equal ones' order
        holders.setdefault(now[key], key)
    ledger = {
        key: replace(alias, template_id=holders[now[alias.template_id]])
        for key, alias in book.ledger.items()
        if alias.template_id in now
    }
    for text, hashed in zip(mined["template"], mined["template_id"], strict=True):
        if hashed not in was:
            ledger[hashed] = Alias(holders[text], "renamed")
    for key in was:
        if holders[now[key]] != key:
            ledger[key] = Alias(holders[now[key]], "merged")
    return TemplateBook({key: text for text, key in holders.items()}, ledger)


def _with_kept(rows: pl.DataFrame) -> pl.DataFrame:
    """Fill the templates that are missing: of lines whose numbers may have to stay."""
    is_missing = rows["template"].is_null() & rows["line"].is_not_null()
    lines = rows["line"].filter(is_missing)
    by_line = _templates(lines.unique())
    found = pl.DataFrame({"text": lines}).join(
        by_line, on="text", how="left", maintain_order="left"
    )
    return rows.with_columns(
        template=rows["template"].scatter(is_missing.arg_true(), found["template"])
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
    if stripped.str.contains("\n", literal=True).any():
        stripped = stripped.str.splitn("\n", 2).struct.field("field_0")
    if (stripped.str.len_bytes() > MAX_BODY_CHARACTERS).any():
        stripped = stripped.str.head(MAX_BODY_CHARACTERS)
    return stripped


def _shapes(lines: pl.Series) -> pl.Series:
    """Return the lines with 0 for every digit: a table look-up over the bytes of the column.

    Ten times faster than a pattern, and most lines that differ in numbers fall together.
    """
    array = lines.to_arrow().cast(pa.large_string())
    validity, offsets, data = array.buffers()
    if data is None:
        return lines
    zeroed = pa.py_buffer(data.to_pybytes().translate(_ZERO_DIGITS))
    shaped = pa.LargeStringArray.from_buffers(
        len(array), offsets, zeroed, validity, array.null_count, array.offset
    )
    return pl.Series("shape", shaped)


def _templates(texts: pl.Series) -> pl.DataFrame:
    """Return text and template of distinct *texts*: lines, or shapes of lines."""
    pairs = pl.DataFrame({"text": texts, "folded": _fold(texts)})
    folded = pairs["folded"].unique()
    masked = pl.DataFrame({"folded": folded, "template": _mask(folded)})
    return pairs.join(masked, on="folded", how="left").select("text", "template")


def _fold(texts: pl.Series) -> pl.Series:
    """Hide what stays and write every number and hex id as 0."""
    return _hide(_first(texts)).str.replace_all(_any_of("fold"), "0")


def _first(texts: pl.Series) -> pl.Series:
    """Take out what no keep may see. These masks ask of digits only that they are some."""
    texts = texts.str.replace_all(_ANY_HIDDEN, "")
    for mask in load_masks():
        if mask.stage == "first":
            texts = mask.apply(texts)
    return texts


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


@cache
def _kept_shapes() -> str:
    """The `keep` patterns that need the digits of a line, as they are found in its shape.

    A line in which such a pattern is found has a shape in which it is found with 0 for each of its
    own digits, so that lines of other shapes need not be looked at.
    """
    zeroed = []
    for mask in load_masks():
        if mask.stage == "keep":
            pattern = _DIGITS_OF_PATTERN.sub(lambda found: found[1] or "0", mask.pattern)
            if "0" in _DIGITS_OF_PATTERN.sub(lambda found: "" if found[1] else "0", mask.pattern):
                zeroed.append(f"(?:{pattern})")
    return "|".join(zeroed)


def _ids(templates: pl.Series, book: TemplateBook | None) -> pl.Series:
    ids = hash_texts(templates)
    if book is None:
        return ids
    known = [
        book.id_of(text) or _free_id(text, own, book)
        for text, own in zip(templates, ids, strict=True)
    ]
    book.update(zip(known, templates, strict=True))
    return pl.Series("template_id", known, dtype=pl.String)


def _free_id(template: str, own: str, book: TemplateBook) -> str:
    """Return *own*, the hash of a template that *book* does not hold, unless it is another's id
    there: of a template that masks have split, of which another part kept it.
    """
    part = 0
    while own in book or own in book.aliases:
        part += 1
        own = _hash(f"{template}\x1f{part}")
    return own
