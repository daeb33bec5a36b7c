"""A release's image: built by the engine for each platform, pushed under each tag, known by its digest."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagger
from dagger import dag

from modelway_ci.deliver import environment_container, image
from modelway_ci.handover import Handover
from modelway_ci.images import UV
from modelway_ci.stage import ARTIFACT, OUTSIDE_FAILED, Outcome, run_stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelway_ci.project import Project

_HANDOVER = "MODELWAY_HANDOVER"


@dataclass(frozen=True)
class Published:
    """What a release is to be deployed with.

    Attributes:
        outcome: how handing out its bundles, or the push, ended.
        versions: the champion's number, and the challengers'; aliases may mean others by now.
        image: its digest; None where the release has one that is known.
        settings: what its servers are given as MODELWAY_SERVE_SETTINGS; empty where nothing is set.
    """

    outcome: Outcome
    versions: tuple[str, ...] = ()
    image: str | None = None
    settings: str = ""


async def publish(
    project: Project, environment: str, argv: list[str], private_key: dagger.Secret | None = None
) -> Published:
    """Have the bundles of a release handed out, build their image, and push it; what is known already is not built.

    Args:
        project: whose release.
        environment: where it is to run.
        argv: the flags of `deploy` that choose versions.
        private_key: what the bundles are signed with.
    """
    container, flags = await environment_container(project, environment, private_key)
    words = ["deploy", *argv, "--env", environment, *flags, "--bundles", ARTIFACT, "--json"]
    async with Handover() as handover:
        address = dag.set_secret(f"handover-{uuid.uuid4().hex}", handover.address)
        outcome = await run_stage("deploy", container.with_secret_variable(_HANDOVER, address), words)
    if outcome.exit_code:
        return Published(outcome)
    told = json.loads(outcome.stdout)
    versions = tuple(str(version) for version in told["versions"])
    if told["build"] is None or outcome.artifact is None:
        return Published(outcome, versions, settings=told["settings"])
    build = told["build"]
    project = _with_settings(project, build)
    bundles = outcome.artifact
    challengers = [bundles.directory(f"challengers/{number}") for number in range(len(versions) - 1)]
    champion, trusted, licenses = bundles.directory("bundle"), build["trusted"], build["licenses"]
    login = handover.text.split("\n") if handover.text else None
    try:
        variants = [
            await image(project, champion, challengers, dagger.Platform(platform), trusted, licenses)
            for platform in build["platforms"]
        ]
        digest = await _push(project, variants, build["repository"], build["tags"], login)
    except dagger.QueryError as error:
        said = f"the image can't be built, or not pushed to {build['repository']}: {error}"
        return Published(Outcome("publish", OUTSIDE_FAILED, said=said))
    return Published(Outcome("publish", 0), versions, digest, told["settings"])


def _with_settings(project: Project, build: Mapping[str, Any]) -> Project:
    """The project, with the images that its settings name where the call names none, and with their source."""
    workshop = project.workshop
    base = workshop.base_image or build["base_image"]
    uv = build["uv_image"] if build["uv_image"] and workshop.uv_image == UV else workshop.uv_image
    source = build["source"] or project.source_url
    return replace(project, source_url=source, workshop=replace(workshop, base_image=base, uv_image=uv))


async def _push(
    project: Project,
    variants: Sequence[dagger.Container],
    repository: str,
    tags: Sequence[str],
    login: list[str] | None,
) -> str:
    """Push it under each tag; the digest is the same each time, for it is that of the content."""
    sender, others = (variants[0], None) if len(variants) == 1 else (dag.container(), list(variants))
    if login is not None:
        _, user, token = login
        secret = dag.set_secret(f"registry-{uuid.uuid4().hex}", token)
        sender = sender.with_registry_auth(repository, user, secret)
    addresses = [
        await sender.publish(f"{repository}:{tag}", platform_variants=others, registry_service=project.outside.registry)
        for tag in tags
    ]
    return addresses[0].rpartition("@")[2]
