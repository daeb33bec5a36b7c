"""A version as an engine registers it, its bundle, and the servers from it: by version, signed, with a challenger."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from modelway.bundle import verify_bundle
from modelway.records.trust import Trust

from .servers import first_answer

pytestmark = pytest.mark.slow

COMMIT, TIME = "c" * 40, "2026-05-04T05:02:01+02:00"


@pytest.fixture(scope="module")
def keys(project):
    """A private and a public key beside the settings, which are never sent."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in (("key.pem", private), ("pub.pem", public)):
        (project / name).write_bytes(content)
    return project / "key.pem", project / "pub.pem"


@pytest.fixture(scope="module")
def versions(call, project):
    """Two versions of the model, by the name of their alias."""
    told = ("--commit", COMMIT, "--commit-time", TIME)
    for words in (("--set", "fit.estimator.num_leaves=6"), ("--set", "fit.estimator.num_leaves=9")):
        more = ("--set", "evaluate.gates.champion.margin=0.5")
        trained = call("train", *told, *words, *more, "export", "--path", "versions", "--wipe")
        assert trained.exit_code == 0, trained.log
    last = json.loads((project / "versions" / "summary.json").read_text())["version"]
    return str(last - 1), str(last)


@pytest.fixture(scope="module")
def signed(call, project, versions, keys):
    """The newest version's bundle, signed."""
    words = ("--version", versions[1], "--private-key", "file://key.pem")
    packaged = call("package", *words, "export", "--path", "signed")
    assert packaged.exit_code == 0, packaged.log
    return project / "signed"


def test_a_bundle_tells_commit_time_and_lock_as_one_of_the_host_does(signed, project):
    info = json.loads((signed / "bundle.json").read_text())
    assert (info["commit"], info["created"]) == (COMMIT, "2026-05-04T03:02:01+00:00")
    statement = json.loads((signed / "provenance.json").read_text())
    inputs = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    digests = {one["name"]: one["digest"] for one in inputs if "digest" in one}
    lock = hashlib.sha256((project / "requirements.lock").read_bytes()).hexdigest()
    assert digests["lock"] == {"sha256": lock}
    assert digests["code"] == {"gitCommit": COMMIT}


def test_a_bundle_is_signed_with_a_secret_key(signed, keys):
    assert verify_bundle(signed, Trust(public_key=str(keys[1]), require_signature=True)).signed


def test_a_server_of_a_version_shows_its_requests_to_a_challenger(engine, project, versions, signed):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    argv = [engine.cli, "call", "--progress=plain", "serve", "--version", versions[0], "--challenger", "signed"]
    with (project / "serve.log").open("wb") as said:
        process = subprocess.Popen(
            [*argv, "up", "--ports", f"{port}:8000"], cwd=project, env=engine.environment, stdout=said, stderr=said
        )
        try:
            answer = first_answer(port, (signed / "serving_input_example.json").read_bytes(), process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)
    assert answer["model_version"] == versions[0], (project / "serve.log").read_text()[-3000:]


def test_an_image_of_a_version_is_signed_and_holds_its_challengers(call, versions, signed, keys, tmp_path):
    words = ("--version", versions[0], "--challenger", "signed", "--private-key", "file://key.pem")
    for path, version in (("/bundle", versions[0]), ("/challengers/0", versions[1])):
        folder = tmp_path / version
        built = call("image", *words, "directory", "--path", path, "export", "--path", str(folder))
        assert built.exit_code == 0, built.log
        assert (
            str(verify_bundle(folder, Trust(public_key=str(keys[1]), require_signature=True)).info.version) == version
        )
