"""Why pods do not run, in Kubernetes's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.deploy.kubernetes.manifests import RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})


def why_no_pods(status: Json) -> str:
    """Return why a Deployment's pods could not be created: a quota, a policy, a missing ServiceAccount; or nothing."""
    for condition in status.get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"no pod could be created: {condition.get('message') or condition.get('reason', '')}"
    return ""


def why_pods_fail(pods: list[Json], release: str | None) -> str:
    """Return why a pod of a release does not run; empty if none has a reason.

    A reason that ends a pod comes before one that may pass, whichever pod is read first.
    """
    ours = [pod for pod in pods if pod["metadata"].get("annotations", {}).get(RELEASE) == release]
    for tell in (_ended, _failing, _waiting):
        for pod in ours:
            words = next(tell(pod.get("status", {})), "")
            if words:
                return f"pod {pod['metadata']['name']}: {words}"
    return ""


def _ended(status: Json) -> Iterator[str]:
    if status.get("phase") == "Failed" and status.get("reason"):
        yield _joined(status["reason"], status.get("message"))


def _failing(status: Json) -> Iterator[str]:
    for kind, prefix in (("initContainerStatuses", "init container"), ("containerStatuses", "container")):
        for container in status.get(kind, []):
            words = _why_container(container)
            if words:
                yield f"{prefix} {container['name']}: {words}"


def _waiting(status: Json) -> Iterator[str]:
    conditions = {one["type"]: one for one in status.get("conditions", []) if one["status"] == "False"}
    if "PodScheduled" in conditions:
        yield _joined(conditions["PodScheduled"].get("reason"), conditions["PodScheduled"].get("message"))
    for container in status.get("containerStatuses", []):
        if "running" in container.get("state", {}) and not container.get("ready"):
            yield (
                f"container {container['name']} runs, but is not ready: its startup or readiness probe has not passed "
                "(kubectl describe pod shows the answers)"
            )
    for name in ("Ready", "Initialized"):
        if conditions.get(name, {}).get("message"):
            yield _joined(conditions[name].get("reason"), conditions[name]["message"])


def _why_container(container: Json) -> str:
    waiting = container.get("state", {}).get("waiting", {})
    ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
    told = []
    if waiting.get("reason") and waiting["reason"] not in _STARTING:
        told.append(_joined(waiting["reason"], waiting.get("message")))
    if ended.get("exitCode"):
        told.append(f"exit code {ended['exitCode']}, {ended.get('message') or ended.get('reason', '')}")
    return "; ".join(told)


def _joined(*parts: str | None) -> str:
    return ": ".join(part for part in parts if part)
