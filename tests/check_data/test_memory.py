"""What a check needs of memory does not grow with the data."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """\
name: big
check_data:
  checks:
    - {check: unique, columns: [id]}
    - {check: unique, columns: [id, text]}
    - {check: duplicates, max: 0}
    - {check: distinct_count, column: text, min: 1}
    - {check: quantile, column: x0, q: 0.9, max: 10}
    - {check: range, column: x1, min: -1, max: 1, mostly: 0.5}
    - {check: regex, column: text, pattern: '^[a-z]+[0-9]+$'}
"""
MEASURED = """
import re, sys
from modelway.cli.main import run
code = run(sys.argv[1:])
# Not getrusage: there a process begins with the memory of the one that started it.
print(code, int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10)
"""


def _write(path: Path, rows: int) -> int:
    """So many rows in a single row group, which a reader that takes whole ones would hold; gives its megabytes."""
    random = np.random.default_rng(0)
    columns = {f"x{at}": random.normal(size=rows) for at in range(10)}
    columns |= {
        "id": np.arange(rows),
        "text": pa.array([f"some longer word {at}".replace(" ", "") for at in range(rows)]),
    }
    table = pa.table(columns)
    pq.write_table(table, path, row_group_size=rows)
    return table.nbytes >> 20


def _peak(folder: Path, name: str) -> int:
    argv = [sys.executable, "-c", MEASURED, "check-data", "--data", name, "--output", f"out-{name}"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
    code, megabytes = map(int, done.stdout.split()[-2:])
    assert code == 0, done.stdout + done.stderr
    return megabytes


@pytest.mark.slow
def test_eight_times_the_rows_take_hardly_more_memory(tmp_path) -> None:
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    small = _write(tmp_path / "small.parquet", 500_000)
    large = _write(tmp_path / "large.parquet", 4_000_000)
    growth = _peak(tmp_path, "large.parquet") - _peak(tmp_path, "small.parquet")
    # What grows are the codes of keys, 8 bytes a row and key up to 64 MiB a key; here four keys.
    assert growth < (large - small) // 2 < 250
