"""`modelway --help`: seconds from the shell and back."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from measure import run
from records import at_most, record_rounds

RUNS = 20
BOUND = 0.3


def measure() -> str:
    """Run the benchmark and give its lines of the results."""
    command = [str(Path(sys.executable).parent / "modelway"), "--help"]
    bare = [sys.executable, "-c", "pass"]
    with tempfile.TemporaryDirectory() as name:
        ours = [run(command, Path(name)).seconds for _ in range(RUNS)]
        python = [run(bare, Path(name)).seconds for _ in range(RUNS)]
    record_rounds("help", "seconds", ours, "s", aim=at_most(BOUND))
    record_rounds("help", "seconds", python, "s", way="Python's own start")
    medians = f"{statistics.median(ours):.3f} s, of which Python's own start is {statistics.median(python):.3f} s"
    return f"`modelway --help`: median of {RUNS} runs {medians}; bound {BOUND:g} s."


if __name__ == "__main__":
    print(measure())
