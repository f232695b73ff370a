"""The commands that read logs and write results: run, ingest, report, demo."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.complete import baselines
from pipeline.cli.group import EXIT_CODES, analyze
from pipeline.cli.notify import tell_failures
from pipeline.cli.options import (
    ALERTS,
    EVENTS_GIVEN,
    EXIT_ZERO,
    FACTS,
    FORMATS,
    LOGS,
    MD_LIMIT,
    OUT,
    OUTPUT,
    QUIET,
    READING,
    RULES,
    SERVICE,
    STORE,
    STRICT,
    TEMPLATES,
    TRACE_PATHS,
    ZONE,
    options,
)
from pipeline.cli.output import (
    documents,
    open_report,
    print_facts,
    print_result,
    reported,
    teller,
)
from pipeline.cli.publish import PUBLISH, publish
from pipeline.errors import ExitCode

if TYPE_CHECKING:
    from pipeline.notify.choosing import On


@analyze.command(epilog=EXIT_CODES)
@LOGS
@options(
    click.option(
        "--baseline",
        multiple=True,
        metavar="WHAT",
        shell_complete=baselines,
        help="What is normal: a file or folder (repeatable), a window A..B in LOGS, a duration "
        "such as 24h before the candidate window, its same hours of days before (same-hours:7d), "
        "or auto.  [default: auto]",
    ),
    STORE,
    click.option(
        "--since",
        metavar="TIME",
        help="Start of the candidate window; with --store also last: the end of the last run.",
    ),
    click.option("--until", metavar="TIME", help="End of the candidate window."),
    ZONE,
    READING,
    FORMATS,
    RULES,
    SERVICE,
    TEMPLATES,
    FACTS,
    TRACE_PATHS,
    click.option(
        "--now",
        metavar="TIME",
        help="Stamp of the report, for reproducible output.  [default: now]",
    ),
    click.option(
        "--fail-on",
        type=click.Choice(["never", "new", "regression", "any"]),
        default="regression",
        show_default=True,
        help="What makes the exit status 1; any includes suspected findings.",
    ),
    EXIT_ZERO,
    click.option(
        "--escalation",
        metavar="FILE",
        type=click.Path(),
        help="Rule of your own for the escalation level, a TOML file.  [default: the shipped one]",
    ),
    OUT,
    OUTPUT,
    PUBLISH,
    click.option(
        "--events",
        type=click.Choice(["candidates", "all"]),
        default="candidates",
        show_default=True,
        help="Which events get a row in events/*.parquet.",
    ),
    EVENTS_GIVEN,
    MD_LIMIT,
    click.option("--title", metavar="TEXT", help="Title of the report."),
    click.option("--author", metavar="TEXT", help="Name under the report's title."),
    STRICT,
    ALERTS,
    click.option(
        "--metrics",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Write gauges for Prometheus's textfile collector to FILE, however the run ends.",
    ),
)
def run(
    logs: tuple[str, ...],
    out: Path,
    now: str | None,
    events: str,
    strict: bool,
    md_limit: int | None,
    formats: str,
    as_json: bool,
    quiet: bool,
    opens: bool,
    color: str,
    exit_zero: bool,
    junit: Path | None,
    github: bool | None,
    metrics: Path | None,
    notify: tuple[str, ...],
    notify_on: "On",
    notify_remind: str,
    notify_required: bool,
    ping: str | None,
    formats_dir: Path | None,
    rules_dir: Path | None,
    **asked: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Compare LOGS with their baseline and write an incident report.

    LOGS are files, folders, globs, or - for standard input; .gz .zst .bz2 .xz, tar and zip archives
    and rotated files are read as they are. TIME is ISO 8601, @epoch, a duration before the end of
    the data (90m, 24h, 1d12h), a time of its last day (06:00), now, today, yesterday, start or end,
    also with a duration added (end-24h, today+6h).

    \b
    Examples:
      analyze logs/ --baseline 24h
      analyze logs/ --baseline last-week/ -o report/
      analyze logs/ --since 2026-03-02T06:00Z --until end
      analyze logs/ --baseline start..start+24h --json
      analyze logs/ --store store/ --since last
      cat logs/*.log | analyze - --baseline last-week/
    """
    with reported():
        from pipeline import orchestrate
        from pipeline.model import Settings

        named = documents(formats)
        if opens and "html" not in named:
            raise click.UsageError("--open needs html among the documents of --format")
        settings = Settings(
            baseline=asked.pop("baseline") or ("auto",),
            is_strict=strict,
            keeps_all_events=events == "all",
            formats_dir=str(formats_dir) if formats_dir else None,
            rules_dir=str(rules_dir) if rules_dir else None,
            **asked,
        )
        alerts = orchestrate.alerts_of(
            notify,
            os.environ,
            on=notify_on,
            remind=notify_remind,
            ping=ping,
            is_required=notify_required,
        )
        with orchestrate.watched(metrics, alerts, tell_failures) as meter:
            outcome = orchestrate.analyze(
                logs,
                settings,
                out=out,
                documents=named,
                now=now,
                md_limit=md_limit,
                tell=teller(quiet),
            )
            print_result(outcome, out, as_json=as_json, quiet=quiet, color=color, formats=formats)
            publish(outcome, out, formats=named, junit=junit, github=github, as_json=as_json)
            if opens:
                open_report(out / "report.html")
            meter.result = outcome
            meter.exit_status = orchestrate.exit_code(outcome, settings.fail_on)
            deliveries = orchestrate.tell_people(alerts, outcome, settings, out)
            is_error = alerts.fails(deliveries)
            tell_failures(deliveries, is_error=is_error)
            if is_error:
                meter.exit_status = ExitCode.FAILED
        is_failed = meter.exit_status == ExitCode.FAILED
        sys.exit(0 if exit_zero and not is_failed else meter.exit_status)


