"""Our action: what it calls, what it makes of the answer, and what it does where nothing is to be done."""

from __future__ import annotations

import http.server
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRETS = {
    "mlflow-tracking-uri": "MLFLOW_TRACKING_URI",
    "mlflow-tracking-username": "MLFLOW_TRACKING_USERNAME",
    "mlflow-tracking-password": "MLFLOW_TRACKING_PASSWORD",
    "aws-access-key-id": "AWS_ACCESS_KEY_ID",
    "aws-secret-access-key": "AWS_SECRET_ACCESS_KEY",
    "registry-user": "MODELWAY_REGISTRY_USER",
    "registry-token": "MODELWAY_REGISTRY_TOKEN",
    "kubeconfig": "KUBECONFIG_TEXT",
    "slack-webhook": "SLACK_WEBHOOK",
    "github-token": "GITHUB_TOKEN",
    "index-url": "MODELWAY_INDEX_URL",
}
TRAIN = {"call": "train", "report": "model-artifacts"}
LOOK = {"call": "rollout", "report": "rollout-report-staging", "environment": "staging", "engine": "tcp://engine"}
PULL = "b" * 40


def test_secrets_are_passed_by_name_and_reach_the_call(run_action: Any) -> None:
    outcome = run_action("call", {**TRAIN, **{name: f"value of {name}" for name in SECRETS}})
    assert not [word for word in outcome.argv if "value of" in word]
    for name, variable in SECRETS.items():
        assert f"env://{variable}" in outcome.argv
        assert f"{variable}=value of {name}\n" in outcome.secrets


def test_an_assumed_role_counts_before_keys(run_action: Any) -> None:
    outputs = {"aws-access-key-id": "role", "aws-secret-access-key": "role", "aws-session-token": "session"}
    role = {f"role.outputs.{name}": value for name, value in outputs.items()}
    keys = {"aws-access-key-id": "key", "aws-secret-access-key": "key"}
    for given, found, session in (({**keys, **role}, "role", "session"), (keys, "key", "")):
        said = run_action("call", {**TRAIN, **given}).secrets
        for name, value in (("ACCESS_KEY_ID", found), ("SECRET_ACCESS_KEY", found), ("SESSION_TOKEN", session)):
            assert f"AWS_{name}={value}\n" in said


def test_a_roles_credentials_are_for_the_call_alone(action: dict[str, Any]) -> None:
    (step,) = [one for one in action["runs"]["steps"] if "configure-aws" in one.get("uses", "")]
    assert (step["with"]["output-credentials"], step["with"]["output-env-credentials"]) == (True, False)


def test_a_hostile_input_stays_one_word(run_action: Any, action: dict[str, Any], tmp_path: Path) -> None:
    hostile = f"$(touch {tmp_path}/owned) `touch {tmp_path}/owned`; touch {tmp_path}/owned; * \"'\n--source=/\n"
    bare = run_action("call", TRAIN).argv
    for name in action["inputs"]:
        if name not in {"call", "folder", "ignore", *SECRETS, "engine", "report", "aws-role", "aws-region"}:
            added = [word for word in run_action("call", {**TRAIN, name: hostile}).argv if word not in bare]
            assert len([word for word in added if "touch" in word]) == 1, name
            assert set(added) <= {
                hostile,
                f"--{'env' if name == 'environment' else name}={hostile}",
                "-m",
                "--source",
                ".",
            }
    for name in ("call", "report", "ignore"):
        run_action("work", {**TRAIN, name: hostile})
        run_action("tell", {**TRAIN, name: hostile})
    assert not (tmp_path / "owned").exists()


def test_a_module_of_another_repository_is_called_on_this_one(run_action: Any) -> None:
    assert run_action("call", {**TRAIN, "module": "github.com/o/r@v1"}).argv[:5] == [
        "call", "-m", "github.com/o/r@v1", "--source", ".",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("summary", "dagger_exit", "exit_code"),
    [
        ('{"exit_code": 0}', 0, 0),
        ('{"exit_code": 4}', 0, 4),
        ('{"exit_code": 7}', 0, 7),
        ('{"exit_code": 0}', 1, 1),
        ('{"exit_code": 0}', 137, 137),
    ],
)
def test_it_ends_with_the_stages_code(run_action: Any, summary: str, dagger_exit: int, exit_code: int) -> None:
    assert run_action("call", TRAIN, summary, dagger_exit).exit_code == exit_code


