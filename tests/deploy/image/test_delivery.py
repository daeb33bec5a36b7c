"""A whole delivery as a person commands it: image, registry, state on s3, ECS, a server that the smoke test asks."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from passwords import TOKEN, USER

sys.path.insert(0, str(Path(__file__).parents[3] / "ci" / "stand_ins"))
sys.path.insert(0, str(Path(__file__).parents[3] / "ci" / "src"))
from ecs_stand_in import Cluster, StandIn

from modelway.artifacts import read_manifest
from modelway.records.data import S3Options
from modelway.records.serve import ServeOptions
from modelway.records.serving import SETTINGS, ServingSettings
from modelway.storage.s3 import s3_client
from modelway_ci.handover import Handover

ROOT = Path(__file__).parents[3]
CANARY = "canary-5b1f"
"""AWS's secret key."""


@pytest.fixture
def store(empty_moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    options = S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True)
    s3_client(options).create_bucket(Bucket="deploys")
    return empty_moto


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    cluster = Cluster("main")
    cluster.register({"family": "loans", "containerDefinitions": [{"name": "server", "image": "placeholder"}]}, [])
    cluster.create_service("loans", "loans", 0)
    with StandIn(cluster, key="someone") as made:
        yield made
        assert not made.wrong


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Any) -> Any:
    """A project with a first version registered."""
    root = tmp_path / "project"
    root.mkdir()
    shutil.copy(ROOT / "modelway.yaml", root)
    monkeypatch.chdir(root)
    made = in_project(root)
    assert made.run("sample", "--output", "data", "--rows", "1500") == 0
    assert made.run("train", "--epochs", "10") == 0, made.err
    assert made.run("package", "--version", "champion", "--output", "bundle") == 0, made.err
    return made


@pytest.fixture
def served(project: Any, store: str, free_port: int) -> Iterator[str]:
    """A server of the first version, as ECS would run it, with the settings that the release passes to it."""
    serve = ServeOptions(s3=S3Options(endpoint_url=store, path_style=True))
    variables = {**os.environ, SETTINGS: ServingSettings(serve=serve).text}
    argv = [sys.executable, "-m", "modelway", "serve", "--bundle", str(project.root / "bundle"), "--workers", "1"]
    process = subprocess.Popen([*argv, "--port", str(free_port)], cwd="/", env=variables, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{free_port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/v2/health/ready", timeout=5)
            break
        except OSError:
            assert process.poll() is None
            time.sleep(0.2)
    yield url
    process.terminate()
    process.wait()


@pytest.fixture
def handed_over() -> Iterator[tuple[Callable[[], str | None], str]]:
    """What a step hands over to the function that called it, and where it does."""
    loop, handover = asyncio.new_event_loop(), Handover()
    loop.run_until_complete(handover.__aenter__())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield lambda: handover.text, handover.address
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.mark.slow
def test_a_version_is_delivered_and_delivering_it_again_changes_nothing(
    project: Any, served: str, store: str, stand_in: StandIn, registry: Any, cli: Any, handed_over: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in cli("docker").items():
        monkeypatch.setenv(name, f"{value}{os.pathsep}{os.environ['PATH']}" if name == "PATH" else value)
    monkeypatch.setenv("MODELWAY_REGISTRY_USER", USER)
    monkeypatch.setenv("MODELWAY_REGISTRY_TOKEN", TOKEN)
    monkeypatch.setenv("MODELWAY_COMMIT", "c0ffee")
    place = {
        "image.repository": f"{registry.host}/loans",
        "target.cluster": "main",
        "target.service": "loans",
        "target.endpoint_url": stand_in.url,
        "s3.endpoint_url": store,
        "s3.path_style": "true",
        "state": "s3://deploys/staging",
        "url": served,
        "smoke.latency_ms": "60000",
        "wait.poll_seconds": "0.05",
    }
    flags = [word for key, value in place.items() for word in ("--set", f"environments.staging.{key}={value}")]
    told = project.json("deploy", "--env", "staging", *flags)
    assert (told["exit_code"], told["changed"]) == (0, True), project.err
    image = told["release"]["image"]
    assert stand_in.cluster.serving("loans") == {image: 100.0}
    for tag in ("v1", "c0ffee", "latest"):
        assert registry.manifest("loans", tag, USER, TOKEN)["digest"] == image.partition("@")[2]
    assert {check["verdict"] for check in told["smoke"]["checks"]} == {"pass"}
    calls = len(registry.calls)

    again = project.json("deploy", "--env", "staging", *flags)
    assert (again["exit_code"], again["changed"], again["release"]["image"]) == (0, False, image)
    assert len(registry.calls) == calls  # nothing was built

    taken, address = handed_over
    monkeypatch.setenv("MODELWAY_HANDOVER", address)
    handed = project.json("deploy", "--env", "staging", "--rebuild", "--bundles", "handed", *flags)
    assert handed["build"]["tags"] == ["v1", "c0ffee", "latest"]
    assert taken() == f"{registry.host}\n{USER}\n{TOKEN}"
    assert (project.root / "handed" / "bundle" / "model.onnx").is_file()
    assert read_manifest(project.root / "handed", "bundles").inputs.keys() == {"1"}

    # Whoever builds and pushes elsewhere has the secrets there: to write the bundles takes none.
    for name in ("MODELWAY_HANDOVER", "MODELWAY_REGISTRY_USER", "MODELWAY_REGISTRY_TOKEN"):
        monkeypatch.delenv(name)
    project.json("deploy", "--env", "staging", "--rebuild", "--bundles", "plain", *flags)
    assert (project.root / "plain" / "bundle" / "model.onnx").is_file()

    (definition,) = [one for one in stand_in.cluster.definitions.values() if one["revision"] == 2]
    (container,) = definition["containerDefinitions"]
    assert {"name": "MODELWAY_FLAGS", "value": "s3://deploys/staging/flags.json"} in container["environment"]
    for secret in (CANARY, TOKEN):
        assert secret not in project.out + project.err + str(stand_in.cluster.definitions)
        assert not [path for path in project.root.rglob("*.json") if secret in path.read_text("utf-8", "replace")]
