"""`model-monitoring.yml` watches the live model every six hours, and acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def monitor_call(call_of: Any) -> Any:
    return call_of("model-monitoring.yml")


def test_it_watches_and_acts(monitor_call: Any, run_step: Any) -> None:
    environment = {"SINCE": "24h", "RUN_URL": "https://example.com/7", "PREDICTIONS_URI": "s3://b/log; exit"}
    argv = run_step(monitor_call, environment).argv
    assert argv == [
        "call", "--github-token", "env://GITHUB_TOKEN", "--run-url", "https://example.com/7",
        "monitor", "--act", "--repository", "octocat/loans", "--report-only", "--since", "24h",
        "--predictions-uri", "s3://b/log; exit", "export", "--path", "reports",
    ]  # fmt: skip


def test_it_may_write_issues_and_start_workflows_and_no_more(monitor_call: Any) -> None:
    assert monitor_call.job["permissions"] == {
        "contents": "read", "issues": "write", "actions": "write", "id-token": "write",
    }  # fmt: skip


def test_it_runs_every_six_hours_and_keeps_its_reports_always(paths: list[Path], monitor_call: Any) -> None:
    (path,) = [path for path in paths if path.name == "model-monitoring.yml"]
    told = yaml.safe_load(path.read_text())
    assert told[True]["schedule"] == [{"cron": "0 */6 * * *"}]
    assert told["jobs"]["monitor"]["steps"][-1]["if"] == "always()"
