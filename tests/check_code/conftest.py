"""Projects with code to check."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project


@pytest.fixture
def make_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]
) -> Callable[..., Project]:
    """Makes a project of files, by their paths, with some settings of `check_code`."""

    def make(files: dict[str, str | bytes], settings: str = "") -> Project:
        root = tmp_path / "project"
        for name, content in {"modelway.yaml": f"name: loans\n{settings}", **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.chdir(root)
        return in_project(root)

    return make


@pytest.fixture
def write_tool(tmp_path: Path) -> Callable[..., str]:
    """Writes an executable that does as a shell script says; gives its path."""

    def write(name: str, script: str) -> str:
        path = tmp_path / "tools" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.fixture
def ends() -> Callable[[int], bool]:
    """Says whether a process has come to its end, or does so soon; nobody may have waited for it yet."""

    def wait(pid: int) -> bool:
        for _ in range(500):
            try:
                os.kill(pid, 0)
                if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                    return True
            except (ProcessLookupError, FileNotFoundError):
                return True
            time.sleep(0.01)
        return False

    return wait
