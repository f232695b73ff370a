"""How right reading is on a set of real logs with known truth: one table, a row a measure.

Usage: python benchmarks/accuracy.py [LOGS] [--only NAME]... [--misses N] [--json]

LOGS (default: `../shared/logs` beside the repository) holds `MANIFEST.csv`, the log files, and the
truth files that `accuracy_measures.py` reads. Every file is read once, all events kept; then each
measure compares events with what other programs, or counts made without this one,
say of the same lines. Exit status: 0 all targets hold, 1 one does not, 2 the logs are not here.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy_measures import MEASURES, Measure  # found by the line above
from benchmarks.accuracy_truth import Figure, Logs

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "logs"


def main() -> int:
    """Print the table, or JSON, and return the exit status."""
    options = _options()
    if not (options.logs / "MANIFEST.csv").is_file():
        print(f"no logs with a MANIFEST.csv at {options.logs}: nothing was measured")
        return 2
    chosen = [each for each in MEASURES if _is_chosen(each, options.only)]
    if not chosen:
        print("no measure of that name; there are: " + ", ".join(each.name for each in MEASURES))
        return 2
    logs = Logs(options.logs, sorted({prefix for each in chosen for prefix in each.reads}))
    figures = [(measure, measure.take(logs)) for measure in chosen]
    if options.json:
        print(
            json.dumps(
                [as_dict(*figure, options.misses) for figure in figures], indent=1, default=str
            )
        )
    else:
        _print_table(figures, options.misses)
    return 0 if all(measure.holds(figure) for measure, figure in figures) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("logs", nargs="?", type=Path, default=_DEFAULT)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="a measure; may be repeated"
    )
    parser.add_argument("--misses", type=int, default=0, metavar="N", help="wrong rows to print")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def _is_chosen(measure: Measure, names: list[str] | None) -> bool:
    return names is None or measure.name in names or str(measure.line) in names


def as_dict(measure: Measure, figure: Figure, miss_count: int) -> dict[str, object]:
    """Return a row of the table with the first *miss_count* misses."""
    return {
        "line": measure.line,
        "name": measure.name,
        "measure": measure.title,
        "right": figure.right,
        "total": figure.total,
        "share": figure.share,
        "target": measure.target,
        "holds": measure.holds(figure),
        "misses": [miss._asdict() for miss in figure.misses[:miss_count]],
    }


def _print_table(figures: list[tuple[Measure, Figure]], miss_count: int) -> None:
    print(f"line  {'name':18} {'measure':62} {'right':>15} {'value':>9} {'target':>7}  holds")
    for measure, figure in figures:
        print(
            f"{measure.line:4}  {measure.name:18} {measure.title:62}"
            f" {f'{figure.right}/{figure.total}':>15} {100 * figure.share:8.2f}%"
            f" {100 * measure.target:6.0f}%  {'yes' if measure.holds(figure) else 'NO'}"
        )
        for miss in figure.misses[:miss_count]:
            print(f"        {miss.file}:{miss.line}  expected {miss.expected}  got {miss.got}")


if __name__ == "__main__":
    sys.exit(main())
