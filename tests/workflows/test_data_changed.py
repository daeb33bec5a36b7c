"""`data-changed.yml` checks data that changed, and trains on what passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.checks.changes import commands_for
from modelway.records.changed import Category, ChangedOptions


@pytest.fixture
def data_changed(read_workflow: Any) -> Any:
    return read_workflow("data-changed.yml")


def test_it_runs_for_what_changed_takes_for_data(data_changed: Any) -> None:
    assert set(data_changed["on"]["push"]["paths"]) == set(ChangedOptions().data)


def test_no_pull_request_waits_for_it(data_changed: Any) -> None:
    # With a path filter a required check of it would block all others; ml-ci.yml checks their data.
    assert "pull_request" not in data_changed["on"]


def test_data_that_lie_elsewhere_are_told_of(data_changed: Any) -> None:
    assert data_changed["on"]["repository_dispatch"] == {"types": ["data-changed"]}


def test_it_runs_what_data_ask_for(data_changed: Any, call_of: Any) -> None:
    wanted = list(commands_for([Category.DATA]))
    assert wanted == ["check-data", "train"]
    assert call_of("data-changed.yml").given["call"] == wanted[0]
    assert data_changed["jobs"][wanted[1]]["uses"] == "./.github/workflows/train-model.yml"


def test_the_data_that_are_checked_are_those_to_train_on(call_of: Any) -> None:
    assert call_of("data-changed.yml").given["data-uri"] == call_of("train-model.yml").given["data-uri"]


def test_what_does_not_pass_trains_nothing(data_changed: Any) -> None:
    job = data_changed["jobs"]["train"]
    # A job without a condition waits for `success()`.
    assert (job["needs"], job.get("if")) == ("check", None)


def test_the_training_gets_every_secret_that_it_knows(data_changed: Any, paths: list[Path]) -> None:
    job = data_changed["jobs"]["train"]
    (called,) = [path for path in paths if job["uses"].endswith(path.name)]
    told = yaml.safe_load(called.read_text())
    assert set(told[True]["workflow_call"]["secrets"]) == set(job["secrets"])
    wanted = {key: value for one in told["jobs"].values() for key, value in one.get("permissions", {}).items()}
    assert job["permissions"] == {**wanted, "contents": "write"}


def test_the_data_docs_are_kept(call_of: Any) -> None:
    assert call_of("data-changed.yml").given["report"] == "data-docs"
