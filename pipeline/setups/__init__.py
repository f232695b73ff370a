"""Files that make a scheduler run this program: systemd, cron, Kubernetes and others.

Which files there are, and what is left to do with them, is data (`setups.toml`); each file is a
template beside it, which is given places and quotes them for its own syntax.
"""

import json
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Places:
    """What a job reads and where it keeps what it found; paths are absolute."""

    program: str
    logs: Sequence[str]
    state: str  # the folder of store, report and metrics

    @property
    def store(self) -> str:
        """The folder that remembers what was read and found."""
        return f"{self.state}/store"

    @property
    def out(self) -> str:
        """The folder of the report."""
        return f"{self.state}/report"

    @property
    def metrics(self) -> str:
        """The file of gauges."""
        return f"{self.state}/aftershock.prom"


@dataclass(frozen=True, slots=True)
class Setup:
    """The files of one scheduler by name, and the commands or remarks on what is left to do."""

    title: str
    files: dict[str, str]
    next_steps: list[str]


@cache
def kinds() -> dict[str, str]:
    """Return the schedulers that there are files for: name to title."""
    return {name: table["title"] for name, table in _manifest().items()}


def setup_for(kind: str, places: Places) -> Setup:
    """Return the files of *kind*, which is one of `kinds`."""
    import jinja2

    table = _manifest()[kind]
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / kind),
        # What is written is no markup: each place is quoted by the filter of its syntax.
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    made.filters.update(shell=shlex.quote, unit=_in_unit, python=json.dumps)
    words = [
        places.program, "run", *places.logs, "--store", places.store, "--out", places.out,
        "--metrics", places.metrics, "--quiet",
    ]  # fmt: skip
    values = {
        "program": places.program, "logs": list(places.logs), "store": places.store,
        "out": places.out, "metrics": places.metrics, "words": words,
        "command": shlex.join(words), "version": version("aftershock"),
    }  # fmt: skip
    files = {
        target: made.get_template(template).render(values)
        for template, target in table["files"].items()
    }
    return Setup(table["title"], files, list(table["next"]))


@cache
def _manifest() -> dict[str, Any]:
    return tomllib.loads((_HERE / "setups.toml").read_text(encoding="utf-8"))


def _in_unit(word: str) -> str:
    """Return *word* as one word of a command in a unit file, where ``%`` and ``$`` mean things."""
    plain = word.replace("%", "%%").replace("$", "$$")
    if plain and not set(plain) & set(" \t\"'\\;"):
        return plain
    inner = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'
