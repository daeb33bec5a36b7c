"""Runs of batch inference that are killed at random moments and started again: no row lost, none twice.

`python bench/batch_kills.py [KILLS] [ROWS]` (default 200 and 1,000,000). After each run its bytes are compared with
those of one that nobody killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from measure import machine
from records import at_least, at_most, record

import batch

KILLS = 200


@dataclass
class _Runs:
    """Runs over one file, each into a folder of its own."""

    project: Path
    file: Path

    def command(self, output: Path) -> list[str]:
        argv = ["--bundle", str(self.project / "bundle"), "--input", str(self.file), "--output", str(output)]
        return [sys.executable, "-m", "modelway", "batch", *argv, "--run", "one", "--workers", "2"]

    def finish(self, output: Path) -> float:
        """Run to the end; seconds."""
        begin = time.monotonic()
        subprocess.run(self.command(output), cwd=self.project, check=True, capture_output=True)
        return time.monotonic() - begin

    def is_killed(self, output: Path, seconds: float) -> bool:
        """Run, and kill without warning after so many seconds; whether it came to that."""
        process = subprocess.Popen(
            self.command(output), cwd=self.project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        if process.returncode:
            raise RuntimeError(f"a run ended with {process.returncode}")
        return False


def measure(kills: int = KILLS, rows: int = 1_000_000) -> str:
    """The section of RESULTS.md; raises `RuntimeError` where a byte differs."""
    with tempfile.TemporaryDirectory(prefix="modelway-bench.") as directory:
        folder = Path(directory)
        table = pq.read_table(batch.prepare(folder, min(rows, batch.SAMPLE)))
        file = folder / "plain.parquet"
        # Large enough for several parts, which rows that recur are not when they are compressed.
        batch.repeat(table, file, rows, compression="none", use_dictionary=False)
        return measure_in(folder, file, kills)


def measure_in(folder: Path, file: Path, kills: int) -> str:
    """The same, in a folder that is prepared."""
    runs, whole, chance = _Runs(folder / "linear", file), folder / "whole", random.Random(0)
    seconds = runs.finish(whole)
    expected = _published(whole / "one")
    done = finished = parts = 0
    while done < kills:
        output = folder / "killed"
        shutil.rmtree(output, ignore_errors=True)
        # The plan is the uninterrupted run's, so that both began at the same time.
        (output / "one" / "_run").mkdir(parents=True)
        shutil.copy(whole / "one" / "_run" / "plan.json", output / "one" / "_run")
        while done < kills and runs.is_killed(output, chance.uniform(0, 1.2) * seconds):
            done += 1
            parts += len(list((output / "one" / "_run").glob("part-*")))
        runs.finish(output)
        finished += 1
        if _published(output / "one") != expected:
            record("batch-killed", "runs with other bytes", 1, aim=at_most(0))
            raise RuntimeError(f"after {done} kills the bytes are others")
        print(f"{done} kills, {finished} runs", file=sys.stderr, flush=True)
    record("batch-killed", "runs with other bytes", 0, aim=at_most(0))
    record("batch-killed", "kills", done, aim=at_least(KILLS))
    record("batch-killed", "runs that ended", finished)
    rows, all_parts = pq.ParquetFile(file).metadata.num_rows, len(list((whole / "one").glob("predictions/*")))
    return (
        f"`python bench/batch_kills.py {kills}`, {machine()}, load {os.getloadavg()[0]:.1f}: {done} kills (SIGKILL) at "
        f"random moments of {finished} runs of {rows:,} rows in {all_parts} parts, {parts / max(done, 1):.1f} of which "
        "were there when it was killed (mean). Each run ended with the bytes of one that nobody killed: no row lost, "
        "none twice."
    )


def _published(folder: Path) -> dict[str, bytes]:
    names = [path for path in sorted(folder.rglob("*")) if path.is_file() and "_run" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names if path.name != "timings.json"}


if __name__ == "__main__":
    print(measure(*map(int, sys.argv[1:3])))
