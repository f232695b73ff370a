"""The command that judges a store's past again."""

from pathlib import Path
from typing import Literal

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, JSON, ZONE
from pipeline.cli.output import print_facts, reported, teller


@analyze.command()
@click.option(
    "--store",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The store that runs keep.",
)
@click.option(
    "--every", default="1h", show_default=True, metavar="DURATION", help="How often a run is made."
)
@click.option(
    "--since", metavar="TIME", help="The first run.  [default: when the first one can compare]"
)
@click.option("--until", metavar="TIME", help="The last run.  [default: the last event]")
@click.option(
    "--baseline", default="auto", show_default=True, metavar="WHAT", help="As of run: auto or 24h."
)
@click.option(
    "--fail-on",
    type=click.Choice(["never", "new", "regression", "any"]),
    default="regression",
    show_default=True,
    help="What makes the exit status 1.",
)
@click.option(
    "--propose",
    "proposed",
    multiple=True,
    metavar="KEY=VALUE",
    help="Other settings to show beside these: baseline=7d, fail-on=new (repeatable).",
)
@ZONE
@JSON
@COLOR
def backtest(
    folder: Path,
    every: str,
    since: str | None,
    until: str | None,
    baseline: str,
    fail_on: Literal["never", "new", "regression", "any"],
    proposed: tuple[str, ...],
    zone: str | None,
    as_json: bool,
    color: str,
) -> None:
    """Tell what runs on the store would have found, had they been made, and with other settings.

    Each run sees what was logged before it and remembers what those before it found. Nothing is
    written to the store, and nobody is told.

    \b
    Examples:
      analyze backtest --store store/ --every 6h
      analyze backtest --store store/ --every 12h --propose baseline=24h
    """
    with reported():
        from pipeline import orchestrate, render
        from pipeline.model import Settings

        settings = Settings(baseline=(baseline,), fail_on=fail_on, zone=zone)
        found = orchestrate.backtest(
            folder, settings, every, since=since, until=until, proposed=proposed,
            tell=teller(as_json),
        )  # fmt: skip
        print_facts(found, render.render_backtest, as_json=as_json, color=color)
