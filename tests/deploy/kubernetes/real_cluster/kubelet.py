"""A kubelet that runs nothing.

What it pretends: that a scheduler found a node for every pod, and that its containers run and are ready as soon as it
has seen the pod. It writes that into the pod's status, and nothing else: no image is pulled, no probe is made, no
volume is mounted, no Secret is read. The pod keeps an empty `nodeName`, so the API server removes it at once when it
is deleted; grace periods and preStop hooks are not seen. Pods of an image in `says` get that status instead, as a
real kubelet or scheduler would have written it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
_REST = 0.1


class Kubelet:
    """Looks after all pods, in a thread.

    Attributes:
        says: the status of pods by their container's image; a function of the container's name.

    Args:
        call: asks the API as an administrator.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        self.says: dict[str, Callable[[str], Json]] = {}
        self._call = call
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join(30)

    def _work(self) -> None:
        while not self._ended.wait(_REST):
            try:
                pods = self._call("GET", "/api/v1/pods")["items"]
            except (OSError, AssertionError):
                continue
            for pod in pods:
                if "deletionTimestamp" not in pod["metadata"] and "containerStatuses" not in pod["status"]:
                    self._look_after(pod)

    def _look_after(self, pod: Json) -> None:
        container = pod["spec"]["containers"][0]
        status = self.says.get(container["image"], running)(container["name"])
        if status.keys() <= {key for key in pod["status"] if key != "phase"}:
            return
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        form = "application/strategic-merge-patch+json"
        try:
            self._call("PATCH", path, {"status": status}, form=form, allowed=(404, 409))
        except (OSError, AssertionError):
            return  # it is looked after again


def running(name: str) -> Json:
    """All is well."""
    return _status(name, {"running": {}}, ready=True)


def unready(name: str) -> Json:
    """It runs, and its probe never passes."""
    return _status(name, {"running": {}}, ready=False)


def crashing(words: str) -> Callable[[str], Json]:
    """It ends again and again, with these words."""

    def says(name: str) -> Json:
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting container"}}
        ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": words, "containerID": "none://1"}}
        return _status(name, waiting, ready=False, lastState=ended, restartCount=3)

    return says


def unschedulable(_: str) -> Json:
    """No node has room."""
    told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    return {"phase": "Pending", "conditions": [told | {"message": "0/3 nodes are available: 3 Insufficient memory."}]}


def evicted(name: str) -> Json:
    """The node took it away."""
    ended = {"terminated": {"exitCode": 137, "reason": "Error", "containerID": "none://1"}}
    told = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}
    return {**_status(name, ended, ready=False), **told}


def init_failing(name: str) -> Json:
    """An init container that someone else added fails."""
    ended = {
        "terminated": {"exitCode": 2, "reason": "Error", "message": "no route to vault", "containerID": "none://1"}
    }
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    first = {"name": "vault", "ready": False, "restartCount": 2, "image": "", "imageID": "", "state": waiting}
    starting = _status(name, {"waiting": {"reason": "PodInitializing"}}, ready=False)
    return {**starting, "phase": "Pending", "initContainerStatuses": [{**first, "lastState": ended}]}


def _status(name: str, state: Json, *, ready: bool, **more: Any) -> Json:
    container = {"name": name, "ready": ready, "restartCount": 0, "image": "", "imageID": "", "state": state, **more}
    condition = {"type": "Ready", "status": str(ready)}
    if not ready:
        condition |= {"reason": "ContainersNotReady", "message": f"containers with unready status: [{name}]"}
    return {"phase": "Running", "conditions": [condition], "containerStatuses": [container]}
