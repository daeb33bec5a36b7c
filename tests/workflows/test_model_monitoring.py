"""`model-monitoring.yml` watches the live model every six hours, and acts."""

from __future__ import annotations

from typing import Any


def test_it_watches_and_acts_on_the_github_that_runs_it(run_action: Any) -> None:
    inputs = {"call": "monitor", "report": "r", "since": "24h", "predictions-uri": "s3://b/log; exit"}
    argv = run_action("call", inputs, GITHUB_API_URL="https://ghes.test/api/v3").argv
    assert argv[argv.index("monitor") :] == [
        "monitor", "--report-only", "--tracking-uri", "env://MLFLOW_TRACKING_URI", "--act",
        "--repository=octocat/loans", "--predictions-uri=s3://b/log; exit", "--since=24h",
        "export", "--path", "reports",
    ]  # fmt: skip
    assert "--github-api-url=https://ghes.test/api/v3" in argv


def test_it_may_write_issues_and_start_workflows_and_no_more(call_of: Any) -> None:
    assert call_of("model-monitoring.yml").job["permissions"] == {
        "contents": "read", "issues": "write", "actions": "write", "id-token": "write",
    }  # fmt: skip


def test_it_runs_every_six_hours(read_workflow: Any) -> None:
    assert read_workflow("model-monitoring.yml")["on"]["schedule"] == [{"cron": "0 */6 * * *"}]
