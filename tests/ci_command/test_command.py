"""`modelway ci` on a little project of a user's, with its real parts."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from modelway.artifacts import read_manifest
from modelway.data.sample import write_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["audit", "check-code", "check-data", "smoke-train", "test"]
TRAINING = ("name", "prepare", "fit", "evaluate")
"""What the project has in common with this repository's own settings."""
FURTHER = """
check_code: {types: null}
test: {coverage: null}
audit:
  dependencies: {advisories: {path: advisories.jsonl, min_count: 1}}
"""
CODE = '"""Prices."""\n\n\ndef double(price: float) -> float:\n    """Twice as much."""\n    return 2 * price\n'
TEST = "from prices import double\n\n\ndef test_twice_as_much():\n    assert double(2) == 4\n"
ADVISORY = {
    "id": "PYSEC-2020-1",
    "modified": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "affected": [{"package": {"ecosystem": "PyPI", "name": "lonely"}, "versions": ["0.9"]}],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]) -> Project:
    """A project that has nothing against it."""
    whole = yaml.safe_load((ROOT / "modelway.yaml").read_text())
    files = {
        "modelway.yaml": yaml.safe_dump({key: whole[key] for key in TRAINING}) + FURTHER,
        "prices.py": CODE,
        "tests/test_prices.py": TEST,
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n',
        "requirements.lock": "lonely==1.0\n",
        "advisories.jsonl": json.dumps(ADVISORY) + "\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    write_sample(tmp_path / "data", rows=600)
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    return in_project(tmp_path)


def _edit(project: Project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _verdicts(record: dict[str, Any]) -> dict[str, str]:
    return {part: outcome["verdict"] for part, outcome in record["parts"].items()}


def _unused_import(project: Project) -> None:
    _edit(project, "prices.py", "def double", "import os\n\n\ndef double")


def _failing_test(project: Project) -> None:
    _edit(project, "tests/test_prices.py", "== 4", "== 5")


def _bad_data(project: Project) -> None:
    _edit(project, "data/loans.csv", "mortgage", "igloo")


def _expired_exception(project: Project) -> None:
    _edit(project, "advisories.jsonl", '"0.9"', '"1.0"')
    exception = "{id: PYSEC-2020-1, reason: we do not call it, expires: 2020-12-31}"
    _edit(project, "modelway.yaml", "audit:\n", f"audit:\n  exceptions: [{exception}]\n")


def _no_advisories(project: Project) -> None:
    there = "advisories: {path: advisories.jsonl, min_count: 1}"
    _edit(project, "modelway.yaml", there, "service: osv, osv_url: 'http://127.0.0.1:9'")


@pytest.mark.slow
def test_a_healthy_project_passes_and_every_part_leaves_its_report(project: Project) -> None:
    assert project.run("ci") == 0, project.out
    for part in PARTS:
        assert f"reports/{part}" in project.out
        report = json.loads((project.root / "reports" / part / "checks.json").read_text())
        assert (report["part"], report["verdict"]) == (part, "pass")
        read_manifest(project.root / "reports" / part)
        assert (project.root / "reports" / f"{part}.log").is_file()
    summary = json.loads((project.root / "reports" / "summary.json").read_text())
    assert (summary["exit_code"], sorted(summary["parts"])) == (0, PARTS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "code", "red"),
    [
        (_unused_import, 4, {"check-code": "fail"}),
        (_failing_test, 4, {"test": "fail"}),
        (_bad_data, 4, {"check-data": "fail", "smoke-train": "error"}),
        (_expired_exception, 4, {"audit": "fail"}),
        (_no_advisories, 6, {"audit": "error"}),
    ],
)
def test_a_planted_fault_turns_it_red_and_stops_no_other_part(
    project: Project, fault: Callable[[Project], None], code: int, red: dict[str, str]
) -> None:
    fault(project)
    record = project.json("ci")
    assert record["exit_code"] == code, record
    assert _verdicts(record) == dict.fromkeys(PARTS, "pass") | red
    for part in PARTS:
        assert (project.root / "reports" / part / "junit.xml").is_file()


def test_what_failed_and_where_its_report_is_stands_in_one_table(project: Project) -> None:
    _unused_import(project)
    assert project.run("ci", "--only", "check-code", "--output-dir", "out") == 4
    row = next(line for line in project.out.splitlines() if "check-code" in line)
    for words in ("fail", "lint", "out/check-code"):
        assert words in row
    assert next(line for line in project.out.splitlines() if "audit" in line).count("not chosen") == 1
    assert "F401" in (project.root / "out" / "check-code.log").read_text()
    assert "check-code: 1/1 exit code 4" in project.err


@pytest.mark.slow
def test_flags_and_settings_reach_the_parts(project: Project) -> None:
    (project.root / "data").rename(project.root / "elsewhere")
    (project.root / "modelway.yaml").rename(project.root / "other.yaml")
    flags = ("--config", "other.yaml", "--data", "elsewhere/loans.csv", "--set", "smoke_train.epochs=2")
    record = project.json("ci", "--only", "smoke-train", *flags)
    assert record["exit_code"] == 0, record
    assert sorted(record["not_run"]) == [part for part in PARTS if part != "smoke-train"]
    report = json.loads((project.root / "reports" / "smoke-train" / "checks.json").read_text())
    assert "2 epochs" in report["checks"][0]["reason"]


def test_only_what_changed_has_to_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for argv in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *argv], cwd=project.root, check=True)
    (project.root / "README.md").write_text("Prices\n")
    record = project.json("ci", "--base", "HEAD")
    assert (record["exit_code"], record["parts"], sorted(record["not_run"])) == (0, {}, PARTS)
    assert "changed since HEAD" in record["not_run"]["test"]
    _edit(project, "modelway.yaml", "types: null", "types: null, more: {}")
    _edit(project, "modelway.yaml", "check_code: {", "check_code: {format: null, ")
    record = project.json("ci", "--base", "HEAD")
    assert (record["exit_code"], list(record["parts"])) == (0, ["check-code"])
    assert project.run("ci", "--base", "nope") == 2


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--set", "audit.tiemout=1"], ["audit.tiemout", "timeout"]),
        (["--config", "nowhere.yaml"], ["nowhere.yaml"]),
        (["--jobs", "0"], ["--jobs"]),
        (["--output-dir", "data"], ["not a modelway artifact"]),
        (["--skip", *PARTS], ["no part is left"]),
    ],
)
def test_wrong_usage_is_told_once_before_any_part_runs(project: Project, argv: list[str], words: list[str]) -> None:
    assert project.run("ci", *argv) == 2
    for word in words:
        assert word in project.err
    assert project.err.count("modelway: ") == 1
    assert not (project.root / "reports").exists()


def test_an_unknown_part_is_refused_with_those_that_there_are(project: Project) -> None:
    with pytest.raises(SystemExit) as caught:
        project.run("ci", "--only", "deploy")
    assert caught.value.code == 2
