"""`deploy-model.yml` deploys what a tag or a person names to a guarded environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

COMMIT = "c0ffee" + "0" * 34


@pytest.fixture
def deploy(paths: list[Path]) -> Any:
    (path,) = [path for path in paths if path.name == "deploy-model.yml"]
    told = yaml.safe_load(path.read_text())
    told["on"] = told.pop(True)
    return told


@pytest.fixture
def deploy_call(call_of: Any) -> Any:
    return call_of("deploy-model.yml")


def test_tags_of_models_and_people_deploy(deploy: Any) -> None:
    assert deploy["on"]["push"] == {"tags": ["model-v*"]}
    inputs = deploy["on"]["workflow_dispatch"]["inputs"]
    assert inputs["environment"]["options"] == ["staging", "production"]
    assert inputs["environment"]["default"] == "staging"
    assert inputs["model-version"]["default"] == ""


def test_reviewers_guard_the_environment_that_is_deployed_to(deploy: Any, deploy_call: Any) -> None:
    environment = deploy["jobs"]["deploy"]["environment"]
    assert environment["name"] == deploy_call.told["env"]["ENVIRONMENT"] == "${{ inputs.environment || 'staging' }}"
    assert environment["url"]
    assert environment["name"].strip("${} ") in deploy["concurrency"]["group"]
    assert deploy["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize(("given", "version"), [("model-v7", "7"), ("7", "7"), ("champion", "champion")])
def test_a_tag_names_its_version(deploy_call: Any, run_step: Any, given: str, version: str) -> None:
    argv = run_step(deploy_call, {"MODEL_VERSION": given, "ENVIRONMENT": "staging"}).argv
    assert argv[argv.index("deploy") :] == [
        "deploy", "--env", "staging", "--report-only", "--commit", COMMIT, "--model-version", version,
        "export", "--path", "reports",
    ]  # fmt: skip


def test_without_a_version_the_environment_decides(deploy_call: Any, run_step: Any) -> None:
    argv = run_step(deploy_call, {"ENVIRONMENT": "production"}).argv
    assert "--model-version" not in argv
    assert argv[argv.index("--env") + 1] == "production"


@pytest.mark.parametrize("code", [0, 4, 6, 7])
def test_it_ends_as_the_deploy_did(deploy_call: Any, run_step: Any, code: int) -> None:
    assert run_step(deploy_call, {}, f'{{"exit_code": {code}}}').exit_code == code


def test_no_secret_is_in_the_command_line(deploy_call: Any, run_step: Any) -> None:
    secrets = [name for name, value in deploy_call.told["env"].items() if "secrets." in value]
    assert "SLACK_WEBHOOK" in secrets
    argv = run_step(deploy_call, dict.fromkeys([*secrets, "AWS_SESSION_TOKEN"], "canary")).argv
    assert "canary" not in argv
    assert {word for word in argv if word.startswith("env://")} == {
        f"env://{name}" for name in [*secrets, "AWS_SESSION_TOKEN"]
    }
