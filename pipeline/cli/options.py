"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def options(*given: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return one decorator that adds all of *given*, in their order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(given):
            function = option(function)
        return function

    return decorate


# Which heading of the help an option stands below; those that are nowhere here come last.
SECTIONS = {
    "What is compared": ("--baseline", "--store", "--since", "--until", "--now", "--tz"),
    "What is read beside the logs": ("--facts",),
    "How logs are read": (
        "--formats",
        "--rules",
        "--service",
        "--encoding",
        "--follow-outside",
        "--events",
        "--event",
        "--event-file",
        "--strict",
        "--redact",
        "--redact-pii",
        "--redaction-key",
        "--trace-paths",
    ),
    "Verdict and exit status": ("--fail-on", "--exit-zero", "--escalation"),
    "Who is told": ("--notify", "--notify-on", "--notify-remind", "--notify-required", "--ping"),
    "What is written": (
        "--out",
        "--format",
        "--md-limit",
        "--json",
        "--open",
        "--metrics",
        "--title",
        "--author",
    ),
}
VERBOSITY = "aftershock.verbosity"


def _remember(ctx: click.Context, _: click.Parameter, value: int) -> None:
    ctx.meta[VERBOSITY] = value


VERBOSE = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    is_eager=True,
    callback=_remember,
    help="Tell on stderr what is done, a line a step; -vv adds tracebacks to errors.",
)
LOGS = click.argument("logs", nargs=-1, required=True, type=click.Path(), metavar="LOGS...")
EVENTS_GIVEN = options(
    click.option(
        "--event",
        multiple=True,
        metavar='"TIME KIND SERVICE TEXT"',
        help="A change of the system that you know of, such as "
        '"2026-03-02T08:15Z deploy api 1.4.2": it is shown beside what rose after it. SERVICE may '
        "be * for all. Not to be mixed up with --events, which is about lines of logs. Repeatable.",
    ),
    click.option(
        "--event-file",
        "--events-file",
        "event_files",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="Such changes from a file: JSON objects, one a line, with the keys time, kind, "
        "service, text, or CSV whose first line has these names. Repeatable.",
    ),
)
MD_LIMIT = click.option(
    "--md-limit",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="Most that report.md may hold: sections are left out from its end, never the summary.  "
    "[default: 60000]",
)
OUT = click.option(
    "-o",
    "--out",
    default="analysis",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for the report, result and tables.",
)
RUN = click.option(
    "--run",
    default="analysis",
    show_default=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of the finished run: what was given with -o.",
)
ZONE = click.option(
    "--tz",
    "zone",
    metavar="ZONE",
    help="Zone of times that carry none, such as Europe/Berlin.  [default: UTC, and said so]",
)
FORMATS = click.option(
    "--formats",
    "formats_dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of log formats of your own, one .toml file each, tried before the shipped ones.",
)
RULES = click.option(
    "--rules",
    "rules_dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of rules of your own, .toml files, tried before shipped ones of equal priority.",
)
READING = options(
    click.option(
        "--encoding",
        metavar="NAME",
        help="Encoding of files without a byte-order mark, such as gbk or windows-1252; also reads "
        "what looks binary.  [default: UTF-8, or what the bytes show]",
    ),
    click.option(
        "--follow-outside",
        "follows_outside",
        is_flag=True,
        help="Follow links that lead out of the folders named.",
    ),
    click.option(
        "--redact",
        type=click.Choice(["store", "report", "off"]),
        default="store",
        show_default=True,
        help="Take secrets out before anything is stored, only out of what is reported, or not.",
    ),
    click.option(
        "--redact-pii",
        "redact_pii",
        is_flag=True,
        help="Take out e-mail addresses, IP addresses and card numbers, too.",
    ),
    click.option(
        "--redaction-key",
        metavar="TEXT",
        envvar="ANALYZE_REDACTION_KEY",
        show_envvar=True,
        help="With --redact-pii: equal values keep one mark under one key. Best given by the "
        "environment.",
    ),
)
SERVICE = click.option(
    "--service",
    "services",
    multiple=True,
    metavar="[GLOB=]NAME",
    help="Name the service of files, pods or containers that match GLOB, or of all (repeatable, "
    "first match wins).  [default: from prefixes, folders and fields]",
)
TEMPLATES = click.option(
    "--templates",
    metavar="DIR",
    help="Output folder of an earlier run, or its templates.parquet: templates and findings keep "
    "the ids that they had there, also after an update of this program.",
)
FACTS = click.option(
    "--facts",
    "facts",
    multiple=True,
    metavar="PATH",
    type=click.Path(),
    help="Folder, or file, of what was captured beside the logs (repeatable): docker inspect, "
    "kubectl get pods -o json, probe results, any CSV, JSON or text; analyze collect makes one.",
)
TRACE_PATHS = click.option(
    "--trace-paths",
    "trace_paths",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Read logs whose lines name traces a second time, to rank services by where it began; "
    "auto leaves out large ones.",
)
STORE = click.option(
    "--store",
    metavar="DIR",
    type=click.Path(),
    help="Keep what was read in this folder: the next run reads only what is new, and compares "
    "with what is kept.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
STRICT = click.option("--strict", is_flag=True, help="Fail when any source cannot be read.")
COLOR = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour on the terminal.",
)
QUIET = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
EXIT_ZERO = click.option(
    "--exit-zero",
    is_flag=True,
    help="End with 0 whatever was found; what could not be done keeps its status.",
)
OUTPUT = options(
    click.option(
        "--format",
        "formats",
        default="html,md,json",
        show_default=True,
        metavar="LIST",
        help="Which documents to write: html, md, json, junit, csv.",
    ),
    click.option(
        "--json", "as_json", is_flag=True, help="Print result.json on stdout and nothing else."
    ),
    click.option("--open", "opens", is_flag=True, help="Open report.html when it is written."),
    QUIET,
    COLOR,
)
NOTIFY = click.option(
    "--notify",
    multiple=True,
    metavar="URL|FILE",
    help="Tell this target what changed (repeatable): https:, slack+https:, mattermost+https:, "
    "teams+https:, alertmanager+http:, smtp:, apprise:, or a file. A secret is named: env:NAME or "
    "file:PATH, for all of it or behind a #.",
)
ALERTS = options(
    NOTIFY,
    click.option(
        "--notify-on",
        type=click.Choice(["change", "regression", "always"]),
        default="change",
        show_default=True,
        help="When: something began, became worse or is over; or also each run that finds a "
        "regression; or each run.",
    ),
    click.option(
        "--notify-remind",
        metavar="DURATION",
        default="24h",
        show_default=True,
        help="How often to remind of what is not over; or never.",
    ),
    click.option(
        "--notify-required",
        is_flag=True,
        help="Exit status 3 when a target was not reached.  [default: only said on stderr]",
    ),
    click.option(
        "--ping",
        metavar="URL",
        help="Call this dead-man's switch after each run that came to a verdict; with #fail=/fail "
        "behind it, the same address with /fail after one that failed.",
    ),
)
