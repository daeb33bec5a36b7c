"""`modelway monitor`: all parts, a dashboard in any case, and what is done about it, once."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.github import standin
from tests.monitor.github_standin import FakeGitHub

UNTIL = ("--until", "2026-11-26T12:00:00Z")
FILES = {"drift_report.json", "performance_report.json", "monitoring_dashboard.html", "decision.json", "metrics.prom"}


@pytest.fixture
def github(monkeypatch):
    fake = FakeGitHub("octocat/loans", "a-token")
    server = standin.serve(fake)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("GITHUB_REPOSITORY", "octocat/loans")
    monkeypatch.setenv("GITHUB_API_URL", f"{fake.url}/api/v3")
    monkeypatch.setenv("GITHUB_TOKEN", "a-token")
    monkeypatch.setenv("MODELWAY_RUN_URL", "https://example.com/run/7")
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def slack(monkeypatch):
    told: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("SLACK_WEBHOOK", f"http://127.0.0.1:{server.server_port}/hook")
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def monitor(project, live, *flags: str):
    argv = ("monitor", "--predictions", live.log, "--baseline", live.baseline, "--no-check-data", *UNTIL, *flags)
    return project.json(*argv)


def test_all_is_well(settings, live) -> None:
    live.serve(1500, 5)
    record = monitor(settings, live, "--ground-truth", live.write_labels())
    assert (record["exit_code"], record["action"]) == (0, "nothing")
    left = settings.root / "reports" / "monitoring"
    assert {path.name for path in left.iterdir()} == FILES
    page = (left / "monitoring_dashboard.html").read_text()
    assert "Nothing is to be done." in page


def test_too_few_labels_are_said_at_the_top_of_the_page(settings, live) -> None:
    live.serve(1500, 5)
    record = monitor(settings, live)
    assert (record["exit_code"], record["action"]) == (0, "watch")
    page = (settings.root / "reports" / "monitoring" / "monitoring_dashboard.html").read_text()
    assert page.index("Performance is not known") < page.index("<main>")
    assert monitor(settings, live, "--strict")["exit_code"] == 5


def test_what_failed_is_told_on_a_dashboard_that_is_made_anyway(settings, live, now) -> None:
    live.write([], now - timedelta(hours=2)).write_bytes(b"torn")
    record = monitor(settings, live)
    assert record["exit_code"] == 3
    left = settings.root / "reports" / "monitoring"
    assert {path.name for path in left.iterdir()} == FILES
    assert "can be read" in (left / "monitoring_dashboard.html").read_text()
    argv = ("monitor", "--predictions", live.log, "--baseline", "nowhere.json", *UNTIL)
    assert settings.json(*argv)["exit_code"] == 3
    assert json.loads((left / "drift_report.json").read_text())["verdict"] == "error"


def test_one_issue_is_updated_and_one_retraining_started(settings, live, github, slack) -> None:
    live.serve(2000, 5, "covariate")
    first = monitor(settings, live, "--act")
    assert (first["exit_code"], first["action"]) == (4, "retrain")
    assert first["done"][1] == "train-model.yml started"
    (issue,) = github.issues
    assert issue["labels"] == ["monitoring", "model-drift"]
    assert "| `income` | moved |" in issue["body"]
    assert "https://example.com/run/7" in issue["body"]
    assert github.dispatched == [("train-model.yml", {"ref": "main"})]
    assert len(slack) == 1
    again = monitor(settings, live, "--act")
    assert again["action"] == "watch"
    assert "hours ago" in " ".join(again["reasons"])
    assert (len(github.issues), len(github.dispatched)) == (1, 1)
    assert "no retraining" in github.issues[0]["body"]
    github.issues[0]["state"] = "closed"
    monitor(settings, live, "--act")
    assert [one["state"] for one in github.issues] == ["closed", "open"]
    monitor(settings, live, "--act", "--set", "monitor.environment=staging")
    assert [one["state"] for one in github.issues] == ["closed", "open", "open"]


def test_an_answer_that_was_lost_opens_no_second_issue(settings, live, github) -> None:
    live.serve(2000, 5, "covariate")
    github.faults.append(standin.Fault("POST", r".*/issues", "lost"))
    monitor(settings, live, "--act")
    assert len(github.issues) == 1


def test_a_retraining_that_could_not_be_started_is_tried_again(settings, live, github) -> None:
    live.serve(2000, 5, "covariate")
    github.faults.append(standin.Fault("POST", r".*/dispatches", 403))
    assert "GitHub failed" in " ".join(monitor(settings, live, "--act")["done"])
    assert github.dispatched == []
    assert monitor(settings, live, "--act")["done"][1] == "train-model.yml started"


def test_broken_data_are_blamed_and_nothing_is_trained(settings, live, github) -> None:
    live.serve(2000, 5, "covariate")
    (settings.root / "data").mkdir()
    (settings.root / "data" / "loans.csv").write_text("age,income\n-5,3\n")
    argv = ("monitor", "--predictions", live.log, "--baseline", live.baseline, *UNTIL, "--act")
    record = settings.json(*argv)
    assert (record["action"], record["blames_data"], github.dispatched) == ("page", True, [])
    assert "the data are to blame" in github.issues[0]["title"]


def test_a_quiet_run_opens_no_issue_and_without_act_nobody_is_asked(settings, live, github) -> None:
    live.serve(1500, 5)
    monitor(settings, live, "--ground-truth", live.write_labels(), "--act")
    live.serve(3000, 6, "covariate")
    monitor(settings, live)
    assert (github.issues, github.dispatched) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_a_browser_shows_the_dashboard(settings, live, tmp_path, width, dark) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")
    live.serve(1500, 5, "covariate")
    monitor(settings, live, "--ground-truth", live.write_labels())
    page = settings.root / "reports" / "monitoring" / "monitoring_dashboard.html"
    shot = tmp_path / "page.png"
    argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2000", f"--screenshot={shot}",
            *(["--blink-settings=preferredColorScheme=0"] if dark else []), "--dump-dom", page.as_uri()]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "What moved" in done.stdout
    assert "Content Security Policy" not in done.stderr
