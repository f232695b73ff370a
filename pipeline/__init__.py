"""Aftershock: which errors became more frequent, since when, and what followed from what.

    import pipeline
    result = pipeline.analyze(["logs/"], baseline=["logs-last-week/"])
    ledger = pipeline.ingest(["logs/"], "out/")

`Result` is the typed form of ``result.json``. The stages are `pipeline.mining.mine`,
`pipeline.detection.detect`, `cap_storms` and `find_onset`; `Window` and `Onset` are what they talk
in. Nothing heavy is imported before one of these is used.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.model import Onset, Result, Window
    from pipeline.orchestrate import Ledger

__all__ = ["Onset", "Result", "Window", "analyze", "detection", "ingest", "mining"]

_VALUES = ("Onset", "Result", "Window")
_STAGES = ("detection", "ingest", "mining")


def analyze(
    logs: Iterable[str | Path],
    baseline: Iterable[str | Path] | str = "auto",
    *,
    out: str | Path | None = None,
    **settings: Any,  # noqa: ANN401  # the fields of model.Settings
) -> "Result":
    """Compare *logs* with their *baseline* and return what was found.

    *baseline*: paths, or one window ``A..B``, a duration, or ``auto``, as on the command line;
    *settings* are the other fields of `model.Settings`. With *out*, tables and reports are written
    there, else nothing is kept. Raises `errors.PipelineError` and its children.
    """
    from tempfile import TemporaryDirectory

    from pipeline import orchestrate
    from pipeline.model import Settings

    names = (baseline,) if isinstance(baseline, str) else tuple(map(str, baseline))
    asked = Settings(baseline=names, **settings)
    paths = [str(path) for path in logs]
    if out is not None:
        return orchestrate.analyze(paths, asked, out=Path(out))
    with TemporaryDirectory(prefix="aftershock-") as folder:
        return orchestrate.analyze(paths, asked, out=Path(folder), documents=())


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever the name stands for
    if name in _VALUES:
        return getattr(import_module("pipeline.model"), name)
    if name in _STAGES:
        return import_module(f"pipeline.{name}")
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")


class _IngestStage(ModuleType):
    """The package `pipeline.ingest`, which is also the function that runs it."""

    def __call__(self, paths: Iterable[str | Path], out: str | Path) -> "Ledger":
        """Read *paths* into Parquet below *out* and return where every line went."""
        from pipeline import orchestrate
        from pipeline.model import Settings

        names = [str(path) for path in paths]
        return orchestrate.ingest(names, Path(out), Settings(), tell=lambda _: None)


class _Package(ModuleType):
    """This package: importing a stage sets an attribute here, and `ingest` must stay callable."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "ingest" and isinstance(value, ModuleType):
            value.__class__ = _IngestStage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
