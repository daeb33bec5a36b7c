"""The command as a whole: nothing changes, every finding says what to do, and the exit code follows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.errors import InputError, OutsideError, SettingsError, UsageError
from modelway.pipeline.doctor.findings import failed, gathered, missing, not_checked, ok
from modelway.records.doctor import Diagnosis, State

if TYPE_CHECKING:
    from conftest import Project

OUTSIDE, INPUT, USAGE = (failed("x", kind("what")) for kind in (OutsideError, InputError, UsageError))


def files(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in root.rglob("*")
    }


def test_nothing_is_amiss_and_nothing_changes(project: Project, seen: Callable[..., Any]) -> None:
    before = files(project.root.parent)
    found = seen()
    assert found["exit"] == 0
    assert {found[name]["state"] for name in ("settings", "Python", "packages: train", "data", "registry")} == {"ok"}
    assert found["target"]["state"] == "not checked"
    assert seen("--env", "local")["target local"]["detail"] == "absent"
    assert files(project.root.parent) == before


def test_people_get_a_table(project: Project) -> None:
    (project.root / "data" / "loans.csv").unlink()
    assert project.run("doctor") == 3
    for words in ("check", "state", "what to do", "there is no data file", "1 of", "findings are amiss"):
        assert words in project.out


def test_settings_that_are_wrong_leave_the_rest_to_be_looked_at(settings: Any, seen: Callable[..., Any]) -> None:
    settings("nonsense: 1\n")
    found = seen()
    assert found["exit"] == 2
    assert (found["settings"]["state"], found["stores"]["state"]) == ("failed", "not checked")
    assert "nonsense" in found["settings"]["detail"]
    assert found["Python"]["state"] == "ok"


def test_an_environment_that_nobody_knows_is_wrong_usage(project: Project) -> None:
    assert project.run("doctor", "--env", "nowhere") == 2
    assert "nowhere" in project.err


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ((ok("x", "fine"), not_checked("x", "nobody looked")), 0),
        ((missing("x", "gone", "install it", needed=False),), 0),
        ((USAGE, ok("x", "fine")), 2),
        ((USAGE, INPUT), 3),
        ((INPUT, USAGE, OUTSIDE), 6),
    ],
)
def test_the_exit_code_is_the_first_of_the_contracts_order(findings: Any, code: int) -> None:
    assert Diagnosis(findings=findings).exit_code == code


def test_what_was_not_given_is_missing_and_what_is_wrong_has_failed() -> None:
    assert USAGE.state is State.MISSING
    assert failed("x", SettingsError("wrong")).state is State.FAILED
    assert {OUTSIDE.state, INPUT.state} == {State.FAILED}


def test_an_error_ends_its_own_check_alone_and_a_bug_tells_no_secret() -> None:
    def look() -> Any:
        yield ok("x", "fine")
        raise ValueError("hunter2")

    first, last = gathered("x", look)
    assert first.state is State.OK
    assert last.exit_code == 1
    assert "ValueError" in last.detail
    assert "hunter2" not in last.detail
