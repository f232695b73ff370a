"""Formats of a user's own: files of a folder, refused with file, key and reason when unusable.

A definition comes from somebody else's hand, so nothing in it is taken on trust: every key and type
is looked at before it is used, patterns must be of the linear-time kind that the reader runs, and
all sizes are bounded. Nothing of a file is ever executed. Own formats are tried before the shipped
ones; their samples are read by the whole reader, as a log would be, before any log is.
"""

import re
import stat
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from polars.exceptions import PolarsError

from pipeline.errors import FormatError
from pipeline.ingest.formats import KINDS, Format, Sample, load_formats, parse_format
from pipeline.ingest.heads import match
from pipeline.ingest.reader import Options, read_stream
from pipeline.ingest.sources import find_streams
from pipeline.schema import EVENTS

MAX_FILE_BYTES = 256 * 1024
MAX_FILES = 200
MAX_PATTERNS = 32
MAX_PATTERN_CHARACTERS = 4000
MAX_GROUPS = 64
MAX_SAMPLES = 200
MAX_SAMPLE_CHARACTERS = 16_384
_MAX_LIST = 200
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RESERVED = frozenset(("unparsed",))

# What each key holds; a list with one entry is a list of such, a dict with "*" has keys at will.
_SCHEMA: dict[str, Any] = {
    "name": str,
    "title": str,
    "description": str,
    "url": str,
    "kind": str,
    "priority": int,
    "pattern": [{"regex": str, "counted": str}],
    "continuation": [{"regex": str, "after": str}],
    "block": bool,
    "header": [{"first": str, "second": str}],
    "require": [str],
    "fields": {"*": [str]},
    "timestamp": {"layouts": [str], "zone": str},
    "severity": {"*": int},
    "sample": [{"line": str, "expect": {"*": object}}],
}
_WORDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A format with what is wrong with it (*problems*) and whose lines it takes (*clashes*)."""

    format: Format
    problems: tuple[str, ...]
    clashes: tuple[str, ...]


def formats_with(folder: Path | None) -> tuple[Format, ...]:
    """Return the formats of *folder* (or of one file), then the shipped ones, as they are tried.

    Raises `FormatError` with file, key and reason for a definition that cannot be used.
    """
    return (*load_own_formats(folder), *load_formats()) if folder else load_formats()


def load_own_formats(folder: Path) -> tuple[Format, ...]:
    """Load and check every ``*.toml`` of *folder*, or *folder* itself when it is a file.

    Raises `FormatError` at the first that cannot be used; clashes with shipped formats are allowed,
    since an own format is there to be preferred.
    """
    own = _in_order([read_own_format(path) for path in _files(folder)])
    for path, format_ in zip(_paths_of(own, folder), own, strict=True):
        if problems := sample_problems(format_, (*own, *load_formats())):
            raise FormatError(
                f"{path}: {problems[0]}",
                hint=f"analyze formats test {path} shows all that is wrong",
            )
    return own


def _paths_of(own: Sequence[Format], folder: Path) -> list[Path]:
    return [folder if folder.is_file() else folder / f"{one.name}.toml" for one in own]


def _in_order(formats: list[Format]) -> tuple[Format, ...]:
    return tuple(sorted(formats, key=lambda format_: (format_.priority, format_.name)))


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise FormatError(
            f"cannot read the formats in {folder}: {error.strerror}",
            hint="--formats names a folder of .toml files; --format names documents",
        ) from error
    files = [path for path in entries if path.suffix == ".toml" and path.name[0] not in "._"]
    if not files:
        raise FormatError(
            f"{folder} holds no format: no file ends in .toml",
            hint="analyze formats suggest FILE writes one for a log",
        )
    if len(files) > MAX_FILES:
        raise FormatError(f"{folder}: {len(files):,} formats are more than {MAX_FILES}")
    return files


def check_own_format(path: Path) -> Checked:
    """Read the definition *path* and check it against its samples and the shipped formats.

    Raises `FormatError` when it cannot be read at all.
    """
    format_ = read_own_format(path)
    problems = sample_problems(format_, (format_, *load_formats()))
    return Checked(format_, tuple(problems), tuple(_clashes(format_)))


def read_own_format(path: Path) -> Format:
    """Read one definition without trying its samples; raises `FormatError`."""
    try:
        # Opening a FIFO or a device would block or never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise FormatError(f"{path}: not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_own_format(path, content)


def parse_own_format(path: Path, content: bytes) -> Format:
    """Read the definition *content* of the file *path*; raises `FormatError`."""
    if len(content) > MAX_FILE_BYTES:
        raise FormatError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes")
    try:
        text = content.decode()
        raw = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not UTF-8: byte {error.start:,}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FormatError(f"{path}: not TOML: {error}") from error
    if wrong := next(_wrong_keys(raw, _SCHEMA, ""), None) or next(_wrong_values(raw, path), None):
        raise FormatError(f"{path}: {wrong}", hint="analyze formats show NAME shows a sound one")
    try:
        return parse_format(path.name, text)
    except FormatError as error:
        said = str(error).removeprefix(f"{path.name}: ")
        raise FormatError(f"{path}: {said}", hint=error.hint) from error
    except (KeyError, re.error, OverflowError) as error:
        raise FormatError(f"{path}: {error}") from error


def _wrong_keys(value: Any, shape: Any, where: str) -> Iterator[str]:  # noqa: ANN401  # TOML
    """Say of each key of *value* that *shape* does not have, or has with another type."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where}: must be a table"
            return
        for key, item in value.items():
            at = f"{where}.{key}" if where else key
            if key not in shape and "*" not in shape:
                yield f"unknown key {at!r}"
            else:
                yield from _wrong_keys(item, shape.get(key, shape.get("*")), at)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where}: must be a list"
        elif len(value) > _MAX_LIST:
            yield f"{where}: {len(value):,} entries are more than {_MAX_LIST}"
        else:
            for number, item in enumerate(value, start=1):
                yield from _wrong_keys(item, shape[0], f"{where}[{number}]")
    elif not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        yield f"{where}: must be {_WORDS[shape]}"


