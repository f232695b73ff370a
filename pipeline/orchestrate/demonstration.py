"""The demo: logs of a made-up incident, and their analysis."""

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.model import Result, Settings
from pipeline.orchestrate.reading import Tell
from pipeline.orchestrate.runs import analyze


def demo(
    out: Path,
    *,
    seed: int,
    documents: Sequence[str],
    logs_only: bool = False,
    tell: Tell = lambda _: None,
) -> Result | None:
    """Write the demo's logs below *out* and analyse them: last day against the day before."""
    from pipeline.demo import write_demo

    tell("writing logs")
    write_demo(out, seed=seed)
    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    if logs_only:
        return None
    return analyze(
        [str(out / "logs")],
        Settings(baseline=("24h",), title="Demo: a 21-container stack in trouble"),
        out=out / "report",
        documents=documents,
        now=truth["windows"]["candidate"]["end"],
        tell=tell,
    )


def write_later(out: Path, state: str, *, seed: int, tell: Tell = lambda _: None) -> None:
    """Write what the demo's stack logs afterwards, *state* being one of `demo.LATER`."""
    from pipeline import demo as stack

    tell("writing logs")
    stack.write_later(out, state, seed=seed)
