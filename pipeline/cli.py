"""The command ``analyze``: options in, exit status out.

No logic lives here, and nothing heavy is imported before a command runs: ``--help`` must be quick.
"""

import contextlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import PipelineError
from pipeline.model import ExitCode, Settings

if TYPE_CHECKING:
    from pipeline.model import Result

_EXIT_CODES = """\b
Exit status:
  0    no regression
  1    a regression at or above --fail-on
  2    wrong usage: a path, option or definition
  3    could not finish
  4    cannot decide: no baseline, nothing parsed, no coverage
  130  interrupted
"""
_FORMATS = ("html", "md", "json")


class DefaultGroup(click.Group):
    """A group in which ``analyze LOGS`` means ``analyze run LOGS``; a command's name always
    wins.
    """

    default = "run"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of arguments that name none."""
        own = {
            name for param in self.get_params(ctx) for name in (*param.opts, *param.secondary_opts)
        }
        first = next((arg for arg in args if arg not in own), None)
        if first is not None and first not in self.commands:
            self._refuse_misspelt(first)
            at = args.index(first)
            args = [*args[:at], self.default, *args[at:]]
        return super().parse_args(ctx, args or ["--help"])

    def _refuse_misspelt(self, word: str) -> None:
        near = get_close_matches(word, self.commands, n=1, cutoff=0.75)
        if near and not os.path.lexists(word) and word.isalpha():
            raise click.UsageError(
                f"no such file or folder: {word!r}. Did you mean the command {near[0]!r}?"
            )


@click.group(
    cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXIT_CODES
)
@click.version_option(None, "-V", "--version", package_name="aftershock", prog_name="analyze")
def analyze() -> None:
    """Find which errors in container logs became more frequent, since when, and what followed from
    what.

    \b
    Examples:
      analyze logs/ --baseline 24h          last day against the day before it
      analyze logs/ --baseline last-week/   against logs of a normal week
      docker logs api 2>&1 | analyze - --baseline normal.log
      analyze demo                          see a report on made-up logs
    """


def _options(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_LOGS = click.argument("logs", nargs=-1, required=True, metavar="LOGS...")
_OUT = click.option(
    "-o",
    "--out",
    default="analysis",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for the report, result and tables.",
)
_ZONE = click.option(
    "--tz",
    "zone",
    metavar="ZONE",
    help="Zone of times that carry none, such as Europe/Berlin.  [default: UTC, and said so]",
)
_STRICT = click.option("--strict", is_flag=True, help="Fail when any source cannot be read.")
_OUTPUT = _options(
    click.option(
        "--format",
        "formats",
        default="html,md,json",
        show_default=True,
        metavar="LIST",
        help="Which documents to write: html, md, json.",
    ),
    click.option(
        "--json", "as_json", is_flag=True, help="Print result.json on stdout and nothing else."
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Colour in the terminal summary.",
    ),
)


@analyze.command(epilog=_EXIT_CODES)
@_LOGS
@_options(
    click.option(
        "--baseline",
        multiple=True,
        metavar="WHAT",
        help="What is normal: a file or folder (repeatable), a window A..B in LOGS, a duration "
        "such as 24h before the candidate window, or auto.  [default: auto]",
    ),
    click.option("--since", metavar="TIME", help="Start of the candidate window."),
    click.option("--until", metavar="TIME", help="End of the candidate window."),
    _ZONE,
    click.option(
        "--now",
        metavar="TIME",
        help="Stamp of the report, for reproducible output.  [default: now]",
    ),
    click.option(
        "--fail-on",
        type=click.Choice(["never", "new", "regression", "any"]),
        default="regression",
        show_default=True,
        help="What makes the exit status 1; any includes suspected findings.",
    ),
    _OUT,
    _OUTPUT,
    click.option(
        "--events",
        type=click.Choice(["candidates", "all"]),
        default="candidates",
        show_default=True,
        help="Which events get a row in events/*.parquet.",
    ),
    click.option("--title", metavar="TEXT", help="Title of the report."),
    click.option("--author", metavar="TEXT", help="Name under the report's title."),
    _STRICT,
)
def run(
    logs: tuple[str, ...],
    out: Path,
    now: str | None,
    events: str,
    strict: bool,
    formats: str,
    as_json: bool,
    quiet: bool,
    color: str,
    **asked: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Compare LOGS with their baseline and write an incident report.

    LOGS are files, folders, globs, or - for standard input; .gz .zst .bz2 .xz and rotated files are
    read as they are. Times: ISO 8601, @epoch, now, end, or a duration before the end of the data
    (90m, 24h).
    """
    with _reported(quiet):
        from pipeline import orchestrate

        settings = Settings(
            baseline=asked.pop("baseline") or ("auto",),
            is_strict=strict,
            keeps_all_events=events == "all",
            **asked,
        )
        outcome = orchestrate.analyze(
            logs, settings, out=out, documents=_documents(formats), now=now, tell=_teller(quiet)
        )
        _print_result(outcome, out, as_json=as_json, quiet=quiet, color=color, formats=formats)
        sys.exit(orchestrate.exit_code(outcome, settings.fail_on))