@pytest.mark.parametrize("summary", ["", "{}", "{", '{"exit_code": "none"}', '{"exit_code": null}'])
def test_without_a_summary_it_is_red(run_action: Any, summary: str) -> None:
    assert run_action("call", TRAIN, summary).exit_code != 0


def test_a_summary_of_an_earlier_call_is_not_taken_for_this_one(run_action: Any) -> None:
    assert run_action("call", TRAIN).exit_code == 0
    assert run_action("call", TRAIN, "").exit_code != 0


def test_files_of_the_project_in_reports_stay(run_action: Any, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").write_text("")
    assert run_action("call", TRAIN).exit_code == 0
    assert (tmp_path / "reports" / "__init__.py").exists()


def test_log_and_page_tell_each_parts_verdict(run_action: Any) -> None:
    parts = {"test": {"verdict": "fail", "reason": "1 failed"}, "audit": {"verdict": "pass", "reason": "fine"}}
    outcome = run_action("call", {**TRAIN, "call": "test"}, json.dumps({"exit_code": 4, "parts": parts}))
    assert outcome.exit_code == 4
    for where in (outcome.said, outcome.page):
        assert "test: fail: 1 failed\naudit: pass: fine\n" in where


REGISTERED = '{"exit_code": 0, "created": true, "version": 7}'
LASTING = {"mlflow-tracking-uri": "https://mlflow"}


@pytest.mark.parametrize(
    ("summary", "inputs", "runner", "output"),
    [
        (REGISTERED, LASTING, "github-hosted", "version=7\n"),
        (REGISTERED, {"engine": "tcp://engine"}, "github-hosted", "version=7\n"),
        (REGISTERED, {}, "self-hosted", ""),
        (REGISTERED, {}, "github-hosted", ""),
        ('{"exit_code": 0, "created": false, "version": 7}', LASTING, "github-hosted", ""),
        ('{"exit_code": 4, "created": false, "version": null}', LASTING, "github-hosted", ""),
    ],
    ids=[
        "a server",
        "a kept engine",
        "a runner of ours, which may be thrown away",
        "a runner's own engine",
        "known already",
        "red",
    ],
)
def test_a_version_that_was_registered_to_stay_is_told(
    run_action: Any, summary: str, inputs: dict[str, str], runner: str, output: str
) -> None:
    assert run_action("call", {**TRAIN, **inputs}, summary, RUNNER_ENVIRONMENT=runner).output == output


def scheduled(run_action: Any, inputs: dict[str, str], **variables: str) -> tuple[bool, str]:
    outcome = run_action("work", inputs, GITHUB_EVENT_NAME="schedule", **variables)
    assert outcome.exit_code == 0, outcome.said
    return outcome.output == "work=true\n", outcome.page


BATCH = {"call": "batch", "report": "r"}
MONITOR = {"call": "monitor", "report": "r"}
REACHED = "environments: {production: {log: s3://b/log}}\n"


@pytest.mark.parametrize(
    ("inputs", "settings", "works"),
    [
        (BATCH, "", False),
        ({**BATCH, "input-uri": "s3://b"}, "", False),
        ({**BATCH, "input-uri": "s3://b", **LASTING}, "", True),
        ({**BATCH, **LASTING}, "name: a\n", False),
        ({**BATCH, **LASTING}, "name: a\nbatch:\n  # tonight\n  input: s3://b\nmonitor: {}\n", True),
        (BATCH, "register: {tracking_uri: https://m}\nbatch: {input: s3://b}\n", True),
        ({**BATCH, **LASTING}, "batch: {batch_size: 7}\nprepare:\n  input: s3://b\n", False),
        ({**MONITOR, **LASTING}, "monitor:\n  environment: local\n", False),
        ({**MONITOR, **LASTING}, f"monitor:\n  environment: local\n{REACHED}", False),
        ({**MONITOR, **LASTING}, f"{REACHED}monitor: {{environment: production}}\n", True),
        ({**MONITOR, **LASTING}, REACHED, True),
        ({**MONITOR, **LASTING, "predictions-uri": "s3://b"}, "monitor:\n  environment: local\n", True),
        ({**MONITOR, "predictions-uri": "s3://b"}, "", False),
        ({"call": "rollout", "report": "r"}, "", False),
    ],
)
def test_a_schedule_without_work_starts_no_engine(
    run_action: Any, tmp_path: Path, inputs: dict[str, str], settings: str, works: bool
) -> None:
    (tmp_path / "modelway.yaml").write_text(settings)
    found, page = scheduled(run_action, inputs)
    assert found is works
    assert ("not configured" in page) is not works


def test_a_runner_of_ones_own_may_keep_the_registry(run_action: Any) -> None:
    assert scheduled(run_action, {**BATCH, "input-uri": "s3://b"}, RUNNER_ENVIRONMENT="self-hosted")[0]


def test_a_registry_in_a_file_is_gone_after_the_job(run_action: Any, tmp_path: Path) -> None:
    (tmp_path / "modelway.yaml").write_text("register: {tracking_uri: 'sqlite:///a.db'}\n")
    assert not scheduled(run_action, {**BATCH, "input-uri": "s3://b"})[0]


def test_a_person_is_never_told_that_there_is_no_work(run_action: Any) -> None:
    assert run_action("work", BATCH).output == "work=true\n"


class GitHub(http.server.BaseHTTPRequestHandler):
    """Answers by path; notes what it was sent."""

    def do_GET(self) -> None:
        self._answer(self.server.answers.get(self.path.partition("/octocat/loans/")[2]))  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.told.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self._answer({})

    def _answer(self, found: Any) -> None:
        self.server.tokens.add(self.headers["authorization"])  # type: ignore[attr-defined]
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def github() -> Iterator[Any]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GitHub)
    server.answers, server.told, server.tokens = {}, [], set()  # type: ignore[attr-defined]
    server.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def at(hours_ago: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600 * hours_ago))


