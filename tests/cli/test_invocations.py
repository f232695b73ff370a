"""Calls as data (`invocations.toml`): exit status, what stdout is, what stderr says."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import Run

CALLS = tomllib.loads((Path(__file__).with_name("invocations.toml")).read_text(encoding="utf-8"))[
    "call"
]


def _is_json(text: str) -> bool:
    """Tell whether *text* is one JSON document, and nothing else."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return text.endswith("\n")


KINDS: dict[str, Callable[[str], bool]] = {
    "empty": lambda text: text == "",
    "json": _is_json,
    "text": lambda text: text.strip() != "" and not _is_json(text) and text.endswith("\n"),
    "toml": lambda text: bool(tomllib.loads(text)),
}


def test_there_are_sixty_at_least() -> None:
    assert len(CALLS) >= 60
    assert {tuple(sorted(call)) for call in CALLS} <= {
        tuple(sorted({"args", "code", "out", *more}))
        for more in ((), ("err",), ("starts",), ("err", "env"), ("env",))
    }


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(call["args"]) or "nothing")
def test_call(
    run: Run, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: dict[str, Any]
) -> None:
    monkeypatch.chdir(place)
    for name, value in call.get("env", {}).items():
        monkeypatch.setenv(name, value)

    ran = run(*(word.replace("$OUT", str(tmp_path / "out")) for word in call["args"]))

    assert ran.code == call["code"], ran.err
    assert KINDS[call["out"]](ran.out), ran.out[:500]
    assert ran.out.startswith(call.get("starts", ""))
    assert "\x1b" not in ran.out + ran.err
    if "err" not in call:
        assert ran.err == ""
        return
    assert call["err"] in " ".join(ran.err.split())
    if ran.code in (2, 3, 4) and "-vv" not in call["args"]:
        lines = ran.err.splitlines()
        assert lines[0].startswith("error: ")
        assert ran.code == 3 or any(line.startswith("  hint: ") for line in lines)
