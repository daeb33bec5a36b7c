"""All files or none, and never over one that is there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from modelway.adopt.writing import write_all
from modelway.errors import InputError


def tree(root: Path) -> dict[str, str | None]:
    return {path.relative_to(root).as_posix(): path.read_text() if path.is_file() else None for path in root.rglob("*")}


def test_files_and_their_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before")
    write_all(tmp_path, {"a/b/c": "1", "a/d": "2"}, {"old": "after"})
    assert tree(tmp_path) == {"a": None, "a/b": None, "a/b/c": "1", "a/d": "2", "old": "after"}


@pytest.mark.parametrize("last", ["file/below", "there"])
def test_one_that_can_not_be_written_takes_all_back(tmp_path: Path, last: str) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "there").write_text("somebody's")
    before = tree(tmp_path)
    with pytest.raises(InputError):
        write_all(tmp_path, {"a/b": "1", last: "2"})
    assert tree(tmp_path) == before


def test_an_interrupt_takes_all_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def interrupted(source: Path, target: Path) -> None:
        if target.name == "c":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "link", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path, {"a/b": "1", "a/c": "2"})
    assert tree(tmp_path) == {}


def test_a_link_that_leads_nowhere_is_something_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(InputError):
        write_all(tmp_path, {"a": "1"})
    assert not (tmp_path / "nowhere").exists()


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    write_all(tmp_path, {"a": "1"})
    assert tree(tmp_path) == {"a": "1"}
    with pytest.raises(InputError):
        write_all(tmp_path, {"a": "2"})
    assert tree(tmp_path) == {"a": "1"}
