"""A run: read the logs, compare them with their baseline, write what was found."""

import gzip
import hashlib
import json
import platform
import shlex
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import store
from pipeline.diagnosis.escalation import parse_rule, shipped_text
from pipeline.diagnosis.lifecycle import is_silenced
from pipeline.diagnosis.windows import Choice, is_window_text
from pipeline.errors import ExitCode, SecretError, UsageError
from pipeline.facts import Row
from pipeline.ingest import Stream
from pipeline.model import (
    Result,
    Run,
    Settings,
    State,
    Verdict,
)
from pipeline.orchestrate.borders import cut_at_borders
from pipeline.orchestrate.calibration import last_calibration
from pipeline.orchestrate.captured import read_facts
from pipeline.orchestrate.changes import changes_given
from pipeline.orchestrate.examination import Basis, basis_text, examine, without_secrets
from pipeline.orchestrate.history import refuse_since_last
from pipeline.orchestrate.levels import Recall, recall_of
from pipeline.orchestrate.reading import (
    Ledger,
    Tables,
    Tell,
    read,
    redactor_of,
    streams_of,
    write_tables,
)
from pipeline.orchestrate.sealing import seal, sealed
from pipeline.orchestrate.templates import open_book
from pipeline.orchestrate.tracing import retrace_of
from pipeline.orchestrate.windows import choose, moment_of
from pipeline.redaction import find_secrets


def ingest(logs: Sequence[str], out: Path, settings: Settings, *, tell: Tell = print) -> Ledger:
    """Read *logs* into *out*: events, counts and ledger, and nothing else."""
    with store.staged(out) as staging:
        book = open_book(settings)
        streams = [streams_of(logs, settings, out)]
        tables = read(streams, "candidate", settings, staging, book, tell)
        write_tables(staging, {"candidate": tables})
        book.write(staging)
        staging.commit()
    return Ledger(tables.ledger)


def analyze(
    logs: Sequence[str],
    settings: Settings,
    *,
    out: Path,
    documents: Sequence[str] = ("html", "md", "json"),
    now: str | None = None,
    md_limit: int | None = None,
    tell: Tell = lambda _: None,
) -> Result:
    """Compare *logs* with their baseline; write tables and *documents* to *out*; return the result.

    Raises a `PipelineError` whose exit code says what kind of failure it was; what an earlier run
    left in *out* then stays as it was.
    """
    refuse_since_last(settings)
    stamp = Stamp(
        moment_of(now, settings),
        logs,
        baseline_paths(settings),
        escalation_text(settings),
        read_facts(settings, out),
        changes_given(settings, redactor_of(settings) if settings.redact == "store" else None),
    )
    output = Output(out, documents, md_limit)
    if settings.store is not None:
        from pipeline.orchestrate.keeping import analyze_kept

        return analyze_kept(stamp, settings, output, tell)
    candidate_streams = streams_of(logs, settings, out)
    baseline_streams = [streams_of([name], settings, out) for name in stamp.baseline]
    with store.staged(out) as staging:
        inputs = {}
        book = open_book(settings)
        if stamp.baseline:
            inputs["baseline"] = read(baseline_streams, "baseline", settings, staging, book, tell)
        inputs["candidate"] = read([candidate_streams], "candidate", settings, staging, book, tell)
        before = [one for own in baseline_streams for one in own]
        streams = {"baseline": before, "candidate": candidate_streams}
        recall = recall_of(streams, settings, book, staging)
        choice = choose(settings, stamp.now, inputs)
        inputs = cut_at_borders(inputs, streams, choice, settings, tell)
        material = Material(inputs, book.write(staging), choice, streams, recall)
        result = conclude(staging, material, settings, stamp, output, tell)
        staging.commit()
    return result


