"""The command in this process: what it returned and what it printed."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline import cli


class Ran(NamedTuple):
    """Exit status and both outputs of one call."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def runner(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Yield a function that runs `analyze` with its arguments; signals are as before afterwards."""
    handler = signal.getsignal(signal.SIGTERM)

    def call(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["analyze", *map(str, arguments)])
        code: int | str | None = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        return Ran(int(code or 0), *capsys.readouterr())

    yield call
    signal.signal(signal.SIGTERM, handler)
