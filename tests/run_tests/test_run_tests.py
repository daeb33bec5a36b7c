"""test: a user's suites run by their own pytest, from the settings to the reports."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Project

GOOD = "from loans import ratio\n\n\ndef test_half():\n    assert ratio(1, 2) == 0.5\n"
FAILING = """\
import pytest
from loans import ratio


class TestRatio:
    @pytest.mark.parametrize("b", [1, 2])
    def test_one(self, b):
        assert ratio(1, b) == 1, "two\\nlines"


@pytest.fixture
def broken():
    raise OSError("no database")


def test_database(broken):
    pass


@pytest.mark.xfail(strict=True)
def test_known():
    pass
"""
EXIT = "def test_z():\n    import pytest\n    pytest.exit('enough', returncode=0)\n"
SUITES = "test: {suites: {unit: {paths: [tests/unit]}, integration: {paths: [tests/integration]}}}\n"


def check_of(record: dict[str, Any], name: str = "tests") -> dict[str, Any]:
    found: dict[str, Any] = next(check for check in record["checks"] if check["check"] == name)
    return found


def tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_what_passes_leaves_its_reports_and_nothing_else(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    project = make_project({"tests/test_a.py": GOOD})
    before = tree(project.root)
    assert project.run("test") == 0
    assert "1 passed" in project.out
    out = project.root / "reports" / "test"
    names = {"pytest.xml", "log.txt", "coverage.xml", "htmlcov", "junit.xml", "checks.json", "manifest.json"}
    assert {path.name for path in out.iterdir()} == names
    assert (out / "htmlcov" / "index.html").is_file()
    assert not list(out.rglob(".*"))
    assert {path for path in tree(project.root) - before if not path.startswith("reports")} == set()
    assert "1 passed in" in (out / "log.txt").read_text()


def test_each_failed_test_is_a_finding(make_project: Callable[..., Project]) -> None:
    project = make_project({"tests/test_a.py": GOOD, "tests/test_b.py": FAILING})
    record = project.json("test")
    assert record["exit_code"] == 4
    check = check_of(record)
    assert check["verdict"] == "fail"
    assert check["reason"] == "2 passed, 3 failed"
    found = {(one["path"], one["line"], one["rule"], one["message"]) for one in check["findings"]}
    assert found == {
        ("tests/test_b.py", 8, "TestRatio::test_one[2]", "AssertionError: two"),
        ("tests/test_b.py", 13, "test_database", 'failed on setup with "OSError: no database"'),
        ("tests/test_b.py", 20, "test_known", "[XPASS(strict)]"),
    }
    out = project.root / "reports" / "test"
    assert ET.parse(out / "junit.xml").getroot()[0].get("failures") == "1"
    assert (out / "coverage.xml").is_file()


@pytest.mark.parametrize(
    ("files", "args", "verdict", "words"),
    [
        ({}, [], "fail", "no test was collected"),
        ({"tests/test_a.py": GOOD}, ["-k", "nothing"], "fail", "no test was collected"),
        ({"tests/test_a.py": GOOD}, ["--collect-only"], "fail", "no test was collected"),
        ({"tests/test_a.py": GOOD, "tests/test_b.py": "import nowhere\n"}, [], "fail", "1 failed"),
        ({"tests/test_a.py": GOOD, "tests/conftest.py": "import nowhere\n"}, [], "error", "No module named 'nowhere'"),
        ({"tests/test_a.py": GOOD}, ["tests/none"], "error", "file or directory not found: tests/none"),
        ({"tests/test_a.py": GOOD}, ["--nonsense"], "error", "unrecognized arguments: --nonsense"),
        (
            {"tests/test_a.py": "import pytest\n\n\n@pytest.mark.skip\ndef test_a():\n    pass\n"},
            [],
            "inconclusive",
            "nothing was tested: 1 skipped",
        ),
        (
            {"tests/test_a.py": "import pytest\n\n\n@pytest.mark.xfail\ndef test_a():\n    assert 0\n"},
            [],
            "pass",
            "1 failed as expected",
        ),
        (
            {"tests/test_a.py": "import os\n\n\ndef test_a():\n    os._exit(0)\n"},
            ["-p", "no:faulthandler"],
            "error",
            "left no results",
        ),
        (
            {"tests/test_a.py": "import os\n\n\ndef test_a():\n    os.kill(os.getpid(), 9)\n"},
            [],
            "error",
            "ended by SIGKILL",
        ),
        (
            {"tests/test_a.py": f"{GOOD}\n\n{EXIT}"},
            [],
            "error",
            "cut short",
        ),
        (
            {
                "tests/test_a.py": GOOD,
                "tests/conftest.py": "def pytest_itemcollected():\n    raise OSError('inside')\n",
            },
            [],
            "error",
            "inside",
        ),
        (
            {
                "tests/test_a.py": "def test_a():\n    assert 0\n",
                "tests/conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
            },
            [],
            "fail",
            "1 failed",
        ),
    ],
)
def test_nothing_passes_by_accident(
    make_project: Callable[..., Project], files: dict[str, str], args: list[str], verdict: str, words: str
) -> None:
    project = make_project(files)
    record = project.json("test", "--set", f"test.args={json.dumps(args)}", "--set", "test.coverage=null")
    check = check_of(record)
    assert (check["verdict"], words in check["reason"]) == (verdict, True), check["reason"]
    assert record["exit_code"] == {"pass": 0, "fail": 4, "error": 4, "inconclusive": 5}[verdict]
    assert (project.root / "reports" / "test" / "log.txt").read_text()


@pytest.mark.parametrize(
    ("files", "settings", "exit_code"),
    [
        ({}, "", 0),
        ({"notes.md": "", "pyproject.toml": "[project]\nname = 'a'\n"}, "", 0),
        ({".venv/test_a.py": GOOD, ".venv/pyvenv.cfg": ""}, "", 0),
        ({"check/test_a.py": "X = 1\n"}, "", 4),
        ({"pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['check']\n"}, "", 4),
        ({}, "test: {suites: {unit: {}}}\n", 4),
        ({}, "test: {args: [-q]}\n", 4),
    ],
    ids=["nothing", "no section", "in an environment", "a file", "configured", "a suite", "arguments"],
)
def test_a_project_without_tests_is_not_configured_unless_it_says_where_they_are(
    make_project: Callable[..., Project], files: dict[str, str], settings: str, exit_code: int
) -> None:
    project = make_project(files, settings)
    (project.root / "pytest.ini").unlink()
    record = project.json("test")
    assert record["exit_code"] == exit_code
    if exit_code == 0:
        (check,) = record["checks"]
        assert (check["verdict"], check["severity"]) == ("inconclusive", "warn")
        assert check["reason"].startswith("not configured: the project has no test yet")


def test_a_module_that_cannot_be_imported_is_a_finding(make_project: Callable[..., Project]) -> None:
    record = make_project({"tests/test_b.py": "import nowhere\n"}).json("test")
    (finding,) = check_of(record)["findings"]
    assert (finding["path"], finding["line"], finding["rule"]) == ("tests/test_b.py", 1, "collection")
    assert finding["message"] == "ModuleNotFoundError: No module named 'nowhere'"


def test_a_worker_that_dies_is_a_finding_with_its_file(make_project: Callable[..., Project]) -> None:
    files = {"tests/test_b.py": "import os\n\n\nclass TestIt:\n    def test_a(self):\n        os._exit(1)\n"}
    record = make_project(files).json("test", "--set", "test.args=[-n, '1']", "--set", "test.coverage=null")
    found = check_of(record)["findings"][0]
    assert (found["path"], found["rule"]) == ("tests/test_b.py", "TestIt::test_a")
    assert "crashed" in found["message"]


def test_suites_are_checks_of_their_own_and_their_coverage_is_one(make_project: Callable[..., Project]) -> None:
    zero = "from loans import ratio\n\n\ndef test_zero():\n    assert ratio(1, 0) == 0\n"
    project = make_project({"tests/unit/test_a.py": GOOD, "tests/integration/test_z.py": zero}, SUITES)
    record = project.json("test", "--set", "test.coverage.floor=100")
    assert record["exit_code"] == 0, record
    assert [check["check"] for check in record["checks"]] == ["unit", "integration", "coverage"]
    out = project.root / "reports" / "test"
    assert [suite.get("name") for suite in ET.parse(out / "pytest.xml").getroot()] == ["unit", "integration"]
    nothing = "test.suites.integration.args=[-k, nothing]"
    record = project.json("test", "--set", "test.coverage.floor=100", "--set", nothing)
    assert record["exit_code"] == 4
    assert check_of(record, "integration")["reason"] == "no test was collected"
    assert check_of(record, "unit")["verdict"] == "pass"


def test_a_suite_is_chosen_by_markers(make_project: Callable[..., Project]) -> None:
    marked = f"import pytest\n{GOOD}\n\n@pytest.mark.slow\ndef test_slow():\n    assert 0\n"
    ini = "[pytest]\npythonpath = src\nmarkers = slow: slow\naddopts = -m 'not slow'\n"
    project = make_project({"tests/test_a.py": marked, "pytest.ini": ini})
    assert project.json("test")["exit_code"] == 0
    record = project.json("test", "--set", "test.suites={slow: {markers: slow}}")
    assert check_of(record, "slow")["reason"] == "1 failed"


def test_the_outer_run_does_not_reach_the_inner_one(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outer = {
        "PYTEST_ADDOPTS": "--nonsense",
        "PYTEST_PLUGINS": "no_such_plugin",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "COV_CORE_SOURCE": "elsewhere",
        "COV_CORE_DATAFILE": str(tmp_path / "outer"),
        "COVERAGE_PROCESS_START": str(tmp_path / "none"),
        "COVERAGE_FILE": str(tmp_path / "outer"),
        "FORCE_COLOR": "1",
        "PY_COLORS": "1",
    }
    for name, value in outer.items():
        monkeypatch.setenv(name, value)
    project = make_project({"tests/test_a.py": GOOD})
    assert project.run("test") == 0, project.out
    assert "\x1b" not in (project.root / "reports" / "test" / "log.txt").read_text()
    assert not (tmp_path / "outer").exists()


@pytest.mark.slow
def test_the_time_is_bounded_and_what_is_known_is_told(make_project: Callable[..., Project]) -> None:
    slow = "import time\n\n\ndef test_a():\n    assert 0\n\n\ndef test_b():\n    time.sleep(600)\n"
    project = make_project({"tests/test_a.py": slow})
    record = project.json("test", "--set", "test.suites={tests: {timeout: 20}}", "--set", "test.coverage=null")
    check = check_of(record)
    assert check["verdict"] == "error"
    assert "did not end within 20 s" in check["reason"]
    assert "1 failed" in check["reason"]
    assert check["findings"][0]["rule"] == "test_a"


def test_an_interrupt_leaves_what_there_is(make_project: Callable[..., Project]) -> None:
    slow = (
        "import pathlib\nimport time\n\n\ndef test_a():\n    assert 0\n\n\n"
        "def test_b():\n    pathlib.Path('up').touch()\n    time.sleep(600)\n"
    )
    project = make_project({"tests/unit/test_a.py": slow, "tests/integration/test_b.py": GOOD}, SUITES)
    with subprocess.Popen([sys.executable, "-m", "modelway", "test"], cwd=project.root) as process:
        for _ in range(6000):
            if (project.root / "up").exists():
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    report = json.loads((project.root / "reports" / "test" / "checks.json").read_text())
    (check,) = report["checks"]
    assert check["check"] == "unit"
    assert check["verdict"] == "error"
    assert "interrupted; until then 1 failed" in check["reason"]
    assert not list((project.root / "reports").glob(".*"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("test: {suites: {}}", "test.suites"),
        ("test: {suites: {coverage: {}}}", "'coverage'"),
        ("test: {suites: {a/b: {}}}", "test.suites"),
        ("test: {coverage: {floor: 101}}", "test.coverage.floor"),
        ("test: {coverage: {source: src}}", "test.coverage.source"),
        ("test: {suites: {unit: {path: [x]}}}", "'paths'"),
        ("test: {suites: {unit: {timeout: -1}}}", "timeout"),
    ],
)
def test_wrong_settings_are_refused(make_project: Callable[..., Project], settings: str, words: str) -> None:
    project = make_project({"tests/test_a.py": GOOD}, settings)
    assert project.run("test") == 2
    assert words in project.err
    assert not (project.root / "reports").exists()


def test_a_pytest_that_is_missing_is_an_error(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = tmp_path / "bare" / "python"
    bare.parent.mkdir()
    bare.write_text('#!/bin/sh\necho "$0: No module named pytest" >&2; exit 1\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    record = make_project({"tests/test_a.py": GOOD}).json("test")
    assert record["exit_code"] == 4
    assert "pip install 'modelway[test]'" in check_of(record)["reason"]
