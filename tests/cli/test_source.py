"""What a version is known by besides its data: commit, its time, the project's lock."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from modelway.cli.registry import find_commit, find_source
from modelway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMIT = "c" * 40


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELWAY_COMMIT", "MODELWAY_COMMIT_TIME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run git in a repository with one commit of a file."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.org")
        monkeypatch.setenv(f"GIT_{name}_DATE", "2026-05-04T05:02:01+02:00")

    def git(*argv: str) -> None:
        subprocess.run(["git", *argv], cwd=tmp_path, check=True)

    (tmp_path / "fit.py").write_text("rate = 0.1")
    git("init", "--quiet")
    git("add", "fit.py")
    git("commit", "--quiet", "--message", "first")
    return git


def test_a_commit_and_its_time_come_from_git(tmp_path: Path, git: Callable[..., None]) -> None:
    commit = find_commit(tmp_path)
    assert commit is not None
    assert len(commit) == 40
    assert find_source(tmp_path, commit) == {"commit_time": "2026-05-04T03:02:01+00:00"}
    assert find_source(tmp_path, f"{commit}-dirty") == {"commit_time": "2026-05-04T03:02:01+00:00"}
    git("tag", "--annotate", "v1", "--message", "first")
    assert find_commit(tmp_path) == commit
    (tmp_path / "notes.txt").write_text("git does not know this file")
    assert find_commit(tmp_path) == commit
    (tmp_path / "fit.py").write_text("rate = 0.2")
    assert find_commit(tmp_path) == f"{commit}-dirty"
    git("add", "fit.py")
    assert find_commit(tmp_path) == f"{commit}-dirty"
    git("commit", "--quiet", "--message", "second")
    second = find_commit(tmp_path)
    assert second is not None
    assert second != commit
    assert len(second) == 40
    (tmp_path / "fit.py").unlink()
    assert find_commit(tmp_path) == f"{second}-dirty"


def test_where_there_is_no_git_they_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_commit(tmp_path) is None
    assert find_source(tmp_path, COMMIT) == {}
    monkeypatch.setenv("MODELWAY_COMMIT", COMMIT)
    monkeypatch.setenv("MODELWAY_COMMIT_TIME", "2026-05-04T05:02:01+02:00")
    assert find_commit(tmp_path) == COMMIT
    assert find_source(tmp_path, COMMIT) == {"commit_time": "2026-05-04T03:02:01+00:00"}


@pytest.mark.parametrize("text", ["yesterday", "2026-05-04T05:02:01", "1777863721"])
def test_what_is_no_time_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MODELWAY_COMMIT_TIME", text)
    with pytest.raises(UsageError, match="is no time with its zone") as refused:
        find_source(tmp_path, COMMIT)
    assert refused.value.where == "MODELWAY_COMMIT_TIME"


def test_the_best_lock_counts(tmp_path: Path) -> None:
    for name in ("requirements.txt", "pylock.toml", "requirements.lock"):
        (tmp_path / name).write_text(name)
        assert find_source(tmp_path, None) == {"lock_digest": hashlib.sha256(name.encode()).hexdigest()}
