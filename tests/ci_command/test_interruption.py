"""`modelway ci`, cut off: nothing goes on running, nothing half-written is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from modelway.data.sample import write_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SLOW = """
import subprocess, sys, time
class Own:
    predict_proba = print
    def fit(self, *_):
        {before}
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        try:
            open("fitting", "w").close()
            time.sleep(600)
        except KeyboardInterrupt:
            open("tidied", "w").close()
            raise
make = Own
"""
OWN_MODEL = "fit.estimator={kind: custom, function: 'own_model:make'}"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose training never ends, with the reports of an earlier run."""
    root = tmp_path / "project"
    root.mkdir()
    shutil.copy(ROOT / "modelway.yaml", root)
    write_sample(root / "data", rows=300)
    (root / "own_model.py").write_text(SLOW.format(before="pass"))
    (tmp_path / "tmp").mkdir()
    return root


@pytest.fixture
def running(root: Path, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def _start(root: Path, tmp_path: Path, running: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """`ci` in the midst of a training."""
    process = subprocess.Popen(
        [sys.executable, "-m", "modelway", "ci", "--only", "smoke-train", "--set", OWN_MODEL],
        cwd=root,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.PIPE,
        text=True,
    )
    running.append(process)
    while not (root / "fitting").exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process


def _is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("signals", "before", "tidied"),
    [
        ([signal.SIGINT], "pass", {"tidied"}),
        ([signal.SIGTERM], "pass", {"tidied"}),
        ([signal.SIGTERM] * 2, STUBBORN, set()),
    ],
    ids=["Ctrl-C", "kill", "kill twice, of a part that does not listen"],
)
def test_an_interruption_ends_all_that_was_started(
    root: Path,
    tmp_path: Path,
    running: list[subprocess.Popen[str]],
    signals: list[signal.Signals],
    before: str,
    tidied: set[str],
) -> None:
    (root / "own_model.py").write_text(SLOW.format(before=before))
    (root / "reports").mkdir()
    (root / "reports" / "manifest.json").write_text("of an earlier run")
    process = _start(root, tmp_path, running)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    for number in signals:
        process.send_signal(number)
        time.sleep(0.3)
    assert process.wait(timeout=60) == 130
    assert process.stderr is not None
    assert "interrupted" in process.stderr.read()
    assert [child for child in children if not _is_gone(child)] == []
    assert [path.name for path in (root / "reports").iterdir()] == ["manifest.json"]
    assert {path.name for path in root.iterdir()} - {"__pycache__"} == {
        "data", "fitting", "modelway.yaml", "own_model.py", "reports", *tidied
    }  # fmt: skip
    assert not list((tmp_path / "tmp").iterdir())
