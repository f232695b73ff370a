"""Whether the documents of a run say what its tables give: everything is computed again."""

from importlib.metadata import version
from pathlib import Path

from pipeline import store
from pipeline.errors import UsageError
from pipeline.facts import ReportCheck
from pipeline.model import Result
from pipeline.orchestrate.examination import examine, read_basis
from pipeline.orchestrate.reading import Tell
from pipeline.orchestrate.runs import documents_of
from pipeline.orchestrate.sealing import sealed
from pipeline.redaction import Redactor

_READ = ("rollup", "minutes", "ledger", "changes", store.ALIASES, store.CALM, store.TRACED)


def check_report(
    folder: Path, *, md_limit: int | None = None, tell: Tell = lambda _: None
) -> ReportCheck:
    """Run the same queries and functions on the Parquet files in *folder* again, render the
    documents again, and compare each that lies there. *md_limit* is that of the Markdown's run.

    Raises `UsageError` when *folder* holds no run with documents, `PipelineError` when its tables
    are damaged or are those of a version that did not keep what is needed.
    """
    files = store.run_files(folder)
    present = {name: folder / name for name in store.DOCUMENTS if (folder / name).is_file()}
    if not present:
        raise UsageError(
            f"there is no report in {folder}",
            hint="analyze LOGS -o DIR writes one; analyze report DIR renders it again",
        )
    tell("computing everything again")
    result = recompute(files)
    from pipeline.render import compare_documents

    tell("comparing")
    expected = documents_of(result, ("html", "md"), md_limit)
    checks = [
        compare_documents(name, _read(path), expected[name]) for name, path in present.items()
    ]
    return ReportCheck(
        run_id=result.run.run_id,
        version=result.run.version,
        checked_with=version("aftershock"),
        documents=checks,
        missing=[name for name in store.DOCUMENTS if name not in present],
    )


def _read(path: Path) -> str:
    # What is no text differs, and is told as such.
    return path.read_bytes().decode("utf-8", "backslashreplace")


def recompute(files: store.RunFiles) -> Result:
    """Return the result that the tables of a run give."""
    basis = read_basis(files.basis(), files.table(store.WINDOWS))
    tables = {name: files.table(name) for name in _READ}
    # Runs of before there were facts and durations have none.
    newer = (*store.CAPTURED, "latencies")
    tables |= {name: files.table(name) for name in newer if name in files.tables}
    redactor = Redactor(pii=bool(basis.run.settings.get("redact_pii")))
    result = examine(files.events, tables, basis, redactor)
    return sealed(result, files.table(store.EVIDENCE))
