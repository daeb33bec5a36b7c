"""`modelway audit` as a whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from modelway.artifacts import read_manifest

from .conftest import RISKY, advisory
from .standin import Answers, closed_port

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from .conftest import Audited


def _small_database(project: Audited) -> None:
    project.options["dependencies"] = {"advisories": {"min_count": 1, "max_age": 36500}}


def test_a_project_with_nothing_wrong_passes(project: Audited, pypi: Answers) -> None:
    record = project.audit()
    assert record["exit_code"] == 0, record["by"]
    assert [check["check"] for check in record["checks"]] == [
        "dependencies",
        "code",
        "secrets",
        "models",
        "models.pickles",
        "base-images",
        "interpreter",
        "sbom",
    ]
    assert {check["verdict"] for check in record["checks"]} == {"pass"}


def test_it_leaves_an_artifact_with_its_reports(project: Audited, pypi: Answers) -> None:
    record = project.audit()
    reports = project.root / "reports"
    assert read_manifest(reports, "audit")
    assert json.loads(project.report("checks.json"))["exit_code"] == 0
    assert len(ET.fromstring(project.report("junit.xml")).findall(".//testcase")) == 8
    assert json.loads(project.report("findings.sarif"))["version"] == "2.1.0"
    for name in record["reports"].values():
        assert (reports / name).exists()
    assert [one["name"] for one in json.loads(project.report("dependencies.json"))["packages"]] == ["idna", "colorama"]


def test_every_planted_fault_is_found_and_none_stops_the_others(
    project: Audited, database: Callable[..., Path]
) -> None:
    _small_database(project)
    project.write("run.py", RISKY)
    project.write("login.py", 'password = "Tr0ub4dor-' + 'and-3"\n')
    project.write("model.pkl", b"cposix\nsystem\n(S'true'\ntR.")
    project.options["exceptions"] = [{"id": "X", "reason": "long ago", "expires": "2020-01-01"}]
    record = project.audit("--advisories", str(database(advisory("PYSEC-1"))))
    assert record["exit_code"] == 4
    failed = {check["check"] for check in record["checks"] if check["verdict"] == "fail"}
    assert failed == {"dependencies", "code", "secrets", "models", "models.pickles", "exceptions"}
    assert record["by"]["sbom"]["verdict"] == "pass"
    assert project.report("sbom.cdx.json")
    runs = json.loads(project.report("findings.sarif"))["runs"]
    rules = {result["ruleId"] for run in runs for result in run["results"]}
    assert rules == {"PYSEC-1", "B602", "secret-keyword", "dangerous-model", "pickle"}


def test_advisories_that_can_not_be_had_end_with_6_where_nothing_failed(
    project: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closed_port() as address:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, address)
        record = project.audit()
        assert record["exit_code"] == 6
        assert record["by"]["sbom"]["verdict"] == "pass"
        project.write("run.py", RISKY)
        assert project.audit()["exit_code"] == 4
    assert "pip-audit" in "".join(path.name for path in (project.root / "reports" / "logs").iterdir())


def test_a_tool_that_is_not_installed_passes_nothing(project: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    project.only("code")
    monkeypatch.setattr("modelway.checks.tools.find_tool", lambda name, root: None)
    record = project.audit()
    assert (record["exit_code"], record["by"]["code"]["verdict"]) == (4, "error")
    assert "modelway[audit]" in record["by"]["code"]["reason"]


def test_a_bug_in_one_check_is_told_and_stops_no_other(project: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("hunter2")

    project.only("sbom", "code")
    monkeypatch.setattr("modelway.checks.audit.sbom.write_sbom", broken)
    record = project.audit()
    assert (record["exit_code"], record["by"]["sbom"]["verdict"]) == (4, "error")
    assert "KeyError" in record["by"]["sbom"]["reason"]
    assert record["by"]["code"]["verdict"] == "pass"
    assert "hunter2" not in project.all_reports()


def test_a_part_that_checks_nothing_passes_nothing(project: Audited) -> None:
    project.only()
    assert project.audit()["exit_code"] == 4


def test_it_needs_no_other_section_of_the_settings(project: Audited) -> None:
    # In a container a part of ci gets its own key alone.
    project.only("sbom")
    assert "prepare" not in project.options
    assert project.audit()["exit_code"] == 0


def test_text_for_people(project: Audited, database: Callable[..., Path]) -> None:
    _small_database(project)
    project.save()
    config = ["--config", str(project.root / "modelway.yaml"), "--output", str(project.root / "reports")]
    code = project.runs.run("audit", *config, "--advisories", str(database(advisory("PYSEC-1"))))
    assert code == 4
    assert "audit: fail" in project.runs.out
    assert "requirements.lock:1: PYSEC-1 idna 3.7: bad; fixed in 9" in project.runs.out


def test_an_interrupt_leaves_neither_tools_nor_half_a_report(project: Audited, tmp_path: Path, pypi: Answers) -> None:
    pypi.mode = "hang"
    project.only("dependencies")
    project.save()
    argv = [sys.executable, "-m", "modelway", "audit", "--config", str(project.root / "modelway.yaml")]
    with subprocess.Popen([*argv, "--output", str(tmp_path / "reports")], stderr=subprocess.PIPE) as process:
        while not pypi.asked:
            time.sleep(0.05)
        tool = _children(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert tool
    assert not [pid for pid in tool if Path(f"/proc/{pid}").exists()]
    assert not (tmp_path / "reports").exists()


def _children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]
