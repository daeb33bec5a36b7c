"""`batch-inference.yml` scores what came in, every night, and goes on where a run was cut off."""

from __future__ import annotations

from typing import Any


def test_it_runs_at_two_every_night_and_by_hand(read_workflow: Any) -> None:
    events = read_workflow("batch-inference.yml")["on"]
    assert events["schedule"] == [{"cron": "0 2 * * *"}]
    assert set(events["workflow_dispatch"]["inputs"]) == {"input", "model-version"}


def test_the_run_number_names_the_run_so_that_another_attempt_goes_on(run_action: Any) -> None:
    argv = run_action("call", {"call": "batch", "report": "prediction-report", "input-uri": "s3://b/in"}).argv
    assert argv[argv.index("batch") :] == [
        "batch", "--report-only", "--tracking-uri", "env://MLFLOW_TRACKING_URI", "--run=12", "--input-uri=s3://b/in",
        "export", "--path", "reports",
    ]  # fmt: skip


def test_slack_is_told_where_the_run_is(call_of: Any, run_action: Any) -> None:
    assert call_of("batch-inference.yml").given["slack-webhook"] == "${{ secrets.SLACK_WEBHOOK }}"
    argv = run_action("call", {"call": "batch", "report": "r"}).argv
    assert "--run-url=https://github.test/octocat/loans/actions/runs/9" in argv


def test_the_report_is_kept_under_its_name(call_of: Any) -> None:
    assert call_of("batch-inference.yml").given["report"] == "prediction-report"
