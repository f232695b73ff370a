"""The commands that compare a finished run with something later: diff and verify."""

import sys
from pathlib import Path
from typing import Any

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import (
    COLOR,
    EXIT_ZERO,
    FORMATS,
    JSON,
    READING,
    RULES,
    SERVICE,
    ZONE,
    options,
)
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


@analyze.command(epilog=_DIFF_CODES)
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


_VERIFY_CODES = """\b
Exit status:
  0    all criteria pass
  1    a criterion fails
  2    wrong usage: a path or option
  3    could not finish
  4    cannot tell: no criterion fails, and one has too little exposure
"""


@analyze.command(epilog=_VERIFY_CODES)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(), metavar="[RUN|criteria.toml] LOGS..."
)
@click.option("--since", metavar="TIME", help="From when on.  [default: the end of the run]")
@click.option("--until", metavar="TIME", help="Up to when.  [default: the last line]")
@options(ZONE, FORMATS, RULES, SERVICE, READING)
@EXIT_ZERO
@JSON
@COLOR
def verify(
    paths: tuple[str, ...],
    formats_dir: Path | None,
    rules_dir: Path | None,
    exit_zero: bool,
    as_json: bool,
    color: str,
    **asked: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Check the success criteria of a finished run on later LOGS: pass, fail or insufficient.

    RUN is its folder (./analysis if none is named), or its criteria.toml, which may be edited. A
    criterion passes only where it could have failed: its services were logging for long enough, and
    so much was going on that the fault would have shown if it were still there.

    \b
    Examples:
      analyze verify analysis/ later/
      analyze verify analysis/criteria.toml later/ --json
    """
    with reported():
        from pipeline import orchestrate, render
        from pipeline.model import Settings

        run, logs = orchestrate.default_run(paths)
        settings = Settings(
            **asked,
            formats_dir=str(formats_dir) if formats_dir else None,
            rules_dir=str(rules_dir) if rules_dir else None,
        )
        found = orchestrate.verify(run, logs, settings, tell=teller(as_json))
        print_facts(found, render.render_verification, as_json=as_json, color=color)
        sys.exit(0 if exit_zero else orchestrate.verification_code(found))
