"""What in the input itself may fake a rise: looked for before the verdict, and tested like it.

A doubt names an artefact (lines shipped twice, a level renamed, one failure logged twice …) and,
where it may explain the rise of a class, how often that class would have been counted without it.
The same rate test then judges these counts. Only when they did not rise is the rise an artefact; a
real rise beside one stays what it is. What is not tested is reported and explains nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import polars as pl

from pipeline.diagnosis.premise_words import text_of
from pipeline.model import Premise, State, WindowName

Ask = Callable[[str], pl.DataFrame]
Row = Mapping[str, Any]

_RISES = (State.NEW, State.INCREASED, State.ESCALATING, State.RETURNED, State.BURST)
_FALLS = (State.GONE, State.DECREASED)
# Fewer texts, requests or notices than this may stand so by chance.
_FEWEST = 10
_FEWEST_BEFORE = 3
# Nearly all: a handler that writes twice writes every line twice, a failure repeated at random
# is repeated sometimes. Timestamps must tell the two apart, so most need parts of a second.
_NEARLY_ALL = 0.8
_TWIN_SHARE = 0.95
_TWIN_SECONDS = 1.0
# Below this growth of events per failure, a rise is hardly made by it.
_GROWTH = 1.3
# One level or logger must have lost half of what it had, or of what the other gained.
_MOVED = 0.5
# Of the old logger's events this share may come after the new one began: instances are replaced one
# by one.
_STILL_OLD = 0.05
_ROLLOUT = timedelta(hours=1)
_ALIKE = 0.5
_FEW_FAR = 0.9
_HALF_HOUR = 1800.0
# A zone is off by whole half hours; a line is collected within seconds, at worst a minute or so.
_ZONE_TOLERANCE, _ZONE_SPREAD = 90.0, 120.0
# A line cannot be collected before it is written: a clock ahead of its envelope's is wrong. Behind
# it by half a minute it may be collected late, but not steadily so.
_AHEAD, _BEHIND = 2.0, 30.0
_LONGEST_WAIT = 60.0  # calls that time out end at a constant lag, too: beyond this few do
_LOST_SHARE = 0.05
_WORD = re.compile(r"[A-Za-z]{3,}")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One artefact, and how its class would have been counted without it.

    *minutes*: window_name, bucket_start, event_count, first_timestamp; None where nothing is to be
    tested. *partners* are classes that are the same as *finding_id* without the artefact.
    *keeps_traffic* is false where the artefact bends what rates are per, too. *state*: what the
    evidence itself makes of the class, without a test.
    """

    kind: str
    service_name: str | None
    window: WindowName | None
    numbers: dict[str, Any]
    query_id: str
    finding_id: str | None = None
    partners: tuple[str, ...] = ()
    minutes: pl.DataFrame | None = None
    keeps_traffic: bool = True
    state: State | None = None


@dataclass(slots=True)
class Facts:
    """What doubts are looked for in: marts by name, verdicts by finding, lengths of the windows."""

    ask: Ask
    totals: Mapping[str, Row]
    verdicts: Mapping[str, Row]
    minutes: pl.DataFrame
    seconds: Mapping[WindowName, float]
    services: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # Has ordinary lines of templates, by their ids, looked for before `level_minutes` is asked.
    recall: Callable[[Sequence[str]], None] = lambda _: None

    def risen(self) -> list[str]:
        """Return the findings that the test calls risen, in order of their ids."""
        return [
            name
            for name, row in sorted(self.verdicts.items())
            if name in self.totals and is_risen(row)
        ]

    def fallen(self) -> list[str]:
        """Return the findings that ended or became fewer."""
        return [
            name
            for name, row in sorted(self.verdicts.items())
            if name in self.totals and row["state"] in _FALLS
        ]

    def of(self, name: str) -> pl.DataFrame:
        """Return the minutes of one finding."""
        return _counted(self.minutes.filter(pl.col("series_id") == name))

    def home(self, name: str) -> str | None:
        """Return the one service that logs a finding, or None where several do."""
        own = self.services.get(name, frozenset())
        return next(iter(own)) if len(own) == 1 else None


