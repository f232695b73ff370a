"""What it costs to be asked: wall and processor time of ``analyze --help`` as a whole process.

What is imported for it is held by a test; this tells what that takes on a machine.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

_RUNS = 15


def main() -> None:
    """Print the least and the median of some runs, after one that compiles."""
    command = [str(Path(sys.executable).with_name("analyze")), "--help"]
    subprocess.run(command, check=True, capture_output=True)
    walls, works = [], []
    for _ in range(_RUNS):
        before, begun = os.times(), time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        walls.append(time.monotonic() - begun)
        after = os.times()
        works.append(
            after.children_user + after.children_system
            - before.children_user - before.children_system
        )  # fmt: skip
    for name, seconds in (("wall", walls), ("processor", works)):
        print(f"{name:9}  least {min(seconds):.3f} s  median {statistics.median(seconds):.3f} s")


if __name__ == "__main__":
    main()
