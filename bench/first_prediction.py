"""From `git init` to a served prediction of somebody's own scikit-learn model: typed lines, commands, minutes.

A folder with a table and a model, an environment of its own, a real `pip install` from the package index. It is done
twice: the first time fills pip's cache, as far as it is empty; the second is measured. docs/adopt.md shows the lines.
"""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from records import at_most, record

ROOT = Path(__file__).resolve().parents[1]
TYPED = """\
git init
python3 -m venv .venv && . .venv/bin/activate
pip install "$MODELWAY[monitor,ci]"
modelway init --target churned --model churn:make --no-workflows
modelway train
modelway deploy --env local
curl -H content-type:application/json -d '{"dataframe_records": [{"visits": 3, "spent": 12.5}]}' localhost:8080/predict
"""
MODEL = '''\
"""Our own model."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def make(**params):
    return make_pipeline(StandardScaler(), LogisticRegression(**params))
'''
LINES, COMMANDS, MINUTES = 10, 5, 10.0
"""What it may take, at most."""
_BEFORE = ("git init", "python3 -m venv")
"""Lines that a repository with an environment does without: they are typed lines, but no commands of the way."""


def commands() -> list[str]:
    """The commands from a repository with an environment to the prediction."""
    return [line for line in TYPED.splitlines() if not line.startswith(_BEFORE)]


def write_project(folder: Path) -> None:
    """What somebody has already: a table, and a model."""
    draw = random.Random(0)
    rows = ["visits,spent,churned"]
    for _ in range(600):
        visits = draw.randint(0, 40)
        churned = draw.random() < (0.85 if visits < 10 else 0.1)
        rows.append(f"{visits},{draw.uniform(0, 300):.2f},{'yes' if churned else 'no'}")
    (folder / "customers.csv").write_text("\n".join(rows) + "\n")
    (folder / "churn.py").write_text(MODEL)


def go(folder: Path) -> list[tuple[str, float]]:
    """Type the lines in a folder; the seconds of each.

    Raises:
        RuntimeError: with all that was printed, where one fails or no prediction comes.
    """
    write_project(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = ["set -euo pipefail", "trap 'modelway stop --env local >&2 || true' EXIT"]
    for number, line in enumerate(TYPED.splitlines()):
        script += [line.replace("localhost:8080", f"127.0.0.1:{port}"), f'echo; echo "@@ {number} $(date +%s.%N)"']
        if line.startswith("modelway init"):
            # Another port than the default, which somebody else on this machine may have.
            script.append(f"echo 'environments: {{local: {{target: {{kind: local, port: {port}}}}}}}' >> modelway.yaml")
    hidden = {"PYTHONDONTWRITEBYTECODE", "MLFLOW_TRACKING_URI", "VIRTUAL_ENV", "PYTHONPATH"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    began = time.time()
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**environment, "MODELWAY": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    ends = [float(moment) for moment in re.findall(r"^@@ \d+ ([0-9.]+)$", done.stdout, re.MULTILINE)]
    if done.returncode or '"predictions":["' not in done.stdout:
        raise RuntimeError(f"it ended with {done.returncode}: {done.stdout[-4000:]}")
    spans = zip([began, *ends], ends, strict=False)
    return [(line, end - start) for line, (start, end) in zip(TYPED.splitlines(), spans, strict=True)]


def measure() -> str:
    """Run the benchmark and give its lines of the results."""
    for _ in ("to fill pip's cache", "measured"):
        with tempfile.TemporaryDirectory() as name:
            seconds = go(Path(name))
    total = sum(span for _, span in seconds) / 60
    lines = TYPED.splitlines()
    record("first-prediction", "typed lines", len(lines), aim=at_most(LINES))
    record("first-prediction", "commands", len(commands()), aim=at_most(COMMANDS))
    record("first-prediction", "minutes", total, "min", aim=at_most(MINUTES))
    table = "\n".join(f"| `{line[:70]}{' ...' if line[70:] else ''}` | {span:.1f} |" for line, span in seconds)
    return (
        f"From `git init` to a served prediction of one's own scikit-learn model: {len(lines)} typed lines beside the "
        f"model (bound {LINES}), {len(commands())} from a repository with an environment on (bound {COMMANDS}); "
        f"{total:.1f} minutes with a warm package cache and a real `pip install` (bound {MINUTES:g}).\n\n"
        f"| typed | seconds |\n|---|---|\n{table}"
    )


if __name__ == "__main__":
    sys.stdout.write(f"{measure()}\n")
