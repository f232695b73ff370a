"""The command itself: its groups of commands, its default one, its sections of options."""

import os
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.config import CONFIG, name_variables
from pipeline.cli.options import SECTIONS, VERBOSE

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

EXIT_CODES = """\b
Exit status:
  0    no regression
  1    a regression at or above --fail-on
  2    wrong usage: a path, option or definition
  3    could not finish
  4    cannot decide: no baseline, nothing parsed, no coverage
  75   another run holds the store
  130  interrupted
"""
# Every command: its section of the help, its module of this package, what it is for.
COMMANDS = {
    "Analyse": {
        "run": ("runs", "Compare logs with a baseline, and report."),
        "report": ("runs", "Write the documents of a finished run again."),
        "ingest": ("runs", "Only read logs into Parquet tables."),
        "collect": ("collect", "Capture the state of containers and host."),
    },
    "Keep from run to run": {
        "findings": ("findings", "List and handle what a store remembers of findings."),
        "store": ("store", "Look after what runs with --store keep."),
        "trend": ("trend", "Show classes over days or hours, and all runs."),
    },
    "Look into a finished run": {
        "show": ("examine", "Show one finding with its lines."),
        "query": ("examine", "Ask a finished run in SQL."),
        "evidence": ("examine", "Find the lines of a report again."),
    },
    "Compare with a finished run": {
        "verify": ("compare", "Check on later logs whether it is over."),
        "diff": ("compare", "Tell what changed between two runs."),
    },
    "See how logs are read and named": {
        "doctor": ("inspect", "Tell what was understood of logs."),
        "formats": ("inspect", "List, show, test and suggest log formats."),
        "rules": ("rules", "List, show, test and suggest names of errors."),
        "knowledge": ("knowledge", "List and show what is known of errors."),
    },
    "Try": {
        "backtest": ("backtest", "Tell what runs on a store would have told, and when."),
        "calibrate": ("inspect", "Tell how well rises are found on your own logs."),
        "demo": ("runs", "Write and analyse made-up logs of an incident."),
    },
    "Run by itself": {
        "init": ("schedule", "Write files that make a scheduler run it."),
        "watch": ("schedule", "Run again and again, in the foreground."),
    },
    "Set up": {
        "notify": ("notify", "Try whom it tells of a run."),
        "config": ("setup", "Show options of files and the environment."),
        "completion": ("setup", "Print the completion of a shell."),
    },
}
# With fewer options than these, one list is easier to read than several.
_FEWEST_FOR_SECTIONS = 9


class Command(click.Command):
    """A command with the options that all have, and its options in sections."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401  # click's own
        super().__init__(*arguments, **settings)
        for option in (CONFIG, VERBOSE):
            option(self)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below the heading of their section."""
        records = {
            max(param.opts, key=len): record
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx))
        }
        if len(records) < _FEWEST_FOR_SECTIONS:
            with formatter.section("Options"):
                formatter.write_dl(list(records.values()))
            return
        for title, names in SECTIONS.items():
            if rows := [records.pop(name) for name in names if name in records]:
                with formatter.section(title):
                    formatter.write_dl(rows)
        with formatter.section("Other options"):
            formatter.write_dl(list(records.values()))


class Group(click.Group):
    """A group of commands such as ``analyze formats``."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where no command is named."""
        return super().parse_args(ctx, args or ["--help"])


class Commands(MutableMapping[str, click.Command]):
    """The commands by name; the module of one is imported when it is first asked for, so that
    ``--help`` stays quick.
    """

    def __init__(self) -> None:
        self._places = {name: one for part in COMMANDS.values() for name, one in part.items()}
        self._loaded: dict[str, click.Command] = {}
        self._is_named: set[str] = set()

    def __getitem__(self, name: str) -> click.Command:
        import_module(f"pipeline.cli.{self._places[name][0]}")
        if name not in self._is_named:
            self._is_named.add(name)
            name_variables(name, self._loaded[name], self["run"])
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        command.short_help = self._places[name][1]
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class DefaultGroup(Group):
    """A group in which ``analyze LOGS`` means ``analyze run LOGS``; a command's name always
    wins.
    """

    group_class = Group
    default = "run"

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401  # click's own
        super().__init__(*arguments, **settings)
        self.commands = Commands()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands below the heading of their section; all have one."""
        for title, found in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, summary) for name, (_, summary) in found.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of arguments that name none."""
        own = {
            name for param in self.get_params(ctx) for name in (*param.opts, *param.secondary_opts)
        }
        args = self._globals_last(args)
        first = next((arg for arg in args if arg not in own), None)
        if first is not None and first not in self.commands:
            if not ctx.resilient_parsing:
                self._refuse_misspelt(first)
            at = args.index(first)
            args = [*args[:at], self.default, *args[at:]]
        return super().parse_args(ctx, args)

    def _globals_last(self, args: list[str]) -> list[str]:
        """Let what all commands take stand in front of the command as well."""
        at = 0
        while at < len(args) and args[at].startswith(("-v", "--verbose", "--config")):
            at += 2 if args[at] == "--config" else 1
        is_command = at < len(args) and args[at] in self.commands
        return [*args[at:], *args[:at]] if at and is_command and "--" not in args else args

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem"]:
        """Complete what the default command takes, too: its options, and files."""
        from click.shell_completion import CompletionItem

        inner = click.Context(self.commands[self.default], parent=ctx)
        found = super().shell_complete(ctx, incomplete)
        names = {item.value for item in found}
        found += [
            item
            for item in inner.command.shell_complete(inner, incomplete)
            if item.value not in names
        ]
        # First: bash forgets what stands before the word that files are wanted, too.
        return found if incomplete.startswith("-") else [CompletionItem(incomplete, "file"), *found]

    def _refuse_misspelt(self, word: str) -> None:
        from difflib import get_close_matches

        near = get_close_matches(word, self.commands, n=1, cutoff=0.75)
        if near and not os.path.lexists(word) and word.isalpha():
            raise click.UsageError(
                f"no such file or folder: {word!r}. Did you mean the command {near[0]!r}?"
            )


@click.group(
    cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES
)
@click.version_option(None, "-V", "--version", package_name="aftershock", prog_name="analyze")
def analyze() -> None:
    """Find which errors in container logs became more frequent, since when, and what followed from
    what.

    \b
    Examples:
      analyze logs/ --baseline 24h          last day against the day before it
      analyze logs/ --baseline last-week/   against logs of a normal week
      docker logs api 2>&1 | analyze - --baseline normal.log
      analyze doctor logs/                  see what was understood of them
      analyze demo                          see a report on made-up logs
    """
