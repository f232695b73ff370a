"""Files that go, come late, come twice or come back between runs: each line counts once."""

import gzip
import shutil
from pathlib import Path

import pytest

from tests.store.plant import Service, contents, ingest
from tests.store.test_rotation import assert_same

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path: Path) -> Service:
    (tmp_path / "logs").mkdir()
    one = Service(tmp_path / "logs", "orders", "plain", 8)
    one.log(0)
    return one


def counts(kept: Path) -> tuple[int, int]:
    """Return the events and the lines that count in a store."""
    found = contents(kept)
    return int(found["hourly"]["event_count"].sum()), int(found["ledger"]["line_count"].sum())


def test_what_was_removed_stays_counted_and_what_comes_back_counts_once(
    service: Service, tmp_path: Path
) -> None:
    logs, kept = tmp_path / "logs", tmp_path / "kept"
    ingest(logs, kept)
    before = counts(kept)
    aside = service.path.rename(tmp_path / "aside.log")
    other = Service(logs, "mail", "plain", 2)
    other.log(0)
    ingest(logs, kept)
    without = counts(kept)
    aside.rename(service.path)
    service.log(1)
    ingest(logs, kept)
    ingest(logs, tmp_path / "once")

    assert without == (before[0] + 2, without[1])
    assert counts(kept) == counts(tmp_path / "once")
    assert_same(kept, tmp_path / "once", but=("templates",))


def test_a_copy_counts_once_also_when_it_is_longer(service: Service, tmp_path: Path) -> None:
    logs, kept = tmp_path / "logs", tmp_path / "kept"
    ingest(logs, kept)
    (logs / "backup").mkdir()
    shutil.copy(service.path, logs / "backup" / "orders.log")
    (logs / "orders.log.9.gz").write_bytes(gzip.compress(service.path.read_bytes()))
    before = counts(kept)

    ingest(logs, kept)
    same = counts(kept)
    service.log(1)
    shutil.copy(service.path, logs / "backup" / "orders.log")
    service.path.unlink()
    ingest(logs, kept)

    assert same == before
    ingest(logs / "backup", tmp_path / "once")
    assert counts(kept) == counts(tmp_path / "once")


@pytest.mark.parametrize("is_long_first", [True, False])
def test_a_half_copy_and_the_whole_of_a_rotated_file(
    service: Service, tmp_path: Path, is_long_first: bool
) -> None:
    logs = tmp_path / "logs"
    whole = service.path.read_bytes()
    half = whole[: whole.index(b"\n", len(whole) // 2) + 1]
    service.path.unlink()
    (logs / "orders.log.1").write_bytes(whole if is_long_first else half)
    (logs / "orders.log.1.gz").write_bytes(gzip.compress(half if is_long_first else whole))
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "orders.log.1").write_bytes(whole)

    ingest(logs, tmp_path / "kept")
    ingest(tmp_path / "alone", tmp_path / "once")

    assert counts(tmp_path / "kept") == counts(tmp_path / "once")


def test_a_file_that_comes_late_goes_to_its_hours(service: Service, tmp_path: Path) -> None:
    logs, kept = tmp_path / "logs", tmp_path / "kept"
    late = service.path.rename(tmp_path / "late.log")
    service.log(1)
    ingest(logs, kept)
    late.rename(logs / "orders.log.1")

    ingest(logs, kept)
    ingest(logs, tmp_path / "once")

    assert_same(kept, tmp_path / "once")


def test_equal_lines_of_two_services_are_not_copies(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("orders", "mail"):
        lines = "2026-03-02T10:00:00Z ERROR boom\n" * 100
        (logs / f"{name}.log").write_text(lines, encoding="utf-8")

    ingest(logs, tmp_path / "kept")

    assert counts(tmp_path / "kept") == (200, 200)


def test_a_document_that_grows_is_read_anew(tmp_path: Path) -> None:
    logs, kept = tmp_path / "logs", tmp_path / "kept"
    logs.mkdir()
    record = '{"timestamp": "2026-03-02T10:0%d:00Z", "level": "error", "message": "boom %d"}'
    for length in (3, 5):
        body = ",\n".join(record % (number, number) for number in range(length))
        (logs / "export.json").write_text(f"[\n{body}\n]\n", encoding="utf-8")
        ingest(logs, kept)
    ingest(logs, tmp_path / "once")

    assert counts(kept)[0] == 5
    assert_same(kept, tmp_path / "once", but=("templates",))


def test_what_was_open_counts_as_it_was_where_it_cannot_be_read_again(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, kept = tmp_path / "logs", tmp_path / "kept"
    ingest(logs, kept)
    service.log(1)
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.ingest.reader.read_stretch", lambda *_: None)
        ingest(logs, kept)
    ingest(logs, tmp_path / "once")

    assert counts(kept) == counts(tmp_path / "once")
