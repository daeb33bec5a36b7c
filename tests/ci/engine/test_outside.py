"""What a run reaches outside of the engine: servers, stores, the user's data, code and packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelway.settings import load_slice

from .servers import free_port, running

pytestmark = pytest.mark.slow

USER = "trainer"
SECRET = "hunter2-and-nothing-else"


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory):
    """The port of an MLflow server that asks who is there."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder)]
    (folder / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\nadmin_username = {USER}\nadmin_password = {SECRET}\n"
        f"auth_cache_ttl_seconds = 60\ndatabase_uri = sqlite:///{folder}/auth.db\n"
    )
    command += ["--allowed-hosts", "*", "--workers", "1", "--app-name", "basic-auth"]
    identity = {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_FLASK_SERVER_SECRET_KEY": "signs-cookies"}
    with running(command, port, "/health", folder, **identity):
        yield port


@pytest.fixture(scope="module")
def store(tmp_path_factory, project):
    """The port of an object store that holds the project's data in s3://bucket/loans/."""
    import boto3

    port = free_port()
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
    with running(command, port, cwd=tmp_path_factory.mktemp("store")):
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys)
        client.create_bucket(Bucket="bucket")
        client.upload_file(str(project / "data/loans.csv"), "bucket", "loans/loans.csv")
        yield port


def test_a_tracking_server_of_the_host_and_a_secret_that_shows_nowhere(call, mlflow_server, tmp_path):
    who = ("--mlflow-username", "env://TRACKING_USER", "--mlflow-password", "env://TRACKING_PASSWORD")
    words = ("--mlflow", f"tcp://127.0.0.1:{mlflow_server}", *who, "train", "export", "--path", str(tmp_path / "out"))
    stranger = call(*words, environment={"TRACKING_USER": USER, "TRACKING_PASSWORD": "a guess"})
    assert stranger.exit_code == 6, stranger.log[-3000:]
    done = call(*words, environment={"TRACKING_USER": USER, "TRACKING_PASSWORD": SECRET})
    assert done.exit_code == 0, done.log[-3000:]
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["version"], summary["created"]) == (1, True)
    assert SECRET not in done.log
    assert not [
        path for path in (tmp_path / "out").rglob("*") if path.is_file() and SECRET in path.read_text("latin-1")
    ]


def test_a_release_is_published_once_and_its_token_shows_nowhere(call, project, root, tmp_path):
    port = free_port()
    standin = root / "tests" / "github" / "standin.py"
    command = [sys.executable, str(standin), str(port), "octocat/loans", SECRET, "github"]
    words = ("--github", f"tcp://127.0.0.1:{port}", "--github-token", "env://GH_TOKEN", "release", "--version", "1")
    words = (*words, "--repository", "octocat/loans", "export", "--path", str(tmp_path / "out"))
    environment = {"GH_TOKEN": SECRET}
    with running(command, port, cwd=tmp_path):
        trained = call("train", "--report-only", "export", "--path", str(tmp_path / "trained"))
        assert trained.exit_code == 0, trained.log[-3000:]
        first = call(*words, environment=environment)
        assert first.exit_code == 0, first.log[-3000:]
        told = json.loads((tmp_path / "out/summary.json").read_text())
        assert (told["tag"], len(told["uploaded"])) == (f"{load_slice(project / 'modelway.yaml').name}-v1", 3)
        again = call(*words, environment=environment)
        assert json.loads((tmp_path / "out/summary.json").read_text())["uploaded"] == []
        refused = call(*words, environment={"GH_TOKEN": "another"})
        assert refused.exit_code == 6
        assert SECRET not in first.log + again.log


