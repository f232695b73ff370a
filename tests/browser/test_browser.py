"""Reports in a real browser: accessible, silent, without requests, usable everywhere.

Needs node, a chromium and the packages that `make node-tools` installs.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.demo import write_demo
from pipeline.model import Result, Settings
from pipeline.orchestrate import analyze
from pipeline.render import render_html
from tests.render import sample
from tests.render.attacks import ATTACKS

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "tests" / "tools"
LOGS = ROOT.parent / "shared" / "logs"
NODE = shutil.which("node")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
HAS_ALL = bool(NODE and CHROMIUM and (TOOLS / "node_modules" / "playwright-core").is_dir())
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_ALL, reason="node, chromium or the packages of `make node-tools`"),
]
SAMPLES: dict[str, Callable[[], Result]] = {
    "incident": sample.incident,
    "undecided": sample.undecided,
    "quiet": sample.quiet,
    "hostile": lambda: sample.hostile(ATTACKS["break_out"]),
    "long_names": lambda: many_classes(30, "a_class_with_a_rather_long_name_" * 4),
    "one_class": lambda: many_classes(1, "single"),
}
# Logs and, where they cannot be compared with themselves, their baseline.
REAL = {
    "kafka": ("kafka", None),
    "galera": ("mysql/galera-upgrade", None),
    "trainticket": ("nezha-trainticket/docker/ts-01", "nezha-trainticket/docker/normal-2023-01-29"),
}


def many_classes(number: int, name: str) -> Result:
    """Return an incident with *number* classes that all rose."""
    findings = [
        replace(sample.ENUM, finding_id=f"r{at}", error_class=f"{name}{at}") for at in range(number)
    ]
    return replace(sample.incident(), findings=findings)


def problems(page: Path) -> list[str]:
    """Return what the browser has to say against *page*."""
    assert NODE and CHROMIUM
    ran = subprocess.run(
        [NODE, str(TOOLS / "browser.mjs"), CHROMIUM, str(page)],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found: dict[str, list[str]] = json.loads(ran.stdout)
    return found[str(page)]


@pytest.mark.parametrize("name", SAMPLES)
def test_reports_of_samples(name: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_html(SAMPLES[name]()), encoding="utf-8")

    assert problems(page) == []


def test_the_report_of_the_demo(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo")
    analyze([str(tmp_path / "demo" / "logs")], Settings(), out=tmp_path / "out")

    assert problems(tmp_path / "out" / "report.html") == []


@pytest.mark.parametrize("name", REAL)
def test_reports_of_real_logs(name: str, tmp_path: Path) -> None:
    logs, baseline = REAL[name]
    if not (LOGS / logs).is_dir():
        pytest.skip("the real logs are not here")
    settings = Settings(baseline=(str(LOGS / baseline),)) if baseline else Settings()
    analyze([str(LOGS / logs)], settings, out=tmp_path)

    assert problems(tmp_path / "report.html") == []


def test_the_check_sees_what_it_looks_for(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    good = render_html(sample.incident())
    bad = (
        '<img src="https://example.invalid/x.png"><p style="width:9000px">wide</p>'
        '<input type="text"><svg width="900" height="9" aria-hidden="true"></svg>'
    )
    page.write_text(good.replace("<main>", f"<main>{bad}"), encoding="utf-8")

    found = " ".join(problems(page))

    assert all(word in found for word in ("console:", "axe, dark", "label", "image-alt", "390 px"))
