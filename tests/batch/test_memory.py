"""What a run holds in memory stays below `--memory`, however large its input is."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

BOUND_MB = 850
"""Room for two workers."""


def repeated(loans: Path, path: Path, times: int) -> Path:
    """A file with the same rows again and again."""
    table = pa_csv.read_csv(loans)
    if path.suffix == ".parquet":
        with pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False) as writer:
            for _ in range(times // 10):
                writer.write_table(pa.concat_tables([table] * 10))
    else:
        head, _, rows = loans.read_bytes().partition(b"\n")
        with path.open("wb") as file:
            file.write(head + b"\n")
            for _ in range(times):
                file.write(rows)
    return path


def held(pid: int) -> tuple[int, int]:
    """Bytes that a process and its children hold, what they share counted once for each; and how many children."""
    try:
        process = psutil.Process(pid)
        children = process.children()
        return sum(one.memory_info().rss for one in (process, *children)), len(children)
    except psutil.NoSuchProcess:
        return 0, 0


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_memory_stays_below_the_bound_for_small_and_large_inputs(bundle, loans, tmp_path, form) -> None:
    for times in (100, 400):
        path = repeated(loans, tmp_path / f"many-{times}.{form}", times)
        argv = ["--input", str(path), "--bundle", str(bundle), "--output", str(tmp_path / "out"), "--run", str(times)]
        process = subprocess.Popen(
            [sys.executable, "-m", "modelway", "batch", *argv, "--memory", f"{BOUND_MB}MB", "--workers", "2"],
            cwd=bundle.parent,
        )
        peak = most = 0
        while process.poll() is None:
            now, children = held(process.pid)
            peak, most = max(peak, now), max(most, children)
            time.sleep(0.02)
        assert process.returncode == 0
        assert most == 2
        assert peak < BOUND_MB * 1_000_000, f"{times * 3000:,} rows: {peak / 1e6:.0f} MB"
