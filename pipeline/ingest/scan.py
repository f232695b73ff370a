"""The compiled scanner: counts ordinary one-line events, takes the envelope off all other lines.

Most lines of most logs are events that nobody will look at: they are counted, and that is all.
`scan.c` does that for whole blocks of bytes at the cost of reading them. It is optional: where it
could not be built, or `AFTERSHOCK_SCANNER=off` is set, every line takes the way through polars, and
the results are the same, which is tested on random logs.

The scanner knows no format. What it looks for is compiled here from the same definitions that
polars gets: patterns of formats and layouts (`programs`), keys of JSON formats, words of severity.
What it cannot decide for certain it hands back as it was.
"""

import ctypes
import os
import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa

from pipeline.ingest import heads, parse, severity
from pipeline.ingest.clocks import EARLIEST, LATEST
from pipeline.ingest.clocks import SKEW as NEAR
from pipeline.ingest.detect import Profile
from pipeline.ingest.envelopes import JSON_FILE, load_envelopes
from pipeline.ingest.formats import Format, json_fields
from pipeline.ingest.identity import SERVICE_KEYS
from pipeline.ingest.interleaving import AFTER, BEFORE, MAX_APART_LINES, TELLING
from pipeline.ingest.latencies import WHOLE_LINES
from pipeline.ingest.layouts import LAYOUTS
from pipeline.ingest.lines import Look
from pipeline.ingest.programs import Program, Unsupported, compile_program, set_bytes
from pipeline.routes import http_route
from pipeline.schema import TIMESTAMP, WARN_SEVERITY

_Buffer: TypeAlias = bytes | bytearray
_Arrow: TypeAlias = Any  # pyarrow ships no types

SWITCH = "AFTERSHOCK_SCANNER"
_VERSION = 5
_LIBRARY = "_scan.so"

# What the scanner says of a kept line: `UNKNOWN` leaves all to polars.
UNKNOWN, HEAD, NO_HEAD = range(3)
# Counts are fetched when there are so many of them: what a stream may hold in memory.
_MAX_COUNTS = 100_000

# Lines of one trace are found so far apart: above and below a line that is no header, or that may
# be a frame, nothing is taken out.
_ABOVE = 2 * (BEFORE + MAX_APART_LINES) + AFTER
_BELOW = 2 * AFTER
_ROLES = (
    "timestamp", "severity_text", "request", "http_request_method", "url",
    "http_response_status_code", "base", "fraction", "zone", "log_iostream", "tag", "body",
    "clock", "half",
)  # fmt: skip
_CELLS = _ROLES[:6]
_SLOTS = {name: number for number, name in enumerate(_ROLES)}
_REGEX, _JSON, _OTHER = range(3)
_DATE, _EPOCH, _LEFT = range(3)
_RAW, _DOCKER, _WRAPPED = range(3)
_NAMES = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_STREAMS = (None, "stdout", "stderr")


class _Machine(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_void_p), ("code_size", ctypes.c_int32),
        ("sets", ctypes.c_void_p), ("set_count", ctypes.c_int32),
        ("entries", ctypes.c_void_p), ("needs_ascii", ctypes.c_void_p),
        ("program_count", ctypes.c_int32),
    )  # fmt: skip


class _Config(ctypes.Structure):
    _fields_ = (
        ("machine", _Machine),
        ("numbers", ctypes.c_void_p), ("number_count", ctypes.c_int32),
        ("pool", ctypes.c_void_p), ("pool_size", ctypes.c_int32),
        ("formats", ctypes.c_void_p), ("format_count", ctypes.c_int32),
        ("layouts", ctypes.c_void_p), ("layout_count", ctypes.c_int32),
        ("tests", ctypes.c_void_p), ("test_count", ctypes.c_int32),
        ("objects", ctypes.c_void_p), ("object_count", ctypes.c_int32),
        ("keys", ctypes.c_void_p), ("key_count", ctypes.c_int32),
        ("tells_exception", ctypes.c_void_p),
        ("continuations", ctypes.c_void_p), ("continuation_count", ctypes.c_int32),
        ("borders", ctypes.c_void_p), ("border_count", ctypes.c_int32),
        ("verbs", ctypes.c_void_p), ("verb_count", ctypes.c_int32),
        ("services", ctypes.c_int32), ("service_count", ctypes.c_int32),
        ("telling", ctypes.c_void_p), ("telling_count", ctypes.c_int32),
        ("above", ctypes.c_int32), ("below", ctypes.c_int32),
        ("envelope", ctypes.c_int32), ("envelope_program", ctypes.c_int32),
        ("request_program", ctypes.c_int32), ("clock_shift", ctypes.c_int64),
        ("has_clock_shift", ctypes.c_int32), ("far", ctypes.c_int64),
        ("earliest", ctypes.c_int64), ("latest", ctypes.c_int64),
        ("warn", ctypes.c_int32), ("whole_lines", ctypes.c_int32),
        ("notable", ctypes.c_void_p), ("notable_size", ctypes.c_int32),
        ("notes", ctypes.c_void_p), ("note_count", ctypes.c_int32),
    )  # fmt: skip


