"""What a run may reach outside of the engine, and who it is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway_ci.images import OWNER, WORK

if TYPE_CHECKING:
    import dagger

_KUBECONFIG = f"{WORK}/kubeconfig"
_REGISTRY_USER = "MODELWAY_REGISTRY_USER"


@dataclass(frozen=True)
class Outside:
    """Services of the host, and secrets for these and others.

    Attributes:
        mlflow: a tracking server of the host's, known to stages as http://mlflow.
        s3: an object store of the host's, known to stages as http://s3.
        github: a GitHub of the host's, known to stages as http://github.
        mlflow_secrets: by the environment variable that MLflow reads.
        aws_secrets: by the environment variable that boto3 reads.
        github_token: who writes releases.
        slack_webhook: where failures are told.
        run_url: where people find this run.
        ecs: an ECS API in the place of AWS's, known as http://ecs.
        registry: a registry of images in the place of the one that the repository names.
        registry_secrets: by the environment variable: who pushes images.
        kubeconfig: how a cluster of Kubernetes is reached.
        github_api_url: GitHub's API, where it is not that of github.com.
        served: what is smoked, in the place of an environment's own address; known as http://served.
    """

    mlflow: dagger.Service | None
    s3: dagger.Service | None
    mlflow_secrets: dict[str, dagger.Secret | None]
    aws_secrets: dict[str, dagger.Secret | None]
    github: dagger.Service | None = None
    github_token: dagger.Secret | None = None
    slack_webhook: dagger.Secret | None = None
    run_url: str | None = None
    ecs: dagger.Service | None = None
    registry: dagger.Service | None = None
    registry_secrets: dict[str, dagger.Secret | None] = field(default_factory=dict)
    kubeconfig: dagger.Secret | None = None
    served: dagger.Service | None = None
    github_api_url: str | None = None


async def given(secret: dagger.Secret | None) -> dagger.Secret | None:
    """A secret that holds something; None where it is empty, as one that a repository lacks is in its workflows."""
    return secret if secret is not None and (await secret.plaintext()).strip() else None


async def with_store(container: dagger.Container, outside: Outside) -> tuple[dagger.Container, list[str]]:
    """Let a container reach S3; the flags tell `prepare` where a host's store is."""
    container = await _with_secrets(container, outside.aws_secrets)
    if outside.s3 is None:
        return container, []
    address = await address_of(outside.s3, "s3")
    container = container.with_service_binding("s3", outside.s3).with_env_variable("MLFLOW_S3_ENDPOINT_URL", address)
    return container, ["--set", f"prepare.s3.endpoint_url={address}", "--set", "prepare.s3.path_style=true"]


async def with_server(
    container: dagger.Container, outside: Outside, tracking_uri: dagger.Secret | None
) -> dagger.Container:
    """Let a container reach the tracking server, where there is one."""
    container = await _with_secrets(container, outside.mlflow_secrets)
    if outside.mlflow is not None:
        container = container.with_service_binding("mlflow", outside.mlflow)
    if tracking_uri is not None:
        return container.with_secret_variable("MLFLOW_TRACKING_URI", tracking_uri)
    if outside.mlflow is not None:
        return container.with_env_variable("MLFLOW_TRACKING_URI", await address_of(outside.mlflow, "mlflow"))
    return container


async def with_github(container: dagger.Container, outside: Outside) -> dagger.Container:
    """Let a container reach GitHub."""
    container = await _with_secrets(container, {"GITHUB_TOKEN": outside.github_token})
    if outside.github_api_url:
        container = container.with_env_variable("GITHUB_API_URL", outside.github_api_url)
    if outside.github is None:
        return container
    address = await address_of(outside.github, "github")
    container = container.with_service_binding("github", outside.github)
    return container.with_env_variable("GITHUB_API_URL", f"{address}/api/v3")


async def with_environment(
    container: dagger.Container, outside: Outside, environment: str | None
) -> tuple[dagger.Container, list[str]]:
    """Let a container change an environment; the flags tell it where services of the host's are."""
    registry = dict(outside.registry_secrets)
    # The engine blots secrets out of what a step prints, and a user's name is a part of repositories' names there.
    if (user := await given(registry.pop(_REGISTRY_USER, None))) is not None:
        container = container.with_env_variable(_REGISTRY_USER, (await user.plaintext()).strip())
    secrets = {**outside.aws_secrets, **registry, "SLACK_WEBHOOK": outside.slack_webhook}
    container = await _with_secrets(container, secrets)
    container = container.with_env_variable("MODELWAY_IN_CONTAINER", "1")
    if outside.run_url:
        container = container.with_env_variable("MODELWAY_RUN_URL", outside.run_url)
    if (kubeconfig := await given(outside.kubeconfig)) is not None:
        container = container.with_mounted_secret(_KUBECONFIG, kubeconfig, owner=OWNER)
        container = container.with_env_variable("KUBECONFIG", _KUBECONFIG)
    if environment is None:
        return container, []
    flags = []
    for service, alias, key in (
        (outside.s3, "s3", "s3.endpoint_url"),
        (outside.ecs, "ecs", "target.endpoint_url"),
        (outside.served, "served", "url"),
    ):
        if service is not None:
            container = container.with_service_binding(alias, service)
            flags += ["--set", f"environments.{environment}.{key}={await address_of(service, alias)}"]
    if outside.s3 is not None:
        flags += ["--set", f"environments.{environment}.s3.path_style=true"]
    return container, flags


async def _with_secrets(container: dagger.Container, secrets: dict[str, dagger.Secret | None]) -> dagger.Container:
    for variable, value in secrets.items():
        if (secret := await given(value)) is not None:
            container = container.with_secret_variable(variable, secret)
    return container


async def address_of(service: dagger.Service, alias: str) -> str:
    """Where a service answers that is bound under an alias."""
    ports = await service.ports()
    return f"http://{alias}:{await ports[0].port()}"
