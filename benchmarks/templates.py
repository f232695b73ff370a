"""Grouping accuracy of the miner on labelled logs, and its speed beside a clustering miner.

Usage: python -m benchmarks.templates [FOLDER] [--lines N] [--errors SET] [--nezha FOLDER]

FOLDER holds `<set>/<set>_2k.log_structured_corrected.csv`. Grouping accuracy (GA): share of lines
whose group is exactly the group of the labels; FGA: F1 of exact groups (Jiang et al., ISSTA 2024).
The headline is the mean of all sets of FOLDER. TrainTicket: `class#line` in each line names the
statement that wrote it; statements whose texts differ in digits only are joined.

Speed: lines of all sets repeated with random digits to N lines, best of three; drain3 with its
defaults on a twentieth of the same lines, once, in the same run, where it is installed.
"""

import argparse
import logging
import os
import random
import time
from importlib import import_module
from pathlib import Path

import polars as pl

from pipeline.mining import mine

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "logs" / "loghub"
_DRAIN_STEP = 20  # drain3 needs minutes for what takes us a second


def load(folder: Path, name: str) -> pl.DataFrame:
    """Return Content and EventTemplate of one set: corrected labels merge texts, not ids."""
    path = folder / name / f"{name}_2k.log_structured_corrected.csv"
    frame = pl.read_csv(path, infer_schema=False, columns=["Content", "EventTemplate"])
    return frame.with_columns(pl.col("Content").fill_null(""))


def score(truth: pl.Series, found: pl.Series) -> tuple[float, float]:
    """Return GA and FGA of the partition *found* against *truth*."""
    rows = pl.DataFrame({"truth": truth, "found": found})
    pairs = rows.group_by("truth", "found").len()
    sizes = pairs.with_columns(
        truth_size=pl.col("len").sum().over("truth"), found_size=pl.col("len").sum().over("found")
    )
    exact = sizes.filter(
        (pl.col("len") == pl.col("truth_size")) & (pl.col("len") == pl.col("found_size"))
    )
    groups = rows["truth"].n_unique() + rows["found"].n_unique()
    return float(exact["len"].sum()) / rows.height, 2 * exact.height / groups


def train_ticket(folder: Path) -> pl.DataFrame:
    """Return Content and EventTemplate (joined statements) of Nezha's TrainTicket logs."""
    parts = [
        pl.read_csv(path, infer_schema=False, columns=["Log"], truncate_ragged_lines=True)
        for path in sorted(folder.glob("raw/*/*_log.csv.gz"))
    ]
    log = pl.concat(parts)["Log"].str.json_path_match("$.log").alias("log").to_frame()
    rows = log.select(
        statement=pl.col("log").str.extract(r"^\S+\s+(?:INFO|WARN|ERROR|DEBUG)\s+(\S+#[0-9]+)"),
        Content=pl.col("log").str.extract(r"SpanID: \S+\s+(.*)").str.strip_chars(),
    ).filter(pl.col("statement").is_not_null() & (pl.col("Content").str.len_bytes() > 0))
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    texts = rows.with_columns(pl.col("Content").str.replace_all("[0-9]+", "0"))
    for names in texts.group_by("Content").agg(pl.col("statement").unique())["statement"]:
        for name in names[1:]:
            parent[root(name)] = root(names[0])
    return rows.with_columns(
        EventTemplate=pl.Series([root(name) for name in rows["statement"]], dtype=pl.String)
    )


