"""Known tools: what each says of projects as they are, asked for real and as it was recorded.

The recordings (`outputs/`) are what the tools printed in these same projects; `{root}` stands for their directory.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

RECORDED = Path(__file__).with_name("outputs")

COMMANDS = {
    "black": ("black", "--check", "."),
    "flake8": ("flake8", "."),
    "pylint": ("pylint", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "ruff check": ("ruff", "check", "--select=F", "."),
    "mypy": ("mypy",),
}

_CLEAN = '"""A module."""\n\nX = 1\n'
_FINDINGS = '"""A module."""\n\nimport os\n\nx: int = "a"\nprint( nowhere )\n'

CASES: dict[str, dict[str, str | bytes]] = {
    "clean": {"a.py": _CLEAN},
    "findings": {"a.py": _CLEAN, "part one/b.py": _FINDINGS},
    "syntax error": {"c.py": "def f(:\n"},
    "no code": {"README.md": "# Nothing\n"},
    "wrong settings": {
        "a.py": _CLEAN,
        "ruff.toml": "nonsense = 3\n",
        "mypy.ini": "[mypy]\nstrict = maybe\n",
        "pyproject.toml": '[tool.black]\nline-length = "x"\n',
        ".flake8": "[flake8]\nmax-line-length = abc\n",
        ".pylintrc": "[MAIN]\njobs = many\n",
    },
    "wrong usage": {"a.py": _CLEAN},
    "wrong place": {"a.py": _CLEAN},
    "wrong bytes": {"a.py": _CLEAN, "z.py": b'"""A module."""\n\nX = "\xff"\n'},
}

Place = tuple[str, int | None, int | None, str]
_B, _C, _Z = "part one/b.py", "c.py", "z.py"

EXPECTED: dict[str, dict[str, tuple[str, list[Place]]]] = {
    "black": {
        "findings": ("fail", [(_B, None, None, "unformatted")]),
        "syntax error": ("fail", [(_C, 1, 7, "invalid-syntax")]),
        "wrong bytes": ("fail", [(_Z, None, None, "invalid-syntax")]),
        "wrong place": ("error", []),
    },
    "flake8": {
        "findings": ("fail", [(_B, 3, 1, "F401"), (_B, 6, 7, "E201"), (_B, 6, 8, "F821"), (_B, 6, 15, "E202")]),
        "syntax error": ("fail", [(_C, 1, 8, "E999")]),
        "wrong bytes": ("pass", []),  # it falls back to Latin-1
        "wrong place": ("error", [("nowhere", None, 1, "E902")]),
    },
    "pylint": {
        "findings": ("fail", [(_B, 5, 1, "C0103"), (_B, 6, 8, "E0602"), (_B, 3, 1, "W0611")]),
        "syntax error": ("fail", [(_C, 1, 8, "E0001")]),
        "wrong bytes": ("error", [(_Z, 1, 1, "F0010")]),
        "wrong place": ("error", [("nowhere", 1, 1, "F0001")]),
    },
    "ruff format": {
        "findings": ("fail", [(_B, 6, 7, "unformatted")]),
        "syntax error": ("fail", [(_C, 1, 7, "invalid-syntax")]),
        "wrong bytes": ("error", []),
        "wrong place": ("error", []),
    },
    "ruff check": {
        "findings": ("fail", [(_B, 3, 8, "F401"), (_B, 6, 8, "F821")]),
        "syntax error": ("fail", [(_C, 1, 7, "invalid-syntax"), (_C, 2, 1, "invalid-syntax")]),
        "wrong bytes": ("error", []),
        "wrong place": ("error", []),
    },
    "mypy": {
        "findings": ("fail", [(_B, 5, 10, "assignment"), (_B, 6, 8, "name-defined")]),
        "syntax error": ("fail", [(_C, 1, 8, "syntax"), (_C, 2, 2, "syntax")]),
        "wrong bytes": ("error", [(_Z, None, None, "error")]),
        "wrong place": ("error", [("nowhere", None, None, "error")]),
    },
}
_ALWAYS: dict[str, tuple[str, list[Place]]] = {
    "clean": ("pass", []),
    "no code": ("inconclusive", []),
    "wrong settings": ("error", []),
    "wrong usage": ("error", []),
}
for _of_tool in EXPECTED.values():
    _of_tool.update(_ALWAYS)

every_case = pytest.mark.parametrize(("tool", "case"), [(tool, case) for tool in EXPECTED for case in EXPECTED[tool]])


def command_of(tool: str, case: str) -> list[str]:
    return [*COMMANDS[tool], *{"wrong usage": ["--nonsense"], "wrong place": ["nowhere"]}.get(case, [])]


def run_alone(project: Project, command: list[str]) -> dict[str, Any]:
    """The one check of a project whose only tool is this command."""
    settings = {"format": None, "types": None, "lint": {"command": command}}
    record = project.json("check-code", "--set", f"check_code={json.dumps(settings)}")
    (check,) = record["checks"]
    codes = {"pass": 0, "fail": 4, "error": 4, "inconclusive": 5}
    # A project without code has nothing to check yet, and is not red.
    not_configured = check["reason"].startswith("not configured: ")
    assert record["exit_code"] == (0 if not_configured else codes[check["verdict"]])
    found: dict[str, Any] = check
    return found


def places(check: dict[str, Any]) -> list[Place]:
    return [(found["path"], found["line"], found["column"], found["rule"]) for found in check["findings"]]


@pytest.fixture
def replay(make_project: Callable[..., Project], write_tool: Callable[..., str]) -> Callable[[str, str], Any]:
    """Plays a recording: a tool that says in its project what the real one said."""

    def play(tool: str, case: str) -> dict[str, Any]:
        project = make_project(CASES[case])
        said = json.loads((RECORDED / f"{tool}.json").read_text())["cases"][case]
        folder = project.root.parent
        for stream in ("stdout", "stderr"):
            (folder / stream).write_text(said[stream].replace("{root}", str(project.root)))
        command = command_of(tool, case)
        script = f"cat {folder}/stdout; cat {folder}/stderr >&2; exit {said['exit_code']}"
        return run_alone(project, [write_tool(command[0], script), *command[1:]])

    return play


@every_case
def test_what_was_recorded_is_understood(replay: Callable[[str, str], Any], tool: str, case: str) -> None:
    check = replay(tool, case)
    assert (check["verdict"], places(check)) == EXPECTED[tool][case], check["reason"]


@every_case
def test_the_installed_tool_is_understood(make_project: Callable[..., Project], tool: str, case: str) -> None:
    command = command_of(tool, case)
    if not (shutil.which(command[0]) or shutil.which(command[0], path=str(Path(sys.executable).parent))):
        pytest.skip(f"{command[0]} is not installed")
    check = run_alone(make_project(CASES[case]), command)
    assert (check["verdict"], places(check)) == EXPECTED[tool][case], check["reason"]


@pytest.mark.parametrize("tool", EXPECTED)
def test_a_broken_tool_says_why(replay: Callable[[str, str], Any], tool: str) -> None:
    reason = replay(tool, "wrong settings")["reason"]
    assert any(word in reason for word in ("nonsense", "strict", "line-length", "'abc'", "many")), reason
    assert "nonsense" in replay(tool, "wrong usage")["reason"]
    assert "nowhere" in replay(tool, "wrong place")["reason"]
