"""Watching, on a real engine, the log of a server that answered real requests: a decision, and the page in any case."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .servers import free_port, running

pytestmark = pytest.mark.slow

ROWS = 1000


@pytest.fixture(scope="module")
def champion(call, project):
    """The bundle of a registered champion."""
    for words in (("train",), ("package", "--version", "champion")):
        done = call(*words, "export", "--path", "champion", "--wipe")
        assert done.exit_code == 0, done.log
    return project / "champion"


@pytest.fixture(scope="module")
def logs(champion, project, loop):
    """What the champion's server logged: of rows like those it was trained on, and of others."""
    example = json.loads((champion / "serving_input_example.json").read_text())
    columns = example["dataframe_split"]["columns"]
    for kind in ("same", "covariate"):
        port = free_port()
        words = ["--bundle", str(champion), "--port", str(port), "--log", f"log-{kind}", "--workers", "1"]
        words += ["--set", "serve.log.segment_seconds=1"]
        with running([sys.executable, "-m", "modelway", "serve", *words], port, "/ping", project):
            loop.send(
                f"http://127.0.0.1:{port}",
                [{name: row[name] for name in columns} for row in _rows(loop, project, kind)],
            )
            loop.wait_for_log(project / f"log-{kind}", ROWS)
    return {kind: f"log-{kind}" for kind in ("same", "covariate")}


def _rows(loop, project, kind):
    drift = ["--drift", kind] if kind != "same" else []
    words = ["sample", "--output", f"rows-{kind}", "--rows", str(ROWS), "--seed", "1", *drift]
    subprocess.run([sys.executable, "-m", "modelway", *words], cwd=project, check=True, capture_output=True)
    return loop.read_rows(project / f"rows-{kind}" / "loans.csv")


def told(project, path):
    """The summary and the decision of an export."""
    return (json.loads((project / path / name).read_text()) for name in ("summary.json", "decision.json"))


def test_a_log_like_the_baseline_of_the_live_champion_needs_nothing(call, project, logs):
    done = call("monitor", "--predictions", logs["same"], "export", "--path", "fine")
    assert done.exit_code == 0, done.log
    summary, decision = told(project, "fine")
    # Nobody has the labels yet: that is said, and no reason to act.
    assert (summary["exit_code"], decision["action"]) == (0, "watch")
    report = json.loads((project / "fine" / "drift_report.json").read_text())
    assert (report["verdict"], report["rows"]) == ("pass", ROWS)
    assert (project / "fine" / "monitoring_dashboard.html").is_file()


def test_drift_ends_the_call_with_4_and_leaves_its_page_where_asked(call, project, logs):
    words = ("monitor", "--predictions", logs["covariate"], "--set", "monitor.drift.threshold=0.2")
    done = call(*words, "export", "--path", "none")
    assert done.exit_code == 4, done.log
    assert not (project / "none").exists()
    again = call(*words, "--report-only", "export", "--path", "moved")
    assert again.exit_code == 0, again.log
    assert "monitor" in again.executed  # it is looked at anew each time
    summary, decision = told(project, "moved")
    assert (summary["exit_code"], decision["action"]) == (4, "retrain")
    assert (project / "moved" / "monitoring_dashboard.html").is_file()
