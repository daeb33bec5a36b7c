"""What a Deployment runs, in our words; the rules are those of `kubectl rollout status`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from modelway.deploy.kubernetes.fields import changed_at
from modelway.deploy.kubernetes.manifests import RELEASE
from modelway.deploy.kubernetes.reasons import why_no_pods, why_pods_fail
from modelway.records.deploy import Live, LiveState

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.deploy.kubernetes.cluster import Cluster

_PROGRESS_SECONDS = 600
"""Kubernetes's own default."""
REVISION = "deployment.kubernetes.io/revision"
Json = dict[str, Any]


def look(cluster: Cluster, deployment: Json, labels: dict[str, str]) -> Live:
    """Return what runs now.

    Args:
        cluster: has the pods.
        deployment: the Deployment, as it was read.
        labels: select its pods.
    """
    spec, status, metadata = deployment["spec"], deployment.get("status", {}), deployment["metadata"]
    wanted, seen = spec.get("replicas", 1), status.get("observedGeneration", 0) >= metadata.get("generation", 1)
    if wanted == 0:
        gone = seen and not status.get("replicas")
        return Live(state=LiveState.ABSENT) if gone else Live(state=LiveState.CHANGING, reason="pods are ending")
    release = spec["template"]["metadata"].get("annotations", {}).get(RELEASE)
    live = Live(
        state=LiveState.CHANGING,
        release=release,
        revision=metadata.get("annotations", {}).get(REVISION),
        wanted=wanted,
        ready=min(status.get("updatedReplicas", 0), status.get("availableReplicas", 0)) if seen else 0,
        reason="the change has not been noticed yet",
        details={"logs": f"kubectl logs --namespace {metadata['namespace']} deployment/{metadata['name']}"},
    )
    if not seen:
        return live
    stuck = _stuck(status, changed_at(deployment), spec.get("progressDeadlineSeconds", _PROGRESS_SECONDS))
    return _judged(live, status, stuck, lambda: why_pods_fail(cluster.find("Pod", labels), release))


def _judged(live: Live, status: Json, stuck: str, why: Callable[[], str]) -> Live:
    missing = _missing(status, live.wanted)
    if missing is None:
        # All of it runs: a deadline that was missed on the way there no longer matters.
        return live.model_copy(update={"state": LiveState.STABLE, "reason": ""})
    state = LiveState.FAILED if stuck else LiveState.CHANGING
    reason = "; ".join(text for text in (stuck or missing, why_no_pods(status), why()) if text)
    return live.model_copy(update={"state": state, "reason": reason})


def _stuck(status: Json, changed: str, deadline: int) -> str:
    """Why the rollout is given up; empty if it is not.

    Kubernetes keeps the verdict on the rollout before until the new one makes progress. So one from before our change
    counts only if there has been no progress for as long as the new rollout may take.
    """
    for condition in status.get("conditions", []):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            words = str(condition.get("message") or "the rollout makes no progress")
            since = condition.get("lastUpdateTime", changed)
            if not changed or since > changed:
                return words
            late = datetime.now(UTC) - datetime.fromisoformat(changed) > timedelta(seconds=deadline)
            return f"no progress for {deadline} s" if late else ""
    return ""


def _missing(status: Json, wanted: int) -> str | None:
    """What is not there yet; None where all is."""
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} pods are of this release"
    if status.get("replicas", 0) > updated:
        return f"{status['replicas'] - updated} pods of the release before are ending"
    return f"{available} of {wanted} pods are ready" if available < wanted else None
