"""Two versions of a document, value by value: where they differ, in words of the document.

JSON is compared by keys, HTML by its visible text and every attribute, Markdown and TOML by lines.
"""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import zip_longest
from typing import Any

from pipeline.facts import Discrepancy, DocumentCheck

# Beyond this many values between the first and the last difference, these are told in order only.
_MOST_ALIGNED = 3000
_DIGIT = re.compile(r"\d")
# Elements without an end, and those whose end may be left out before the next of their kind.
_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_ENDED_BY = {
    "td": {"td", "th", "tr", "tbody", "thead"},
    "th": {"td", "th", "tr", "tbody", "thead"},
    "tr": {"tr", "tbody", "thead"},
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "thead": {"tbody"},
    "p": {"p", "div", "ul", "dl", "table", "section", "figure", "h2", "h3", "h4", "h5", "pre"},
}
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "summary", "caption", "figcaption"})
_LABEL_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a document with its place."""

    section: str
    field: str
    text: str


def compare(document: str, printed: str, recomputed: str) -> DocumentCheck:
    """Compare two texts of *document*, whose ending tells its kind.

    What cannot be read as that kind is compared by lines.
    """
    values_of = {"json": json_values, "html": html_values}.get(
        document.rpartition(".")[2], line_values
    )
    expected = list(values_of(recomputed))
    try:
        found = list(values_of(printed))
    except (ValueError, RecursionError):
        expected, found = list(line_values(recomputed)), list(line_values(printed))
    if values_of is json_values:
        differences = list(_by_key(document, found, expected))
    else:
        differences = list(_in_order(document, found, expected))
    if not differences and printed != recomputed:
        differences = [_first_byte(document, printed, recomputed)]
    number_count = sum(1 for one in expected if _DIGIT.search(one.text))
    return DocumentCheck(document, len(expected), number_count, differences)


def _by_key(
    document: str, found: Sequence[Value], expected: Sequence[Value]
) -> Iterator[Discrepancy]:
    one = {(value.section, value.field): value.text for value in found}
    other = {(value.section, value.field): value.text for value in expected}
    for place in dict.fromkeys([*other, *one]):
        if one.get(place) != other.get(place):
            yield Discrepancy(document, *place, one.get(place), other.get(place))


def _in_order(
    document: str, found: Sequence[Value], expected: Sequence[Value]
) -> Iterator[Discrepancy]:
    if len(found) == len(expected):
        for one, other in zip(found, expected, strict=True):
            if one.text != other.text:  # places are named by the texts around them
                yield _difference(document, one, other)
        return
    start = next(
        (at for at, (a, b) in enumerate(zip(found, expected, strict=False)) if a.text != b.text),
        min(len(found), len(expected)),
    )
    end = next(
        (
            at
            for at, (a, b) in enumerate(
                zip(reversed(found[start:]), reversed(expected[start:]), strict=False)
            )
            if a.text != b.text
        ),
        min(len(found), len(expected)) - start,
    )
    ours, theirs = found[start : len(found) - end], expected[start : len(expected) - end]
    if max(len(ours), len(theirs)) > _MOST_ALIGNED:
        for one, other in zip_longest(ours, theirs):
            yield _difference(document, one, other)
        return
    matcher = difflib.SequenceMatcher(
        None, [one.text for one in ours], [one.text for one in theirs], autojunk=False
    )
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            for one, other in zip_longest(ours[a:b], theirs[c:d]):
                yield _difference(document, one, other)


def _difference(document: str, one: Value | None, other: Value | None) -> Discrepancy:
    place = other or one
    assert place is not None  # of the two that differ, one is there
    return Discrepancy(
        document,
        place.section,
        place.field,
        one.text if one else None,
        other.text if other else None,
    )


def _first_byte(document: str, printed: str, recomputed: str) -> Discrepancy:
    """Return the first place of texts whose values are the same: spaces, order of keys, markup."""
    pairs = zip(printed.splitlines(), recomputed.splitlines(), strict=False)
    at, (one, other) = next(
        ((at, pair) for at, pair in enumerate(pairs, start=1) if pair[0] != pair[1]),
        (0, ("", "")),
    )
    if not at:
        return Discrepancy(
            document, "whole text", "length", str(len(printed)), str(len(recomputed))
        )
    return Discrepancy(document, f"line {at}", "how it is written", one, other)


# ---- kinds of documents -----------------------------------------------------------------------


def json_values(text: str) -> Iterator[Value]:
    """Yield each scalar of a JSON document with its path; of equal keys all are looked at.

    Raises `ValueError` for text that is no JSON.
    """
    document = json.loads(text, parse_float=_Written, parse_int=_Written, object_pairs_hook=_pairs)
    for path, value in _leaves("", document):
        section, _, rest = path.partition(".")
        yield Value(section.partition("[")[0], path if "[" in section else rest or section, value)


class _Written(str):
    """A number as it is written: 1.0 is not 1."""

    __slots__ = ()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[f"{key} (again)" if key in found else key] = value
    return found


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # any JSON value
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}" if path else key, item)
    elif isinstance(value, list) and value:
        for at, item in enumerate(value):
            yield from _leaves(f"{path}[{at}]", item)
    else:
        yield path, str(value) if isinstance(value, _Written) else json.dumps(value)


def line_values(text: str) -> Iterator[Value]:
    """Yield the lines of Markdown or TOML below their headings."""
    section = ""
    for at, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("#", "[")):
            section = line.strip("# []")
        yield Value(section, f"line {at}", line)


def html_values(text: str) -> Iterator[Value]:
    """Yield each text and attribute of a page, with its section and what stands beside it."""
    reader = _Page()
    reader.feed(text)
    reader.close()
    yield from reader.values


@dataclass(slots=True)
class _Table:
    """Where in a table the reader is."""

    columns: list[str] = field(default_factory=list)
    row: str = ""
    column: int = -1
    is_head: bool = False


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.values: list[Value] = []
        self._open: list[str] = []
        self._section = "header"
        self._heading = ""
        self._label = ""
        self._tables: list[_Table] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_before(tag)
        if tag not in _VOID:
            self._open.append(tag)
        named = dict(attrs)
        if tag in ("section", "footer", "nav"):
            self._section, self._heading, self._label = named.get("id") or tag, "", ""
        elif tag in _HEADINGS:
            self._heading = ""
        elif tag == "dt":
            self._label = ""
        self._in_table(tag)
        place = self._place()
        self.values.append(Value(self._section, place, f"<{tag}>"))
        for name, value in attrs:
            self.values.append(Value(self._section, f"{place}, {name} of {tag}", value or ""))

    def _end_before(self, tag: str) -> None:
        while self._open and tag in _ENDED_BY.get(self._open[-1], ()):
            self._open.pop()

    def _in_table(self, tag: str) -> None:
        if tag == "table":
            self._tables.append(_Table())
        if not self._tables:
            return
        table = self._tables[-1]
        if tag in ("thead", "tbody"):
            table.is_head = tag == "thead"
        elif tag == "tr":
            table.row, table.column = "", -1
        elif tag in ("td", "th"):
            table.column += 1
            if table.is_head:
                table.columns.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "table" and self._tables:
            self._tables.pop()

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        text = " ".join(data.split())
        self._note(text)
        self.values.append(Value(self._section, self._place(), text))

    def handle_decl(self, decl: str) -> None:
        self.values.append(Value(self._section, "declaration", decl))

    def handle_comment(self, data: str) -> None:
        self.values.append(Value(self._section, "comment", data))

    def _note(self, text: str) -> None:
        """Remember what names the values that follow."""
        open_ = self._open
        if any(tag in _HEADINGS for tag in open_):
            self._heading = _short(f"{self._heading} {text}")
        elif "dt" in open_:
            self._label = _short(f"{self._label} {text}")
        elif self._tables and "table" in open_:
            table = self._tables[-1]
            if table.is_head and table.columns:
                table.columns[-1] = _short(f"{table.columns[-1]} {text}")
            elif table.column == 0:
                table.row = _short(f"{table.row} {text}")

    def _place(self) -> str:
        open_ = self._open
        parts = [self._heading]
        if self._tables and "table" in open_:
            table = self._tables[-1]
            if not table.is_head and "tr" in open_:
                named = 0 <= table.column < len(table.columns)
                column = table.columns[table.column] if named else f"column {table.column + 1}"
                parts += [table.row, column]
        elif "dd" in open_:
            parts.append(self._label)
        elif "svg" in open_:
            parts.append("drawing")
        return ": ".join(part for part in parts if part) or (open_[-1] if open_ else "page")


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _LABEL_CHARACTERS else text[: _LABEL_CHARACTERS - 1] + "…"
