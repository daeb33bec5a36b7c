"""A delivery with stand-ins for everything that needs an account: object store, registry of images, ECS.

The rest is real: the registered model, the image that is built from it and pushed, the server that runs from the pushed
image, the deploy with its lock, its records and its smoke test. The stand-in of ECS (`ci/stand_ins`) runs no container,
so a server is started beside it, from the registry, by digest.
"""

from __future__ import annotations

import json
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from modelway_ci import deliver, learn
from modelway_ci.images import rehearsal_container
from modelway_ci.learn import DataFlags, FitFlags, Result
from modelway_ci.publish import publish
from modelway_ci.refusal import RefusalError
from modelway_ci.summary import summarize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modelway_ci.images import Workshop
    from modelway_ci.project import Project
    from modelway_ci.publish import Published
    from modelway_ci.services import Outside
    from modelway_ci.stage import Outcome

_BUCKET = "rehearsal"
_STORE, _ECS, _REGISTRY, _SERVER = 5000, 4566, 5000, 8000
_REPOSITORY = f"localhost:{_REGISTRY}/rehearsal"
"""The engine speaks plain HTTP to a registry of this name alone."""
_USER = "rehearsal"
_REGISTRY_PACKAGES = "apt-get update -qq && apt-get install -qq --no-install-recommends docker-registry apache2-utils"
_REGISTRY_SETTINGS = json.dumps({
    "version": 0.1,
    "storage": {"filesystem": {"rootdirectory": "/run/images"}},
    "http": {"addr": f":{_REGISTRY}"},
    "auth": {"htpasswd": {"realm": "rehearsal", "path": "/run/passwords"}},
})  # fmt: skip
_REGISTRY_STARTS = f'htpasswd -Bbn {_USER} "$TOKEN" > /run/passwords && exec docker-registry serve /registry.yml'


@dataclass(frozen=True)
class StandIns:
    """What stands in for an account.

    Attributes:
        store: an object store, moto's.
        ecs: a small ECS.
        registry: a registry of images, Debian's.
        token: who pushes.
        aws: credentials that are none.
    """

    store: dagger.Service
    ecs: dagger.Service
    registry: dagger.Service
    token: dagger.Secret
    aws: dict[str, dagger.Secret | None]


async def rehearse(project: Project, environment: str, argv: list[str]) -> Result:
    """Train where nothing is registered, then deliver: publish, deploy, deploy again, status.

    Args:
        project: whose model.
        environment: one that runs on ECS.
        argv: the flags of `deploy` that choose versions.

    Raises:
        RefusalError: the environment runs elsewhere.
    """
    kind = project.settings.target_kind(environment)
    if kind not in {"ecs", None}:
        raise RefusalError(
            2,
            f"environments.{environment}.target: {kind} has no stand-in here; rehearse an environment of kind ecs, or "
            f"look at `deploy --env {environment} --plan`, and `modelway deploy --render DIR` for Kubernetes",
        )
    trained = await _trained(project)
    if trained is not None and trained.record["exit_code"]:
        return trained
    async with _stand_ins(project.workshop) as stand_ins:
        outcomes, told = await _deliver(_with_stand_ins(project, environment, stand_ins), environment, argv, stand_ins)
    code = next((outcome.exit_code for outcome in outcomes if outcome.exit_code), 0)
    return Result(summarize(outcomes, code) | {"exit_code": code, **told}, None)


async def _trained(project: Project) -> Result | None:
    """A first model, where none is registered."""
    pulled = await learn.pull(project, "champion", allow_missing=True)
    if pulled.exit_code or pulled.artifact is not None:
        return None
    return await learn.train(project, DataFlags(), FitFlags(), registers=True)


async def _deliver(
    project: Project, environment: str, argv: list[str], stand_ins: StandIns
) -> tuple[list[Outcome], dict[str, Any]]:
    """The steps in their order, until one ends red; and what they tell."""
    published = await publish(project, environment, argv)
    outcomes = [published.outcome]
    if published.outcome.exit_code or published.image is None:
        return outcomes, {}
    image = f"{_REPOSITORY}@{published.image}"
    server = _server(image, published, stand_ins)
    project = replace(project, outside=replace(project.outside, served=server))
    words = [*deliver.version_flags(published.versions[0], published.versions[1:]), "--image", published.image]
    told: dict[str, Any] = {"image": image}
    async with _running(server):
        for name, command, more in (
            ("deploy", "deploy", words),
            ("again", "deploy", words),
            ("status", "status", []),
        ):
            outcome = await deliver.change_environment(project, command, environment, more)
            outcomes.append(replace(outcome, stage=name))
            if outcome.exit_code:
                return outcomes, told
            told[name] = json.loads(outcome.stdout)
    return outcomes, told


