"""A real registry that asks who pushes, and a container CLI on the PATH."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from passwords import PASSWORDS

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Registry:
    """A registry of images, and what the fake CLI was called with."""

    host: str
    folder: Path

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    def manifest(self, name: str, reference: str, user: str, token: str) -> dict[str, Any]:
        """An image's manifest, as the registry has it."""
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, f"http://{self.host}/", user, token)
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        request = urllib.request.Request(f"http://{self.host}/v2/{name}/manifests/{reference}")
        request.add_header("accept", "application/vnd.oci.image.manifest.v1+json")
        with opener.open(request, timeout=20) as answer:
            found = {"digest": answer.headers["docker-content-digest"], **json.loads(answer.read())}
        address = f"http://{self.host}/v2/{name}/blobs/{found['config']['digest']}"
        with opener.open(address, timeout=20) as answer:
            return {**found, "labels": json.loads(answer.read())["config"]["Labels"]}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed (Debian's package of that name)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "passwords").write_text(PASSWORDS)
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": host},
        "auth": {"htpasswd": {"realm": "images", "path": str(folder / "passwords")}},
    }
    (folder / "registry.yml").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "serve", str(folder / "registry.yml")], stdout=log, stderr=log)
    try:
        _wait_for(f"http://{host}/v2/", server)
        yield Registry(host, folder)
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        assert server.poll() is None
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(url)


@pytest.fixture
def cli(registry: Registry, tmp_path: Path) -> Any:
    """Gives the variables with which one of the container CLIs is found, alone."""

    def make(program: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        script = Path(__file__).with_name("fake_cli.py").read_text().partition("\n")[2]
        (folder / program).write_text(f"#!{sys.executable}\n{script}")
        (folder / program).chmod(0o755)
        told = {"PATH": str(folder), "HOME": str(tmp_path / "home"), "FAKE_REGISTRY": registry.host}
        return {**told, "FAKE_LOG": str(registry.folder / "calls"), "TMPDIR": os.environ.get("TMPDIR", "/tmp")}

    return make


@pytest.fixture
def ecr(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The credentials of an ECR over HTTP, moto's."""
    from modelway.deploy import aws

    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", moto_server)
    aws._client.cache_clear()
    yield {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret"}
    aws._client.cache_clear()
