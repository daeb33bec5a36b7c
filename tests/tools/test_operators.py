"""Which mutants a file has."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.mutants.operators import changed_lines, files_below, mutants_of

if TYPE_CHECKING:
    from pathlib import Path

CODE = '''\
"""A module."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from x import y

LIMIT = 3


@decorated(depth=1)
def clip(value: "int | None" = 5) -> int:
    """Clip 1 value."""
    if value > LIMIT and isinstance(value, int):
        raise ValueError(f"{value} is above 3", "too much for us")
    return fetch("key", size=value - 1)
'''


def changes(line: int) -> list[str]:
    """Return what the mutants put instead of a line, all of which differ from it."""
    faults = [fault for one in mutants_of("src/modelway/x.py", CODE) if one.line == line and (fault := one.fault())]
    assert all(fault.lines == {line} for fault in faults)
    return sorted(fault.after.splitlines()[line - 1].strip() for fault in faults)


def test_mutants_of_change_limits_operators_and_arguments() -> None:
    assert changes(8) == ["LIMIT = 4", "LIMIT = None"]
    assert "if value >= LIMIT and isinstance(value, int):" in changes(14)
    assert "if value > LIMIT or isinstance(value, int):" in changes(14)
    assert {'return fetch("key", size=value + 1)', 'return fetch("key", )', "return fetch(size=value - 1)"} <= set(
        changes(16)
    )


def test_mutants_of_leave_types_decorators_and_prose_alone() -> None:
    assert [changes(line) for line in (1, 5, 6, 11, 13, 15)] == [[], [], [], [], [], []]
    assert changes(12) == ['def clip(value: "int | None" = 6) -> int:']


def test_files_below_takes_folders_and_files() -> None:
    names = ["src/modelway/a.py", "src/modelway/a/b.py", "src/modelway/ab.py", "src/modelway/a/c.html"]
    assert files_below(["src/modelway/a/"], names) == ["src/modelway/a/b.py"]
    assert files_below(["src/modelway/a.py"], names) == ["src/modelway/a.py"]


def test_changed_lines_are_those_since_the_branch_left(project: Path) -> None:
    sums = project / "src" / "modelway" / "sums.py"
    sums.write_text(sums.read_text(encoding="utf-8").replace("value > LIMIT", "value >= LIMIT"), encoding="utf-8")
    (project / "src" / "modelway" / "new.py").write_text("A = 1\nB = 2\n", encoding="utf-8")
    assert changed_lines(project, "main", "src/modelway/sums.py") == {5}
    assert changed_lines(project, "main", "src/modelway/new.py") == {1, 2}
    assert changed_lines(project, "main", "src/modelway/server.py") == set()
    with pytest.raises(subprocess.CalledProcessError):
        changed_lines(project, "nowhere", "src/modelway/sums.py")
