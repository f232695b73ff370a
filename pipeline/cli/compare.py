"""The commands that compare a finished run with something later: diff and verify."""

import sys
from pathlib import Path

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, EXIT_ZERO, JSON, RULES
from pipeline.cli.output import print_facts, reported, teller

_RUN = click.Path(path_type=Path)
_DIFF_CODES = """\b
Exit status:
  0    no class is new or worse
  1    a class is confirmed to be new or worse
  2    wrong usage: a path or option
  3    could not finish
  4    cannot tell of a class, since its services logged nothing
"""


@analyze.command(short_help="Tell what changed between two runs.", epilog=_DIFF_CODES)
@click.argument("before", type=_RUN)
@click.argument("after", type=_RUN)
@RULES
@EXIT_ZERO
@JSON
@COLOR
def diff(
    before: Path, after: Path, rules_dir: Path | None, exit_zero: bool, as_json: bool, color: str
) -> None:
    """Tell what changed between two finished runs: BEFORE and AFTER are their folders.

    Each class of errors is new, worse, better, resolved, the same or unknown, by the rate test on
    the windows that the runs examined. The events of both are named again by the rules and masks of
    today: a class that only got another name is relabelled, and no change of the system. Where
    services were not logging, nothing is better.

    \b
    Examples:
      analyze diff monday/ tuesday/
      analyze diff monday/ tuesday/ --json
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.diff(before, after, rules=rules_dir, tell=teller(as_json))
        print_facts(found, render.render_difference, as_json=as_json, color=color)
        sys.exit(0 if exit_zero else orchestrate.difference_code(found))
