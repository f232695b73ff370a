"""How numbers are said in the sentences of premises; none of them holds log text."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

# The sentence of a doubt by its kind and query: of its numbers, its service, and where it is.
Texts: TypeAlias = Mapping[tuple[str, str], Callable[[Mapping[str, Any], str, str], str]]
_MINUTE, _HOUR = 60.0, 3600.0


def span(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:.1f} h"
    return f"{seconds / _MINUTE:.1f} min" if seconds >= 2 * _MINUTE else f"{seconds:.1f} s"


def many(number: int, noun: str, plural: str | None = None) -> str:
    """Return the number and what is counted."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
