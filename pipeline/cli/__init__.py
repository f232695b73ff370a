"""The command ``analyze``: options in, exit status out.

No logic lives here, and nothing heavy is imported before a command runs: ``--help`` must be quick.
"""

import io
import signal
import sys

import click

from pipeline.cli.group import analyze
from pipeline.cli.output import tell_error, tell_usage
from pipeline.cli.progress import Progress
from pipeline.errors import ExitCode

__all__ = ["analyze", "main"]


def main() -> None:
    """Run the command; what users can mend is told in two lines, what they cannot is a
    traceback.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    stdout = sys.stdout
    for stream in (stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal may not know every character of a log or of the report.
            stream.reconfigure(errors="backslashreplace")
    try:
        analyze(prog_name="analyze", standalone_mode=False)
    except click.ClickException as error:
        tell_usage(error)
        sys.exit(ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort) as error:
        Progress.end()
        told = str(error.__cause__ or error) or "nothing was changed"
        click.echo(f"interrupted: {told}", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except SystemExit:
        if sys.stdout is not stdout:
            # Nobody reads the help any more: click puts stdout away and ends with 1, which means a
            # regression here.
            sys.exit(ExitCode.NORMAL)
        raise
    except OSError as error:
        Progress.end()
        tell_error(str(error), None)
        sys.exit(ExitCode.FAILED)
    except Exception:  # noqa: BLE001  # Python's own status, 1, would tell of a regression
        import traceback

        Progress.end()
        traceback.print_exc()
        sys.exit(ExitCode.FAILED)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
