"""The commands that tell what is generally known of errors: knowledge with its own commands."""

import click

from pipeline.cli.complete import knowledge_names
from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, JSON
from pipeline.cli.output import print_facts, reported


@analyze.group()
def knowledge() -> None:
    """List and show what is generally known of errors, and what is looked for in logs.

    A report shows the entry of each class that rose, with what its logs say to every hypothesis.

    \b
    Examples:
      analyze knowledge list
      analyze knowledge show timeout.pool
    """


@knowledge.command("list")
@JSON
@COLOR
def list_(as_json: bool, color: str) -> None:
    """List all entries: those of a class, and CLASS.VARIANT for particular errors of it."""
    with reported():
        from pipeline import render
        from pipeline.orchestrate import rulebook

        found = rulebook.list_knowledge()
        print_facts(found, render.render_knowledge_list, as_json=as_json, color=color)


@knowledge.command()
@click.argument("name", metavar="ID", shell_complete=knowledge_names)
@JSON
@COLOR
def show(name: str, as_json: bool, color: str) -> None:
    """Show one entry: mechanism, checks, hypotheses with their signs, remedy, references.

    \b
    Examples:
      analyze knowledge show disk_full
      analyze knowledge show message_broker.kafka_group
    """
    with reported():
        from pipeline import render
        from pipeline.orchestrate import rulebook

        found = rulebook.show_knowledge(name)
        print_facts(found, render.render_knowledge, as_json=as_json, color=color)
