"""The environment's target: its secrets, and what it says when it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import OutsideError
from modelway.pipeline.doctor.findings import failed, missing, not_checked, ok
from modelway.records.deploy import LiveState
from modelway.records.kubernetes import KubernetesOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding
    from modelway.records.environment import TargetOptions

CHECK = "target"


def check_target(scene: Scene) -> Iterator[Finding]:
    """Secrets by name; then what `status` would tell; of a cluster also what a deploy may do there."""
    if scene.environment is None:
        yield not_checked(CHECK, "no environment is named", "Name one: --env NAME.")
        return
    target, options = scene.environment.target(), scene.environment.place.options.target
    lacking = target.missing()
    for one in lacking:
        yield missing(f"secret {one.name}", one.purpose, f"Set it, or `dagger call {one.argument}`.")
    if lacking:
        yield not_checked(CHECK, "not asked: secrets are missing")
        return
    name = f"{CHECK} {options.kind if options else ''}".rstrip()
    yield from _rights(scene, name, options)
    live = target.inspect()
    words = f"{live.state}{f', release {live.release}' if live.release else ''}"
    if live.state is LiveState.FAILED:
        remedy = "`modelway status` tells more; `deploy` or `rollback` mends it."
        yield failed(name, OutsideError(f"{words}: {live.reason}", remedy=remedy))
    else:
        yield ok(name, words)


def _rights(scene: Scene, name: str, options: TargetOptions | None) -> Iterator[Finding]:
    if not isinstance(options, KubernetesOptions):
        # AWS tells nobody what he may do but by letting him, or by IAM calls that a deploy has no right to.
        if options is not None and options.kind == "ecs":
            yield not_checked(
                f"{name}: rights", "calls that change are seen by a deploy alone", "docs/aws-permissions.md"
            )
        return
    from modelway.deploy.kubernetes.reviewing import refused_rights

    refused = refused_rights(scene.secrets, options)
    if refused:
        yield failed(
            f"{name}: rights",
            OutsideError(
                f"we may not {', '.join(refused)}",
                where=f"namespace {options.namespace}",
                remedy="docs/kubernetes.md has the role that a deploy needs.",
            ),
        )
    else:
        yield ok(f"{name}: rights", f"all that a deploy does in namespace {options.namespace}")
