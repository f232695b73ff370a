"""What every command says in the same way: errors, progress, results on stdout."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import VERBOSITY
from pipeline.cli.progress import Progress
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.model import Result

_DOCUMENTS = ("html", "md", "json", "junit", "csv")


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Tell the package's own errors in two lines on stderr, and end with their exit status."""
    try:
        yield
    except PipelineError as error:
        Progress.end()
        if verbosity() > 1:
            import traceback

            traceback.print_exc()
        tell_error(str(error), error.hint)
        sys.exit(error.exit_code)
    finally:
        Progress.end()


def verbosity() -> int:
    """Return how often -v was given."""
    context = click.get_current_context(silent=True)
    return context.meta.get(VERBOSITY, 0) if context else 0


def tell_error(message: str, hint: str | None) -> None:
    """Tell on stderr what went wrong, and what to do."""
    text = f"error: {visible(message)}" + (f"\n  hint: {visible(hint)}" if hint else "")
    click.echo(_inert(text) if in_actions() else text, err=True)


def tell_usage(error: click.ClickException) -> None:
    """Tell what click does not take, with the nearest that it does."""
    hint = getattr(error, "hint", None)
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "analyze"
    help_ = f"{path} --help"
    if isinstance(error, click.NoSuchOption | click.NoSuchCommand):
        near = " or ".join(error.possibilities or ())
        hint = f"did you mean {near}? {help_} lists all" if near else f"{help_} lists all there are"
        message = error.message
    elif isinstance(error, click.MissingParameter):
        message, hint = error.format_message(), f"{help_} tells what it takes"
    else:
        message = error.format_message()
        if isinstance(error, click.BadParameter) and hint is None:
            hint = _near_choice(error) or help_
    tell_error(f"{message[:1].lower()}{message[1:].rstrip('.')}", hint or help_)


def _near_choice(error: click.BadParameter) -> str | None:
    from difflib import get_close_matches

    choice = getattr(error.param, "type", None)
    quoted = error.message.partition("'")[2].partition("'")[0]
    if not isinstance(choice, click.Choice):
        return None
    near = get_close_matches(quoted, [str(one) for one in choice.choices], n=1)
    return f"did you mean {near[0]}?" if near else None


def visible(text: str) -> str:
    """Return *text* without control bytes, for a message on the terminal."""
    # Messages carry file names and log text: a control byte in them must not reach the terminal.
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def documents(text: str) -> tuple[str, ...]:
    """Return the documents that ``--format`` names. Raises `click.BadParameter` for others."""
    from difflib import get_close_matches

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in _DOCUMENTS:
            near = get_close_matches(name, _DOCUMENTS, n=1)
            also = f" Did you mean {near[0]!r}?" if near else ""
            raise click.BadParameter(f"{name!r} is none of {', '.join(_DOCUMENTS)}.{also}")
    return names


def teller(quiet: bool) -> Callable[..., None]:
    """Return what tells of steps on stderr: a line each with -v, else a bar on a terminal."""
    if quiet or not (verbosity() or sys.stderr.isatty()):
        return lambda *_: None
    return Progress.begin(lines=verbosity() > 0)


def print_result(
    found: "Result", out: Path, *, as_json: bool, quiet: bool, color: str, formats: str
) -> None:
    """Print the result of a run: as JSON, as a summary with the files in *out*, or not at all."""
    Progress.end()
    if as_json:
        from pipeline.render import to_json

        print_text(to_json(found).encode())
    elif not quiet:
        import shutil

        from pipeline.render import render_terminal

        width = shutil.get_terminal_size((100, 40)).columns
        files = [out / f"report.{name}" for name in ("html", "md") if name in formats]
        files += [out / "result.json"] if "json" in formats else []
        files += [out / "junit.xml"] if "junit" in formats else []
        files += [out / "findings.csv"] if "csv" in formats else []
        text = render_terminal(
            found, width=min(width, 140), color=wants_color(color), files=[str(f) for f in files]
        )
        print_text(text if text.endswith("\n") else f"{text}\n")


def open_report(path: Path) -> None:
    """Open the page *path* in the user's browser; without one, tell where it is."""
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        click.echo(f"no browser to open it: {visible(str(path))}", err=True)


def print_facts(found: object, as_text: Callable[..., str], *, as_json: bool, color: str) -> None:
    """Print values of `pipeline.facts`: as JSON, or as *as_text* renders them for this terminal."""
    Progress.end()
    if as_json:
        from pipeline.render import facts_json

        print_text(facts_json(found))
    else:
        import shutil

        width = min(shutil.get_terminal_size((100, 40)).columns, 140)
        print_text(as_text(found, width=width, color=wants_color(color)))


def in_actions() -> bool:
    """Tell whether this is a job of GitHub Actions, where lines of output may be commands."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def print_text(text: str | bytes) -> None:
    """Print on stdout; a reader who has left is no error."""
    if in_actions():
        text = _inert(text.decode() if isinstance(text, bytes) else text)
    print_raw(text)


def print_raw(text: str | bytes, *, to_stderr: bool = False) -> None:
    """Print what may hold commands of a CI, and no text of logs but what was escaped for these."""
    with until_closed():
        click.echo(text, color=True, nl=False, err=to_stderr)


def _inert(text: str) -> str:
    """Return *text* with nothing in it that the runner of GitHub Actions takes for a command."""
    from pipeline.render.untrusted import github_inert

    if text.startswith(("{", "[")):
        return text.replace("##[", "\\u0023#[")  # JSON: the same value, written otherwise
    return github_inert(text)


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
