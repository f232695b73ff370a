"""How often the service in which a fault was planted is ranked first, from logs alone.

Usage: python benchmarks/localise.py [FOLDER] [--planted] [--sensitivity] [--json]

FOLDER holds a folder of logs a fault, and folders `normal-*` of logs without one; beside it lies
`truth.csv` with the columns id, kind, service and inject_time_utc (default: the TrainTicket part of
Nezha's data in ../shared/logs). The baseline is the first folder `normal-*` of the fault's own day
where there is one, else the first of all. Each fault is ranked twice: over its whole folder, which
begins before the fault, and from its label on.

--planted delays, or slows down, one service after another in stretches before the faults, since
such faults may be missing among those at hand. --sensitivity halves and doubles every constant.
"""

import csv
import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import polars as pl

from pipeline.diagnosis.localisation import localise
from pipeline.diagnosis.trace_signs import PRIORS, Priors
from pipeline.diagnosis.windows import Choice
from pipeline.ingest import Options, find_streams, load_formats, read_stream
from pipeline.model import Localisation, Window
from pipeline.orchestrate.tracing import Sample, with_statements
from pipeline.sql import Session

FOLDER = Path(__file__).parents[2] / "shared" / "logs" / "nezha-trainticket" / "docker"
MISSED = 10**6
# Published for all 45 faults of TrainTicket: Yu et al., FSE'23, table 3 (AS@1, AS@3, AS@5).
PUBLISHED = (
    ("SBLD (logs)", 15.6, 22.2, 24.4),
    ("LogFaultFlagger (logs)", 17.8, 24.4, 24.4),
    ("MicroRank (traces)", 15.6, 24.4, 35.6),
    ("TraceAnomaly (traces)", 13.3, 28.9, 33.3),
    ("MicroRCA (metrics)", 20.0, 31.1, 44.4),
    ("MicroScope (metrics)", 17.8, 26.7, 35.6),
    ("PDiagnose (all three)", 8.9, 13.3, 22.2),
    ("Nezha without metrics (logs, traces)", 55.6, 62.2, 68.9),
    ("Nezha (all three)", 86.7, 97.8, 97.8),
)
PLANTED = (("delay", 20.0), ("delay", 200.0), ("one-way", 200.0), ("slow", 6.0), ("slow", 15.0))
_LEAST_SPANS, _LEAST_TRACES, _MOST_STRETCHES = 8, 20, 4


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault: where, of what kind, and since when."""

    name: str
    kind: str
    service: str
    since: datetime


def faults_of(folder: Path) -> list[Fault]:
    """Read ``truth.csv`` beside *folder*; faults without a folder of logs are left out."""
    with (folder.parent / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [
        Fault(
            row["id"], row["kind"], row["service"],
            datetime.fromisoformat(row["inject_time_utc"]).astimezone(UTC),
        )
        for row in rows
    ]  # fmt: skip
    return [one for one in found if (folder / one.name).is_dir()]


def traced(folder: Path) -> pl.DataFrame:
    """Return the sampled events of the traces in the logs below *folder*, as a run takes them."""
    sample = Sample()
    options = Options(formats=load_formats(), keep_all=True)
    for stream in find_streams([str(folder)]):
        for batch in read_stream(stream, options, []):
            sample.add(
                batch.events.filter(
                    pl.col("trace_id").is_not_null(), pl.col("timestamp").is_not_null()
                )
            )
    return sample.steps()


def steps_of(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Return the steps of the traces of both, the answer of `trace_steps`."""
    parts = [
        part.with_columns(origin=pl.lit(origin))
        for origin, part in (("baseline", before), ("candidate", now))
    ]
    choice = Choice((_extent(before),), _extent(now), "baseline", "")
    session = _session()
    session.register("traced", with_statements(pl.concat(parts)))
    session.register("windows", choice.table())
    return session.frame("trace_steps")


@cache
def _session() -> Session:
    """Return one for all: making its views takes longer than asking them."""
    return Session()


def _extent(events: pl.DataFrame) -> Window:
    first, last = events["timestamp"].min(), events["timestamp"].max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    return Window(first, last + timedelta(microseconds=1))


def rank_of(service: str, told: Localisation) -> int:
    """Return the place of *service* among the candidates, from 1 on; `MISSED` where it is none."""
    names = [one.service_name for one in told.candidates]
    return names.index(service) + 1 if service in names else MISSED


def shares(ranks: Sequence[int]) -> list[float]:
    """Return the per cent of *ranks* that are within one, three and five."""
    return [100 * sum(one <= most for one in ranks) / max(len(ranks), 1) for most in (1, 3, 5)]


def _row(name: str, figures: Iterable[float], more: str = "") -> str:
    return f"  {name:38}" + "".join(f"{one:7.1f}" for one in figures) + more