def test_secrets_are_in_no_layer(engine, workshop):
    script = """
import sys
import anyio, dagger
from dagger import dag
from modelway_ci.images import PYTHON
from modelway_ci.services import Outside, with_server, with_store

async def main():
    async with dagger.connection(dagger.Config(log_output=None)):
        secret = dag.set_secret("token", sys.argv[1])
        names = {"MLFLOW_TRACKING_TOKEN": secret}, {"AWS_SECRET_ACCESS_KEY": secret}
        outside = Outside(None, None, *names)
        box = dag.container().from_(PYTHON["3.11"]).with_exec(["true"])
        box, _ = await with_store(box, outside)
        box = await with_server(box, outside, secret)
        seen = await box.with_exec(["sh", "-c", 'printf %s "$MLFLOW_TRACKING_URI" | wc -c']).stdout()
        kept = box.with_exec(["sh", "-c", "echo used > /tmp/used"])
        await kept.as_tarball(forced_compression=dagger.ImageLayerCompression.Uncompressed).export(sys.argv[2])
        print(seen.strip())

anyio.run(main)
"""
    target = Path(os.environ.get("TMPDIR", "/tmp")) / f"modelway-layers-{os.getpid()}.tar"
    environment = engine.environment | {"_EXPERIMENTAL_DAGGER_CLI_BIN": engine.cli}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        command = [sys.executable, "-c", script, SECRET, str(target)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[-1] == str(len(SECRET))
        assert SECRET.encode() not in target.read_bytes()
    finally:
        target.unlink(missing_ok=True)


def test_data_in_an_object_store_is_asked_for_each_time_and_fitted_once(call, store, tmp_path):
    environment = {"KEY": "x", "SECRET": "y"}
    words = ("--s3", f"tcp://127.0.0.1:{store}", "--aws-access-key-id", "env://KEY", "--aws-secret-access-key")
    words = (*words, "env://SECRET", "train", "--register=false", "--data-uri", "s3://bucket/loans/", "--report-only")
    first = call(*words, "export", "--path", str(tmp_path / "first"), environment=environment)
    assert first.exit_code == 0, first.log[-3000:]
    assert json.loads((tmp_path / "first/summary.json").read_text())["stages"]["evaluate"] in {0, 5}
    again = call(*words, "export", "--path", str(tmp_path / "again"), environment=environment)
    assert again.executed == ["look", "prepare"]
    assert (tmp_path / "first/manifest.json").read_text() == (tmp_path / "again/manifest.json").read_text()


def real(call, shared_data, tmp_path, example, name, *words):
    """Train on a real data set that lies outside of the source, with an example's settings."""
    (tmp_path / "data").mkdir()
    shutil.copyfile(shared_data / name, tmp_path / "data" / name)
    config = ("--config", f"examples/{example}/modelway.yaml", "train", "--data", str(tmp_path / "data"))
    flags = ("--trials", "0", "--register=false", "--report-only", *words)
    done = call(*config, *flags, "export", "--path", str(tmp_path / "out"))
    assert done.exit_code == 0, done.log[-3000:]
    return json.loads((tmp_path / "out/summary.json").read_text())


@pytest.mark.exhaustive
def test_census_data(call, shared_data, tmp_path):
    summary = real(call, shared_data, tmp_path, "income", "adult.csv", "--epochs", "60")
    assert summary["stages"]["evaluate"] in {0, 4, 5}
    assert summary["metrics"]["roc_auc"]["value"] > 0.88


def test_the_users_own_module_and_packages_are_there_where_they_run(call, project, shared_data, tmp_path):
    folder = project / "examples/bikes"
    module, lock = folder / "bike_features.py", folder / "requirements.lock"
    before = module.read_text()
    module.write_text(before.replace("import numpy as np", "import numpy as np\nimport toml", 1))
    # Any small package would do that modelway has no need of.
    digest = "806143ae5bfb6a3c6e736a764057db0e6a0e05e338b5630894a5f779cabb4f9b"
    lock.write_text(f"toml==0.10.2 --hash=sha256:{digest}\n")
    try:
        summary = real(call, shared_data, tmp_path, "bikes", "bike_hour.csv", "--epochs", "60")
    finally:
        module.write_text(before)
        lock.unlink()
    assert summary["metrics"]["r2"]["value"] > 0.8


def test_a_tracking_file_of_the_host_is_refused(call, tmp_path):
    done = call("train", "--tracking-uri", "env://URI", environment={"URI": "sqlite:///mlflow.db"})
    assert done.exit_code == 2
    assert "a file on your machine" in done.log
