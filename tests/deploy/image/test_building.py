"""Images are built by the container CLI that is there, pushed to a real registry, and named by their digest."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from passwords import ECR_TOKEN, TOKEN, USER

from modelway.deploy.image import build_image, builder
from modelway.deploy.image.context import more_lines, write_context
from modelway.deploy.image.login import Login
from modelway.errors import OutsideError, UsageError
from modelway.records.base_images import read_base_images
from modelway.records.environment import EnvironmentOptions, ImageOptions

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "c0ffee" + "0" * 34
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


def options(repository: str, **image: Any) -> EnvironmentOptions:
    return EnvironmentOptions(image=ImageOptions(repository=repository, **image))


@pytest.fixture
def builds(make_place: Any, bundles: Any, cli: Any, registry: Any) -> Any:
    """Builds the image of the first bundle with the second one beside it."""

    def build(program: str, token: str = TOKEN, **image: Any) -> str:
        secrets = {**cli(program), "MODELWAY_REGISTRY_USER": USER, "MODELWAY_REGISTRY_TOKEN": token}
        place = make_place(options=options(f"{registry.host}/octocat/loans", **image), secrets=secrets)
        release = bundles.release(1, 2).model_copy(update={"commit": COMMIT})
        return build_image(place, release, lambda _: None)

    return build


@pytest.mark.parametrize("program", ["docker", "podman", "buildah"])
def test_it_is_pushed_under_its_tags_and_named_by_its_digest(builds: Any, registry: Any, program: str) -> None:
    repository, _, digest = builds(program).partition("@")
    assert repository == f"{registry.host}/octocat/loans"
    for tag in ("v1-with-2", COMMIT, "latest"):
        manifest = registry.manifest("octocat/loans", tag, USER, TOKEN)
        assert manifest["digest"] == digest
        assert manifest["labels"]["org.opencontainers.image.version"] == "v1-with-2"
        assert manifest["labels"]["org.opencontainers.image.revision"] == COMMIT
    assert not [path for path in registry.folder.iterdir() if path.name.startswith("modelway-")]


def test_the_same_bundles_give_the_same_digest(builds: Any) -> None:
    assert builds("podman") == builds("docker", latest=False)


def test_the_token_is_in_no_argv_and_in_no_file(builds: Any, registry: Any, tmp_path: Path) -> None:
    builds("docker")
    assert TOKEN not in json.dumps(registry.calls)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN in path.read_text("latin-1")]


def test_a_refused_login_is_an_outside_failure_that_does_not_tell_the_token(builds: Any) -> None:
    with pytest.raises(OutsideError, match="401") as caught:
        builds("podman", token="canary-77aa")
    assert "canary-77aa" not in str(caught.value)


@pytest.mark.parametrize(("typed", "word"), [(True, "login"), (False, "push")])
def test_a_command_that_fails_and_prints_the_token_does_not_show_it(typed: bool, word: str) -> None:
    script = 'cat; for at in $(seq 20); do echo line $at; done; echo $SECRET"x"$SECRET >&2; exit 3'
    command = ["sh", "-c", script, word]
    with pytest.raises(OutsideError, match="ended with 3") as caught:
        builder._run(command, {**os.environ, "SECRET": TOKEN}, Login("r.example.com", USER, TOKEN), typed=typed)
    assert TOKEN not in str(caught.value)
    lines = [line.strip() for line in str(caught.value).splitlines() if "| " in line]
    assert lines == [*(f"| line {at}" for at in range(7, 21)), "| ***x***"]


def test_ecr_gives_the_login(make_place: Any, bundles: Any, cli: Any, registry: Any, ecr: dict[str, str]) -> None:
    place = make_place(options=options(f"{ECR}/loans"), secrets={**cli("docker"), **ecr})
    image = build_image(place, bundles.release(1), lambda _: None)
    assert image.startswith(f"{ECR}/loans@sha256:")
    assert registry.manifest("loans", "v1", "AWS", ECR_TOKEN)["digest"] == image.partition("@")[2]
    assert ["docker", "login", "--username", "AWS", "--password-stdin", ECR] in registry.calls


def test_the_base_is_modelways_own_by_digest_or_the_one_that_the_settings_name(
    builds: Any, registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", (ROOT / "docker/Dockerfile.serving").read_text(), re.MULTILINE))
    digest = f"sha256:{'d' * 64}"
    known = read_base_images().model_copy(update={"images": {own["BASE_IMAGE"]: digest, own["UV_IMAGE"]: None}})
    monkeypatch.setattr("modelway.deploy.image.context.read_base_images", lambda: known)
    builds("docker")
    assert {f"BASE_IMAGE={own['BASE_IMAGE']}@{digest}", f"UV_IMAGE={own['UV_IMAGE']}"} <= set(registry.calls[-1])
    builds("docker", base_image="mirror.internal/python:3.12", uv_image="mirror.internal/uv")
    assert {"BASE_IMAGE=mirror.internal/python:3.12", "UV_IMAGE=mirror.internal/uv"} <= set(registry.calls[-1])


def test_without_a_container_cli_the_ways_out_are_named(make_place: Any, bundles: Any, tmp_path: Path) -> None:
    place = make_place(options=options("ghcr.io/octocat/loans"), secrets={"PATH": str(tmp_path)})
    with pytest.raises(UsageError, match="docker, podman, buildah") as caught:
        build_image(place, bundles.release(1), lambda _: None)
    assert "dagger call deploy" in str(caught.value)
    assert "--image DIGEST" in str(caught.value)


def test_the_context_holds_what_the_dockerfile_copies(bundles: Any, tmp_path: Path) -> None:
    both = [bundles.path / ref.digest for ref in bundles.refs[:2]]
    assert write_context(tmp_path, both, tmp_path) == "serve.lock"
    text = (tmp_path / "docker/Dockerfile.serving").read_text()
    copied = [line.split()[1] for line in text.splitlines() if line.startswith("COPY") and "--from" not in line]
    assert all((tmp_path / place).exists() for place in copied)
    assert "challengers" in copied
    assert text.splitlines()[-1].endswith('"--challenger", "/challengers/0"]')


def test_more_lines_are_as_the_dockerfiles_own() -> None:
    last = (ROOT / "docker/Dockerfile.serving").read_text().splitlines()[-1]
    assert more_lines(1).splitlines()[-1] == last[:-1] + ', "--challenger", "/challengers/0"]'
    assert more_lines(0) == ""


def test_a_bundle_of_the_users_own_features_brings_packages_and_code(bundles: Any, tmp_path: Path) -> None:
    bundle, code, context = tmp_path / "bundle", tmp_path / "code", tmp_path / "context"
    shutil.copytree(bundles.path / bundles.refs[0].digest, bundle)
    told = json.loads((bundle / "features.json").read_text())
    told["features"].append({"kind": "custom"})
    (bundle / "features.json").write_text(json.dumps(told))
    for name in ("mine.py", "deep/own.py", ".venv/lib.py", "env/pyvenv.cfg", "env/lib.py", "notes.txt"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).touch()
    (code / "requirements.lock").write_text("toml==0.10.2\n")
    context.mkdir()
    assert write_context(context, [bundle], code) == "serve.lock fit.lock own.lock"
    assert (context / "ci/locks/own.lock").read_text() == "toml==0.10.2\n"
    assert {str(path.relative_to(context / "code")) for path in (context / "code").rglob("*.py")} == {
        "mine.py",
        "deep/own.py",
    }
    lines = (context / "docker/Dockerfile.serving").read_text().splitlines()
    verified = next(number for number, line in enumerate(lines) if "modelway verify" in line)
    assert "COPY code /opt/code" in lines[:verified]  # it is loaded there
    assert any("PYTHONPATH=/opt/modelway:/opt/code " in line for line in lines[:verified])


def test_a_servers_user_may_read_all_of_the_context(bundles: Any, tmp_path: Path) -> None:
    """Packaged for its owner alone, under a strict umask."""
    before = os.umask(0o077)
    try:
        (tmp_path / "code").mkdir()
        (tmp_path / "context").mkdir()
        both = [bundles.path / ref.digest for ref in bundles.refs[:2]]
        write_context(tmp_path / "context", both, tmp_path / "code")
    finally:
        os.umask(before)
    for path in (tmp_path / "context").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path
    lines = (ROOT / "docker/Dockerfile.serving").read_text().splitlines()
    opened = lines.index("RUN chmod -R u=rwX,go=rX /bundle")
    assert lines.index("COPY bundle /bundle") < opened < lines.index("COPY --from=bundle /bundle /bundle")


def test_modelways_own_lock_is_no_further_one(bundles: Any, tmp_path: Path) -> None:
    bundle, code, context = tmp_path / "bundle", tmp_path / "code", tmp_path / "context"
    shutil.copytree(bundles.path / bundles.refs[0].digest, bundle)
    told = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(told | {"format": "skops"}))
    code.mkdir()
    shutil.copy(ROOT / "requirements.lock", code)
    context.mkdir()
    assert write_context(context, [bundle], code) == "serve.lock fit.lock"


def test_what_the_fake_builds_is_the_context(builds: Any, registry: Any, bundles: Any) -> None:
    """Holds the stand-in to its word: the layer that the registry has is the bundle that was to go in."""
    builds("podman")
    layer = registry.manifest("octocat/loans", "latest", USER, TOKEN)["layers"][0]["digest"].partition(":")[2]
    (blob,) = (registry.folder / "images").rglob(f"sha256/*/{layer}/data")
    with tarfile.open(fileobj=io.BytesIO(blob.read_bytes())) as archive:
        names = archive.getnames()
        model = archive.extractfile("bundle/model.onnx")
        assert model is not None
        assert model.read() == (bundles.path / bundles.refs[0].digest / "model.onnx").read_bytes()
    assert {"challengers/0/model.onnx", "docker/Dockerfile.serving", "src/modelway/__main__.py"} <= set(names)
