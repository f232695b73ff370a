"""The scanner must not be noticed: with it and without it, the same tables."""

import ctypes
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.ingest import lines as line_reader
from pipeline.ingest import load_formats, reader, scan
from pipeline.ingest.detect import detect
from pipeline.ingest.formats import Format
from pipeline.ingest.scan import Scanner, look_with, open_library
from tests.ingest.support import Read, options, read_files, read_paths

SOURCE = Path(scan.__file__).with_name("scan.c")
LOGS = Path(__file__).parents[3] / "shared" / "logs"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The scanner as its source is now, whatever is installed."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        pytest.skip("there is no C compiler")
    path = tmp_path_factory.mktemp("scanner") / "_scan.so"
    flags = ["-O1", "-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    # Such as -fsanitize=address,undefined, with the sanitizer's library loaded before Python.
    flags += os.environ.get("SCAN_FLAGS", "").split()
    subprocess.run([compiler, *flags, str(SOURCE), "-o", str(path)], check=True)
    opened = open_library(path)
    assert opened is not None
    return opened


@pytest.fixture(autouse=True)
def _use_it(library: ctypes.CDLL, request: pytest.FixtureRequest) -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(reader, "load_library", lambda: library)
    yield
    patch.undo()


# Of ordinary lines, those that hold one of these are handed over.
NOTABLE = ("/a;b", "carts: 1", "<&>", "caf\u00e9", "red\x1b", "aaaaaaaa")


def both(files: dict[str, bytes], block_bytes: int = 2**20, **changes: object) -> tuple[Read, int]:
    """Read *files* with and without the scanner, and compare; returns what was read, and how many
    events the scanner counted.
    """
    read = []
    counted = 0
    original = Scanner.tally

    def tally(self: Scanner) -> scan.Tally:
        nonlocal counted
        told = original(self)
        counted += told.event_count
        return told

    patch = pytest.MonkeyPatch()
    patch.setattr(Scanner, "tally", tally)
    try:
        for uses_scanner in (False, True):
            asked = options(
                keep_all=False, uses_scanner=uses_scanner, least_scanned_bytes=0,
                block_bytes=block_bytes if uses_scanner else 2**20,
                # Of small files all requests are drawn: the scanner would count none.
                **{"notable": NOTABLE, "whole_lines": 0, **changes},
            )  # fmt: skip
            found = read_files(files, asked)
            read.append(found)
    finally:
        patch.undo()
    same(*read)
    return read[1], counted


def same(plain: Read, scanned: Read) -> None:
    for name in Read._fields:
        one, other = (
            getattr(read, name).select(
                # Each reading has a folder of its own.
                pl.col(column).str.extract(r"([^/]*)$") if column == "log_file_path" else column
                for column in getattr(read, name).columns
            )
            for read in (plain, scanned)
        )
        if name in ("rollup", "minutes", "latencies"):
            one, other = (frame.sort(pl.all()) for frame in (one, other))
        assert one.columns == other.columns
        assert one.to_dicts() == other.to_dicts(), name


# What programs write, a record at a time: lines, with the time in them


def _at(second: float) -> datetime:
    return datetime(2026, 3, 2, 9, 59, tzinfo=UTC) + timedelta(seconds=second)


def _iso(second: float, mark: str = ",") -> str:
    return f"{_at(second):%Y-%m-%d %H:%M:%S}{mark}{int(second * 1000) % 1000:03d}"


_TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/app/shop/stock.py", line 8, in take\n    return shelf[number]\n'
)
Writer = Callable[[float, str], str]
WRITERS: tuple[Writer, ...] = (
    lambda s, w: f'INFO:     10.3.0.7:51034 - "GET /carts/17?full={w} HTTP/1.1" 200 OK',
    lambda s, w: f'INFO:     10.3.0.7:51034 - "POST /a/{w} HTTP/1.1" 404 Not Found',
    lambda s, w: f'10.3.0.7:51034 - "GET /a/1/2/b/3 HTTP/1.1" 50{len(w) % 10}',
    lambda s, w: f'1.2.3.4 - - [{_at(s):%d/%b/%Y:%H:%M:%S} +0000] "GET /{w} HTTP/1.1" 200 5 "-"',
    lambda s, w: f'1.2.3.4 - - [{_at(s):%d/%b/%Y:%H:%M:%S} +0100] "{w}" 304 0',
    lambda s, w: f"{_iso(s)} INFO shop.carts: {w}",
    lambda s, w: f"{_iso(s)} INFO shop.carts: {w}\n{w}",
    lambda s, w: f"{_iso(s)} ERROR shop.carts: {w}\n{_TRACE}KeyError: {w}",
    lambda s, w: f"{_TRACE}shop.Gone: {w}",
    lambda s, w: "".join(f"{_iso(s)} ERROR shop.carts: {x}\n" for x in _TRACE.split("\n")) + w,
    lambda s, w: f"{_iso(s)} WARN shop.carts: {w}\n\tat shop.Stock.take(Stock.java:8)\n{_TRACE}",
    lambda s, w: f"[{_iso(s)}: INFO/MainProcess] {w}",
    lambda s, w: f"1:M {_at(s):%d %b %Y %H:%M:%S}.125 * {w}",
    lambda s, w: f"{_iso(s, '.')} UTC [611] LOG:  {w}",
    lambda s, w: f"{_iso(s, '.')} UTC [611] ERROR:  {w}\n{_iso(s, '.')} UTC [611] DETAIL:  {w}",
    lambda s, w: f"{_at(s):%Y/%m/%d %H:%M:%S} [error] 29#29: *7 {w}",
    lambda s, w: f"ts={_at(s):%Y-%m-%dT%H:%M:%SZ} level=info msg={w} caller=a.go:1",
    lambda s, w: f"INFO:     {w}",
    lambda s, w: f"ERROR:    {w}",
    lambda s, w: w,
    lambda s, w: f"  {w}",
    lambda s, w: "",
    lambda s, w: f"{_at(s):%b %d %H:%M:%S} host app[7]: {w}",
    lambda s, w: json.dumps({"event": w, "level": "info", "timestamp": _iso(s), "path": "/a/7"}),
    lambda s, w: json.dumps({"level": 30, "time": int(_at(s).timestamp() * 1e3), "pid": 1,
                             "hostname": w, "req": {"id": w}, "msg": w}),
    lambda s, w: json.dumps({"ts": _at(s).timestamp(), "level": w, "msg": [w, {"a": None}]}),
    lambda s, w: json.dumps({"ts": _iso(s), "level": "info", "exception": w or None}),
    lambda s, w: json.dumps({"time": _iso(s), "level": "INFO", "status_code": len(w) * 100,
                             "method": "GET", "path": w}, ensure_ascii=False),
    lambda s, w: '{"level":"info","level":"error","msg":"twice"}',
    lambda s, w: '{"level": "info", "msg": "broken',
)  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(
        ["", "ready", "/a;b", "1", "café ✓", "ERROR", "\x1b[31mred\x1b[0m", "a\x00b", "\r", "\\n",
         "\\", '"', "<&>", "\u2028", "\ufeff", "GET /x/12 HTTP/1.1", "level=error", "  ", "\t{",
         "}", "WARN", "info", "Traceback (most recent call last):", "\U0001f600", "a" * 300]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12),
)  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> list[tuple[float, str, str]]:
    """Time, stream and text of lines: a few programs' records, streams in between one another."""
    chosen = draw(st.lists(st.sampled_from(WRITERS), min_size=1, max_size=4))
    lines: list[tuple[float, str, str]] = []
    second = 0.0
    for _ in range(draw(st.integers(1, 20))):
        if not draw(st.integers(0, 3)):
            # Lines around a trace stay: what may be counted comes in runs.
            many = draw(st.sampled_from(WRITERS[:1] + WRITERS[3:4] + WRITERS[11:13]))
            for _ in range(draw(st.sampled_from([200, 400, 700]))):
                lines.append((second, "stdout", many(second, "ready")))
                second += 0.25
        writer = draw(st.sampled_from(chosen if draw(st.integers(0, 5)) else WRITERS))
        text = writer(second, draw(WORDS))
        stream = draw(st.sampled_from(["stdout", "stdout", "stderr"]))
        for line in text.split("\n"):
            lines.append((second, stream, line))
            if not draw(st.integers(0, 9)):
                lines.append((second, "stderr", draw(WORDS)))
            second += draw(st.sampled_from([0.0, 0.0, 0.01, 1.0, 3.0, 61.0]))
    return lines


