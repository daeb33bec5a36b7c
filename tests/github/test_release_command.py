"""`modelway release`: from the registry to GitHub."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelway.artifacts import read_manifest
from modelway.errors import InputError
from modelway.github import GitHub
from modelway.pipeline.release import release
from modelway.records.github import Repository
from modelway.records.register import RegisterOptions
from modelway.registry import Registry
from modelway.registry.versions import KEPT_DIGESTS


def test_a_registered_version_becomes_a_release(project: Any, standin: Any, tmp_path: Path) -> None:
    record = project.json("release", "champion")
    assert (record["exit_code"], record["version"], record["tag"], record["created"]) == (0, 1, "loans-v1", True)
    assert record["uploaded"] == ["loans-v1.zip", "metrics.json", "report.html"]
    assets = standin.assets("loans-v1")
    trained = project.root / "model-artifacts"
    assert assets["metrics.json"] == (trained / "metrics.json").read_bytes()
    assert assets["report.html"] == (trained / "report.html").read_bytes()
    (tmp_path / "loans-v1.zip").write_bytes(assets["loans-v1.zip"])
    with zipfile.ZipFile(tmp_path / "loans-v1.zip") as archive:
        archive.extractall(tmp_path)
    assert read_manifest(tmp_path / "loans-v1", "model") == read_manifest(trained / "model")
    (told,) = standin.releases.values()
    assert json.loads(assets["metrics.json"])["model_digest"] in told["body"]
    assert standin.tags == {"loans-v1": "c0ffee" + "0" * 34}


def test_a_second_run_sends_nothing_and_says_so(project: Any, standin: Any) -> None:
    assert project.run("release", "1") == 0
    assert "released: loans version 1 as loans-v1" in project.out
    assert project.run("release", "1") == 0
    assert "sent: nothing, all was there" in project.out
    assert len(standin.releases) == 1


def test_flags_count_before_the_environment(project: Any, standin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/else")
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    address = f"{standin.url}/api/v3/"
    assert project.run("release", "1", "--repository", "octocat/loans", "--api-url", address) == 0


def test_a_line_end_after_the_token_is_no_matter(project: Any, monkeypatch: pytest.MonkeyPatch, standin: Any) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", f"{standin.token}\n")
    assert project.run("release", "1") == 0


@pytest.mark.parametrize(
    ("changes", "argv", "words"),
    [
        ({"GITHUB_TOKEN": None}, [], "a secret is missing: GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": " "}, [], "a secret is missing: GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": "two words"}, [], "holds a blank"),
        ({"GITHUB_REPOSITORY": None}, [], "no repository is named"),
        ({}, ["--repository", "loans"], "names no repository"),
        ({}, ["--repository", "a/b/c"], "names no repository"),
        ({}, ["--repository", "a/.."], "names no repository"),
        ({}, ["--api-url", "github.com"], "no address of GitHub's API"),
    ],
)
def test_wrong_usage_ends_with_2_and_asks_nobody(
    project: Any,
    standin: Any,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str | None],
    argv: list[str],
    words: str,
) -> None:
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    assert project.run("release", "1", *argv) == 2
    assert words in project.err
    assert standin.asked == []


def test_an_unknown_version_ends_with_2(project: Any, standin: Any) -> None:
    assert project.run("release", "7") == 2
    assert "there is no version '7'" in project.err
    assert standin.asked == []


def test_a_refusal_ends_with_6_and_shows_no_token(project: Any, standin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_expired")
    record = project.json("release", "1", "--verbose")
    assert record["exit_code"] == 6
    assert "does not know the token" in record["error"]["what"]
    assert "ghp_expired" not in project.out + project.err


@pytest.fixture
def own_registry(trained: Path, tmp_path: Path) -> Path:
    """A copy of the project's registry that may be spoilt; gives where the run's files are."""
    for name in ("mlflow.db", "mlartifacts"):
        (shutil.copy if name.endswith(".db") else shutil.copytree)(trained / name, tmp_path / name)
    (files,) = (tmp_path / "mlartifacts").glob("*/artifacts")
    return files


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda files: (files / "report.html").unlink(), "missing"),
        (lambda files: (files / "metrics.json").write_text("{}"), "not the one that was registered"),
        (lambda files: _replace(files / "model/data/model.json", "{", "{ "), "not those that were registered"),
        (lambda files: _replace(files / "model/data/manifest.json", '"model.json"', '"other.json"'), "manifest"),
    ],
)
def test_files_that_are_not_the_versions_are_not_released(
    own_registry: Path, tmp_path: Path, standin: Any, spoil: Any, words: str
) -> None:
    spoil(own_registry)
    registry = Registry(RegisterOptions(), "loans", tmp_path)
    github = GitHub(Repository(owner="octocat", name="loans"), standin.token, f"{standin.url}/api/v3")
    with pytest.raises(InputError, match=words):
        release(registry, github, "1")
    assert standin.asked == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda files: (files / "metrics.json").write_text("{}"), "can't be read"),
        (lambda files: _replace(files / "metrics.json", '"model_digest": "', '"model_digest": "0'), "another model's"),
    ],
)
def test_metrics_of_a_version_without_recorded_digests_are_checked_against_its_model(
    own_registry: Path, tmp_path: Path, standin: Any, spoil: Any, words: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        assert database.execute("DELETE FROM model_version_tags WHERE key = ?", (KEPT_DIGESTS,)).rowcount == 1
    test_files_that_are_not_the_versions_are_not_released(own_registry, tmp_path, standin, spoil, words)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    path.write_text(text.replace(old, new, 1))