def _with_stand_ins(project: Project, environment: str, stand_ins: StandIns) -> Project:
    """The project with the environment's addresses replaced; what else the settings say of it stays."""
    place = f"environments.{environment}"
    settings = {
        "image.repository": _REPOSITORY,
        "image.login": "true",
        "state": f"s3://{_BUCKET}/{environment}",
        "flags": "null",
        "log": "null",
        "target.cluster": _BUCKET,
        "target.service": "model",
        "target.container": "null",
        "target.task_definition": "null",
        "target.region": "us-east-1",
        "wait.poll_seconds": "0.5",
    }
    overrides = [f"{place}.{key}={value}" for key, value in settings.items()]
    user = dag.set_secret(f"user-{uuid.uuid4().hex}", _USER)
    outside: Outside = replace(
        project.outside,
        s3=stand_ins.store,
        ecs=stand_ins.ecs,
        registry=stand_ins.registry,
        aws_secrets=stand_ins.aws,
        registry_secrets={"MODELWAY_REGISTRY_USER": user, "MODELWAY_REGISTRY_TOKEN": stand_ins.token},
        slack_webhook=None,
    )
    kept = replace(project.settings, overrides=(*project.settings.overrides, *overrides))
    return replace(project, settings=kept, outside=outside)


@asynccontextmanager
async def _stand_ins(workshop: Workshop) -> AsyncIterator[StandIns]:
    """They run, with their state, until the block ends."""
    run = uuid.uuid4().hex
    box = rehearsal_container(workshop).with_env_variable("MODELWAY_RUN", run)
    store = box.with_exposed_port(_STORE).as_service(args=["python", "store.py", _BUCKET])
    words = ["python", "-m", "ecs_stand_in", "--host", "0.0.0.0", "--cluster", _BUCKET, "--service", "model"]  # noqa: S104
    ecs = box.with_exposed_port(_ECS).as_service(args=[*words, "--port", str(_ECS)])
    token = dag.set_secret(f"token-{run}", uuid.uuid4().hex)
    registry = (
        rehearsal_container(workshop, _REGISTRY_PACKAGES)
        .with_new_file("/registry.yml", _REGISTRY_SETTINGS)
        .with_env_variable("MODELWAY_RUN", run)
        .with_secret_variable("TOKEN", token)
        .with_exposed_port(_REGISTRY)
        .as_service(args=["sh", "-c", _REGISTRY_STARTS])
    )
    aws: dict[str, dagger.Secret | None] = {
        name: dag.set_secret(f"{name.lower()}-{run}", f"rehearsal{run}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    async with _running(store), _running(ecs), _running(registry):
        yield StandIns(store, ecs, registry, token, aws)


def _server(image: str, published: Published, stand_ins: StandIns) -> dagger.Service:
    """A server from the image that was pushed, told what ECS would tell it."""
    address = f"http://s3:{_STORE}"
    words = ["serve", "--bundle", "/bundle", "--host", "0.0.0.0", "--port", str(_SERVER)]  # noqa: S104 - as in the image
    words += [
        word for number in range(len(published.versions) - 1) for word in ("--challenger", f"/challengers/{number}")
    ]
    words += ["--flags", f"s3://{_BUCKET}/flags.json", "--log", f"s3://{_BUCKET}/log"]
    words += ["--set", f"serve.s3.endpoint_url={address}", "--set", "serve.s3.path_style=true"]
    container = dag.container().with_registry_auth(_REPOSITORY, _USER, stand_ins.token)
    container = container.from_(image, registry_service=stand_ins.registry).with_service_binding("s3", stand_ins.store)
    if published.settings:
        container = container.with_env_variable(deliver.SETTINGS, published.settings)
    for name, secret in stand_ins.aws.items():
        if secret is not None:
            container = container.with_secret_variable(name, secret)
    return container.with_exposed_port(_SERVER).as_service(args=words, use_entrypoint=True)


@asynccontextmanager
async def _running(service: dagger.Service) -> AsyncIterator[None]:
    """A service that is not stopped between two that use it, and loses nothing."""
    await service.start()
    try:
        yield
    finally:
        await service.stop(kill=True)
