"""What `doctor` and `formats` ask: how sources and lines are read, and by which formats.

Like `orchestrate`, this is where stages meet; here it is only the reading that is looked at.
"""

import platform
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pipeline.errors import SourceError, UsageError
from pipeline.facts import (
    Diagnosis,
    FormatCheck,
    FormatDefinition,
    FormatSummary,
    LineReading,
    SourceReading,
)
from pipeline.ingest import (
    Options,
    Stream,
    find_streams,
    formats_with,
    load_formats,
    parse_services,
)
from pipeline.ingest.explain import explain_line
from pipeline.ingest.formats import Format
from pipeline.ingest.own_formats import check_own_format, is_format_name
from pipeline.ingest.suggest import name_from, suggest_format
from pipeline.ingest.survey import survey_stream
from pipeline.model import Settings
from pipeline.redaction import Redactor, redact_fields

Tell = Callable[[str], None]
T = TypeVar("T")
SHIPPED = "shipped"


def list_formats(folder: Path | None) -> list[FormatSummary]:
    """Return every format in the order in which they are tried, those of *folder* first."""
    formats = formats_with(folder)
    return [_summary(one, folder) for one in formats]


def _file_of(one: Format, folder: Path | None) -> Path | None:
    """Return the file of a format of *folder*; None for a shipped one."""
    if folder is None or one in load_formats():
        return None
    return folder if folder.is_file() else folder / f"{one.name}.toml"


def _summary(one: Format, folder: Path | None) -> FormatSummary:
    origin = str(_file_of(one, folder) or SHIPPED)
    return FormatSummary(one.name, one.title, one.kind, one.priority, origin)


def show_format(name: str, folder: Path | None) -> FormatDefinition:
    """Return the format *name* in full. Raises `UsageError` when there is none."""
    formats = {one.name: one for one in formats_with(folder)}
    if name not in formats:
        raise UsageError(
            f"there is no format {name!r}", hint=_near(name, formats) or "analyze formats list"
        )
    one = formats[name]
    source = _file_of(one, folder) or files("pipeline") / "formats" / f"{name}.toml"
    text = source.read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    return FormatDefinition(
        summary=_summary(one, folder),
        url=raw.get("url"),
        description=raw.get("description"),
        patterns=list(one.patterns),
        fields={column: list(keys) for column, keys in one.fields.items()},
        layouts=list(one.layouts),
        samples=[sample.line for sample in one.samples],
        definition=text,
    )


def _near(name: str, formats: dict[str, Format]) -> str | None:
    near = get_close_matches(name, formats, n=3)
    return f"near: {', '.join(near)}" if near else None


def check_format(path: Path) -> FormatCheck:
    """Check the definition *path*: its keys, its samples, whose lines it takes.

    What makes it unusable is among the problems; nothing is raised for it.
    """
    try:
        checked = check_own_format(path)
    except UsageError as error:
        said = str(error).removeprefix(f"{path}: ")
        return FormatCheck(str(path), path.stem, 0, 0, [said], [])
    one = checked.format
    return FormatCheck(
        str(path),
        one.name,
        len(one.patterns),
        len(one.samples),
        list(checked.problems),
        list(checked.clashes),
    )


def diagnose(logs: Sequence[str], settings: Settings, *, tell: Tell = lambda _: None) -> Diagnosis:
    """Read *logs* and return how each source was understood.

    Raises `SourceError` when there is nothing to read. What cannot be read is told, not raised.
    """
    options = _options(settings)
    sources: list[SourceReading] = []
    for stream in _streams(logs, settings):
        tell(f"reading {stream.name}")
        sources += survey_stream(stream, options)
    if not sources:
        raise SourceError(
            "there is no log in what was named", hint="name files, or folders of files"
        )
    found = Diagnosis(sorted(sources, key=lambda one: one.log_file_path), _versions())
    return _shown(found, settings)


def taken_by(file: str, settings: Settings) -> Diagnosis:
    """Return which formats take the lines of the log *file*."""
    return diagnose([file], settings)


def _versions() -> dict[str, str]:
    names = ("aftershock", "polars", "duckdb", "pyarrow")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def _options(settings: Settings) -> Options:
    if settings.zone is not None:
        try:
            ZoneInfo(settings.zone)
        except (ValueError, OSError, LookupError) as error:
            raise UsageError(
                f"{settings.zone!r} is not a time zone",
                hint="use a name such as Europe/Berlin or UTC",
            ) from error
    return Options(
        formats=formats_with(_folder(settings)),
        zone=settings.zone,
        now=datetime.now(UTC),
        services=parse_services(settings.services),
    )


def _folder(settings: Settings) -> Path | None:
    return Path(settings.formats_dir) if settings.formats_dir else None


def _streams(logs: Sequence[str], settings: Settings) -> list[Stream]:
    return find_streams(
        logs, input_encoding=settings.encoding, follows_outside=settings.follows_outside
    )


def explain(place: str, settings: Settings) -> LineReading:
    """Return how the line named by *place*, ``FILE:LINE``, is read. Raises `UsageError`."""
    name, _, number = place.rpartition(":")
    if not name or not number.isascii() or not number.isdigit() or not 0 < int(number) < 10**15:
        raise UsageError(
            f"{place!r} names no line", hint="use FILE:LINE, such as app.log:17; lines begin at 1"
        )
    found = explain_line(_one_file(name, settings), int(number), _options(settings))
    return _shown(found, settings)


def _shown(found: T, settings: Settings) -> T:
    """Return what is shown of *found*: without secrets, unless these were asked for."""
    redactor = _redactor(settings)
    return found if redactor is None else redact_fields(found, redactor)


def _redactor(settings: Settings) -> Redactor | None:
    return None if settings.redact == "off" else Redactor(pii=settings.redact_pii)


def _one_file(name: str, settings: Settings) -> Stream:
    if Path(name).is_dir():
        raise UsageError(f"{name} is a folder", hint="name one file")
    streams = _streams([name], settings)
    if len(streams) != 1 or len(streams[0].sources) != 1:
        raise UsageError(f"{name!r} names several files", hint="name one file")
    return streams[0]


def suggest(file: str, name: str | None, settings: Settings) -> str | None:
    """Return a format for the lines of the log *file* that no format takes, as TOML.

    None when every line is taken. Raises `UndecidableError` when they have no common shape.
    """
    formats = formats_with(_folder(settings))
    names = [one.name for one in formats]
    if name is not None and (name in names or not is_format_name(name)):
        raise UsageError(
            f"a format cannot be called {name!r}",
            hint="use small letters, digits and _, and no name that is taken: analyze formats list",
        )
    stream = _one_file(file, settings)
    if error := stream.sources[0].error:
        raise SourceError(f"{file}: {error}", hint="name a log as text, gzip, zstd, bzip2 or xz")
    return suggest_format(stream, name or name_from(file, names), formats, _redactor(settings))
