"""The examples for Airflow, Prefect and Kubeflow Pipelines, run where those are installed.

They need other versions of our packages than we do, so they live in environments of their own: MODELWAY_AIRFLOW_PYTHON,
MODELWAY_PREFECT_PYTHON and MODELWAY_KFP_PYTHON name their interpreters; this one is tried where they are not set.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Project

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAM = """\
#!/bin/sh
echo "$1" >> {calls}
case $1 in {wanted}) exit {code} ;; esac
echo '{{"exit_code": 0, "version": 7}}'
"""
QUIET = {
    "DO_NOT_TRACK": "1",
    "SCARF_ANALYTICS": "false",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    "RETRY_MINUTES": "0",
    "RETRY_SECONDS": "0",
}
AIRFLOW = """\
import json, sys
sys.path.insert(0, sys.argv[1])
import retrain
from airflow.sdk.exceptions import AirflowException
try:
    print(json.dumps(retrain.modelway("train")))
except AirflowException as error:
    print(json.dumps(type(error).__name__))
"""
PREFECT = """\
import json, os, sys
sys.path.insert(0, sys.argv[1])
import retrain
from prefect.settings import get_current_settings
told = {}
for code, program in json.loads(sys.argv[2]).items():
    retrain.PROGRAM = program
    state = retrain.retrain(return_state=True)
    told[code] = [state.type.value, state.name]
