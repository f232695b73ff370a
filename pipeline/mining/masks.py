"""The named patterns of `masks.toml`: what of a body is a value, and what stays.

Steps for a new mask: add an entry at its place in the order with examples under `matches` and
`leaves`, raise `version`, run `tests/mining` and `benchmarks/templates.py`.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import polars as pl

WILDCARD = "<*>"

Stage = Literal["first", "keep", "fold", "mask"]
STAGES: tuple[Stage, ...] = ("first", "keep", "fold", "mask")


@dataclass(frozen=True, slots=True)
class Mask:
    """One pattern; *replacement* may name groups (`${name}`), *matches*, *leaves* are its tests."""

    name: str
    stage: Stage
    pattern: str
    replacement: str
    repeat: int
    matches: tuple[str, ...]
    leaves: tuple[str, ...]

    def apply(self, texts: pl.Series) -> pl.Series:
        """Replace every match, *repeat* times over (for nested brackets)."""
        for _ in range(self.repeat):
            texts = texts.str.replace_all(self.pattern, self.replacement)
        return texts


def _mask(stage: Stage, entry: dict[str, Any]) -> Mask:
    return Mask(
        name=entry["name"],
        stage=stage,
        pattern=entry["pattern"],
        replacement=entry.get("replacement", "0" if stage == "fold" else WILDCARD),
        repeat=entry.get("repeat", 1),
        matches=tuple(entry["matches"]),
        leaves=tuple(entry["leaves"]),
    )


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("pipeline.mining").joinpath("masks.toml").read_text("utf-8"))


@cache
def load_masks() -> tuple[Mask, ...]:
    """Return all masks by stage, each in file order."""
    return tuple(_mask(stage, entry) for stage in STAGES for entry in _document()[stage])


MASKS_VERSION: int = _document()["version"]