@analyze.command()
@LOGS
@OUT
@ZONE
@READING
@FORMATS
@RULES
@SERVICE
@TEMPLATES
@STORE
@STRICT
@click.option(
    "--events",
    type=click.Choice(["candidates", "all"]),
    default="candidates",
    show_default=True,
    help="Which events get a row in events/*.parquet.",
)
@QUIET
def ingest(
    logs: tuple[str, ...],
    out: Path,
    formats_dir: Path | None,
    rules_dir: Path | None,
    services: tuple[str, ...],
    strict: bool,
    events: str,
    quiet: bool,
    **asked: Any,  # noqa: ANN401  # click passes the rest by name
) -> None:
    """Only read LOGS into Parquet: events, counts, and the ledger of where every line went.

    \b
    Examples:
      analyze ingest logs/ -o tables/
      analyze ingest logs/ -o tables/ --events all
      analyze ingest logs/ --store store/
    """
    with reported():
        from pipeline import orchestrate
        from pipeline.model import Settings

        settings = Settings(
            formats_dir=str(formats_dir) if formats_dir else None,
            rules_dir=str(rules_dir) if rules_dir else None,
            services=services,
            is_strict=strict,
            keeps_all_events=events == "all",
            **asked,
        )
        if settings.store is not None:
            added = orchestrate.ingest_kept(logs, settings, tell=teller(quiet))
            if not quiet:
                click.echo(
                    f"{added.line_count:,} new lines, {added.byte_count:,} bytes: {settings.store}"
                )
            return
        ledger = orchestrate.ingest(logs, out, settings, tell=teller(quiet))
        if not quiet:
            click.echo(
                f"{len(ledger.sources)} sources, {ledger.line_count:,} lines, "
                f"{ledger.event_count:,} events, {ledger.unparsed_event_count:,} unparsed: {out}"
            )


@analyze.command()
@click.argument("result", type=click.Path(path_type=Path))
@OUTPUT
@PUBLISH
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for the documents.  [default: beside the result]",
)
@MD_LIMIT
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing: compute every number again from the tables of the run, and name what the "
    "documents say otherwise. Exit status 1 when they differ.",
)
def report(
    result: Path,
    out: Path | None,
    md_limit: int | None,
    check: bool,
    formats: str,
    as_json: bool,
    opens: bool,
    quiet: bool,
    color: str,
    junit: Path | None,
    github: bool | None,
) -> None:
    """Render the documents of a finished run again, from its folder or result.json.

    \b
    Examples:
      analyze report analysis/
      analyze report analysis/result.json --format md -o elsewhere/
      analyze report --check analysis/
    """
    if check:
        _check(result, md_limit, as_json=as_json, quiet=quiet, color=color)
        return
    with reported():
        from pipeline import orchestrate

        named = documents(formats)
        if opens and "html" not in named:
            raise click.UsageError("--open needs html among the documents of --format")
        folder, found = orchestrate.render_again(result, out, named, md_limit)
        print_result(found, folder, as_json=as_json, quiet=quiet, color=color, formats=formats)
        publish(found, folder, formats=named, junit=junit, github=github, as_json=as_json)
        if opens:
            open_report(folder / "report.html")


def _check(result: Path, md_limit: int | None, *, as_json: bool, quiet: bool, color: str) -> None:
    with reported():
        from pipeline import orchestrate, render

        folder = result if result.is_dir() else result.parent
        found = orchestrate.check_report(folder, md_limit=md_limit, tell=teller(quiet or as_json))
        if as_json or not quiet:
            print_facts(found, render.render_check, as_json=as_json, color=color)
        if not found.agrees:
            sys.exit(ExitCode.REGRESSION)


@analyze.command()
@OUT
@click.option("--seed", default=20250810, show_default=True, help="Another seed, another noise.")
@click.option("--logs-only", is_flag=True, help="Write the logs and do not analyse them.")
@click.option(
    "--later",
    type=click.Choice(["recovered", "unrecovered", "quiet"]),
    help="Write only what is logged afterwards, for analyze verify.",
)
@OUTPUT
def demo(
    out: Path,
    seed: int,
    logs_only: bool,
    later: str | None,
    formats: str,
    as_json: bool,
    opens: bool,
    quiet: bool,
    color: str,
) -> None:
    """Write the logs of a 21-container stack in trouble, and analyse them.

    DIR/logs holds the logs, DIR/truth.json what was planted in them, DIR/report the report.

    \b
    Examples:
      analyze demo -o demo/
      analyze demo -o demo/ --logs-only
      analyze demo -o later/ --later recovered
    """
    with reported():
        from pipeline import orchestrate

        if later is not None:
            orchestrate.write_later(out, later, seed=seed, tell=teller(quiet))
            return

        found = orchestrate.demo(
            out, seed=seed, documents=documents(formats), logs_only=logs_only, tell=teller(quiet)
        )
        if found is not None:
            print_result(
                found, out / "report", as_json=as_json, quiet=quiet, color=color, formats=formats
            )
            if opens:
                open_report(out / "report" / "report.html")
