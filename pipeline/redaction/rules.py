"""The rules of `rules.toml`: what of a text is a secret, and what stands there instead.

Steps for a new rule: an entry at its place in the order, with texts under `must` and `must_not`,
and the rarest literals that there are: patterns run only on texts that hold one. `tests/redaction`
runs the samples of every rule.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_FRAGMENT = re.compile(r"\{([a-z_]+)\}")
# Groups of a pattern that stay: what names the value, and the quote that opens it.
_KEPT = ("head", "scheme", "dq", "sq", "edq", "esq", "brace")
# Stands between a name and a value that tells nothing, so that no pattern takes it for a secret.
SHIELD = "\x00"


@dataclass(frozen=True, slots=True)
class Step:
    """One pattern of a rule, for texts that hold all of *also*.

    *shield* marks values that tell nothing before the pattern is asked; None where there are none.
    """

    pattern: str
    replacement: str
    also: tuple[str, ...]
    shield: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret; see the head of `rules.toml` for what each field means."""

    name: str
    title: str
    literals: tuple[str, ...]
    gate: tuple[str, ...]
    steps: tuple[Step, ...]
    requires: tuple[str, ...]
    keys: str | None
    leave: str | None
    is_personal: bool
    is_certain: bool
    check: str | None
    must: tuple[tuple[str, str], ...]
    must_not: tuple[str, ...]


@cache
def load_redactions() -> tuple[Rule, ...]:
    """Return all rules in the order in which they are applied."""
    document = tomllib.loads(files("pipeline.redaction").joinpath("rules.toml").read_text("utf-8"))
    return tuple(_rule(entry, document) for entry in document["rule"])


@cache
def harmless() -> str:
    """Return the pattern of a whole value that tells no secret, whatever its name."""
    document = tomllib.loads(files("pipeline.redaction").joinpath("rules.toml").read_text("utf-8"))
    return f"^(?:{document['leave']['pattern']})$"


def marker(kind: str) -> str:
    """Return what stands in place of a secret of *kind*."""
    return f"[redacted:{kind}]"


def _rule(entry: dict[str, Any], document: dict[str, Any]) -> Rule:
    return Rule(
        name=entry["name"],
        title=entry["title"],
        literals=_spelt(entry.get("literals", ())),
        gate=_spelt(entry.get("gate", entry.get("literals", ()))),
        steps=tuple(_steps(entry, document)),
        requires=tuple(entry.get("requires", ())),
        keys=entry.get("keys"),
        leave=entry.get("leave"),
        is_personal=entry.get("set") == "pii",
        is_certain=entry.get("certain", False),
        check=entry.get("check"),
        must=tuple((_sample(text), _sample(expected)) for text, expected in entry["must"]),
        must_not=tuple(map(_sample, entry["must_not"])),
    )


def _spelt(literals: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        literal.replace("{-}", between)
        for literal in literals
        for between in (("", "_", "-", ".") if "{-}" in literal else ("",))
    )


def _sample(text: str) -> str:
    return text.replace("~~", "")


def _steps(entry: dict[str, Any], document: dict[str, Any]) -> list[Step]:
    also = tuple(entry.get("also", ()))
    if "keys" not in entry:
        pattern = _filled(entry["pattern"], document, "")
        return [Step(pattern, _replacement(pattern, entry), also, None)]
    leave = document["leave"]["pattern"]
    if "leave" in entry:
        leave = f"(?:{leave}|{entry['leave']})"
    return [_styled(entry, document["style"][name], document, leave) for name in entry["styles"]]


def _styled(
    entry: dict[str, Any], style: dict[str, Any], document: dict[str, Any], leave: str
) -> Step:
    head = _filled(style["pattern"], document, entry["keys"])
    value = _filled(entry.get("value", style["value"]), document, entry["keys"])
    # In quotes a value is these words as a whole; else what follows must end the word.
    shield = (
        rf"""{head}(?P<word>[bu]?\\{{0,3}}["']{leave}\\{{0,3}}["']"""
        rf"""|{leave}(?:[.!]?(?:[\s,;&)}}\]\\"'<]|$)))"""
    )
    pattern = head + value
    return Step(pattern, _replacement(pattern, entry), tuple(style["also"]), shield)


def _replacement(pattern: str, entry: dict[str, Any]) -> str:
    if "replacement" in entry:
        return str(entry["replacement"])
    kept = "".join(f"${{{name}}}" for name in _KEPT if f"(?P<{name}>" in pattern)
    end = "${end}" if "(?P<end>" in pattern else ""
    return f"{kept}{marker(entry['name'])}{end}"


def _filled(pattern: str, document: dict[str, Any], keys: str) -> str:
    fragments = {**document["fragment"], "keys": keys}

    def fill(found: re.Match[str]) -> str:
        name = found.group(1)
        return _FRAGMENT.sub(fill, fragments[name]) if name in fragments else found.group()

    return _FRAGMENT.sub(fill, pattern)