def is_risen(verdict: Row) -> bool:
    """Tell whether a verdict is a rise, confirmed or suspected."""
    return verdict["confidence"] != "none" and verdict["state"] in _RISES


def facts_of(
    ask: Ask,
    totals: pl.DataFrame,
    services: pl.DataFrame,
    verdicts: pl.DataFrame,
    minutes: pl.DataFrame,
    seconds: Mapping[WindowName, float],
    recall: Callable[[Sequence[str]], None] = lambda _: None,
) -> Facts:
    """Gather what `find_doubts` reads; *minutes* as `finding_minutes`, with `series_id`."""
    by_finding = services.group_by("finding_id").agg("service_name").iter_rows()
    return Facts(
        ask,
        {row["finding_id"]: row for row in totals.iter_rows(named=True)},
        {row["series_id"]: row for row in verdicts.iter_rows(named=True)},
        minutes,
        seconds,
        {name: frozenset(own) for name, own in by_finding},
        recall,
    )


def find_doubts(facts: Facts) -> list[Doubt]:
    """Return every artefact that is found, those first that explain a class best."""
    searches = (
        _copies,
        _doubled,
        _levels,
        _loggers,
        _twins,
        _amplified,
        _far,
        _zones,
        _skews,
        _late,
        _losses,
    )
    return [doubt for search in searches for doubt in search(facts)]


def _copies(facts: Facts) -> Iterable[Doubt]:
    """Lines of two files: they were taken out before anything was counted."""
    rows = facts.ask("data_quality").filter(pl.col("copy_count") > 0)
    if rows.height:
        numbers = {
            "copy_count": int(rows["copy_count"].sum()),
            "event_count": int(rows["event_count"].sum()),
        }
        yield Doubt("duplicate_lines", _only(rows["service_name"]), None, numbers, "data_quality")


def _doubled(facts: Facts) -> Iterable[Doubt]:
    """The same text twice at once, all the time: two handlers, or two ways to the same store."""
    units = _by_window(facts.ask("unit_totals"))
    plain: dict[tuple[str | None, WindowName], list[int]] = {}
    for name, windows in sorted(units.items()):
        before, after = windows.get("baseline"), windows.get("candidate")
        doubled: list[WindowName] = [
            window for window in ("baseline", "candidate") if _is_doubled(windows.get(window))
        ]
        risen = name in facts.totals and is_risen(facts.verdicts.get(name, _NOTHING))
        if after and doubled == ["candidate"] and risen:
            numbers = {
                "event_count": after["event_count"],
                "text_count": after["unit_count"],
                "baseline_event_count": before["event_count"] if before else 0,
                "baseline_text_count": before["unit_count"] if before else 0,
            }
            yield Doubt(
                "duplicate_lines", facts.home(name), "candidate", numbers, "unit_totals",
                finding_id=name, minutes=_measured(facts, name, "text_count"),
                keeps_traffic=False,
            )  # fmt: skip
        else:
            for window in doubled:
                sums = plain.setdefault((facts.home(name), window), [0, 0])
                sums[0] += windows[window]["event_count"]
                sums[1] += windows[window]["unit_count"]
    for (service, window), (events, texts) in sorted(plain.items(), key=repr):
        numbers = {"event_count": events, "text_count": texts}
        yield Doubt("duplicate_lines", service, window, numbers, "unit_totals")


_NOTHING: Row = {"confidence": "none", "state": State.UNKNOWN}


def _is_doubled(row: Row | None) -> bool:
    return (
        row is not None
        and row["unit_count"] >= _FEWEST
        and row["usual_size"] >= 2
        and row["usual_unit_count"] >= _NEARLY_ALL * row["unit_count"]
        and row["precise_count"] >= _NEARLY_ALL * row["event_count"]
    )


