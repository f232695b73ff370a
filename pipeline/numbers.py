"""Where every number comes from: its query, and the function that turned the answer into it.

The facts are data (``numbers.toml``), one entry for all numbers that come about in the same way.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pipeline.model import NumberSource


@dataclass(frozen=True, slots=True)
class Origin:
    """Numbers of one kind: *paths* of `result.json`, paths of *texts* that hold some, and fields of
    views in which they are *shown*. A ``*`` in a path stands for any key.
    """

    what: str
    query_ids: tuple[str, ...]
    method: str
    text: str
    function: str | None
    paths: tuple[str, ...]
    shown: tuple[str, ...]
    texts: tuple[str, ...] = ()


@cache
def origins() -> tuple[Origin, ...]:
    """Return every kind of number, in the order of the file."""
    raw = _raw()
    methods = raw["method"]
    return tuple(
        Origin(
            what=one["what"],
            query_ids=tuple(one["queries"]),
            method=one["method"],
            text=methods[one["method"]]["text"],
            function=methods[one["method"]].get("function"),
            paths=tuple(one["paths"]),
            shown=tuple(one["shown"]),
            texts=tuple(one.get("texts", ())),
        )
        for one in raw["number"]
    )


@cache
def given() -> dict[str, str]:
    """Return the paths of numbers that are not about the logs, with what they are."""
    found: dict[str, str] = _raw()["given"]
    return found


@cache
def _raw() -> dict[str, Any]:
    text = (files("pipeline") / "numbers.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def number_sources() -> list[NumberSource]:
    """Return the entries as they stand in `result.json`."""
    return [
        NumberSource(one.what, [*one.paths, *one.texts], list(one.query_ids), one.method, one.text)
        for one in origins()
        if one.paths or one.texts
    ]