@dataclass(frozen=True, slots=True)
class Output:
    """Where a run writes what."""

    folder: Path
    documents: Sequence[str]
    md_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What a run has read: tables by origin, aliases of templates, the windows that they have, and
    where to look again. *state*: the hash of what beside the logs was compared. *is_read_again*:
    the logs may be read a second time. *evidence*: hashes of samples that are known. *remembered*:
    what a store holds of earlier runs' findings.
    """

    inputs: dict[str, Tables]
    aliases: pl.DataFrame
    choice: Choice
    streams: Mapping[str, Sequence[Stream]]
    recall: Recall | None = None
    state: str | None = None
    is_read_again: bool = True
    evidence: pl.DataFrame | None = None
    remembered: list[Row] | None = None


def conclude(
    staging: store.Staging,
    material: Material,
    settings: Settings,
    stamp: "Stamp",
    output: Output,
    tell: Tell,
) -> Result:
    """Compare what was read, and write the result and its documents to *staging*."""
    tables = write_tables(staging, _with_given(material.inputs, stamp.given))
    tables["aliases"] = material.aliases
    for name, table in stamp.captured.items():
        tables[name] = table
        staging.write_table(name, table)
    run = _run(settings, stamp, material.state)
    quote = last_calibration(output.folder, tell)
    basis = Basis(run, material.choice, quote, stamp.rule, material.remembered)
    basis = without_secrets(basis, run, redactor_of(settings))
    staging.write_windows(material.choice.table(), basis_text(basis))
    tell("comparing")
    again = material.streams if material.is_read_again else {}
    retrace = retrace_of(again, settings, material.choice, staging)
    redactor = redactor_of(settings)
    result = examine(staging.event_parts, tables, basis, redactor, material.recall, retrace)
    streams = [one for own in material.streams.values() for one in own]
    evidence = seal(result, streams, material.evidence)
    staging.write_table(store.EVIDENCE, evidence)
    result = sealed(result, evidence)
    tell("writing the report")
    for name, text in documents_of(result, output.documents, output.md_limit).items():
        staging.write_text(name, text)
    return result


def _with_given(inputs: Mapping[str, Tables], given: pl.DataFrame) -> dict[str, Tables]:
    """Add the changes that the user names to those of the logs; which input they lie in is told by
    their time.
    """
    read_ = inputs["candidate"]
    return {**inputs, "candidate": replace(read_, changes=pl.concat([read_.changes, given]))}


def baseline_paths(settings: Settings) -> list[str]:
    """Return the paths that ``--baseline`` names; none where it names a time."""
    names = [] if all(map(_is_time, settings.baseline)) else list(settings.baseline)
    if names and any(map(_is_time, names)):
        raise UsageError(
            "--baseline names both paths and times",
            hint="name paths only, or one window or duration",
        )
    return names


def escalation_text(settings: Settings) -> str:
    """Return the rule of the level: the shipped one, or that of the file named.

    Raises `UsageError` with file, place and reason where it cannot be used.
    """
    if settings.escalation is None:
        return shipped_text()
    path = Path(settings.escalation)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            f"cannot read {path}: {reason}", hint="--escalation names a TOML file: docs/plan.md"
        ) from error
    parse_rule(text, str(path))
    return text


def _is_time(text: str) -> bool:
    return is_window_text(text) and not Path(text).exists()


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which moment a run is made for, of which logs, of which of the normal period, the rule that
    gives the level, tables of what was captured beside the logs, and changes that the user names.
    """

    now: datetime
    logs: Sequence[str]
    baseline: Sequence[str]
    rule: str
    captured: Mapping[str, pl.DataFrame]
    given: pl.DataFrame


# The option of each setting, for the command that the report prints; a flag has its whole text.
OPTION_OF = {
    "baseline": "--baseline",
    "since": "--since",
    "until": "--until",
    "zone": "--tz",
    "encoding": "--encoding",
    "follows_outside": "--follow-outside",
    "formats_dir": "--formats",
    "rules_dir": "--rules",
    "services": "--service",
    "templates": "--templates",
    "facts": "--facts",
    "trace_paths": "--trace-paths",
    "store": "--store",
    "event": "--event",
    "event_files": "--event-file",
    "keeps_all_events": "--events all",
    "is_strict": "--strict",
    "escalation": "--escalation",
    "fail_on": "--fail-on",
    "title": "--title",
    "author": "--author",
    "redact": "--redact",
    "redact_pii": "--redact-pii",
    "redaction_key": "--redaction-key",  # never among what was asked: it is a secret
}
_COUNTED_BY = ("aftershock", "python", "polars", "duckdb", "pyarrow")


def _run(settings: Settings, stamp: Stamp, state: str | None) -> Run:
    """Describe the run without what does not change its result: output folder, order of
    arguments.
    """
    logs, baseline = sorted(stamp.logs), sorted(stamp.baseline)
    asked = {
        key: value
        for key, value in asdict(replace(settings, baseline=(), redaction_key=None)).items()
        if value not in (None, False, ())
    }
    asked["baseline"] = baseline or list(settings.baseline)
    parts = [logs, asked, version("aftershock"), *([state] if state else [])]
    identity = json.dumps(parts, sort_keys=True, default=str)
    return Run(
        run_id=hashlib.sha256(identity.encode()).hexdigest()[:12],
        generated_at=stamp.now,
        version=version("aftershock"),
        command=_command(logs, asked),
        settings=asked,
        versions={name: _version(name) for name in _COUNTED_BY},
    )


