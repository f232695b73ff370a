"""Compressed sources: all that can be read of them is read, and why there is no more is said."""

import bz2
import gzip
import io
import lzma
import random
import zlib
from collections.abc import Callable, Iterator

import pytest
import zstandard

from pipeline.ingest import decompress
from pipeline.ingest.decompress import BrokenOff, Content, Span, compression_of, decompressed
from tests.ingest.support import read_files

_RANDOM = random.Random(20260302)
TEXT = "".join(
    f"2026-03-02 10:{n // 60:02}:{n % 60:02} {_RANDOM.randbytes(20).hex()}\n" for n in range(3000)
).encode()
HALF = TEXT.index(b"\n", len(TEXT) // 2) + 1


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": _zstd,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
packed = pytest.mark.parametrize("name", PACKERS)


class _Memory:
    """Bytes as a source that gives them in short reads."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    @property
    def consumed(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, 777))

    def skip_hole(self) -> int:
        return 0


def _unpacked(data: bytes) -> tuple[bytes, str | None]:
    """Return what *data* holds up to a break, and the reason of the break."""
    content = decompressed(_Memory(data), compression_of(data))
    got = b""
    try:
        while part := content.read1(10_000):
            assert len(part) <= 10_000
            got += part
    except BrokenOff as error:
        with pytest.raises(BrokenOff):  # it is not forgotten
            content.read1(1)
        return got, str(error)
    return got, None


@packed
def test_members_one_after_another_are_one_content(name: str) -> None:
    pack = PACKERS[name]
    assert _unpacked(pack(TEXT[:HALF]) + pack(b"") + pack(TEXT[HALF:])) == (TEXT, None)


@packed
def test_padding_with_nul_is_no_garbage(name: str) -> None:
    pack = PACKERS[name]
    assert _unpacked(pack(TEXT[:HALF]) + bytes(512)) == (TEXT[:HALF], None)


@packed
def test_garbage_after_the_end_is_told_and_costs_nothing(name: str) -> None:
    assert _unpacked(PACKERS[name](TEXT) + b"and so on") == (
        TEXT,
        f"what follows the compressed data is not {name}",
    )


@packed
@pytest.mark.parametrize("share", [0.003, 0.1, 0.5, 0.9, 0.9999])
def test_what_is_cut_off_gives_its_beginning_and_says_so(name: str, share: float) -> None:
    data = PACKERS[name](TEXT)
    got, reason = _unpacked(data[: max(int(len(data) * share), 4)] if share < 0.99 else data[:-1])
    assert TEXT.startswith(got)
    assert reason is not None
    # bzip2 gives nothing of a block that is not whole, zstd nothing of its 128 KiB.
    lost = {"bzip2": 900_000, "zstd": 131_072, "gzip": 40_000, "xz": 40_000}[name]
    assert len(got) >= min(share, 1) * len(TEXT) - lost


@packed
def test_a_wrong_checksum_costs_no_line(name: str) -> None:
    data = bytearray(PACKERS[name](TEXT))
    at = {"gzip": -8, "zstd": -1, "bzip2": -2, "xz": -50}[name]
    data[at] ^= 0x55
    got, reason = _unpacked(bytes(data))
    assert reason is not None
    assert "damaged" in reason
    assert len(got) >= (len(TEXT) - 131_072 if name in ("bzip2", "xz") else len(TEXT))


@packed
@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_never_raise_anything_else(name: str, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(PACKERS[name](TEXT[:50_000]))
    data[chance.randrange(4, len(data))] ^= 1 << chance.randrange(8)
    _unpacked(bytes(data))


def test_skippable_frames_of_zstd_are_passed_over() -> None:
    skippable = b"\x53\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    data = skippable + _zstd(TEXT[:HALF]) + skippable + _zstd(TEXT[HALF:]) + skippable
    assert _unpacked(data) == (TEXT, None)
    assert _unpacked(data[:-1]) == (TEXT, "the compressed data is cut off")


def _zstd_window(log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=log, enable_ldm=1)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(TEXT) + packer.flush()


def test_a_long_window_is_read_and_one_that_is_too_long_is_told() -> None:
    assert _unpacked(_zstd_window(27)) == (TEXT, None)
    got, reason = _unpacked(_zstd_window(28))
    assert got == b""
    assert "--long=27" in str(reason)


def test_a_dictionary_that_is_not_there_is_named() -> None:
    samples: list[bytes | bytearray | memoryview] = [
        f"line {n} of the log {n * n}\n".encode() * 3 for n in range(500)
    ]
    words = zstandard.train_dictionary(2000, samples)
    data = zstandard.ZstdCompressor(dict_data=words).compress(TEXT)
    assert _unpacked(data) == (b"", f"it needs the dictionary {words.dict_id()}")


def test_the_extra_field_of_a_gzip_header_is_no_content() -> None:
    plain = gzip.compress(TEXT)
    extra = b'{"timeFrom":"2026"}'
    header = plain[:3] + bytes([4]) + plain[4:10] + len(extra).to_bytes(2, "little") + extra
    assert _unpacked(header + plain[10:]) == (TEXT, None)


def test_the_old_form_of_xz_is_read() -> None:
    assert _unpacked(lzma.compress(TEXT, lzma.FORMAT_ALONE)) == (TEXT, None)


@pytest.mark.parametrize(
    "bomb",
    [
        zstandard.ZstdCompressor(level=19).compress(bytes(2**26)),
        gzip.compress(bytes(2**24)),
        bz2.compress(bytes(2**26)),
        lzma.compress(bytes(2**24)),
    ],
    ids=["zstd", "gzip", "bzip2", "xz"],
)
def test_no_call_gives_more_than_a_part(bomb: bytes) -> None:
    content = decompressed(_Memory(bomb), compression_of(bomb))
    while part := content.read1(2**40):
        assert len(part) <= decompress.PART_BYTES


def _zeros(consumed: int) -> tuple[Iterator[bytes], _Memory]:
    raw = _Memory(bytes(consumed))
    raw._file.seek(consumed)
    return iter([bytes(2**20)] * 3000), raw


def test_a_ratio_that_no_log_has_stops_a_file_once_it_is_large() -> None:
    parts, raw = _zeros(2**19)
    total = 0
    with pytest.raises(BrokenOff, match="2,000 times"):
        for part in decompress.limited(parts, raw):
            total += len(part)
    assert decompress.RATIO_FREE_BYTES - 2**20 <= total <= decompress.RATIO_FREE_BYTES


def test_what_a_file_and_a_run_may_become_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "MAX_FILE_BYTES", 1_000_000)
    run = decompress.Budget.of(2_500_000)
    packed_text = gzip.compress(bytes(900_000))
    for is_last in (False, False, True):
        content = decompressed(_Memory(packed_text), "gzip", run)
        size = 0
        try:
            while part := content.read1(2**16):
                size += len(part)
        except BrokenOff as error:
            assert is_last
            assert "2,500,000" in str(error)
        assert (size < 900_000) == is_last
    too_large = gzip.compress(bytes(1_100_000))
    assert "1,000,000" in str(_unpacked(too_large)[1])


@packed
def test_content_decides_and_not_the_name(name: str) -> None:
    read = read_files(
        {
            "packed.log": PACKERS[name](TEXT[:HALF]),
            "plain.log.gz": TEXT[HALF:],
        }
    )
    assert read.ledger["error"].null_count() == 2
    assert read.ledger["byte_count"].sum() == len(TEXT)
    assert read.events.height == 3000


@packed
def test_a_file_that_breaks_off_is_in_the_ledger_with_all_that_it_gave(name: str) -> None:
    data = PACKERS[name](TEXT) + PACKERS[name](TEXT)
    broken, fine = f"a-{name}.log", "b.log"
    read = read_files({broken: data[:-20], fine: TEXT[:HALF]})
    ledger = read.ledger.row(0, named=True)
    assert ledger["error"].startswith(f"broke off after {ledger['byte_count']:,} bytes: ")
    assert ledger["byte_count"] >= len(TEXT)
    assert ledger["line_count"] == ledger["event_count"]
    assert read.ledger["byte_count"][1] == HALF


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(gzip.compress(TEXT)), "compressed twice (gzip, gzip)"),
        (gzip.compress(_zstd(TEXT)), "compressed twice (gzip, zstd)"),
        (b"\x1f\x8b", "not a readable gzip file"),
        (b"\x1f\x8b\x08\x00broken", "not a readable gzip file"),
        (b"\x28\xb5\x2f\xfd\x04", "not a readable zstd file"),
        (b"\xfd7zXZ\x00", "not a readable xz file"),
        (b"\x04\x22\x4d\x18rest", "lz4"),
        (zlib.compress(TEXT)[:5000], "binary"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    ledger = read_files({"app.log": content}).ledger.row(0, named=True)
    assert reason in ledger["error"]
    assert ledger["line_count"] == 0


def test_an_empty_archive_is_an_empty_log() -> None:
    ledger = read_files({"app.log": gzip.compress(b"")}).ledger.row(0, named=True)
    assert (ledger["line_count"], ledger["error"]) == (0, None)


def test_a_plain_file_is_not_limited_by_what_bombs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "MAX_FILE_BYTES", 1000)
    assert read_files({"app.log": TEXT}).ledger["byte_count"].item() == len(TEXT)


def test_content_is_what_a_span_of_a_file_holds(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("span") / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        content = Content(Span(file.fileno(), 2, 8))
        assert (content.read1(4), content.read1(4), content.read1(4)) == (b"2345", b"67", b"")
        shrunk = Content(Span(file.fileno(), 8, 12))
        assert shrunk.read1(9) == b"89"
        with pytest.raises(BrokenOff, match="2 bytes shorter"):
            shrunk.read1(9)
