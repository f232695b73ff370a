"""The commands that look into a finished run: show, query, evidence."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, JSON, RUN
from pipeline.cli.output import print_facts, print_text, reported, teller, until_closed
from pipeline.errors import ExitCode

if TYPE_CHECKING:
    from pipeline.console import Answer, Console

_ROW_FORMATS = ("table", "csv", "json", "parquet")


@analyze.command()
@click.argument("finding")
@RUN
@click.option(
    "--logs",
    multiple=True,
    metavar="PATH",
    help="Where the logs are now (repeatable).  [default: where they were read from]",
)
@click.option(
    "--context",
    type=click.IntRange(0, 200),
    default=3,
    show_default=True,
    help="Lines before and after each sample.",
)
@JSON
@COLOR
def show(
    finding: str, run: Path, logs: tuple[str, ...], context: int, as_json: bool, color: str
) -> None:
    """Show one FINDING in full: counts by time, samples, frames, lines around them.

    FINDING is an error class, the id of a finding or template, or the beginning of one. Lines are
    read from the logs by their offset, without secrets; where these have moved, they are looked
    for.

    \b
    Examples:
      analyze show enum_binding
      analyze show enum_binding --run analysis/ --logs old-logs/ --context 10
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.show(finding, run, logs, context=context)
        print_facts(found, render.render_findings, as_json=as_json, color=color)


@analyze.command()
@click.argument("sql", required=False, metavar="[SQL|-]")
@RUN
@click.option(
    "--format",
    "form",
    type=click.Choice(_ROW_FORMATS),
    default="table",
    show_default=True,
    help="How rows are printed; a table shows the first hundred.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one question may take.",
)
@click.option(
    "--memory-limit",
    default="2GB",
    show_default=True,
    metavar="SIZE",
    help="How much memory it may take.",
)
def query(sql: str | None, run: Path, form: str, timeout: float, memory_limit: str) -> None:
    """Ask a finished run in SQL (DuckDB); without SQL, list its views and their columns.

    Views: events, rollup, minutes, ledger, windows, findings, and every query of the report by its
    name. Only reading is possible, and nothing but the run's own tables. - reads SQL from stdin.

    \b
    Examples:
      analyze query
      analyze query "select error_class, count(*) from events group by all"
      analyze query "from finding_totals" --format csv > totals.csv
    """
    with reported():
        from pipeline import orchestrate
        from pipeline.console import Limits

        if sql == "-":
            sql = sys.stdin.read()
        with orchestrate.open_console(run, Limits(memory_limit, timeout)) as console:
            if sql is None:
                _print_relations(console)
                return
            if form == "parquet" and sys.stdout.isatty():
                raise click.UsageError("Parquet is not for a terminal: write it to a file with >")
            with console.ask(sql) as answer:
                _print_rows(answer, form)


def _print_relations(console: "Console") -> None:
    from pipeline.render import rows

    found = console.relations()
    print_text(rows.relations_text([(one.name, one.row_count, one.columns) for one in found]))


def _print_rows(answer: "Answer", form: str) -> None:
    # What goes into a file or a pipe is not cut to a screen that nobody looks at.
    import shutil

    from pipeline.render import rows

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    with until_closed():
        rows.write_rows(form, answer.schema, answer.batches, sys.stdout.buffer, width)
        sys.stdout.buffer.flush()


@analyze.group()
def evidence() -> None:
    """Tell whether the samples of a report still stand in the logs."""


@evidence.command()
@click.argument("run", metavar="OUT", type=click.Path(path_type=Path))
@click.argument("logs", nargs=-1, metavar="[LOGS...]")
@JSON
@COLOR
def verify(run: Path, logs: tuple[str, ...], as_json: bool, color: str) -> None:
    """Look for every sample of the report in OUT in LOGS: intact, moved, altered or gone.

    LOGS are files, folders, globs and archives; without them, the files that were read. Exit status
    1 when a sample was altered; 4 when none was, but some are gone or cannot be verified.

    \b
    Examples:
      analyze evidence verify analysis/
      analyze evidence verify analysis/ old-logs/
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.verify_evidence(run, logs, tell=teller(as_json))
        print_facts(found, render.render_evidence, as_json=as_json, color=color)
        if found.count("altered"):
            sys.exit(ExitCode.REGRESSION)
        if found.count("gone", "unverifiable"):
            sys.exit(ExitCode.CANNOT_DECIDE)
