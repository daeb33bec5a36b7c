"""What the service said, kept in a file, and judged by it later."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from .test_service import BAD

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Audited
    from .standin import Answers


@pytest.fixture(autouse=True)
def _only_dependencies(project: Audited) -> None:
    project.only("dependencies")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "answers.json"


def ask(project: Audited, file: Path) -> dict[str, Any]:
    """Ask the service, and keep its answers."""
    project.save()
    record: dict[str, Any] = project.runs.json("audit", "--ask", str(file))
    return record


def test_answers_are_judged_without_asking_again(project: Audited, pypi: Answers, file: Path) -> None:
    pypi.known["idna", "3.7"] = [BAD]
    assert ask(project, file)["exit_code"] == 0
    asked_now = project.audit()
    pypi.asked.clear()
    record = project.audit("--answers", str(file))
    assert record["checks"] == asked_now["checks"]
    assert record["exit_code"] == 4
    assert pypi.asked == []


def test_asking_leaves_nothing_but_its_file(project: Audited, pypi: Answers, file: Path) -> None:
    before = sorted(path.name for path in project.root.iterdir())
    ask(project, file)
    assert sorted(path.name for path in project.root.iterdir()) == sorted({*before, "modelway.yaml"})


def test_the_same_answers_are_the_same_text(project: Audited, pypi: Answers, file: Path) -> None:
    pypi.known["idna", "3.7"] = [BAD, {**BAD, "id": "PYSEC-2024-61"}]
    ask(project, file)
    first = file.read_text()
    pypi.known["idna", "3.7"].reverse()
    ask(project, file)
    assert file.read_text() == first


def test_that_nobody_answered_is_an_answer_that_passes_nothing(project: Audited, pypi: Answers, file: Path) -> None:
    pypi.mode = "500"
    assert ask(project, file)["exit_code"] == 6
    pypi.mode = ""
    check = project.audit("--answers", str(file))["by"]["dependencies"]
    assert (check["verdict"], check["outside"]) == ("error", True)
    assert "--advisories" in check["reason"]


def test_a_project_without_a_lock(project: Audited, pypi: Answers, file: Path) -> None:
    (project.root / "requirements.lock").unlink()
    assert ask(project, file)["exit_code"] == 4
    record = project.audit("--answers", str(file))
    check = record["by"]["dependencies"]
    assert (record["exit_code"], check["verdict"], check["severity"]) == (0, "inconclusive", "warn")
    assert "not configured: no lock file found" in check["reason"]


def test_a_package_that_the_answers_lack_passes_nothing(project: Audited, pypi: Answers, file: Path) -> None:
    ask(project, file)
    project.write("requirements.lock", "idna==3.7\nsix==1.17.0\n")
    record = project.audit("--answers", str(file))
    assert record["exit_code"] == 4
    assert "lacks 1 packages, such as six" in record["by"]["dependencies"]["reason"]


@pytest.mark.parametrize("days", [-2, 2])
def test_answers_of_another_day_pass_nothing(project: Audited, pypi: Answers, file: Path, days: int) -> None:
    ask(project, file)
    said = json.loads(file.read_text())
    day = (date.today() + timedelta(days=days)).isoformat()  # noqa: DTZ011 - as the command does
    file.write_text(json.dumps({**said, "day": day}))
    record = project.audit("--answers", str(file))
    assert record["exit_code"] == 4
    assert f"is of {day}: ask again" in record["by"]["dependencies"]["reason"]


def test_answers_of_another_service_pass_nothing(project: Audited, pypi: Answers, file: Path) -> None:
    ask(project, file)
    project.options["dependencies"]["service"] = "osv"
    assert "osv is to be asked" in project.audit("--answers", str(file))["by"]["dependencies"]["reason"]


@pytest.mark.parametrize("text", [None, "", "{}", "[]"])
def test_a_file_that_holds_no_answers_passes_nothing(project: Audited, file: Path, text: str | None) -> None:
    if text is not None:
        file.write_text(text)
    record = project.audit("--answers", str(file))
    assert record["exit_code"] == 4
    assert "does not hold the answers of a service" in record["by"]["dependencies"]["reason"]


def test_answers_that_can_not_be_written_are_wrong_usage(project: Audited, pypi: Answers, tmp_path: Path) -> None:
    project.save()
    argv = ["--config", str(project.root / "modelway.yaml"), "--ask", str(tmp_path / "absent" / "answers.json")]
    assert project.runs.run("audit", *argv) == 2
    assert "can't be written" in project.runs.err


def test_a_database_and_answers_exclude_each_other(project: Audited, file: Path) -> None:
    project.save()
    with pytest.raises(SystemExit) as caught:
        project.runs.run("audit", "--advisories", "a.zip", "--answers", str(file))
    assert caught.value.code == 2
