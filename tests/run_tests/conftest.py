"""Projects with tests of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Project

CODE = "def ratio(a, b):\n    if b == 0:\n        return 0.0\n    return a / b\n"
PYTEST = "[pytest]\npythonpath = src\naddopts = -p no:randomly -p no:hypothesispytest -p no:anyio\n"


@pytest.fixture
def make_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]
) -> Callable[..., Project]:
    """Makes a project of a little package and the files given, by their paths, with some settings of `test`."""

    def make(files: dict[str, str], settings: str = "") -> Project:
        root = tmp_path / "project"
        given = {"modelway.yaml": f"name: loans\n{settings}", "src/loans.py": CODE, "pytest.ini": PYTEST, **files}
        for name, text in given.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.chdir(root)
        return in_project(root)

    return make