print(json.dumps(told))
"""


def interpreter(name: str) -> str:
    """The interpreter that has a package; the test is skipped where there is none."""
    python = os.environ.get(f"MODELWAY_{name.upper()}_PYTHON", sys.executable)
    found = subprocess.run(
        [python, "-c", f"import {name}"], capture_output=True, env={**os.environ, **QUIET}, check=False
    )
    if found.returncode:
        pytest.skip(f"{name} is not installed; MODELWAY_{name.upper()}_PYTHON names an interpreter that has it")
    return python


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """A `modelway` of which one command ends with a code; gives it, and the file of what it was called with."""

    def make(code: int, wanted: str = "train") -> tuple[Path, Path]:
        script, calls = tmp_path / f"modelway-{code}", tmp_path / f"calls-{code}"
        script.write_text(PROGRAM.format(calls=calls, wanted=wanted, code=code))
        script.chmod(0o755)
        return script, calls

    return make


@pytest.fixture
def project(tmp_path: Path, in_project: Callable[[Path], Project], monkeypatch: pytest.MonkeyPatch) -> Project:
    """The sample on few rows, with a linear model."""
    root = tmp_path / "project"
    root.mkdir()
    told = yaml.safe_load((EXAMPLES / "loans" / "modelway.yaml").read_text(encoding="utf-8"))
    fit = {"estimator": {"kind": "linear", "epochs": 2}}
    evaluate = {"gates": {"minimum": {"roc_auc": 0.01}, "trivial": {"enabled": False}}}
    settings = {"name": "loans", "prepare": told["prepare"], "fit": fit, "evaluate": evaluate}
    (root / "modelway.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = in_project(root)
    assert made.run("sample", "--output", "data", "--rows", "800") == 0
    return made


def ran(argv: list[str], home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    homes = {"AIRFLOW_HOME": str(home), "PREFECT_HOME": str(home), "HOME": str(home)}
    told = {**os.environ, **QUIET, **homes, **environment}
    return subprocess.run(argv, cwd=home, env=told, capture_output=True, text=True, check=False, timeout=900)


def real() -> str:
    return str(Path(sys.executable).with_name("modelway"))


@pytest.mark.slow
def test_airflow_checks_trains_and_scores(project: Project, tmp_path: Path) -> None:
    python = interpreter("airflow")
    home = tmp_path / "airflow"
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "retrain.py").write_text((EXAMPLES / "airflow" / "retrain.py").read_text())
    airflow = str(Path(python).with_name("airflow"))
    assert ran([airflow, "db", "migrate"], home).returncode == 0
    done = ran([airflow, "dags", "test", "retrain"], home, MODELWAY=real(), MODELWAY_PROJECT=str(project.root))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "state=success" in done.stdout + done.stderr
    assert (project.root / "predictions" / "version-1" / "_SUCCESS").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "wanted"),
    [(0, {"exit_code": 0, "version": 7}), (3, "AirflowFailException"), (4, "AirflowFailException"),
     (5, "AirflowSkipException"), (6, "AirflowException")],
)  # fmt: skip
def test_airflow_does_what_the_exit_code_says(
    tmp_path: Path, program: Callable[..., tuple[Path, Path]], code: int, wanted: Any
) -> None:
    python = interpreter("airflow")
    script, _ = program(code, "train" if code else "nothing")
    done = ran([python, "-c", AIRFLOW, str(EXAMPLES / "airflow")], tmp_path, MODELWAY=str(script))
    assert json.loads(done.stdout.splitlines()[-1]) == wanted, done.stderr[-3000:]


@pytest.mark.slow
def test_prefect_checks_trains_and_scores(project: Project, tmp_path: Path) -> None:
    python = interpreter("prefect")
    script = str(EXAMPLES / "prefect" / "retrain.py")
    done = ran([python, script], tmp_path, MODELWAY=real(), MODELWAY_PROJECT=str(project.root))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (project.root / "predictions" / "version-1" / "_SUCCESS").is_file()


@pytest.mark.slow
def test_prefect_does_what_the_exit_code_says(tmp_path: Path, program: Callable[..., tuple[Path, Path]]) -> None:
    python = interpreter("prefect")
    made = {code: program(code) for code in (4, 5, 6)}
    scripts = json.dumps({code: str(script) for code, (script, _) in made.items()})
    done = ran([python, "-c", PREFECT, str(EXAMPLES / "prefect"), scripts], tmp_path)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"4": ["FAILED", "Failed"], "5": ["COMPLETED", "Inconclusive"], "6": ["FAILED", "Failed"]}
    calls = {code: path.read_text().split() for code, (_, path) in made.items()}
    assert calls[4] == calls[5] == ["check-data", "train"], "neither is tried again, and nothing follows"
    assert calls[6] == ["check-data", "train", "train", "train"], "something outside failed: tried again, twice"


@pytest.mark.slow
def test_kubeflow_compiles_and_its_steps_hand_on_what_is_no_failure_of_theirs(tmp_path: Path) -> None:
    python = interpreter("kfp")
    done = ran([python, str(EXAMPLES / "kubeflow" / "retrain.py"), "retrain.yaml"], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    pipeline = yaml.safe_load((tmp_path / "retrain.yaml").read_text(encoding="utf-8"))
    executors = pipeline["deploymentSpec"]["executors"]
    train = executors["exec-train"]["container"]
    assert train["args"][1] == "train"
    retried = pipeline["root"]["dag"]["tasks"]["train"]["retryPolicy"]
    assert retried["maxRetryCount"] == 2
    branches = pipeline["components"]["comp-condition-branches-1"]["dag"]["tasks"]
    conditions = {one["taskInfo"]["name"]: one["triggerPolicy"]["condition"] for one in branches.values()}
    assert conditions["passed"].endswith("== 0")
    assert conditions["training-ended-badly"].endswith("!= 5")


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (2, 0), (4, 0), (5, 0), (7, 0), (1, 1), (6, 6), (130, 130)])
def test_kubeflows_step_writes_its_code_and_fails_where_another_try_helps(
    tmp_path: Path, program: Callable[..., tuple[Path, Path]], code: int, ends: int
) -> None:
    text = (EXAMPLES / "kubeflow" / "retrain.py").read_text(encoding="utf-8")
    script, calls = program(code, "train" if code else "nothing")
    namespace: dict[str, Any] = {}
    begin, end = text.index("PROJECT ="), text.index("\n\n\n@dsl")
    exec(text[begin:end], namespace)
    step = namespace["RUN"].replace("cd /project", f"cd {tmp_path}")
    (tmp_path / "modelway").symlink_to(script)
    result = tmp_path / "outputs" / "code"
    argv = ["sh", "-c", step, "modelway", str(result), "train", "--data", "a b"]
    done = subprocess.run(argv, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, check=False)
    assert done.returncode == ends
    assert result.read_text() == f"{code}\n"
    assert calls.read_text() == "train\n"
