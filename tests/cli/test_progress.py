"""What is told while it takes long: on a terminal only, late, and never on stdout."""

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli.progress import DELAY_SECONDS, Progress


class _Step(str):
    done, total = 30, 100


def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Stand for stderr, as a terminal that is watched.

    No fixture: before each test pytest puts its own stderr in place.
    """

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return screen


def test_what_is_quick_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    tell = Progress.begin(lines=False)
    tell("reading")
    Progress.end()
    time.sleep(DELAY_SECONDS + 0.1)

    assert screen.getvalue() == ""


def test_what_takes_long_is_shown_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    tell = Progress.begin(lines=False)
    tell(_Step("reading [red]api\x1b[31m.log[/red]"))
    deadline = time.monotonic() + 20
    while "reading" not in screen.getvalue() and time.monotonic() < deadline:
        time.sleep(0.05)
    Progress.end()

    shown = screen.getvalue()
    assert "[red]api?[31m.log[/red]" in shown  # no markup, and no control byte of a file's name
    assert "30%" in shown
    assert shown.endswith("\x1b[2K")  # the line is cleared


def test_with_v_each_step_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Progress.begin(lines=True)
    for step in ("reading a", "reading a", "comparing"):
        tell(step)
    Progress.end()

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[2] for line in lines] == ["reading a", "comparing"]


def test_without_a_terminal_nothing_is_told(place: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "calm", "--baseline", "24h", "-q"]

    ran = subprocess.run(
        [*command, "-o", str(tmp_path / "out")], cwd=place, capture_output=True, check=False
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
