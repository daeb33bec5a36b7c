"""`release-model.yml` publishes a version, when a person or the training asks for it."""

from __future__ import annotations

from typing import Any

import pytest


def test_it_says_which_version_goes_where(run_action: Any) -> None:
    argv = run_action("call", {"call": "release", "report": "release", "version": "7; exit"}).argv
    assert argv[argv.index("release") :] == [
        "release", "--report-only", "--tracking-uri", "env://MLFLOW_TRACKING_URI", "--repository=octocat/loans",
        "--version=7; exit", "export", "--path", "reports",
    ]  # fmt: skip
    assert "--github-api-url=https://api.github.test" in argv


def test_the_token_is_the_jobs_own_and_writes_contents(call_of: Any, action: Any) -> None:
    call = call_of("release-model.yml")
    assert "github-token" not in call.given
    assert action["inputs"]["github-token"]["default"] == "${{ github.token }}"
    assert call.job["permissions"] == {"contents": "write", "id-token": "write"}


@pytest.mark.parametrize("event", ["workflow_dispatch", "workflow_call"])
def test_the_version_is_the_champion_unless_named(read_workflow: Any, event: str) -> None:
    version = read_workflow("release-model.yml")["on"][event]["inputs"]["version"]
    assert (version["type"], version["default"]) == ("string", "champion")
