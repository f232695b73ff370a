"""From the tables of a run to its result: when it is made, and again when it is checked."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from pipeline.captures import tell_captures
from pipeline.changes import load_signs
from pipeline.detection import find_lags, rate_ratio_interval, recovery
from pipeline.diagnosis.assemble import Tested, assemble
from pipeline.diagnosis.coverage import find_coverage
from pipeline.diagnosis.escalation import FILE, parse_rule, shipped_text
from pipeline.diagnosis.health import Captured
from pipeline.diagnosis.hypotheses import Known, risen, sought
from pipeline.diagnosis.lifecycle import (
    annotate,
    past_incidents,
    read_row,
    row_json,
    stretches,
)
from pipeline.diagnosis.localisation import localise
from pipeline.diagnosis.series import onset_table
from pipeline.diagnosis.windows import Choice
from pipeline.errors import PipelineError
from pipeline.facts import Row
from pipeline.model import (
    CalibrationQuote,
    DataWarning,
    HourlyPoint,
    QueryFacts,
    Result,
    Run,
    Window,
)
from pipeline.numbers import number_sources
from pipeline.orchestrate.tracing import MAX_TRACES, why_not_traced
from pipeline.orchestrate.trial import (
    MARTS,
    MARTS_OF_ENDPOINTS,
    MARTS_OF_RISEN,
    judge,
    regressions_of,
)
from pipeline.redaction import Redactor, redact_fields
from pipeline.rules.knowledge import KnowledgeBase
from pipeline.schema import CALM, CHANGES, FACTS, LATENCIES, MEASURES, TRACED, Schema
from pipeline.sql import Session, load_queries
from pipeline.sql import title as query_title

T = TypeVar("T")

_WITH_ORIGIN: Schema = {**LATENCIES, "origin": pl.String}
_NO_LATENCIES = pl.DataFrame(schema=_WITH_ORIGIN)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a result rests on beside the tables: who asked for what, and which windows that gave.

    *escalation* is the text of the rule that gives the level, *remembered* what a store holds of
    findings of earlier runs (null: there is no store).
    """

    run: Run
    choice: Choice
    calibration: CalibrationQuote | None
    escalation: str = field(default_factory=shipped_text)
    remembered: list[Row] | None = None


def examine(
    events: Mapping[str, Sequence[Path]],
    tables: Mapping[str, pl.DataFrame],
    basis: Basis,
    redactor: Redactor | None = None,
    recall: Callable[[Sequence[str]], pl.DataFrame] | None = None,
    retrace: Callable[[], pl.DataFrame] | None = None,
) -> Result:
    """Count, test and explain what was read: *events* by origin, *tables* by name.

    The same tables and basis give the same result. No text of it holds a secret as *redactor* (by
    default, one for secrets alone) knows them, unless the run was asked to leave them. *recall*
    looks for ordinary lines of templates, by their ids, in the logs; where they were looked for
    before, they are the table *calm*. So does *retrace* for the lines of traces, table *traced*.
    """
    choice = basis.choice
    with Session() as session:
        session.read_events(events)
        session.register("rollup", tables["rollup"])
        session.register("minutes", tables["minutes"])
        session.register("ledger", tables["ledger"])
        session.register("windows", choice.table())
        session.register("aliases", tables["aliases"])
        session.register("calm", tables.get("calm", pl.DataFrame(schema=CALM)))
        session.register("changes", tables.get("changes", pl.DataFrame(schema=CHANGES)))
        latencies = tables.get("latencies", _NO_LATENCIES)
        session.register("latencies", latencies)
        session.register("facts", tables.get("facts", pl.DataFrame(schema=FACTS)))
        session.register("measures", tables.get("measures", pl.DataFrame(schema=MEASURES)))
        session.register("traced", tables.get("traced", pl.DataFrame(schema=TRACED)))

        def find_calm(template_ids: Sequence[str]) -> None:
            if recall is not None and template_ids:
                session.register("calm", recall(template_ids))

        marts = {name: session.frame(name) for name in MARTS}
        coverage = find_coverage(marts["service_minutes"], choice)
        spells = stretches(basis.remembered or ())
        tested = judge(marts, choice, coverage, session.frame, find_calm, spells)
        regressions = regressions_of(tested.verdicts)
        session.register("onsets", onset_table(tested.onsets, regressions))
        for name in MARTS_OF_RISEN:
            marts[name] = session.frame(name)
        known = _known(marts["finding_totals"], tested, session)
        for name in MARTS_OF_ENDPOINTS:
            marts[name] = session.frame(name)
        files, measures = session.frame("fact_files"), session.frame("fact_measures")
        not_traced = why_not_traced(
            basis.run.settings,
            choice,
            session.frame("trace_totals"),
            marts["ledger_sources"],
            has_risen=bool(tested.onsets),
        )
        if retrace is not None and not_traced is None:
            session.register("traced", retrace())
        localisation = localise(session.frame("trace_steps"), not_traced)
    told = tell_captures(files, measures, choice.candidate)
    times = marts["finding_times"].rename({"finding_id": "series_id"})
    tested = replace(tested, lags=find_lags(times.filter(pl.col("series_id").is_in(regressions))))
    result = assemble(
        marts,
        tested,
        choice,
        coverage,
        marts["ledger_sources"],
        known,
        rate_ratio_interval,
        basis.run,
        _queries(choice, known),
        Captured(told.files, told.working, told.broken, told.unknown, told.answers),
        recovery,
        parse_rule(basis.escalation, str(basis.run.settings.get("escalation") or FILE)),
        sign_count=len(load_signs()),
        past=None if basis.remembered is None else past_incidents(basis.remembered),
    )
    result = replace(
        result,
        calibration=basis.calibration,
        numbers=number_sources(),
        localisation=replace(localisation, trace_limit=MAX_TRACES),
    )
    if basis.remembered is not None:
        result = annotate(result, basis.remembered, rate_ratio_interval)
    return without_secrets(result, basis.run, redactor or Redactor())