def _command(logs: Sequence[str], asked: Mapping[str, Any]) -> str:
    """Return the command that asks for the same again; what is as by default is left out."""
    usual = asdict(Settings())
    words = ["analyze", *logs]
    for key, option in OPTION_OF.items():
        value = asked.get(key)
        if value is None or value in (usual[key], list(usual["baseline"])):
            continue
        if isinstance(value, bool):
            words += option.split()
        else:
            values = [value] if isinstance(value, str) else value
            words += [part for one in values for part in (option, one)]
    return shlex.join(words)


def _version(name: str) -> str:
    return platform.python_version() if name == "python" else version(name)


def documents_of(
    result: Result, formats: Sequence[str], md_limit: int | None = None
) -> dict[str, str]:
    """Render what was asked for; the result itself and its criteria are always written.

    Raises `SecretError` where a finished text holds a secret although the run was to take them out.
    """
    from pipeline import render

    texts = {}
    if "html" in formats:
        texts["report.html"] = render.render_html(result)
    if "md" in formats:
        texts["report.md"] = render.render_markdown(result, md_limit)
    if "junit" in formats:
        texts["junit.xml"] = render.render_junit(result)
    if "csv" in formats:
        texts |= render.render_csv(result)
    texts["result.json"] = render.to_json(result)
    texts["criteria.toml"] = render.render_criteria(result)
    if result.run.settings.get("redact") != "off":
        _refuse_secrets(texts)
    return texts


def _refuse_secrets(texts: Mapping[str, str]) -> None:
    """Look for secrets once more, in the very text that is to be written."""
    for name, text in texts.items():
        for line, kind in find_secrets(text)[:1]:
            raise SecretError(
                f"{name}, line {line}: what looks like a secret ({kind}) was not taken out; "
                "nothing was written",
                hint="this is a fault of the program, please report it; --redact off writes the "
                "documents as they are",
            )


# How results end that a store keeps.
PACKED = ".gz"


def render_again(
    path: Path, out: Path | None, documents: Sequence[str], md_limit: int | None = None
) -> tuple[Path, Result]:
    """Render the documents of a finished run from its folder or ``result.json``; return where."""
    source, result = load_result(path)
    if out is None and source.suffix == PACKED:
        raise UsageError(
            f"{source.parent} belongs to a store, which keeps nothing else",
            hint="name a folder for the documents with -o",
        )
    folder = out or source.parent
    store.write_documents(folder, documents_of(result, documents, md_limit))
    return folder, result


def write_junit(result: Result, path: Path) -> None:
    """Write JUnit's XML to the file *path*."""
    from pipeline.render import render_junit

    store.write_documents(
        path.parent, {path.name: render_junit(result)}, hint="name another file with --junit"
    )


def load_result(path: Path) -> tuple[Path, Result]:
    """Read the result of a finished run from its folder or ``result.json``; return that file, too.

    In a store it is ``result.json.gz``. Raises `UsageError` where there is none.
    """
    source = path / "result.json" if path.is_dir() else path
    if path.is_dir() and not source.is_file() and (path / f"result.json{PACKED}").is_file():
        source = path / f"result.json{PACKED}"
    try:
        data = source.read_bytes()
        text = (gzip.decompress(data) if source.suffix == PACKED else data).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            f"cannot read {source}: {reason}",
            hint="name the folder of a finished run, or its result.json",
        ) from error
    from pipeline.render import from_json

    return source, from_json(text)


def exit_code(result: Result, fail_on: str) -> ExitCode:
    """Return the exit status of a finished run under ``--fail-on``."""
    if result.verdict is Verdict.CANNOT_DECIDE:
        return ExitCode.CANNOT_DECIDE
    rises = [one for one in result.findings if one.is_regression and not is_silenced(one)]
    hit = {
        "never": False,
        "new": any(one.state is State.NEW for one in rises),
        "regression": bool(rises),
        "any": bool(rises) or result.verdict is Verdict.WATCH,
    }[fail_on]
    return ExitCode.REGRESSION if hit else ExitCode.NORMAL
