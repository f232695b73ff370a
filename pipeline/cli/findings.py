"""The commands on what a store remembers of findings."""

from pathlib import Path
from typing import Literal

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, JSON, options
from pipeline.cli.output import print_facts, reported

STORE = click.option(
    "--store",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The store that runs keep.",
)
FINDING = click.argument("finding", metavar="FINDING")
SAID = options(
    click.option("--who", metavar="NAME", help="Who says so.  [default: the user]"),
    click.option("--why", metavar="TEXT", help="Why, for those who come after."),
)


@analyze.group()
def findings() -> None:
    """List, show and handle what a store remembers of findings from run to run.

    FINDING is an id, its beginning, or the name of a class.

    \b
    Examples:
      analyze findings list --store store/
      analyze findings show enum_binding --store store/
      analyze findings ignore enum_binding --until 7d --why "vendor is on it" --store store/
    """


@findings.command("list")
@STORE
@click.option("--open", "is_open_only", is_flag=True, help="Only those that are not over.")
@JSON
@COLOR
def list_(folder: Path, is_open_only: bool, as_json: bool, color: str) -> None:
    """List all findings that ever were a regression, open ones first.

    \b
    Examples:
      analyze findings list --store store/ --open
      analyze findings list --store store/ --json
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.remembered_findings(folder, is_open_only=is_open_only)
        print_facts(found, render.render_memory, as_json=as_json, color=color)


@findings.command()
@FINDING
@STORE
@JSON
@COLOR
def show(finding: str, folder: Path, as_json: bool, color: str) -> None:
    """Show one finding: when it was in trouble, what changed its state, who said what.

    \b
    Examples:
      analyze findings show enum_binding --store store/
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.remembered_finding(folder, finding)
        print_facts(found, render.render_remembered, as_json=as_json, color=color)


@findings.command()
@FINDING
@STORE
@SAID
def ack(finding: str, folder: Path, who: str | None, why: str | None) -> None:
    """Say that somebody looks at it: it stays open, and is not told again while it is as it is.

    \b
    Examples:
      analyze findings ack enum_binding --why "INC-7" --store store/
    """
    _say(folder, finding, "ack", who=who, why=why)


@findings.command()
@FINDING
@STORE
@SAID
def resolve(finding: str, folder: Path, who: str | None, why: str | None) -> None:
    """Say that it is over, before the logs show it; if it comes again it has returned.

    \b
    Examples:
      analyze findings resolve enum_binding --why "type was added" --store store/
    """
    _say(folder, finding, "resolve", who=who, why=why)


@findings.command()
@FINDING
@STORE
@SAID
@click.option("--until", metavar="TIME", help="A time or a duration.  [default: until it is over]")
def ignore(finding: str, folder: Path, who: str | None, why: str | None, until: str | None) -> None:
    """Silence it: no exit status, no message, until it is over, much worse, or the time has come.

    \b
    Examples:
      analyze findings ignore enum_binding --until 7d --why "known" --store store/
    """
    _say(folder, finding, "ignore", who=who, why=why, until=until)


def _say(
    folder: Path,
    finding: str,
    what: Literal["ack", "resolve", "ignore"],
    *,
    who: str | None,
    why: str | None,
    until: str | None = None,
) -> None:
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.say_of(folder, finding, what, who=who, why=why, until=until)
        print_facts(found, render.render_remembered, as_json=False, color="auto")
