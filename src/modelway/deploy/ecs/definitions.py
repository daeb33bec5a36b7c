"""Task definitions: what a release's revision is made of, and how it is found again."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from modelway.deploy.remote import SPOOL, VARIABLES, WRITABLE, server_environment
from modelway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelway.deploy.target import Place
    from modelway.records.deploy import Release
    from modelway.records.ecs import EcsOptions

VOLUME = "modelway-spool"
RELEASE_TAG, CONFIGURATION_TAG = "modelway:release", "modelway:configuration"
_AWS = "aws:"
"""What tags begin with that AWS sets, such as those of CloudFormation; nobody else may give them."""


def configuration_of(place: Place, options: EcsOptions, release: Release) -> str:
    """A digest of what the settings put into a task definition, but for the image."""
    told = [server_environment(place, release), options.container, options.task_definition, options.spool_volume]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def new_definition(base: dict[str, Any], options: EcsOptions, image: str, variables: dict[str, str]) -> dict[str, Any]:
    """Return `base`, as ECS describes it, with another image and other variables in one container.

    Raises:
        UsageError: it is not clear which container is meant.
    """
    named = _container(base["containerDefinitions"], options)
    containers = [
        _changed(container, image, variables) if container["name"] == named else container
        for container in base["containerDefinitions"]
    ]
    if options.spool_volume and SPOOL in variables:
        base, containers = _with_volume(base, containers, named)
    return {**base, "containerDefinitions": containers}


def registration(definition: dict[str, Any], tags: dict[str, str], accepted: Iterable[str]) -> dict[str, Any]:
    """Return the arguments of RegisterTaskDefinition that make a revision like the one described.

    Args:
        definition: a task definition as DescribeTaskDefinition returns it.
        tags: the tags of the revision. Those in AWS's own namespace are left out: AWS refuses them.
        accepted: the parameters that the operation accepts; what ECS adds to a description is not among them.
    """
    taken = set(accepted)
    kept = {key: value for key, value in definition.items() if key in taken and value not in (None, [], "")}
    given = {key: value for key, value in tags.items() if not key.lower().startswith(_AWS)}
    return {**kept, "tags": [{"key": key, "value": value} for key, value in sorted(given.items())]}


def tags_of(release: str, configuration: str) -> dict[str, str]:
    """What a revision is found again by."""
    return {RELEASE_TAG: release, CONFIGURATION_TAG: configuration}


def read_tags(described: dict[str, Any]) -> dict[str, str]:
    """The tags of a task definition that was described with them."""
    return {tag["key"]: tag.get("value", "") for tag in described.get("tags", [])}


def log_group(definition: dict[str, Any]) -> str | None:
    """Where its containers' logs go, if CloudWatch has them."""
    for container in definition.get("containerDefinitions", []):
        group = container.get("logConfiguration", {}).get("options", {}).get("awslogs-group")
        if group:
            return str(group)
    return None


def _container(containers: list[dict[str, Any]], options: EcsOptions) -> str:
    names = [container["name"] for container in containers]
    if options.container in names:
        return options.container or ""
    if options.container is None and len(names) == 1:
        return str(names[0])
    wanted = "several containers, and none is named" if options.container is None else f"no {options.container!r}"
    raise UsageError(
        f"the task definition has {wanted}", where="target.container", remedy=f"Its containers are {', '.join(names)}."
    )


def _with_volume(
    base: dict[str, Any], containers: list[dict[str, Any]], named: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A volume of the task where the server writes, unless the task definition has one there.

    The image declares that directory a VOLUME of its user, so ECS gives the volume that owner.
    """
    changed = []
    for container in containers:
        mounts = container.get("mountPoints", [])
        if container["name"] == named and all(one["containerPath"].rstrip("/") != WRITABLE for one in mounts):
            mount = {"sourceVolume": VOLUME, "containerPath": WRITABLE, "readOnly": False}
            container = {**container, "mountPoints": [*mounts, mount]}  # noqa: PLW2901 - a changed copy
            others = [one for one in base.get("volumes", []) if one["name"] != VOLUME]
            base = {**base, "volumes": [*others, {"name": VOLUME}]}
        changed.append(container)
    return base, changed


def _changed(container: dict[str, Any], image: str, variables: dict[str, str]) -> dict[str, Any]:
    others = [pair for pair in container.get("environment", []) if pair["name"] not in VARIABLES]
    told = [{"name": name, "value": value} for name, value in sorted(variables.items())]
    return {**container, "image": image, "environment": [*others, *told]}
