"""Strangers' projects from `init` to `monitor`, on the host: real commands, a real server, real data where they are."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv
import pytest

pytestmark = pytest.mark.slow

MODULE = "github.com/octocat/modelway"

FOREST = '''\
"""Who earns more than 50,000 dollars: the model of a project that knows nothing of modelway."""

from sklearn.ensemble import RandomForestClassifier


def build(trees: int = 40) -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=trees, max_depth=8, random_state=0)
'''

BOOSTER = '''\
"""A model of XGBoost's, and the types that its saved form holds."""

from xgboost import XGBRegressor


def build(rounds: int = 60) -> XGBRegressor:
    return XGBRegressor(n_estimators=rounds, max_depth=5, n_jobs=1, random_state=0)
'''


TREE = '''\
"""A model whose depth is the company's: it is in a package that only the company's index has."""

from ours_of_the_shop import DEPTH
from sklearn.tree import DecisionTreeRegressor


def build() -> DecisionTreeRegressor:
    return DecisionTreeRegressor(max_depth=DEPTH, random_state=0)
'''


@dataclass
class Stranger:
    """A project, and modelway's commands in it."""

    root: Path
    folder: str = ""
    port: int = 0

    def modelway(self, *words: str, may: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run a command where the settings are, and give its record."""
        argv = [sys.executable, "-m", "modelway", *words, "--json"]
        done = subprocess.run(argv, cwd=self.root / self.folder, capture_output=True, text=True, check=False)
        assert done.returncode in may, (words, done.stdout, done.stderr)
        record: dict[str, Any] = json.loads(done.stdout)
        return record

    def live(self) -> dict[str, dict[str, Any]]:
        """Everything after `init`: the records of all commands, by their names."""
        here = ("--set", f"environments.local.target.port={self.port}", "--set", "serve.log.segment_seconds=0.2")
        records = {"train": self.modelway("train")}
        records["package"] = self.modelway("package", "--version", "champion", "--output", "bundle")
        records["deploy"] = self.modelway("deploy", "--env", "local", *here)
        try:
            url = records["deploy"]["url"]
            records["smoke"] = self.modelway("smoke", "--endpoint", url, "--bundle", "bundle")
            records["answer"] = self.ask(url)
            self.send(url)
            records["batch"] = self.modelway("batch", "--sample", "--run", "first")
            records["monitor"] = self.modelway("monitor", "--no-check-data", *here)
        finally:
            self.modelway("stop", "--env", "local", *here)
        return records

    def ask(self, url: str) -> dict[str, Any]:
        """What the server says of the example that came with the model."""
        return self._post(url, self._example())

    def send(self, url: str) -> None:
        """Traffic: rows of the data, of those that the model wants."""
        (data,) = (path for path in (self.root / self.folder).rglob("*.csv") if ".modelway" not in path.parts)
        columns = json.loads(self._example())["dataframe_split"]["columns"]
        there = pa_csv.read_csv(data).select(columns).to_pylist()
        rows = there[:: max(1, len(there) // 1000)]  # of all of it: a year has seasons
        for start in range(0, len(rows), 50):
            self._post(url, json.dumps({"dataframe_records": rows[start : start + 50]}, default=str).encode())

    def _example(self) -> bytes:
        return (self.root / self.folder / "bundle" / "serving_input_example.json").read_bytes()

    def _post(self, url: str, body: bytes) -> dict[str, Any]:
        request = urllib.request.Request(f"{url}/invocations", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            said: dict[str, Any] = json.loads(answer.read())
        return said


@pytest.fixture
def stranger(tmp_path: Path) -> Any:
    """Gives a git repository with these files, and a port that nobody has at the moment."""

    def make(files: dict[str, str], folder: str = "") -> Stranger:
        root = tmp_path / "stranger"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return Stranger(root, folder, free.getsockname()[1])

    return make


def check_all(records: dict[str, dict[str, Any]], name: str) -> None:
    assert records["train"]["version"] == 1
    assert records["package"]["bundle"]["name"] == name
    assert records["answer"]["predictions"]
    assert records["batch"]["rows"] > 0
    assert records["monitor"]["action"] == "watch"  # nobody said where labels are


def test_a_scikit_learn_project(stranger: Any, shared_data: Path) -> None:
    found = stranger({"pyproject.toml": '[project]\nname = "census"\nversion = "1"\n', "census/model.py": FOREST})
    (found.root / "data").mkdir()
    shutil.copy(shared_data / "adult.csv", found.root / "data")
    model = ("--model", "census.model:build", "--trusted", "sklearn.tree._tree.Tree")
    told = found.modelway("init", "--target", "income", *model, "--module", MODULE)
    assert (told["name"], told["task"]) == ("census", "classification")
    records = found.live()
    check_all(records, "census")
    assert records["train"]["metrics"]["roc_auc"]["value"] > 0.88
    columns = {entry["column"] for entry in json.loads((found.root / "bundle/features.json").read_text())["features"]}
    assert {"age", "education"} <= columns  # the stranger's data, and none of our sample's


@pytest.mark.exhaustive
def test_a_monorepo(stranger: Any, shared_data: Path) -> None:
    found = stranger({"services/web/app.py": "print()\n", "services/bikes/README.md": "\n"}, "services/bikes")
    shutil.copy(shared_data / "bike_hour.csv", found.root / found.folder)
    told = found.modelway("init", "--target", "cnt", "--module", MODULE)
    assert (told["name"], told["task"]) == ("bikes", "regression")
    assert sorted(path.name for path in found.root.iterdir()) == [".git", ".github", "services"]
    workflows = list((found.root / ".github/workflows").iterdir())
    assert workflows
    assert all(path.name.startswith("bikes-") for path in workflows)
    records = found.live()
    check_all(records, "bikes")
    assert records["train"]["metrics"]["r2"]["value"] > 0.8
    left = subprocess.run(["git", "status", "--short"], cwd=found.root, capture_output=True, text=True, check=True)
    assert not {"mlflow.db", "model-artifacts"} & set(left.stdout.split("/"))


@pytest.mark.exhaustive
def test_a_module_that_init_wrote(stranger: Any, customers: Any) -> None:
    found = stranger({"customers.csv": customers(2000)})
    told = found.modelway("init", "--target", "churned", "--model", "churn:make", "--name", "churn", "--module", MODULE)
    assert "churn.py" in {one["path"] for one in told["files"] if one["state"] == "written"}
    check_all(found.live(), "churn")


def test_an_xgboost_project(stranger: Any, shared_data: Path) -> None:
    pytest.importorskip("xgboost", reason="xgboost is not in modelway's lock: install it to run this")
    found = stranger({"rentals.py": BOOSTER})
    shutil.copy(shared_data / "bike_hour.csv", found.root)
    trusted = ("--trusted", "xgboost.sklearn.XGBRegressor", "--trusted", "xgboost.core.Booster")
    found.modelway("init", "--target", "cnt", "--model", "rentals:build", *trusted, "--module", MODULE)
    records = found.live()
    check_all(records, "stranger")
    assert records["train"]["metrics"]["r2"]["value"] > 0.8


@pytest.mark.parametrize(("module", "needs"), [("nets", "torch"), ("skorch_nets", "skorch")])
def test_a_pytorch_project(stranger: Any, shared_data: Path, module: str, needs: str) -> None:
    pytest.importorskip(needs, reason=f"{needs} is not in modelway's lock: install it to run this")
    name = {"nets": "Network", "skorch_nets": "Classifier"}[module]
    found = stranger({f"{module}.py": code_of(module)})
    shutil.copy(shared_data / "adult.csv", found.root)
    argv = ("--model", f"{module}:make", "--trusted", f"{module}.{name}", "--module", MODULE)
    found.modelway("init", "--target", "income", *argv)
    with (found.root / "modelway.yaml").open("a") as settings:
        settings.write(f'\npackage: {{export: "{module}:export"}}\n')
    records = found.live()
    check_all(records, "stranger")
    assert records["train"]["metrics"]["roc_auc"]["value"] > 0.85
    assert records["package"]["bundle"]["format"] == "onnx"


def code_of(module: str) -> str:
    """What the documents show as this module's file."""
    document = (Path(__file__).resolve().parents[2] / "docs" / "own-models.md").read_text()
    blocks = [part.partition("```")[0] for part in document.split("```python\n")[1:]]
    return next(block for block in blocks if block.startswith(f'"""{module}.py'))


def test_a_private_index_goes_by_a_secret(stranger: Any, customers: Any) -> None:
    # Settings only: what is written. The address, which may hold a password, stands in no file of ours.
    address = "https://me:hunter2@packages.example.com/simple"
    index = f'[[tool.uv.index]]\nname = "ours"\nurl = "{address}"\ndefault = true\n'
    found = stranger({"pyproject.toml": f'[project]\nname = "churn"\nversion = "1"\n{index}', "d.csv": customers()})
    told = found.modelway("init", "--target", "churned", "--module", MODULE)
    assert any("MODELWAY_INDEX_URL" in note for note in told["notes"])
    texts = {one["path"]: (found.root / one["path"]).read_text() for one in told["files"]}
    assert not any("hunter2" in text or "packages.example.com" in text for text in texts.values())
    calls = [text for path, text in texts.items() if "workflows/" in path]
    assert all("index-url: ${{ secrets.MODELWAY_INDEX_URL }}" in text for text in calls)


@pytest.mark.exhaustive
def test_a_package_of_a_private_index(stranger: Any, shared_data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    found = stranger({"model.py": TREE})
    shutil.copy(shared_data / "bike_hour.csv", found.root)
    install_privately(tmp_path, found.port)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    trusted = ("--trusted", "sklearn.tree._tree.Tree")
    found.modelway("init", "--target", "cnt", "--model", "model:build", *trusted, "--module", MODULE)
    check_all(found.live(), "stranger")


def install_privately(folder: Path, port: int) -> None:
    """Install the lock of what only a private index has into `packages`, from that index, which asks who is there."""
    script = Path(__file__).resolve().parents[1] / "ci" / "engine" / "private_index.py"
    environment = {**os.environ, "USER": "me", "PASSWORD": "hunter2"}
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--retries", "60"]
    command += ["--index-url", f"http://me:hunter2@127.0.0.1:{port}/simple", "--target", str(folder / "packages")]
    with subprocess.Popen([sys.executable, str(script), "127.0.0.1", str(port), str(folder)], env=environment) as index:
        try:
            while not (folder / "requirements.lock").exists():
                assert index.poll() is None
                time.sleep(0.1)
            subprocess.run([*command, "-r", str(folder / "requirements.lock")], check=True)
        finally:
            index.terminate()
    assert "/files/ours_of_the_shop-1.0-py3-none-any.whl" in (folder / "given.txt").read_text()
