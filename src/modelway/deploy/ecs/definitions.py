"""Task definitions: what a release's revision is made of, and how it is found again."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from modelway.deploy.remote import FLAGS, LOG, server_environment
from modelway.errors import UsageError
from modelway.records.serve import SMOKE_DIGEST

if TYPE_CHECKING:
    from modelway.deploy.target import Place
    from modelway.records.ecs import EcsOptions

RELEASE_TAG, CONFIGURATION_TAG = "modelway:release", "modelway:configuration"
_NOT_REGISTERED = frozenset({
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt",
    "deregisteredAt", "deleteRequestedAt", "registeredBy",
})  # fmt: skip
"""What ECS adds by itself."""


def configuration_of(place: Place, options: EcsOptions) -> str:
    """A digest of what the settings put into a task definition, but for the image."""
    told = [server_environment(place), options.container, options.task_definition]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def new_definition(
    base: dict[str, Any], options: EcsOptions, image: str, variables: dict[str, str], tags: dict[str, str]
) -> dict[str, Any]:
    """The arguments that register a revision: its base's, but for one container's image and variables.

    Raises:
        UsageError: it is not clear which container is meant.
    """
    named = _container(base["containerDefinitions"], options)
    containers = [
        _changed(container, image, variables) if container["name"] == named else container
        for container in base["containerDefinitions"]
    ]
    kept = {key: value for key, value in base.items() if key not in _NOT_REGISTERED and value not in (None, [], "")}
    tagged = [{"key": key, "value": value} for key, value in sorted(tags.items())]
    return {**kept, "containerDefinitions": containers, "tags": tagged}


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


def _changed(container: dict[str, Any], image: str, variables: dict[str, str]) -> dict[str, Any]:
    others = [pair for pair in container.get("environment", []) if pair["name"] not in {FLAGS, LOG, SMOKE_DIGEST}]
    told = [{"name": name, "value": value} for name, value in sorted(variables.items())]
    return {**container, "image": image, "environment": [*others, *told]}
