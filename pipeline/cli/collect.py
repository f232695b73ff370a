"""The command that captures the state of containers and host beside the logs."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import JSON, QUIET
from pipeline.cli.output import print_text, reported, visible
from pipeline.errors import ExitCode

if TYPE_CHECKING:
    from pipeline.captures import Planned


@analyze.command()
@click.option(
    "--out",
    "-o",
    "out",
    default="facts",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for what is captured: give it to analyze as --facts.",
)
@click.option("--dry-run", "dry_run", is_flag=True, help="List the commands and run none.")
@JSON
@QUIET
def collect(out: Path, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Capture the state of containers, pods and host with the read-only commands that are there.

    docker, kubectl, df, free and uptime are asked, never through a shell, each for a limited time.
    Environments, command lines and other secrets are taken out before anything is written.

    \b
    Examples:
      analyze collect --dry-run
      analyze collect --out facts/
      analyze logs/ --baseline 24h --facts facts/
    """
    with reported():
        from pipeline import orchestrate

        if dry_run:
            _list(orchestrate.planned_commands(), as_json=as_json)
            return

        def tell(text: str) -> None:
            if not quiet:
                click.echo(visible(text), err=True)

        found = orchestrate.collect_facts(out, tell=tell)
        if as_json:
            from pipeline.render import facts_json

            print_text(facts_json(found))
        elif not quiet:
            count = f"{len(found.files)} of {len(found.commands)}"
            print_text(f"{count} commands captured: {visible(str(out))}\n")
        if not found.files:
            sys.exit(ExitCode.FAILED)


def _list(planned: "list[Planned]", *, as_json: bool) -> None:
    if as_json:
        from pipeline.render import facts_json

        print_text(facts_json(planned))
        return
    for one in planned:
        command = one.command
        words = shlex.join(command.argv)
        if command.words is not None:
            words += f" (and the {command.words.key} of {command.words.command})"
        where = "" if one.program else f"  [{command.argv[0]} was not found: not run]"
        print_text(f"{words}{where}\n    {command.why}; at most {command.seconds:g} s\n")
