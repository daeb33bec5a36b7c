"""`modelway --help`: seconds from the shell and back."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from measure import run

RUNS = 20


def measure() -> str:
    """Run the benchmark and give its lines of the results."""
    command = [str(Path(sys.executable).parent / "modelway"), "--help"]
    bare = [sys.executable, "-c", "pass"]
    with tempfile.TemporaryDirectory() as name:
        ours = [run(command, Path(name)).seconds for _ in range(RUNS)]
        python = [run(bare, Path(name)).seconds for _ in range(RUNS)]
    medians = f"{statistics.median(ours):.3f} s, of which Python's own start is {statistics.median(python):.3f} s"
    return f"`modelway --help`: median of {RUNS} runs {medians}; bound 0.3 s."


if __name__ == "__main__":
    print(measure())
