"""The command ``analyze``: options in, exit status out.

No logic lives here, and nothing heavy is imported before a command runs: ``--help`` must be quick.
"""

import io
import signal
import sys
import traceback

import click

from pipeline.cli.examine import query
from pipeline.cli.group import analyze
from pipeline.cli.inspect import calibrate, doctor, formats
from pipeline.cli.output import visible
from pipeline.cli.runs import demo, ingest, report, run
from pipeline.model import ExitCode

__all__ = ["analyze", "formats", "main"]

for _command in (run, ingest, report, query, doctor, formats, calibrate, demo):
    analyze.add_command(_command)


def main() -> None:
    """Run the command; what users can mend is told in three lines, what they cannot is a
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
        error.show()
        sys.exit(ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: nothing was changed", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except SystemExit:
        if sys.stdout is not stdout:
            # Nobody reads the help any more: click puts stdout away and ends with 1, which means a
            # regression here.
            sys.exit(ExitCode.NORMAL)
        raise
    except OSError as error:
        click.echo(f"error: {visible(str(error))}", err=True)
        sys.exit(ExitCode.FAILED)
    except Exception:  # noqa: BLE001  # Python's own status, 1, would tell of a regression
        traceback.print_exc()
        sys.exit(ExitCode.FAILED)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
