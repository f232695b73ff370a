"""A proposal for a format, made from the lines of a log that no format takes.

What is read of them is their shape (`shapes`) or, of objects, which key holds what. The proposal is
tried before it is shown: it passes the check that every own format must pass, or is not made.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.errors import FormatError, UndecidableError
from pipeline.ingest.assembly import BLANK, INDENTED, LINK, OTHER, TRACE, categorize
from pipeline.ingest.detect import detect
from pipeline.ingest.envelopes import peel
from pipeline.ingest.formats import Format
from pipeline.ingest.heads import match
from pipeline.ingest.layouts import EVIDENT, LAYOUTS
from pipeline.ingest.lines import Reading, read_lines
from pipeline.ingest.own_formats import parse_own_format, read_samples, sample_problems
from pipeline.ingest.severity import WORDS
from pipeline.ingest.shapes import MIN_LINES, Pattern, find_patterns
from pipeline.ingest.sources import Stream
from pipeline.ingest.timestamps import fitting_layouts, parse_times
from pipeline.redaction import Redactor

# Formats from here on take nearly anything: what only they take is still to be taught.
GENERIC_PRIORITY = 900
MAX_LINES = 20_000
MAX_BYTES = 64 * 2**20
MAX_SAMPLE_CHARACTERS = 300
_MAX_OBJECTS = 2000
_EXCEPTION = r"^[A-Za-z_][\w.$]*(?:: |:?$)"
_MARKED = r"^[#|~^>-]"
_SURE = 0.95
_MOST = 0.5
_KEY = re.compile(r"[A-Za-z_@$][\w@$-]*")
_METHODS = frozenset(("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"))


@dataclass(frozen=True, slots=True)
class _Draft:
    """What is proposed, before it is written down: either *patterns*, or *fields* of an object."""

    layouts: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    fields: Mapping[str, str] | None = None
    samples: tuple[str, ...] = ()
    unknown_words: tuple[str, ...] = ()
    taken_share: float = 0.0


def suggest_format(
    stream: Stream,
    name: str,
    formats: tuple[Format, ...],
    redactor: Redactor | None = None,
) -> str | None:
    """Return a definition called *name* for the lines of *stream* that none of *formats* but the
    generic ones takes; None when there are no such lines. Its samples are lines as *redactor* has
    left them.

    Raises `UndecidableError` when they have nothing in common that a format could say.
    """
    known = tuple(one for one in formats if one.priority < GENERIC_PRIORITY)
    lines, layers = _unknown_lines(stream, known)
    if not lines:
        return None
    if redactor is not None:
        lines = redactor(pl.Series(lines)).to_list()
    objects = [line for line in lines if line.startswith("{") and line.endswith("}")]
    is_json = len(objects) > _MOST * len(lines)
    for draft in _object_drafts(objects) if is_json else _line_drafts(lines):
        if text := _tried(draft, name, stream.name, formats):
            return text
    inside = f" inside of {' and '.join(layers)}" if layers else ""
    raise UndecidableError(
        f"{len(lines):,} lines{inside} that no format takes have no time and no level in one place",
        hint="plain text needs no format where its envelope has the time; else write one by hand: "
        "analyze formats show NAME --toml prints one to begin from",
    )


def _unknown_lines(
    stream: Stream, formats: tuple[Format, ...]
) -> tuple[list[str], tuple[str, ...]]:
    """Return what is left of the first lines that begin a record and that none of *formats* takes,
    at most `MAX_LINES`, and the envelopes that were removed.
    """
    found: list[str] = []
    profile = None
    for source in stream.sources:
        if source.error:
            continue
        reading = Reading()
        for frame in read_lines(source, reading):
            profile = profile or detect(frame["line"].head(4000), formats)
            payload = peel(frame["line"], profile.layers)["payload"]
            index = match(payload, formats).format_index
            kinds = categorize(pl.DataFrame({"payload": payload, "format_index": index}))
            # A mark at the beginning makes a line look like the rest of a trace, or it is a layout.
            is_marked = (kinds == INDENTED) & payload.str.contains(_MARKED)
            # What follows frames at the line's beginning is the name of the exception.
            above = kinds.set(kinds == BLANK, None).shift(1).forward_fill()
            in_trace = above.is_in([INDENTED, TRACE, LINK]).fill_null(False)
            is_own = (kinds == OTHER) & ~(in_trace & payload.str.contains(_EXCEPTION))
            found += payload.filter(is_own | is_marked).to_list()
            if len(found) >= MAX_LINES or reading.byte_count >= MAX_BYTES:
                return found[:MAX_LINES], tuple(map(str, profile.layers))
    return found, tuple(map(str, profile.layers)) if profile else ()


def _line_drafts(lines: Sequence[str]) -> Iterable[_Draft]:
    """Yield drafts from the one with all patterns to the one with the commonest only."""
    patterns = _apart(find_patterns(lines), lines)
    text = pl.Series(lines)
    for count in range(len(patterns), 0, -1):
        chosen = patterns[:count]
        taken = [text.str.contains(pattern.regex) for pattern in chosen]
        samples = _samples(lines, taken, chosen)
        if samples is None:
            continue
        yield _Draft(
            layouts=_ordered(name for pattern in chosen for name in pattern.layouts),
            patterns=tuple(chosen),
            samples=samples,
            unknown_words=_unknown_levels(text, chosen),
            taken_share=sum(map(any, zip(*taken, strict=True))) / len(lines),
        )


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names), key=list(LAYOUTS).index))


def _apart(patterns: Sequence[Pattern], lines: Sequence[str]) -> list[Pattern]:
    """Keep the patterns that take no line which one kept before takes: each line has one."""
    text = pl.Series(lines, dtype=pl.String)
    kept: list[Pattern] = []
    taken = pl.Series([False]).new_from_index(0, len(lines))
    for pattern in patterns:
        own = text.str.contains(pattern.regex)
        if not (own & taken).any():
            kept.append(pattern)
            taken = taken | own
    return kept


def _samples(
    lines: Sequence[str], taken: Sequence[pl.Series], patterns: Sequence[Pattern]
) -> tuple[str, ...] | None:
    """Choose for each pattern a line that it takes alone, and one of each further level."""
    text = pl.Series(lines, dtype=pl.String)
    count = pl.DataFrame(list(taken)).select(
        pl.sum_horizontal(pl.all().cast(pl.Int32)).alias("count")
    )["count"]
    is_short = text.str.len_chars() <= MAX_SAMPLE_CHARACTERS
    samples: list[str] = []
    for own, pattern in zip(taken, patterns, strict=True):
        alone = text.filter(own & (count == 1) & is_short)
        if alone.is_empty():
            return None
        levels = (
            alone.str.extract_groups(pattern.regex).struct.field("severity_text")
            if pattern.has_level
            else pl.Series([""]).new_from_index(0, len(alone))
        )
        firsts = levels.is_first_distinct().arg_true()[:4]
        samples += [line for line in alone.gather(firsts).to_list() if line not in samples]
    return tuple(samples)


def _unknown_levels(text: pl.Series, patterns: Sequence[Pattern]) -> tuple[str, ...]:
    words: set[str] = set()
    for pattern in patterns:
        if pattern.has_level:
            found = text.str.extract_groups(pattern.regex).struct.field("severity_text")
            words |= {word for word in found.drop_nulls().unique() if word.lower() not in WORDS}
    return tuple(sorted(words))[:12]


def _object_drafts(lines: Sequence[str]) -> Iterable[_Draft]:
    objects = [found for line in lines[:_MAX_OBJECTS] if (found := _flat(line))]
    if len(objects) < MIN_LINES:
        return
    fields, layouts, words = _roles(objects)
    if "timestamp" not in fields and "severity_text" not in fields:
        return
    whole = [
        line
        for line in lines[:_MAX_OBJECTS]
        if len(line) <= MAX_SAMPLE_CHARACTERS * 3
        and (found := _flat(line))
        and all(key in found for key in fields.values())
    ]
    if not whole:
        return
    levels: dict[str, str] = {}
    for line in whole:
        levels.setdefault((_flat(line) or {}).get(fields.get("severity_text", ""), ""), line)
    share = sum(all(key in one for key in fields.values()) for one in objects) / len(objects)
    yield _Draft(
        layouts=layouts,
        fields=fields,
        samples=tuple(levels.values())[:4],
        unknown_words=words,
        taken_share=share,
    )


def _flat(line: str) -> dict[str, str] | None:
    """Return the keys of an object and of the objects in it, with values as text."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    flat: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= {f"{key}.{k}": _text(v) for k, v in item.items() if _KEY.fullmatch(k)}
        elif _KEY.fullmatch(key) and item is not None:
            flat[key] = _text(item)
    return flat


