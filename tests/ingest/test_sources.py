"""Finding sources: links, pipes, odd names, files that move, grow, shrink or vanish meanwhile."""

import io
import os
import socket
import sys
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import UsageError
from pipeline.ingest import find_streams
from pipeline.ingest import sources as sources_module
from pipeline.ingest.lines import Reading, read_lines
from pipeline.ingest.sources import Source, rotation_key, settled, shown
from tests.ingest.support import read_files, read_paths

LINE = "2026-03-02 10:00:00 one\n"


def _sources(*paths: Path | str, follows_outside: bool = False) -> list[Source]:
    streams = find_streams([str(path) for path in paths], follows_outside=follows_outside)
    return [source for stream in streams for source in stream.sources]


def _lines(source: Source, block_bytes: int = 64) -> tuple[list[str], Reading]:
    reading = Reading()
    frames = list(read_lines(source, reading, block_bytes))
    return [line for frame in frames for line in frame["line"]], reading


def _errors(*paths: Path | str) -> dict[str, str | None]:
    return {Path(source.path).name: source.error for source in _sources(*paths)}


# ---- what is no regular file ----------------------------------------------------------------


def test_pipes_sockets_and_devices_are_told_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    os.mkfifo("pipe.log")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.log")
        Path("app.log").write_text(LINE)
        errors = _errors(".", "/dev/zero", "/dev/null")
    assert errors.pop("app.log") is None
    assert set(errors) == {"pipe.log", "socket.log", "zero", "null"}
    assert {error for error in errors.values() if error} == {"cannot be read: not a regular file"}


def test_a_folder_with_the_name_of_a_log_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.log").mkdir()
    (tmp_path / "x.log" / "y.log").write_text(LINE)
    assert [Path(one.path).name for one in _sources(tmp_path)] == ["y.log"]


# ---- links ----------------------------------------------------------------------------------


def test_loops_of_links_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "a" / "app.log").write_text(LINE)
    errors = _errors(tmp_path)
    assert errors.pop("app.log") is None
    assert set(errors) == {"one", "two"}
    assert all("cannot be read" in str(error) for error in errors.values())


def test_links_that_lead_out_are_followed_only_when_asked(tmp_path: Path) -> None:
    inside, outside = tmp_path / "logs", tmp_path / "else"
    for folder in (inside, outside, outside / "deep"):
        folder.mkdir()
    (outside / "secret.log").write_text(LINE)
    (outside / "deep" / "more.log").write_text(LINE)
    (inside / "file.log").symlink_to(outside / "secret.log")
    (inside / "folder").symlink_to(outside / "deep")
    (inside / "own.log").write_text(LINE)
    errors = _errors(inside)
    assert errors["own.log"] is None
    assert "--follow-outside" in str(errors["file.log"])
    assert "--follow-outside" in str(errors["folder"])
    followed = _sources(inside, follows_outside=True)
    assert sorted(Path(one.path).name for one in followed) == ["file.log", "more.log", "own.log"]
    # A link that is named is meant, and one whose target is named as well is an alias.
    assert [one.error for one in _sources(inside / "file.log")] == [None]
    both = _sources(inside, outside)
    assert [one.error for one in both] == [None, None, None]


def test_a_file_is_read_once_and_its_other_names_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.log").write_text(LINE)
    (tmp_path / "a.log").hardlink_to(tmp_path / "b.log")
    (tmp_path / "c.log").symlink_to("b.log")
    names: list[Path | str] = [
        tmp_path,
        tmp_path / "b.log",
        f"{tmp_path}/./b.log",
        f"{tmp_path}/*.log",
    ]
    (only,) = _sources(*names)
    assert Path(only.path).name == "a.log"
    assert only.notes == (f"the same file as {tmp_path}/b.log, {tmp_path}/c.log",)
    assert read_paths(*names).ledger["notes"].to_list() == [list(only.notes)]


# ---- folders --------------------------------------------------------------------------------


def test_hidden_files_and_other_results_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".hidden.log").write_text(LINE)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.log").write_text(LINE)
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / ".aftershock").touch()
    (tmp_path / "analysis" / "result.json").write_text("{}")
    (tmp_path / "app.log").write_text(LINE)
    assert [Path(one.path).name for one in _sources(tmp_path)] == ["app.log"]
    assert [one.error for one in _sources(tmp_path / ".hidden.log")] == [None]


