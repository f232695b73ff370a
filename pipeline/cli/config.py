"""Options from a file and from the environment: option > ``ANALYZE_*`` > file > default.

The file is the one of ``--config``, else of ``$ANALYZE_CONFIG``, else the nearest ``analyze.toml``
or ``pyproject.toml`` with ``[tool.analyze]`` from the current folder up to the root of the
repository, else ``analyze.toml`` in the user's folder for configuration. Its keys are the long
options of `run`; they hold for every command that has the same option. A table with the name of a
command holds options of that command alone. A key that is none is an error.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

FILE_NAME = "analyze.toml"
VARIABLE = "ANALYZE_CONFIG"
NAMED = "aftershock.config"  # where a context keeps what --config named
_PREFIX = "ANALYZE_"
_MOST_BYTES = 1 << 20
# What one call asks for; as a habit these would only surprise.
_NEVER = {"help", "version", "config", "verbose", "json", "open", "toml", "check", "origin"}


class ConfigError(click.UsageError):
    """The file cannot be used: what, in which line, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Config:
    """One file: its path, its text, and the table of options in it."""

    path: Path
    text: str
    table: Mapping[str, Any]
    prefix: str = ""  # of its tables: `tool.analyze.`

    def place(self, key: str, command: str = "") -> str:
        """Return ``FILE:LINE`` of *key*, in the table of *command* if one is named."""
        wanted = self.prefix.rstrip(".") if not command else f"{self.prefix}{command}"
        current = ""
        for number, line in enumerate(self.text.splitlines(), start=1):
            if head := re.match(r"\s*\[\[?([^\]]+)\]", line):
                current = re.sub(r"[\s\"']", "", head[1])
                if current == f"{wanted}.{key}".lstrip("."):
                    return f"{self.path}:{number}"
            elif current == wanted and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
                return f"{self.path}:{number}"
        return str(self.path)


def find_config(named: str | None, start: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the file that counts, or None; a file that is named must be there."""
    if explicit := named or environment.get(VARIABLE):
        path = Path(explicit).expanduser()
        if not path.is_file():
            where = "--config" if named else f"${VARIABLE}"
            raise ConfigError(
                f"no such file: {explicit!r} ({where})", "name a TOML file with options"
            )
        return path
    for folder in (start, *start.parents):
        for name in (FILE_NAME, "pyproject.toml"):
            path = folder / name
            if path.is_file() and (name == FILE_NAME or _tool_table(path)):
                return Path(os.path.relpath(path, start))
        if (folder / ".git").exists():
            break
    own = user_folder(environment) / FILE_NAME
    return own if own.is_file() else None


def user_folder(environment: Mapping[str, str]) -> Path:
    """Return where this system keeps a user's configuration of this program."""
    if sys.platform == "win32":
        base = environment.get("APPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Roaming") / "aftershock"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "aftershock"
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "aftershock"


def _tool_table(path: Path) -> bool:
    """Tell whether a ``pyproject.toml`` speaks of this program; one that is broken does not."""
    try:
        return "analyze" in _parse(path)[1].get("tool", {})
    except (ConfigError, AttributeError):
        return False


def _parse(path: Path) -> tuple[str, dict[str, Any]]:
    import tomllib

    hint = "analyze config show tells which file is read, and what it says"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: more than 1 MiB is no configuration", hint)
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text", hint) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}", hint) from error


def read_config(path: Path) -> Config:
    """Return the file *path*; raises `ConfigError` when it cannot be read."""
    text, document = _parse(path)
    if path.name != "pyproject.toml":
        return Config(path, text, document)
    table = document.get("tool", {}).get("analyze", {})
    return Config(path, text, table if isinstance(table, dict) else {}, "tool.analyze.")


def defaults_for(config: Config, ctx: click.Context) -> dict[str, Any]:
    """Return what *config* says for the command of *ctx*, by parameter name, checked.

    The whole file is checked, whatever command runs: a slip is told at once.
    """
    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    path = ctx.command_path.split()[1:]
    own = options_of(ctx.command)
    shared = options_of(group.commands["run"])
    found: dict[str, Any] = {}
    for key, value in config.table.items():
        if isinstance(value, dict):
            continue
        option = _known(config, key, shared)
        checked = _checked(config, key, option, value, ctx)
        if key in own and is_same(own[key], option):
            found[own[key].name or key] = checked
    for command, table in config.table.items():
        if not isinstance(table, dict):
            continue
        _refuse_unknown_table(config, command, group)
        below = list(_commands(group.commands[command]))
        known = {key: one for each in below for key, one in options_of(each).items()}
        for key, value in table.items():
            option = _known(config, key, known, command)
            checked = _checked(config, key, option, value, ctx, command)
            if command == path[0] and key in own:
                found[own[key].name or key] = checked
    return found


