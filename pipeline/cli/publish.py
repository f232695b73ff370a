"""What a CI reads beside the documents: JUnit's file, and what GitHub Actions asks for."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import options
from pipeline.cli.output import in_actions, print_raw
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.model import Result

PUBLISH = options(
    click.option(
        "--junit",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Write JUnit XML to FILE: a test case a class of errors, a failure a regression.",
    ),
    click.option(
        "--github/--no-github",
        default=None,
        help="Annotations, job summary and outputs for GitHub Actions.  [default: there only]",
    ),
)


def publish(
    found: "Result",
    out: Path,
    *,
    formats: tuple[str, ...],
    junit: Path | None,
    github: bool | None,
    as_json: bool,
) -> None:
    """Write and print what was asked for, or what the environment asks for by itself."""
    if junit is not None:
        from pipeline import orchestrate

        orchestrate.write_junit(found, junit)
    if in_actions() if github is None else github:
        _tell_github(found, out, formats, as_json=as_json)


def _tell_github(found: "Result", out: Path, formats: tuple[str, ...], *, as_json: bool) -> None:
    from pipeline import render

    # The runner reads both streams; stdout is only JSON where that was asked for.
    print_raw(render.render_annotations(found), to_stderr=as_json)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        # A step's summary is the sum of what its commands write.
        room = render.SUMMARY_BYTES - _size(Path(summary))
        _append(Path(summary), render.render_summary(found, room))
    if outputs := os.environ.get("GITHUB_OUTPUT"):
        files = [(f"report-{name}", str(out / f"report.{name}")) for name in ("html", "md")]
        files = [one for one in files if one[0].removeprefix("report-") in formats]
        _append(
            Path(outputs),
            render.render_outputs(found, [*files, ("result", str(out / "result.json"))]),
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise PipelineError(
            f"cannot write to {path}: {error.strerror}",
            hint="GITHUB_STEP_SUMMARY and GITHUB_OUTPUT name files; --no-github does without",
        ) from error
