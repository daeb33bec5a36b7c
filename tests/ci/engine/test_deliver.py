"""Packaging, images and deploys on a real engine, against stand-ins on this machine and within the engine."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tarfile
import urllib.request
from base64 import b64encode

import pytest

from modelway.bundle import verify_bundle
from modelway_ci.images import PYTHON

from .servers import free_port, running, settings_of

pytestmark = pytest.mark.slow

PACKAGES = 200_000_000
"""Bytes that the server's packages may take, byte code included."""


@pytest.fixture(scope="module")
def bundle(call, project):
    """The champion's bundle, as `dagger call package` exported it."""
    trained = call("train", "export", "--path", "trained")
    assert trained.exit_code == 0, trained.log
    packaged = call("package", "--version", "champion", "export", "--path", "bundle")
    assert packaged.exit_code == 0, packaged.log
    return project / "bundle"


def test_the_bundle_that_is_exported_verifies(bundle):
    assert verify_bundle(bundle).info.version == 1


def test_the_image_is_small_and_no_roots(call, bundle, project, tmp_path):
    built = call("image", "--bundle", "bundle", "export", "--path", "image.tar")
    assert built.exit_code == 0, built.log
    with tarfile.open(project / "image.tar") as image:
        image.extractall(tmp_path, filter="data")

    def blob(digest):
        return tmp_path / "blobs" / digest.replace(":", "/")

    index = json.loads((tmp_path / "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
    config = json.loads(blob(manifest["config"]["digest"]).read_text())["config"]
    told = {name.rpartition("image.")[2]: value for name, value in config["Labels"].items()}
    assert (told["version"], told["base.name"]) == ("v1", PYTHON["3.11"])
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", told["base.digest"])
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"]
    names = {}
    for layer in manifest["layers"]:
        with tarfile.open(blob(layer["digest"])) as files:
            names |= {file.name: file.size for file in files if file.name.startswith("opt/modelway/")}
    assert sum(names.values()) <= PACKAGES
    assert any(name.endswith(".pyc") for name in names)
    assert not [name for name in names if name.split("/")[2] in {"sklearn", "mlflow", "pyarrow", "pandas", "onnx"}]


@pytest.mark.exhaustive
def test_an_unknown_version_ends_the_image_as_it_ends_the_packaging(call, bundle):
    refused = call("image", "--version", "77", "export", "--path", "none.tar")
    assert refused.exit_code == 2
    assert "there is no version '77'" in refused.log


ENVIRONMENTS = """
environments:
  staging:
    target: {kind: ecs, cluster: main, service: loans, region: us-east-1}
    image: {repository: "localhost:REGISTRY/loans"}
    state: s3://deploys/staging
    wait: {poll_seconds: 0.5}
  production:
    target: {kind: kubernetes}
"""
SECRET = "hunter2-and-nothing-else"
TOKEN = "a-token-of-the-registry-7c31"
BCRYPT = "pusher:$2b$04$kHhQZ62CZ.nNgcacZY7pfeEiE4i8YTU9fB8E2/kvetkfPwP3OOM/C"
"""The registry's user and that token, as htpasswd has them."""
KEYS = {"KEY": "someone", "SECRET": SECRET, "USER_OF_IMAGES": "pusher", "TOKEN_OF_IMAGES": TOKEN}


@pytest.fixture(scope="module")
def outside(bundle, project, root, tmp_path_factory):
    """Flags of the module for an object store, an ECS, a registry and a server on this machine."""
    import boto3

    if (registry := shutil.which("docker-registry")) is None:
        pytest.skip("docker-registry is not installed (Debian's package of that name)")
    folder = tmp_path_factory.mktemp("outside")
    names = ("s3", "ecs", "registry", "served")
    ports = {name: free_port() for name in names}
    images = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(folder / "images")}}}
    (folder / "htpasswd").write_text(BCRYPT)
    images["auth"] = {"htpasswd": {"realm": "images", "path": str(folder / "htpasswd")}}
    (folder / "registry.yml").write_text(json.dumps(images | {"http": {"addr": f"127.0.0.1:{ports['registry']}"}}))
    python, here = sys.executable, ("--host", "127.0.0.1", "--port")
    commands = {
        "s3": [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", ports["s3"]],
        "ecs": [python, "-m", "ecs_stand_in", *here, ports["ecs"], "--service", "loans"],
        "registry": [registry, "serve", folder / "registry.yml"],
        "served": [python, "-m", "modelway", "serve", "--bundle", bundle, *here, ports["served"], "--workers", "1"],
    }
    (project / "deliver.yaml").write_text(
        (project / "modelway.yaml").read_text() + ENVIRONMENTS.replace("REGISTRY", str(ports["registry"]))
    )
    paths = {"PYTHONPATH": str(root / "ci" / "stand_ins")}
    with (
        running(commands["s3"], ports["s3"]),
        running(commands["ecs"], ports["ecs"], **paths),
        running(commands["registry"], ports["registry"]),
        running(
            commands["served"],
            ports["served"],
            cwd=folder,
            **settings_of(project / "deliver.yaml", "staging", ports["s3"]),
        ),
    ):
        who = {"aws_access_key_id": "someone", "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=f"http://127.0.0.1:{ports['s3']}", **who).create_bucket(Bucket="deploys")
        services = [word for name in names for word in (f"--{name}", f"tcp://127.0.0.1:{ports[name]}")]
        keys = ["--aws-access-key-id", "env://KEY", "--aws-secret-access-key", "env://SECRET"]
        keys += ["--registry-user", "env://USER_OF_IMAGES", "--registry-token", "env://TOKEN_OF_IMAGES"]
        yield ["--config", "deliver.yaml", *services, *keys]


@pytest.fixture(scope="module")
def told(call, outside, tmp_path_factory):
    """Calls a function with these, and gives the call and its summary."""

    def calling(*words):
        target = tmp_path_factory.mktemp("told") / "out"
        done = call(*outside, *words, "--report-only", "export", "--path", str(target), environment=KEYS)
        assert SECRET not in done.log
        assert TOKEN not in done.log
        assert done.exit_code == 0, done.log[-3000:]
        return done, json.loads((target / "summary.json").read_text())

    return calling


@pytest.fixture(scope="module")
def delivered(told):
    """The summary of the first deploy to staging: what the tests find there, in whatever order they run."""
    return told("deploy", "--env", "staging")[1]


def test_without_credentials_each_secret_is_named_with_how_to_pass_it(call, outside):
    refused = call("--config", "deliver.yaml", "deploy", "--env", "staging", "export", "--path", "none")
    assert refused.exit_code == 2
    for name in ("aws-access-key-id", "aws-secret-access-key"):
        assert f"dagger call --{name} env://" in refused.log
    assert "dagger call rehearse --env staging" in refused.log


def test_a_release_goes_out_and_comes_back(told, delivered):
    assert (delivered["exit_code"], delivered["changed"]) == (0, True), delivered
    image = delivered["release"]["image"]
    assert image.startswith("localhost:")
    assert delivered["smoke"]["checks"]
    again, second = told("deploy", "--env", "staging")
    assert (second["exit_code"], second["changed"], second["release"]["image"]) == (0, False, image)
    assert "deploy" in again.executed  # it was asked anew, and not remembered
    _, other = told("deploy", "--env", "staging", "--image", f"sha256:{'b' * 64}")
    assert (other["exit_code"], other["changed"]) == (0, True)
    _, back = told("rollback", "--env", "staging")
    assert (back["exit_code"], back["release"]["image"]) == (0, image)
    asked, status = told("status", "--env", "staging")
    assert image in json.dumps(status)
    assert "status" in asked.executed
    _, flags = told("flags", "--action", "set", "--env", "staging", "--new-model", "0")
    assert flags["shares"]["new_model"] == 0
    assert told("flags", "--action", "set", "--env", "staging", "--new-model", "0.5")[1]["exit_code"] == 2


def test_what_was_pushed_is_what_the_registry_has(delivered):
    assert delivered["exit_code"] == 0, delivered
    address, _, digest = delivered["release"]["image"].partition("/loans@")
    for reference in (digest, "v1", "latest"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{address.rpartition(':')[2]}/v2/loans/manifests/{reference}"
        )
        request.add_header("accept", "application/vnd.oci.image.manifest.v1+json")
        request.add_header("authorization", f"Basic {b64encode(f'pusher:{TOKEN}'.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            content = answer.read()
            assert answer.headers["docker-content-digest"] == digest
        assert SECRET.encode() not in content


def test_smoke_asks_each_time_and_ends_as_its_verdict_says(call, outside, told, tmp_path):
    asked, told_first = told("smoke", "--bundle", "bundle")
    assert (told_first["exit_code"], told_first["verdict"]) == (0, "pass")
    assert "smoke" in asked.executed
    assert "smoke" in told("smoke", "--bundle", "bundle")[0].executed
    assert told("smoke")[1]["exit_code"] == 5  # nothing to compare predictions with
    slow = call(*outside, "smoke", "--bundle", "bundle", "--latency-ms", "0.001", "--deadline", "2", "export", "--path",
                str(tmp_path / "slow"), environment=KEYS)  # fmt: skip
    assert slow.exit_code == 4, slow.log[-3000:]


def test_a_rehearsal_needs_no_account(call, outside, tmp_path):
    words = ("--config", "deliver.yaml", "rehearse", "--env", "staging", "export", "--path", str(tmp_path / "out"))
    done = call(*words)
    assert done.exit_code == 0, done.log[-3000:]
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["deploy"]["changed"] is True
    assert summary["again"]["changed"] is False
    assert summary["image"] in json.dumps(summary["status"])
    assert {check["verdict"] for check in summary["deploy"]["smoke"]["checks"]} == {"pass"}


@pytest.mark.parametrize("environment", ["local", pytest.param("production", marks=pytest.mark.exhaustive)])
def test_a_rehearsal_of_another_target_is_refused(call, outside, environment):
    refused = call("--config", "deliver.yaml", "rehearse", "--env", environment, "export", "--path", "none")
    assert refused.exit_code == 2
    assert "has no stand-in" in refused.log