# ---- what is measured ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bench:
    """The faults with their steps: over the whole folder, and from the label on."""

    faults: Sequence[Fault]
    whole: Mapping[str, pl.DataFrame]
    labelled: Mapping[str, pl.DataFrame]
    baselines: Mapping[str, pl.DataFrame]  # events, by fault
    events: Mapping[str, pl.DataFrame]

    @classmethod
    def read(cls, folder: Path) -> "Bench":
        """Read all that lies in *folder*."""
        normal = {path.name: traced(path) for path in sorted(folder.glob("normal-*"))}
        faults = faults_of(folder)
        events = {one.name: traced(folder / one.name) for one in faults}
        baselines = {one.name: _baseline(normal, one.since) for one in faults}
        whole = {name: steps_of(baselines[name], own) for name, own in events.items()}
        labelled = {
            one.name: steps_of(
                baselines[one.name], events[one.name].filter(pl.col("timestamp") >= one.since)
            )
            for one in faults
        }
        return cls(faults, whole, labelled, baselines, events)


def _baseline(normal: Mapping[str, pl.DataFrame], since: datetime) -> pl.DataFrame:
    """Return the normal logs of the day of *since*, else the first."""
    same = [name for name in normal if f"{since:%Y-%m-%d}" in name]
    return normal[(same or list(normal))[0]]


def ranks(
    bench: Bench, steps: Mapping[str, pl.DataFrame], priors: Priors = PRIORS
) -> dict[str, tuple[int, Localisation]]:
    """Return of each fault the place of its service, and what was told."""
    found = {}
    for one in bench.faults:
        told = localise(steps[one.name], priors=priors)
        found[one.name] = rank_of(one.service, told), told
    return found


def print_faults(bench: Bench) -> dict[str, list[float]]:
    """Print every fault, and the shares over all and by kind beside those published."""
    both = {"whole folder": bench.whole, "from the label on": bench.labelled}
    told = {name: ranks(bench, steps) for name, steps in both.items()}
    print(f"{'fault':8} {'kind':14} {'service':28} whole  label  first (nats)")
    for one in bench.faults:
        (at, whole), (after, _) = (found[one.name] for found in told.values())
        first = whole.candidates[0] if whole.candidates else None
        shown = f"{first.service_name} {first.nats:.1f} {first.strength}" if first else whole.reason
        places = "".join(f"{'-' if rank == MISSED else rank:>7}" for rank in (at, after))
        print(f"{one.name:8} {one.kind:14} {one.service:28}{places}  {shown}")
    print(f"\n  {'of the faults, within the first':38}{1:>7}{3:>7}{5:>7}")
    figures = {}
    for name, found in told.items():
        figures[name] = shares([rank for rank, _ in found.values()])
        print(_row(f"here, {name}", figures[name], f"   of {len(found)}"))
        for kind in sorted({one.kind for one in bench.faults}):
            own = [found[one.name][0] for one in bench.faults if one.kind == kind]
            print(_row(f"    {kind}", shares(own), f"   of {len(own)}"))
        clear = [rank for rank, one in found.values() if one.status == "clear"]
        right = sum(rank == 1 for rank in clear)
        print(f"      said to stand out: {len(clear)}, of these right: {right}")
    for name, *published in PUBLISHED:
        print(_row(f"published: {name}", published, "   of 45"))
    return figures


