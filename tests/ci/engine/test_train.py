"""`dagger call train` on an engine: the same artifacts as on the host, the same exit codes, nothing done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import pytest

pytestmark = pytest.mark.slow


def summary_of(folder):
    """What a call said beside its artifact."""
    return json.loads((folder / "summary.json").read_text())


def digests(folder):
    """What the manifest says of the files."""
    return json.loads((folder / "manifest.json").read_text())["files"]


def train(call, target, *words):
    """Train and export; gives the call and the summary, if there is one."""
    done = call("train", *words, "export", "--path", str(target), "--wipe")
    return done, summary_of(target) if done.exit_code == 0 else None


@pytest.fixture(scope="module")
def trained(call, tmp_path_factory):
    """The first model of the project."""
    folder = tmp_path_factory.mktemp("first")
    done, summary = train(call, folder)
    assert done.exit_code == 0, done.log[-3000:]
    return folder, summary


@pytest.fixture(scope="module")
def compared(call, trained, tmp_path_factory):
    """The same model, compared with itself as the champion."""
    folder = tmp_path_factory.mktemp("compared")
    done, _ = train(call, folder)
    assert done.executed == ["evaluate", "look", "pull"]
    return folder


def test_functions_are_listed_with_their_documentation(call):
    listed = call(command="functions")
    assert listed.exit_code == 0
    for name in ("train", "prepare", "fit", "evaluate", "register", "pull"):
        assert [line for line in listed.log.splitlines() if line.split()[:1] == [name] and len(line.split()) > 3], name


def test_a_first_model_becomes_version_1(trained):
    folder, summary = trained
    assert (summary["exit_code"], summary["version"], summary["created"]) == (0, 1, True)
    assert summary["stages"] == dict.fromkeys(("prepare", "fit", "pull", "evaluate", "register"), 0)
    assert summary["metrics"]["roc_auc"]["value"] > 0.6
    for name in ("model", "metrics.json", "baseline.json", "report.html"):
        assert (folder / name).exists()


def test_the_host_makes_the_same_files(trained, project, tmp_path):
    command = [sys.executable, "-m", "modelway", "train", "--no-register", "--output-dir", str(tmp_path / "host")]
    # A kernel forced on this process alone would give other last digits.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "host") == digests(trained[0])


def test_what_is_the_champion_already_only_looks_at_the_registry(call, compared, tmp_path):
    done, summary = train(call, tmp_path / "again")
    assert done.executed == ["look"]
    assert (summary["exit_code"], summary["version"], summary["created"]) == (0, 1, False)
    assert digests(tmp_path / "again") == digests(compared)


@pytest.mark.exhaustive
def test_a_challenger_trained_again_is_known_without_registering(call, compared, tmp_path):
    other = ("--set", "fit.estimator.num_leaves=7", "--set", "evaluate.gates.champion.margin=0.5")
    _, first = train(call, tmp_path / "challenger", *other)
    assert (first["exit_code"], first["created"]) == (0, True)
    # Inconclusive against the champion now, but known.
    inconclusive = (*other[:2], "--set", "evaluate.gates.champion.margin=0", "--register=false")
    _, again = train(call, tmp_path / "again", *inconclusive)
    assert (again["exit_code"], again["version"], again["created"]) == (0, first["version"], False)
    train(call, tmp_path / "settled")  # the registry is another now; the next call finds it looked at


@pytest.mark.parametrize(
    ("path", "executed"),
    [
        ("README.md", ["look"]),
        pytest.param("tests/test_new.py", ["look"], marks=pytest.mark.exhaustive),
        ("src/modelway/report/formats.py", ["compile", "evaluate", "look", "pull"]),
        pytest.param(
            "ci/locks/fit.lock", ["compile", "fit", "install", "look", "openmp"], marks=pytest.mark.exhaustive
        ),
    ],
)
def test_a_line_in_one_file_runs_only_what_follows_from_it(call, compared, project, tmp_path, path, executed):
    file = project / path
    before = file.read_text() if file.exists() else None
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"# {uuid.uuid4()}\n{before or ''}")  # a line that no engine has seen
    try:
        done, summary = train(call, tmp_path / "out")
    finally:
        file.write_text(before) if before is not None else file.unlink()
    assert done.executed == executed
    assert summary["exit_code"] == 0


def test_another_gate_is_evaluated_and_nothing_is_fitted(call, compared, tmp_path):
    bound = 0.6 + uuid.uuid4().int % 10**6 / 10**8
    done, _ = train(call, tmp_path / "out", "--set", f"evaluate.gates.minimum.roc_auc={bound}")
    assert done.executed == ["evaluate", "look", "pull"]


def test_a_gate_that_fails_ends_the_call_with_4(call, trained, tmp_path):
    done, _ = train(call, tmp_path / "red", "--set", "evaluate.gates.minimum.roc_auc=0.99")
    assert done.exit_code == 4
    assert "evaluate ended with exit code 4" in done.log
    assert "minimum.roc_auc: fail" in done.log
    assert "Traceback" not in done.log
    assert not (tmp_path / "red").exists()


def test_a_report_of_a_failed_gate_is_exported(call, trained, tmp_path):
    words = ("--set", "evaluate.gates.minimum.roc_auc=0.99", "--report-only")
    done, summary = train(call, tmp_path / "red", *words)
    assert done.exit_code == 0
    assert (summary["exit_code"], summary["verdict"], summary["version"]) == (4, "fail", None)
    assert "register" not in summary["stages"]
    assert (tmp_path / "red" / "report.html").is_file()


def test_wrong_settings_end_the_call_with_2_and_the_line(call, trained, tmp_path):
    done, _ = train(call, tmp_path / "red", "--set", "evaluate.primary=guess")
    assert done.exit_code == 2
    assert "guess" in done.log.rpartition("Error:")[2]


@pytest.mark.exhaustive
def test_an_unknown_python_version_ends_the_call_with_2_and_the_known_ones(call):
    done = call("--python", "3.9", "train", "export", "--path", "unused")
    assert done.exit_code == 2
    assert "known are 3.11, 3.12, 3.13" in done.log.rpartition("Error:")[2]
    assert "Traceback" not in done.log


def test_stages_can_be_called_one_by_one(call, trained, tmp_path):
    assert call("prepare", "export", "--path", str(tmp_path / "prepared")).exit_code == 0
    done = call("fit", "--prepared", str(tmp_path / "prepared"), "export", "--path", str(tmp_path / "model"))
    assert done.exit_code == 0
    assert digests(tmp_path / "model") == json.loads((trained[0] / "model/manifest.json").read_text())["files"]
    assert call("pull", "--version", "champion", "export", "--path", str(tmp_path / "champion")).exit_code == 0
    assert (tmp_path / "champion/features.json").read_bytes() == (trained[0] / "model/features.json").read_bytes()
    inputs = [word for name in ("prepared", "model", "champion") for word in (f"--{name}", str(tmp_path / name))]
    done = call("evaluate", *inputs, "--report-only", "export", "--path", str(tmp_path / "evaluated"))
    assert done.exit_code == 0
    assert summary_of(tmp_path / "evaluated")["verdict"] == "inconclusive"  # a model against itself
    done = call("register", "--directory", str(trained[0]), "export", "--path", str(tmp_path / "registered"))
    assert done.exit_code == 0
    assert summary_of(tmp_path / "registered")["version"] == 1
