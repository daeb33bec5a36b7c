"""Requests to a cluster's API: read, create or patch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelway.errors import OutsideError
from modelway.http import SECONDS, HttpClient

if TYPE_CHECKING:
    from modelway.deploy.kubernetes.access import Access
    from modelway.http import Response

Json = dict[str, Any]
_PATHS = {
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "ReplicaSet": "apis/apps/v1/namespaces/{}/replicasets",
    "Service": "api/v1/namespaces/{}/services",
    "Pod": "api/v1/namespaces/{}/pods",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "SelfSubjectAccessReview": "apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
}
_SECONDS = SECONDS
_SIGN_IN = (
    "Check the kubeconfig's server, the proxy (HTTPS_PROXY, NO_PROXY), and whether this network asks for a sign-in."
)
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
        headers = {"Accept": "application/json"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        remedy = "Check the network and the kubeconfig's context."
        self._client = HttpClient("Kubernetes", remedy=remedy, headers=headers, tls=access.tls)

    def get(self, kind: str, name: str) -> Json | None:
        """An object; None where there is none."""
        response = self._send("GET", kind, name)
        return None if response.status == 404 else self._settled("GET", kind, response)

    def find(self, kind: str, labels: dict[str, str]) -> list[Json]:
        """The objects with these labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        response = self._send("GET", kind, query=f"?labelSelector={quote(selector)}")
        items = self._settled("GET", kind, response, "items")["items"]
        return [one for one in items if labels.items() <= (one["metadata"].get("labels") or {}).items()]

    def put(self, wanted: Json) -> None:
        """Create an object, or bring it to what is wanted; what others have added to it stays."""
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        if self.get(kind, name) is None:
            response = self._send("POST", kind, body=wanted)
            if response.status != 409:  # somebody else, or an attempt whose answer was lost, was faster
                self._settled("POST", kind, response)
                return
        self.patch(kind, name, wanted)

    def patch(self, kind: str, name: str, change: Json) -> None:
        """Merge a change into an object."""
        self._settled("PATCH", kind, self._send("PATCH", kind, name, body=change))

    def allows(self, group: str, resource: str, verb: str) -> bool:
        """Whether we may do this in the namespace. A POST that makes nothing: the answer is all there is of it."""
        asked = {"namespace": self._namespace, "group": group, "resource": resource, "verb": verb}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        response = self._send("POST", "SelfSubjectAccessReview", body=review)
        return bool(self._settled("POST", "SelfSubjectAccessReview", response, "status")["status"].get("allowed"))

    def _settled(self, method: str, kind: str, response: Response, key: str = "metadata") -> Json:
        """Return what was answered: an object that has this key, or a list of objects."""
        if response.status < 300:
            told: Json = response.json(_SIGN_IN)
            found = told.get(key) if isinstance(told, dict) else None
            if isinstance(found, dict) or (key == "items" and _are_objects(found)):
                return told
            what = f"the answer of Kubernetes to {method} {kind} is not what its API gives"
            raise OutsideError(what, where=self._access.url, remedy=_SIGN_IN)
        raise OutsideError(
            f"Kubernetes answered {method} {kind} with {response.status}: {_message(response)}",
            where=f"{self._access.url}, namespace {self._namespace}",
            remedy=_REMEDIES.get(response.status, "Try again."),
        )

    def _send(self, method: str, kind: str, name: str = "", *, query: str = "", body: Json | None = None) -> Response:
        """Send a request; all of ours may be done twice."""
        path = _PATHS[kind].format(self._namespace)
        address = f"{self._access.url}/{path}{'/' if name else ''}{name}{query}"
        form = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body).encode()
        return self._client.send(
            method, address, headers={"Content-Type": form}, body=data, repeatable=True, seconds=_SECONDS
        )


def _are_objects(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(one, dict) and isinstance(one.get("metadata"), dict) for one in found
    )


def _message(response: Response) -> str:
    if response.redirect:
        return f"it redirects to {response.redirect}"
    try:
        told = response.json()
    except OutsideError as error:
        return error.what
    return str(told.get("message", "")) if isinstance(told, dict) else ""
