"""The command itself: its groups of commands, its default one, its exit statuses."""

import os
from difflib import get_close_matches
from typing import ClassVar

import click

EXIT_CODES = """\b
Exit status:
  0    no regression
  1    a regression at or above --fail-on
  2    wrong usage: a path, option or definition
  3    could not finish
  4    cannot decide: no baseline, nothing parsed, no coverage
  130  interrupted
"""


class DefaultGroup(click.Group):
    """A group in which ``analyze LOGS`` means ``analyze run LOGS``; a command's name always
    wins.
    """

    default = "run"
    sections: ClassVar[dict[str, tuple[str, ...]]] = {
        "Analyse": ("run", "ingest", "report"),
        "Look into a finished run": ("query",),
        "See how logs are read": ("doctor", "formats"),
        "Try": ("calibrate", "demo"),
    }

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands below the heading of their section; all have one."""
        for title, names in self.sections.items():
            with formatter.section(title):
                room = formatter.width - 6 - max(map(len, self.commands))
                formatter.write_dl(
                    [(name, self.commands[name].get_short_help_str(room)) for name in names]
                )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of arguments that name none."""
        own = {
            name for param in self.get_params(ctx) for name in (*param.opts, *param.secondary_opts)
        }
        first = next((arg for arg in args if arg not in own), None)
        if first is not None and first not in self.commands:
            self._refuse_misspelt(first)
            at = args.index(first)
            args = [*args[:at], self.default, *args[at:]]
        return super().parse_args(ctx, args or ["--help"])

    def _refuse_misspelt(self, word: str) -> None:
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
