"""A machine without OpenMP, which LightGBM's wheel needs and does not bring."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """\
name: loans
prepare:
  task: classification
  target: bad
  data: {uri: data.csv}
  columns: {amount: {type: number}, bad: {type: boolean}}
"""


def test_what_lightgbm_lacks_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "lightgbm.py").write_text("raise OSError('libomp.dylib: image not found')\n")
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    rows = "".join(f"{number},{'true' if number % 3 else 'false'}\n" for number in range(300))
    (tmp_path / "data.csv").write_text(f"amount,bad\n{rows}")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "lib")}
    argv = [sys.executable, "-m", "modelway", "train", "--no-register"]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    for words in ("libomp.dylib", "brew install libomp", "libgomp1"):
        assert words in done.stderr
