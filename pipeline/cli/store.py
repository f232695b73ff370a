"""The commands that look after a store."""

import re
import sys
from datetime import timedelta
from pathlib import Path

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, JSON, QUIET, options
from pipeline.cli.output import print_facts, reported, teller
from pipeline.errors import ExitCode

FOLDER = click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
SHOWN = options(JSON, COLOR, QUIET)
APPLY = click.option("--apply", "applies", is_flag=True, help="Do it; else only tell what would.")
_KEEP = re.compile(r"(events|hourly|runs)=(\d{1,5})d")


@analyze.group()
def store() -> None:
    """Look after the folder that runs with --store keep.

    \b
    Examples:
      analyze store info store/
      analyze store verify store/
      analyze store prune store/ --keep events=90d --apply
    """


@store.command()
@FOLDER
@SHOWN
def info(folder: Path, as_json: bool, color: str, quiet: bool) -> None:
    """Tell what the store in DIR holds: files, bytes, rows, days, the last run.

    \b
    Examples:
      analyze store info store/
      analyze store info store/ --json
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.store_facts(folder)
        if as_json or not quiet:
            print_facts(found, render.render_store, as_json=as_json, color=color)


@store.command()
@FOLDER
@SHOWN
def verify(folder: Path, as_json: bool, color: str, quiet: bool) -> None:
    """Read every file of the store in DIR and compare it with the hash of what was written.

    Exit status 3 where one differs.

    \b
    Examples:
      analyze store verify store/
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.check_store(folder, tell=teller(quiet or as_json))
        if as_json or not quiet:
            print_facts(found, render.render_store_check, as_json=as_json, color=color)
        if not found.agrees:
            sys.exit(ExitCode.FAILED)


@store.command()
@FOLDER
@click.option(
    "--keep",
    multiple=True,
    required=True,
    metavar="KIND=DAYS",
    help="How long to keep a kind, counted back from the last event: events=90d, hourly=400d "
    "(counts by hour and minute), runs=90d (results; repeatable).",
)
@APPLY
@SHOWN
def prune(
    folder: Path, keep: tuple[str, ...], applies: bool, as_json: bool, color: str, quiet: bool
) -> None:
    """Let go what is older than --keep says, of the store in DIR; without --apply only tell.

    \b
    Examples:
      analyze store prune store/ --keep events=14d --keep hourly=400d
      analyze store prune store/ --keep runs=90d --apply
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.prune_store(
            folder, _lengths(keep), is_applied=applies, tell=teller(quiet or as_json)
        )
        if as_json or not quiet:
            print_facts(found, render.render_store_change, as_json=as_json, color=color)


def _lengths(keep: tuple[str, ...]) -> dict[str, timedelta]:
    lengths = {}
    for one in keep:
        match = _KEEP.fullmatch(one.replace(" ", ""))
        if match is None:
            raise click.BadParameter(
                f"--keep {one!r} is none of events=DAYSd, hourly=DAYSd, runs=DAYSd"
            )
        lengths[match[1]] = timedelta(days=int(match[2]))
    return lengths


@store.command()
@FOLDER
@APPLY
@SHOWN
def compact(folder: Path, applies: bool, as_json: bool, color: str, quiet: bool) -> None:
    """Make the small files of each day one, in the store in DIR; without --apply only tell.

    Runs do so by themselves when many wait.

    \b
    Examples:
      analyze store compact store/ --apply
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.compact_store(folder, is_applied=applies, tell=teller(quiet or as_json))
        if as_json or not quiet:
            print_facts(found, render.render_store_change, as_json=as_json, color=color)


@store.command()
@FOLDER
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="New or empty folder for the tables.",
)
@QUIET
def export(folder: Path, out: Path, quiet: bool) -> None:
    """Write the tables of the store in DIR as Parquet, for other programs.

    \b
    Examples:
      analyze store export store/ -o tables/
    """
    with reported():
        from pipeline import orchestrate

        names = orchestrate.export_store(folder, out, tell=teller(quiet))
        if not quiet:
            click.echo(f"{len(names)} files: {out}")
