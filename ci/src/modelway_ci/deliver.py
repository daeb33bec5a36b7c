"""Delivery: what takes a registered version to where it is used."""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from modelway_ci.images import OWNER, WORK, base, stage_container
from modelway_ci.labels import image_labels
from modelway_ci.project import Project, user_code, with_registry, with_source, with_trust
from modelway_ci.refusal import RefusalError
from modelway_ci.rooms import ROOMS
from modelway_ci.services import address_of, given, with_environment, with_github
from modelway_ci.stage import ARTIFACT, run_stage
from modelway_ci.summary import FAIL, summarize, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelway_ci.stage import Outcome

DOCKERFILE = "docker/Dockerfile.serving"
SETTINGS = "MODELWAY_SERVE_SETTINGS"
"""The variable that a server reads its settings from."""
PORT = 8000
"""Where a server's image listens."""
BUNDLE_COPIED = "COPY --from=bundle /bundle /bundle\n"
"""The Dockerfile's line before which the user's code is copied: the bundle is verified, and so loaded, after it."""
_OWN_LOCK = "own.lock"
_SIGNING_KEY = f"{WORK}/signing-key.pem"


async def release(project: Project, version: str, repository: str | None, api_url: str | None) -> Outcome:
    """Publish a registered version on GitHub; asked again, it completes what is missing."""
    container, flags = await with_registry(project, "release", reads=False)
    container = await with_github(container, project.outside)
    argv = ["release", version, *flags, "--json"]
    for flag, value in (("--repository", repository), ("--api-url", api_url)):
        if value is not None:
            argv += [flag, value]
    return await run_stage("release", container, argv)


async def package(project: Project, version: str, private_key: dagger.Secret | None) -> Outcome:
    """Make a registered version a bundle; the registry keeps its digest, so it is done each time."""
    container, flags = await with_registry(project, "package", reads=False, sees_code=True)
    argv = ["package", "--version", version, *flags, "--output", ARTIFACT, "--json"]
    container, signing = await with_signing_key(container, private_key)
    return await run_stage("package", container, [*argv, *signing])


async def image(
    project: Project,
    bundle: dagger.Directory,
    challengers: Sequence[dagger.Directory] = (),
    platform: dagger.Platform | None = None,
    trusted: Sequence[str] = (),
    licenses: str | None = None,
) -> dagger.Container:
    """Build the server's image from its Dockerfile, with a bundle and those that are tried beside it.

    Args:
        project: whose server.
        bundle: the champion's.
        challengers: the others'.
        platform: what it is built for.
        trusted: the types and functions that the bundles may use: by the registry or the settings, never by a bundle.
        licenses: under which the image is distributed, as an SPDX expression.
    """
    workshop = project.workshop
    package = workshop.package
    context = (
        dag.directory()
        .with_directory("ci/locks", package.directory("ci/locks").filter(include=["serve.lock", "fit.lock"]))
        .with_directory("src/modelway", package.directory("src/modelway").filter(include=[*ROOMS["serve"]]))
        .with_directory("bundle", bundle)
    )
    infos = [json.loads(await one.file("bundle.json").contents()) for one in (bundle, *challengers)]
    features = [json.loads(await one.file("features.json").contents()) for one in (bundle, *challengers)]
    alone = all(_stands_alone(*one) for one in zip(infos, features, strict=True))
    locks = ["serve.lock"] if alone else ["serve.lock", "fit.lock"]
    text = await package.file(DOCKERFILE).contents()
    if not alone and workshop.own_lock is not None:
        context = context.with_file(f"ci/locks/{_OWN_LOCK}", workshop.own_lock)
        locks.append(_OWN_LOCK)
    if not alone and (include := await user_code(project)):
        code = project.source.filter(include=include).directory(project.settings.folder or ".")
        context = context.with_directory("code", code)
        text = text.replace(BUNDLE_COPIED, f"COPY code /opt/code\n{BUNDLE_COPIED}")
    # The digest that the tag has now, so that the label names what is built on.
    base_digest = (await dag.container().from_(workshop.base_reference).image_ref()).rpartition("@")[2]
    base_image = f"{workshop.base_reference.partition('@')[0]}@{base_digest}"
    arguments = {
        "BASE_IMAGE": base_image,
        "UV_IMAGE": workshop.uv_reference,
        "LOCKS": " ".join(locks),
        "TRUST": " ".join(sorted(trusted)),
    }
    built = context.with_new_file(DOCKERFILE, text).docker_build(
        dockerfile=DOCKERFILE,
        build_args=[dagger.BuildArg(name, value) for name, value in arguments.items()],
        secrets=await _build_secrets(project),
        platform=platform,
    )
    words = await built.default_args() or []
    for number, challenger in enumerate(challengers):
        # As the Dockerfile does with the champion's: packaged for its owner alone, read by the server's user.
        opened = base(workshop).with_directory("/bundle", challenger).with_exec(["chmod", "-R", "a+rX", "/bundle"])
        built = built.with_directory(f"/challengers/{number}", opened.directory("/bundle"))
        words = [*words, "--challenger", f"/challengers/{number}"]
    for name, value in image_labels(infos, base_image, project.commit, project.source_url, licenses).items():
        built = built.with_label(name, value)
    return built.with_default_args(words)