def _wrong_values(raw: Mapping[str, Any], path: Path) -> Iterator[str]:
    """Say what is wrong with values whose types are right."""
    for key in ("name", "title", "kind", "priority", "sample"):
        if key not in raw:
            yield f"no {key!r}"
            return
    name, kind = raw["name"], raw["kind"]
    if not is_format_name(name):
        yield f"name: {name!r} is not small letters, digits and _ (64 at most)"
    elif name in {one.name for one in load_formats()}:
        yield f"name: {name!r} is that of a shipped format; choose another"
    elif name != path.name.removesuffix(".toml"):
        yield f"name: is {name!r}; it must be the file's stem"
    if kind not in KINDS:
        yield f"kind: {kind!r} is none of {', '.join(KINDS)}"
    if not 0 <= raw["priority"] <= 9999:
        yield "priority: must be between 0 and 9999"
    if kind == "regex" and not raw.get("pattern"):
        yield "pattern: a format of kind regex has at least one"
    if kind != "regex" and not raw.get("fields"):
        yield f"fields: a format of kind {kind} names the keys that it reads"
    yield from _wrong_times(raw)
    for word, number in raw.get("severity", {}).items():
        if not 0 <= number <= 24:
            yield f"severity.{word}: {number} is not between 0 and 24"
    if len(raw.get("pattern", ())) > MAX_PATTERNS:
        yield f"pattern: more than {MAX_PATTERNS}"
    for number, entry in enumerate(raw.get("pattern", ()), start=1):
        yield from _wrong_patterns(entry, f"pattern[{number}]", ("regex", "counted"))
    for number, entry in enumerate(raw.get("continuation", ()), start=1):
        yield from _wrong_patterns(entry, f"continuation[{number}]", ("regex",))
    yield from _wrong_samples(raw["sample"])


def is_format_name(name: str) -> bool:
    """Tell whether a format of one's own may have this name."""
    return bool(_NAME.fullmatch(name)) and name not in _RESERVED


def _wrong_times(raw: Mapping[str, Any]) -> Iterator[str]:
    zone = raw.get("timestamp", {}).get("zone")
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, LookupError):
            yield f"timestamp.zone: {zone!r} is not a time zone; use a name such as Europe/Berlin"
    named = "timestamp" in raw.get("fields", {}) or any(
        "(?P<timestamp>" in entry.get("regex", "") for entry in raw.get("pattern", ())
    )
    if named and not raw.get("timestamp", {}).get("layouts"):
        yield "timestamp.layouts: missing, although a time is captured"


def _wrong_patterns(entry: Mapping[str, str], where: str, keys: tuple[str, ...]) -> Iterator[str]:
    if "regex" not in entry:
        yield f"{where}: no 'regex'"
    for key in keys:
        if key in entry and (reason := _unusable(entry[key])):
            yield f"{where}.{key}: {reason}"


