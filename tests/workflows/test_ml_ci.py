"""`ml-ci.yml` runs all checks when code changes, and keeps every report, red or green."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.checks.changes import CI
from modelway.records.changed import ChangedOptions

ARTIFACTS = {"data-docs": "check-data", "coverage-report": "test", "test-model": "smoke-train"}


@pytest.fixture
def ml_ci(paths: list[Path]) -> Any:
    (path,) = [path for path in paths if path.name == "ml-ci.yml"]
    told = yaml.safe_load(path.read_text())
    told["on"] = told.pop(True)
    return told


@pytest.fixture
def check(call_of: Any) -> Any:
    return call_of("ml-ci.yml")


@pytest.mark.parametrize("event", ["push", "pull_request"])
def test_data_and_notebooks_start_nothing_and_all_else_does(ml_ci: Any, event: str) -> None:
    told = ml_ci["on"][event]
    assert set(told["paths-ignore"]) == {*ChangedOptions().data, "**/*.ipynb"}
    assert "paths" not in told


def test_a_newer_commit_of_a_pull_request_ends_the_check_of_the_older(ml_ci: Any) -> None:
    assert ml_ci["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def test_without_secrets_and_variables_the_call_is_bare(check: Any, run_step: Any) -> None:
    # As a pull request from a fork has it.
    assert run_step(check, {}).argv == ["call", "ci", "--report-only", "export", "--path", "reports"]


def test_data_and_keys_reach_the_call(check: Any, run_step: Any) -> None:
    variables = {"DATA_URI": "s3://bucket/data of ours/", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    assert run_step(check, {**variables, "AWS_SESSION_TOKEN": "token"}).argv == [
        "call", "--aws-access-key-id", "env://AWS_ACCESS_KEY_ID",
        "--aws-secret-access-key", "env://AWS_SECRET_ACCESS_KEY", "--aws-session-token", "env://AWS_SESSION_TOKEN",
        "ci", "--report-only", "--data-uri", "s3://bucket/data of ours/", "export", "--path", "reports",
    ]  # fmt: skip


def test_the_log_tells_each_parts_verdict(check: Any, run_step: Any) -> None:
    parts = {"test": {"verdict": "fail", "reason": "1 failed"}, "audit": {"verdict": "pass", "reason": "fine"}}
    summary = json.dumps({"exit_code": 4, "parts": parts})
    outcome = run_step(check, {}, summary)
    assert outcome.exit_code == 4
    assert outcome.said == "test: fail: 1 failed\naudit: pass: fine\n"


def test_what_comes_from_a_fork_runs_on_nothing_that_is_kept(ml_ci: Any, check: Any) -> None:
    ours = "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
    assert ml_ci["jobs"]["ci"]["runs-on"] == f"${{{{ ({ours}) && vars.MODELWAY_RUNNER || 'ubuntu-24.04' }}}}"
    engine = check.told["env"]["_EXPERIMENTAL_DAGGER_RUNNER_HOST"]
    assert engine == f"${{{{ ({ours}) && vars.DAGGER_ENGINE || '' }}}}"


def test_a_pull_request_assumes_no_role(ml_ci: Any) -> None:
    (step,) = [step for step in ml_ci["jobs"]["ci"]["steps"] if "configure-aws" in step.get("uses", "")]
    assert step["if"].endswith("&& github.event_name != 'pull_request'")


def test_every_part_leaves_an_artifact(ml_ci: Any) -> None:
    uploads = [step["with"] for step in ml_ci["jobs"]["ci"]["steps"] if "upload-artifact" in step.get("uses", "")]
    kept = {one["name"]: one["path"].split() for one in uploads}
    assert {name: kept[name] for name in ARTIFACTS} == {name: [f"reports/{part}/"] for name, part in ARTIFACTS.items()}
    everything = {path for paths in kept.values() for path in paths}
    assert everything >= {"reports/summary.json", "reports/*.log", *(f"reports/{part}/" for part in CI)}


def test_codecov_gets_the_coverage_where_there_is_a_token_and_nothing_else(ml_ci: Any) -> None:
    assert ml_ci["jobs"]["ci"]["outputs"]["codecov"] == "${{ secrets.CODECOV_TOKEN != '' }}"
    job = ml_ci["jobs"]["codecov"]
    assert job["if"] == "always() && needs.ci.outputs.codecov == 'true'"
    assert "permissions" not in job
    *_, upload = job["steps"]
    assert upload["env"] == {"CODECOV_TOKEN": "${{ secrets.CODECOV_TOKEN }}"}
    assert upload["with"]["files"] == "reports/test/coverage.xml"
    assert "secrets." not in str(job["steps"][:-1])
