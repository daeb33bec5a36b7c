"""`train-model.yml` trains when code or settings of a model change, and when it is asked to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def train(paths: list[Path]) -> Any:
    (path,) = [path for path in paths if path.name == "train-model.yml"]
    told = yaml.safe_load(path.read_text())
    told["on"] = told.pop(True)
    return told


def test_it_runs_for_code_and_settings_and_not_for_data(train: Any) -> None:
    push = train["on"]["push"]
    assert push["branches"] == ["main"]
    assert {"src/**", "modelway.yaml", "requirements.lock"} <= set(push["paths"])
    assert not [path for path in push["paths"] if path.startswith(("data", "tests", "docs", "**"))]


@pytest.mark.parametrize("event", ["workflow_dispatch", "workflow_call"])
def test_people_and_other_workflows_choose_epochs_and_batch_size(train: Any, event: str) -> None:
    inputs = train["on"][event]["inputs"]
    assert set(inputs) == {"epochs", "batch-size"}
    assert {(one["type"], one["default"]) for one in inputs.values()} == {("string", "")}


def test_any_event_reaches_the_call(train: Any) -> None:
    (step,) = [step for step in train["jobs"]["train"]["steps"] if "run" in step]
    assert step["env"]["EPOCHS"] == "${{ inputs.epochs || github.event.client_payload.epochs }}"
    assert step["env"]["BATCH_SIZE"] == "${{ inputs.batch-size || github.event.client_payload.batch-size }}"
    assert train["on"]["repository_dispatch"] == {"types": ["train-model"]}


COMMIT = "c0ffee" + "0" * 34
EVERYTHING = {
    "EPOCHS": (["--epochs", "5"], "5"),
    "BATCH_SIZE": (["--batch-size", "64"], "64"),
    "DATA_URI": (["--data-uri", "s3://bucket/data of ours/"], "s3://bucket/data of ours/"),
    "MLFLOW_TRACKING_URI": (["--tracking-uri", "env://MLFLOW_TRACKING_URI"], "https://mlflow"),
}
IDENTITY = {
    "MLFLOW_TRACKING_USERNAME": ["--mlflow-username", "env://MLFLOW_TRACKING_USERNAME"],
    "MLFLOW_TRACKING_PASSWORD": ["--mlflow-password", "env://MLFLOW_TRACKING_PASSWORD"],
    "AWS_ACCESS_KEY_ID": ["--aws-access-key-id", "env://AWS_ACCESS_KEY_ID"],
    "AWS_SECRET_ACCESS_KEY": ["--aws-secret-access-key", "env://AWS_SECRET_ACCESS_KEY"],
    "AWS_SESSION_TOKEN": ["--aws-session-token", "env://AWS_SESSION_TOKEN"],
}


@pytest.fixture
def train_call(call_of: Any) -> Any:
    return call_of("train-model.yml")


def test_without_inputs_and_secrets_the_call_is_bare(train_call: Any, run_step: Any) -> None:
    told = ["call", "train", "--report-only", "--commit", COMMIT, "export", "--path", "reports"]
    assert run_step(train_call, {}).argv == told


def test_the_time_of_the_commit_is_told_where_git_knows_it(train_call: Any, run_step: Any, tmp_path: Path) -> None:
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    date = {**os.environ, "GIT_COMMITTER_DATE": "2026-05-04T05:02:01+02:00"}
    for argv in (["init", "--quiet"], [*who, "commit", "--quiet", "--allow-empty", "--message", "first"]):
        subprocess.run(["git", *argv], cwd=tmp_path, env=date, check=True)
    told = ["call", "train", "--report-only", "--commit", COMMIT, "--commit-time", "2026-05-04T05:02:01+02:00"]
    assert run_step(train_call, {}).argv == [*told, "export", "--path", "reports"]


@pytest.mark.parametrize("name", EVERYTHING)
def test_an_input_becomes_an_argument_of_train(train_call: Any, run_step: Any, name: str) -> None:
    words, value = EVERYTHING[name]
    argv = run_step(train_call, {name: value}).argv
    assert argv[argv.index("train") :] == [
        "train", "--report-only", "--commit", COMMIT, *words, "export", "--path", "reports"
    ]  # fmt: skip


@pytest.mark.parametrize("name", IDENTITY)
def test_who_we_are_is_the_modules_to_know(train_call: Any, run_step: Any, name: str) -> None:
    argv = run_step(train_call, {name: "secret"}).argv
    assert argv[1 : argv.index("train")] == IDENTITY[name]


def test_an_assumed_role_counts_before_keys(train_call: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert train_call.told["env"][name] == f"${{{{ env.{name} || secrets.{name} }}}}"
    # A key that lasts has no session token; this one comes from the role alone.
    assert "AWS_SESSION_TOKEN" not in train_call.told["env"]


def test_another_workflow_can_hand_in_every_secret_that_is_used(train: Any) -> None:
    (step,) = [step for step in train["jobs"]["train"]["steps"] if "run" in step]
    used = {name for name, value in step["env"].items() if "secrets." in value}
    assert set(train["on"]["workflow_call"]["secrets"]) == used


REGISTERED = '{"exit_code": 0, "created": true, "version": 7}'
LASTING = {"MLFLOW_TRACKING_URI": "https://mlflow"}


@pytest.mark.parametrize(
    ("summary", "variables", "output"),
    [
        (REGISTERED, LASTING, "version=7\n"),
        (REGISTERED, {"_EXPERIMENTAL_DAGGER_RUNNER_HOST": "tcp://engine"}, "version=7\n"),
        (REGISTERED, {}, ""),
        ('{"exit_code": 0, "created": false, "version": 7}', LASTING, ""),
        ('{"exit_code": 4, "created": false, "version": null}', LASTING, ""),
    ],
    ids=["in a server", "in an engine that stays", "in a runner's own engine", "known already", "red"],
)
def test_a_version_that_was_registered_to_stay_is_told(
    train_call: Any, run_step: Any, summary: str, variables: dict[str, str], output: str
) -> None:
    assert run_step(train_call, variables, summary).output == output


def test_what_was_registered_is_released(train: Any, paths: list[Path]) -> None:
    job = train["jobs"]["release"]
    assert (job["needs"], job["if"]) == ("train", "needs.train.outputs.version != ''")
    assert job["with"] == {"version": "${{ needs.train.outputs.version }}"}
    (called,) = [path for path in paths if job["uses"].endswith(path.name)]
    assert set(yaml.safe_load(called.read_text())[True]["workflow_call"]["secrets"]) == set(job["secrets"])
