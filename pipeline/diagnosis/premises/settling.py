"""Doubts are tested like the verdicts that they concern; what they explain is no rise."""

from collections.abc import Mapping, Sequence
from itertools import count

import polars as pl

from pipeline.diagnosis.premises.facts import Doubt, Row, is_risen
from pipeline.diagnosis.premises.kinds import text_of
from pipeline.model import Premise, State

_LOOKS: Mapping[State | None, str] = {
    None: "looks like a rise, is an artefact",
    State.STEADY: "looks like a rise, is an artefact",
    State.UNKNOWN: "looks like a fall, is not known",
}


def rounds(doubts: Sequence[Doubt]) -> list[list[int]]:
    """Return the places of the doubts to test, so that no round holds two of one class."""
    found: list[tuple[set[str], list[int]]] = []
    for place, doubt in enumerate(doubts):
        if doubt.minutes is None or doubt.finding_id is None:
            continue
        names = {doubt.finding_id, *doubt.partners}
        for taken, places in found:
            if not names & taken:
                taken |= names
                places.append(place)
                break
        else:
            found.append((names, [place]))
    return [places for _, places in found]


def by_time_alone(doubts: Sequence[Doubt], series: pl.DataFrame) -> pl.DataFrame:
    """Return *series* without exposure where an artefact bends what rates are per, too."""
    names = sorted(
        doubt.finding_id for doubt in doubts if doubt.finding_id and not doubt.keeps_traffic
    )
    is_bent = pl.col("series_id").is_in(names)
    return series.with_columns(exposure=pl.when(~is_bent).then("exposure"))


def recounted(doubts: Sequence[Doubt], minutes: pl.DataFrame) -> pl.DataFrame:
    """Return *minutes* with the classes of *doubts* counted without their artefact.

    Columns of *minutes*: series_id, window_name, bucket_start, event_count, first_timestamp.
    """
    gone = {name for doubt in doubts for name in (doubt.finding_id, *doubt.partners)}
    parts = [minutes.filter(~pl.col("series_id").is_in(sorted(filter(None, gone))))]
    for doubt in doubts:
        if doubt.minutes is not None:
            summed = doubt.minutes.group_by("window_name", "bucket_start").agg(
                pl.col("event_count").sum(), pl.col("first_timestamp").min()
            )
            parts.append(
                summed.filter(pl.col("event_count") > 0).select(
                    pl.lit(doubt.finding_id).alias("series_id"), pl.all()
                )
            )
    columns = parts[0].columns
    return pl.concat([part.select(columns) for part in parts], how="vertical_relaxed").sort(
        "series_id", "window_name", "bucket_start"
    )


def settle(
    doubts: Sequence[Doubt], retested: Mapping[int, Row], titles: Mapping[str, str]
) -> tuple[list[Premise], dict[str, Row]]:
    """Return the premises, and for each finding that one explains away its verdict without it.

    *retested*: verdict by the place of its doubt. A finding is explained by the first doubt that
    does; a doubt that explains nothing is told all the same, and names no finding.
    """
    verdicts: dict[str, Row] = {}
    premises: list[Premise] = []
    numbered = count(1)
    for place, doubt in enumerate(doubts):
        found: list[str] = []
        name = doubt.finding_id
        if name is not None:
            verdict = retested.get(place)
            if doubt.state is not None:
                verdict = {"state": doubt.state.value, "confidence": "none"}
            if verdict is None or name in verdicts:
                continue
            if not is_risen(verdict):
                found = [name, *(one for one in doubt.partners if one not in verdicts)]
                verdicts.update(dict.fromkeys(found, verdict))
        text = text_of(doubt.kind, doubt.query_id, doubt.numbers, doubt.service_name, doubt.window)
        if name is not None:
            looks = _LOOKS[doubt.state] if found else "rose without this, too"
            text = f"{titles.get(name, name)}: {looks}: {text}"
        premises.append(
            Premise(
                premise_id=f"p{next(numbered)}",
                kind=doubt.kind,
                text=text,
                service_name=doubt.service_name,
                window=doubt.window,
                numbers=doubt.numbers,
                query_id=doubt.query_id,
                finding_ids=found,
            )
        )
    return premises, verdicts


def with_verdicts(verdicts: pl.DataFrame, explained: Mapping[str, Row]) -> pl.DataFrame:
    """Return *verdicts* with what is in those of explained findings replaced."""
    if not explained:
        return verdicts
    rows = []
    for row in verdicts.iter_rows(named=True):
        name = row["series_id"]
        if name not in explained:
            rows.append(row)
            continue
        rows.append({**row, **explained[name], "series_id": name, "is_regression": False})
    return pl.DataFrame(rows, schema=verdicts.schema, orient="row")
