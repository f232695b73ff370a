"""The same logs give the same bytes: with one thread or more, in any order, in any environment."""

import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
EPOCH = str(int((BEGIN + timedelta(days=1)).timestamp()))
FORMATS = "html,md,json,junit,csv"

# What must not matter: threads (of polars by its variable, of DuckDB by the processors there are),
# the seed of Python's hashes, zone and language.
ONE = {"POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C"}
TWO = {"POLARS_MAX_THREADS": "2", "PYTHONHASHSEED": "2", "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def write_logs(folder: Path, names: list[str], hours: int = 16) -> None:
    """Write the logs of some services; the order of *names* is that in which files come to be."""
    folder.mkdir(parents=True)
    for name in names:
        draw = random.Random(name)  # the same logs each time
        lines = []
        for minute in range(hours * 60):
            stamp = f"{BEGIN + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
            is_late = minute > 0.8 * hours * 60
            lines.append(f"{stamp} INFO request {draw.randrange(10**6)} done")
            if draw.random() < (0.5 if is_late else 0.05):
                lines += [
                    f"{stamp} ERROR order {draw.randrange(10**6)} failed: password=x{minute}",
                    "Traceback (most recent call last):",
                    f'  File "/srv/{name}/app.py", line {draw.choice((7, 8))}, in run',
                    f"{draw.choice(('ValueError', 'KeyError', 'OSError'))}: no item {minute}",
                ]
            if is_late and draw.random() < 0.3:
                lines.append(f"{stamp} WARN pool of {name} is full")
        path = folder / f"{name}.log"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        stamp_seconds = (BEGIN + timedelta(hours=hours)).timestamp()
        os.utime(path, (stamp_seconds, stamp_seconds))


def analyze(folder: Path, *arguments: str, threads: int, **environment: str) -> dict[str, bytes]:
    """Run the command in *folder*, on so many processors; return every file that it wrote."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}
    processors = sorted(os.sched_getaffinity(0))[:threads]
    code = (
        f"import os, runpy, sys; os.sched_setaffinity(0, {processors}); "
        f"sys.path.append({str(ROOT)!r}); runpy.run_module('pipeline', run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments, "-o", "out", "--format", FORMATS, "-q"],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def assert_same(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert list(one) == list(other)
    assert [name for name in one if one[name] != other[name]] == []
    assert {"report.html", "report.md", "result.json", "junit.xml", "findings.csv"} <= one.keys()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be chosen")
def test_threads_order_and_environment_do_not_matter(tmp_path: Path) -> None:
    write_logs(tmp_path / "a" / "logs", ["api", "mail", "worker"])
    write_logs(tmp_path / "b" / "logs", ["worker", "api", "mail"])
    files = ["logs/api.log", "logs/mail.log", "logs/worker.log"]

    one = analyze(tmp_path / "a", *files, threads=1, SOURCE_DATE_EPOCH=EPOCH, **ONE)
    two = analyze(tmp_path / "b", *files[::-1], "--now", f"@{EPOCH}", threads=2, **TWO)

    assert_same(one, two)
    assert b"2026-03-02T00:00:00Z" in one["result.json"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be chosen")
@pytest.mark.parametrize("scanner", ["on", "off"])
def test_a_folder_with_a_baseline_gives_the_same_bytes(tmp_path: Path, scanner: str) -> None:
    names = [f"service-{number}" for number in range(12)]
    for at, folder in enumerate(("a", "b")):
        shuffled = random.Random(at).sample(names, len(names))
        write_logs(tmp_path / folder / "logs", shuffled, hours=30)
    asked = ("logs", "--baseline", "24h", "--now", f"@{EPOCH}")

    one = analyze(tmp_path / "a", *asked, threads=1, AFTERSHOCK_SCANNER=scanner, **ONE)
    two = analyze(tmp_path / "b", *asked, threads=2, AFTERSHOCK_SCANNER=scanner, **TWO)

    assert_same(one, two)
