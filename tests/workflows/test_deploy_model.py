"""`deploy-model.yml` deploys what a tag or a person names to a guarded environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

COMMIT = "c0ffee" + "0" * 34
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def deploy(read_workflow: Any) -> Any:
    return read_workflow("deploy-model.yml")


def test_tags_of_this_model_and_people_deploy(deploy: Any) -> None:
    name = yaml.safe_load((ROOT / "modelway.yaml").read_text())["name"]
    assert deploy["on"]["push"] == {"tags": [f"{name}-v*"]}
    inputs = deploy["on"]["workflow_dispatch"]["inputs"]
    assert inputs["environment"]["options"] == ["staging", "production"]
    assert inputs["environment"]["default"] == "staging"
    assert inputs["model-version"]["default"] == ""


def test_reviewers_guard_the_environment_that_is_deployed_to(deploy: Any, call_of: Any) -> None:
    environment = deploy["jobs"]["deploy"]["environment"]
    given = call_of("deploy-model.yml").given
    assert environment["name"] == given["environment"] == "${{ inputs.environment || 'staging' }}"
    assert environment["url"]


@pytest.mark.parametrize("version", ["loans-v7", "7", "champion", ""])
def test_a_version_or_none_reaches_the_deploy(run_action: Any, version: str) -> None:
    inputs = {"call": "deploy", "report": "deployment", "environment": "staging", "model-version": version}
    argv = run_action("call", inputs).argv
    assert argv[argv.index("deploy") :] == [
        "deploy", "--report-only", "--tracking-uri", "env://MLFLOW_TRACKING_URI", f"--commit={COMMIT}", "--env=staging",
        *([f"--model-version={version}"] if version else []), "export", "--path", "reports",
    ]  # fmt: skip
