"""Every command of every page runs as it stands there, in the order of its page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The tutorial has a test that also compares what is printed.
PAGES = [ROOT / "README.md", *sorted(set(ROOT.glob("docs/*.md")) - {ROOT / "docs/tutorial.md"})]
# What pages use and a machine may lack, and what it takes long to run.
_STANDS_FOR = {
    "analyze": f'exec "{sys.executable}" -m pipeline "$@"',
    "docker": "cat logs/api.log",
    "jq": "cat",
}
_LEFT_OUT = re.compile(r"^(make|pip|npm|git|sudo|kubectl|systemctl|crontab)\b|analyze demo")
# Folders of a system, which in the test lie below the place.
_OUTSIDE = re.compile(r"(?<![\w.])/(?=(?:var|backup|srv|etc)/)")


def _lines(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in lines if not _LEFT_OUT.search(line)]


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """A copy of what was made, with what the pages name besides."""
    place = Path(shutil.copytree(made, tmp_path / "here"))
    for name in ("odd.log", "oven.log"):
        shutil.copy(place / "odd.log", place / "logs" / name)
    (place / "question.sql").write_text("from finding_totals", encoding="utf-8")
    for name in ("var/log/app", "var/log/old"):
        shutil.copytree(place / "old-logs", place / name)
    (place / "backup").mkdir()
    shutil.make_archive(str(place / "backup" / "logs"), "gztar", place, "old-logs")
    for name in ("var/lib/aftershock", "bin", ".local/share/bash-completion/completions",
                 ".zfunc", ".config/fish/completions"):  # fmt: skip
        (place / name).mkdir(parents=True)
    for name, script in _STANDS_FOR.items():
        tool = place / "bin" / name
        tool.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        tool.chmod(0o755)
    return place


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.stem) for page in PAGES if _lines(page)]
)
def test_its_commands_run(page: Path, here: Path) -> None:
    environment = {
        **os.environ, "HOME": str(here), "PYTHONPATH": str(ROOT),
        "PATH": f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    if not any("later/" in line for line in _lines(page)):
        with (here / "logs" / "api.log").open("ab") as grown:  # since it was analysed
            grown.write((here / "later" / "api.log").read_bytes())
    for line in _lines(page):
        ran = subprocess.run(
            ["bash", "-c", _OUTSIDE.sub("", line)],
            cwd=here, env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

        assert ran.returncode in (0, 1), (line, ran.stderr)
        assert "error: " not in ran.stderr, line
