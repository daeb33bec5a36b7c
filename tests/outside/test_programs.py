"""Programs that go outside for us end, and ask nobody for a password."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from modelway.checks.revisions import Repository, file_at
from modelway.errors import OutsideError
from modelway.records.fit import FitOptions, SearchOptions
from modelway.train import study

from .conftest import WAYS, answer, outcome, say

ASKS = say(answer(b"", '401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"'))


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def partial_clone(tmp_path: Path) -> Path:
    """A clone that lacks the content of its files."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "-q")
    git(origin, "config", "uploadpack.allowFilter", "true")
    (origin / "a.txt").write_text("content")
    git(origin, "add", ".")
    git(origin, "-c", "user.name=me", "-c", "user.email=me@x", "commit", "-qm", "one")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{origin}", str(clone))
    return clone


@pytest.mark.parametrize("way", ["hangs", "closes", "asks for a password"])
def test_git_that_fetches_what_a_partial_clone_lacks_ends_with_6(start, short, partial_clone: Path, way: str) -> None:
    server = start((WAYS | {"asks for a password": ASKS})[way])
    git(partial_clone, "config", "remote.origin.url", f"{server.url}/repository.git")
    repository = Repository(top=partial_clone, prefix="")
    short()
    found = outcome(lambda: file_at(repository, "HEAD", "a.txt"))
    assert isinstance(found, OutsideError), repr(found)


def test_a_partial_clone_whose_remote_answers_gives_the_file(partial_clone: Path) -> None:
    assert file_at(Repository(top=partial_clone, prefix=""), "HEAD", "a.txt") == b"content"
    assert file_at(Repository(top=partial_clone, prefix=""), "HEAD", "b.txt") is None


@pytest.mark.parametrize("way", ["hangs", "reads nothing", "closes", "sends garbage"])
def test_a_search_whose_database_misbehaves_ends_with_6_and_its_name(start, short, way: str) -> None:
    pytest.importorskip("psycopg2")
    server = start(WAYS[way])
    short()

    def search() -> None:
        address = f"postgresql+psycopg2://me:s3cr@{server.host}/x"
        with study.study_errors(address):
            study.open_study(FitOptions.model_construct(search=SearchOptions(trials=1), seed=1), address, "x")

    found = outcome(search)
    assert isinstance(found, OutsideError), repr(found)
    assert server.host in str(found) or server.host.partition(":")[2] in str(found)
    assert "s3cr" not in str(found)
    assert os.environ.get("PGPASSWORD") is None
