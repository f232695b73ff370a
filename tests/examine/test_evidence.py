"""`analyze evidence verify`: what became of the samples of a report in the logs."""

import gzip
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingest.segments import segment_hash
from pipeline.model import Settings
from pipeline.orchestrate import analyze, verify_evidence
from tests.command import Run


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of the run and its logs that a test may change."""
    shutil.copytree(made, tmp_path / "made")
    return tmp_path / "made"


def log_of(folder: Path) -> Path:
    return next(path for path in (folder / "logs").iterdir() if path.name.startswith("api"))


def nothing(path: Path) -> None:
    """Leave the log as it is."""


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"one more line\n")


def renamed(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}.1"))
    path.write_text("2026-03-04T00:00:00Z INFO a new file\n", encoding="utf-8")


def packed(path: Path) -> None:
    path.with_name(f"{path.name}.1.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.write_bytes(b"")


def archived(path: Path) -> None:
    with tarfile.open(path.with_name("old.tar.gz"), "w:gz") as tar:
        tar.add(path, arcname="backup/api.log")
    path.unlink()


def shifted(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(b"2026-02-28T00:00:00Z INFO an older line was put in front\n" + data)


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    path.write_text("2026-03-04T00:00:00Z INFO a new file\n" * 100_000, encoding="utf-8")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def reworded(path: Path) -> None:
    data = path.read_bytes()
    for old, new in ((b"refused", b"REFUSED"), (b"shard 7", b"shard 8"), (b" 500 17", b" 500 18")):
        data = data.replace(old, new)
    path.write_bytes(data)


# What happened to the log, what then is said of its samples, and the exit status.
CASES: dict[Callable[[Path], None], tuple[str, str, int]] = {
    nothing: ("intact", "", 0),
    appended: ("intact", "", 0),
    renamed: ("moved", ".1", 0),
    packed: ("moved", ".1.gz", 0),
    archived: ("moved", "old.tar.gz!backup/api.log", 0),
    shifted: ("moved", "", 0),
    deleted: ("gone", "no file of that name", 4),
    replaced: ("gone", "rotated away", 4),
    emptied: ("gone", "", 4),
    reworded: ("altered", "other bytes", 1),
}


@pytest.mark.parametrize("happened", CASES, ids=lambda one: one.__name__)
def test_what_became_of_samples(copy: Path, run: Run, happened: Callable[[Path], None]) -> None:
    status, words, code = CASES[happened]
    happened(log_of(copy))

    shown = run("evidence", "verify", copy / "out", copy / "logs", "--json")

    checks = json.loads(shown.out)["checks"]
    assert {one["status"] for one in checks} == {status}
    assert all(words in (one["found_path"] or "") + one["detail"] for one in checks)
    assert shown.code == code


def test_one_altered_byte_is_named(copy: Path) -> None:
    sample = first_sample(copy)
    log = log_of(copy)
    data = bytearray(log.read_bytes())
    data[sample["byte_offset"] + sample["byte_length"] - 4] ^= 1
    log.write_bytes(data)

    found = verify_evidence(copy / "out", [str(copy / "logs")])
    altered = [one for one in found.checks if one.status == "altered"]
    assert [one.byte_offset for one in altered] == [sample["byte_offset"]]
    assert found.count("intact") == len(found.checks) - 1


def first_sample(folder: Path) -> dict[str, Any]:
    result = json.loads((folder / "out" / "result.json").read_text(encoding="utf-8"))
    return next(one for finding in result["findings"] for one in finding["samples"])


def test_the_hash_is_of_the_bytes_in_the_log(made: Path) -> None:
    result = json.loads((made / "out" / "result.json").read_text(encoding="utf-8"))
    samples = [one for finding in result["findings"] for one in finding["samples"]]

    assert samples
    for one in samples:
        data = Path(one["log_file_path"]).read_bytes()
        part = data[one["byte_offset"] : one["byte_offset"] + one["byte_length"]]
        assert segment_hash(part) == one["segment_hash"]


def test_compressed_logs_are_hashed_as_their_text(made: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for path in (made / "logs").iterdir():
        data = gzip.compress(path.read_bytes())
        (tmp_path / "logs" / f"{path.name}.gz").write_bytes(data)
    result = analyze([str(tmp_path / "logs")], Settings(baseline=("24h",)), out=tmp_path / "out")

    hashes = {one.segment_hash for finding in result.findings for one in finding.samples}
    assert None not in hashes
    assert hashes >= {first_sample(made)["segment_hash"]}
    assert verify_evidence(tmp_path / "out", []).count("intact") > 0


def test_standard_input_cannot_be_verified(made: Path, tmp_path: Path, run: Run) -> None:
    words = ["run", "-", "-o", str(tmp_path / "out"), "-q", "--baseline", "24h"]
    with log_of(made).open("rb") as file:
        subprocess.run([sys.executable, "-m", "pipeline", *words], stdin=file, check=False)

    shown = run("evidence", "verify", tmp_path / "out", made / "logs")

    assert shown.code == 4
    assert "unverifiable" in shown.out
    assert "standard input, which cannot be read again" in shown.out


def test_the_text_names_place_and_hash(made: Path, run: Run) -> None:
    sample = first_sample(made)
    shown = run("evidence", "verify", made / "out", "--color", "never")

    place = f":{sample['line_number']}@{sample['byte_offset']} #{str(sample['segment_hash'])[:12]}"
    assert "intact" in shown.out
    assert place[:10] in shown.out
    assert "\x1b" not in shown.out


def test_a_path_that_is_not_there_is_wrong_usage(made: Path, run: Run) -> None:
    shown = run("evidence", "verify", made / "out", "no-such-folder")

    assert (shown.code, shown.out) == (2, "")
    assert "no such file or folder" in shown.err
