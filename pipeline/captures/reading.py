"""Captured files to two tables: a row a file, and a row a measure of what is in it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from pipeline.captures.documents import (
    MAX_RECORDS,
    Document,
    decode,
    has_environment,
    plain,
    read_json,
    without_environment,
)
from pipeline.captures.files import Capture, find_captures
from pipeline.captures.shapes import (
    MAX_TEXT,
    Name,
    Shape,
    as_time,
    at_path,
    load_shapes,
    measure,
    text_records,
)
from pipeline.redaction import Redactor, redact_columns
from pipeline.schema import FACTS, MEASURES

# The service that a name of a kind stands for: by the same rules as in logs.
NameOf = Callable[[str, str], str]

# So much of a text is shown, and so much looked at for secrets first: none is cut in two.
EXCERPT_CHARACTERS = 6000
_CLEANED_CHARACTERS = 65_536
_ALONE = re.compile(r"^(?:localhost|[\d.]+|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]*\]?)$")


@dataclass(slots=True)
class _Read:
    """What one file gave."""

    capture: Capture
    kind: str
    records: list[tuple[Shape, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str | None = None
    excerpt: str | None = None
    captured_at: datetime | None = None
    captured_after: datetime | None = None
    time_origin: str | None = None


def read_captures(
    paths: Sequence[str],
    name_of: NameOf,
    redactor: Redactor | None,
    *,
    skip: Sequence[Path] = (),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the tables `FACTS` and `MEASURES` of the files in *paths*, in order of their names.

    *name_of* tells the service that a name of a kind (service, container, pod, host, text) stands
    for. *redactor* takes secrets out; values of environments are never taken in. Raises
    `UsageError` for a path that does not exist; what a file holds raises nothing.
    """
    files = [_read(one, redactor) for one in find_captures(paths, skip=skip)]
    _date(files)
    facts = pl.DataFrame([_fact(one) for one in files], schema=FACTS, orient="row")
    known = _labelled(files, name_of)
    rows = [row for one in files for row in _measures(one, name_of, known)]
    measures = pl.DataFrame(rows, schema=MEASURES, orient="row")
    if redactor is not None:
        facts, measures = redact_columns(facts, redactor), redact_columns(measures, redactor)
    return facts, measures


def _read(capture: Capture, redactor: Redactor | None) -> _Read:
    if capture.data is None:
        return _Read(capture, "not read", problem=capture.problem)
    text, problem = decode(capture.data)
    if text is None:
        return _Read(capture, "not read", problem=problem)
    bare = plain(text)
    document = read_json(bare)
    found = _Read(capture, "text", notes=document.notes, problem=document.problem)
    if bare != text:
        found.notes.append("control sequences of a terminal were left out")
    if document.is_json and document.problem is None:
        _know(found, document)
    else:
        _know_text(found, bare)
    if not found.records or found.records[0][0].row is not None:
        shown = _presentable(document, bare, found)
        found.excerpt = _excerpt(shown, redactor)
        left = len(shown) - len(found.excerpt)
        if len(shown) > EXCERPT_CHARACTERS and left > 0:
            found.notes.append(f"shown up to {len(found.excerpt):,} of {len(shown):,} characters")
    return found


def _know(found: _Read, document: Document) -> None:
    shapes = load_shapes()
    strange = 0
    for record in document.records:
        shape = next((one for one in shapes if one.fits(record)), None)
        if shape is None:
            strange += 1
        else:
            found.records.append((shape, record))
    if found.records:
        found.kind = ", ".join(dict.fromkeys(shape.title for shape, _ in found.records))
        if strange:
            found.notes.append(
                f"{strange:,} of {len(document.records):,} records are of no known kind"
            )
    else:
        found.kind = "JSON of no known kind"


def _know_text(found: _Read, text: str) -> None:
    for shape in load_shapes():
        rows = text_records(text, shape, MAX_RECORDS)
        if rows:
            found.kind = shape.title
            found.records = [(shape, row) for row in rows]
            return
    first, _, rest = text.strip().partition("\n")
    if found.problem is not None:
        found.kind = "broken JSON"
    elif rest and "," in first and rest.partition("\n")[0].count(",") == first.count(","):
        found.kind = "CSV"


def _presentable(document: Document, text: str, found: _Read) -> str:
    if not document.is_json:
        return text
    if document.problem is None and has_environment(document.records):
        found.notes.append(
            "values of environments and commands were taken out, so it is laid out anew"
        )
        return json.dumps(without_environment(document.records), indent=1, ensure_ascii=False)
    if document.problem is not None and re.search(r'"(?:[Ee]nv|[Ee]nvironment|[Aa]rgs|Cmd)"', text):
        found.notes.append("not shown: it is broken and holds an environment")
        return ""
    return text


