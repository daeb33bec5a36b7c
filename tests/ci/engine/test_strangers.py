"""Strangers' repositories, made by `modelway init`, on a real engine: trained, served, scored, watched, delivered."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from .servers import first_answer, free_port, running

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

FOREST = '''\
"""How many bicycles are out: a model of scikit-learn's."""

from sklearn.ensemble import RandomForestRegressor


def build(trees: int = 20) -> RandomForestRegressor:
    return RandomForestRegressor(n_estimators=trees, max_depth=10, random_state=0)
'''
BOOSTER = '''\
"""How many bicycles are out: a model of XGBoost's."""

from xgboost import XGBRegressor


def build(rounds: int = 60) -> XGBRegressor:
    return XGBRegressor(n_estimators=rounds, max_depth=5, n_jobs=1, random_state=0)
'''
XGBOOST = "xgboost-cpu==3.2.0 --hash=sha256:9c10b1653e1a689bf4094a328144cf3633c9be0e5217a76fbdc2fde6abcb2950\n"
STAGING = """
environments:
  staging:
    target: {kind: ecs, cluster: main, service: bikes, region: us-east-1}
    image: {repository: registry.example.com/bikes}
    state: s3://deploys/staging
"""


@dataclass(frozen=True)
class Kind:
    """What a repository is like.

    Attributes:
        folder: where its settings are.
        files: what is there beside the data, by path below the folder.
        model: the flags of `init` that say which model.
    """

    folder: str
    files: dict[str, str]
    model: tuple[str, ...]


KINDS = {
    "scikit-learn": Kind(
        "",
        {"rentals/model.py": FOREST},
        ("--model", "rentals.model:build", "--trusted", "sklearn.tree._tree.Tree"),
    ),
    "xgboost-in-a-monorepo": Kind(
        "services/bikes",
        {"rentals.py": BOOSTER, "requirements.lock": XGBOOST, "../web/app.py": "print()\n"},
        (
            *("--model", "rentals:build", "--trusted", "xgboost.sklearn.XGBRegressor"),
            *("--trusted", "xgboost.core.Booster"),
        ),
    ),
}


@dataclass(frozen=True)
class Stranger:
    """A stranger's repository.

    Attributes:
        kind: what it is like.
        home: where its settings are.
        name: its model's name.
    """

    kind: Kind
    home: Path
    name: str


@pytest.fixture(scope="module", params=sorted(KINDS))
def stranger(request, engine, shared_data, tmp_path_factory):
    """A repository that `init` was called in."""
    kind, name = KINDS[request.param], f"bikes-{uuid.uuid4().hex[:8]}"
    root = tmp_path_factory.mktemp("stranger")
    home = root / kind.folder
    for path, text in kind.files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    shutil.copy(shared_data / "bike_hour.csv", home)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    # The lock, where there is one, is the container's: nothing of it has to be here.
    argv = ["init", "--target", "cnt", "--name", name, *kind.model, "--module", "github.com/octocat/modelway"]
    subprocess.run([sys.executable, "-m", "modelway", *argv, "--yes"], cwd=home, check=True, capture_output=True)
    with (home / "modelway.yaml").open("a") as settings:
        settings.write(STAGING)
    return Stranger(kind, home, name)


@pytest.fixture(scope="module")
def ask(call, project, stranger, tmp_path_factory):
    """Calls a function there, as the workflows that `init` wrote do; gives what it exported."""
    told = tmp_path_factory.mktemp("told")

    def asking(name, *words):
        target = told / name
        argv = (name, *words, "--report-only", "export", "--path", str(target), "--wipe")
        done = call("-m", str(project), "--source", ".", *argv, cwd=stranger.home)
        assert done.exit_code == 0, done.log[-5000:]
        return target

    return asking


def summary_of(folder):
    """What a call said."""
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture(scope="module")
def trained(ask):
    """What training exported."""
    folder = ask("train")
    assert summary_of(folder)["exit_code"] == 0, summary_of(folder)
    return folder


@pytest.fixture(scope="module")
def bundle(ask, trained):
    """The champion's bundle."""
    return ask("package", "--version", "champion")


def test_its_own_model_learns_its_own_data(trained):
    summary = summary_of(trained)
    assert (summary["version"], summary["created"]) == (1, True)
    assert summary["metrics"]["r2"]["value"] > 0.8
    columns = {entry["column"] for entry in json.loads((trained / "model/features.json").read_text())["features"]}
    assert {"hr", "temp"} <= columns  # none of our sample's


def test_its_bundle_is_what_a_server_needs(bundle, stranger):
    info = json.loads((bundle / "bundle.json").read_text())
    # Nobody wrote an export, so its server's image has to have what the model is made of, and its code.
    assert (info["name"], info["version"], info["format"]) == (stranger.name, 1, "skops")


def test_its_server_answers(engine, project, stranger, bundle, tmp_path):
    port, said = free_port(), tmp_path / "serve.log"
    words = ["-m", str(project), "--source", ".", "serve", "--bundle", str(bundle), "up", "--ports", f"{port}:8000"]
    with said.open("wb") as log:
        process = subprocess.Popen(
            [engine.cli, "call", "--progress=plain", *words],
            cwd=stranger.home, env=engine.environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            answer = first_answer(port, (bundle / "serving_input_example.json").read_bytes(), process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)
    assert answer["model_version"] == "1", (answer, said.read_text()[-3000:])
    assert answer["predictions"]


def test_its_held_out_rows_are_scored(ask, trained):
    folder = ask("batch", "--sample", "--run", "first")
    summary = summary_of(folder)
    assert (summary["exit_code"], summary["rejects"]) == (0, 0), summary
    assert summary["rows"] > 0
    assert [path.parent.name for path in folder.rglob("_SUCCESS")] == ["first"]


def test_its_log_is_watched(ask, stranger, bundle, loop):
    if "xgboost" in stranger.kind.files.get("requirements.lock", ""):
        pytest.importorskip("xgboost", reason="the host's server needs what the stranger's model is made of")
    port, log = free_port(), stranger.home / "log"
    words = ["serve", "--bundle", bundle, "--port", port, "--log", log, "--workers", "1"]
    words += ["--set", "serve.log.segment_seconds=1"]
    columns = json.loads((bundle / "serving_input_example.json").read_text())["dataframe_split"]["columns"]
    rows = loop.read_rows(stranger.home / "bike_hour.csv")[::20]
    with running([sys.executable, "-m", "modelway", *words], port, "/ping", stranger.home) as server:
        for start in range(0, len(rows), 100):
            asked = [{name: number(row[name]) for name in columns} for row in rows[start : start + 100]]
            first_answer(port, json.dumps({"dataframe_records": asked}, default=str).encode(), server)
        loop.wait_for_log(log, len(rows), seconds=300)
    folder = ask("monitor", "--predictions", "log")
    assert summary_of(folder)["exit_code"] in {0, 4, 5}, summary_of(folder)
    assert json.loads((folder / "drift_report.json").read_text())["rows"] == len(rows)


def number(text):
    """A cell as JSON: a number where it is one."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def test_a_local_deploy_is_for_the_host(ask, trained):
    refused = summary_of(ask("deploy", "--env", "local"))
    assert refused["exit_code"] == 2
    assert "dagger call serve" in refused["failed"]["said"]


def test_its_release_is_rehearsed(ask, trained):
    summary = summary_of(ask("rehearse", "--env", "staging"))
    assert summary["exit_code"] == 0, summary
    assert {check["verdict"] for check in summary["deploy"]["smoke"]["checks"]} == {"pass"}


def test_its_model_is_reproduced(ask, trained):
    summary = summary_of(ask("reproduce", "--version", "champion"))
    assert (summary["exit_code"], summary["same"]) == (0, True), summary