def _levels(facts: Facts) -> Iterable[Doubt]:
    """The same template at another level before: counted over all levels it is judged again."""
    risen = facts.risen()
    if not risen:
        return
    facts.recall(_almost_new(facts, risen))
    others = facts.ask("level_minutes")
    for name in risen:
        rows = others.filter(pl.col("finding_id") == name)
        counts = _window_counts(rows)
        own = facts.totals[name]
        if counts["baseline"] < _FEWEST_BEFORE or not _has_moved(facts, name, counts):
            continue
        numbers = {
            "other_baseline_count": counts["baseline"],
            "other_candidate_count": counts["candidate"],
            "baseline_count": own["baseline_count"],
            "candidate_count": own["candidate_count"],
            "other_severity_number": int(rows["severity_number"].min() or 0),  # type: ignore[arg-type]
            "severity_number": own["severity_number"],
        }
        yield Doubt(
            "level_renamed", facts.home(name), "candidate", numbers, "level_minutes",
            finding_id=name, partners=_same_template(facts, name),
            minutes=pl.concat([facts.of(name), _counted(rows)]),
        )  # fmt: skip


def _almost_new(facts: Facts, risen: Iterable[str]) -> list[str]:
    """Return the templates of classes that the baseline hardly has, most events first.

    An instance that was replaced early may have logged some.
    """
    rows = [facts.totals[name] for name in risen]
    new = [
        row
        for row in rows
        if row["template_id"] is not None
        and row["candidate_count"] >= _FEWEST_BEFORE
        and row["baseline_count"] <= _STILL_OLD * row["candidate_count"]
    ]
    new.sort(key=lambda row: (-row["candidate_count"], row["template_id"]))
    return list(dict.fromkeys(row["template_id"] for row in new))


def _same_template(facts: Facts, name: str) -> tuple[str, ...]:
    own = facts.totals[name]
    return tuple(
        other
        for other in facts.fallen()
        if own["template_id"] is not None
        and facts.totals[other]["template_id"] == own["template_id"]
        and facts.totals[other]["kind"] != own["kind"]
        and facts.services[other] & facts.services[name]
    )


def _has_moved(facts: Facts, name: str, others: Mapping[WindowName, int]) -> bool:
    """Tell whether the others lost half of what they had, or of what this class gained."""
    before, after = facts.seconds["baseline"], facts.seconds["candidate"]
    scale = after / before if before else 0.0
    gained = facts.totals[name]["candidate_count"] - (
        facts.verdicts[name].get("expected_count") or 0.0
    )
    lost = others["baseline"] * scale - others["candidate"]
    return bool(lost >= _MOVED * min(gained, others["baseline"] * scale))


def _loggers(facts: Facts) -> Iterable[Doubt]:
    """A class that ends where a like one begins, in the same service."""
    fallen = [name for name in facts.fallen() if facts.totals[name]["baseline_count"]]
    taken: set[str] = set()
    pairs = [
        (-_likeness(facts.totals[name], facts.totals[other]), name, other)
        for name in facts.risen()
        for other in fallen
        if not facts.totals[name]["baseline_count"]
        and facts.totals[name]["kind"] == facts.totals[other]["kind"]
        and facts.services[name] <= facts.services[other]
    ]
    for score, name, other in sorted(pairs):
        if -score < _ALIKE or {name, other} & taken or not _succeeds(facts, name, other):
            continue
        old = facts.totals[other]
        counts: dict[WindowName, int] = {
            "baseline": old["baseline_count"],
            "candidate": old["candidate_count"],
        }
        if not _has_moved(facts, name, counts):
            continue
        taken |= {name, other}
        numbers = {
            "old_finding_id": other,
            "old_baseline_count": counts["baseline"],
            "old_candidate_count": counts["candidate"],
            "candidate_count": facts.totals[name]["candidate_count"],
        }
        yield Doubt(
            "new_logger", facts.home(name), "candidate", numbers, "finding_totals",
            finding_id=name, partners=(other,),
            minutes=pl.concat([facts.of(name), facts.of(other)]),
        )  # fmt: skip


