"""A small project with tests that see some faults and miss others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # for `tools`, which is no part of the package

FILES = {
    ".gitignore": ".mutants/\n__pycache__/\n",
    "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
    "src/modelway/__init__.py": "",
    "src/modelway/sums.py": """\
LIMIT = 3


def clip(value):
    if value > LIMIT:
        return LIMIT
    return value


def count_down(times):
    while times > 0:
        times -= 1
    return times


def unused(value):
    value = value + 1
    return value
""",
    "src/modelway/server.py": """\
import sys


def double(text):
    return 2 * int(text)


if __name__ == "__main__":
    for line in sys.stdin:
        print(double(line), flush=True)
""",
    "tests/test_sums.py": """\
from modelway.sums import clip, count_down


def test_clip():
    assert (clip(1), clip(9)) == (1, 3)


def test_count_down():
    assert count_down(2) == 0
""",
    "tests/test_server.py": """\
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def server():
    argv = [sys.executable, "-m", "modelway.server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, **pipes) as process:
        yield process
        process.stdin.close()


def ask(server, text):
    server.stdin.write(text)
    server.stdin.flush()
    return server.stdout.readline()


def test_zero(server):
    assert ask(server, "0\\n") == "0\\n"


def test_two(server):
    assert ask(server, "2\\n") == "4\\n"
""",
}


def _write_project(root: Path) -> Path:
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    for argv in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "project"]):
        subprocess.run(["git", *who, *argv], cwd=root, check=True)
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project in a folder, committed to git."""
    return _write_project(tmp_path / "project")


@pytest.fixture(scope="session")
def map_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of the project."""
    from tools.mutants.mapping import make_map

    root = _write_project(tmp_path_factory.mktemp("mapped") / "project")
    return make_map(root, root / ".mutants" / "maps", [], ["-p", "no:randomly"])


@pytest.fixture
def mapped(project: Path, map_run: Path) -> Path:
    """The project with its map."""
    shutil.copytree(map_run, project / ".mutants" / "maps" / map_run.name)
    return project


@pytest.fixture
def fault_list(tmp_path: Path) -> Callable[..., Path]:
    """Writes a list of faults from (id, file below src/modelway, old, new)."""

    def write(*faults: tuple[str, str, str, str]) -> Path:
        entries = [
            {
                "id": name,
                "capability": Path(file).stem,
                "file": f"src/modelway/{file}",
                "old": old,
                "new": new,
                "why": ".",
            }
            for name, file, old, new in faults
        ]
        path = tmp_path / "faults.json"
        path.write_text(json.dumps(entries), encoding="utf-8")
        return path

    return write
