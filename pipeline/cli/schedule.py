"""The commands that make it run by itself: init and watch."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import LOGS
from pipeline.cli.output import print_text, reported, verbosity, visible
from pipeline.setups import kinds


def _kinds(function: Callable[..., Any]) -> Callable[..., Any]:
    for name, title in reversed(kinds().items()):
        option = click.option(
            f"--{name}", "kind", flag_value=name, help=f"{title[:1].upper()}{title[1:]}."
        )
        function = option(function)
    return function


@analyze.command()
@click.argument("logs", nargs=-1, type=click.Path(), metavar="[LOGS...]")
@_kinds
@click.option(
    "--state",
    default="/var/lib/aftershock",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the job keeps its store, report and gauges.",
)
@click.option(
    "-o",
    "--out",
    default=".",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for the files.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
def init(logs: tuple[str, ...], kind: str | None, state: Path, out: Path, force: bool) -> None:
    """Write the files that make a scheduler look at LOGS every hour.  [LOGS default: /var/log]

    They say what each line is for, are closed as far as the job permits, and name this
    installation. What is left to do with them is printed.

    \b
    Examples:
      analyze init --systemd /var/log/app
      analyze init --cron /var/log/app -o setup/
      analyze init --github -o setup/ --force
    """
    if kind is None:
        names = ", ".join(f"--{name}" for name in kinds())
        raise click.UsageError(f"no scheduler is named: one of {names} is needed")
    with reported():
        from pipeline import orchestrate

        setup, paths = orchestrate.write_setup(
            kind, logs or ("/var/log",), state, out, overwrites=force
        )
        written = "".join(f"  {visible(str(path))}\n" for path in paths)
        left = "".join(f"  {step}\n" for step in setup.next_steps)
        print_text(f"written\n{written}next\n{left}")


@analyze.command(context_settings={"ignore_unknown_options": True})
@LOGS
@click.option(
    "--every", default="1h", show_default=True, metavar="DURATION", help="How often to run."
)
@click.option(
    "--jitter",
    default="0s",
    show_default=True,
    metavar="DURATION",
    help="Start each run but the first up to this late, by chance.",
)
@click.option(
    "--times", type=click.IntRange(min=1), metavar="N", help="End after N runs.  [default: never]"
)
@click.pass_context
def watch(
    ctx: click.Context, logs: tuple[str, ...], every: str, jitter: str, times: int | None
) -> None:
    """Run again and again, for people without a scheduler; takes every option of run, too.

    It stays in the foreground, and ends at Ctrl-C or SIGTERM: a run that goes on then is stopped,
    and leaves the previous report in place. Its exit status is that of the last run.

    \b
    Examples:
      analyze watch logs/ --every 1h --baseline 24h --times 1
      analyze watch logs/ --every 15m --jitter 1m --baseline 24h -q --times 1
    """
    run = analyze.commands["run"]
    # A slip is told now, not in an hour; the context is only made to be checked.
    run.make_context("run", list(logs), parent=ctx.find_root())
    with reported():
        from pipeline import orchestrate

        status = orchestrate.watch(logs, every, jitter, times, _teller())
    sys.exit(status)


def _teller() -> Callable[[str], None]:
    talks = verbosity() > 0 or sys.stderr.isatty()
    return lambda text: click.echo(text, err=True) if talks else None