def _succeeds(facts: Facts, name: str, other: str) -> bool:
    began = facts.totals[name]["candidate_first"]
    old = facts.of(other).filter(pl.col("window_name") == "candidate")
    late = int(old.filter(pl.col("bucket_start") > began + _ROLLOUT)["event_count"].sum())
    return bool(late <= _STILL_OLD * facts.totals[name]["candidate_count"])


def _likeness(one: Row, other: Row) -> float:
    """Return how much alike two classes are: 1 for the same exception, else the share of words that
    the shorter template has in common with the longer. A class of errors may be of many failures.
    """
    if one["exception_type"] is not None and one["exception_type"] == other["exception_type"]:
        return 1.0
    first, second = _words(one), _words(other)
    fewer = min(len(first), len(second))
    common = len(first & second)
    return common / fewer if fewer and common >= min(2, fewer) else 0.0


def _words(row: Row) -> set[str]:
    text = " ".join(str(row[key] or "") for key in ("template", "exception_type"))
    return {word.lower() for word in _WORD.findall(text)}


def _twins(facts: Facts) -> Iterable[Doubt]:
    """A new class that stands beside each event of a like one: one failure, logged by two."""
    new = [name for name in facts.risen() if not facts.totals[name]["baseline_count"]]
    if not new:
        return
    rows = facts.ask("twin_classes").filter(pl.col("finding_id").is_in(new))
    found: set[str] = set()
    for row in rows.iter_rows(named=True):
        name, other = row["finding_id"], row["other_id"]
        if (
            name in found
            or row["together_count"] < max(_FEWEST, _TWIN_SHARE * row["other_count"])
            or row["together_count"] < _TWIN_SHARE * row["own_count"]
            or row["own_count"] < _NEARLY_ALL * facts.totals[name]["candidate_count"]
            or abs(row["median_lag_seconds"]) > _TWIN_SECONDS
            or not facts.totals[other]["baseline_count"]
            or facts.services[name] != facts.services[other]
            or _likeness(facts.totals[name], facts.totals[other]) < _ALIKE
        ):
            continue
        found.add(name)
        numbers = {
            "other_finding_id": other,
            "request_count": row["own_count"],
            "together_count": row["together_count"],
        }
        yield Doubt(
            "log_amplification", facts.home(name), "candidate", numbers, "twin_classes",
            finding_id=name, state=State.STEADY,
        )  # fmt: skip


def _amplified(facts: Facts) -> Iterable[Doubt]:
    """More events a request: judged by distinct requests."""
    units = _by_window(facts.ask("unit_totals"))
    for name in facts.risen():
        rows = [units[name].get(window) for window in ("baseline", "candidate")]
        before, after = rows
        if (
            before is None
            or after is None
            or after["request_count"] < _FEWEST
            or before["request_count"] < _FEWEST_BEFORE
            or any(
                row["request_event_count"] < _NEARLY_ALL * row["event_count"] for row in rows if row
            )
            or _per_request(after) < _GROWTH * _per_request(before)
        ):
            continue
        numbers = {
            "baseline_events_per_request": _per_request(before),
            "candidate_events_per_request": _per_request(after),
            "baseline_request_count": before["request_count"],
            "candidate_request_count": after["request_count"],
        }
        yield Doubt(
            "log_amplification", facts.home(name), "candidate", numbers, "unit_totals",
            finding_id=name, minutes=_measured(facts, name, "request_count"),
        )  # fmt: skip


def _per_request(row: Row) -> float:
    return float(row["request_event_count"] / row["request_count"])