def errors(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per (label, template) that is not an exact group, larger ones first."""
    pairs = rows.group_by("EventTemplate", "template").agg(pl.len(), pl.col("Content").first())
    pairs = pairs.with_columns(
        splits=pl.len().over("EventTemplate"), merges=pl.len().over("template"),
        lines=pl.col("len").sum().over("EventTemplate"),
    )  # fmt: skip
    return pairs.filter((pl.col("splits") > 1) | (pl.col("merges") > 1)).sort(
        "lines", "EventTemplate", descending=[True, False]
    )


def lines_for_speed(bodies: list[str], count: int) -> list[str]:
    """Return *count* lines, those of *bodies* over and over with digits drawn anew."""
    rng = random.Random(1)
    table = [
        str.maketrans("0123456789", "".join(rng.choices("0123456789", k=10))) for _ in range(997)
    ]
    return [bodies[i % len(bodies)].translate(table[i % 997]) for i in range(count)]


def speed(lines: list[str]) -> tuple[float, float]:
    """Return lines a second and lines a CPU-second of the miner, the best of three."""
    series = pl.Series("body", lines)
    seconds, worked = [], []
    for _ in range(3):
        started, begun = time.perf_counter(), time.process_time()
        mine(series)
        seconds.append(time.perf_counter() - started)
        worked.append(time.process_time() - begun)
    return len(lines) / min(seconds), len(lines) / min(worked)


def speed_of_drain(lines: list[str]) -> float | None:
    """Return lines a second of drain3 as it comes, None when it is not installed."""
    try:
        template_miner = import_module("drain3").TemplateMiner()
    except ImportError:
        return None
    logging.getLogger("drain3").setLevel(logging.ERROR)
    started = time.perf_counter()
    for line in lines:
        template_miner.add_log_message(line)
    return len(lines) / (time.perf_counter() - started)


def measure(folder: Path) -> dict[str, tuple[float, float]]:
    """Return GA and FGA by set of *folder*, and their `mean`."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    scores = {name: score_of(load(folder, name)) for name in names}
    accuracies, f1s = zip(*scores.values(), strict=True)
    return scores | {"mean": (sum(accuracies) / len(names), sum(f1s) / len(names))}


def score_of(rows: pl.DataFrame) -> tuple[float, float]:
    """Return GA and FGA of the templates of Content against EventTemplate."""
    return score(rows["EventTemplate"], mine(rows["Content"])["template"])


def main() -> None:
    """Print a table of all sets, or the wrong groups of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=_DEFAULT)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--errors", metavar="SET")
    parser.add_argument("--nezha", type=Path, default=_DEFAULT.parent / "nezha-trainticket")
    options = parser.parse_args()
    sets = {
        path.name: load(options.folder, path.name)
        for path in sorted(options.folder.iterdir())
        if path.is_dir()
    }
    print("set            GA    FGA  templates  labels")
    scores = [report(name, rows, options.errors == name) for name, rows in sets.items()]
    means = [sum(column) / len(scores) for column in zip(*scores, strict=True)]
    print(f"{'mean':12} {means[0]:.3f}  {means[1]:.3f}")
    if options.nezha.is_dir():
        report("TrainTicket", train_ticket(options.nezha), options.errors == "TrainTicket")
    if options.lines:
        bodies = pl.concat([rows["Content"] for rows in sets.values()]).to_list()
        report_speed(lines_for_speed(bodies, options.lines))


def report_speed(lines: list[str]) -> None:
    """Print lines a second, and how many times as fast as drain3 that is."""
    ours, ours_of_cpu = speed(lines)
    print(f"{ours:,.0f} lines/s, {ours_of_cpu:,.0f} lines/CPU-s over {len(lines):,} lines")
    print(f"load {os.getloadavg()[0]:.1f}")
    other = speed_of_drain(lines[::_DRAIN_STEP])
    if other is None:
        print("drain3 is not installed: no comparison (pip install drain3)")
    else:
        print(f"{other:,.0f} lines/s drain3, {ours / other:.0f} times as slow")


def report(name: str, rows: pl.DataFrame, with_errors: bool) -> tuple[float, float]:
    """Print one line of the table, and return GA and FGA."""
    rows = rows.hstack(mine(rows["Content"]))
    accuracy, f1 = score(rows["EventTemplate"], rows["template"])
    found, labels = rows["template"].n_unique(), rows["EventTemplate"].n_unique()
    print(f"{name:12} {accuracy:.3f}  {f1:.3f}  {found:9}  {labels:6}")
    if with_errors:
        for row in errors(rows).iter_rows(named=True):
            print(f"  {row['len']} lines, splits {row['splits']}, merges {row['merges']}")
            print(f"    {row['EventTemplate']}\n    {row['template']}\n    {row['Content'][:200]}")
    return accuracy, f1


if __name__ == "__main__":
    main()
