"""Requests to a cluster's API: read, create or patch."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelway.errors import OutsideError

if TYPE_CHECKING:
    from modelway.deploy.kubernetes.access import Access

Json = dict[str, Any]
_PATHS = {
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "ReplicaSet": "apis/apps/v1/namespaces/{}/replicasets",
    "Service": "api/v1/namespaces/{}/services",
    "Pod": "api/v1/namespaces/{}/pods",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "SelfSubjectAccessReview": "apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
}
_ATTEMPTS = 4
_SECONDS = 30.0
_AGAIN = frozenset({429, 500, 502, 503, 504})
_REMEDIES = {
    401: "The credentials are refused or have expired: renew them, then run it again: it goes on.",
    403: "docs/kubernetes.md has the role that a deploy needs.",
    404: "Create the namespace, or correct the target's.",
}


class Cluster:
    """A namespace of a cluster.

    Args:
        access: where and who.
        namespace: which one.
    """

    def __init__(self, access: Access, namespace: str) -> None:
        self._access = access
        self._namespace = namespace

    def get(self, kind: str, name: str) -> Json | None:
        """An object; None where there is none."""
        status, answer = self._send("GET", kind, name)
        return None if status == 404 else self._settled("GET", kind, status, answer)

    def find(self, kind: str, labels: dict[str, str]) -> list[Json]:
        """The objects with these labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        status, answer = self._send("GET", kind, query=f"?labelSelector={quote(selector)}")
        items = self._settled("GET", kind, status, answer).get("items", [])
        return [one for one in items if labels.items() <= one["metadata"].get("labels", {}).items()]

    def put(self, wanted: Json) -> None:
        """Create an object, or bring it to what is wanted; what others have added to it stays."""
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        if self.get(kind, name) is None:
            status, answer = self._send("POST", kind, body=wanted)
            if status != 409:  # somebody else, or an attempt whose answer was lost, was faster
                self._settled("POST", kind, status, answer)
                return
        self.patch(kind, name, wanted)

    def patch(self, kind: str, name: str, change: Json) -> None:
        """Merge a change into an object."""
        status, answer = self._send("PATCH", kind, name, body=change)
        self._settled("PATCH", kind, status, answer)

    def allows(self, group: str, resource: str, verb: str) -> bool:
        """Whether we may do this in the namespace. A POST that makes nothing: the answer is all there is of it."""
        asked = {"namespace": self._namespace, "group": group, "resource": resource, "verb": verb}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        status, answer = self._send("POST", "SelfSubjectAccessReview", body=review)
        told = self._settled("POST", "SelfSubjectAccessReview", status, answer)
        return bool(told.get("status", {}).get("allowed"))

    def _settled(self, method: str, kind: str, status: int, answer: Json) -> Json:
        if status < 300:
            return answer
        raise OutsideError(
            f"Kubernetes answered {method} {kind} with {status}: {answer.get('message', '')}",
            where=f"{self._access.url}, namespace {self._namespace}",
            remedy=_REMEDIES.get(status, "Try again."),
        )

    def _send(
        self, method: str, kind: str, name: str = "", *, query: str = "", body: Json | None = None
    ) -> tuple[int, Json]:
        """Status and answer; all that is asked may be asked twice."""
        path = _PATHS[kind].format(self._namespace)
        address = f"{self._access.url}/{path}{'/' if name else ''}{name}{query}"
        form = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Accept": "application/json", "Content-Type": form, "User-Agent": "modelway"}
        if self._access.token:
            headers["Authorization"] = f"Bearer {self._access.token}"
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(_ATTEMPTS):
            request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - the user's cluster
            last = attempt == _ATTEMPTS - 1
            try:
                status, answer = self._open(request)
                if status not in _AGAIN or last:
                    return status, answer
            except (OSError, http.client.HTTPException) as error:
                if last:
                    reason = getattr(error, "reason", None) or error
                    raise OutsideError(
                        f"Kubernetes can't be reached: {reason}",
                        where=self._access.url,
                        remedy="Check the network and the kubeconfig's context.",
                    ) from error
            time.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")

    def _open(self, request: urllib.request.Request) -> tuple[int, Json]:
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS, context=self._access.tls) as response:  # noqa: S310
                return response.status, _read(response.read())
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, _read(answer.read())


def _read(content: bytes) -> Json:
    try:
        told = json.loads(content)
    except ValueError:
        return {"message": content[:200].decode(errors="replace")}
    return told if isinstance(told, dict) else {}