def _far(facts: Facts) -> Iterable[Doubt]:
    """Times more than a day from the envelope's: old lines that came late, or a wrong clock."""
    quality = facts.ask("data_quality").filter(pl.col("far_from_envelope_count") > 0)
    old = set()
    for row in quality.iter_rows(named=True):
        far, events = row["far_from_envelope_count"], row["event_count"]
        is_few = far < _FEW_FAR * events
        if is_few:
            old.add(row["service_name"])
        numbers = {"far_count": far, "event_count": events}
        kind = "back_filled" if is_few else "wrong_clock"
        yield Doubt(kind, row["service_name"], None, numbers, "data_quality")
    if not old:
        return
    units = _by_window(facts.ask("unit_totals"))
    for name in facts.risen():
        after = units[name].get("candidate")
        if after and after["far_count"] and facts.services[name] <= old:
            numbers = {"far_count": after["far_count"], "event_count": after["event_count"]}
            yield Doubt(
                "back_filled", facts.home(name), "candidate", numbers, "unit_totals",
                finding_id=name, minutes=_measured(facts, name, "near_count"),
            )  # fmt: skip


def _zones(facts: Facts) -> Iterable[Doubt]:
    """Own times that are whole half hours from the envelope's, or steadily off by less."""
    offsets = facts.ask("clock_offsets")
    shifted: set[str] = set()
    for row in offsets.iter_rows(named=True):
        service, window = row["service_name"], row["window_name"]
        middle, spread = row["p50"], row["p90"] - row["p10"]
        step = row["half_hours"]
        numbers = {"event_count": row["event_count"], "seconds_ahead": middle}
        if row["event_count"] < _FEWEST_BEFORE:
            continue
        if step and abs(middle - step * _HALF_HOUR) <= _ZONE_TOLERANCE and spread <= _ZONE_SPREAD:
            shifted.add(service)
            numbers["hours_ahead"] = step / 2
            yield Doubt("zone_mix", service, window, numbers, "clock_offsets")
        elif row["event_count"] < _FEWEST:
            continue
        elif (middle >= _AHEAD or middle <= -_BEHIND) and spread <= max(1.0, 0.25 * abs(middle)):
            yield Doubt("clock_skew", service, window, numbers, "clock_offsets")
        elif step < 0:
            yield Doubt("back_filled", service, window, numbers, "clock_offsets")
    risen = [name for name in facts.risen() if facts.services[name] <= shifted]
    if not risen:
        return
    minutes = facts.ask("envelope_minutes")
    for name in risen:
        own = minutes.filter(pl.col("finding_id") == name)
        counts = _window_counts(own)
        numbers = {
            "baseline_count": counts["baseline"],
            "candidate_count": counts["candidate"],
        }
        yield Doubt(
            "zone_mix", facts.home(name), None, numbers, "envelope_minutes",
            finding_id=name, minutes=_counted(own), keeps_traffic=False,
        )  # fmt: skip


def _skews(facts: Facts) -> Iterable[Doubt]:
    """The same requests at a constant distance in two services."""
    for row in facts.ask("id_offsets").iter_rows(named=True):
        middle, spread = row["p50"], row["p90"] - row["p10"]
        if row["id_count"] < _FEWEST or spread > max(0.5, 0.05 * abs(middle)):
            continue
        halves = round(middle / _HALF_HOUR)
        is_zone = halves != 0 and abs(middle - halves * _HALF_HOUR) <= _ZONE_TOLERANCE
        # Two kinds of failure that lie equally far apart are no chance, and no single timeout.
        is_skew = abs(middle) > _LONGEST_WAIT or (abs(middle) >= _AHEAD and row["pair_count"] > 1)
        if not is_zone and not is_skew:
            continue
        numbers = {
            "other_service_name": row["other_service_name"],
            "request_count": row["id_count"],
            "seconds_later": middle,
        }
        kind = "zone_mix" if is_zone else "clock_skew"
        yield Doubt(kind, row["service_name"], None, numbers, "id_offsets")


def _late(facts: Facts) -> Iterable[Doubt]:
    """Old events between newer ones: they count at their own time."""
    rows = facts.ask("late_events").filter(pl.col("late_count") >= _FEWEST_BEFORE)
    for (service,), own in rows.group_by("service_name", maintain_order=True):
        numbers = {
            "late_count": int(own["late_count"].sum()),
            "late_hours": float(own["late_seconds"].max() or 0.0) / 3600,  # type: ignore[arg-type]
            "first_timestamp": _iso(own["first_timestamp"].min()),
            "last_timestamp": _iso(own["last_timestamp"].max()),
        }
        yield Doubt("back_filled", str(service), None, numbers, "late_events")


