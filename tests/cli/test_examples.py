"""Every example of every help runs as it stands there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipeline.cli import analyze
from tests.command import Run

# What stands for the programs that examples take logs from.
_STDIN = {"docker logs api 2>&1": "logs/api.log", "cat logs/*.log": "logs/api.log"}


def _examples(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    text = (command.help or "").partition("Examples:")[2]
    for line in text.splitlines():
        if "analyze " in line:
            # A remark stands apart from what it is on.
            yield " ".join(words), re.split(r"\s{2,}", line.strip())[0]
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from _examples(below, (*words, name))


EXAMPLES = list(_examples(analyze, ("analyze",)))
# Each is a whole run over logs or several; tests of their commands run the same.
_LONG = ("analyze demo", " | analyze", "analyze backtest", "analyze watch", "analyze calibrate")
_SLOW = {line for _, line in EXAMPLES if any(word in line for word in _LONG)}


def test_every_command_has_an_example_in_its_help_or_its_group() -> None:
    shown = {words for words, _ in EXAMPLES}
    for name, command in analyze.commands.items():
        assert f"analyze {name}" in shown or isinstance(command, click.Group), name
        if isinstance(command, click.Group):
            assert any(words.startswith(f"analyze {name}") for words in shown), name


@pytest.mark.parametrize(
    ("command", "line"),
    [
        pytest.param(*one, id=one[1], marks=pytest.mark.slow if one[1] in _SLOW else ())
        for one in EXAMPLES
    ],
)
def test_it_runs(
    run: Run,
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    line: str,
) -> None:
    # Each in a place of its own: they write to the same folders.
    place = Path(shutil.copytree(made, tmp_path / "here"))
    monkeypatch.chdir(place)
    if "my-formats" in line:
        suggested = run("formats", "suggest", "odd.log", "--name", "odd").out
        (place / "my-formats" / "odd.toml").write_text(suggested, encoding="utf-8")
    before, pipe, call = line.rpartition(" | ")
    call, redirect, target = call.partition(" > ")
    words = shlex.split(call)
    assert words[0] == "analyze"

    if pipe:
        with (place / _STDIN[before]).open("rb") as stream:
            ran = subprocess.run(
                [sys.executable, "-m", "pipeline", *words[1:]],
                stdin=stream, capture_output=True, check=False, env=os.environ,
            )  # fmt: skip
        code, out, err = ran.returncode, ran.stdout.decode(), ran.stderr.decode()
    else:
        code, out, err = run(*words[1:])

    assert code in (0, 1), err
    assert "error: " not in err
    if redirect:
        path = place / target.replace("~", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(out, encoding="utf-8")
        assert out
