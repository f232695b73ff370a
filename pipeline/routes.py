"""Url paths to routes: the parts that name one thing are masked, the parts that name an endpoint
stay.

A foundation, since both parsing and the report speak of routes. A path is judged by itself alone,
so the same path always gives the same route, whatever else was read.
"""

import polars as pl

PLACEHOLDER = "{id}"
# A segment that names one thing of many. Order matters only where a later pattern would take a
# part.
_SEGMENTS = (
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",  # uuid
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.Z+-]*)?",  # date
    r"[0-9a-fA-F]{16,}",  # hash, object id
    r"[0-9]+(?:[._:,-][0-9]+)*",  # number, number list, address
    r"[^/{}]*@[^/{}]*",  # e-mail address
    r"[A-Za-z]{1,8}[_-]?[0-9]{3,}[0-9A-Za-z_-]*",  # prefixed id: ord_12345
    r"[A-Za-z_-]+[.-][0-9a-fA-F]{5,}(?:\.[A-Za-z0-9]+)+",  # built file: main.3f2a91.js
    # mixed token
    r"[0-9A-Za-z_-]*[0-9][0-9A-Za-z_-]{0,30}[A-Za-z_-][0-9A-Za-z_-]*[0-9][0-9A-Za-z_-]*",
    r"(?:[^/{}]*%[0-9A-Fa-f]{2}){2}[^/{}]*",  # percent-encoded text: names of things
)
_ID = rf"/(?:{'|'.join(_SEGMENTS)})(?P<end>/|$)"
_NUMBER = r"/[0-9]+(?P<end>/|$)"
# Beyond this a path is an attack or a file name with a story; the head tells where it went.
_MAX_SEGMENTS = 12
_MAX_CHARACTERS = 160


def http_route(paths: pl.Series) -> pl.Series:
    """Return the route of each url path (no query): ids, uuids, hashes, dates, numbers become
    `{id}`.

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
        routes = routes.str.replace_all(_ID, "/" + PLACEHOLDER + "${end}")
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
