"""`modelway init`, a commit and a push: whatever the written workflows run on the first day is green."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULE = "github.com/octocat/modelway@v9"
SCRIPT = ROOT / "ci" / "action" / "run.sh"


def calls_of(workflow: dict[Any, Any], event: str) -> list[str]:
    """The functions that a workflow calls when an event comes, but not those that follow on another."""
    if event not in workflow[True]:
        return []
    calls = []
    for job in workflow["jobs"].values():
        if "uses" in job:
            continue
        parts = [one["part"] for one in job.get("strategy", {}).get("matrix", {}).get("include", ())]
        for step in job["steps"]:
            called = step.get("with", {}).get("call")
            calls += parts if called == "${{ matrix.part }}" else [called] if called else []
    return calls


def is_work(call: str, event: str, folder: Path, page: Path) -> bool:
    """Whether the action calls anything on the first day: no secret, no variable, no commit before."""
    output = page.with_suffix(".output")
    output.unlink(missing_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "CALL": call,
        "REPORT": "report",
        "FOLDER": str(folder),
        "IGNORE": "data/**\n**/*.csv\n",
        "BASE": "0" * 40,
        "GITHUB_EVENT_NAME": event,
        "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(page),
        "RUNNER_ENVIRONMENT": "github-hosted",
    }
    subprocess.run(["bash", str(SCRIPT), "work"], env=environment, check=True)
    return output.read_text() == "work=true\n"


def push(root: Path) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--message", "first"], cwd=root, check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "flags"),
    [("", ()), ("services/churn", ("--model", "churn:make"))],
    ids=["settings alone", "a model of one's own in a monorepo"],
)
def test_everything_that_runs_on_the_first_day_is_green(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, flags: tuple[str, ...]
) -> None:
    root = repository / folder
    root.mkdir(parents=True, exist_ok=True)
    if folder:
        (repository / "customers.csv").rename(root / "customers.csv")
    monkeypatch.chdir(root)
    for name in ("MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)

    def modelway(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "modelway", *words], capture_output=True, text=True, check=False)

    ended = modelway("init", "--target", "churned", "--module", MODULE, *flags)
    assert ended.returncode == 0, ended.stderr
    assert "no requirements.lock yet" in ended.stdout
    assert "no test yet" in ended.stdout
    push(repository)
    workflows = [yaml.safe_load(path.read_text()) for path in sorted((repository / ".github/workflows").glob("*.yml"))]
    pushed = [call for one in workflows for call in calls_of(one, "push") if "tags" not in one[True]["push"]]
    assert set(pushed) == {"check-code", "check-data", "test", "audit", "smoke-train", "train"}
    page = tmp_path / "page"
    for call in sorted({*pushed}):
        assert is_work(call, "push", root, page)
        ended = modelway(call)
        assert ended.returncode == 0, (call, ended.stdout, ended.stderr)
    scheduled = [call for one in workflows for call in calls_of(one, "schedule")]
    assert set(scheduled) == {"batch", "monitor", "rollout"}
    for call in scheduled:
        page.unlink(missing_ok=True)
        assert not is_work(call, "schedule", root, page)
        assert page.read_text().startswith(f"{call}: not configured: ")
