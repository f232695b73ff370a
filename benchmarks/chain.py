"""How often `pipeline` draws the right chain, on simulated failures with a known one.

    python benchmarks/chain.py [--quick] [--runs N] [--seed N] [--case TEXT] [--rates LIST]

Six hours in which A fails 6 to 600 times an hour, beside an independent class D. Each row is a
case, a rate and the share that is passed on:

- `chain`: A leads to B (2 s later on average) and B to C (3 s).
- `fork`: A leads to both B (2 s) and C (3 s); `late fork`: C comes 5 s later, as in the chain;
  `narrow fork`: 1.0 to 2.3 s and 5 to 7.5 s, so that B is always before C.
- `hidden`: as `fork`, and A is not in the logs; `hidden narrow`: as `narrow fork`, likewise.
- `burst chain`: A comes in bursts of about eight within seconds.
- `alone`: A, B, C, D are independent, and rise in the same hours.

With ids, the events of one failure share a request id. One event an hour of each class is of
another kind, in the day before as well. Events go through the queries of the chain
(`finding_times`, `correlated_pairs`, `correlated_triples`), `find_lags` and `build_chain`.
Constants were chosen on other seeds than those drawn here.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import polars as pl

from pipeline.detection import find_lags
from pipeline.diagnosis.chain import Tables, build_chain
from pipeline.diagnosis.findings import Tables as Marts
from pipeline.diagnosis.findings import build_findings
from pipeline.model import Chain, Finding, Window
from pipeline.sql import load_queries

Generator = np.random.Generator
Array = np.ndarray[Any, np.dtype[Any]]

RATES, KEEPS = (6, 20, 60, 200, 600), (0.9, 0.6)
HOURS, BASELINE_HOURS, BACKGROUND = 6, 24, 1.0
START = datetime(2026, 3, 2, 12, tzinfo=UTC)
CHAIN = frozenset({("A", "B"), ("B", "C")})
FORK = frozenset({("A", "B"), ("A", "C")})
NONE: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Failures:
    """Times of one class in seconds from the start, and which failure each belongs to."""

    times: Array
    numbers: Array

    def followed(self, rng: Generator, keep: float, lag: Callable[[int], Array]) -> "Failures":
        """Return what a share of these leads to, a *lag* later."""
        is_kept = rng.random(len(self.times)) < keep
        times = self.times[is_kept]
        return Failures(times + lag(len(times)), self.numbers[is_kept])


@dataclass(frozen=True, slots=True)
class Case:
    """A way in which classes fail, and the edges that are right for it."""

    name: str
    right: frozenset[tuple[str, str]]
    draw: Callable[[Generator, float, float], dict[str, Failures]]
    has_ids: bool = False


def roots(rng: Generator, rate: float, burst: float = 1.0) -> Failures:
    """Draw the failures of a class that begins within the first hour."""
    end = HOURS * 3600.0
    start = rng.uniform(0, 3600)
    count = rng.poisson(rate * (end - start) / 3600 / burst)
    times = rng.uniform(start, end, count)
    if burst > 1:
        times = np.repeat(times, rng.geometric(1 / burst, count))
        times = times + rng.exponential(4, len(times))
    return Failures(times, np.arange(len(times)))


def exponential(rng: Generator, mean: float) -> Callable[[int], Array]:
    """Return lags of that mean, at least 50 ms."""
    return lambda count: 0.05 + rng.exponential(mean, count)


def _chain(rng: Generator, rate: float, keep: float, burst: float = 1.0) -> dict[str, Failures]:
    first = roots(rng, rate, burst)
    middle = first.followed(rng, keep, exponential(rng, 2))
    return {"A": first, "B": middle, "C": middle.followed(rng, keep, exponential(rng, 3))}


def _fork(rng: Generator, rate: float, keep: float, shape: str = "") -> dict[str, Failures]:
    first = roots(rng, rate)
    near, far = exponential(rng, 2), exponential(rng, 3)
    if shape == "late":
        early, late = exponential(rng, 2), exponential(rng, 3)

        def far(count: int) -> Array:
            return early(count) + late(count)

    if shape == "narrow":

        def near(count: int) -> Array:
            return 1 + np.minimum(rng.exponential(0.3, count), 1.3)

        def far(count: int) -> Array:
            return 5 + np.minimum(rng.exponential(0.5, count), 2.5)

    return {
        "A": first,
        "B": first.followed(rng, keep, near),
        "C": first.followed(rng, keep, far),
    }


def _hidden(rng: Generator, rate: float, keep: float, shape: str = "") -> dict[str, Failures]:
    found = _fork(rng, rate, keep, shape)
    return {"B": found["B"], "C": found["C"]}


def _alone(rng: Generator, rate: float, keep: float) -> dict[str, Failures]:
    return {
        name: roots(rng, rate * share) for name, share in zip("ABC", (1, keep, keep), strict=True)
    }


CASES = (
    Case("chain", CHAIN, _chain),
    Case("chain, ids", CHAIN, _chain, has_ids=True),
    Case("fork", FORK, _fork),
    Case("fork, ids", FORK, _fork, has_ids=True),
    Case("late fork", FORK, lambda rng, rate, keep: _fork(rng, rate, keep, "late")),
    Case("narrow fork", FORK, lambda rng, rate, keep: _fork(rng, rate, keep, "narrow")),
    Case("hidden", NONE, _hidden),
    Case("hidden narrow", NONE, lambda rng, rate, keep: _hidden(rng, rate, keep, "narrow")),
    Case("burst chain", CHAIN, lambda rng, rate, keep: _chain(rng, rate, keep, 8.0)),
    Case("alone", NONE, _alone),
)


def events_of(rng: Generator, case: Case, rate: float, keep: float) -> pl.DataFrame:
    """Return what `int_finding_events` would hold of one simulated failure."""
    drawn = case.draw(rng, rate, keep)
    if case.has_ids:
        drawn = {name: Failures(one.times, one.numbers) for name, one in drawn.items()}
    drawn["D"] = roots(rng, rate)
    parts = []
    for place, (name, one) in enumerate(sorted(drawn.items())):
        other = rng.uniform(0, HOURS * 3600, rng.poisson(BACKGROUND * HOURS))
        before = rng.uniform(-BASELINE_HOURS * 3600, 0, rng.poisson(BACKGROUND * BASELINE_HOURS))
        own = [f"D{at}" if name == "D" else f"r{at}" for at in one.numbers]
        strange = [f"x{place}-{at}" for at in range(len(other) + len(before))]
        times = np.concatenate([one.times, other, before])
        parts.append(
            pl.DataFrame(
                {
                    "finding_id": [name] * len(times),
                    "window_name": ["candidate"] * (len(times) - len(before))
                    + ["baseline"] * len(before),
                    "kind": ["error"] * len(times),
                    "timestamp": [START + timedelta(seconds=round(at, 3)) for at in times.tolist()],
                    "request_id": [*own, *strange] if case.has_ids else [None] * len(times),
                    "trace_id": [None] * len(times),
                    "log_file_path": [f"{name}.log"] * len(times),
                    "line_number": range(1, len(times) + 1),
                },
                schema_overrides={
                    "request_id": pl.String,
                    "trace_id": pl.String,
                    "timestamp": pl.Datetime("us", "UTC"),
                    "line_number": pl.Int64,
                },
            )
        )
    return pl.concat(parts)


QUERIES = ("int_risen_firsts", "correlated_pairs", "correlated_triples", "finding_times")


def marts_of(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Run the queries of the chain on *events*."""
    names = sorted(events["finding_id"].unique().to_list())
    onsets = pl.DataFrame(
        {"finding_id": names, "onset": [START] * len(names)},
        schema_overrides={"onset": pl.Datetime("us", "UTC")},
    )
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.register("int_finding_events", events.to_arrow())
        connection.register("stg_onsets", onsets.to_arrow())
        found = {}
        for name in QUERIES:
            found[name] = connection.sql(load_queries()[name]).pl()
            connection.register(name, found[name].to_arrow())
    return found


