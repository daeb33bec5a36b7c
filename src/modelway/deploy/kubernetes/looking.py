"""What a Deployment runs, in our words; the rules are those of `kubectl rollout status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.deploy.kubernetes.manifests import CONFIGURATION, RELEASE
from modelway.records.deploy import Live, LiveState

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.deploy.kubernetes.cluster import Cluster

REVISION = "deployment.kubernetes.io/revision"
Json = dict[str, Any]


def look(cluster: Cluster, name: str, labels: dict[str, str]) -> Live:
    """What runs now."""
    deployment = cluster.get("Deployment", name)
    if deployment is None:
        return Live(state=LiveState.ABSENT)
    spec, status, metadata = deployment["spec"], deployment.get("status", {}), deployment["metadata"]
    wanted, seen = spec.get("replicas", 1), status.get("observedGeneration", 0) >= metadata.get("generation", 1)
    if wanted == 0:
        gone = seen and not status.get("replicas")
        return Live(state=LiveState.ABSENT) if gone else Live(state=LiveState.CHANGING, reason="pods are ending")
    marks = spec["template"]["metadata"].get("annotations", {})
    live = Live(
        state=LiveState.CHANGING,
        release=marks.get(RELEASE),
        revision=metadata.get("annotations", {}).get(REVISION),
        configuration=marks.get(CONFIGURATION),
        wanted=wanted,
        ready=min(status.get("updatedReplicas", 0), status.get("availableReplicas", 0)) if seen else 0,
        reason="the change has not been noticed yet",
        details={"logs": f"kubectl logs --namespace {metadata['namespace']} deployment/{name}"},
    )
    return _judged(live, status, lambda: why_pods_fail(cluster, labels, marks)) if seen else live


def _judged(live: Live, status: Json, why: Callable[[], str]) -> Live:
    stuck, missing = _stuck(status), _missing(status, live.wanted)
    if not stuck and missing is None:
        return live.model_copy(update={"state": LiveState.STABLE, "reason": ""})
    state = LiveState.FAILED if stuck else LiveState.CHANGING
    reason = "; ".join(text for text in (stuck or missing or "", why()) if text)
    return live.model_copy(update={"state": state, "reason": reason})


def why_pods_fail(cluster: Cluster, labels: dict[str, str], marks: dict[str, str]) -> str:
    """The reason of a failing pod of a release, in Kubernetes's words; empty where none fails."""
    for pod in cluster.find("Pod", labels):
        if pod["metadata"].get("annotations", {}).get(RELEASE) != marks.get(RELEASE):
            continue
        status = pod.get("status", {})
        for container in status.get("containerStatuses", []):
            words = _why_container(container)
            if words:
                return f"pod {pod['metadata']['name']}: {words}"
        for condition in status.get("conditions", []):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"pod {pod['metadata']['name']}: {condition.get('message', condition.get('reason', ''))}"
    return ""


def _why_container(container: Json) -> str:
    waiting = container.get("state", {}).get("waiting", {})
    ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
    told = []
    if waiting.get("reason") and waiting["reason"] not in {"ContainerCreating", "PodInitializing"}:
        told.append(": ".join(text for text in (waiting["reason"], waiting.get("message", "")) if text))
    if ended.get("exitCode"):
        told.append(f"exit code {ended['exitCode']}, {ended.get('message') or ended.get('reason', '')}")
    return "; ".join(told)


def _stuck(status: Json) -> str:
    for condition in status.get("conditions", []):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message") or "the rollout makes no progress")
    return ""


def _missing(status: Json, wanted: int) -> str | None:
    """What is not there yet; None where all is."""
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} pods are of this release"
    if status.get("replicas", 0) > updated:
        return f"{status['replicas'] - updated} pods of the release before are ending"
    return f"{available} of {wanted} pods answer" if available < wanted else None