@cache
def load_library() -> ctypes.CDLL | None:
    """Return the compiled scanner, or None where there is none or it is switched off."""
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no"):
        return None
    path = files("pipeline") / "ingest" / _LIBRARY
    return open_library(path) if isinstance(path, Path) and path.is_file() else None


def open_library(path: Path) -> ctypes.CDLL | None:
    """Load the scanner from *path*; None when it is not one of this version and machine."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError:  # built for another machine
        return None
    if not hasattr(library, "scan_version") or library.scan_version() != _VERSION:
        return None
    pointer, number, big = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
    for name, result, arguments in (
        ("scan_open", pointer, [pointer]),
        ("scan_close", None, [pointer]),
        ("scan_block", number, [pointer, ctypes.c_char_p, big, big, big]),
        ("scan_forget", None, [pointer]),
        ("scan_look", number, [ctypes.c_char_p, big, pointer]),
        ("scan_kept", big, [pointer]),
        ("scan_text_size", big, [pointer]),
        ("scan_rows", None, [pointer] * 13),
        ("scan_tally", None, [pointer] * 3),
        ("scan_sizes", None, [pointer] * 2),
        ("scan_counts", None, [pointer] * 5),
        ("scan_match", number, [pointer, number, ctypes.c_char_p, number, number, pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def look_with(library: ctypes.CDLL | None) -> Look | None:
    """Return what tells of a block whether its bytes are its lines to the letter: UTF-8 without NUL
    and byte-order marks, with line ends of one kind, no line too long. None without the scanner.
    """
    if library is None:
        return None
    found = ctypes.c_int64()

    def look(block: bytes) -> int | None:
        is_exact = library.scan_look(block, len(block), ctypes.addressof(found))
        return found.value if is_exact else None

    return look


class _Programs:
    """All programs of a run in one table, numbered from 0."""

    def __init__(self) -> None:
        self.code = array("i")
        self.entries = array("i")
        self.needs_ascii = bytearray()
        self.set_numbers: dict[int, int] = {}
        self.known: dict[str, int] = {}
        self.names: list[frozenset[str]] = []

    def add(self, pattern: str) -> int:
        """Return the number of *pattern*; -1 for one that the scanner does not run."""
        if pattern not in self.known:
            try:
                self.known[pattern] = self._link(compile_program(pattern, _SLOTS))
            except Unsupported:
                self.known[pattern] = -1
        return self.known[pattern]

    def _link(self, program: Program) -> int:
        self.entries.append(len(self.code))
        self.needs_ascii.append(program.needs_ascii)
        self.names.append(program.names)
        sets = [self.set_numbers.setdefault(one, len(self.set_numbers)) for one in program.sets]
        self.code.extend(program.linked(sets))
        return len(self.entries) - 1


class _Pool:
    """Texts one after the other, each once."""

    def __init__(self) -> None:
        self.letters = bytearray()
        self.places: dict[bytes, tuple[int, int]] = {}

    def add(self, text: str) -> tuple[int, int]:
        """Return offset and size of *text*."""
        data = text.encode()
        if data not in self.places:
            self.places[data] = (len(self.letters), len(data))
            self.letters += data
        return self.places[data]


@dataclass(frozen=True, slots=True)
class _Definitions:
    """What is the same for all streams of a run: all formats, as the scanner reads them."""

    programs: _Programs
    pool: _Pool
    numbers: "array[int]"
    formats: "array[int]"
    layouts: "array[int]"
    keys: "array[int]"
    tells_exception: bytes
    verbs: "array[int]"
    telling: "array[int]"
    tests: Mapping[Format, tuple[tuple[int, ...], ...]]
    request_program: int
    services: tuple[int, int]


@cache
def _define(formats: tuple[Format, ...], zone: str | None) -> _Definitions:
    programs, pool = _Programs(), _Pool()
    numbers, table = array("i"), array("i")
    names = heads.json_keys(formats)
    place = {name: number for number, name in enumerate(names)}
    layouts = {name: number for number, name in enumerate(LAYOUTS)}

    def references(keys: Iterable[str]) -> tuple[int, int]:
        """Add keys, four numbers each; returns where they are and how many."""
        start = len(numbers)
        for key in keys:
            head = re.split(r"[.\[]", key, maxsplit=1)[0]
            tail = key[len(head) + 1 :]
            # Of a path that is more than names the scanner only knows that it may lead somewhere.
            at, size = (
                pool.add(tail)
                if key[len(head) : len(head) + 1] == "." and _NAMES.fullmatch(tail)
                else (0, -1)
            )
            numbers.extend((place[key], place.get(head, -1) if tail else -1, at, size))
        return start, (len(numbers) - start) // 4

    tests: dict[Format, tuple[tuple[int, ...], ...]] = {}
    for index, one in enumerate(formats):
        has_place = one.zone is not None or zone is not None
        table.extend(({"regex": _REGEX, "json": _JSON}.get(one.kind, _OTHER), has_place))
        table.append(_fallback(one))
        table.extend((len(numbers), len(one.layouts)))
        numbers.extend(layouts[name] for name in one.layouts)
        words = {**severity.WORDS, **one.severities}
        table.extend((len(numbers), len(words)))
        for word, number in words.items():
            numbers.extend((*pool.add(word), number))
        fields = json_fields(one) if one.kind == "json" else {}
        cells = [fields.get(name, ()) for name in _CELLS]
        places = [(len(numbers), len(one.require))]
        if one.kind == "json":
            for choice in one.require:
                # How many keys it may be, then each.
                numbers.append(choice.count("|") + 1)
                references(choice.split("|"))
        places += [references(keys) for keys in cells]
        table.extend(places[0])
        table.extend(start for start, _ in places[1:])
        table.extend(count for _, count in places[1:])
        tests[one] = _format_tests(programs, index, one)
    told = {
        key
        for one in formats
        if one.kind == "json"
        for column in ("exception_stacktrace", "exception_type")
        for key in one.fields.get(column, ())
    }
    services = references(SERVICE_KEYS) if names else (0, 0)
    return _Definitions(
        programs,
        pool,
        numbers,
        table,
        array("i", [number for name in LAYOUTS for number in _layout(programs, pool, name)]),
        array("i", [number for name in names for number in pool.add(name)]),
        bytes(name in told for name in names) + b"\0",
        array("i", [number for verb in parse.VERBS for number in pool.add(verb)]),
        array("i", [number for text in TELLING for number in pool.add(text)]),
        tests,
        programs.add(parse.REQUEST),
        services,
    )


def _fallback(format_: Format) -> int:
    if format_.default_severity is not None:
        return format_.default_severity
    # Where a level may stand in the text, it is not looked for here.
    return -1 if format_.kind == "regex" else 0


def _format_tests(programs: _Programs, index: int, format_: Format) -> tuple[tuple[int, ...], ...]:
    if format_.kind == "json":
        return ()
    if format_.kind == "logfmt":
        return ((index, 0, programs.add(heads.LOGFMT), -1, 0),)
    return tuple(
        (index, number, programs.add(pattern), programs.add(counted) if counted else -1, 0)
        for number, (pattern, counted) in enumerate(
            zip(format_.patterns, format_.counted, strict=True)
        )
    )


def _layout(programs: _Programs, pool: _Pool, name: str) -> tuple[int, ...]:
    layout = LAYOUTS[name]
    groups = set(re.findall(r"\(\?P<([a-z]+)>", layout.pattern))
    if layout.number == "epoch":
        kind = _EPOCH
    elif (
        layout.number
        or layout.is_yearless
        or layout.has_foreign_months
        or not layout.has_date
        or layout.drop
        or groups - {"base", "clock", "half", "fraction", "zone"}
    ):
        kind = _LEFT
    else:
        kind = _DATE
    blank = pool.add("".join(layout.blank) + " ")
    return (programs.add(layout.pattern), kind, *pool.add(layout.base_format), *blank)


class Scanner:
    """The scanner of one stream: `scan` takes its blocks in order, `counts` tells what it counted.

    An object that has one of *service_keys* is left to polars, as each may be of another service.
    After *latest* lies no time. What holds a text of *notable*, each of three bytes or more, is
    kept.
    """

    def __init__(
        self,
        library: ctypes.CDLL,
        profile: Profile,
        formats: tuple[Format, ...],
        zone: str | None,
        borders: tuple[datetime, ...],
        service_keys: tuple[str, ...] = (),
        latest: datetime = LATEST,
        notable: tuple[str, ...] = (),
        whole_lines: int = WHOLE_LINES,
    ) -> None:
        self._library = library
        defined = _define(formats, zone)
        envelope, envelope_program = _envelope(profile, defined.programs)
        ranks = {one: rank for rank, one in enumerate(profile.formats)}
        self._names = [one.name for one in formats]
        self._ranks = pl.Series([ranks[one] for one in formats], dtype=pl.Int32)
        tests = array("i")
        for one in profile.formats:
            for test in defined.tests[one]:
                tests.extend(test)
        indexes = {one: index for index, one in enumerate(formats)}
        objects = array("i", [indexes[one] for one in profile.formats if one.kind == "json"])
        continuations = array(
            "i", [defined.programs.add(one.regex) for one in profile.continuations]
        )
        edges = array("q", [_micros(border) for border in sorted(borders)])
        programs = self._programs = defined.programs
        sets = b"".join(map(set_bytes, programs.set_numbers))
        notes = _Pool()
        places = array("i", [number for text in notable for number in notes.add(text)])
        # Copies, which nobody extends while the scanner reads them.
        self._memory = [
            bytes(memoryview(one).cast("B"))
            for one in (
                programs.code, sets, programs.entries, programs.needs_ascii, defined.numbers,
                defined.pool.letters, defined.formats, defined.layouts, tests, objects,
                defined.keys, defined.tells_exception, continuations, edges, defined.verbs,
                defined.telling, notes.letters, places,
            )
        ]  # fmt: skip
        at = [_address(one) for one in self._memory]
        self._config = _Config(
            _Machine(
                at[0], len(programs.code), at[1], len(programs.set_numbers), at[2], at[3],
                len(programs.entries),
            ),
            at[4], len(defined.numbers), at[5], len(defined.pool.letters), at[6], len(formats),
            at[7], len(LAYOUTS), at[8], len(tests) // 5, at[9], len(objects), at[10],
            len(defined.keys) // 2, at[11], at[12], len(continuations), at[13], len(edges),
            at[14], len(parse.VERBS),
            defined.services[0], defined.services[1] if service_keys else 0,
            at[15], len(defined.telling) // 2, _ABOVE, _BELOW,
            envelope, envelope_program, defined.request_program, profile.offset_micros or 0,
            profile.offset_micros is not None, NEAR // timedelta(microseconds=1),
            _micros(EARLIEST), _micros(latest),
            WARN_SEVERITY, whole_lines,
            at[16], len(notes.letters), at[17], len(notable),
        )  # fmt: skip
        self._handle = library.scan_open(ctypes.addressof(self._config))
        if not self._handle:
            raise MemoryError

    def close(self) -> None:
        """Give the memory back."""
        if self._handle:
            self._library.scan_close(self._handle)
            self._handle = None

    __del__ = close

    def scan(self, block: bytes, first_line: int, first_offset: int) -> None:
        """Scan whole lines; `kept` and `tally` then tell what became of them."""
        if self._library.scan_block(self._handle, block, len(block), first_line, first_offset):
            raise MemoryError

    def match(self, pattern: str, text: str) -> dict[str, str | None] | bool | None:
        """Return the groups with which *pattern*, one of those told, fits *text*; False when it
        does not, None when that is left to polars. For tests.
        """
        number = self._programs.known[pattern]
        slots = array("i", [0] * 2 * len(_ROLES))
        data = text.encode()
        found = self._library.scan_match(
            ctypes.addressof(self._config), number, data, len(data), text.isascii(),
            slots.buffer_info()[0],
        )  # fmt: skip
        if found != 1:
            return None if found else False
        return {
            name: data[slots[2 * at] : slots[2 * at + 1]].decode() if slots[2 * at] >= 0 else None
            for at, name in enumerate(_ROLES)
            if name in self._programs.names[number]
        }

    def forget(self) -> None:
        """Take it that a block was read by others: what its last lines were is not known."""
        self._library.scan_forget(self._handle)

    def kept(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the lines of the last block that are kept, in order: those without their envelope,
        and those that were left as they are, with the columns of `lines.LINES`.
        """
        count = self._library.scan_kept(self._handle)
        letters = bytearray(self._library.scan_text_size(self._handle) + 1)
        big = [bytearray(8 * (count + 1)) for _ in range(5)]
        small = [bytearray(4 * (count + 1)) for _ in range(2)]
        flags = [bytearray(count + 1) for _ in range(4)]
        offsets, *numbers = big
        self._library.scan_rows(
            self._handle,
            *map(_address, (offsets, letters, *numbers, *small, *flags)),
        )
        text = pa.Array.from_buffers(
            pa.large_string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(letters)]
        )
        names = ("line_number", "byte_offset", "byte_length", "observed_timestamp")
        columns = {"payload": text}
        columns |= {n: _column(pa.int64(), b, count) for n, b in zip(names, numbers, strict=True)}
        for name, buffer in zip(("scan_format", "scan_pattern"), small, strict=True):
            columns[name] = _column(pa.int32(), buffer, count)
        for name, buffer in zip(("known", "stream", "is_whole", "is_open"), flags, strict=True):
            columns[name] = _column(pa.uint8(), buffer, count)
        frame = pl.from_arrow(pa.table(columns))
        assert isinstance(frame, pl.DataFrame)
        left = frame.clear()
        if 0 in flags[3][:count]:
            is_open = frame["is_open"] == 1
            frame, left = frame.filter(is_open), frame.filter(~is_open)
        frame = frame.with_columns(
            observed_timestamp=_time("observed_timestamp"),
            log_iostream=pl.lit(pl.Series(_STREAMS, dtype=pl.String)).gather("stream"),
            is_partial=pl.col("is_whole") == 0,
            scan_format=pl.when(pl.col("known") == HEAD).then(
                pl.lit(self._ranks).gather(pl.max_horizontal("scan_format", 0))
            ),
            scan_pattern=pl.when(pl.col("known") == HEAD).then("scan_pattern"),
        ).drop("stream", "is_whole", "is_open")
        return frame, left.select("line_number", "byte_offset", "byte_length", line="payload")

    def tally(self) -> "Tally":
        """Return what was counted of the last block."""
        numbers, seen = bytearray(40), bytearray(len(self._names))
        self._library.scan_tally(self._handle, _address(numbers), _address(seen))
        count, first, last, assumed, inferred = memoryview(numbers).cast("q")
        names = frozenset(name for name, flag in zip(self._names, seen, strict=True) if flag)
        times = {"tz_assumed": assumed, "tz_inferred": inferred}
        return Tally(
            count, _moment(first), _moment(last), {k: n for k, n in times.items() if n}, names
        )

    def counts(self, *, at_least: int = _MAX_COUNTS) -> tuple[pl.DataFrame, pl.DataFrame] | None:
        """Return and forget the counts, when there are *at_least* so many: by hour, with columns of
        `ROLLUP` but service and container, and by minute, with columns of `MINUTES` but service.
        """
        sizes = bytearray(32)
        self._library.scan_sizes(self._handle, _address(sizes))
        hours, minutes, names, letters = memoryview(sizes).cast("q")
        if max(hours, minutes, names) < max(at_least, 1):
            return None
        buffers = [bytearray(8 * n + 8) for n in (8 * hours, 5 * minutes, 3 * names)]
        text = bytearray(letters + 1)
        self._library.scan_counts(self._handle, *map(_address, (*buffers, text)))
        by_hour = _matrix(buffers[0], hours, _HOURS)
        by_minute = _matrix(buffers[1], minutes, _MINUTES)
        named = _named(memoryview(buffers[2]).cast("q"), names, bytes(text))
        used = named.with_row_index("name", 0).with_columns(pl.col("name").cast(pl.Int64))
        by_hour = by_hour.join(used, on="name", how="left", maintain_order="left").with_columns(
            *map(_time, ("bucket_start", "first_timestamp", "last_timestamp")),
            log_iostream=pl.lit(pl.Series(_STREAMS, dtype=pl.String)).gather("stream"),
            http_response_status_code=pl.when(pl.col("status") >= 0).then("status"),
        )
        by_minute = by_minute.with_columns(
            *map(_time, ("bucket_start", "first_timestamp", "last_timestamp")),
            **dict.fromkeys(_NEVER_COUNTED, pl.lit(0)),
        )
        return by_hour, by_minute


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted of a block: events, which are lines too, and the facts of the ledger.

    *times* counts what was assumed of times, as `clocks.count_by_source` does.
    """

    event_count: int
    first: datetime | None
    last: datetime | None
    times: Mapping[str, int]
    format_names: frozenset[str]


_HOURS = (
    "bucket_start", "event_count", "first_timestamp", "last_timestamp", "stream",
    "severity_number", "status", "name",
)  # fmt: skip
_MINUTES = ("bucket_start", "event_count", "request_count", "first_timestamp", "last_timestamp")
# What makes an event one of these also makes it kept.
_NEVER_COUNTED = ("error_count", "warning_count", "failed_request_count")
_EPOCH_START = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _micros(moment: datetime) -> int:
    since = moment - _EPOCH_START
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment(micros: int) -> datetime:
    moment = pl.Series([micros]).cast(TIMESTAMP).item()
    assert isinstance(moment, datetime)
    return moment


def _time(name: str) -> pl.Expr:
    missing = -(2**63)
    return pl.when(pl.col(name) != missing).then(pl.col(name)).cast(TIMESTAMP).alias(name)


def _column(kind: _Arrow, buffer: bytearray, count: int) -> _Arrow:
    return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(buffer)])


def _matrix(buffer: bytearray, count: int, names: tuple[str, ...]) -> pl.DataFrame:
    width = len(names)
    cells = memoryview(buffer).cast("q")
    return pl.DataFrame(
        {name: array("q", cells[at : count * width : width]) for at, name in enumerate(names)},
        schema=dict.fromkeys(names, pl.Int64),
    )


def _named(cells: memoryview, count: int, letters: bytes) -> pl.DataFrame:
    """Return method and route of each name."""
    methods: list[str | None] = []
    paths: list[str | None] = []
    for at in range(0, 3 * count, 3):
        start, method, path = cells[at : at + 3]
        middle = start + max(method, 0)
        methods.append(letters[start:middle].decode() if method >= 0 else None)
        paths.append(letters[middle : middle + path].decode() if path >= 0 else None)
    return pl.DataFrame(
        {
            "http_request_method": pl.Series(methods, dtype=pl.String),
            "http_route": http_route(pl.Series(paths, dtype=pl.String)),
        }
    )


def _address(buffer: _Buffer) -> int:
    """Return where *buffer* begins; it must outlive the use of the address."""
    if isinstance(buffer, bytes):
        return ctypes.cast(ctypes.c_char_p(buffer), ctypes.c_void_p).value or 0
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def _envelope(profile: Profile, programs: _Programs) -> tuple[int, int]:
    if profile.layers == (JSON_FILE,):
        return _DOCKER, -1
    if not profile.layers:
        return _RAW, -1
    regex = next(one.regex for one in load_envelopes() if one.name == profile.layers[0]) or ""
    return _WRAPPED, programs.add(regex.replace("(?P<time>", "(?P<timestamp>"))


@cache
def _simple_envelopes() -> frozenset[str]:
    """Return the envelopes told by a pattern which say no more than when, which stream and what."""
    groups = {"time", "log_iostream", "tag", "body"}
    return frozenset(
        one.name
        for one in load_envelopes()
        if one.regex is not None
        and not (one.is_record or one.layouts)
        and {"time", "body"} <= set(re.findall(r"\(\?P<([a-z_]+)>", one.regex)) <= groups
    )


def can_scan(profile: Profile) -> bool:
    """Tell whether the scanner reads streams of this kind: in one simple envelope at most, with
    headers of one line.
    """
    if len(profile.layers) > 1 or profile.headers:
        return False
    return all(one == JSON_FILE or one in _simple_envelopes() for one in profile.layers)


__all__ = [
    "HEAD",
    "NO_HEAD",
    "UNKNOWN",
    "Scanner",
    "Tally",
    "can_scan",
    "load_library",
    "look_with",
]