def _unusable(pattern: str) -> str | None:
    """Say why the reader cannot run *pattern*, None when it can."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return f"{len(pattern):,} characters are more than {MAX_PATTERN_CHARACTERS:,}"
    try:
        names = re.compile(pattern).groupindex
    except (re.error, RecursionError, OverflowError) as error:
        return f"does not compile: {error}"
    if len(names) > MAX_GROUPS:
        return f"{len(names)} groups are more than {MAX_GROUPS}"
    if odd := next((name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)), None):
        return f"the group {odd!r} is not small letters, digits and _"
    try:
        pl.Series([""]).str.extract_groups(pattern)
    except PolarsError as error:
        return f"is not of the linear-time kind: {_short(error)}"
    return None


def _short(error: Exception) -> str:
    # The engine draws the pattern over several lines; its last one says what is wrong.
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ").removeprefix("regex error: ").rstrip(".")


def _wrong_samples(samples: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not samples:
        yield "sample: a format has at least one"
    if len(samples) > MAX_SAMPLES:
        yield f"sample: more than {MAX_SAMPLES}"
    for number, sample in enumerate(samples, start=1):
        if "line" not in sample:
            yield f"sample[{number}]: no 'line'"
        elif len(sample["line"]) > MAX_SAMPLE_CHARACTERS:
            yield f"sample[{number}].line: longer than {MAX_SAMPLE_CHARACTERS:,} characters"
        for column in sample.get("expect", {}):
            if column not in EVENTS:
                yield f"sample[{number}].expect: {column!r} is no column of an event"


def sample_problems(format_: Format, formats: tuple[Format, ...]) -> list[str]:
    """Say what *format_*, tried among *formats*, does not make of its samples as promised."""
    problems = []
    texts = pl.Series([sample.line.partition("\n")[0] for sample in format_.samples])
    events = read_samples(format_, formats)
    for number, (sample, event) in enumerate(zip(format_.samples, events, strict=True), start=1):
        where = f"sample[{number}]"
        if format_.kind == "regex":
            line = texts[number - 1 : number]
            fits = [i + 1 for i, p in enumerate(format_.patterns) if line.str.contains(p).item()]
            if not fits:
                problems.append(f"{where}: no pattern takes it")
                continue
            if len(fits) > 1:
                problems.append(f"{where}: patterns {fits[0]} and {fits[1]} both take it")
        if isinstance(event, str):
            problems.append(f"{where}: {event}")
        elif event["format_name"] != format_.name:
            problems.append(f"{where}: read as {event['format_name']}, not as {format_.name}")
        else:
            problems += [f"{where}.expect.{told}" for told in _differences(sample, event)]
    taken = set(match(texts, (format_,)).pattern_index.to_list())
    for number in range(len(format_.patterns)):
        if number not in taken:
            problems.append(f"pattern[{number + 1}]: no sample is taken by it")
    return problems


def read_samples(format_: Format, formats: tuple[Format, ...]) -> list[dict[str, Any] | str]:
    """Read each sample as a log of its own; a text in place of the event says why it is none."""
    options = Options(formats=formats, keep_all=True)
    with tempfile.TemporaryDirectory(prefix="aftershock-") as folder:
        for number, sample in enumerate(format_.samples):
            path = Path(folder) / f"{number:05}.log"
            path.write_bytes(sample.line.encode("utf-8", "replace") + b"\n")
        found: list[dict[str, Any] | str] = []
        for stream in find_streams([folder]):
            rows: list[dict[str, object]] = []
            events = pl.concat(
                [pl.DataFrame(schema=EVENTS)]
                + [batch.events for batch in read_stream(stream, options, rows)]
            )
            if error := rows[0]["error"]:
                found.append(f"cannot be read: {error}")
            elif events.height == 1:
                found.append(events.row(0, named=True))
            else:
                found.append(f"comes to {events.height} events, not one")
    return found


def _differences(sample: Sample, event: Mapping[str, Any]) -> Iterator[str]:
    for column, expected in sample.expect.items():
        found = event[column]
        if not _same(expected, found):
            shown = found.isoformat() if isinstance(found, datetime) else found
            yield f"{column}: {expected!r} was told, {shown!r} was read"


def _same(expected: object, found: object) -> bool:
    if isinstance(found, datetime) and isinstance(expected, str):
        try:
            expected = datetime.fromisoformat(expected)
        except ValueError:
            return False
    if isinstance(found, datetime) and isinstance(expected, datetime):
        known = expected if expected.tzinfo else expected.replace(tzinfo=UTC)
        return found == known
    if isinstance(found, list) and found and isinstance(found[0], dict):
        found = {pair["key"]: pair["value"] for pair in found}
    return expected == found


def _clashes(format_: Format) -> list[str]:
    """Tell whose samples *format_* would take, tried first as own formats are."""
    shipped = [(one, sample.line) for one in load_formats() for sample in one.samples]
    lines = pl.Series([line for _, line in shipped], dtype=pl.String)
    taken = match(lines, (format_,)).format_index.is_not_null()
    names: dict[str, int] = {}
    for (one, _), is_taken in zip(shipped, taken, strict=True):
        if is_taken:
            names[one.name] = names.get(one.name, 0) + 1
    return [
        f"takes {count} of {len(one.samples)} samples of the shipped format {one.name}"
        for one in load_formats()
        if (count := names.get(one.name, 0))
    ]