def finding_of(name: str, count: int) -> Finding:
    """Return a risen class as the tables of a run give it."""
    totals = pl.DataFrame(
        {
            "finding_id": [name], "kind": ["error"], "error_class": [name], "severity_number": [17],
            "template_id": ["t"], "template": [name], "fingerprint": [None],
            "exception_type": [None], "scope_name": [None], "baseline_count": [24],
            "candidate_count": [count], "first_seen": [START], "last_seen": [START],
            "http_response_status_code": [None],
        }
    )  # fmt: skip
    verdicts = pl.DataFrame(
        {
            "series_id": [name], "state": ["increased"], "is_regression": [True],
            "expected_count": [BACKGROUND * HOURS],
        }
    )  # fmt: skip
    minutes = pl.DataFrame(
        {"series_id": [name], "window_name": ["candidate"], "bucket_start": [START],
         "event_count": [1]}
    )  # fmt: skip
    none = pl.DataFrame(schema={"finding_id": pl.String})
    hourly = pl.DataFrame(schema={"series_id": pl.String})
    marts = Marts(totals, none, none, none, none, verdicts, hourly, minutes)
    window = Window(START, START + timedelta(hours=HOURS))
    return build_findings(marts, {}, {}, {}, window, HOURS * 3600)[0]


def chain_of(events: pl.DataFrame) -> Chain:
    """Return the chain that the program draws of *events*."""
    marts = marts_of(events)
    counts = dict(
        events.filter(pl.col("window_name") == "candidate").group_by("finding_id").len().iter_rows()
    )
    findings = [finding_of(name, count) for name, count in sorted(counts.items())]
    lags = find_lags(marts["finding_times"].rename({"finding_id": "series_id"}))
    return build_chain(
        findings,
        Tables(
            pairs=marts["correlated_pairs"],
            endpoints=pl.DataFrame(schema={"finding_id": pl.String}),
            causes=pl.DataFrame(schema={"finding_id": pl.String}),
            triples=marts["correlated_triples"],
            lags=lags,
        ),
    )


