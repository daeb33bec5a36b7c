"""check-code: what a user's project gets, from the settings to the reports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

CLEAN = '"""A module."""\n\nX = 1\n'
UNUSED = "import os\n"


def check_of(record: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(check for check in record["checks"] if check["check"] == name)
    return found


def verdicts(record: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["verdict"] for check in record["checks"]}


def test_a_project_without_any_configuration_is_checked(make_project: Callable[..., Project]) -> None:
    project = make_project(
        {
            "src/loans/__init__.py": "",
            "src/loans/clean.py": 'def double(x: int) -> int:\n    """Twice."""\n    return x * 2\n',
            # Two files of one name, as test folders have them, and a library without types.
            "tests/unit/conftest.py": "import sklearn\n\nfrom loans.clean import double\n\nX: int = double(2)\n",
            "tests/integration/conftest.py": "X = 1\n",
            ".venv/lib/python3.11/site-packages/x/bad.py": "import os\ndef f(:",
            "venv/lib/python3.11/site-packages/x/bad.py": "import os\ndef f(:",
            "venv/pyvenv.cfg": "",
            "data/loans.csv": "a,b\n",
        }
    )
    record = project.json("check-code", "--set", "check_code.lint.command=[ruff, check, --select=F821, .]")
    assert record["exit_code"] == 0, record
    assert verdicts(record) == {"format": "pass", "lint": "pass", "types": "pass"}
    log = (project.root / "reports" / "check-code" / "types.txt").read_text()
    assert "no issues found in 4 source files" in log


def test_types_reach_into_the_layout(make_project: Callable[..., Project]) -> None:
    files = {"src/loans/__init__.py": "X: int = 1\n", "tests/a.py": "from loans import X\n\nY: str = X\n"}
    record = make_project(files).json("check-code")
    assert [found["path"] for found in check_of(record, "types")["findings"]] == ["tests/a.py"]


@pytest.mark.parametrize("name", ["mypy.ini", "setup.cfg", "pyproject.toml"])
def test_the_projects_own_choice_of_files_holds(make_project: Callable[..., Project], name: str) -> None:
    files = 'files = ["good.py"]' if name.endswith("toml") else "files = good.py"
    section = "tool.mypy" if name.endswith("toml") else "mypy"
    project = make_project({"good.py": CLEAN, "bad.py": 'x: int = "a"\n', name: f"[{section}]\n{files}\n"})
    assert verdicts(project.json("check-code"))["types"] == "pass"
    record = project.json("check-code", "--set", "check_code.types.command=[mypy, bad.py]")
    assert verdicts(record)["types"] == "fail"


def test_one_that_fails_stops_no_other(make_project: Callable[..., Project]) -> None:
    project = make_project(
        {"a.py": UNUSED},
        "check_code:\n"
        "  format: {command: [no-such-tool, .]}\n"
        "  more: {third: {command: [python, -m, no_such_module]}}\n",
    )
    record = project.json("check-code")
    assert record["exit_code"] == 4
    assert verdicts(record) == {"format": "error", "lint": "fail", "types": "pass", "third": "error"}
    assert "no-such-tool is not installed" in check_of(record, "format")["reason"]
    assert "no_such_module" in check_of(record, "third")["reason"]
    assert check_of(record, "lint")["findings"] == [
        {"rule": "F401", "message": "`os` imported but unused", "path": "a.py", "line": 1, "column": 8}
    ]


def test_a_missing_tool_of_ours_names_the_remedy(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    record = make_project({"a.py": CLEAN}).json("check-code")
    assert set(verdicts(record).values()) == {"error"}
    for check in record["checks"]:
        assert "pip install 'modelway[check-code]'" in check["reason"]


def test_the_tool_beside_our_python_comes_first(
    make_project: Callable[..., Project], write_tool: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor = Path(write_tool("ruff", "exit 1"))
    monkeypatch.setenv("PATH", f"{impostor.parent}{os.pathsep}{os.environ['PATH']}")
    assert verdicts(make_project({"a.py": CLEAN}).json("check-code"))["lint"] == "pass"


def test_everything_is_left_although_it_failed(make_project: Callable[..., Project]) -> None:
    project = make_project({"sp ace/ü.py": UNUSED})
    assert project.run("check-code", "--output", "out") == 4
    assert "sp ace/ü.py:1:8: F401" in project.out
    out = project.root / "out"
    names = {"format.txt", "lint.txt", "types.txt", "findings.sarif", "junit.xml", "checks.json", "manifest.json"}
    assert {path.name for path in out.iterdir()} == names
    assert "`os` imported but unused" in (out / "lint.txt").read_text()
    suite = ET.parse(out / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    report = json.loads((out / "checks.json").read_text())
    assert {report["reports"][name] for name in ("sarif", "lint")} == {"findings.sarif", "lint.txt"}


def test_the_sarif_is_as_the_standard_wants_it(make_project: Callable[..., Project]) -> None:
    project = make_project({"sp ace/ü.py": UNUSED}, "check_code: {lint: {severity: warn}, types: {command: [nope]}}\n")
    project.run("check-code", "--output", "out")
    log = json.loads((project.root / "out" / "findings.sarif").read_text())
    assert log["version"] == "2.1.0"
    runs = {run["automationDetails"]["id"]: run for run in log["runs"]}
    assert set(runs) == {"modelway/check-code/format/", "modelway/check-code/lint/", "modelway/check-code/types/"}
    lint = runs["modelway/check-code/lint/"]
    assert lint["tool"]["driver"] == {"name": "ruff", "rules": [{"id": "F401"}]}
    assert lint["invocations"] == [{"executionSuccessful": True}]
    (result,) = lint["results"]
    location = {"artifactLocation": {"uri": "sp%20ace/%C3%BC.py", "uriBaseId": "PROJECTROOT"}}
    assert set(lint["originalUriBaseIds"]) == {"PROJECTROOT"}
    assert result == {
        "ruleId": "F401",
        "ruleIndex": 0,
        "level": "warning",
        "message": {"text": "`os` imported but unused"},
        "locations": [{"physicalLocation": {**location, "region": {"startLine": 1, "startColumn": 8}}}],
    }
    (broken,) = runs["modelway/check-code/types/"]["invocations"]
    assert broken["executionSuccessful"] is False
    assert "nope" in broken["toolExecutionNotifications"][0]["message"]["text"]


def test_a_warning_is_shown_and_fails_nothing(make_project: Callable[..., Project]) -> None:
    project = make_project({"a.py": UNUSED}, "check_code: {lint: {severity: warn}}\n")
    assert project.run("check-code") == 0
    assert "F401" in project.out


def test_checks_can_be_switched_off_but_not_all(make_project: Callable[..., Project]) -> None:
    project = make_project({"a.py": UNUSED})
    assert verdicts(project.json("check-code", "--set", "check_code.lint=null")) == {"format": "pass", "types": "pass"}
    record = project.json("check-code", "--set", "check_code={format: null, lint: null, types: null}")
    assert record["exit_code"] == 4
    assert "nothing was checked" in record["checks"][0]["reason"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("check_code: {lint: {command: []}}", "check_code.lint.command"),
        ("check_code: {lint: {command: ruff check}}", "check_code.lint.command"),
        ("check_code: {lint: {timeout: 0}}", "check_code.lint.timeout"),
        ("check_code: {more: {lint: {command: [x]}}}", "'lint'"),
        ("check_code: {more: {../x: {command: [x]}}}", "check_code.more"),
        ("check_code: {more: {x: {}}}", "command"),
    ],
)
def test_wrong_settings_are_refused(make_project: Callable[..., Project], settings: str, words: str) -> None:
    project = make_project({"a.py": CLEAN}, settings)
    assert project.run("check-code") == 2
    assert words in project.err
    assert not (project.root / "reports").exists()


def test_a_check_changes_no_file(make_project: Callable[..., Project]) -> None:
    files = {"a.py": "import os\nx = {  }\n", "ruff.toml": "fix = true\nunsafe-fixes = true\n"}
    project = make_project(files)
    record = project.json("check-code", "--set", "check_code.format.command=[ruff, format, .]")
    assert (verdicts(record)["format"], verdicts(record)["lint"]) == ("fail", "fail")
    assert (project.root / "a.py").read_text() == files["a.py"]


@pytest.mark.parametrize(
    ("script", "verdict", "words"),
    [
        ("exit 0", "pass", "no findings"),
        ("echo 'a.py:1: oddly: put'; exit 0", "pass", "let pass"),
        ("echo 'a.py:1: oddly: put'; exit 3", "fail", "1 finding"),
        ("echo 'at 12:30:05 1 contract broken'; exit 1", "fail", "1 contract broken"),
        ("printf '\\033[1ma.py\\033[0m:1: odd\\n'; exit 1", "fail", "1 finding"),
        ("kill -9 $$", "error", "SIGKILL"),
        ("echo 'no such tool' >&2; exit 127", "error", "no such tool"),
        ("echo 'Traceback (most recent call last)\nBoom: it broke' >&2; exit 1", "error", "Boom: it broke"),
    ],
)
def test_any_tool_will_do(
    make_project: Callable[..., Project], write_tool: Callable[..., str], script: str, verdict: str, words: str
) -> None:
    tool = json.dumps({"odd": {"command": [write_tool("odd", script)]}})
    record = make_project({"a.py": CLEAN}).json("check-code", "--set", f"check_code.more={tool}")
    assert check_of(record, "odd")["verdict"] == verdict
    assert words in check_of(record, "odd")["reason"]


def test_the_forms_of_other_ruffs_are_read(
    make_project: Callable[..., Project], write_tool: Callable[..., str]
) -> None:
    # Until 0.14 the formatter knew one form alone; the linter's long form is what `--output-format=full` asks for.
    script = "echo 'Would reformat: a.py'; echo 'error: Failed to parse c.py:1:7: Expected a parameter' >&2; exit 2"
    lint = "printf 'F401 [*] `os` imported but unused\n --> b.py:1:8\n  |\n1 | import os\n'; exit 1"
    project = make_project({"a.py": CLEAN, "b.py": UNUSED})
    for body, found in ((script, [("a.py", None), ("c.py", 1)]), (lint, [("b.py", 1)])):
        tool = json.dumps({"format": None, "types": None, "lint": {"command": [write_tool("ruff", body), "x"]}})
        record = project.json("check-code", "--set", f"check_code={tool}")
        assert [(one["path"], one["line"]) for one in check_of(record, "lint")["findings"]] == found
        assert verdicts(record) == {"lint": "fail"}


def test_a_tool_that_was_asked_for_colours_is_read(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "MYPY_FORCE_COLOR"):
        monkeypatch.setenv(name, "1")
    record = make_project({"a.py": 'import os\nx: int = "a"\n'}).json("check-code")
    assert len(check_of(record, "lint")["findings"]) >= 1
    assert len(check_of(record, "types")["findings"]) == 1


def test_a_tool_in_a_runner_is_known(make_project: Callable[..., Project]) -> None:
    project = make_project({"a.py": UNUSED})
    record = project.json("check-code", "--set", "check_code.lint.command=[python, -m, ruff, check, .]")
    assert check_of(record, "lint")["findings"][0]["rule"] == "F401"


@pytest.mark.parametrize("arguments", [["--", "a.py"], ["--cache-dir", "cache"], ["."], []])
def test_a_command_may_name_its_files_or_none(make_project: Callable[..., Project], arguments: list[str]) -> None:
    project = make_project({"a.py": UNUSED, "cache/README.md": ""})
    command = json.dumps(["ruff", "check", "--select=F", *arguments])
    record = project.json("check-code", "--set", f"check_code.lint.command={command}")
    assert len(check_of(record, "lint")["findings"]) == 1
    (project.root / "a.py").write_text(CLEAN)
    assert verdicts(project.json("check-code", "--set", f"check_code.lint.command={command}"))["lint"] == "pass"


@pytest.mark.parametrize("place", ["empty", "cache"])
def test_a_place_without_code_passes_nothing(make_project: Callable[..., Project], place: str) -> None:
    project = make_project({"a.py": CLEAN, "cache/README.md": ""})
    (project.root / "empty").mkdir()
    record = project.json("check-code", "--set", f"check_code.lint.command=[ruff, check, --quiet, ., {place}]")
    assert verdicts(record)["lint"] == "pass"
    record = project.json("check-code", "--set", f"check_code.lint.command=[ruff, check, {place}]")
    assert verdicts(record)["lint"] == "inconclusive"
    record = project.json("check-code", "--set", "check_code.lint.command=[ruff, check, ., nowhere]")
    assert verdicts(record)["lint"] == "error"


def test_an_interrupt_leaves_neither_tool_nor_report(
    make_project: Callable[..., Project], write_tool: Callable[..., str], ends: Callable[[int], bool]
) -> None:
    project = make_project({"a.py": CLEAN})
    tool = write_tool("slow", f"sleep 600 & echo $! > {project.root}/child; wait")
    settings = json.dumps({"slow": {"command": [tool]}})
    argv = [sys.executable, "-m", "modelway", "check-code", "--set", f"check_code.more={settings}"]
    with subprocess.Popen(argv, cwd=project.root, start_new_session=True) as process:
        child = project.root / "child"
        for _ in range(3000):
            if child.is_file() and child.read_text():
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert ends(int(child.read_text()))
    assert not (project.root / "reports" / "check-code").exists()
    assert not list((project.root / "reports").iterdir())
