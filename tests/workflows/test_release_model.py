"""`release-model.yml` publishes a version, when a person or the training asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def release_call(call_of: Any) -> Any:
    return call_of("release-model.yml")


def test_it_says_which_version_goes_where(release_call: Any, run_step: Any) -> None:
    argv = run_step(release_call, {"VERSION": "7; exit"}).argv
    assert argv == [
        "call", "--github-token", "env://GITHUB_TOKEN",
        "release", "--version", "7; exit", "--repository", "octocat/loans", "--api-url", "https://api.github.test",
        "--report-only", "export", "--path", "reports",
    ]  # fmt: skip


def test_the_token_is_the_jobs_own_and_writes_contents(release_call: Any) -> None:
    assert release_call.told["env"]["GITHUB_TOKEN"] == "${{ github.token }}"
    assert release_call.job["permissions"] == {"contents": "write", "id-token": "write"}


@pytest.mark.parametrize("event", ["workflow_dispatch", "workflow_call"])
def test_the_version_is_the_champion_unless_named(paths: list[Path], event: str) -> None:
    (path,) = [path for path in paths if path.name == "release-model.yml"]
    version = yaml.safe_load(path.read_text())[True][event]["inputs"]["version"]
    assert (version["type"], version["default"]) == ("string", "champion")
