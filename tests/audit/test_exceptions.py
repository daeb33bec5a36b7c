"""Findings that the settings accept until a date."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.checks.audit.dependencies import Given
from modelway.checks.audit.exceptions import judge
from modelway.checks.audit.outcome import Observation, Outcome
from modelway.checks.audit.paths import matches
from modelway.pipeline.audit import audit
from modelway.records.audit import AuditException, AuditOptions
from modelway.records.checks import CheckResult, Finding

from .conftest import RISKY, advisory

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Audited

TODAY = date(2026, 6, 15)
SEEN = Observation(
    Finding(rule="PYSEC-1", message="bad", path="requirements.lock", line=3), names=("CVE-1",), package="flask-login"
)


def _exception(**more: Any) -> AuditException:
    return AuditException(**{"id": "PYSEC-1", "reason": "we do not call it", "expires": TODAY, **more})


def _judge(*exceptions: AuditException, outcome: Outcome | None = None) -> dict[str, CheckResult]:
    looked = outcome or Outcome("dependencies", "1 locked packages", (SEEN,))
    return {check.check: check for check in judge([looked], exceptions, TODAY)}


@pytest.mark.parametrize(
    "exception",
    [
        _exception(),
        _exception(id="pysec-1"),
        _exception(id="CVE-1"),
        _exception(package="Flask_Login"),
        _exception(path="requirements.lock"),
        _exception(path="*.lock", package="flask-login"),
    ],
)
def test_a_finding_is_accepted(exception: AuditException) -> None:
    said = _judge(exception)
    assert said["dependencies"].verdict == "pass"
    assert said["exceptions"].verdict == "pass"
    [accepted] = said["exceptions"].findings
    assert (accepted.rule, accepted.path, accepted.line) == ("PYSEC-1", "requirements.lock", 3)
    assert "accepted until 2026-06-15" in accepted.message
    assert "we do not call it" in accepted.message
    assert "exceptions.unused" not in said


@pytest.mark.parametrize(
    "exception",
    [_exception(id="PYSEC-2"), _exception(package="flask"), _exception(path="other.lock"), _exception(id="PYSEC")],
)
def test_another_finding_is_not(exception: AuditException) -> None:
    said = _judge(exception)
    assert said["dependencies"].verdict == "fail"
    assert (said["exceptions.unused"].verdict, said["exceptions.unused"].severity) == ("fail", "warn")


def test_an_exception_holds_to_the_end_of_its_last_day() -> None:
    assert _judge(_exception(expires=TODAY))["exceptions"].verdict == "pass"
    said = _judge(_exception(expires=TODAY - timedelta(days=1)))
    assert (said["exceptions"].verdict, said["dependencies"].verdict) == ("fail", "fail")
    assert "expired on 2026-06-14" in said["exceptions"].findings[0].message


def test_an_expired_exception_fails_although_it_accepts_nothing() -> None:
    said = _judge(_exception(id="X", expires=date(2020, 1, 1)), outcome=Outcome("dependencies", "1 locked packages"))
    assert said["exceptions"].verdict == "fail"
    assert "exceptions.unused" not in said


def test_what_broke_off_has_not_shown_that_an_exception_is_unused() -> None:
    said = _judge(_exception(), outcome=Outcome("dependencies", "", error="no network", outside=True))
    assert "exceptions.unused" not in said
    assert (said["dependencies"].verdict, said["dependencies"].outside) == ("error", True)


def test_what_could_not_be_judged_may_be_accepted_but_an_error_may_not() -> None:
    undecided = Observation(
        Finding(rule="not-audited", message="private", path="a.lock"), package="own", undecided=True
    )
    accepting = _exception(id="not-audited", package="own")
    assert _judge(outcome=Outcome("dependencies", "", (undecided,)))["dependencies"].verdict == "error"
    assert _judge(accepting, outcome=Outcome("dependencies", "", (undecided,)))["dependencies"].verdict == "pass"
    failed = Outcome("dependencies", "", (undecided,), error="no network", outside=True)
    assert _judge(accepting, outcome=failed)["dependencies"].verdict == "error"


def test_without_exceptions_nothing_is_said_of_them() -> None:
    assert set(_judge()) == {"dependencies"}


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("tests/a.py", "tests", True),
        ("tests/a.py", "./tests/", True),
        ("tests/b/a.py", "tests/*.py", False),
        ("tests/b/a.py", "tests/**/*.py", True),
        ("a.py", "**/*.py", True),
        ("contests/a.py", "tests", False),
        ("a/tests/a.py", "tests", False),
        ("a/tests/a.py", "*/tests/*", True),
        ("a.py", "a.py", True),
        ("a.pyc", "a.py", False),
        ("a.py", ".", True),
    ],
)
def test_paths(path: str, pattern: str, expected: bool) -> None:
    assert matches(path, (pattern,)) is expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": None},
        {"expires": None},
        {"reason": " "},
        {"id": ""},
        {"expires": "soon"},
        {"expires": "2026-13-01"},
        {"until": "2026-01-01"},
    ],
)
def test_an_exception_needs_a_reason_and_an_end(project: Audited, wrong: dict[str, Any]) -> None:
    entry = {"id": "B602", "reason": "why", "expires": "2026-06-15", **wrong}
    project.options["exceptions"] = [{key: value for key, value in entry.items() if value is not None}]
    project.save()
    assert project.runs.run("audit", "--config", str(project.root / "modelway.yaml")) == 2


def test_the_day_is_told_from_outside(project: Audited, database: Callable[..., Path], tmp_path: Path) -> None:
    path = database(advisory("PYSEC-1"))
    accepted = {"id": "PYSEC-1", "reason": "why", "expires": "2026-06-10"}
    options = AuditOptions.from_json(
        json.dumps(
            {
                "dependencies": {"advisories": {"min_count": 1, "max_age": 30}},
                **{check: {"enabled": False} for check in ("code", "secrets", "models", "sbom")},
                "exceptions": [accepted],
            }
        )
    )

    def exit_code(today: date) -> int:
        return audit(options, "x", project.root, tmp_path / "reports", today, Given(path)).exit_code

    assert exit_code(date(2026, 6, 10)) == 0
    assert exit_code(date(2026, 6, 11)) == 4


def test_an_exception_of_each_kind(project: Audited, database: Callable[..., Path]) -> None:
    path = database(advisory("PYSEC-1", aliases=["CVE-2026-1"]))
    project.options["dependencies"] = {"advisories": {"min_count": 1, "max_age": 36500}}
    project.write("run.py", RISKY + "eval(input())\n")
    project.write("login.py", 'password = "Tr0ub4dor-' + 'and-3"\n')
    project.write("torn.pkl", b"\x80\x04")
    assert project.audit("--advisories", str(path))["exit_code"] == 4
    project.options["exceptions"] = [
        {"id": name, "reason": "looked at", "expires": "2999-01-01", **more}
        for name, more in (
            ("CVE-2026-1", {"package": "idna"}),
            ("B602", {"path": "run.py"}),
            ("B307", {}),
            ("secret-keyword", {"path": "login.py"}),
            ("unreadable", {"path": "*.pkl"}),
        )
    ]
    record = project.audit("--advisories", str(path))
    assert record["exit_code"] == 0, record["by"]
    assert "5 findings accepted" in record["by"]["exceptions"]["reason"]
