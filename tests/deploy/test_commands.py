"""What the commands of an environment refuse, and what they say, before anything runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy.image import name_image
from modelway.deploy.state import EnvironmentState
from modelway.errors import UsageError
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, Release
from modelway.records.environment import EnvironmentOptions, ImageOptions
from modelway.records.releases import Releases

ROOT = Path(__file__).resolve().parents[2]
ALONE = Release(name="loans", champion=BundleRef(version=1, digest="1" * 64))
TRIED = ALONE.model_copy(update={"challengers": (BundleRef(version=2, digest="2" * 64),)})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Any]) -> Any:
    shutil.copy(ROOT / "modelway.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return in_project(tmp_path)


@pytest.fixture
def released(project: Any) -> Callable[[Release], None]:
    """Notes a release as the one that runs locally."""
    state = EnvironmentState(str(project.root / ".modelway" / "env" / "local"), S3Options())
    return lambda release: state.change(lambda _: Releases(history=(release,))) and None


@pytest.mark.parametrize("command", [["deploy"], ["status"], ["stop"], ["rollback"], ["flags", "show"], ["smoke"]])
def test_an_environment_that_nobody_knows_is_refused_with_the_known_ones(project: Any, command: list[str]) -> None:
    assert project.run(*command, "--env", "nowhere") == 2
    assert "there is no environment 'nowhere'" in project.err
    assert "local, production, staging" in project.err


def test_staging_without_credentials_names_each_secret_and_how_to_pass_it(project: Any) -> None:
    assert project.run("deploy", "--env", "staging") == 2
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert f"dagger call --{name.lower().replace('_', '-')} env://{name}" in project.err
    assert "dagger call rehearse --env staging" in project.err
    assert not (project.root / ".modelway").exists()


def test_what_pushes_images_is_asked_for_where_one_is_built_alone(project: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert project.run("deploy", "--env", "production") == 2
    for name in ("user", "token"):
        assert f"dagger call --registry-{name} env://MODELWAY_REGISTRY_{name.upper()}" in project.err
    assert project.run("deploy", "--env", "production", "--image", f"sha256:{'a' * 64}") != 0
    assert "MODELWAY_REGISTRY" not in project.err


def test_an_environment_without_a_target_is_refused_with_the_kinds(project: Any) -> None:
    assert project.run("status", "--env", "canary", "--set", "environments.canary={keep: 3}") == 2
    assert "local, ecs, kubernetes" in project.err


def test_in_a_container_a_local_deploy_is_refused(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWAY_IN_CONTAINER", "1")
    assert project.run("deploy", "--env", "local") == 2
    assert "dagger call serve" in project.err


def test_flags_are_set_and_shown(project: Any, released: Callable[[Release], None]) -> None:
    released(TRIED)
    assert project.json("flags", "show", "--env", "local")["shares"] is None
    told = project.json("flags", "set", "--env", "local", "--new-model", "0.1", "--shadow", "1")
    assert told["shares"] == {"new_model": 0.1, "shadow": 1.0, "version": ""}
    told = project.json("flags", "set", "--env", "local", "--new-model", "0.2")
    assert told["shares"] == {"new_model": 0.2, "shadow": 1.0, "version": ""}
    assert project.json("flags", "show", "--env", "local") == told


def test_no_share_goes_to_a_challenger_that_is_not_there(project: Any, released: Callable[[Release], None]) -> None:
    released(ALONE)
    assert project.run("flags", "set", "--env", "local", "--new-model", "0.1") == 2
    assert "--challenger" in project.err
    assert project.run("flags", "set", "--env", "local", "--new-model", "0") == 0


@pytest.mark.parametrize("share", ["1.1", "-0.1", "ten", "nan"])
def test_what_is_no_share_is_refused(project: Any, share: str) -> None:
    with pytest.raises(SystemExit) as ended:
        project.run("flags", "set", "--env", "local", f"--new-model={share}")
    assert ended.value.code == 2


def test_a_smoke_test_of_nothing_is_refused(project: Any) -> None:
    assert project.run("smoke") == 2
    assert project.run("smoke", "--env", "local") == 2
    assert "modelway deploy --env local" in project.err


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (f"sha256:{'a' * 64}", None),
        (f"ghcr.io/octocat/loans@sha256:{'a' * 64}", None),
        ("latest", "by its digest"),
        ("sha256:abc", "by its digest"),
        (f"ghcr.io/others/loans@sha256:{'a' * 64}", "no image of ghcr.io/octocat/loans"),
    ],
)
def test_an_image_is_named_by_its_digest(make_place: Any, given: str, wrong: str | None) -> None:
    place = make_place(options=EnvironmentOptions(image=ImageOptions(repository="ghcr.io/octocat/loans")))
    if wrong is None:
        assert name_image(place, given) == f"ghcr.io/octocat/loans@sha256:{'a' * 64}"
    else:
        with pytest.raises(UsageError, match=wrong):
            name_image(place, given)
