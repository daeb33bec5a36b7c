"""The lock of the base images: a changed one is proposed as a pull request, an unchanged one is not."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BEFORE, AFTER = '{"images": {}}\n', '{"images": {"python": "sha256:1"}}\n'
# Notes how it was called; a git that knows the file's blob.
_TOOL = """#!/bin/bash
[[ $(basename "$0") == git ]] && { echo b10b; exit; }
printf '%s\\n' "$*" >> "$PWD/gh-calls"
[[ $* != *DELETE* ]]
"""


@pytest.fixture
def refresh(call_of: Any, run_step: Any, tmp_path: Path) -> Any:
    """Runs the step where the lock was `BEFORE`; gives its outcome and gh's calls."""

    def run(after: str | None, exit_code: int = 0) -> tuple[Any, list[str]]:
        for name in ("gh", "git"):
            (tmp_path / "tools" / name).write_text(_TOOL)
            (tmp_path / "tools" / name).chmod(0o755 | stat.S_IXUSR)
        (tmp_path / "reports").mkdir()
        (tmp_path / "base.lock").write_text(BEFORE)
        if after is not None:
            (tmp_path / "reports" / "base_images.lock").write_text(after)
        variables = {"LOCK": "base.lock", "BRANCH": "lock-images", "REPOSITORY": "octocat/modelway"}
        summary = json.dumps({"exit_code": exit_code, "changed": ["python"]})
        ended = run_step(call_of("lock-images.yml"), variables, summary)
        calls = tmp_path / "gh-calls"
        return ended, calls.read_text().splitlines() if calls.exists() else []

    return run


def test_a_changed_lock_becomes_a_pull_request(refresh: Any) -> None:
    ended, calls = refresh(AFTER)
    assert ended.exit_code == 0
    assert [words.split()[:2] for words in calls] == [["api", "--silent"]] * 3 + [["pr", "create"]]
    assert "sha=b10b" in calls[2]
    assert "content=eyJpbWFnZXMiOiB7InB5dGhvbiI6ICJzaGEyNTY6MSJ9fQo=" in calls[2]


@pytest.mark.parametrize(("after", "code"), [(BEFORE, 0), (None, 6), (AFTER, 6)])
def test_an_unchanged_or_failed_refresh_proposes_nothing(refresh: Any, after: str | None, code: int) -> None:
    ended, calls = refresh(after, code)
    assert (ended.exit_code, calls) == (code, [])
