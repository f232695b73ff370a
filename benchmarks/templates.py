"""Grouping accuracy of the miner on LogHub's labelled sets, and its speed.

Usage: python benchmarks/templates.py [FOLDER] [--lines N] [--errors SET]

FOLDER holds `<set>/<set>_2k.log_structured_corrected.csv`. Grouping accuracy (GA): share of lines whose group is
exactly the group of the labels; FGA: F1 of exact groups (Jiang et al., ISSTA 2024). Speed: lines of all sets repeated with random
digits to N lines, best of three.
"""

import argparse
import random
import time
from pathlib import Path

import polars as pl

from pipeline.mining import mine

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "logs" / "loghub"


def load(folder: Path, name: str) -> pl.DataFrame:
    """Return Content and EventId of one set, every row, as text."""
    path = folder / name / f"{name}_2k.log_structured_corrected.csv"
    frame = pl.read_csv(path, infer_schema=False, columns=["Content", "EventId", "EventTemplate"])
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


def errors(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per (label, template) that is not an exact group, larger ones first."""
    pairs = rows.group_by("EventId", "template").agg(
        pl.len(), pl.col("EventTemplate").first(), pl.col("Content").first()
    )
    pairs = pairs.with_columns(
        splits=pl.len().over("EventId"), merges=pl.len().over("template"),
        lines=pl.col("len").sum().over("EventId"),
    )  # fmt: skip
    return pairs.filter((pl.col("splits") > 1) | (pl.col("merges") > 1)).sort(
        "lines", "EventId", descending=[True, False]
    )


def speed(bodies: list[str], count: int) -> float:
    """Return lines a second over *count* lines with digits drawn anew."""
    rng = random.Random(1)
    table = [str.maketrans("0123456789", "".join(rng.choices("0123456789", k=10))) for _ in range(997)]
    lines = [bodies[i % len(bodies)].translate(table[i % 997]) for i in range(count)]
    series = pl.Series("body", lines)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        mine(series)
        seconds.append(time.perf_counter() - started)
    return count / min(seconds)


def main() -> None:
    """Print a table of all sets, or the wrong groups of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=_DEFAULT)
    parser.add_argument("--lines", type=int, default=400_000)
    parser.add_argument("--errors", metavar="SET")
    options = parser.parse_args()
    bodies: list[str] = []
    scores: list[tuple[float, float]] = []
    print("set            GA     FGA   templates  labels")
    for path in sorted(options.folder.iterdir()):
        if not path.is_dir():
            continue
        rows = load(options.folder, path.name)
        rows = rows.hstack(mine(rows["Content"]))
        bodies += rows["Content"].to_list()
        scores.append(score(rows["EventId"], rows["template_id"]))
        found, labels = rows["template_id"].n_unique(), rows["EventId"].n_unique()
        print(f"{path.name:12} {scores[-1][0]:.3f}  {scores[-1][1]:.3f}  {found:9}  {labels:6}")
        if options.errors == path.name:
            with pl.Config(tbl_rows=-1, fmt_str_lengths=150, tbl_width_chars=400):
                for row in errors(rows).iter_rows(named=True):
                    print(f"  {row['EventId']} x{row['len']} splits {row['splits']} merges {row['merges']}")
                    print(f"    {row['EventTemplate']}\n    {row['template']}\n    {row['Content'][:200]}")
    means = [sum(column) / len(scores) for column in zip(*scores, strict=True)]
    print(f"{'mean':12} {means[0]:.3f}  {means[1]:.3f}")
    if options.lines:
        print(f"{speed(bodies, options.lines):,.0f} lines/s over {options.lines:,} lines")


if __name__ == "__main__":
    main()