@dataclass
class Tally:
    """Shares of runs, in percent, that one row of the table shows."""

    runs: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    edges: int = 0
    reversed_edges: int = 0

    def add(self, chain: Chain, right: frozenset[tuple[str, str]]) -> None:
        """Count one run."""
        drawn = {(edge.source, edge.target) for edge in chain.edges}
        sure = {(edge.source, edge.target) for edge in chain.edges if edge.grade != "hypothesis"}
        self.runs += 1
        self.counts["right"] += drawn == right
        self.counts["sure"] += all(edge in sure for edge in right if edge[0] == "B")
        self.counts["apart"] += not any("D" in pair for pair in drawn)
        self.counts["no B-C"] += not drawn & {("B", "C"), ("C", "B")}
        self.counts["no sure B-C"] += not sure & {("B", "C"), ("C", "B")}
        true_order = {"A": 0, "B": 1, "C": 2}
        for source, target in drawn:
            if source in true_order and target in true_order:
                self.edges += 1
                self.reversed_edges += true_order[source] > true_order[target]

    def share(self, name: str) -> float:
        """Return the share of runs that *name* was counted in."""
        return 100 * self.counts[name] / max(self.runs, 1)

    @property
    def reversed_share(self) -> float:
        """Share of the edges among A, B and C that run against their order."""
        return 100 * self.reversed_edges / max(self.edges, 1)


def measure(case: Case, rate: float, keep: float, runs: int, seed: int) -> Tally:
    """Return what came of *runs* draws."""
    tally = Tally()
    place = [one.name for one in CASES].index(case.name)
    rng = np.random.default_rng([seed, place, int(rate), int(10 * keep)])
    for _ in range(runs):
        tally.add(chain_of(events_of(rng, case, rate, keep)), case.right)
    return tally


COLUMNS = ("right", "sure", "apart", "no B-C", "no sure B-C")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="How often the chain that is drawn is right.")
    parser.add_argument("--quick", action="store_true", help="12 runs a row, three rates")
    parser.add_argument("--runs", type=int, help="runs a row (150)")
    parser.add_argument("--seed", type=int, default=20261, help="other draws")
    parser.add_argument("--case", default="", help="only cases that begin with this")
    parser.add_argument("--rates", help="only these, as in 6,600")
    asked = parser.parse_args(arguments)
    runs = asked.runs or (12 if asked.quick else 150)
    rates: Sequence[int] = RATES[::2] if asked.quick else RATES
    if asked.rates:
        rates = tuple(int(rate) for rate in asked.rates.split(","))
    print("| case | rate, passed on |", " | ".join(COLUMNS), "| reversed |", flush=True)
    print("| --- | --- |" + " ---: |" * (len(COLUMNS) + 1))
    began = time.monotonic()
    for case in CASES:
        if not case.name.startswith(asked.case):
            continue
        for rate in rates:
            for keep in KEEPS:
                found = measure(case, rate, keep, runs, asked.seed)
                shares = " | ".join(f"{found.share(name):.0f}" for name in COLUMNS)
                row = f"| {case.name} | {rate}/h, {100 * keep:.0f} % | {shares}"
                print(f"{row} | {found.reversed_share:.1f} |", flush=True)
    print(f"\n{runs} runs a row, seed {asked.seed}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
