"""The commands that tell how errors are named: rules with its own commands."""

import sys
from pathlib import Path
from typing import Any

import click

from pipeline.cli.complete import rule_names
from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, FORMATS, JSON, READING, RULES, SERVICE, ZONE, options
from pipeline.cli.output import print_facts, print_text, reported, teller
from pipeline.errors import ExitCode

HOW_READ = options(ZONE, FORMATS, SERVICE, READING)


@analyze.group()
def rules() -> None:
    """List, show, test, lint and suggest rules, which name errors.

    A rule of one's own is an entry in a .toml file of a folder that --rules names; it replaces a
    shipped one of the same name. Nothing in it is ever executed.

    \b
    Examples:
      analyze rules list
      analyze rules show timeout
      analyze rules suggest logs/ > my-rules/own.toml
      analyze rules test my-rules/own.toml
      analyze rules test logs/ --rules my-rules/
      analyze logs/ --baseline 24h --rules my-rules/
    """


@rules.command("list")
@RULES
@JSON
@COLOR
def list_(rules_dir: Path | None, as_json: bool, color: str) -> None:
    """List all rules in the order in which they are tried."""
    with reported():
        from pipeline import render
        from pipeline.orchestrate import rulebook

        found = rulebook.list_rules(rules_dir)
        print_facts(found, render.render_rule_list, as_json=as_json, color=color)


@rules.command()
@click.argument("name", shell_complete=rule_names)
@RULES
@click.option(
    "--toml", "as_toml", is_flag=True, help="Print it as a file, to begin one's own from."
)
@JSON
@COLOR
def show(name: str, rules_dir: Path | None, as_toml: bool, as_json: bool, color: str) -> None:
    """Show one rule: its patterns, lines that must and must not match.

    \b
    Examples:
      analyze rules show timeout
      analyze rules show timeout --toml
    """
    with reported():
        from pipeline import render
        from pipeline.orchestrate import rulebook

        found = rulebook.show_rule(name, rules_dir)
        if as_toml:
            print_text(found.definition)
        else:
            print_facts(found, render.render_rule, as_json=as_json, color=color)


@rules.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="FILE.toml|LOGS...")
@RULES
@HOW_READ
@JSON
@COLOR
def test(
    paths: tuple[str, ...],
    rules_dir: Path | None,
    as_json: bool,
    color: str,
    **how: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Check the rules of FILE.toml on their own lines, or tell which rules name what in LOGS.

    A definition that is unusable ends with exit status 2. Lines that another rule takes first are
    told, and are no fault.

    \b
    Examples:
      analyze rules test my-rules/own.toml
      analyze rules test logs/ --rules my-rules/
    """
    with reported():
        from pipeline import render
        from pipeline.orchestrate import rulebook

        if len(paths) > 1 or not paths[0].endswith(".toml"):
            settings = _settings(how, rules_dir)
            naming = rulebook.name_logs(paths, settings, tell=teller(as_json))
            print_facts(naming, render.render_naming, as_json=as_json, color=color)
            return
        checked = rulebook.check_rules(Path(paths[0]), rules_dir)
        print_facts(checked, render.render_rule_check, as_json=as_json, color=color)
        if checked.problems:
            sys.exit(ExitCode.USAGE)


@rules.command()
@click.argument("path", required=False, type=click.Path(path_type=Path), metavar="[FILE|DIR]")
@JSON
@COLOR
def lint(path: Path | None, as_json: bool, color: str) -> None:
    """Tell which rules are too broad, doubled or never reached; without FILE, of the shipped ones.

    Exit status 2 when anything is told.

    \b
    Examples:
      analyze rules lint my-rules/
      analyze rules lint
    """
    with reported():
        from pipeline import render
        from pipeline.orchestrate import rulebook

        checked = rulebook.check_rules(path) if path else rulebook.lint_shipped()
        print_facts(checked, render.render_rule_check, as_json=as_json, color=color)
        if checked.problems or checked.warnings:
            sys.exit(ExitCode.USAGE)


@rules.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(), metavar="LOGS...")
@click.option("--count", default=3, show_default=True, help="How many rules to propose at most.")
@RULES
@HOW_READ
def suggest(
    logs: tuple[str, ...],
    count: int,
    rules_dir: Path | None,
    **how: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Propose rules for the most frequent errors in LOGS that no rule names, as TOML on stdout.

    Lines that must match are lines of LOGS. Exit status 4 when none of those errors occurs twice.

    \b
    Examples:
      analyze rules suggest logs/
      analyze rules suggest logs/ --count 1 > my-rules/own.toml
    """
    with reported():
        from pipeline.orchestrate import rulebook

        settings = _settings(how, rules_dir)
        found = rulebook.suggest_rules(logs, count, settings, tell=teller(False))
        if found is None:
            click.echo("every error has a name: there is nothing to suggest", err=True)
        else:
            print_text(found)


def _settings(how: dict[str, Any], rules_dir: Path | None) -> Any:  # noqa: ANN401  # Settings
    from pipeline.model import Settings

    folder = how.pop("formats_dir")
    return Settings(
        **how,
        formats_dir=str(folder) if folder else None,
        rules_dir=str(rules_dir) if rules_dir else None,
    )
