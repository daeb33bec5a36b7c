"""Risky code, by bandit."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from .conftest import RISKY

if TYPE_CHECKING:
    from .conftest import Audited


@pytest.fixture(autouse=True)
def _only_code(project: Audited) -> None:
    project.only("code")


def test_clean_code_passes(project: Audited) -> None:
    record = project.audit()
    assert record["exit_code"] == 0
    assert record["by"]["code"]["reason"].startswith("1 file, 3 lines")


def test_risky_code_fails_with_its_place(project: Audited) -> None:
    project.write("pkg/run.py", RISKY)
    record = project.audit()
    assert record["exit_code"] == 4
    [finding] = record["by"]["code"]["findings"]
    assert (finding["rule"], finding["path"], finding["line"]) == ("B602", "pkg/run.py", 5)


def test_a_floor_leaves_out_what_is_less_severe(project: Audited) -> None:
    project.write("hash.py", "import hashlib\n\nVALUE = hashlib.md5(b'')\nassert VALUE\n")
    assert {one["rule"] for one in project.audit()["by"]["code"]["findings"]} == {"B324"}
    project.options["code"]["severity"] = "low"
    assert {one["rule"] for one in project.audit()["by"]["code"]["findings"]} == {"B101", "B324"}
    project.options["code"] |= {"severity": "high", "confidence": "high"}
    assert {one["rule"] for one in project.audit()["by"]["code"]["findings"]} == {"B324"}


def test_tests_are_left_out_and_contests_are_not(project: Audited) -> None:
    project.write("tests/test_run.py", RISKY)
    assert project.audit()["exit_code"] == 0
    project.write("contests/run.py", RISKY)
    assert project.audit()["exit_code"] == 4


def test_only_the_paths_of_the_settings_are_looked_at(project: Audited) -> None:
    project.write("src/fine.py", "VALUE = 1\n")
    project.write("other/run.py", RISKY)
    project.options["code"]["paths"] = ["src"]
    assert project.audit()["exit_code"] == 0
    project.options["code"]["paths"] = ["src", "other/run.py"]
    assert project.audit()["exit_code"] == 4


@pytest.mark.parametrize("folder", [".venv/lib", "node_modules/x"])
def test_what_is_not_the_projects_is_left_out(project: Audited, folder: str) -> None:
    project.write(f"{folder}/run.py", RISKY)
    assert project.audit()["exit_code"] == 0


def test_what_git_ignores_is_left_out_and_what_is_new_is_not(project: Audited) -> None:
    subprocess.run(["git", "init", "-q", "."], cwd=project.root, check=True)
    project.write(".gitignore", "generated/\n")
    project.write("generated/run.py", RISKY)
    assert project.audit()["exit_code"] == 0
    project.write("new.py", RISKY)
    assert project.audit()["exit_code"] == 4


def test_comments_accept_and_are_counted(project: Audited) -> None:
    project.write("run.py", RISKY.replace("shell=True)", "shell=True)  # nosec B602"))
    record = project.audit()
    assert record["exit_code"] == 0
    assert "1 accepted by # nosec" in record["by"]["code"]["reason"]
    project.options["code"]["comments"] = False
    assert project.audit()["exit_code"] == 4


def test_a_bandit_file_of_the_tree_accepts_nothing(project: Audited) -> None:
    project.write("run.py", RISKY)
    project.write(".bandit", "[bandit]\nskips = B602\nexclude = ./run.py\n")
    assert project.audit()["exit_code"] == 4


def test_code_that_can_not_be_parsed_passes_nothing(project: Audited) -> None:
    project.write("broken.py", "def (:\n")
    record = project.audit()
    check = record["by"]["code"]
    assert (record["exit_code"], check["verdict"], check["findings"][0]["rule"]) == (4, "error", "unreadable")
    assert check["findings"][0]["path"] == "broken.py"


def test_no_code_is_not_configured(project: Audited) -> None:
    (project.root / "model.py").unlink()
    record = project.audit()
    check = record["by"]["code"]
    assert (record["exit_code"], check["verdict"], check["severity"]) == (0, "inconclusive", "warn")
    assert check["reason"].startswith("not configured: ")


def test_no_code_where_the_settings_name_some_passes_nothing(project: Audited) -> None:
    (project.root / "model.py").unlink()
    (project.root / "src").mkdir()
    project.options["code"]["paths"] = ["src"]
    record = project.audit()
    assert (record["exit_code"], record["by"]["code"]["verdict"]) == (4, "error")
    assert "audit.code.paths" in record["by"]["code"]["reason"]


def test_a_path_that_is_not_there_passes_nothing(project: Audited) -> None:
    project.options["code"]["paths"] = [".", "src"]
    assert "names src" in project.audit()["by"]["code"]["reason"]


def test_the_value_of_a_password_stays_where_it_is(project: Audited) -> None:
    project.options["code"]["severity"] = "low"
    project.write("login.py", 'password = "Xyzzy-plugh-1"\n\n\ndef login(password="Xyzzy-plugh-2"):\n    pass\n')
    record = project.audit()
    assert {one["rule"] for one in record["by"]["code"]["findings"]} == {"B105", "B107"}
    assert "Xyzzy" not in project.all_reports()


def test_odd_names(project: Audited) -> None:
    for name in ("-rf.py", "a b.py", "ü.py", "a,b.py"):
        project.write(name, RISKY)
    record = project.audit()
    assert {one["path"] for one in record["by"]["code"]["findings"]} == {"-rf.py", "a b.py", "ü.py", "a,b.py"}
