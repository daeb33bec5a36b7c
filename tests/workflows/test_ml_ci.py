"""`ml-ci.yml` always reports on every part, so that each can be required, and keeps every report, red or green."""

from __future__ import annotations

import re
from typing import Any

import pytest

from modelway.checks.changes import CI
from modelway.records.changed import ChangedOptions

OURS = "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"
REPORTS = {"check-data": "data-docs", "test": "coverage-report", "smoke-train": "test-model"}


@pytest.fixture
def ml_ci(read_workflow: Any) -> Any:
    return read_workflow("ml-ci.yml")


@pytest.fixture
def given(call_of: Any) -> dict[str, str]:
    found: dict[str, str] = call_of("ml-ci.yml").given
    return found


@pytest.mark.parametrize("event", ["push", "pull_request", "merge_group"])
def test_no_path_keeps_it_from_reporting(ml_ci: Any, event: str) -> None:
    assert not {"paths", "paths-ignore"} & set(ml_ci["on"][event] or {})


def test_pushes_to_main_and_develop_and_every_pull_request_run_it(ml_ci: Any) -> None:
    assert ml_ci["on"]["push"] == {"branches": ["main", "develop"]}
    assert ml_ci["on"]["pull_request"] is None


def test_each_part_is_a_job_of_its_name_that_is_never_skipped(ml_ci: Any) -> None:
    job = ml_ci["jobs"]["part"]
    parts = job["strategy"]["matrix"]["include"]
    assert [one["part"] for one in parts] == list(CI)
    assert job["name"] == "${{ matrix.part }}"
    # A skipped matrix reports none of its names.
    assert "if" not in job
    assert job["strategy"]["fail-fast"] is False


def test_data_and_notebooks_concern_no_part_but_that_of_data(given: dict[str, str]) -> None:
    always = re.findall(r"^(\S+)$", given["ignore"], re.MULTILINE)
    assert always == ["**/*.ipynb"]
    others = re.findall(r"matrix\.part != 'check-data' && '(.*?)'", given["ignore"])
    assert others == list(ChangedOptions().data)


def test_what_comes_from_a_fork_runs_on_nothing_that_is_kept(ml_ci: Any, given: dict[str, str]) -> None:
    assert ml_ci["jobs"]["part"]["runs-on"] == f"${{{{ ({OURS}) && vars.MODELWAY_RUNNER || 'ubuntu-24.04' }}}}"
    assert given["engine"] == f"${{{{ ({OURS}) && vars.DAGGER_ENGINE || '' }}}}"


def test_a_pull_request_assumes_no_role(given: dict[str, str]) -> None:
    assert given["aws-role"] == "${{ github.event_name != 'pull_request' && vars.AWS_ROLE_ARN || '' }}"


def test_every_part_leaves_an_artifact_of_its_own(ml_ci: Any) -> None:
    kept = {one["part"]: one["report"] for one in ml_ci["jobs"]["part"]["strategy"]["matrix"]["include"]}
    assert len({*kept.values()}) == len(CI)
    assert kept | REPORTS == kept


def test_codecov_gets_the_coverage_where_there_is_a_token_and_nothing_else(ml_ci: Any) -> None:
    assert ml_ci["jobs"]["part"]["outputs"]["codecov"] == "${{ secrets.CODECOV_TOKEN != '' }}"
    job = ml_ci["jobs"]["codecov"]
    assert job["if"] == "always() && needs.part.outputs.codecov == 'true'"
    assert "permissions" not in job
    *_, upload = job["steps"]
    assert upload["env"] == {"CODECOV_TOKEN": "${{ secrets.CODECOV_TOKEN }}"}
    assert upload["with"]["files"] == "reports/test/coverage.xml"
    assert "secrets." not in str(job["steps"][:-1])
