"""An image is built from a wheel as it is from a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

import modelway
from modelway.deploy.image.context import write_context
from modelway.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
WRITE = "import sys; from pathlib import Path; from modelway.deploy.image.context import write_context; "
WRITE += "print(write_context(Path(sys.argv[1]), [Path(sys.argv[2])], Path(sys.argv[3])))"


def made_bundle(folder: Path, kind: str) -> Path:
    """What `write_context` reads of a bundle."""
    folder.mkdir()
    (folder / "bundle.json").write_text(json.dumps({"format": kind}))
    (folder / "features.json").write_text(json.dumps({"features": []}))
    return folder


def content_of(context: Path) -> dict[str, bytes]:
    return {str(path.relative_to(context)): path.read_bytes() for path in context.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which modelway is a wheel; what it depends on is this environment's."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, cwd=folder)
    (wheel,) = folder.glob("modelway-*.whl")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    # A folder that a .pth names is not searched for .pth files: the editable modelway of this environment stays out.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shown = [str(python), "-I", "-c", "import modelway; print(modelway.__file__)"]
    where = subprocess.run(shown, capture_output=True, check=True)
    assert Path(where.stdout.decode()).is_relative_to(packages)
    return python


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "skops"])
def test_a_wheel_writes_the_context_that_the_checkout_writes(installed: Path, tmp_path: Path, kind: str) -> None:
    bundle, code = made_bundle(tmp_path / "bundle", kind), tmp_path / "code"
    for folder in ("code", "wheel", "checkout"):
        (tmp_path / folder).mkdir()
    (code / "mine.py").touch()
    command = [str(installed), "-I", "-c", WRITE, str(tmp_path / "wheel"), str(bundle), str(code)]
    written = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=tmp_path, env={"PATH": os.defpath}
    )
    assert written.stdout.strip() == write_context(tmp_path / "checkout", [bundle], code)
    theirs, ours = content_of(tmp_path / "wheel"), content_of(tmp_path / "checkout")
    assert theirs.keys() == ours.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert {"docker/Dockerfile.serving", "ci/locks/serve.lock", "src/modelway/base_images.lock"} <= ours.keys()


def test_an_installation_without_the_recipe_names_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modelway" / "deploy" / "image" / "recipe").mkdir(parents=True)
    monkeypatch.setattr(modelway, "__file__", str(tmp_path / "modelway" / "__init__.py"))
    with pytest.raises(UsageError, match=r"lacks Dockerfile\.serving") as caught:
        write_context(tmp_path, [made_bundle(tmp_path / "bundle", "onnx")], tmp_path)
    assert "--image DIGEST" in str(caught.value)


def test_the_recipe_is_the_checkouts_own() -> None:
    recipe = Path(modelway.__file__).parent / "deploy" / "image" / "recipe"
    places: dict[str, Any] = {path.name: path.resolve() for path in recipe.iterdir()}
    assert places == {
        "Dockerfile.serving": ROOT / "docker" / "Dockerfile.serving",
        "serve.lock": ROOT / "ci" / "locks" / "serve.lock",
        "fit.lock": ROOT / "ci" / "locks" / "fit.lock",
    }
