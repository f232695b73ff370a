"""Archives: each member is a source, nothing is extracted, and what is left out is said."""

import gzip
import io
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest
import zstandard

from pipeline.ingest import archives, find_streams
from pipeline.ingest.lines import Reading, read_lines
from tests.ingest.support import Read, read_files, read_paths, read_text


def _lines(first: int, last: int) -> bytes:
    return "".join(f"2026-03-02 10:{n:02}:00 number {n}\n" for n in range(first, last)).encode()


Members = Iterable[tuple[str | tarfile.TarInfo, bytes]]


def make_tar(members: Members, format_: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format_) as tar:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def make_zip(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members:
            assert isinstance(name, str)
            archive.writestr(name, content)
    return packed.getvalue()


LOGS: list[tuple[str | tarfile.TarInfo, bytes]] = [
    ("var/api.log", _lines(4, 6)),
    ("var/api.log.1", _lines(2, 4)),
    ("var/api.log.2.gz", gzip.compress(_lines(0, 2))),
    ("var/worker.log", "2026-03-02 10:00:00 caf\u00e9\n".encode("utf-16")),
]
PACKED: dict[str, bytes] = {
    "logs.tar": make_tar(LOGS),
    "logs.tar.gz": gzip.compress(make_tar(LOGS)),
    "logs.tgz": gzip.compress(make_tar(LOGS, tarfile.USTAR_FORMAT)),
    "logs.tar.zst": zstandard.ZstdCompressor().compress(make_tar(LOGS, tarfile.GNU_FORMAT)),
    "download.bin": make_tar(LOGS),
    "logs.zip": make_zip(LOGS),
    "stored.zip": make_zip(LOGS, zipfile.ZIP_STORED),
    "bzip2.zip": make_zip(LOGS, zipfile.ZIP_BZIP2),
}


@pytest.mark.parametrize("name", PACKED)
def test_members_are_sources_and_rotated_ones_one_stream(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(PACKED[name])
    read = read_paths(tmp_path / name)
    paths = [path.removeprefix(f"{tmp_path / name}!") for path in read.ledger["log_file_path"]]
    assert paths == ["var/api.log", "var/api.log.1", "var/api.log.2.gz", "var/worker.log"]
    assert read.ledger["error"].null_count() == 4
    assert read.ledger["line_count"].to_list() == [2, 2, 2, 1]
    assert set(read.events["service_name"]) == {"api", "worker"}
    streams = find_streams([str(tmp_path / name)])
    assert [len(stream.sources) for stream in streams] == [3, 1]
    ordered = [Path(source.path).name for source in streams[0].sources]
    assert ordered == ["api.log.2.gz", "api.log.1", "api.log"]
    bodies = read.events.filter(pl.col("service_name") == "api").sort("timestamp")["body"]
    assert bodies.to_list() == [f"number {n}" for n in range(6)]


def test_a_member_gives_the_same_events_as_the_file() -> None:
    text = "2026-03-02 10:00:00 ERROR lost\nTraceback (most recent call last):\nKeyError: 4\n"
    alone = read_text(text)
    packed = read_files({"a.tar.gz": gzip.compress(make_tar([("app.log", text.encode())]))})
    assert packed.events.drop("log_file_path").equals(alone.events.drop("log_file_path"))


def test_two_archives_that_are_read_in_turn_keep_their_own_members(tmp_path: Path) -> None:
    for number in (1, 2):
        name = tmp_path / f"host{number}.tar.gz"
        name.write_bytes(gzip.compress(make_tar([("app.log", _lines(number, number + 1))])))
    streams = find_streams([str(tmp_path)])
    assert len(streams) == 2
    assert read_paths(tmp_path).events["body"].to_list() == ["number 1", "number 2"]


HOSTILE = ["../../etc/passwd", "/etc/shadow", "a/../../b.log", "..\\..\\windows.log", "C:\\x.log"]


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_names_are_labels_and_lead_nowhere(make: Callable[[Members], bytes]) -> None:
    read = read_files({"a.arc": make([(name, _lines(0, 1)) for name in HOSTILE])})
    assert read.events.height == len(HOSTILE)
    labels = [path.split("!", 1)[1] for path in read.ledger["log_file_path"]]
    assert sorted(labels) == ["C:/x.log", "a/b.log", "etc/passwd", "etc/shadow", "windows.log"]


def test_a_name_that_occurs_twice_is_two_sources() -> None:
    read = read_files({"a.tar": make_tar([("x.log", _lines(0, 1)), ("x.log", _lines(1, 2))])})
    ends = [path.rpartition("!")[2] for path in read.ledger["log_file_path"]]
    assert ends == ["x.log", "x.log#2"]
    assert read.events.height == 2


def test_odd_bytes_in_names_are_shown_as_escapes() -> None:
    name = b"caf\xe9\nlog".decode("utf-8", "surrogateescape")
    read = read_files({"a.tar": make_tar([(name, _lines(0, 1))], tarfile.GNU_FORMAT)})
    assert read.ledger["log_file_path"].item().endswith("!caf\\xe9\\nlog")


def _special(name: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = "/etc/shadow"
    return info, b""


def test_links_and_devices_are_left_out_and_said() -> None:
    members: Members = [
        ("app.log", _lines(0, 1)),
        _special("link.log", tarfile.SYMTYPE),
        _special("hard.log", tarfile.LNKTYPE),
        _special("pipe.log", tarfile.FIFOTYPE),
        _special("folder", tarfile.DIRTYPE),
        ("._app.log", b"\0\5\x16\7" * 20),
        (".cache/x.log", _lines(0, 1)),
    ]
    read = read_files({"a.tar": make_tar(members)})
    notes = {path.rpartition("/")[2]: notes for path, notes in _notes(read)}
    assert notes == {"a.tar": ["2 links in it not read", "1 special file in it not read"],
                     "a.tar!app.log": []}  # fmt: skip
    assert read.ledger["error"].null_count() == 2
    assert read.events.height == 1


def _notes(read: Read) -> list[tuple[str, list[str]]]:
    return read.ledger.select("log_file_path", "notes").rows()


def test_what_is_no_log_in_an_archive_has_its_reason() -> None:
    inner = make_tar([("deep.log", _lines(0, 1))])
    members: Members = [
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("b.tar", inner),
        ("c.tar.gz", gzip.compress(inner)),
        ("d.zip", make_zip([("deep.log", _lines(0, 1))])),
        ("e.gz", gzip.compress(gzip.compress(_lines(0, 1)))),
        ("f.log", _lines(0, 1)),
    ]
    read = read_files({"a.tar": make_tar(members)})
    errors = dict(read.ledger.select(pl.col("log_file_path").str.tail(5), "error").rows())
    assert "PNG" in errors["a.png"]
    assert {errors[n] for n in ("b.tar", "ar.gz")} == {"not read: a tar archive in an archive"}
    assert errors["d.zip"] == "not read: a zip archive in an archive"
    assert "compressed twice" in errors["!e.gz"]
    assert errors["f.log"] is None
    assert read.events.height == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.9])
def test_a_tar_that_is_cut_off_gives_what_it_has(
    pack: Callable[[bytes], bytes], share: float
) -> None:
    members: Members = [(f"{n}.log", _lines(0, 50) * 20) for n in range(5)]
    data = pack(make_tar(members))
    read = read_files({"a.tar": data[: int(len(data) * share)]})
    assert read.ledger["line_count"].sum() > 1000 * int(share * 5) - 1000
    assert read.ledger["error"].drop_nulls().len() >= 1
    errors = " ".join(read.ledger["error"].drop_nulls())
    assert "cut off" in errors or "damaged" in errors or "unexpected end" in errors


def test_a_damaged_header_does_not_end_a_tar_silently() -> None:
    data = bytearray(make_tar([(f"{n}.log", _lines(0, 1)) for n in range(4)]))
    data[2 * 1024 + 150] ^= 1  # a header and a block each
    read = read_files({"a.tar": bytes(data)})
    errors = dict(read.ledger.select(pl.col("log_file_path").str.tail(5), "error").rows())
    assert "no header at byte 2,048" in errors["a.tar"]
    assert read.events.height == 2


def test_a_header_that_claims_gigabytes_is_not_read_into_memory() -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.XHDTYPE
    info.size = 3 * 2**30
    head = info.tobuf(tarfile.USTAR_FORMAT)
    good = make_tar([("app.log", _lines(0, 1))])
    read = read_files({"a.tar": good[:-10240 + 1024] + head + bytes(1024)})  # fmt: skip
    assert "claims" in " ".join(read.ledger["error"].drop_nulls())


def test_members_and_no_more_than_the_limit_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    read = read_files({"a.tar": make_tar([(f"{n}.log", _lines(0, 1)) for n in range(5)])})
    assert read.events.height == 3
    assert "only the first 3" in " ".join(read.ledger["error"].drop_nulls())


def test_a_zip_member_that_is_damaged_gives_its_lines_and_the_reason() -> None:
    content = _lines(0, 50) * 100
    data = bytearray(make_zip([("a.log", content), ("b.log", _lines(0, 1))]))
    at = data.index(b"PK\x01\x02")
    data[at + 16] ^= 1  # its checksum in the directory
    read = read_files({"x.zip": bytes(data)})
    rows = read.ledger.select("line_count", "error").rows()
    assert rows[0][0] == 5000
    assert "checksum" in rows[0][1]
    assert rows[1] == (1, None)


def test_encrypted_members_are_left_out_and_said() -> None:
    data = bytearray(make_zip([("a.log", _lines(0, 1)), ("b.log", _lines(0, 1))]))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    read = read_files({"x.zip": bytes(data)})
    assert ["1 encrypted file in it not read"] in [notes for _, notes in _notes(read)]
    assert read.events.height == 1


def test_a_zip_that_claims_more_than_it_holds_is_read_to_its_end() -> None:
    data = bytearray(make_zip([("a.log", _lines(0, 59) * 9)], zipfile.ZIP_STORED))
    at = data.index(b"PK\x01\x02")
    data[at + 20 : at + 28] = struct.pack("<II", 2**31, 2**31)
    ledger = read_files({"x.zip": bytes(data)}).ledger.row(0, named=True)
    assert ledger["line_count"] >= 59 * 9
    assert "cut off" in ledger["error"]


def test_many_members_that_share_their_bytes_stop_at_the_limit_of_one_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 1_000_000)
    content = _lines(0, 50) * 250
    read = read_files({"x.zip": make_zip([(f"{n}.log", content) for n in range(6)])})
    assert read.ledger["byte_count"].sum() <= 1_000_000
    assert "stopped" in " ".join(read.ledger["error"].drop_nulls())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (make_tar([]), "0"),
        (make_zip([]), "an archive without files"),
        (b"PK\x03\x04" + bytes(100), "damaged"),
    ],
)
def test_an_archive_without_members_has_a_row(content: bytes, words: str) -> None:
    ledger = read_files({"x.bin": content}).ledger.row(0, named=True)
    assert ledger["event_count"] == 0
    said = f"{ledger['error']} {ledger['notes']} {ledger['event_count']}"
    assert words in said


@pytest.mark.parametrize("name", ["logs.tar", "logs.zip"])
def test_damage_anywhere_never_raises_anything_else(name: str, tmp_path: Path) -> None:
    chance = random.Random(name)
    path = tmp_path / "x"
    for _ in range(150):
        data = bytearray(PACKED[name])
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data[: chance.randrange(len(data) // 2, len(data))])
        for stream in find_streams([str(path)]):
            for source in stream.sources:
                reading = Reading()
                if source.error is None:
                    for frame in read_lines(source, reading):
                        assert frame.height