def _text(value: Any) -> str:  # noqa: ANN401  # JSON
    return value if isinstance(value, str) else json.dumps(value)


def _roles(
    objects: Sequence[Mapping[str, str]],
) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """Find which key holds what: columns with their keys, the time's notations, unknown words."""
    keys = dict.fromkeys(key for one in objects for key in one)
    values = {
        key: [one[key] for one in objects if key in one]
        for key in keys
        if sum(key in one for one in objects) >= 0.5 * len(objects)
    }
    fields: dict[str, str] = {}
    layouts: tuple[str, ...] = ()
    for key, texts in values.items():
        found = fitting_layouts(pl.Series(texts), EVIDENT)
        if found and "timestamp" not in fields and _reads_all(texts, found):
            fields["timestamp"], layouts = key, _ordered(found)
    unknown: tuple[str, ...] = ()
    for key, texts in values.items():
        known = sum(text.lower() in WORDS and len(text) > 1 for text in texts) / len(texts)
        if known >= 0.9 and "severity_text" not in fields:
            fields["severity_text"] = key
            unknown = tuple(sorted({text for text in texts if text.lower() not in WORDS}))[:12]
    for column, test in _TESTS.items():
        for key, texts in values.items():
            if key not in fields.values() and column not in fields and all(map(test, texts)):
                fields[column] = key
    if not {"url", "http_request_method"} <= fields.keys():
        # Without a request, a path or a number of three digits is anything.
        for column in _TESTS:
            fields.pop(column, None)
    rest = [key for key in values if key not in fields.values()]
    if rest and (body := max(rest, key=lambda key: _prose(values[key]))):
        fields["body"] = body
    return fields, layouts, unknown


