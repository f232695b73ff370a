"""One finding of a finished run in full, with the lines that stand around its samples."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from pipeline import store
from pipeline.errors import PipelineError, UsageError
from pipeline.facts import EvidenceCheck, ShownFinding, ShownLine, ShownSample
from pipeline.ingest.segments import Segment, read_around
from pipeline.ingest.sources import Source
from pipeline.model import Finding, Result, Sample
from pipeline.orchestrate.evidence import Search, heads_of, sources_of
from pipeline.orchestrate.examination import without_secrets
from pipeline.orchestrate.runs import load_result
from pipeline.redaction import Redactor, redact_lines
from pipeline.sql import Session

# More names than this are no help.
_MOST_LISTED = 12


def show(
    wanted: str, run: Path, logs: Sequence[str] = (), *, context: int = 3
) -> list[ShownFinding]:
    """Return what the run in *run* found under *wanted*: an id of a finding or template, an error
    class, or the beginning of one that is no other's; a class may be several findings.

    Lines around samples are read from *logs* (none: where they were read from), *context* on
    either side. Raises `UsageError` for a name that is unknown or of several.
    """
    path, result = load_result(run)
    folder = path.parent
    found = resolve(wanted, result, folder)
    search = None
    if store.is_run(folder):
        sources = sources_of(result, logs, skip=[folder])
        search = Search(sources, heads_of(folder), lambda _: None)
    return [_shown(one, result, folder, search, context) for one in found]


def resolve(wanted: str, result: Result, folder: Path) -> list[Finding]:
    """Return the findings that *wanted* names. Raises `UsageError` with what is near it."""
    names = _names(result)
    if wanted not in names and not any(name.startswith(wanted) for name in names):
        names = _other_templates(folder, result)
    if wanted in names:
        return names[wanted]
    beginning = {name: found for name, found in names.items() if name.startswith(wanted)}
    ids = {tuple(one.finding_id for one in found) for found in beginning.values()}
    if wanted and len(ids) == 1:
        return next(iter(beginning.values()))
    if wanted and beginning:
        raise UsageError(
            f"{wanted!r} is the beginning of {len(beginning)} names",
            hint=f"name one of {_listed(sorted(beginning))}",
        )
    raise UsageError(f"there is no finding {wanted!r} in this run", hint=_near(wanted, result))


def _names(result: Result) -> dict[str, list[Finding]]:
    names: dict[str, list[Finding]] = {}
    for one in result.findings:
        for name in (
            one.finding_id, *one.alias_ids, one.error_class, one.template_id, one.fingerprint,
        ):  # fmt: skip
            if name and one not in names.setdefault(name, []):
                names[name].append(one)
    return names


def _other_templates(folder: Path, result: Result) -> dict[str, list[Finding]]:
    """Return the templates that findings have beside the one that they are shown with."""
    if not store.is_run(folder):
        return {}
    files = store.run_files(folder)
    if store.WINDOWS not in files.tables or not files.events:
        return {}
    with Session() as session:
        session.read_events(files.events)
        session.register("windows", files.table(store.WINDOWS))
        events = session.frame("int_finding_events")
    known = {one.finding_id: one for one in result.findings}
    pairs = events.select("template_id", "finding_id").drop_nulls().unique(maintain_order=True)
    names: dict[str, list[Finding]] = {}
    for template_id, finding_id in pairs.iter_rows():
        if finding_id in known:
            names.setdefault(template_id, []).append(known[finding_id])
    return names


def _near(wanted: str, result: Result) -> str:
    names = sorted({one.error_class or one.finding_id for one in result.findings})
    if not names:
        return "this run has no findings"
    titles = {one.title: one.error_class or one.finding_id for one in result.findings}
    near = get_close_matches(wanted, [*names, *titles], n=1, cutoff=0.6)
    if near:
        return f"did you mean {titles.get(near[0], near[0])!r}?"
    return f"there are {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _shown(
    one: Finding, result: Result, folder: Path, search: Search | None, context: int
) -> ShownFinding:
    texts = _texts(folder, one)
    pairs = [(one, sample) for sample in one.samples]
    checks = search.checks(pairs) if search else []
    samples = []
    for at, sample in enumerate(one.samples):
        check = checks[at] if checks else _unsearched(one, sample)
        source = search.source_at(check.found_path) if search else None
        lines = _lines(source, check, context) if source else []
        place = (sample.log_file_path, sample.byte_offset)
        body, trace = texts.get(place, (sample.body, None))
        samples.append(
            ShownSample(check, sample.timestamp, sample.service_name, body, trace, lines)
        )
    # Where secrets were only taken out of the report, the tables have them still.
    return without_secrets(ShownFinding(one, samples, _edges(one, result)), result.run, Redactor())


def _unsearched(one: Finding, sample: Sample) -> EvidenceCheck:
    return EvidenceCheck(
        one.finding_id,
        one.error_class or one.title,
        sample.log_file_path,
        sample.line_number,
        sample.byte_offset,
        sample.byte_length,
        sample.segment_hash,
        "unverifiable",
        "the tables of the run are not beside its result",
    )


def _lines(source: Source, check: EvidenceCheck, context: int) -> list[ShownLine]:
    if check.found_offset is None or check.byte_length is None:
        return []
    found = read_around(source, Segment(check.found_offset, check.byte_length), context)
    if found is None:
        return []
    texts = [*found.before, *found.lines, *found.after]
    # What a source holds is as it was written, so secrets are taken out before anyone sees it.
    clean = redact_lines(texts)
    own = range(len(found.before), len(found.before) + len(found.lines))
    return [ShownLine(text, at in own) for at, text in enumerate(clean)]


def _texts(folder: Path, one: Finding) -> dict[tuple[str, int], tuple[str, str | None]]:
    """Return body and stack trace of the samples in full, by path and offset."""
    if not store.is_run(folder):
        return {}
    parts = [path for own in store.run_files(folder).events.values() for path in own]
    offsets = [sample.byte_offset for sample in one.samples]
    columns = ("log_file_path", "byte_offset", "body", "exception_stacktrace")
    try:
        rows = (
            pl.scan_parquet(parts, glob=False)
            .filter(pl.col("byte_offset").is_in(offsets))
            .select(*columns)
            .collect()
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise PipelineError(f"cannot read the events of {folder}: {error}") from error
    return {(path, offset): (body or "", trace) for path, offset, body, trace in rows.iter_rows()}


def _edges(one: Finding, result: Result) -> list[tuple[str, str, str, str]]:
    """Return what the finding follows and what follows it, on which evidence."""
    nodes = {node.node_id: node for node in result.chain.nodes}
    own = {node_id for node_id, node in nodes.items() if node.finding_id == one.finding_id}
    edges: list[tuple[str, str, str, str]] = []
    for edge in result.chain.edges:
        if edge.target in own and edge.source not in own:
            edges.append(("follows", nodes[edge.source].label, edge.evidence, edge.grade))
        elif edge.source in own and edge.target not in own:
            edges.append(("followed by", nodes[edge.target].label, edge.evidence, edge.grade))
    return edges
