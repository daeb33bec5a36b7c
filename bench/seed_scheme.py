"""What a change costs under the usual workflow scheme: every job installs the world, then runs everything.

One job of a training workflow as a hosted runner has it: a new virtual environment, `pip install` of the same packages,
with the downloads of an earlier job restored, and a training script. Whatever changed, the job is the same.
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
_LOCKED = [word for lock in LOCKS for word in ("-r", str(ROOT / "ci" / "locks" / f"{lock}.lock"))]


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        seconds: of the whole job.
        installing: seconds of it that went into packages.
        written: bytes of the environment that it made and threw away.
        restored: bytes of the downloads that were brought to it.
    """

    seconds: float
    installing: float
    written: int
    restored: int


def measure() -> tuple[Job, Job]:
    """A job without downloads, as after any change of the lock, and the median one of those that have them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "modelway", "sample", "--output", str(folder / "data")], check=True)
        fresh = _job(folder, None)
        # A folder of wheels, and not pip's own cache: that stays empty where a mirror forbids to keep its answers.
        wheels = folder / "wheels"
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--dest", wheels, *_LOCKED], check=True)
        restored = [_job(folder, wheels) for _ in range(RUNS)]
    return fresh, sorted(restored, key=lambda job: job.seconds)[RUNS // 2]


def _job(folder: Path, wheels: Path | None) -> Job:
    workspace = folder / "workspace"
    workspace.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["MLFLOW_DISABLE_TELEMETRY"] = "true"

    def run(*command: str) -> None:
        subprocess.run(command, cwd=workspace, env=environment, check=True, capture_output=True)

    begin = time.perf_counter()
    venv = workspace / "venv"
    run(sys.executable, "-m", "venv", str(venv))
    source = ["--no-index", "--find-links", str(wheels)] if wheels else []
    run(str(venv / "bin" / "pip"), "install", "--quiet", *source, *_LOCKED)
    installed = time.perf_counter()
    run(str(venv / "bin" / "python"), str(SCRIPT), str(folder / "data" / "loans.csv"), "sqlite:///mlflow.db")
    end = time.perf_counter()
    job = Job(end - begin, installed - begin, _size(venv), _size(wheels) if wheels else 0)
    shutil.rmtree(workspace)
    return job


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    print(measure())
