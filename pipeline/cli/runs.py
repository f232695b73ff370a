"""The commands that read logs and write results: run, ingest, report, calibrate, demo."""

import sys
from pathlib import Path
from typing import Any

import click

from pipeline.cli.group import EXIT_CODES
from pipeline.cli.options import FORMATS, LOGS, OUT, OUTPUT, READING, SERVICE, STRICT, ZONE, options
from pipeline.cli.output import documents, print_result, reported, teller
from pipeline.model import Settings


@click.command(epilog=EXIT_CODES)
@LOGS
@options(
    click.option(
        "--baseline",
        multiple=True,
        metavar="WHAT",
        help="What is normal: a file or folder (repeatable), a window A..B in LOGS, a duration "
        "such as 24h before the candidate window, or auto.  [default: auto]",
    ),
    click.option("--since", metavar="TIME", help="Start of the candidate window."),
    click.option("--until", metavar="TIME", help="End of the candidate window."),
    ZONE,
    READING,
    FORMATS,
    SERVICE,
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
    OUT,
    OUTPUT,
    click.option(
        "--events",
        type=click.Choice(["candidates", "all"]),
        default="candidates",
        show_default=True,
        help="Which events get a row in events/*.parquet.",
    ),
    click.option("--title", metavar="TEXT", help="Title of the report."),
    click.option("--author", metavar="TEXT", help="Name under the report's title."),
    STRICT,
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
    formats_dir: Path | None,
    **asked: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Compare LOGS with their baseline and write an incident report.

    LOGS are files, folders, globs, or - for standard input; .gz .zst .bz2 .xz, tar and zip archives
    and rotated files are read as they are. Times: ISO 8601, @epoch, now, end, or a duration before
    the end of the data (90m, 24h).
    """
    with reported():
        from pipeline import orchestrate

        settings = Settings(
            baseline=asked.pop("baseline") or ("auto",),
            is_strict=strict,
            keeps_all_events=events == "all",
            formats_dir=str(formats_dir) if formats_dir else None,
            **asked,
        )
        outcome = orchestrate.analyze(
            logs, settings, out=out, documents=documents(formats), now=now, tell=teller(quiet)
        )
        print_result(outcome, out, as_json=as_json, quiet=quiet, color=color, formats=formats)
        sys.exit(orchestrate.exit_code(outcome, settings.fail_on))


@click.command()
@LOGS
@OUT
@ZONE
@READING
@FORMATS
@SERVICE
@STRICT
@click.option(
    "--events",
    type=click.Choice(["candidates", "all"]),
    default="candidates",
    show_default=True,
    help="Which events get a row in events/*.parquet.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def ingest(
    logs: tuple[str, ...],
    out: Path,
    formats_dir: Path | None,
    services: tuple[str, ...],
    strict: bool,
    events: str,
    quiet: bool,
    **asked: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Only read LOGS into Parquet: events, counts, and the ledger of where every line went."""
    with reported():
        from pipeline import orchestrate

        settings = Settings(
            formats_dir=str(formats_dir) if formats_dir else None,
            services=services,
            is_strict=strict,
            keeps_all_events=events == "all",
            **asked,
        )
        ledger = orchestrate.ingest(logs, out, settings, tell=teller(quiet))
        if not quiet:
            click.echo(
                f"{len(ledger.sources)} sources, {ledger.line_count:,} lines, "
                f"{ledger.event_count:,} events, {ledger.unparsed_event_count:,} unparsed: {out}"
            )


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@OUTPUT
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
    with reported():
        from pipeline import orchestrate

        folder, found = orchestrate.render_again(result, out, documents(formats))
        print_result(found, folder, as_json=as_json, quiet=quiet, color=color, formats=formats)


@click.command()
@OUT
@click.option("--seed", default=20250810, show_default=True, help="Another seed, another noise.")
@click.option("--logs-only", is_flag=True, help="Write the logs and do not analyse them.")
@OUTPUT
def demo(
    out: Path, seed: int, logs_only: bool, formats: str, as_json: bool, quiet: bool, color: str
) -> None:
    """Write the logs of a 21-container stack in trouble, and analyse them.

    DIR/logs holds the logs, DIR/truth.json what was planted in them, DIR/report the report.
    """
    with reported():
        from pipeline import orchestrate

        found = orchestrate.demo(
            out, seed=seed, documents=documents(formats), logs_only=logs_only, tell=teller(quiet)
        )
        if found is not None:
            print_result(
                found, out / "report", as_json=as_json, quiet=quiet, color=color, formats=formats
            )