def test_a_folder_that_is_too_deep_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources_module, "MAX_FOLDER_DEPTH", 3)
    folder = tmp_path
    for number in range(5):
        folder = folder / f"f{number}"
        folder.mkdir()
        (folder / f"{number}.log").write_text(LINE)
    errors = _errors(tmp_path)
    assert [name for name, error in errors.items() if error is None] == ["0.log", "1.log", "2.log"]
    assert "more than 3 folders deep" in str(errors["f3"])


def test_more_files_than_one_run_reads_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_module, "MAX_FILE_COUNT", 3)
    for number in range(4):
        (tmp_path / f"{number}.log").touch()
    with pytest.raises(UsageError, match="more than the 3 files"):
        find_streams([str(tmp_path)])


def test_globs_are_expanded_and_names_with_their_characters_are_not(tmp_path: Path) -> None:
    for name in ("a1.log", "a[1].log", "q?.log", "qx.log", "deep"):
        if name == "deep":
            (tmp_path / name).mkdir()
            (tmp_path / name / "z.log").write_text(LINE)
        else:
            (tmp_path / name).write_text(LINE)
    assert list(_errors(tmp_path / "a[1].log")) == ["a[1].log"]
    assert list(_errors(tmp_path / "q?.log")) == ["q?.log"]
    assert list(_errors(tmp_path / "a*.log")) == ["a1.log", "a[1].log"]
    assert list(_errors(f"{tmp_path}/**/z.log")) == ["z.log"]


# ---- names ----------------------------------------------------------------------------------

ODD_NAMES = [
    b"quote'\".log", b"new\nline.log", b"-rf", b"%s {0} {{x}}", b"a b.log", b"x" * 251 + b".log",
    "\u202egol.\u05d0".encode(), b"caf\xe9.log", b"esc\x1b[31m.log", b"back\\slash.log",
    b"semi;colon--.log", b"a!b.log",
]  # fmt: skip


def test_odd_names_are_read_each_with_its_own_lines(tmp_path: Path) -> None:
    for number, name in enumerate(ODD_NAMES):
        path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118  # bytes are no Path
        with open(path, "w") as file:  # noqa: PTH123
            file.write(f"2026-03-02 10:00:00 number {number}\n")
    read = read_paths(tmp_path)
    found = {
        path.removeprefix(f"{tmp_path}/"): body
        for path, body in read.events.select("log_file_path", "body").rows()
    }
    expected = {shown(os.fsdecode(name)): f"number {n}" for n, name in enumerate(ODD_NAMES)}
    assert found == expected
    assert all(char.isprintable() or char == "\u202e" for name in found for char in name)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["x.log", "x.log.1", "x.log.10", "x.log.2"], ["x.log.10", "x.log.2", "x.log.1", "x.log"]),
        (["x.log", "x.log-20240501.gz", "x.log-20240430"], None),
        (["0.log", "0.log.20240501-101010.gz", "0.log.20240501-091010"], None),
    ],
)
def test_rotated_files_are_in_the_order_in_which_they_were_written(
    names: list[str], order: list[str] | None
) -> None:
    expected = order or [names[2], names[1], names[0]]
    assert sorted(names, key=lambda name: rotation_key(name)[1]) == expected
    assert len({rotation_key(name)[0] for name in names}) == 1


# ---- files that change ----------------------------------------------------------------------


