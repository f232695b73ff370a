"""Numbers of a document that carry the query they come from into the page.

A figure is a text that knows its value (`Num`); `with_queries` adds to every figure and sentence
of a view the queries that ``numbers.toml`` names for that field. In HTML these become marks:
``<data value=1308 data-q=12>1,308</data>``, where 12 is the number of the query's badge.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pipeline.numbers import origins
from pipeline.render.untrusted import Untrusted, escape_html


class Num(str):
    """A number as it is shown, with its *value* and the badges of its queries.

    It is a string in every respect; only HTML shows what else it knows. A text of several numbers
    has no value. Joined to other text it is text: then the field that holds it is marked.
    """

    value: float | None
    badges: tuple[int, ...]

    def __new__(cls, text: str, value: float | None = None, badges: tuple[int, ...] = ()) -> Self:
        """Return *text* as a number of *value*."""
        made = super().__new__(cls, text)
        made.value = value
        made.badges = badges
        return made

    def __html__(self) -> str:
        """Return the text, in an element that names value and queries where these are known."""
        text = escape_html(self)
        if not self.badges:
            return text
        mark = _mark(self.badges)
        is_plain = text.isdecimal()  # says its value by itself
        if self.value is None or is_plain or not math.isfinite(self.value):
            return f"<span{mark}>{text}</span>"
        shown = f"{self.value:.5g}" if isinstance(self.value, float) else str(self.value)
        return f"<data value={shown}{mark}>{text}</data>"


class Stated(Untrusted):
    """Untrusted text with numbers in it, and the badges of their queries."""

    __slots__ = ("_badges",)

    def __init__(self, text: str, badges: tuple[int, ...]) -> None:
        super().__init__(text)
        self._badges = badges

    @property
    def attributes(self) -> str:
        """The mark, as attributes of the element around the text."""
        return _mark(self._badges)


def _mark(badges: tuple[int, ...]) -> str:
    return f" data-q={','.join(map(str, badges))}"


def with_queries(context: Any, badges: Mapping[str, int]) -> Any:  # noqa: ANN401  # any view
    """Return *context* (a view or the whole context) with its numbers marked by *badges*, the
    numbers that queries have in the document.
    """
    return _Marker(badges).marked(context)


class _Marker:
    def __init__(self, badges: Mapping[str, int]) -> None:
        self._fields: dict[str, tuple[int, ...]] = {}
        for origin in origins():
            known = tuple(badges[one] for one in origin.query_ids if one in badges)
            self._fields |= dict.fromkeys(origin.shown, known)
        self._views = {name.partition(".")[0] for name in self._fields}

    def marked(self, view: Any) -> Any:  # noqa: ANN401  # any view
        if not self._holds_numbers(type(view)):
            return view
        changes = {}
        for item in dataclasses.fields(view):
            old = getattr(view, item.name)
            badges = self._fields.get(f"{type(view).__name__}.{item.name}")
            new = self._value(old, badges)
            if new is not old:
                changes[item.name] = new
        return dataclasses.replace(view, **changes) if changes else view

    def _holds_numbers(self, kind: type) -> bool:
        """Tell whether a view, or one in it, has a field that is marked; drawings have none."""
        return not self._views.isdisjoint(_views_in(kind))

    def _value(self, value: Any, badges: tuple[int, ...] | None) -> Any:  # noqa: ANN401  # a field
        if isinstance(value, list | tuple):
            return type(value)(self._value(one, badges) for one in value)
        if dataclasses.is_dataclass(value):
            return self.marked(value)
        if badges and isinstance(value, Untrusted):
            return Stated(value.reveal(), badges) if _has_digit(value.reveal()) else value
        if badges and isinstance(value, str) and _has_digit(value):
            return Num(value, value.value if isinstance(value, Num) else None, badges)
        return value


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


@cache
def _views_in(kind: type) -> frozenset[str]:
    if not dataclasses.is_dataclass(kind):
        return frozenset()
    found = {kind.__name__}
    for hint in typing.get_type_hints(kind).values():
        for part in _parts(hint):
            found |= _views_in(part)
    return frozenset(found)


def _parts(hint: Any) -> list[type]:  # noqa: ANN401  # a type
    arguments = typing.get_args(hint)
    if arguments and typing.get_origin(hint) in (list, tuple, dict, types.UnionType, typing.Union):
        return [part for one in arguments for part in _parts(one)]
    return [hint] if isinstance(hint, type) else []