_TESTS = {
    "http_request_method": lambda text: text in _METHODS,
    "url": lambda text: text.startswith("/"),
    "http_response_status_code": lambda text: bool(re.fullmatch("[1-5][0-9]{2}", text)),
}


def _reads_all(texts: Sequence[str], layouts: tuple[str, ...]) -> bool:
    read = parse_times(pl.Series(texts), layouts)["timestamp"]
    return bool(read.null_count() <= (1 - _SURE) * len(texts))


def _prose(texts: Sequence[str]) -> tuple[float, float]:
    """Order keys by how much their values are sentences."""
    return (
        sum(text.count(" ") for text in texts) / len(texts),
        sum(map(len, texts)) / len(texts),
    )


def _tried(draft: _Draft, name: str, source: str, formats: tuple[Format, ...]) -> str | None:
    """Write *draft* down with what its samples come to; None when it does not pass its check."""
    path = Path(f"{name}.toml")
    try:
        bare = parse_own_format(
            path, _toml(draft, name, source, [{}] * len(draft.samples)).encode()
        )
        expected = []
        for event in read_samples(bare, (bare, *formats)):
            if isinstance(event, str):
                return None
            expected.append(_expectation(event))
        text = _toml(draft, name, source, expected)
        final = parse_own_format(path, text.encode())
    except FormatError:
        return None
    return None if sample_problems(final, (final, *formats)) else text