def without_secrets(value: T, run: Run, redactor: Redactor) -> T:
    """Redact every text of *value*, unless *run* was asked not to: also paths, titles and what was
    only put together from texts without secrets.
    """
    if run.settings.get("redact") == "off":
        return value
    # Points hold no text, and there are many; queries are our own.
    return redact_fields(value, redactor, skip=(HourlyPoint, QueryFacts))


def _known(totals: pl.DataFrame, tested: Tested, session: Session) -> Known:
    """Return the entries of the knowledge base for each class, and what they look for in texts."""
    base, rows = KnowledgeBase(), totals.to_dicts()
    found = {row["finding_id"]: base.find(row) for row in rows}
    entries = {name: entry for name, entry in found.items() if entry is not None}
    looked_into = [name for name in risen(rows, tested.verdicts) if name in entries]
    texts = sought(entries[name] for name in looked_into)
    hits = {one: session.frame("sign_hits", asdict(one)) for one in texts}
    return Known(entries, looked_into, hits)


def _queries(choice: Choice, known: Known) -> list[QueryFacts]:
    windows = {
        f"{name}_{index}": f"{start:%Y-%m-%dT%H:%M:%SZ} .. {end:%Y-%m-%dT%H:%M:%SZ}"
        for index, (name, _, start, end) in enumerate(choice.table().iter_rows())
    }
    texts = load_queries()
    own = {"sign_hits": {"signs": [asdict(one) for one in known.hits]}}
    return [
        QueryFacts(
            name, query_title(texts[name]), texts[name], {"windows": windows, **own.get(name, {})}
        )
        for name in texts
        if "pattern" not in name and name != "stg_keys"
    ]


# ---- the basis as text ------------------------------------------------------------------------


def basis_text(basis: Basis) -> str:
    """Return *basis* as JSON, without the windows themselves: these are a table."""
    choice = basis.choice
    return json.dumps(
        {
            "run": asdict(basis.run),
            "baseline_origin": choice.baseline_origin,
            "description": choice.description,
            "warnings": [asdict(one) for one in choice.warnings],
            "shift_seconds": choice.shift.total_seconds(),
            "calibration": asdict(basis.calibration) if basis.calibration else None,
            "escalation": basis.escalation,
            "remembered": None
            if basis.remembered is None
            else [row_json(row) for row in basis.remembered],
        },
        default=_iso,
    )


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def read_basis(text: str, windows: pl.DataFrame) -> Basis:
    """Return the basis that `basis_text` wrote. Raises `PipelineError` for any other text."""
    try:
        raw = json.loads(text)
        quote = raw["calibration"]
        return Basis(
            run=Run(**_with_times(raw["run"], "generated_at")),
            choice=_choice(raw, windows),
            calibration=CalibrationQuote(**_with_times(quote, "start", "end")) if quote else None,
            # Runs of before this key had the rule that was shipped then.
            escalation=raw.get("escalation") or shipped_text(),
            remembered=None
            if raw.get("remembered") is None
            else [read_row(row) for row in raw["remembered"]],
        )
    except (ValueError, KeyError, TypeError, RecursionError, pl.exceptions.PolarsError) as error:
        raise PipelineError(
            "windows.parquet does not say what the run was made with",
            hint="analyse the logs again with this version of the program",
        ) from error


def _choice(raw: Mapping[str, Any], windows: pl.DataFrame) -> Choice:
    rows = windows.select("window_name", "window_start", "window_end").rows()
    (candidate,) = (Window(start, end) for name, start, end in rows if name == "candidate")
    return Choice(
        baseline=tuple(Window(start, end) for name, start, end in rows if name == "baseline"),
        candidate=candidate,
        baseline_origin=raw["baseline_origin"],
        description=raw["description"],
        warnings=tuple(DataWarning(**one) for one in raw["warnings"]),
        shift=timedelta(seconds=raw["shift_seconds"]),
    )


def _with_times(raw: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {
        key: datetime.fromisoformat(value).astimezone(UTC) if key in names else value
        for key, value in raw.items()
    }
