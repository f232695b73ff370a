"""The commands that look into a finished run: query."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import RUN
from pipeline.cli.output import print_text, reported, until_closed

if TYPE_CHECKING:
    from pipeline.console import Answer, Console

_ROW_FORMATS = ("table", "csv", "json", "parquet")


@analyze.command(short_help="Ask a finished run in SQL.")
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
    from pipeline.render import rows

    # What goes into a file or a pipe is not cut to a screen that nobody looks at.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    with until_closed():
        rows.write_rows(form, answer.schema, answer.batches, sys.stdout.buffer, width)
        sys.stdout.buffer.flush()