async def with_settings(project: Project, built: dagger.Container) -> dagger.Container:
    """Let a server of an image that no deploy starts serve as the project's settings say.

    Raises:
        RefusalError: the settings can't be used.
    """
    keys = ("name", "fit", "serve", "batch")
    places = [posixpath.join(project.settings.folder, key) for key in project.settings.public_keys]
    container = with_trust(stage_container(project.workshop, "serve"), project.trusted)
    container = with_source(container, project, keys, places)
    words = ["serve", "--print-settings", "--config", project.config, *project.settings.flags(*keys), "--json"]
    outcome = await run_stage("serve", container, words)
    if outcome.exit_code:
        raise RefusalError(outcome.exit_code, outcome.said)
    settings = json.loads(outcome.stdout)["settings"]
    return built.with_env_variable(SETTINGS, json.dumps(settings)) if settings else built


def no_image(base: dagger.Container, outcome: Outcome) -> dagger.Container:
    """An image that can't be had: whoever asks for it gets what the packaging said, and its exit code."""
    record = summarize([outcome], outcome.exit_code)
    return base.with_exec(["sh", "-c", FAIL, "modelway", table(record), str(outcome.exit_code)])


def _stands_alone(info: Mapping[str, Any], features: Mapping[str, Any]) -> bool:
    """Whether a server needs neither what the model was fitted with nor the user's code."""
    return info["format"] == "onnx" and all(feature["kind"] != "custom" for feature in features["features"])


async def _build_secrets(project: Project) -> list[dagger.Secret]:
    """What the Dockerfile mounts, by the names that it knows."""
    workshop = project.workshop
    found = []
    if workshop.index_url is not None:
        found.append(dag.set_secret("index-url", await workshop.index_url.plaintext()))
    if workshop.ca is not None:
        found.append(dag.set_secret("ca", await workshop.ca.contents()))
    return found


async def with_signing_key(
    container: dagger.Container, private_key: dagger.Secret | None
) -> tuple[dagger.Container, list[str]]:
    """Let a container sign bundles, where there is a key."""
    if (key := await given(private_key)) is None:
        return container, []
    return container.with_mounted_secret(_SIGNING_KEY, key, owner=OWNER), ["--private-key", _SIGNING_KEY]


async def environment_container(
    project: Project, environment: str | None, private_key: dagger.Secret | None = None
) -> tuple[dagger.Container, list[str]]:
    """The container of commands of an environment, and their flags: it reaches registry, secrets and services."""
    container, flags = await with_registry(project, "deploy", reads=False, sees_code=True)
    container, signing = await with_signing_key(container, private_key)
    container, more = await with_environment(container, project.outside, environment)
    return container, [*flags, *signing, *more]


def version_flags(champion: str | None, challengers: Sequence[str]) -> list[str]:
    """The flags of `deploy` that choose versions."""
    words = [] if champion is None else ["--model-version", champion]
    return [*words, *(word for version in challengers for word in ("--challenger", version))]


async def change_environment(
    project: Project, command: str, environment: str, argv: list[str], private_key: dagger.Secret | None = None
) -> Outcome:
    """Run a command of an environment: deploy, rollback, flags, status. It runs each time, whatever ran before."""
    container, flags = await environment_container(project, environment, private_key)
    return await run_stage(command, container, [command, *argv, "--env", environment, *flags, "--json"])


async def smoke(
    project: Project,
    endpoint: str | None,
    environment: str | None,
    bundles: Sequence[dagger.Directory],
    argv: list[str],
) -> Outcome:
    """Ask an endpoint real questions, each time anew. The table and JUnit are left whatever came of it.

    Args:
        project: whose model.
        endpoint: where it answers; a service of the host's, or the environment's own address, when absent.
        environment: the environment whose release is expected.
        bundles: what is expected instead: the champion's bundle, and the challengers'.
        argv: further flags.
    """
    container, flags = await environment_container(project, environment)
    if project.outside.served is not None and endpoint is None:
        endpoint = await address_of(project.outside.served, "served")
        container = container.with_service_binding("served", project.outside.served)
    argv = ["smoke", *argv, *(["--endpoint", endpoint] if endpoint else [])]
    argv += ["--env", environment] if environment else []
    for number, bundle in enumerate(bundles):
        place = f"{WORK}/bundles/{number}"
        container = container.with_mounted_directory(place, bundle, owner=OWNER)
        argv += ["--bundle", place]
    container = container.with_directory(ARTIFACT, dag.directory(), owner=OWNER)
    told = [*flags, "--junit", f"{ARTIFACT}/junit.xml", "--json"]
    return await run_stage("smoke", container, [*argv, *told], leaves_report=True)