@pytest.mark.parametrize(
    ("idle", "busy", "trained", "works"),
    [
        ([], [], [], True),
        ([1], [], [], False),
        ([1, 9], [8], [7], False),
        ([9, 1], [8], [7], False),
        ([2], [1], [], True),
        ([2], [], [1], True),
        ([7], [], [], True),
        ([1], [], None, True),
    ],
    ids=["first", "idle", "idle again", "any order", "under way", "trained since", "long ago", "not known"],
)
def test_a_rollout_rests_until_something_changes(
    run_action: Any, github: Any, idle: list[float], busy: list[float], trained: list[float] | None, works: bool
) -> None:
    listed = "actions/artifacts?per_page=100&name=rollout-{}-staging"
    for name, ages in (("idle", idle), ("report", busy)):
        github.answers[listed.format(name)] = {"artifacts": [{"created_at": at(one)} for one in ages]}
    if trained is not None:
        runs = {"workflow_runs": [{"updated_at": at(one)} for one in trained]}
        github.answers["actions/workflows/churn-train-model.yml/runs?status=success&per_page=1"] = runs
    workflow = "octocat/loans/.github/workflows/churn-rollout-model.yml@refs/heads/main"
    found, page = scheduled(run_action, LOOK, GITHUB_API_URL=github.url, GITHUB_WORKFLOW_REF=workflow)
    assert found is works
    assert ("no rollout is under way" in page) is not works


def test_a_look_that_found_nothing_leaves_word_for_the_next(run_action: Any) -> None:
    assert run_action("call", LOOK, '{"exit_code": 0, "nothing": "why"}').output == "report=rollout-idle-staging\n"
    assert run_action("call", LOOK, '{"exit_code": 0, "rollout": {}}').output == ""


IGNORE = "**/*.ipynb\ndata/**\n**/*.csv\n\n**/dvc.lock\n"


