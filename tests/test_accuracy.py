"""The accuracy command judges what was read: right is right, wrong is a miss with its place."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "accuracy.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are not installed")


def _run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "formats" / "fail2ban"
    folder.mkdir(parents=True)
    lines = ["2024-03-05 10:00:00 ERROR no such user", "2024-03-05 10:00:07 INFO user is there"]
    (folder / "app.log").write_text("\n".join(lines) + "\n")
    (folder / "truth_timestamps.csv").write_text(
        "file,line_no,time_local,year_in_line,utc_offset_in_line,host\n"
        "app.log,1,2024-03-05T10:00:00,yes,no,\n"
        "app.log,2,2024-05-03T10:00:07,yes,no,\n"
        "app.log,2,2019-01-01T00:00:00,no,no,\n"
    )
    (tmp_path / "MANIFEST.csv").write_text("path,lines\nformats/fail2ban/app.log,2\n")
    return tmp_path


def test_a_wrong_time_is_a_miss_with_its_line(logs: Path) -> None:
    status, text = _run(str(logs), "--only", "fail2ban", "--json", "--misses", "5")

    (row,) = json.loads(text)
    assert (status, row["right"], row["total"], row["holds"]) == (1, 1, 2, False)
    assert row["misses"] == [
        {
            "file": "formats/fail2ban/app.log",
            "line": 2,
            "expected": "2024-05-03T10:00:07",
            "got": "2024-03-05 10:00:07+00:00",
        }
    ]


def test_a_line_of_measures_is_chosen_by_its_number(logs: Path) -> None:
    status, text = _run(str(logs), "--only", "1")

    assert status == 0
    assert "conservation" in text
    assert "files read" in text
    assert "fail2ban" not in text


def test_without_the_logs_it_says_so(tmp_path: Path) -> None:
    assert _run(str(tmp_path)) == (
        2,
        f"no logs with a MANIFEST.csv at {tmp_path}: nothing was measured\n",
    )


@pytest.mark.slow
def test_every_target_holds_on_the_real_logs() -> None:
    if not (ROOT.parent / "shared" / "logs" / "MANIFEST.csv").is_file():
        pytest.skip("the real logs are not here")
    _, text = _run("--json", "--misses", "3")

    rows = json.loads(text)
    assert len(rows) > 25
    assert [row for row in rows if not row["holds"]] == []