def _expectation(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an event is told of its sample; a time only where nothing was inferred but
    its zone.
    """
    told: dict[str, Any] = {}
    inferred = set(event["time_flags"] or ()) - {"tz_assumed", "tz_given"}
    if event["time_source"] == "payload" and not inferred:
        told["timestamp"] = event["timestamp"]
    for column in ("severity_number", "http_response_status_code", "body"):
        if event[column] is not None:
            told[column] = event[column]
    return told


def _toml(draft: _Draft, name: str, source: str, expected: Sequence[Mapping[str, Any]]) -> str:
    title = f"Lines of {Path(source).name}"
    lines = [
        f"# Proposed from lines of {_comment(Path(source).name)} that no format takes: it takes "
        f"{_percent(draft.taken_share)} of them.",
        "# Look through it, give better names to field_1 and so on, and keep it as",
        f"# {name}.toml in a folder of your own: analyze LOGS --formats FOLDER",
        f"name = {toml_text(name)}",
        f"title = {toml_text(title[:200])}",
        f'kind = "{"regex" if draft.patterns else "json"}"',
        "priority = 100",
    ]
    if draft.fields:
        required = [key for key in draft.fields.values() if "." not in key]
        lines.append(f"require = [{', '.join(map(toml_text, required[:4]))}]")
        lines += ["", "[fields]"]
        lines += [f"{column} = [{toml_text(key)}]" for column, key in draft.fields.items()]
    for pattern in draft.patterns:
        lines += ["", "[[pattern]]"]
        if pattern.is_order_unknown:
            lines += [
                "# Day or month first? No line tells. When you know: call the group timestamp, and",
                '# add [timestamp] with layouts = ["day_first"] or ["month_first"].',
            ]
        lines.append(f"regex = {toml_text(pattern.regex)}")
    if draft.layouts:
        lines += ["", "[timestamp]"]
        lines.append(f"layouts = [{', '.join(map(toml_text, draft.layouts))}]")
    if draft.unknown_words:
        lines += ["", "[severity]"]
        lines.append("# Levels that are not known. 5 debug, 9 info, 13 warn, 17 error, 21 fatal.")
        lines += [f"# {_key(word)} = 9" for word in draft.unknown_words]
    for sample, told in zip(draft.samples, expected, strict=True):
        lines += ["", "[[sample]]", f"line = {toml_text(sample)}"]
        if told:
            pairs = ", ".join(f"{column} = {_value(value)}" for column, value in told.items())
            lines.append(f"expect = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{int(share * 100)} %"


def _comment(text: str) -> str:
    return toml_text(text[:200])[1:-1]


def _key(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z0-9_-]+", word) else toml_text(word)


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return toml_text(value.isoformat().replace("+00:00", "Z"))
    return str(value) if isinstance(value, int) else toml_text(str(value))


def toml_text(text: str) -> str:
    r"""Return *text* as a string of TOML in which nothing is invisible or a control character.

    >>> print(toml_text(r"^\w+"), toml_text("plain"), toml_text("it's \x1b[31m"))
    '^\w+' "plain" "it's \u001B[31m"
    """
    is_plain = text.isprintable() and not _HALVES.search(text)
    if is_plain and "'" not in text and ("\\" in text or '"' in text):
        return f"'{text}'"
    return f'"{"".join(map(_escaped, text))}"'


_HALVES = re.compile("[\ud800-\udfff]")


def _escaped(character: str) -> str:
    if character in '\\"':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"  # TOML has no way to write half a character
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def name_from(path: str, taken: Iterable[str]) -> str:
    """Return a name for the format of the log *path* that is none of *taken*.

    >>> name_from("logs/Oven 2.log.gz", [])
    'oven_2'
    """
    stem = Path(path).name.split(".")[0].lower()
    name = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:50]
    if not name or not name[0].isalpha():
        name = f"log_{name}".rstrip("_")
    used = {*taken, "unparsed"}
    return f"my_{name}" if name in used else name