@analyze.command()
@_LOGS
@_OUT
@_ZONE
@_STRICT
@click.option(
    "--events",
    type=click.Choice(["candidates", "all"]),
    default="candidates",
    show_default=True,
    help="Which events get a row in events/*.parquet.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def ingest(
    logs: tuple[str, ...], out: Path, zone: str | None, strict: bool, events: str, quiet: bool
) -> None:
    """Only read LOGS into Parquet: events, counts, and the ledger of where every line went."""
    with _reported(quiet):
        from pipeline import orchestrate

        settings = Settings(zone=zone, is_strict=strict, keeps_all_events=events == "all")
        ledger = orchestrate.ingest(logs, out, settings, tell=_teller(quiet))
        if not quiet:
            click.echo(
                f"{len(ledger.sources)} sources, {ledger.line_count:,} lines, "
                f"{ledger.event_count:,} events, {ledger.unparsed_event_count:,} unparsed: {out}"
            )


@analyze.command()
@click.argument("result", type=click.Path(path_type=Path))
@_OUTPUT
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for the documents.  [default: beside the result]",
)
def report(
    result: Path, out: Path | None, formats: str, as_json: bool, quiet: bool, color: str
) -> None:
    """Render the documents of a finished run again, from its folder or result.json."""
    with _reported(quiet):
        from pipeline import orchestrate

        folder, found = orchestrate.render_again(result, out, _documents(formats))
        _print_result(found, folder, as_json=as_json, quiet=quiet, color=color, formats=formats)


@analyze.command()
@_OUT
@click.option("--seed", default=20250810, show_default=True, help="Another seed, another noise.")
@click.option("--logs-only", is_flag=True, help="Write the logs and do not analyse them.")
@_OUTPUT
def demo(
    out: Path, seed: int, logs_only: bool, formats: str, as_json: bool, quiet: bool, color: str
) -> None:
    """Write the logs of a 21-container stack in trouble, and analyse them.

    DIR/logs holds the logs, DIR/truth.json what was planted in them, DIR/report the report.
    """
    with _reported(quiet):
        from pipeline import orchestrate

        found = orchestrate.demo(
            out, seed=seed, documents=_documents(formats), logs_only=logs_only, tell=_teller(quiet)
        )
        if found is not None:
            _print_result(
                found, out / "report", as_json=as_json, quiet=quiet, color=color, formats=formats
            )


def main() -> None:
    """Run the command; what users can mend is told in three lines, what they cannot is a
    traceback.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    stdout = sys.stdout
    for stream in (stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal may not know every character of a log or of the report.
            stream.reconfigure(errors="backslashreplace")
    try:
        analyze(prog_name="analyze", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: nothing was changed", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except SystemExit:
        if sys.stdout is not stdout:
            # Nobody reads the help any more: click puts stdout away and ends with 1, which means a
            # regression here.
            sys.exit(ExitCode.NORMAL)
        raise
    except OSError as error:
        click.echo(f"error: {_visible(str(error))}", err=True)
        sys.exit(ExitCode.FAILED)
    except Exception:  # noqa: BLE001  # Python's own status, 1, would tell of a regression
        traceback.print_exc()
        sys.exit(ExitCode.FAILED)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _reported(quiet: bool) -> Any:  # noqa: ANN401  # the type of a generator context
    try:
        yield
    except PipelineError as error:
        click.echo(f"error: {_visible(str(error))}", err=True)
        if error.hint:
            click.echo(f"  hint: {_visible(error.hint)}", err=True)
        sys.exit(error.exit_code)


def _visible(text: str) -> str:
    # Messages carry file names and log text: a control byte in them must not reach the terminal.
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def _documents(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in _FORMATS:
            near = get_close_matches(name, _FORMATS, n=1)
            also = f" Did you mean {near[0]!r}?" if near else ""
            raise click.BadParameter(f"{name!r} is none of {', '.join(_FORMATS)}.{also}")
    return names


def _teller(quiet: bool) -> Callable[[str], None]:
    """Say what goes on, on stderr, when someone is there to read it."""
    if quiet or not sys.stderr.isatty():
        return lambda _: None
    return lambda text: click.echo(f"\r\x1b[K{_visible(text)[:100]}", err=True, nl=False)


def _print_result(
    found: "Result", out: Path, *, as_json: bool, quiet: bool, color: str, formats: str
) -> None:
    if sys.stderr.isatty() and not quiet:
        click.echo("\r\x1b[K", err=True, nl=False)
    if as_json:
        from pipeline.render import to_json

        _print(to_json(found).encode())
    elif not quiet:
        import shutil

        from pipeline.render import render_terminal

        width = shutil.get_terminal_size((100, 40)).columns
        files = [out / f"report.{name}" for name in ("html", "md") if name in formats]
        files += [out / "result.json"] if "json" in formats else []
        text = render_terminal(
            found, width=min(width, 140), color=_wants_color(color), files=[str(f) for f in files]
        )
        _print(text if text.endswith("\n") else f"{text}\n")


def _print(text: str | bytes) -> None:
    try:
        click.echo(text, color=True, nl=False)
    except BrokenPipeError:
        # Whoever reads us has seen enough, and the exit status still tells the verdict. Leaving
        # stdout open would make Python complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wants_color(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    environment = os.environ
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return bool(environment.get("FORCE_COLOR")) or sys.stdout.isatty()
