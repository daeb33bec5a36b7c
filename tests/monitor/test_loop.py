"""`examples/loop`: real commands, a real server, real requests."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

LOOP = Path(__file__).resolve().parents[2] / "examples" / "loop" / "loop.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drift", "code", "end"),
    [
        ("concept", 0, "rollout: complete"),
        # The truth is the same: there is nothing to learn.
        pytest.param("covariate", 4, "nothing better came of it: inconclusive", marks=pytest.mark.exhaustive),
    ],
)
def test_what_changes_is_found_out_and_trained_again(tmp_path: Path, drift: str, code: int, end: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    work = tmp_path / "work"
    argv = [sys.executable, str(LOOP), "--work", str(work), "--drift", drift, "--port", str(port)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "decision: retrain" in done.stdout
    assert end in done.stdout
    with socket.socket() as left:
        assert left.connect_ex(("127.0.0.1", port)) != 0
