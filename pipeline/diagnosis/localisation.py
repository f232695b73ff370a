"""Where it began: services ranked as first failures, by how their steps in traces changed.

Of every trace the steps are known: which statement of which service came when. Four kinds of change
are asked for, each against the baseline: a span ends where it went on before, a span logs warnings
or errors that are new or more, a service that used to be called writes nothing while its caller
goes on, and steps that take longer. Each gives a logarithm of a likelihood ratio ("changed" against
"as before"), in nats, so that they add up without weights. Of one trace only the changed span that
started last counts: those before it wait for it, and fail because of it.

A ratio of marginal likelihoods (Bayes factor; Kass and Raftery 1995) knows how little a few spans
say: 3 of 3 against 0 of 3 is weak, whatever the shares. How many statements, services and
beginnings were tried is taken off as the logarithm of their number, as for a uniform prior. So a
score above ln 20 says that a change is twenty times likelier than none, and nought that nothing is
known. The beginning within the window is not known either: it is any of eight parts of its traces,
and what lies before counts with the baseline.

What comes first is a first failure. It is not a root cause.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from pipeline.diagnosis.trace_signs import (
    CALL,
    PRIORS,
    SPAN,
    STEP,
    Priors,
    StepCounts,
    changed_spans,
    slow_services,
)
from pipeline.model import FirstFailure, Localisation, TraceSign
from pipeline.schema import TIMESTAMP, WARN_SEVERITY, Schema

# Fewer traces than this in a window carry no ranking.
MINIMUM_TRACES = 10
_MOST_CANDIDATES, _MOST_SIGNS = 8, 6


def localise(
    steps: pl.DataFrame, not_asked: str | None = None, priors: Priors = PRIORS
) -> Localisation:
    """Rank services by *steps*, the answer of `trace_steps`; *not_asked* says why there are none.

    Where traces are too few, or none changed beyond chance, the status is "not_known".
    """
    counted = {
        name: steps.filter(pl.col("window_name") == name)["trace_id"].n_unique()
        for name in ("baseline", "candidate")
    }
    reason = not_asked or _too_little(counted, steps)
    if reason:
        before, now = counted["baseline"], counted["candidate"]
        return Localisation("not_known", reason, before, now, None, [])
    by_chance = _by_chance(steps, priors)
    found = _ranked(steps, priors, by_chance)
    status = "not_known"
    text = "no service's steps changed beyond what chance explains"
    if found:
        status, text = _told(found, priors)
    return Localisation(
        status,  # type: ignore[arg-type]
        text,
        counted["baseline"],
        counted["candidate"],
        by_chance,
        found,
    )


def _too_little(counted: Mapping[str, int], steps: pl.DataFrame) -> str | None:
    for name, count in counted.items():
        if count < MINIMUM_TRACES:
            return (
                f"the {name} window has {count:,} {'trace' if count == 1 else 'traces'}, and fewer "
                f"than {MINIMUM_TRACES} carry no ranking"
            )
    if steps["service_name"].n_unique() < 2:
        return "the traces are of one service only"
    return None


def _told(found: Sequence[FirstFailure], priors: Priors) -> tuple[str, str]:
    first = found[0]
    if first.strength != "clear":
        return "not_known", "no service stands out: what is nearest is within what chance explains"
    rivals = [one for one in found[1:] if first.nats - one.nats < priors.clear]
    if rivals:
        return "clear", "the first services cannot be told apart by these logs"
    return "clear", "one service stands out"


# ---- what speaks for each service ---------------------------------------------------------------


@dataclass(slots=True)
class _Score:
    """What speaks for one service, if it began with part *start*."""

    start: int
    nats: float = 0.0
    signs: list[TraceSign] = field(default_factory=list)
    traces: int = 0
    changed_traces: int = 0


def _scores(
    steps: pl.DataFrame, counts: StepCounts, start: int, priors: Priors
) -> dict[str, _Score]:
    found: dict[str, _Score] = defaultdict(lambda: _Score(start))
    signs = changed_spans(counts, start, priors)
    votes = _votes(steps, signs, start)
    changed_traces = votes["trace_id"].n_unique()
    last = votes.filter("is_last").group_by("service_name").agg(pl.col("trace_id").n_unique())
    for service, traces in last.iter_rows():
        found[service].traces, found[service].changed_traces = traces, changed_traces
    for sign in _told_by(votes, signs):
        found[sign.service_name].nats += sign.nats
        found[sign.service_name].signs.append(sign)
    for service, nats, slow in slow_services(counts, start, priors):
        # Where paths speak for a service, that it is not slow says nothing against it.
        if nats > 0 or service not in found:
            found[service].nats += nats
            found[service].signs += slow
    return {service: one for service, one in found.items() if one.signs}


def _told_by(votes: pl.DataFrame, signs: Sequence[TraceSign]) -> Iterator[TraceSign]:
    """Yield each sign with the spans of it that count, and the nats of these."""
    counting = votes.filter("is_last").group_by("sign").agg(pl.struct(SPAN).n_unique().alias("n"))
    spans = dict(counting.iter_rows())
    for at, one in enumerate(signs):
        if at in spans:
            share = min(spans[at] / max(one.candidate_count or 0, 1), 1.0)
            yield replace(one, nats=one.nats * share, span_count=spans[at])


# By which columns the steps that show a sign are found, and which of these do.
_SHOWN_BY = {
    "cut_short": (STEP, pl.col("is_cut")),
    "more_errors": (STEP, pl.col("severity_number") >= WARN_SEVERITY),
    "silent": (CALL, pl.col("next_statement").is_not_null()),
}
_VOTES: Schema = {
    "trace_id": pl.String,
    "span_key": pl.String,
    "service_name": pl.String,
    "begun": TIMESTAMP,
    "sign": pl.Int64,
}


def _votes(steps: pl.DataFrame, signs: Sequence[TraceSign], start: int) -> pl.DataFrame:
    """Return the spans that show *signs* from part *start* on, a row a span and sign.

    Columns: `_VOTES`, and whether its service is the one whose changed span started last in its
    trace (`is_last`). A silent service has no span: it stands for one that begins with the call.
    """
    since = steps.filter(pl.col("part") >= start)
    parts = [pl.DataFrame(schema=_VOTES)]
    for kind, (keys, shows) in _SHOWN_BY.items():
        own = [
            (at, one.service_name, *_place(one)) for at, one in enumerate(signs) if one.kind == kind
        ]
        if not own:
            continue
        names = ["sign", "changed", *keys]
        looked_up = pl.DataFrame(own, schema=names, orient="row")
        rows = since.filter(shows).join(looked_up, on=keys)
        if kind == "silent":
            rows = rows.filter(pl.col("callee").ne_missing(pl.col("changed"))).with_columns(
                span_start=pl.col("timestamp")
            )
        parts.append(rows.select(*SPAN, service_name="changed", begun="span_start", sign="sign"))
    votes = pl.concat(parts).unique()
    # Of spans that started at once, the one of the first name: any rule does if it is a fixed one.
    latest = votes.sort("begun", "service_name", descending=[True, False])
    last = latest.group_by("trace_id").first()
    votes = votes.join(last.select("trace_id", last_service="service_name"), on="trace_id")
    return votes.with_columns(is_last=pl.col("service_name") == pl.col("last_service"))


def _place(sign: TraceSign) -> tuple[str | None, ...]:
    if sign.kind == "silent":
        return sign.other_service, sign.statement, sign.next_statement
    return sign.service_name, sign.statement


# ---- over all beginnings ------------------------------------------------------------------------


def _best(steps: pl.DataFrame, priors: Priors) -> dict[str, tuple[float, _Score]]:
    """Return for each service what speaks for it whenever it began, and the likeliest beginning."""
    counts = StepCounts.of(steps, priors)
    by_service: dict[str, list[_Score]] = defaultdict(list)
    for start in priors.starts:
        for service, score in _scores(steps, counts, start, priors).items():
            by_service[service].append(score)
    found = {}
    for service, scores in by_service.items():
        likeliest = max(scores, key=lambda one: (one.nats, -one.start))
        among = sum(math.exp(one.nats - likeliest.nats) for one in scores)
        found[service] = likeliest.nats + math.log(among / len(priors.starts)), likeliest
    return found


def _ranked(steps: pl.DataFrame, priors: Priors, by_chance: float) -> list[FirstFailure]:
    best = _best(steps, priors)
    order = sorted(best, key=lambda service: (-best[service][0], service))
    found = []
    for service in order[:_MOST_CANDIDATES]:
        nats, score = best[service]
        signs = sorted(score.signs, key=lambda one: (-one.nats, one.kind, one.statement))
        found.append(
            FirstFailure(
                service_name=service,
                nats=nats,
                strength="clear" if nats >= max(priors.clear, by_chance) else "weak",
                since=_since(steps, score.start),
                trace_count=score.traces,
                changed_trace_count=score.changed_traces,
                signs=signs[:_MOST_SIGNS],
            )
        )
    return found


def _since(steps: pl.DataFrame, start: int) -> datetime | None:
    """Return when the first trace of part *start* began; null where that is the window's first."""
    if not start:
        return None
    moment = steps.filter(pl.col("part") == start)["trace_start"].min()
    return moment if isinstance(moment, datetime) else None


def _by_chance(steps: pl.DataFrame, priors: Priors) -> float:
    """Return the highest score of any service between the halves of the baseline: what there is to
    find without a fault. Nought where there is none.
    """
    usual = steps.filter(pl.col("window_name") == "baseline")
    traces = usual.group_by("trace_id").agg(pl.col("trace_start").first())
    ordered = traces.sort("trace_start", "trace_id")["trace_id"]
    early = pl.col("trace_id").is_in(ordered.head(len(ordered) // 2).implode())
    undivided = replace(priors, starts=(0,))
    highest = 0.0
    for is_new in (early, ~early):
        part = pl.when(is_new).then(0).otherwise(-1).cast(pl.Int64)
        best = _best(usual.with_columns(part=part), undivided)
        highest = max([highest, *(nats for nats, _ in best.values())])
    return highest