def _excerpt(text: str, redactor: Redactor | None) -> str:
    clean = _to_line(text, _CLEANED_CHARACTERS)
    if redactor is not None:
        clean = redactor(pl.Series([clean], dtype=pl.String))[0]
    return _to_line(clean, EXCERPT_CHARACTERS)


def _to_line(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text.rstrip("\r\n")
    head = text[:limit]
    return head[: head.rfind("\n")] if "\n" in head else head


# ---- when it was captured -----------------------------------------------------------------------


def _date(files: Sequence[_Read]) -> None:
    """Find the time of each capture: as `analyze collect` noted it beside the file, or as its
    records tell; else the newest time in it, which the capture came after.
    """
    noted = _noted(files)
    for one in files:
        moments = [_newest(record, shape.times) for shape, record in one.records]
        own = [_newest(record, shape.at) for shape, record in one.records]
        one.captured_after = max((each for each in moments if each), default=None)
        digest = one.capture.sha256
        folder = str(PurePosixPath(one.capture.name).parent)
        if digest is not None and (folder, digest) in noted:
            one.captured_at, one.time_origin = noted[folder, digest], "noted by analyze collect"
        elif latest := max((each for each in own if each), default=None):
            one.captured_at, one.time_origin = latest, "in the file"


def _noted(files: Sequence[_Read]) -> dict[tuple[str, str], datetime]:
    found = {}
    for one in files:
        folder = str(PurePosixPath(one.capture.name).parent)
        for shape, record in one.records:
            moment = as_time(record.get("at")) if shape.name == "collected" else None
            if moment is not None:
                found[folder, str(record.get("sha256"))] = moment
                one.captured_at = max(one.captured_at or moment, moment)
                one.time_origin = "in the file"
    return found


def _newest(record: object, paths: Sequence[Sequence[str]]) -> datetime | None:
    found = [as_time(value) for path in paths for value in at_path(record, path)]
    return max((one for one in found if one), default=None)


# ---- rows ---------------------------------------------------------------------------------------


def _fact(one: _Read) -> tuple[object, ...]:
    return (
        one.capture.name,
        one.capture.sha256,
        one.capture.byte_count,
        one.kind,
        sorted({answer for shape, _ in one.records for answer in shape.answers}),
        len(one.records),
        one.captured_at,
        one.captured_after,
        one.time_origin,
        one.problem,
        one.notes,
        one.excerpt,
    )


def _measures(
    one: _Read, name_of: NameOf, known: Mapping[str, str]
) -> Iterator[tuple[object, ...]]:
    for number, (shape, record) in enumerate(one.records, start=1):
        subject, component = _named(record, shape.names, name_of, known)
        for each in shape.fields:
            value = measure(record, each)
            if value is not None:
                is_number = isinstance(value, float)
                yield (
                    one.capture.name,
                    number,
                    shape.name,
                    subject,
                    component,
                    each.name,
                    value if is_number else None,
                    None if is_number else value,
                )


def _labelled(files: Sequence[_Read], name_of: NameOf) -> dict[str, str]:
    """Map names of containers to the services that labels give them in any of *files*: a file
    without labels then says the same of a container as one with.
    """
    found = {}
    for one in files:
        for shape, record in one.records:
            rules = [name.rule for name, _ in _names(record, shape.names)]
            if len(rules) > 1 and rules[-1] == "container":
                subject, component = _named(record, shape.names, name_of, {})
                found[subject] = component
    return found


def _named(
    record: object, names: Sequence[Name], name_of: NameOf, known: Mapping[str, str]
) -> tuple[str, str]:
    """Return what the record calls itself, and the component that it is of."""
    found = _names(record, names)
    if not found:
        return "?", "?"
    # The last is the most particular, the first says best whose it is.
    subject = found[-1][1]
    name, own = found[0]
    if name.rule == "text":
        return subject, subject
    if name.rule == "container" and own in known:
        return subject, known[own]
    return subject, name_of(name.rule, own)[:MAX_TEXT]


def _names(record: object, names: Sequence[Name]) -> list[tuple[Name, str]]:
    return [
        (name, own)
        for name in names
        for value in at_path(record, name.path)
        if isinstance(value, str) and (own := _own_name(name, value))
    ]


def _own_name(name: Name, value: str) -> str:
    if name.instead is not None:
        return name.instead
    text = value.strip()
    if name.pattern is not None:
        found = re.search(name.pattern, text[:_CLEANED_CHARACTERS])
        text = found[1].strip() if found else ""
    elif name.rule == "host":
        text = _host(text)
    elif name.rule == "container":
        text = text.partition(",")[0].lstrip("/")
    return f"{name.prefix}{text}"[:MAX_TEXT] if text else ""


def _host(address: str) -> str:
    try:
        host, port = urlsplit(address).hostname or "", urlsplit(address).port
    except ValueError:
        return address
    return f"{host}:{port}" if port and _ALONE.match(host) else host or address
