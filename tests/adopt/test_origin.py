"""Where modelway's module is: what the installation knows of itself, and nothing that it does not."""

from __future__ import annotations

import json
from importlib.metadata import PathDistribution
from typing import TYPE_CHECKING

import pytest

from modelway.adopt.origin import own_origin

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "c" * 40


def distribution(folder: Path, urls: tuple[str, ...] = (), direct: dict[str, object] | None = None) -> PathDistribution:
    info = folder / "modelway-0.1.0.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.4", "Name: modelway", "Version: 0.1.0", *(f"Project-URL: {url}" for url in urls)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    if direct is not None:
        (info / "direct_url.json").write_text(json.dumps(direct))
    return PathDistribution(info)


@pytest.mark.parametrize(
    "url", ["https://github.com/o/r.git", "https://token@github.com/o/r", "ssh://git@github.com/o/r.git"]
)
def test_an_installation_by_git_knows_its_commit(tmp_path: Path, url: str) -> None:
    direct = {"url": url, "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    assert own_origin(distribution(tmp_path, direct=direct)) == ("github.com/o/r", COMMIT)


def test_the_metadata_name_the_repository(tmp_path: Path) -> None:
    urls = ("Homepage, https://modelway.example.com", "Repository, https://github.com/o/r/")
    assert own_origin(distribution(tmp_path, urls)) == ("github.com/o/r", None)


@pytest.mark.parametrize(
    "direct", [None, {}, {"url": "file:///home/me/modelway", "dir_info": {}}, {"url": "https://x/modelway.whl"}]
)
def test_what_nobody_told_is_not_invented(tmp_path: Path, direct: dict[str, object] | None) -> None:
    assert own_origin(distribution(tmp_path, ("Docs, https://github.com/o/r",), direct)) is None
