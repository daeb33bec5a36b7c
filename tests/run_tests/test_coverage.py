"""The coverage of a user's tests: what is measured, the floor, and files that others read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from modelway.checks.suites import coverage

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

# Three of the four lines of src/loans.py, one of its two branches.
HALF = "from loans import ratio\n\n\ndef test_half():\n    assert ratio(1, 2) == 0.5\n"
FILES = {"tests/test_a.py": HALF}


def measured(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(check for check in record["checks"] if check["check"] == "coverage")
    return found


def files_of(project: Project) -> set[str]:
    root = ET.parse(project.root / "reports" / "test" / "coverage.xml").getroot()
    assert [source.text for source in root.iter("source")] == ["."]
    return {one.get("filename", "") for one in root.iter("class")}


@pytest.mark.parametrize(
    ("coverage_settings", "verdict", "reason"),
    [
        ("{}", "pass", "75 % of 4 lines; no floor is set"),
        ("{floor: 75}", "pass", "75 % of 4 lines; the floor is 75 %"),
        ("{floor: 75.01}", "fail", "75 % of 4 lines, less than the floor of 75.01 %"),
        ("{floor: 70, branch: true}", "fail", "66.66 % of 6 lines and branches, less than the floor of 70 %"),
        ("{source: [nowhere]}", "error", "coverage xml: No data to report."),
    ],
)
def test_the_floor_decides(
    make_project: Callable[..., Project], coverage_settings: str, verdict: str, reason: str
) -> None:
    record = make_project(FILES, f"test: {{coverage: {coverage_settings}}}\n").json("test")
    assert record["exit_code"] == (0 if verdict == "pass" else 4)
    check = measured(record)
    assert (check["verdict"], check["reason"]) == (verdict, reason)
    if verdict == "fail":
        (finding,) = check["findings"]
        assert (finding["path"], finding["message"]) == ("src/loans.py", "1 of 4 lines were not run")


@pytest.mark.parametrize("source", ["src", "loans", "./src"])
def test_paths_are_relative_to_the_project(make_project: Callable[..., Project], source: str) -> None:
    project = make_project(FILES)
    assert project.run("test", "--set", f"test.coverage.source=[{source}]") == 0
    assert files_of(project) == {"src/loans.py"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, {"src/loans.py", "src/unused.py"}),
        ({".coveragerc": "[run]\nsource = loans\n"}, {"src/loans.py"}),
        ({"pyproject.toml": '[tool.coverage.run]\nsource = ["src"]\nomit = ["src/unused.py"]\n'}, {"src/loans.py"}),
        ({"setup.cfg": "[coverage:run]\nsource = tests\n"}, {"tests/test_a.py"}),
        (
            {"pytest.ini": "[pytest]\npythonpath = src\naddopts = --cov=loans --cov-report=xml:own.xml\n"},
            {"src/loans.py"},
        ),
    ],
)
def test_the_projects_own_configuration_says_what_is_measured(
    make_project: Callable[..., Project], files: dict[str, str], expected: set[str]
) -> None:
    project = make_project({**FILES, "src/unused.py": "X = 1\n", **files})
    assert project.run("test") == 0, project.out
    assert files_of(project) == expected


@pytest.mark.parametrize("place", ["coveragerc", "addopts"])
@pytest.mark.parametrize(
    "suites", ["{tests: {}}", pytest.param("{a: {}, b: {paths: [tests]}}", marks=pytest.mark.slow, id="two")]
)
def test_a_floor_of_the_projects_own_holds(make_project: Callable[..., Project], place: str, suites: str) -> None:
    own = {
        "coveragerc": {".coveragerc": "[run]\nsource = src\n[report]\nfail_under = 80\n"},
        "addopts": {"pytest.ini": "[pytest]\npythonpath = src\naddopts = --cov=src --cov-fail-under=80\n"},
    }
    project = make_project({**FILES, **own[place]}, f"test: {{suites: {suites}}}\n")
    record = project.json("test")
    assert record["exit_code"] == 4
    assert measured(record)["reason"] == "75 % of 4 lines, less than the floor of 80 %"
    assert {check["verdict"] for check in record["checks"][:-1]} == {"pass"}
    assert project.json("test", "--set", "test.coverage.floor=60")["exit_code"] == 4


def test_suites_that_miss_a_floor_alone_may_reach_it_together(make_project: Callable[..., Project]) -> None:
    zero = "from loans import ratio\n\n\ndef test_zero():\n    assert ratio(1, 0) == 0\n"
    files = {
        "a/test_a.py": HALF,
        "b/test_b.py": zero,
        ".coveragerc": "[run]\nsource = src\n[report]\nfail_under = 99\n",
    }
    record = make_project(files, "test: {suites: {a: {paths: [a]}, b: {paths: [b]}}}\n").json("test")
    assert record["exit_code"] == 0, record
    assert measured(record)["reason"] == "100 % of 4 lines; the floor is 99 %"


def test_a_floor_that_is_missed_without_a_suite_is_not_known_to_be_missed(make_project: Callable[..., Project]) -> None:
    files = {"a/test_a.py": HALF, "b/test_b.py": "import os\n\n\ndef test_b():\n    os._exit(0)\n"}
    record = make_project(files, "test: {suites: {a: {paths: [a]}, b: {paths: [b]}}, coverage: {floor: 80}}\n").json(
        "test"
    )
    assert measured(record)["verdict"] == "error"
    assert "without b" in measured(record)["reason"]


def test_tests_in_parallel_are_measured(make_project: Callable[..., Project]) -> None:
    record = make_project(FILES).json("test", "--set", "test.args=[-n, '2']")
    assert measured(record)["reason"] == "75 % of 4 lines; no floor is set"


def test_without_pytest_cov_the_tests_run_and_the_coverage_is_an_error(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "is_installed", lambda: False)
    record = make_project(FILES).json("test")
    assert record["exit_code"] == 4
    assert record["checks"][0]["verdict"] == "pass"
    assert "pip install 'modelway[test]'" in measured(record)["reason"]
    assert make_project(FILES).json("test", "--set", "test.coverage=null")["exit_code"] == 0
