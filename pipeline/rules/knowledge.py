"""What is generally known of a class of errors: one file a class in `pipeline/knowledge/`.

Never derived from the logs of a run: the report labels it so, with the date of the last review.
"""

import re
import tomllib
from importlib.resources import files
from typing import Any

from pipeline.errors import RuleError
from pipeline.model import Knowledge

_LISTS = ("hypotheses", "check_first", "remedy", "verify", "references")
_TEXTS = ("title", "mechanism", "reviewed")


def load_knowledge() -> dict[str, Knowledge]:
    """Return the shipped entries by error class; raises `RuleError` with file, key and reason."""
    folder = files("pipeline").joinpath("knowledge")
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".toml")),
        key=lambda entry: entry.name,
    )
    return {
        entry.name.removesuffix(".toml"): parse_knowledge(entry.name, entry.read_text("utf-8"))
        for entry in entries
    }


def parse_knowledge(name: str, text: str) -> Knowledge:
    """Return the entry of one file's *text*; its *name* without `.toml` is the error class."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: not TOML: {error}") from error
    _check(name, document)
    fields = {key: document[key] for key in (*_TEXTS, *_LISTS)}
    return Knowledge(knowledge_id=name.removesuffix(".toml"), **fields)


def _check(name: str, document: dict[str, Any]) -> None:
    for key in document:
        if key not in (*_LISTS, *_TEXTS):
            raise RuleError(f"{name}: unknown key {key!r}")
    for key in _TEXTS:
        if not isinstance(document.get(key), str) or not document[key].strip():
            raise RuleError(f"{name}: {key}: a text is needed")
    for key in _LISTS:
        value = document.get(key)
        if (
            not isinstance(value, list)
            or not value
            or not all(isinstance(text, str) for text in value)
        ):
            raise RuleError(f"{name}: {key}: a list of texts is needed")
    for url in document["references"]:
        if not url.startswith("https://"):
            raise RuleError(f"{name}: references: {url!r} is not an https address")
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", document["reviewed"]):
        raise RuleError(f"{name}: reviewed: a date such as 2026-11-25 is needed")