def print_controls(bench: Bench) -> None:
    """Print what is found where there is nothing to find: between halves of the normal logs."""
    print("\nno fault: halves of the normal logs against each other")
    for number, events in enumerate({id(one): one for one in bench.baselines.values()}.values()):
        begun = events.group_by("trace_id").agg(pl.col("timestamp").min()).sort("timestamp")
        early = begun["trace_id"].head(begun.height // 2)
        is_early = pl.col("trace_id").is_in(early.implode())
        halves = events.filter(is_early), events.filter(~is_early)
        for words, (before, now) in (("second", halves), ("first", halves[::-1])):
            told = localise(steps_of(before, now))
            first = "".join(f" {c.service_name} {c.nats:.1f}" for c in told.candidates[:1])
            print(f"  normal {number + 1}, {words} half as candidate: {told.status}{first}")


def print_planted(bench: Bench) -> None:
    """Print how often a service is first whose steps were delayed or slowed down by us."""
    print(f"\nplanted in what lies before the labels\n  {'':38}{1:>7}{3:>7}{5:>7}")
    stretches = list(_calm(bench))[:_MOST_STRETCHES]
    for kind, amount in PLANTED:
        found = [
            rank_of(service, localise(steps)) for service, steps in _cases(stretches, kind, amount)
        ]
        unit = "times" if kind == "slow" else "ms"
        print(_row(f"{kind}, {amount:g} {unit}", shares(found), f"   of {len(found)}"))


def _cases(
    stretches: Iterable[tuple[pl.DataFrame, pl.DataFrame]], kind: str, amount: float
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each service that can be slowed down in *stretches*, with the steps when it is."""
    for before, calm in stretches:
        spans = calm.group_by("service_name").agg(pl.col("span_id").n_unique().alias("spans"))
        known = set(before["service_name"])
        for service in spans.filter(pl.col("spans") >= _LEAST_SPANS)["service_name"].sort():
            if service in known:
                yield service, steps_of(before, planted(calm, service, kind, amount))


def _calm(bench: Bench) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield baselines with stretches before a label in which no earlier fault is still at work."""
    for fault in bench.faults:
        before = bench.baselines[fault.name]
        calm = bench.events[fault.name].filter(pl.col("timestamp") < fault.since)
        is_long = calm["trace_id"].n_unique() >= _LEAST_TRACES
        if is_long and localise(steps_of(before, calm)).status != "clear":
            yield before, calm


def planted(events: pl.DataFrame, service: str, kind: str, amount: float) -> pl.DataFrame:
    """Return *events* with later times: a "delay" of *amount* ms between *service* and others, the
    same "one-way" on what leaves it, or its own steps "slow" by *amount* times on average.
    """
    draw = random.Random(f"{service} {kind} {amount}")
    ordered = events.sort("trace_id", "timestamp", "log_file_path", "line_number").with_columns(
        gap=pl.col("timestamp").diff().over("trace_id").dt.total_microseconds(),
        previous=pl.col("service_name").shift(1).over("trace_id"),
    )
    added = []
    for own, previous, gap in ordered.select("service_name", "previous", "gap").iter_rows():
        more = 0.0
        is_hop = previous is not None and own != previous
        ends = (own, previous) if kind == "delay" else (previous,)
        if kind != "slow" and is_hop and service in ends:
            more = 1000 * amount * draw.uniform(0.8, 1.2)
        elif kind == "slow" and gap is not None and own == service:
            more = max(gap, 300) * (amount - 1) * draw.expovariate(1) * (0.5 if is_hop else 1.0)
        added.append(round(more))
    shift = pl.Series(added, dtype=pl.Int64)
    later = ordered.with_columns(shift=shift).with_columns(
        timestamp=pl.col("timestamp")
        + pl.duration(microseconds=pl.col("shift").cum_sum().over("trace_id"))
    )
    return later.drop("gap", "previous", "shift")


def print_sensitivity(bench: Bench) -> None:
    """Print the shares with each constant halved and doubled."""
    print(f"\nconstants halved and doubled{'whole folder':>27}{'from the label on':>24}")
    changes: list[tuple[str, Callable[[Priors], Priors]]] = [("as they are", lambda one: one)]
    for name in (one.name for one in fields(Priors) if one.name != "starts"):
        for factor in (0.5, 2.0):
            value = getattr(PRIORS, name) * factor
            if name == "affected":
                value = 0.25 if factor < 1 else 0.75  # a share: as far again from a half
            changes.append(
                (f"{name} {value:.3g}", lambda one, n=name, v=value: replace(one, **{n: v}))  # type: ignore[misc]
            )
    changes.append(("starts 4", lambda one: replace(one, starts=tuple(range(0, 8, 2)))))
    changes.append(("starts 1: the window's own", lambda one: replace(one, starts=(0,))))
    for name, change in changes:
        parts = [
            shares([rank for rank, _ in ranks(bench, steps, change(PRIORS)).values()])
            for steps in (bench.whole, bench.labelled)
        ]
        print(_row(name, [*parts[0], math.nan, *parts[1]]).replace("    nan", "    "))
    print(f"\nthe same, planted in one stretch{'20 ms':>12}{'6 times':>24}")
    one = list(_calm(bench))[:1]
    cases = [list(_cases(one, *each)) for each in (("delay", 20.0), ("slow", 6.0))]
    for name, change in changes:
        if name.startswith(("as", "affected", "slowdown", "drift", "tick", "spread")):
            priors = change(PRIORS)
            parts = [
                shares([rank_of(own, localise(steps, priors=priors)) for own, steps in each])
                for each in cases
            ]
            print(_row(name, [*parts[0], math.nan, *parts[1]]).replace("    nan", "    "))


def main(arguments: list[str]) -> int:
    """Print what is asked for."""
    flags = {one for one in arguments if one.startswith("--")}
    paths = [Path(one) for one in arguments if not one.startswith("--")]
    folder = paths[0] if paths else FOLDER
    if not folder.is_dir():
        print(f"there are no logs in {folder}", file=sys.stderr)
        return 2
    bench = Bench.read(folder)
    figures = print_faults(bench)
    print_controls(bench)
    if "--planted" in flags:
        print_planted(bench)
    if "--sensitivity" in flags:
        print_sensitivity(bench)
    if "--json" in flags:
        by_window: dict[str, dict[str, float]] = defaultdict(dict)
        for name, values in figures.items():
            by_window[name] = dict(zip(("AS@1", "AS@3", "AS@5"), values, strict=True))
        print(json.dumps(by_window))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
