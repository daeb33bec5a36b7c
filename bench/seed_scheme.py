"""What a change costs under the usual workflow scheme: every job installs the world, then runs everything.

One job of a training workflow as a hosted runner has it: a new virtual environment, `pip install` of the same packages
with pip's download cache restored, and a training script. Whatever changed, the job is the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "bench" / "seed_train.py"
LOCKS = ("fit", "register")
RUNS = 3


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        seconds: of the whole job.
        installing: seconds of it that went into packages.
        written: bytes of the environment that it made and threw away.
        restored: bytes of the download cache that were brought to it.
    """

    seconds: float
    installing: float
    written: int
    restored: int


def measure() -> tuple[Job, Job]:
    """A job whose download cache is empty, as after any change of the lock, and the median one of those after it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "modelway", "sample", "--output", str(folder / "data")], check=True)
        cold, *warm = [_job(folder) for _ in range(RUNS + 1)]
    return cold, sorted(warm, key=lambda job: job.seconds)[RUNS // 2]


def _job(folder: Path) -> Job:
    cache, workspace = folder / "pip-cache", folder / "workspace"
    workspace.mkdir()
    restored = _size(cache)
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PIP_NO_CACHE_DIR"}
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    environment |= {"PIP_CACHE_DIR": str(cache), "MLFLOW_DISABLE_TELEMETRY": "true"}

    def run(*command: str) -> None:
        subprocess.run(command, cwd=workspace, env=environment, check=True, capture_output=True)

    begin = time.perf_counter()
    venv = workspace / "venv"
    run(sys.executable, "-m", "venv", str(venv))
    locks = [word for lock in LOCKS for word in ("-r", str(ROOT / "ci" / "locks" / f"{lock}.lock"))]
    run(str(venv / "bin" / "pip"), "install", "--quiet", *locks)
    installed = time.perf_counter()
    run(str(venv / "bin" / "python"), str(SCRIPT), str(folder / "data" / "loans.csv"), "sqlite:///mlflow.db")
    end = time.perf_counter()
    job = Job(end - begin, installed - begin, _size(venv), restored)
    shutil.rmtree(workspace)
    return job


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    print(measure())
