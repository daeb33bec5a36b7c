"""`modelway --help`: seconds from the shell and back."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from measure import run
from records import OURS, at_most, record_rounds

RUNS = 20
BOUND = 0.3


def measure() -> str:
    """Run the benchmark and give its lines of the results."""
    command = [str(Path(sys.executable).parent / "modelway"), "--help"]
    bare = [sys.executable, "-c", "pass"]
    with tempfile.TemporaryDirectory() as name:
        ours, python = ([run(argv, Path(name)) for _ in range(RUNS)] for argv in (command, bare))
    for way, runs, aim in ((OURS, ours, at_most(BOUND)), ("Python's own start", python, None)):
        record_rounds("help", "seconds", [one.seconds for one in runs], "s", way=way, aim=aim)
        record_rounds("help", "seconds of all cores", [one.cpu_seconds for one in runs], "s", way=way)
    both = (statistics.median(one.seconds for one in runs) for runs in (ours, python))
    medians = "{:.3f} s, of which Python's own start is {:.3f} s".format(*both)
    return f"`modelway --help`: median of {RUNS} runs {medians}; bound {BOUND:g} s."


if __name__ == "__main__":
    print(measure())
