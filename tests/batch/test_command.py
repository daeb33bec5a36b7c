"""`modelway batch` as people and workflows call it."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path, loans, monkeypatch, in_project: Callable[[Path], Project]) -> Project:
    shutil.copy(ROOT / "modelway.yaml", tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(loans, tmp_path / "data" / "new.csv")
    monkeypatch.chdir(tmp_path)
    for variable in ("SLACK_WEBHOOK", "MLFLOW_TRACKING_URI", "GITHUB_RUN_ID", "MODELWAY_RUN_URL"):
        monkeypatch.delenv(variable, raising=False)
    return in_project(tmp_path)


@pytest.fixture
def slack(monkeypatch) -> Iterator[list[dict[str, Any]]]:
    """A webhook on the loopback; what is posted to it."""
    posted: list[dict[str, Any]] = []

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SLACK_WEBHOOK", f"http://127.0.0.1:{server.server_port}/hook")
    monkeypatch.setenv("MODELWAY_RUN_URL", "https://github.com/octocat/loans/actions/runs/7")
    yield posted
    server.shutdown()


def test_a_data_set_is_scored(project, bundle) -> None:
    argv = ["batch", "--input", "data/new.csv", "--bundle", str(bundle), "--output", "out", "--run", "7"]
    told = project.json(*argv)
    assert told["exit_code"] == 0
    assert (told["run"], told["rows"], told["rejects"], told["version"]) == ("7", 3000, 0, 3)
    assert told["ignored"] == ["defaulted", "group"]
    assert (project.root / "out/7/_SUCCESS").is_file()
    page = (project.root / "reports/batch/report.html").read_text()
    assert "<script" not in page
    assert "3,000" in page
    assert "defaulted, group" in page
    again = project.json(*argv)
    assert again["fresh"] is False
    assert again["rows"] == 3000


def test_a_run_without_a_name_gets_one(project, bundle) -> None:
    told = project.json("batch", "--sample", "--bundle", str(bundle))
    assert told["exit_code"] == 0
    assert (project.root / "predictions" / told["run"] / "_SUCCESS").is_file()
    assert f"run {told['run']}" in project.err


@pytest.mark.slow
def test_the_sample_right_after_training(project, sample_registry) -> None:
    told = project.json("batch", "--sample")
    assert told["exit_code"] == 0
    assert told["version"] == 1
    assert told["rows"] > 0


@pytest.fixture
def sample_registry(project) -> None:
    from modelway.data.sample import write_sample

    write_sample(project.root / "data", rows=1500)
    assert project.run("train", "--epochs", "10") == 0, project.err


def test_failures_end_with_their_codes_and_tell_slack(project, bundle, slack) -> None:
    path = project.root / "data" / "new.csv"
    path.write_text(path.read_text().replace(",rent,", ",boat,"))
    argv = ["batch", "--input", "data/new.csv", "--bundle", str(bundle), "--run", "8"]
    assert project.run(*argv) == 3
    assert "rows were refused" in project.err
    assert not (project.root / "predictions/8/_SUCCESS").exists()
    page = (project.root / "reports/batch/report.html").read_text()
    assert "Nothing was published" in page
    assert "unknown value" in page
    (message,) = slack
    assert message["text"] == "batch run 8 failed (exit 3)"
    assert "https://github.com/octocat/loans/actions/runs/7" in json.dumps(message)
    assert "hook" not in project.out + project.err


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["--input", "nothing.csv"], 3, "there is no data file"),
        (["--bundle", "nowhere"], 3, "no bundle"),
        (["--bundle", "harmed"], 3, "not the one of the manifest"),
        (["--memory", "100MB"], 2, "too little"),
        (["--config", "broken.yaml"], 2, "broken.yaml"),
    ],
)
def test_what_fails_before_scoring_begins_is_told_too(project, bundle, slack, argv, code, says) -> None:
    shutil.copytree(bundle, project.root / "harmed")
    with (project.root / "harmed" / "features.json").open("a") as file:
        file.write(" ")
    (project.root / "broken.yaml").write_text("fit: [")
    given = ["batch", "--input", "data/new.csv", "--bundle", str(bundle), "--run", "9", *argv]
    assert project.run(*given) == code
    (message,) = slack
    assert message["text"] == f"batch run 9 failed (exit {code})"
    assert says in json.dumps(message)
    assert "https://github.com/octocat/loans/actions/runs/7" in json.dumps(message)


def test_a_bug_is_told_without_what_it_says(project, bundle, slack, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the row of Jane Doe")

    monkeypatch.setattr("modelway.pipeline.batch.run_batch", broken)
    assert project.run("batch", "--input", "data/new.csv", "--bundle", str(bundle), "--run", "9") == 1
    (message,) = slack
    assert "ZeroDivisionError" in json.dumps(message)
    assert "Jane" not in json.dumps(message)


def test_success_is_told_where_it_is_asked_for(project, bundle, slack) -> None:
    argv = ["batch", "--input", "data/new.csv", "--bundle", str(bundle)]
    assert project.run(*argv, "--run", "quiet") == 0
    assert slack == []
    assert project.run(*argv, "--run", "loud", "--notify-success") == 0
    assert slack[0]["text"] == "batch run loud is done"


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["--run", "../up"], 2, "run"),
        (["--input", "nothing.csv"], 3, "there is no data file"),
        (["--batch-size", "0"], 2, "batch_size"),
        (["--memory", "much"], 2, "memory"),
        (["--bundle", "nowhere"], 3, "no bundle"),
        (["--max-rejects", "-1"], 2, "max_rejects"),
    ],
)
def test_wrong_usage_is_told(project, bundle, argv, code, says) -> None:
    given = ["batch", "--input", "data/new.csv", "--bundle", str(bundle), *argv]
    assert project.run(*given) == code
    assert says in project.err


def test_nothing_to_score_is_told(project, bundle) -> None:
    assert project.run("batch", "--bundle", str(bundle)) == 2
    assert "nothing says what to score" in project.err


def test_no_process_waits_for_pandas(project, bundle) -> None:
    """It would take a third of a second and 40 MB of each process that scores."""
    command = [sys.executable, "-X", "importtime", "-m", "modelway", "batch", "--bundle", str(bundle), "--sample"]
    told = subprocess.run([*command, "--output", "out"], check=True, capture_output=True, text=True)
    assert " pyarrow.lib\n" in told.stderr
    assert " pandas\n" not in told.stderr
