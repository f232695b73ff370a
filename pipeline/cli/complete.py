"""What a shell is offered where a name is to be typed; quick, so nothing is loaded for it."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def rule_names(_: click.Context, __: click.Parameter, incomplete: str) -> list["CompletionItem"]:
    """Return the names of shipped rules that begin so."""
    import re
    from importlib.resources import files

    names = [
        name
        for entry in files("pipeline").joinpath("rules").iterdir()
        if entry.name.endswith(".toml")
        for name in re.findall(r'^name = "(\w+)"', entry.read_text("utf-8"), re.MULTILINE)
    ]
    return _items(names, incomplete)


def knowledge_names(
    _: click.Context, __: click.Parameter, incomplete: str
) -> list["CompletionItem"]:
    """Return the ids of entries of the knowledge base that begin so."""
    from importlib.resources import files

    entries = files("pipeline").joinpath("knowledge").iterdir()
    names = [one.name.removesuffix(".toml") for one in entries if one.name.endswith(".toml")]
    return _items(names, incomplete)


def format_names(_: click.Context, __: click.Parameter, incomplete: str) -> list["CompletionItem"]:
    """Return the names of shipped formats that begin so."""
    from importlib.resources import files

    entries = files("pipeline").joinpath("formats").iterdir()
    names = [
        entry.name.removesuffix(".toml")
        for entry in entries
        if entry.name.endswith(".toml") and not entry.name.startswith("_")
    ]
    return _items(names, incomplete)


def baselines(_: click.Context, __: click.Parameter, incomplete: str) -> list["CompletionItem"]:
    """Return words for a baseline, and let the shell add files."""
    from click.shell_completion import CompletionItem

    words = _items(["auto", "24h", "7d", "same-hours:7d", "start..start+24h"], incomplete)
    return [CompletionItem(incomplete, "file"), *words]


def _items(names: list[str], incomplete: str) -> list["CompletionItem"]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]
