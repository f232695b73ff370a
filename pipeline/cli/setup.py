"""The commands that set the program up: config and completion."""

import os
from pathlib import Path

import click
from click.core import ParameterSource

from pipeline.cli.config import NAMED, find_config, options_of, read_config
from pipeline.cli.config import unknown_variables as strange_variables
from pipeline.cli.group import analyze
from pipeline.cli.options import JSON
from pipeline.cli.output import print_text, visible

SHELLS = ("bash", "zsh", "fish")
SECRETS = frozenset(
    ("redaction-key", "notify", "ping")
)  # whether they are set is told, and no more


@analyze.group()
def config() -> None:
    """Show which options come from a file or from the environment.

    An option that is given counts before its variable (ANALYZE_TZ, ANALYZE_FAIL_ON), a variable
    before the file, the file before the default. The file is that of --config, else of
    $ANALYZE_CONFIG, else the nearest analyze.toml or pyproject.toml with [tool.analyze], from here
    up to the root of the repository, else analyze.toml in the user's configuration folder.

    \b
    Examples:
      analyze config show --origin
      analyze config show doctor --json
    """


@config.command()
@click.argument("command", required=False, default="run", metavar="[COMMAND]")
@click.option("--origin", is_flag=True, help="Tell where each value comes from.")
@JSON
@click.pass_context
def show(ctx: click.Context, command: str, origin: bool, as_json: bool) -> None:
    """Show what the options of COMMAND would be if none were given.  [default: run]

    \b
    Examples:
      analyze config show
      analyze config show --origin
    """
    chosen = _command(ctx, command)
    inner = click.Context(chosen, info_name=command, parent=ctx.find_root())
    path = find_config(ctx.meta.get(NAMED), Path.cwd(), os.environ)
    file = read_config(path) if path is not None else None
    # Arguments are of no matter here, and must be there.
    needed = ["-"] * sum(isinstance(p, click.Argument) and p.required for p in chosen.params)
    with inner.scope(cleanup=False):
        chosen.parse_args(inner, [*(["--config", str(path)] if path else []), *needed])
    rows = []
    for key, option in sorted(options_of(chosen).items()):
        source = inner.get_parameter_source(option.name or "")
        where = "default"
        if source is ParameterSource.ENVIRONMENT:
            where = f"environment {option.envvar}"
        elif source is ParameterSource.DEFAULT_MAP and file is not None:
            is_own = key in file.table.get(command, {}) if command in file.table else False
            where = f"file {file.place(key, command if is_own else '')}"
        value = inner.params[option.name or ""]
        rows.append((key, "(set)" if key in SECRETS and value else value, where))
    _print(rows, path, origin=origin, as_json=as_json)
    for name, near in strange_variables(analyze, os.environ).items():
        also = f"; did you mean {near}?" if near else ""
        click.echo(f"warning: {visible(name)} is no variable of this program{also}", err=True)


def _command(ctx: click.Context, words: str) -> click.Command:
    chosen: click.Command = analyze
    for word in words.split():
        if not isinstance(chosen, click.Group) or word not in chosen.commands:
            known = chosen.commands if isinstance(chosen, click.Group) else ()
            raise click.NoSuchCommand(words, possibilities=known, ctx=ctx)
        chosen = chosen.commands[word]
    if isinstance(chosen, click.Group):
        raise click.UsageError(f"{words} is a group: name one of its commands too", ctx=ctx)
    return chosen


def _print(
    rows: list[tuple[str, object, str]], path: Path | None, *, origin: bool, as_json: bool
) -> None:
    import json

    plain = {key: _plain(value) for key, value, _ in rows}
    if as_json:
        document: dict[str, object] = {"file": str(path) if path else None, "options": plain}
        if origin:
            document["origin"] = {key: where for key, _, where in rows}
        print_text(json.dumps(document, indent=2) + "\n")
        return
    width = max(len(key) for key in plain)
    lines = [f"# file: {visible(str(path))}" if path else "# file: none"]
    for key, _, where in rows:
        text = f"{key:<{width}} = {json.dumps(plain[key])}"
        lines.append(f"{text:<{width + 28}}  # {visible(where)}" if origin else text)
    print_text("\n".join(lines) + "\n")


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


@analyze.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, formats, rules and files.

    \b
    Examples:
      analyze completion bash > ~/.local/share/bash-completion/completions/analyze
      analyze completion zsh > ~/.zfunc/_analyze
      analyze completion fish > ~/.config/fish/completions/analyze.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    print_text(kind(analyze, {}, "analyze", "_ANALYZE_COMPLETE").source() + "\n")
