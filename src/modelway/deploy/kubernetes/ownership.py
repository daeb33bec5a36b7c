"""Whose an object is: modelway changes nothing that belongs to someone else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.deploy.kubernetes.manifests import ENVIRONMENT, MANAGED_BY, SELF
from modelway.errors import UsageError

if TYPE_CHECKING:
    from modelway.deploy.target import Place

Json = dict[str, Any]


def find_owner(found: Json, place: Place) -> UsageError | None:
    """Return the error that names whose an object is; None if it is the environment's own."""
    metadata = found["metadata"]
    name = f"{metadata.get('namespace')}/{metadata['name']}"
    if metadata.get("labels", {}).get(MANAGED_BY) != SELF:
        owner = _owner(metadata)
        return UsageError(
            f"{found['kind']} {name} belongs to someone else ({owner}); nothing was changed",
            where=f"environments.{place.environment}.target.deployment",
            remedy=f"Choose another name there. If the object should become modelway's, label it {MANAGED_BY}={SELF}.",
        )
    environment = metadata.get("annotations", {}).get(ENVIRONMENT, place.environment)
    if environment != place.environment:
        return UsageError(
            f"{found['kind']} {name} belongs to environment {environment!r}; nothing was changed",
            where=f"environments.{place.environment}.target",
            remedy="Choose another namespace or another name (deployment) there.",
        )
    return None


def _owner(metadata: Json) -> str:
    manager = metadata.get("labels", {}).get(MANAGED_BY)
    references = [f"{one['kind']} {one['name']}" for one in metadata.get("ownerReferences", [])]
    writers = [one["manager"] for one in metadata.get("managedFields", []) if not one.get("subresource")]
    if manager:
        return f"managed by {manager}"
    if references:
        return f"owned by {', '.join(references)}"
    return f"written by {', '.join(dict.fromkeys(writers))}" if writers else "owner unknown"
