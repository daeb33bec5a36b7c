"""Calls of the module on a real engine, on a copy of the repository that a test may change."""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

SENT = ("dagger.json", "requirements.lock", "README.md", "src", "ci", "docker", "examples")
_CACHED = re.compile(r"^(\d+) +: [┆ ]*Container\.withExec CACHED", re.M)
_BEGAN = re.compile(r"^(\d+) +: [┆ ]*withExec (.*)$", re.M)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

SETTINGS = """\
name: NAME
prepare:
  task: classification
  target: defaulted
  positive: "yes"
  data: {uri: data/loans.csv}
  columns:
    applied_on: {type: date}
    age: {type: integer}
    income: {type: number}
    amount: {type: number}
    late_payments: {type: integer}
    purpose: {type: category}
    group: {type: category}
    defaulted: {type: category}
  ignore: [term_months, employment, home, credit_history_years, note]
fit:
  features: {drop: [group]}
  estimator: {kind: boosted_trees, epochs: 30, num_leaves: 15}
evaluate:
  slices: [purpose]
  sensitive: [group]
  gates:
    minimum: {roc_auc: 0.6}
"""


@dataclass(frozen=True)
class Call:
    """A call of the CLI that ended.

    Attributes:
        exit_code: its exit code.
        log: all that it printed, without colours.
    """

    exit_code: int
    log: str

    @property
    def executed(self) -> list[str]:
        """What ran in a container in this call and did not come from the cache."""
        cached = set(_CACHED.findall(self.log))
        return sorted({_word(command) for number, command in _BEGAN.findall(self.log) if number not in cached})


def _word(command: str) -> str:
    """The stage's name; else what a step is for."""
    if stage := re.search(r"-m modelway ([\w-]+)", command):
        return "ask" if " --ask " in command else stage[1]
    purposes = {
        ".pth": "paths",
        "uv pip install": "install",
        "compileall": "compile",
        "libgomp": "openmp",
        "printf": "table",
        "sha256sum": "look",
    }
    return next((purpose for words, purpose in purposes.items() if words in command), command)


@pytest.fixture(scope="session")
def engine():
    """The CLI and an engine that answers; skipped with the reason where there is none."""
    from engine_check import find

    found = find()
    if not found.usable:
        pytest.skip(str(found))
    return found


@pytest.fixture(scope="module")
def project(engine, root, tmp_path_factory) -> Path:
    """A copy of what the engine is sent, with settings of its own and the sample's data.

    Its model's name is new, since the registry outlives the tests: what one file registers is no champion to another.
    """
    from modelway.data.sample import write_sample

    folder = tmp_path_factory.mktemp("project")
    for name in SENT:
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "sdk"))
        else:
            shutil.copyfile(root / name, folder / name)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    write_sample(folder / "data", rows=2000)
    (folder / "modelway.yaml").write_text(SETTINGS.replace("NAME", f"test-{uuid.uuid4().hex[:8]}"))
    return folder


@pytest.fixture(scope="module")
def call(engine, project):
    """Calls `dagger` in the project."""

    def calling(*words: str, command: str = "call", cwd: Path = project, environment=None) -> Call:
        argv = [engine.cli, command, "--progress=plain", *words]
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=engine.environment | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        return Call(done.returncode, _COLOUR.sub("", done.stdout))

    return calling