def options_of(command: click.Command) -> dict[str, click.Option]:
    """Return the options of *command* that a file may set, by long name without dashes."""
    return {
        name: param
        for param in command.params
        if isinstance(param, click.Option)
        and (name := max(param.opts, key=len).lstrip("-")) not in _NEVER
    }


def is_same(one: click.Option, other: click.Option) -> bool:
    """Tell whether two commands mean the same by an option of one name."""
    return one.name == other.name and one.help == other.help


def _commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name])


def _known(
    config: Config, key: str, options: Mapping[str, click.Option], command: str = ""
) -> click.Option:
    from difflib import get_close_matches

    if key in options:
        return options[key]
    near = get_close_matches(key.replace("_", "-"), options, n=1)
    of = f" of [{command}]" if command else ""
    raise ConfigError(
        f"{config.place(key, command)}: unknown key {key!r}{of}",
        f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(options))}",
    )


def _refuse_unknown_table(config: Config, name: str, group: click.Group) -> None:
    from difflib import get_close_matches

    if name in group.commands:
        return
    near = get_close_matches(name, group.commands, n=1)
    raise ConfigError(
        f"{config.place(name)}: unknown table [{name}]",
        f"did you mean [{near[0]}]?" if near else "tables are named like commands, such as [run]",
    )


def _checked(
    config: Config,
    key: str,
    option: click.Option,
    value: Any,  # noqa: ANN401  # whatever TOML holds
    ctx: click.Context,
    command: str = "",
) -> Any:  # noqa: ANN401
    """Return *value* as the option takes it; a relative path is one from the file's folder."""
    if option.multiple and isinstance(value, str):
        value = [value]
    problem = _mistyped(option, value)
    if problem is None:
        if isinstance(option.type, click.Path) and option.multiple:
            value = [_from_folder(config.path, one) for one in value]
        elif isinstance(option.type, click.Path):
            value = _from_folder(config.path, value)
        elif key == "notify":  # a file is named without a scheme
            value = [one if ":" in one else _from_folder(config.path, one) for one in value]
        elif key == "baseline":
            value = [
                _from_folder(config.path, one) if (config.path.parent / one).exists() else one
                for one in value
            ]
        try:
            option.type_cast_value(ctx, value)
        except click.BadParameter as error:
            problem = error.message.rstrip(".")
    if problem is not None:
        raise ConfigError(
            f"{config.place(key, command)}: {key}: {problem}",
            f"as on the command line: {' '.join(option.get_help_record(ctx) or ())}",
        )
    return value


def _mistyped(option: click.Option, value: object) -> str | None:
    if option.multiple:
        is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return None if is_list else "a text or a list of texts is needed"
    if option.is_flag:
        return None if isinstance(value, bool) else "true or false is needed"
    if isinstance(value, bool) or not isinstance(value, str | int):
        return "a text or a whole number is needed"
    return None


def _from_folder(file: Path, value: str) -> str:
    folder = os.path.relpath(file.parent)
    return value if folder == "." else str(Path(folder) / Path(value).expanduser())


def name_variables(name: str, command: click.Command, run: click.Command) -> None:
    """Give each option of *command*, which has *name*, its variable: ``ANALYZE_TZ`` for those of
    *run*, wherever they are the same; ``ANALYZE_DEMO_SEED`` for others.
    """
    shared = options_of(run)
    for below in _commands(command):
        for key, option in options_of(below).items():
            is_shared = key in shared and is_same(option, shared[key])
            words = key if is_shared else f"{name}-{key}"
            option.envvar = _PREFIX + words.replace("-", "_").upper()


def unknown_variables(group: click.Group, environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables that look like ours and are none, each with the nearest that is."""
    from difflib import get_close_matches

    known = {VARIABLE, "_ANALYZE_COMPLETE"} | {
        str(option.envvar)
        for command in _commands(group)
        for option in options_of(command).values()
        if option.envvar
    }
    strange = sorted(name for name in environment if name.startswith(_PREFIX) and name not in known)
    return {name: next(iter(get_close_matches(name, known, n=1)), None) for name in strange}


def _apply(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if ctx.resilient_parsing:
        return
    ctx.meta[NAMED] = value
    path = find_config(value, Path.cwd(), os.environ)
    if path is not None:
        ctx.default_map = defaults_for(read_config(path), ctx)


CONFIG = click.option(
    "--config",
    metavar="FILE",
    expose_value=False,
    is_eager=True,
    callback=_apply,
    help="Options from this file.  [default: analyze.toml or pyproject.toml, see analyze config]",
)
