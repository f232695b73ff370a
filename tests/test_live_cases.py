"""What the knowledge base says of enums and ASGI messages is what happens when it is tried."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIVE = ROOT / "fixtures" / "live"
# Where `make live` puts the packages of the stack; the suite does not install them.
VENV = Path(os.environ.get("AFTERSHOCK_LIVE_VENV", ROOT / "build" / "live" / "venv"))
HAS_POSTGRES = bool(
    shutil.which("postgres") or any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (VENV / "installed.txt").is_file(), reason="`make live` has not run"),
]


def run(script: str) -> str:
    command = [sys.executable, str(LIVE / script), "--venv", str(VENV)]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    return tried.stdout


@pytest.mark.skipif(not HAS_POSTGRES, reason="PostgreSQL is not here")
def test_enum_cases_give_what_stands_beside_them() -> None:
    assert run("enum_cases.py").endswith("36 passed, 0 failed\n")


def test_asgi_cases_give_what_stands_beside_them() -> None:
    assert run("asgi_cases.py").endswith("52 passed, 0 failed\n")
