"""Images say what they are: the OCI's labels, the same on the host and in Dagger."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy.image.labels import image_labels, public_address
from modelway.deploy.target import Place
from modelway.errors import UsageError
from modelway.records.bundle import BundleInfo
from modelway.records.environment import EnvironmentOptions, ImageOptions
from modelway.records.serve import ServeOptions

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "ci" / "src"))

DIGEST = f"sha256:{'d' * 64}"
BASE = f"python:3.11.16-slim-trixie@{DIGEST}"
COMMIT = "c0ffee" + "0" * 34
CREATED = "2026-11-01T12:00:00+00:00"
SOURCES = {
    "https://github.com/octocat/loans.git": "https://github.com/octocat/loans",
    "https://user:canary@git.internal:8443/a/b/": "https://git.internal:8443/a/b",
    "git@github.com:octocat/loans.git": "https://github.com/octocat/loans",
    "ssh://git@git.internal:2222/octocat/loans": "https://git.internal/octocat/loans",
    "/srv/loans.git": None,
    "file:///srv/loans": None,
    "": None,
    None: None,
}


def bundle(folder: Path, version: int, **more: Any) -> Path:
    info = BundleInfo(name="loans", version=version, model_digest="a" * 64, run_id="r", format="onnx", **more)
    (folder / str(version)).mkdir(parents=True)
    (folder / str(version) / "bundle.json").write_text(info.to_json())
    return folder / str(version)


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [bundle(tmp_path, 7, commit="b" * 40, created=CREATED), bundle(tmp_path, 8)]


@pytest.fixture
def labelled(tmp_path: Path, two: list[Path]) -> Any:
    def label(bundles: list[Path] = two, commit: str | None = COMMIT, **told: Any) -> dict[str, str]:
        variables = told.pop("variables", {"PATH": "/usr/bin:/bin"})
        options = EnvironmentOptions(image=ImageOptions(repository="ghcr.io/octocat/loans", **told))
        place = Place(
            "staging", "loans", options, ServeOptions(), tmp_path, tmp_path, tmp_path, "", "", secrets=variables
        )
        found = image_labels(place, bundles, BASE, commit)
        assert all(name.startswith("org.opencontainers.image.") for name in found)
        return {name.removeprefix("org.opencontainers.image."): value for name, value in found.items()}

    return label


def test_all_that_is_known_is_labelled(labelled: Any) -> None:
    assert labelled(source="https://github.com/octocat/loans", licenses="Apache-2.0") == {
        "title": "loans",
        "version": "v7-with-8",
        "revision": COMMIT,
        "created": CREATED,
        "source": "https://github.com/octocat/loans",
        "licenses": "Apache-2.0",
        "base.name": "python:3.11.16-slim-trixie",
        "base.digest": DIGEST,
    }


def test_what_is_not_known_has_no_label(labelled: Any, two: list[Path]) -> None:
    assert set(labelled(two[1:], None)) == {"title", "version", "base.name", "base.digest"}


def test_the_time_is_the_commits_or_the_one_that_is_given_and_never_the_clocks(labelled: Any) -> None:
    assert labelled() == labelled()
    given = {"PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": "1700000000"}
    assert labelled(variables=given)["created"] == "2023-11-14T22:13:20+00:00"
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        labelled(variables=given | {"SOURCE_DATE_EPOCH": "yesterday"})


def test_the_source_is_gits_remote_without_its_password(labelled: Any, tmp_path: Path) -> None:
    for words in (["init", "--quiet"], ["remote", "add", "origin", "https://me:canary@github.com/octocat/loans.git"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert labelled()["source"] == "https://github.com/octocat/loans"
    assert labelled(source="https://example.com/other")["source"] == "https://example.com/other"


@pytest.mark.parametrize("source", SOURCES)
def test_an_address_is_public_or_left_out(source: str | None) -> None:
    assert public_address(source) == SOURCES[source]


@pytest.mark.parametrize("source", [source for source in SOURCES if source and source.startswith("http")])
def test_dagger_labels_as_the_host_does(labelled: Any, two: list[Path], source: str) -> None:
    labels = pytest.importorskip("modelway_ci.labels")
    infos = [json.loads((one / "bundle.json").read_text()) for one in two]
    for commit in (COMMIT, None):
        theirs = labels.image_labels(infos, BASE, commit, source, "MIT")
        ours = labelled(commit=commit, source=source, licenses="MIT")
        assert {name.removeprefix(labels.PREFIX): value for name, value in theirs.items()} == ours