def test_a_file_that_grows_is_read_to_the_size_that_it_had(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(LINE * 10)
    (source,) = _sources(path)
    reading = Reading()
    blocks = read_lines(source, reading, 64)
    next(blocks)
    with path.open("a") as file:
        file.write(LINE * 1000)
    for _ in blocks:
        pass
    assert (reading.line_count, reading.error) == (10, None)


def test_a_file_that_shrinks_ends_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(LINE * 1000)
    (source,) = _sources(path)
    reading = Reading()
    blocks = read_lines(source, reading, 64)
    first = next(blocks)
    os.truncate(path, 0)
    rest = sum(frame.height for frame in blocks)
    assert reading.line_count == first.height + rest < 1000
    assert "shorter while it was read" in str(reading.error)


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(LINE)
    (source,) = _sources(path)
    path.unlink()
    lines, reading = _lines(source)
    assert lines == []
    assert "removed" in str(reading.error)


def test_rotation_between_finding_and_reading_changes_nothing(tmp_path: Path) -> None:
    for name, text in (("x.log", "new"), ("x.log.1", "older")):
        (tmp_path / name).write_text(f"2026-03-02 10:00:00 {text}\n")
    found = _sources(tmp_path)
    (tmp_path / "x.log.1").rename(tmp_path / "x.log.2")
    (tmp_path / "x.log").rename(tmp_path / "x.log.1")
    (tmp_path / "x.log").write_text("2026-03-02 10:00:00 newest\n")
    texts = [line.split()[-1] for source in found for line in _lines(source)[0]]
    assert texts == ["older", "new"]


def test_another_file_under_the_same_name_is_not_taken_for_it(tmp_path: Path) -> None:
    path, other = tmp_path / "app.log", tmp_path / "other"
    path.write_text(LINE)
    (source,) = _sources(path)
    other.write_text("something else\n")
    os.replace(other, path)  # noqa: PTH105
    lines, reading = _lines(source)
    assert lines == []
    assert "another file took its place" in str(reading.error)


def test_an_error_in_reading_ends_only_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.log").write_text(LINE * 3)
    (tmp_path / "b.log").write_text(LINE)
    real, bad = os.pread, (tmp_path / "a.log").stat().st_ino

    def failing(descriptor: int, size: int, at: int) -> bytes:
        if os.fstat(descriptor).st_ino == bad and at > 0:
            raise OSError(5, "Input/output error")
        return real(descriptor, min(size, 24), at)

    streams = find_streams([str(tmp_path)])
    monkeypatch.setattr(os, "pread", failing)
    (first,), (second,) = (stream.sources for stream in streams)
    lines, reading = _lines(first)
    assert lines == [LINE.strip()]
    assert reading.error == "broke off after 24 bytes: Input/output error"
    assert _lines(second)[0] == [LINE.strip()]


# ---- what is no log -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (Path(sys.executable).read_bytes()[:50_000], "an executable"),
        (b"SQLite format 3\x00" + bytes(100), "a SQLite database"),
        (b"GIF89a" + bytes(range(256)), "a GIF image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "a PNG image"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "7z"),
        (bytes(range(256)) * 50, "binary content (00 01 02"),
        (os.urandom(1) + b"\x01\x02\x03" * 2000, "binary content"),
    ],
)
def test_what_is_no_log_is_skipped_with_its_reason(content: bytes, reason: str) -> None:
    read = read_files({"x.log": content, "y.log": LINE.encode()})
    errors = dict(read.ledger.select(pl.col("log_file_path").str.tail(5), "error").rows())
    assert reason in errors["x.log"]
    assert errors["y.log"] is None


def test_text_that_turns_binary_is_read_to_its_end() -> None:
    content = LINE.encode() * 400 + os.urandom(9600)
    ledger = read_files({"x.log": content}).ledger.row(0, named=True)
    assert ledger["error"] is None
    assert ledger["byte_count"] == len(content)


def test_a_given_encoding_reads_what_looks_binary() -> None:
    content = (b"\x01\x02" + LINE.encode()) * 10
    assert read_files({"x.log": bytes(content)}).ledger["error"].null_count() == 1
    dense = b"\x01\x02\x03\x04a\n" * 100
    assert "binary" in read_files({"x.log": dense}).ledger["error"].item()
    forced = read_files({"x.log": dense}, input_encoding="utf-8")
    assert forced.ledger["line_count"].item() == 100


# ---- standard input -------------------------------------------------------------------------


class _Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("name", ["plain", "gzip", "utf-16"])
def test_standard_input_is_looked_at_as_a_file_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    text = "".join(f"2026-03-02 10:00:00 number {number}\n" for number in range(20_000))
    content = {
        "plain": text.encode(),
        "gzip": gzip.compress(text.encode()),
        "utf-16": text.encode("utf-16"),
    }[name]
    monkeypatch.setattr(sys, "stdin", _Stdin(content))
    (stream,) = find_streams(["-"])
    lines, reading = _lines(settled(stream).sources[0], 10_000)
    assert lines == text.splitlines()
    assert reading.error is None
