"""The commands that tell how logs are read and judged: doctor, calibrate, and formats with its
own commands.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.complete import format_names
from pipeline.cli.group import analyze
from pipeline.cli.options import COLOR, FORMATS, JSON, LOGS, READING, SERVICE, ZONE, options
from pipeline.cli.output import print_facts, print_text, reported, teller
from pipeline.errors import ExitCode

if TYPE_CHECKING:
    from pipeline.model import Settings

# Logs are looked at as a run would read them, so with the options of a run.
HOW_READ = options(ZONE, FORMATS, SERVICE, READING)


@analyze.command()
@LOGS
@HOW_READ
@JSON
@COLOR
def doctor(
    logs: tuple[str, ...],
    as_json: bool,
    color: str,
    **how: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Tell what was understood of LOGS, source by source, and what to do about the rest.

    Encoding, envelopes, formats and the share of events that they took, time range and zone, what
    was inferred, where levels and service names come from. Exit status 3 when a source cannot be
    read to its end.

    \b
    Examples:
      analyze doctor logs/
      analyze doctor --json logs/ > doctor.json
    """
    with reported():
        from pipeline import inspection, render

        found = inspection.diagnose(logs, _settings(how), tell=teller(as_json))
        print_facts(found, render.render_diagnosis, as_json=as_json, color=color)
        if not found.is_readable:
            sys.exit(ExitCode.FAILED)


@analyze.command()
@LOGS
@HOW_READ
@click.option("--placebo", is_flag=True, help="Plant nothing: normal against normal only.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another draw.")
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for calibration.json, which may hold a report.  [default: none is written]",
)
@JSON
@COLOR
def calibrate(
    logs: tuple[str, ...],
    placebo: bool,
    seed: int,
    out: Path | None,
    as_json: bool,
    color: str,
    **how: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Tell how well rises are found on LOGS of a normal time: false alarms, and what is missed.

    Changes of known size are planted in the counts of the errors in LOGS, and judged as in a run.
    Exit status 4 when there are no errors to plant in, or less than 12 hours.

    \b
    Examples:
      analyze calibrate last-week/
      analyze calibrate --placebo last-week/
    """
    with reported():
        from pipeline import orchestrate, render

        found = orchestrate.calibrate(
            logs, _settings(how), seed=seed, is_placebo=placebo, out=out, tell=teller(as_json)
        )
        print_facts(found, render.render_calibration, as_json=as_json, color=color)


@analyze.group()
def formats() -> None:
    """List, show, test, explain and suggest log formats.

    \b
    Examples:
      analyze formats list
      analyze formats explain logs/api.log:17
      analyze formats suggest odd.log > my-formats/odd.toml
      analyze formats test my-formats/odd.toml
      analyze logs/ --formats my-formats/
    """


@formats.command("list")
@FORMATS
@JSON
@COLOR
def list_(formats_dir: Path | None, as_json: bool, color: str) -> None:
    """List all formats in the order in which they are tried."""
    with reported():
        from pipeline import inspection, render

        found = inspection.list_formats(formats_dir)
        print_facts(found, render.render_format_list, as_json=as_json, color=color)


@formats.command()
@click.argument("name", shell_complete=format_names)
@FORMATS
@click.option("--toml", "as_toml", is_flag=True, help="Print its file, to begin one's own from.")
@JSON
@COLOR
def show(name: str, formats_dir: Path | None, as_toml: bool, as_json: bool, color: str) -> None:
    """Show one format: its patterns or keys, its samples, where it is documented.

    \b
    Examples:
      analyze formats show nginx_error
      analyze formats show nginx_error --toml
    """
    with reported():
        from pipeline import inspection, render

        found = inspection.show_format(name, formats_dir)
        if as_toml:
            print_text(found.definition)
        else:
            print_facts(found, render.render_definition, as_json=as_json, color=color)


@formats.command()
@click.argument("file", type=click.Path())
@HOW_READ
@JSON
@COLOR
def test(file: str, as_json: bool, color: str, **how: Any) -> None:  # noqa: ANN401  # settings
    """Check a format's FILE.toml against its samples, or tell which formats take a log's lines.

    A definition that is unusable ends with exit status 2; the lines of other formats that it would
    take are told, and are no fault. Any other FILE is read as a log.

    \b
    Examples:
      analyze formats test my-formats/odd.toml
      analyze formats test logs/api.log
    """
    with reported():
        from pipeline import inspection, render

        if not file.endswith(".toml"):
            _print_taken(file, _settings(how), as_json=as_json, color=color)
            return
        checked = inspection.check_format(Path(file))
        print_facts(checked, render.render_format_check, as_json=as_json, color=color)
        if checked.problems:
            sys.exit(ExitCode.USAGE)


def _print_taken(file: str, settings: "Settings", *, as_json: bool, color: str) -> None:
    from pipeline import inspection, render

    found = inspection.taken_by(file, settings)
    print_facts(found, render.render_taken, as_json=as_json, color=color)


@formats.command()
@click.argument("place", metavar="FILE:LINE")
@HOW_READ
@JSON
@COLOR
def explain(place: str, as_json: bool, color: str, **how: Any) -> None:  # noqa: ANN401  # settings
    """Tell how one line is read: envelopes, format, time, level, service, event, and why.

    \b
    Examples:
      analyze formats explain logs/api.log:17
    """
    with reported():
        from pipeline import inspection, render

        found = inspection.explain(place, _settings(how))
        print_facts(found, render.render_line, as_json=as_json, color=color)


@formats.command()
@click.argument("file", type=click.Path())
@click.option("--name", metavar="NAME", help="Name of the format.  [default: from the file's]")
@HOW_READ
def suggest(file: str, name: str | None, **how: Any) -> None:  # noqa: ANN401  # settings
    """Propose a format for the lines of FILE that no format takes, as TOML on stdout.

    Save it as NAME.toml in a folder of your own, mend what is marked, and name the folder with
    --formats. Samples are lines of FILE. Exit status 4 when its lines have no common shape.

    \b
    Examples:
      analyze formats suggest odd.log > my-formats/odd.toml
    """
    with reported():
        from pipeline import inspection

        found = inspection.suggest(file, name, _settings(how))
        if found is None:
            click.echo("every line is taken by a format: there is nothing to suggest", err=True)
        else:
            print_text(found)


def _settings(how: dict[str, Any]) -> "Settings":
    """Return what was asked of the reading, as `run` would have it."""
    from pipeline.model import Settings

    folder = how.pop("formats_dir")
    return Settings(**how, formats_dir=str(folder) if folder else None)
