"""Url paths to routes: the parts that name one thing are masked, the parts that name an endpoint
stay.

A foundation, since both parsing and the report speak of routes. A path is judged by itself alone,
so the same path always gives the same route, whatever else was read. What is masked is data
(`routes.toml`), each rule with segments that it must take or leave.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

PLACEHOLDER = "{id}"
_NUMBER = r"/[0-9]+(?P<end>/|$)"
# Beyond this a path is an attack or a file name with a story; the head tells where it went.
_MAX_SEGMENTS = 12
_MAX_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Segment:
    """What names one thing of many in a path: a pattern, and the segments that test it."""

    name: str
    regex: str
    masks: tuple[str, ...]


@cache
def load_segments() -> tuple[Segment, ...]:
    """Load the rules in the order in which they are tried."""
    return tuple(
        Segment(entry["name"], entry["regex"], tuple(entry["masks"]))
        for entry in _definitions()["segment"]
    )


@cache
def static_segments() -> tuple[str, ...]:
    """Return the names of endpoints that no rule may take."""
    return tuple(_definitions()["leaves"])


@cache
def _definitions() -> dict[str, Any]:
    return tomllib.loads((files("pipeline") / "routes.toml").read_text(encoding="utf-8"))


@cache
def _id() -> str:
    return rf"/(?:{'|'.join(segment.regex for segment in load_segments())})(?P<end>/|$)"


def http_route(paths: pl.Series) -> pl.Series:
    """Return the route of each url path (no query): what names one thing becomes `{id}`.

    Null stays null. Same length and order; works on distinct paths. Version segments (`v1`, `api2`)
    and static names stay. A path of more than 12 segments or 160 characters keeps its head, then
    `/…`.
    """
    distinct = paths.drop_nulls().unique()
    if distinct.is_empty():
        return pl.Series(paths.name, [None] * len(paths), dtype=pl.String)
    # Two passes: neighbouring ids share the slash between them, and a match takes it.
    routes = distinct
    for _ in range(2):
        routes = routes.str.replace_all(_id(), "/" + PLACEHOLDER + "${end}")
    long = (routes.str.count_matches("/", literal=True) > _MAX_SEGMENTS) | (
        routes.str.len_chars() > _MAX_CHARACTERS
    )
    if long.any():
        head = routes.str.extract(r"^((?:/?[^/]{0,40}){1,4})") + "/…"
        routes = head.zip_with(long, routes)
    return paths.replace_strict(distinct, routes, default=None, return_dtype=pl.String)


def without_numbers(paths: pl.Series) -> pl.Series:
    """Return *paths* with segments that are bare numbers masked: as `http_route`, only cheaper.

    Numbers are what makes most paths of a log differ. A path so masked has the route that it had
    before, and there are few of them to count by and to find routes for.
    """
    for _ in range(2):
        paths = paths.str.replace_all(_NUMBER, "/" + PLACEHOLDER + "${end}")
    return paths
