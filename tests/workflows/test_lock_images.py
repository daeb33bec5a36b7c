"""The lock of the base images: a changed one is proposed as a pull request, an unchanged one is not."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BEFORE, AFTER = '{"images": {}}\n', '{"images": {"python": "sha256:1"}}\n'
# Notes how it was called; a git that knows the file's blob.
_TOOL = """#!/bin/bash
[[ $(basename "$0") == git ]] && { echo b10b; exit; }
[[ $(basename "$0") == dagger ]] && { printf '%s' "$SUMMARY" > reports/summary.json; exit; }
printf '%s\\n' "$*" >> "$PWD/gh-calls"
[[ $* != *DELETE* ]]
"""


@pytest.fixture
def refresh(read_workflow: Any, tmp_path: Path) -> Any:
    """Runs the step where the lock was `BEFORE`, as a runner would; gives its exit code and gh's calls."""
    steps = [step for job in read_workflow("lock-images.yml")["jobs"].values() for step in job["steps"]]
    (script,) = [step["run"] for step in steps if "run" in step]

    def run(after: str | None, exit_code: int = 0) -> tuple[int, list[str]]:
        (tmp_path / "tools").mkdir()
        for name in ("dagger", "gh", "git"):
            (tmp_path / "tools" / name).write_text(_TOOL)
            (tmp_path / "tools" / name).chmod(0o755)
        (tmp_path / "reports").mkdir()
        (tmp_path / "base.lock").write_text(BEFORE)
        if after is not None:
            (tmp_path / "reports" / "base_images.lock").write_text(after)
        variables = {
            "LOCK": "base.lock",
            "BRANCH": "lock-images",
            "REPOSITORY": "octocat/modelway",
            "GITHUB_SHA": "c0ffee",
            "SUMMARY": json.dumps({"exit_code": exit_code, "changed": ["python"]}),
            "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}",
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        ended = subprocess.run(command, cwd=tmp_path, env=variables, check=False)
        calls = tmp_path / "gh-calls"
        return ended.returncode, calls.read_text().splitlines() if calls.exists() else []

    return run


def test_a_changed_lock_becomes_a_pull_request(refresh: Any) -> None:
    code, calls = refresh(AFTER)
    assert code == 0
    assert [words.split()[:2] for words in calls] == [["api", "--silent"]] * 3 + [["pr", "create"]]
    assert "sha=b10b" in calls[2]
    assert "content=eyJpbWFnZXMiOiB7InB5dGhvbiI6ICJzaGEyNTY6MSJ9fQo=" in calls[2]


@pytest.mark.parametrize(("after", "code"), [(BEFORE, 0), (None, 6), (AFTER, 6)])
def test_an_unchanged_or_failed_refresh_proposes_nothing(refresh: Any, after: str | None, code: int) -> None:
    assert refresh(after, code) == (code, [])
