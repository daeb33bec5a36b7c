"""`data-changed.yml` checks data that changed, and trains on what passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.checks.changes import commands_for
from modelway.records.changed import Category, ChangedOptions


@pytest.fixture
def data_changed(paths: list[Path]) -> Any:
    (path,) = [path for path in paths if path.name == "data-changed.yml"]
    told = yaml.safe_load(path.read_text())
    told["on"] = told.pop(True)
    return told


@pytest.fixture
def check(call_of: Any) -> Any:
    return call_of("data-changed.yml")


@pytest.mark.parametrize("event", ["push", "pull_request"])
def test_it_runs_for_what_changed_takes_for_data(data_changed: Any, event: str) -> None:
    assert set(data_changed["on"][event]["paths"]) == set(ChangedOptions().data)


def test_code_and_data_share_no_path(data_changed: Any, paths: list[Path]) -> None:
    (path,) = [path for path in paths if path.name == "ml-ci.yml"]
    ignored = yaml.safe_load(path.read_text())[True]["push"]["paths-ignore"]
    assert set(data_changed["on"]["push"]["paths"]) <= set(ignored)


def test_data_that_lie_elsewhere_are_told_of(data_changed: Any) -> None:
    assert data_changed["on"]["repository_dispatch"] == {"types": ["data-changed"]}


def test_it_runs_what_data_ask_for(data_changed: Any, check: Any, run_step: Any) -> None:
    wanted = list(commands_for([Category.DATA]))
    assert wanted == ["check-data", "train"]
    assert run_step(check, {}).argv == ["call", wanted[0], "--report-only", "export", "--path", "reports"]
    assert data_changed["jobs"][wanted[1]]["uses"] == "./.github/workflows/train-model.yml"


def test_the_data_that_are_checked_are_those_to_train_on(check: Any, run_step: Any, call_of: Any) -> None:
    assert check.told["env"]["DATA_URI"] == call_of("train-model.yml").told["env"]["DATA_URI"]
    argv = run_step(check, {"DATA_URI": "s3://bucket/data of ours/"}).argv
    assert argv[argv.index("--data-uri") + 1] == "s3://bucket/data of ours/"


def test_what_does_not_pass_and_what_is_not_merged_trains_nothing(data_changed: Any) -> None:
    job = data_changed["jobs"]["train"]
    # A condition without a function of status waits for `success()`.
    assert (job["needs"], job["if"]) == ("check", "github.event_name != 'pull_request'")


def test_the_training_gets_every_secret_that_it_knows(data_changed: Any, paths: list[Path]) -> None:
    job = data_changed["jobs"]["train"]
    (called,) = [path for path in paths if job["uses"].endswith(path.name)]
    told = yaml.safe_load(called.read_text())
    assert set(told[True]["workflow_call"]["secrets"]) == set(job["secrets"])
    wanted = {key: value for one in told["jobs"].values() for key, value in one.get("permissions", {}).items()}
    assert job["permissions"] == {**wanted, "contents": "write"}


def test_the_data_docs_are_kept(data_changed: Any) -> None:
    (upload,) = [step for step in data_changed["jobs"]["check"]["steps"] if "upload-artifact" in step.get("uses", "")]
    assert upload["with"] == {"name": "data-docs", "path": "reports/"}


def test_what_comes_from_a_fork_runs_on_nothing_that_is_kept(data_changed: Any, check: Any, call_of: Any) -> None:
    engine = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
    assert check.told["env"][engine] == call_of("ml-ci.yml").told["env"][engine]
    assert "head.repo.full_name == github.repository" in data_changed["jobs"]["check"]["runs-on"]
