"""Size of the report and the time that writing it takes.

Usage: python -m benchmarks.report [RESULT_JSON ...]

Without arguments the demo's logs are written and analysed first. One row a result: kB of the HTML,
as it is and compressed, kB of the Markdown, and the milliseconds that the HTML takes from the
result in memory: CPU and wall clock, each the best of five after one that fills the caches of the
templates. The exit status is 1 where the HTML is over 300 kB or takes over half a second of CPU.
"""

import gzip
import sys
import tempfile
import time
from pathlib import Path

from pipeline.demo import write_demo
from pipeline.model import Result, Settings
from pipeline.orchestrate import analyze
from pipeline.render import from_json, render_html, render_markdown

MOST_BYTES = 300_000
MOST_SECONDS = 0.5
_ROUNDS = 5


def demo_result() -> Result:
    """Return the result of a run on the demo's logs, which are removed again."""
    with tempfile.TemporaryDirectory() as folder:
        write_demo(Path(folder) / "demo")
        logs = str(Path(folder) / "demo" / "logs")
        return analyze([logs], Settings(), out=Path(folder) / "out", documents=())


def seconds_of(result: Result) -> tuple[float, float]:
    """Return the least CPU and wall-clock seconds of writing the HTML."""
    render_html(result)
    taken = []
    for _ in range(_ROUNDS):
        cpu, wall = time.process_time(), time.perf_counter()
        render_html(result)
        taken.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(cpu for cpu, _ in taken), min(wall for _, wall in taken)


def main(paths: list[str]) -> int:
    """Print a row a result; return 1 where one is too large or too slow."""
    found = {path: from_json(Path(path).read_text(encoding="utf-8")) for path in paths}
    found = found or {"demo": demo_result()}
    print(f"{'HTML kB':>8} {'gz kB':>6} {'MD kB':>6} {'CPU ms':>7} {'wall ms':>8}  result")
    is_good = True
    for name, result in found.items():
        page = render_html(result).encode()
        text = render_markdown(result).encode()
        cpu, wall = seconds_of(result)
        is_good &= len(page) <= MOST_BYTES and cpu <= MOST_SECONDS
        print(
            f"{len(page) / 1000:8.1f} {len(gzip.compress(page, mtime=0)) / 1000:6.1f} "
            f"{len(text) / 1000:6.1f} {cpu * 1000:7.0f} {wall * 1000:8.0f}  {name}"
        )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