def _iso(moment: Any) -> str | None:  # noqa: ANN401  # what polars calls a time
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment is not None else None


def _losses(facts: Facts) -> Iterable[Doubt]:
    """Notices that lines were left out: counts are too low by what they state."""
    rows = facts.ask("loss_notices")
    lost: dict[str, dict[WindowName, int]] = {}
    for row in rows.iter_rows(named=True):
        service, window = row["service_name"], row["window_name"]
        lost.setdefault(service, {})[window] = row["lost_count"]
        numbers = {
            "notice_count": row["notice_count"],
            "stated_count": row["stated_count"],
            "lost_count": row["lost_count"],
        }
        yield Doubt("sampled", service, window, numbers, "loss_notices")
    if not lost:
        return
    kept = facts.ask("service_minutes").group_by("service_name", "window_name").agg(
        pl.col("event_count").sum()
    )  # fmt: skip
    events = {(service, window): count_ for service, window, count_ in kept.iter_rows()}
    for name in facts.fallen():
        service = facts.home(name)
        if service in lost and lost[service].get("candidate") is not None:
            numbers = {"lost_count": lost[service]["candidate"]}
            yield Doubt(
                "sampled", service, "candidate", numbers, "loss_notices",
                finding_id=name, state=State.UNKNOWN,
            )  # fmt: skip
    for name in facts.risen():
        service = facts.home(name)
        missing = lost.get(service or "", {}).get("baseline", 0)
        read = events.get((service, "baseline"), 0)
        if not service or not read or missing < _LOST_SHARE * read:
            continue
        factor = (read + missing) / read
        numbers = {"lost_count": missing, "event_count": read, "factor": factor}
        yield Doubt(
            "sampled", service, "baseline", numbers, "loss_notices",
            finding_id=name, minutes=_scaled(facts.of(name), factor),
        )  # fmt: skip


def _scaled(minutes: pl.DataFrame, factor: float) -> pl.DataFrame:
    """Multiply the baseline's counts; what is left of one minute goes to the next."""
    is_before = pl.col("window_name") == "baseline"
    total = (pl.col("event_count").cum_sum().over("window_name") * factor).round().cast(pl.Int64)
    more = total - total.shift(1, fill_value=0).over("window_name")
    return minutes.sort("window_name", "bucket_start").with_columns(
        event_count=pl.when(is_before).then(more).otherwise("event_count")
    )


def _by_window(units: pl.DataFrame) -> dict[str, dict[WindowName, Row]]:
    found: dict[str, dict[WindowName, Row]] = {}
    for row in units.iter_rows(named=True):
        found.setdefault(row["finding_id"], {})[row["window_name"]] = row
    return found


def _window_counts(rows: pl.DataFrame) -> dict[WindowName, int]:
    counts: dict[WindowName, int] = {"baseline": 0, "candidate": 0}
    summed = rows.group_by("window_name").agg(pl.col("event_count").sum())
    counts.update(dict(summed.iter_rows()))
    return counts


def _measured(facts: Facts, name: str, measure: str) -> pl.DataFrame:
    rows = facts.ask("unit_minutes").filter(pl.col("finding_id") == name)
    return _counted(rows.with_columns(event_count=pl.col(measure)))


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "window_name", "bucket_start", pl.col("event_count").cast(pl.Int64), "first_timestamp"
    )


def _only(names: pl.Series) -> str | None:
    return str(names[0]) if names.n_unique() == 1 else None


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


_LOOKS: Mapping[State | None, str] = {
    None: "looks like a rise, is an artefact",
    State.STEADY: "looks like a rise, is an artefact",
    State.UNKNOWN: "looks like a fall, is not known",
}


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
