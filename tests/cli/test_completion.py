"""Completion in the shells that are here: what stands there after TAB."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CASES = [
    ("analyze diff --js", "--json"),
    ("analyze ver", "verify"),
    ("analyze rules show time", "timeout"),
    ("analyze formats show nginx_er", "nginx_error"),
    ("analyze --base", "--baseline"),
    ("analyze logs/ --fail-on ne", "never"),
    ("analyze completion f", "fish"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with logs, and with the command of this installation in front of the path."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "logs").mkdir()
    command = tmp_path / "bin" / "analyze"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return tmp_path


def shell(place: Path, name: str, script: str, *options: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} here")
    root = str(Path(__file__).parents[2])
    environment = {
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(place),
        "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
        "TERM": "dumb",
    }
    ran = subprocess.run(
        [path, *options, "-c", script],
        cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_bash(place: Path, line: str, expected: str) -> None:
    script = f"""
    compopt() {{ :; }}  # works only where a key was pressed
    eval "$(analyze completion bash)"
    COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="{line}"
    _analyze_completion analyze
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """

    assert expected in shell(place, "bash", script, "--norc").split()


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish(place: Path, line: str, expected: str) -> None:
    script = f"analyze completion fish | source; complete --do-complete '{line}'"

    found = shell(place, "fish", script, "--no-config").splitlines()

    assert expected in [entry.partition("\t")[0] for entry in found]


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_zsh(place: Path, line: str, expected: str) -> None:
    script = f"""
    compdef() {{ : }}
    _describe() {{ print -rl -- "${{(@P)3}}" }}
    compadd() {{ print -rl -- "${{(@P)@[-1]}}" }}
    _path_files() {{ print -r -- FILES }}
    eval "$(analyze completion zsh)"
    words=({line}); CURRENT=${{#words}}
    _analyze_completion analyze
    """

    found = shell(place, "zsh", script, "-f").split()

    assert any(one.partition(":")[0] == expected for one in found)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_where_logs_are_wanted_files_are_offered(place: Path, name: str) -> None:
    words = {"bash": "analyze lo", "zsh": "analyze lo", "fish": "analyze lo"}[name]
    environment = os.environ | {
        "_ANALYZE_COMPLETE": f"{name}_complete", "COMP_WORDS": words, "COMP_CWORD": "1",
    }  # fmt: skip

    ran = subprocess.run(
        [sys.executable, "-m", "pipeline"],
        env=environment, cwd=place, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "file" in ran.stdout.replace("\n", ",").split(",")