def _docker(second: float, stream: str, text: str, odd: int) -> bytes:
    stamp = f"{_at(second):%Y-%m-%dT%H:%M:%S}.{int(second * 1e6) % 10**6:06d}123".rstrip("0")
    ends = {1: "", 2: "\r\n"}.get(odd, "\n")
    log = json.dumps(text + ends, ensure_ascii=odd == 3)
    if odd != 4:
        for mark in "<>&":
            log = log.replace(mark, f"\\u{ord(mark):04x}")
    line = f'{{"log":{log},"stream":"{stream}","time":"{stamp.rstrip(".")}Z"}}'
    match odd:
        case 5:
            line = line.replace(',"time"', ',"attrs":{"tag":"web"},"time"')
        case 6:
            line = line.replace("Z", "+01:00")
        case 7:
            line = line[: len(line) // 2]
        case 8:
            line = line.replace(":", ": ", 1)
        case 9:
            line = text
    data = line.encode("utf-8", "replace")
    return data.replace(b"a", b"\xff") if odd == 10 else data


def _cri(second: float, stream: str, text: str, odd: int) -> bytes:
    tag = "P" if odd == 1 else "F"
    line = f"{_at(second):%Y-%m-%dT%H:%M:%S}.{int(second * 1e6) % 10**6:06d}Z {stream} {tag} {text}"
    return (text if odd == 9 else line + "\r" if odd == 2 else line).encode("utf-8", "replace")


def _plain(second: float, stream: str, text: str, odd: int) -> bytes:
    data = text.encode("utf-8", "replace")
    return data + b"\r" if odd == 2 else data.replace(b"a", b"\xff") if odd == 10 else data


def _stamped(second: float, stream: str, text: str, odd: int) -> bytes:
    stamp = f"{_at(second):%Y-%m-%dT%H:%M:%S}.{int(second * 1e6) % 10**6:06d}000Z"
    return f"{stamp} {text}".encode("utf-8", "replace")


@given(
    lines=records(),
    wrap=st.sampled_from([_docker, _docker, _docker, _cri, _plain, _stamped]),
    oddities=st.lists(st.sampled_from([0] * 30 + list(range(1, 11))), min_size=1, max_size=50),
    block_bytes=st.sampled_from([5000, 60_000, 2**20]),
    end=st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"]),
    is_ended=st.booleans(),
)
@settings(
    max_examples=int(os.environ.get("SCAN_EXAMPLES", "6")),
    deadline=None,
    # Shrinking such input takes minutes; what differs is told by the frames.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_random_mixtures_read_the_same(
    lines: list[tuple[float, str, str]],
    wrap: Callable[[float, str, str, int], bytes],
    oddities: list[int],
    block_bytes: int,
    end: bytes,
    is_ended: bool,
) -> None:
    odd = [oddities[at % len(oddities)] for at in range(len(lines))]
    content = end.join(wrap(*line, kind) for line, kind in zip(lines, odd, strict=True))
    both({"app.log": content + end * is_ended}, block_bytes)


_BYTES = st.sampled_from(
    [b"a", b"ready", b"\n", b"\n", b"\r\n", b"\r", b"\0", "é".encode(), "✓".encode(), b"\xff",
     b"\xc3", b"\xe2\x9c", "\ufeff".encode(), "\U0001f600".encode(), b"\xed\xa0\x80", b"x" * 40]
)  # fmt: skip


@given(parts=st.lists(_BYTES, max_size=60), is_crlf=st.booleans())
@settings(max_examples=300, deadline=None)
def test_bytes_are_lines_to_the_letter_where_the_scanner_says_so(
    library: ctypes.CDLL, parts: list[bytes], is_crlf: bool
) -> None:
    block = b"".join(parts)
    if is_crlf:
        block = block.replace(b"\r", b"").replace(b"\n", b"\r\n")
    decoded = line_reader._utf8_lines(block, line_reader.Reading()) if block else None
    look = look_with(library)
    assert look is not None
    found = look(block)
    if found is None:
        odd = (b"\0", b"\r", "\ufeff".encode())
        assert decoded is None or not decoded.is_exact or any(one in block for one in odd)
    else:
        assert decoded is not None
        assert decoded.is_exact
        assert len(decoded.lines) == found
        some = line_reader.Block(None, block, (found, 1, 0))
        assert some.head(3).equals(some.lines.head(3))


@pytest.mark.parametrize("wrap", [_docker, _cri, _plain, _stamped])
@pytest.mark.parametrize("block_bytes", [100_000, 2**21])
def test_ordinary_lines_are_counted_by_the_scanner(
    wrap: Callable[[float, str, str, int], bytes], block_bytes: int
) -> None:
    """Equal tables mean little if nothing was scanned."""
    ordinary = (WRITERS[0], WRITERS[3], WRITERS[5], WRITERS[11], WRITERS[12], WRITERS[23])
    writers = ordinary[1:] if wrap is _plain else ordinary  # a line of the first has no time
    lines = [writers[n % len(writers)](n, "ready") for n in range(1500)]
    lines[150] = f"{_iso(150)} ERROR shop.carts: lost\n{_TRACE}KeyError: 4"
    flat = [(n, line) for n, text in enumerate(lines) for line in text.split("\n")]
    content = b"".join(wrap(float(n), "stdout", line, 0) + b"\n" for n, line in flat)
    read, counted = both({"app.log": content}, block_bytes)
    assert read.ledger["event_count"].item() == 1500
    assert counted > 500


def test_windows_that_begin_within_an_hour_cut_its_counts() -> None:
    lines = [(float(n), "stdout", WRITERS[0](n, "1")) for n in range(0, 7200, 3)]
    content = b"".join(_docker(*line, 0) + b"\n" for line in lines)
    borders = (_at(1800.5), _at(3600))
    read, counted = both({"app-json.log": content}, borders=borders)
    assert counted > 1000
    assert set(borders) <= set(read.rollup["bucket_start"])


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_of_a_place_are_read_the_same(zone: str | None) -> None:
    content = "".join(f"{_iso(n * 60)} INFO shop.carts: ready\n" for n in range(100)).encode()
    docker = b"".join(
        _docker(n * 60 + 3600, "stdout", f"{_iso(n * 60)} INFO shop.carts: ready", 0) + b"\n"
        for n in range(100)
    )
    both({"plain.log": content, "wrapped-json.log": docker}, zone=zone)


def test_a_huge_line_is_read_the_same() -> None:
    line = WRITERS[5](1.0, "x" * 300_000)
    lines = [_docker(n, "stdout", line if n == 50 else WRITERS[0](n, "1"), 0) for n in range(99)]
    for block_bytes in (4096, 2**20):
        both({"app.log": b"\n".join(lines)}, block_bytes)


def test_rotated_files_have_their_own_counts() -> None:
    lines = [_docker(n, "stdout", WRITERS[0](n, "1"), 0) + b"\n" for n in range(2000)]
    read, counted = both({"a.log.1": b"".join(lines[:111]), "a.log": b"".join(lines[111:])}, 10**5)
    assert read.ledger["event_count"].to_list() == [1889, 111]
    assert counted


@pytest.mark.slow
@pytest.mark.skipif(not LOGS.is_dir(), reason="the published logs are not there")
def test_published_logs_read_the_same() -> None:
    for folder in sorted(path for path in LOGS.iterdir() if path.is_dir()):
        asked = [
            options(keep_all=False, uses_scanner=flag, least_scanned_bytes=0)
            for flag in (False, True)
        ]
        same(*(read_paths(folder, options_=one) for one in asked))


# The machine that runs the patterns


def _scanner(library: ctypes.CDLL, formats: tuple[Format, ...]) -> Scanner:
    return Scanner(library, detect(pl.Series(["x"]), formats), formats, None, ())


def _patterns(formats: tuple[Format, ...]) -> list[str]:
    return [pattern for one in formats for pattern in (*one.patterns, *filter(None, one.counted))]


@given(data=st.data())
@settings(
    max_examples=int(os.environ.get("SCAN_EXAMPLES", "15")),
    deadline=None,
    # Shrinking such input takes minutes; what differs is told by the frames.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_programs_find_what_the_patterns_find(library: ctypes.CDLL, data: st.DataObject) -> None:
    formats = load_formats()
    scanner = _scanner(library, formats)
    samples = [one.line for format_ in formats for one in format_.samples if "\n" not in one.line]
    text = data.draw(st.sampled_from(samples))
    for _ in range(data.draw(st.integers(0, 4))):  # change, cut out, put in
        at = data.draw(st.integers(0, len(text)))
        size = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.text(' a1:[]"-/é.\\{Z', max_size=3)) + text[at + size :]
    for pattern in _patterns(formats):
        _compare(scanner, pattern, text)


def test_programs_find_all_samples_of_all_formats(library: ctypes.CDLL) -> None:
    formats = load_formats()
    scanner = _scanner(library, formats)
    answers = [
        _compare(scanner, pattern, sample.line)
        for format_ in formats
        for sample in format_.samples
        for pattern in format_.patterns
        if "\n" not in sample.line
    ]
    assert sum(isinstance(one, dict) for one in answers) > 50
    assert answers.count(None) < len(answers) / 10


def _compare(scanner: Scanner, pattern: str, text: str) -> object:
    found = scanner.match(pattern, text)
    if found is None:
        return None
    expected = re.search(pattern, text)
    if expected is None:
        assert found is False, (pattern, text)
    else:
        groups = expected.groupdict()
        assert isinstance(found, dict), (pattern, text)
        assert found == {name: groups[name] for name in found}, (pattern, text)
    return found


def test_ordinary_lines_with_a_notable_text_are_handed_over_and_still_counted() -> None:
    lines = [f"{_iso(n / 4)} INFO shop.carts: cart {n} ready" for n in range(2000)]
    lines[700] = f"{_iso(175)} INFO shop.carts: pool is up"
    lines[900] = f"{_iso(225)} ERROR shop.carts: pool is up"
    lines[1999] = f"{_iso(499.75)} INFO shop.carts: end of pool"
    texts = ("pool is up", "end of pool")

    found, counted = both({"app.log": "\n".join(lines).encode()}, notable=texts)
    without, most = both({"app.log": "\n".join(lines).encode()}, notable=())

    assert found.notable["line_number"].to_list() == [701, 901, 2000]
    assert found.events["line_number"].to_list() == [901]
    assert without.notable.is_empty()
    assert found.rollup.sort(pl.all()).equals(without.rollup.sort(pl.all()))
    assert 1000 < counted < most
