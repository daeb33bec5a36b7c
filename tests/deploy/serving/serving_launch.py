"""Servers started with just what a target would give them: command, environment and files of what is rendered."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from modelway.deploy.ecs.definitions import new_definition
from modelway.deploy.image.context import more_lines
from modelway.deploy.kubernetes.manifests import manifests
from modelway.deploy.local.files import WANTED
from modelway.deploy.target import Place, open_target
from modelway.pipeline.deploy import release_settings
from modelway.pipeline.environment import open_environment
from modelway.records.deploy import Live, LiveState, Release
from modelway.settings import load_slice

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
KINDS = ("local", "ecs", "kubernetes")
BUCKET = "models"
FLAGS, LOG = f"s3://{BUCKET}/here/flags.json", f"s3://{BUCKET}/here/log"
AWS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret"}
IMAGE = f"registry.example.com/loans@sha256:{'1' * 64}"
SMOKE = "5" * 64
TARGETS: dict[str, dict[str, Any]] = {
    "local": {"kind": "local"},
    "ecs": {"kind": "ecs", "cluster": "main", "service": "loans", "region": "eu-central-1"},
    "kubernetes": {"kind": "kubernetes"},
}


class Store:
    """An object store, moto's, that remembers what it was asked: method, path, host and signature."""

    def __init__(self) -> None:
        inner = DomainDispatcherApplication(create_backend_app)
        self.asked: list[tuple[str, str, str, str]] = []

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            seen = [environ.get(key, "") for key in ("REQUEST_METHOD", "PATH_INFO", "HTTP_HOST", "HTTP_AUTHORIZATION")]
            self.asked.append((seen[0], seen[1], seen[2], seen[3]))
            return inner(environ, start_response)

        self._server = make_server("127.0.0.1", 0, application, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.client.create_bucket(Bucket=BUCKET)

    @property
    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(s3={"addressing_style": "path"})
        keys = {"aws_access_key_id": "someone", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.url, config=config, **keys)

    def close(self) -> None:
        self._server.shutdown()

    def clear(self) -> None:
        self.asked.clear()
        for key in self.names():
            self.client.delete_object(Bucket=BUCKET, Key=key)

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def names(self, prefix: str = "") -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [one["Key"] for one in found]

    def lines(self, stream: str = "predictions") -> list[dict[str, Any]]:
        """The records of the log."""
        found = []
        for key in self.names(f"here/log/{stream}/"):
            content = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            found += [json.loads(line) for line in gzip.decompress(content).splitlines()]
        return found

    def s3(self) -> dict[str, Any]:
        """What an environment's settings say of it."""
        return {"endpoint_url": self.url, "region": "eu-north-1", "path_style": True}


@dataclass
class Launch:
    """What a target starts: nothing of it comes from the test."""

    argv: list[str]
    environment: dict[str, str]
    folder: Path
    settings: dict[str, Any]
    digest: str | None


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int
    store: Store
    spool: Path
    stderr: Path
    row: dict[str, Any]
    state: Path
    seen: dict[str, Any] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, content, {"content-type": "application/json"} | named)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode(errors="replace")

    def predict(self, *rows: dict[str, Any], **headers: str) -> tuple[int, Any]:
        return self.ask("POST", "/predict", {"dataframe_records": list(rows or (self.row,))}, **headers)

    def connect(self, content: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(content)
        return connection

    def metric(self, name: str, **labels: str) -> float:
        from prometheus_client.parser import text_string_to_metric_families

        samples = [
            one for family in text_string_to_metric_families(self.ask("GET", "/metrics")[1]) for one in family.samples
        ]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    def first_worker(self) -> psutil.Process:
        return psutil.Process(self.process.pid).children()[0]

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [line for line in self.stderr.read_text().splitlines() if line.startswith("{")]
        return [event for line in lines if (event := json.loads(line))["event"] == name]

    def end(self) -> None:
        """Let it end, and bring its log to the store; kill it where it takes long."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self.process.poll() is None:
            for one in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
                one.kill()
            self.process.wait(60)


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for something; gives it, or something false when the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def place_of(
    kind: str, root: Path, bundles: Any, serve: dict[str, Any], environment: dict[str, Any], port: int
) -> Place:
    """An environment of a project whose settings file has this `serve` section."""
    target = TARGETS[kind] | ({"port": port} if kind == "local" else {})
    here = {"target": target, "flags": FLAGS, "log": LOG, **environment}
    (root / "modelway.yaml").write_text(json.dumps({"name": "loans", "serve": serve, "environments": {"here": here}}))
    opened = open_environment(load_slice(root / "modelway.yaml"), "here", root, {**os.environ, **AWS})
    return replace(opened.place, bundles=bundles.path, smoke=SMOKE)


def render(kind: str, place: Place, refs: tuple[Any, ...], writable: Path) -> Launch:
    """What the target would start."""
    release = Release(
        name="loans",
        champion=refs[0],
        challengers=refs[1:],
        image=None if kind == "local" else IMAGE,
        settings=release_settings(place, *refs),
    )
    told = json.loads(release.given.text or "{}")
    target: Any = open_target(place)
    if kind == "local":
        (start,) = target.plan(release, Live(state=LiveState.ABSENT))
        target._prepare(start.arguments)
        files = place.state / "local"
        assert (files / WANTED).exists()
        argv = [sys.executable, "-m", "modelway.deploy.local.launch", str(files)]
        environment = {**target._environment(), "MODELWAY_ADMIN_TOKEN": "token"}
        return Launch(argv, environment, place.root, told, release.given.digest)
    container = _ecs_container(target, release, place) if kind == "ecs" else _pod_container(release, place)
    assert "command" not in container  # so that it is the image's own
    assert "args" not in container
    variables = _image_variables() | {one.get("name"): one.get("value") for one in container["environment"]}
    words = _image_command(len(refs) - 1)
    for at, ref in enumerate(refs):  # where an image has its bundles
        inside = f"/challengers/{at - 1}" if at else "/bundle"
        words = [str(place.bundles / ref.digest) if word == inside else word for word in words]
    words = ["0" if word == "8000" else word for word in words]  # all containers of this machine share its ports
    moved = {name: value.replace("/var/modelway", str(writable)) for name, value in variables.items()}
    base = {name: value for name, value in os.environ.items() if not name.startswith(("MODELWAY_", "AWS_"))}
    return Launch(words, base | moved | AWS, writable, told, release.given.digest)


def _ecs_container(target: Any, release: Release, place: Place) -> dict[str, Any]:
    register = target.plan(release, Live(state=LiveState.ABSENT))[0]
    arguments = json.loads(json.dumps(register.arguments))
    stale = [{"name": "MODELWAY_SERVE_SETTINGS", "value": '{"serve":{"log":{"sample":0.25}}}'}]
    base = {"family": "loans", "containerDefinitions": [{"name": "server", "image": "old", "environment": stale}]}
    definition = new_definition(base, place.options.target, arguments["image"], arguments["variables"])  # type: ignore[arg-type]
    (container,) = definition["containerDefinitions"]
    return container  # type: ignore[no-any-return]


def _pod_container(release: Release, place: Place) -> dict[str, Any]:
    deployment = json.loads(json.dumps(manifests(place, place.options.target, release)[0]))  # type: ignore[arg-type]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {**container, "environment": container["env"]}


def _dockerfile() -> str:
    return (ROOT / "docker" / "Dockerfile.serving").read_text().replace("\\\n", " ")


def _image_variables() -> dict[str, str]:
    """The variables of the image's last stage, but for where it keeps Python's packages."""
    last = _dockerfile().rpartition("\nFROM ")[2]
    words = shlex.split(re.search(r"^ENV (.*)$", last, re.MULTILINE)[1])  # type: ignore[index]
    pairs = dict(word.split("=", 1) for word in words)
    return {name: "" if "${" in value else value for name, value in pairs.items() if name != "PYTHONPATH"}


def _image_command(challengers: int) -> list[str]:
    text = _dockerfile()
    entry = json.loads(re.search(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE)[1])  # type: ignore[index]
    command = json.loads(re.findall(r"^CMD (\[.*\])$", text + more_lines(challengers), re.MULTILINE)[-1])
    assert entry[0] == "python"
    return [sys.executable, *entry[1:], *command]


def start(launch: Launch, place: Place, store: Store, row: dict[str, Any], root: Path) -> Server:
    """Start it, and wait until it answers; raises `AssertionError` with its own words where it ends."""
    stderr = root / "stderr"
    with stderr.open("w") as errors:
        process = subprocess.Popen(
            launch.argv, cwd=launch.folder, env=launch.environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"http://[\d.]+:(\d+)", line):
            break
    else:
        raise AssertionError(f"it ended with {process.wait()}: {said}{stderr.read_text()}")
    spool = Path(place.serve.log.spool) if isinstance(launch.environment.get("MODELWAY_ADMIN_TOKEN"), str) else None
    return Server(
        process,
        int(found[1]),
        store,
        spool or Path(launch.environment.get("MODELWAY_SPOOL", "")),
        stderr,
        row,
        place.state,
    )


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """`a.b: c` as `{a: {b: c}}`."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        place = found
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return found
