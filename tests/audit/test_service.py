"""The advisory service, asked over HTTP by pip-audit itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from modelway.checks.audit.service import CANARY

from .standin import Answers, closed_port, serve_http

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Audited

BAD = {
    "id": "PYSEC-2024-60",
    "aliases": ["CVE-2024-3651"],
    "details": "quadratic\ntime",
    "fixed_in": ["3.8"],
    "withdrawn": None,
}

STUB = """
import json, pathlib, sys
known = [{"name": "jinja2", "version": "2.10", "vulns": [
    {"id": "PYSEC-2019-217", "fix_versions": [], "aliases": [], "description": ""}]}]
pathlib.Path(sys.argv[sys.argv.index("--output") + 1]).write_text(json.dumps({"dependencies": known}))
"""


@pytest.fixture(autouse=True)
def _only_dependencies(project: Audited) -> None:
    project.only("dependencies")


def test_a_lock_without_known_vulnerabilities_passes(project: Audited, pypi: Answers) -> None:
    record = project.audit()
    assert record["exit_code"] == 0, record
    assert record["by"]["dependencies"]["verdict"] == "pass"
    assert "2 locked packages" in record["by"]["dependencies"]["reason"]


def test_a_known_vulnerability_fails(project: Audited, pypi: Answers) -> None:
    pypi.known["idna", "3.7"] = [BAD]
    record = project.audit()
    assert record["exit_code"] == 4
    [finding] = record["by"]["dependencies"]["findings"]
    assert (finding["rule"], finding["path"], finding["line"]) == ("PYSEC-2024-60", "requirements.lock", 1)
    for word in ("idna 3.7", "quadratic time", "CVE-2024-3651", "fixed in 3.8"):
        assert word in finding["message"]
    assert "PYSEC-2024-60" in project.report("dependencies.json")


def test_what_is_locked_for_another_platform_is_audited(project: Audited, pypi: Answers) -> None:
    pypi.known["colorama", "0.4.6"] = [BAD]
    record = project.audit()
    assert record["exit_code"] == 4
    assert record["by"]["dependencies"]["findings"][0]["line"] == 4


def test_two_versions_of_one_package_are_both_audited(project: Audited, pypi: Answers) -> None:
    project.write("requirements.lock", "idna==3.7 ; python_version < '3.12'\nidna==3.9 ; python_version >= '3.12'\n")
    pypi.known |= {("idna", "3.7"): [BAD], ("idna", "3.9"): [BAD]}
    record = project.audit()
    assert [one["message"][:8] for one in record["by"]["dependencies"]["findings"]] == ["idna 3.7", "idna 3.9"]


def test_a_build_of_ones_own_has_the_vulnerabilities_of_the_release(project: Audited, pypi: Answers) -> None:
    project.write("requirements.lock", "idna==3.7+cpu\n")
    pypi.known["idna", "3.7"] = [BAD]
    [finding] = project.audit()["by"]["dependencies"]["findings"]
    assert finding["rule"] == "PYSEC-2024-60"


def test_a_withdrawn_advisory_is_none(project: Audited, pypi: Answers) -> None:
    pypi.known["idna", "3.7"] = [{**BAD, "withdrawn": "2025-01-01T00:00:00Z"}]
    assert project.audit()["exit_code"] == 0


@pytest.mark.parametrize("mode", ["404", "500", "garbage", "mirror"])
def test_a_service_that_can_not_be_had_passes_nothing(project: Audited, pypi: Answers, mode: str) -> None:
    pypi.mode = mode
    record = project.audit()
    check = record["by"]["dependencies"]
    assert (record["exit_code"], check["verdict"], check["outside"]) == (6, "error", True)
    assert "--advisories" in check["reason"]


@pytest.mark.parametrize("mode", ["500", "garbage"])
def test_a_service_that_goes_in_the_middle_passes_nothing(project: Audited, pypi: Answers, mode: str) -> None:
    pypi.mode, pypi.spared = mode, 2
    assert project.audit()["exit_code"] == 6


def test_a_service_that_hangs_is_given_up(project: Audited, pypi: Answers) -> None:
    pypi.mode = "hang"
    project.options["dependencies"]["timeout"] = 2
    record = project.audit()
    assert record["exit_code"] == 6
    assert "did not end within 2 s" in record["by"]["dependencies"]["reason"]
    assert set(pypi.asked) <= {CANARY}  # on a busy machine, pip-audit has not even come to ask


def test_a_port_that_nobody_listens_at(project: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as address:
        monkeypatch.setenv("HTTPS_PROXY", address)
        monkeypatch.setenv("https_proxy", address)
        record = project.audit()
    assert record["exit_code"] == 6


def test_a_package_that_the_service_does_not_know_is_an_error_of_the_lock(project: Audited, pypi: Answers) -> None:
    del pypi.known["idna", "3.7"]
    record = project.audit()
    check = record["by"]["dependencies"]
    assert (record["exit_code"], check["verdict"], check["outside"]) == (4, "error", False)
    [finding] = check["findings"]
    assert (finding["rule"], finding["line"]) == ("not-audited", 1)


def test_what_is_not_pinned_passes_nothing(project: Audited, pypi: Answers) -> None:
    project.write("requirements.lock", "idna==3.7\nsix>=1\n")
    record = project.audit()
    check = record["by"]["dependencies"]
    assert (record["exit_code"], check["verdict"], check["outside"]) == (4, "error", False)
    assert [(one["rule"], one["line"]) for one in check["findings"]] == [("unpinned", 2)]


def test_the_environment_does_not_turn_pip_audit_around(
    project: Audited, pypi: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    pypi.known["idna", "3.7"] = [BAD]
    monkeypatch.setenv("PIP_AUDIT_OUTPUT", str(project.root / "elsewhere.json"))
    monkeypatch.setenv("PIP_AUDIT_FORMAT", "columns")
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "esms")
    assert project.audit()["exit_code"] == 4
    assert not (project.root / "elsewhere.json").exists()


def test_every_run_asks_anew(project: Audited, pypi: Answers) -> None:
    assert project.audit()["exit_code"] == 0
    pypi.known["idna", "3.7"] = [BAD]
    assert project.audit()["exit_code"] == 4


def test_osv(project: Audited) -> None:
    answers = Answers({("idna", "3.7"): [BAD]})
    with serve_http(answers) as address:
        project.options["dependencies"] |= {"service": "osv", "osv_url": f"{address}/v1/query"}
        assert project.audit()["exit_code"] == 4
        answers.known["idna", "3.7"] = []
        assert project.audit()["exit_code"] == 0
        answers.mode = "mirror"
        assert project.audit()["exit_code"] == 6


def test_credentials_in_an_address_are_refused(project: Audited) -> None:
    project.options["dependencies"]["osv_url"] = "https://me:hunter2@osv.example.com"
    project.save()
    assert project.runs.run("audit", "--config", str(project.root / "modelway.yaml")) == 2
    assert "osv_url" in project.runs.err


def test_an_answer_that_lacks_a_package_passes_nothing(
    project: Audited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pip-audit itself leaves nothing out of what it was asked here; another version may.
    stub = tmp_path / "pip-audit"
    stub.write_text(f"#!{sys.executable}\n{STUB}")
    stub.chmod(0o755)
    monkeypatch.setattr("modelway.checks.tools.find_tool", lambda name, root: str(stub))
    record = project.audit()
    assert record["exit_code"] == 6
    assert "lacks 2 packages, such as colorama" in record["by"]["dependencies"]["reason"]
