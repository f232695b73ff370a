"""Telling people of a run: the options for it, and the command that tries them."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, JSON, NOTIFY
from pipeline.cli.output import print_facts, reported, visible
from pipeline.errors import ExitCode

if TYPE_CHECKING:
    from pipeline.notices import Delivery


def tell_failures(deliveries: "Sequence[Delivery]", *, is_error: bool = False) -> None:
    """Tell on stderr what did not arrive: a warning, or an error where it makes the run fail."""
    for one in deliveries:
        if one.text == "delivered":
            continue
        tries = f" ({one.try_count} tries)" if one.try_count > 1 else ""
        what = "told" if one.is_delivered else "not told"
        word = "error" if is_error and not one.is_delivered else "warning"
        click.echo(visible(f"{word}: {what}: {one.target}: {one.text}{tries}"), err=True)


@analyze.group()
def notify() -> None:
    """Try whom analyze tells of a run.

    \b
    Examples:
      analyze notify test --notify alerts.jsonl
    """


@notify.command()
@NOTIFY
@JSON
@COLOR
def test(notify: tuple[str, ...], as_json: bool, color: str) -> None:
    """Send a message that says that it is a test to each target, and tell what came back.

    Targets are those of --notify, or of the file and the environment. Exit status 3 when one of
    them was not reached.

    \b
    Examples:
      analyze notify test --notify alerts.jsonl
      analyze notify test --notify alerts.jsonl --json
    """
    with reported():
        from pipeline import orchestrate, render

        if not notify:
            raise click.UsageError("no target: name one with --notify, or in the file of options")
        found = orchestrate.send_test(orchestrate.alerts_of(notify, os.environ))
        print_facts(found, render.render_deliveries, as_json=as_json, color=color)
        if not all(one.is_delivered for one in found):
            sys.exit(ExitCode.FAILED)
