"""What every command says in the same way: errors, progress, results on stdout."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.model import Result

_DOCUMENTS = ("html", "md", "json")


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Tell the package's own errors in two lines on stderr, and end with their exit status."""
    try:
        yield
    except PipelineError as error:
        click.echo(f"error: {visible(str(error))}", err=True)
        if error.hint:
            click.echo(f"  hint: {visible(error.hint)}", err=True)
        sys.exit(error.exit_code)


def visible(text: str) -> str:
    """Return *text* without control bytes, for a message on the terminal."""
    # Messages carry file names and log text: a control byte in them must not reach the terminal.
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def documents(text: str) -> tuple[str, ...]:
    """Return the documents that ``--format`` names. Raises `click.BadParameter` for others."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in _DOCUMENTS:
            near = get_close_matches(name, _DOCUMENTS, n=1)
            also = f" Did you mean {near[0]!r}?" if near else ""
            raise click.BadParameter(f"{name!r} is none of {', '.join(_DOCUMENTS)}.{also}")
    return names


def teller(quiet: bool) -> Callable[[str], None]:
    """Say what goes on, on stderr, when someone is there to read it."""
    if quiet or not sys.stderr.isatty():
        return lambda _: None
    return lambda text: click.echo(f"\r\x1b[K{visible(text)[:100]}", err=True, nl=False)


def print_result(
    found: "Result", out: Path, *, as_json: bool, quiet: bool, color: str, formats: str
) -> None:
    """Print the result of a run: as JSON, as a summary with the files in *out*, or not at all."""
    if sys.stderr.isatty() and not quiet:
        click.echo("\r\x1b[K", err=True, nl=False)
    if as_json:
        from pipeline.render import to_json

        print_text(to_json(found).encode())
    elif not quiet:
        import shutil

        from pipeline.render import render_terminal

        width = shutil.get_terminal_size((100, 40)).columns
        files = [out / f"report.{name}" for name in ("html", "md") if name in formats]
        files += [out / "result.json"] if "json" in formats else []
        text = render_terminal(
            found, width=min(width, 140), color=wants_color(color), files=[str(f) for f in files]
        )
        print_text(text if text.endswith("\n") else f"{text}\n")


def print_text(text: str | bytes) -> None:
    """Print on stdout; a reader who has left is no error."""
    with until_closed():
        click.echo(text, color=True, nl=False)


@contextlib.contextmanager
def until_closed() -> Iterator[None]:
    """End what is printed where the reader of stdout leaves: that is no error."""
    try:
        yield
    except BrokenPipeError:
        # Whoever reads us has seen enough, and the exit status still tells the verdict. Leaving
        # stdout open would make Python complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def wants_color(choice: str) -> bool:
    """Tell whether stdout is to be coloured: as chosen, else as terminal and environment say."""
    if choice != "auto":
        return choice == "always"
    environment = os.environ
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return bool(environment.get("FORCE_COLOR")) or sys.stdout.isatty()