@pytest.mark.parametrize(
    ("folder", "files", "works"),
    [
        (".", ["data/a/b.txt", "a.csv", "deep/er/b.csv", "dvc.lock", "x/dvc.lock", "n.ipynb"], False),
        (".", ["a.csv", "model.py"], True),
        (".", ["datas/a.txt"], True),
        (".", ["a.csv.py"], True),
        (".", [], True),
        (".", [f"data/{number}" for number in range(299)], False),
        # GitHub lists no more than 300: there may be others.
        (".", [f"data/{number}" for number in range(300)], True),
        ("services/churn", ["other/model.py", "services/churn/data/x"], False),
        ("services/churn", ["services/churn/model.py"], True),
        ("services/churn", ["services/churning/model.py"], False),
    ],
)
@pytest.mark.parametrize("event", ["push", "pull_request", "merge_group"])
def test_a_change_of_nothing_else_calls_nothing(
    run_action: Any, github: Any, event: str, folder: str, files: list[str], works: bool
) -> None:
    compared = f"compare/{PULL}...{'c' * 40}?per_page=1"
    github.answers[compared] = {"files": [{"filename": name} for name in files]}
    given = {"call": "test", "report": "r", "ignore": IGNORE, "folder": folder}
    outcome = run_action("work", given, GITHUB_EVENT_NAME=event, GITHUB_API_URL=github.url, BASE=PULL, HEAD="c" * 40)
    assert (outcome.output == "work=true\n") is works
    assert github.tokens == {"Bearer automatic"}


@pytest.mark.parametrize("base", ["", "0" * 40, PULL], ids=["by hand", "first push", "not known to GitHub"])
def test_what_changed_is_called_for_where_it_is_not_known(run_action: Any, github: Any, base: str) -> None:
    given = {"call": "test", "report": "r", "ignore": IGNORE}
    outcome = run_action("work", given, GITHUB_EVENT_NAME="push", GITHUB_API_URL=github.url, BASE=base)
    assert outcome.output == "work=true\n"


def test_a_file_that_was_renamed_out_of_the_ignored_ones_counts(run_action: Any, github: Any) -> None:
    renamed = {"filename": "data/model.py", "previous_filename": "src/model.py"}
    github.answers[f"compare/{PULL}...{'c' * 40}?per_page=1"] = {"files": [renamed]}
    given = {"call": "test", "report": "r", "ignore": IGNORE}
    outcome = run_action("work", given, GITHUB_EVENT_NAME="push", GITHUB_API_URL=github.url, BASE=PULL, HEAD="c" * 40)
    assert outcome.output == "work=true\n"


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        (None, True),
        ({"exit_code": 2, "failed": {"stage": "the call", "ran": False}}, True),
        ({"exit_code": 6, "failed": {"stage": "batch", "ran": False}}, True),
        ({"exit_code": 4, "failed": {"stage": "batch", "ran": True}}, False),
        ({"exit_code": 7}, False),
    ],
)
def test_slack_hears_of_what_no_stage_could_report(
    run_action: Any, github: Any, tmp_path: Path, summary: dict[str, Any] | None, told: bool
) -> None:
    if summary is not None:
        (tmp_path / "reports").mkdir()
        (tmp_path / "reports" / "summary.json").write_text(json.dumps(summary))
    outcome = run_action("tell", {**BATCH, "slack-webhook": f"{github.url}/hook"})
    assert outcome.exit_code == 0
    assert bool(github.told) is told
    if told:
        ((path, body),) = github.told
        assert path == "/hook"
        assert "https://github.test/octocat/loans/actions/runs/9" in body["text"]
    assert "/hook" not in outcome.said


def test_a_slack_that_is_away_changes_nothing(run_action: Any) -> None:
    outcome = run_action("tell", {**BATCH, "slack-webhook": "http://127.0.0.1:9/hook"})
    assert outcome.exit_code == 0
    assert "::warning::" in outcome.said


def test_reports_are_kept_and_failures_told_whatever_happened(action: dict[str, Any]) -> None:
    keeps = [step for step in action["runs"]["steps"] if "upload-artifact@" in step.get("uses", "")]
    conditions = [step["if"].removeprefix("always() && steps.work.outputs.work == 'true' && ") for step in keeps]
    # GitHub.com's, and that of a server of one's own: always one of the two.
    assert conditions[1] == f"!{conditions[0]}"
    assert [step["with"] for step in keeps] == [keeps[0]["with"]] * 2
    assert action["runs"]["steps"][-1]["if"] == "failure()"
