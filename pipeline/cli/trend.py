"""The command that shows what a store tells of days and runs."""

from pathlib import Path

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, JSON, QUIET, ZONE, options
from pipeline.cli.output import print_facts, reported


@analyze.command()
@click.argument("name", required=False, metavar="[CLASS]")
@click.option(
    "--store",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The store that runs with --store keep.",
)
@click.option(
    "--by",
    type=click.Choice(["day", "hour"]),
    default="day",
    show_default=True,
    help="What stands side by side.",
)
@click.option(
    "--since",
    metavar="TIME",
    help="From when on: a time, or a length back from the last event (7d).  [default: 30 days; "
    "48 hours by hour; all with --html]",
)
@click.option("--until", metavar="TIME", help="Until when.  [default: the last event]")
@ZONE
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page over all runs instead: a calendar of errors and verdicts, findings over "
    "time, and links to the reports.",
)
@options(JSON, COLOR, QUIET)
def trend(
    name: str | None,
    folder: Path,
    by: str,
    since: str | None,
    until: str | None,
    zone: str | None,
    page: Path | None,
    as_json: bool,
    color: str,
    quiet: bool,
) -> None:
    """Show how often each class occurred per covered hour, day by day, and what runs remember of
    it; or the days of one CLASS, which is named by class, title or id.

    \b
    Examples:
      analyze trend --store store/
      analyze trend enum_binding --store store/ --by hour
      analyze trend --store store/ --since 7d --json
      analyze trend --store store/ --html index.html
    """
    if page and (name or as_json):
        raise click.UsageError("--html writes a page over all classes: leave out CLASS and --json")
    with reported():
        from pipeline import orchestrate, render

        if page is None:
            found = orchestrate.trend(folder, name, by=by, since=since, until=until, zone=zone)
            if as_json or not quiet:
                print_facts(found, render.render_trend, as_json=as_json, color=color)
            return
        orchestrate.write_index(folder, page, since=since, until=until, zone=zone)
        if not quiet:
            click.echo(f"page over all runs: {page}")
