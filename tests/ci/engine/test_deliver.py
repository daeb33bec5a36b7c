"""Packaging and the server's image on a real engine."""

from __future__ import annotations

import json
import tarfile

import pytest

from modelway.bundle import verify_bundle

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
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"]
    names = {}
    for layer in manifest["layers"]:
        with tarfile.open(blob(layer["digest"])) as files:
            names |= {file.name: file.size for file in files if file.name.startswith("opt/modelway/")}
    assert sum(names.values()) <= PACKAGES
    assert any(name.endswith(".pyc") for name in names)
    assert not [name for name in names if name.split("/")[2] in {"sklearn", "mlflow", "pyarrow", "pandas", "onnx"}]


def test_an_unknown_version_ends_the_image_as_it_ends_the_packaging(call, bundle):
    refused = call("image", "--version", "77", "export", "--path", "none.tar")
    assert refused.exit_code == 2
    assert "there is no version '77'" in refused.log
