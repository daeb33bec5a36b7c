"""Requests to a cluster's API: read, apply, delete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelway.errors import OutsideError, RefusedError, UsageError
from modelway.http import HttpClient

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
    "HorizontalPodAutoscaler": "apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "Namespace": "api/v1/namespaces",
    "SelfSubjectAccessReview": "apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
}
_SIGN_IN = (
    "Check the kubeconfig's server, the proxy (HTTPS_PROXY, NO_PROXY), and whether this network asks for a sign-in."
)
_PASSING = frozenset({408, 409, 429})
"""Statuses below 500 that another attempt may not meet."""
_REMEDIES = {
    401: "The credentials are refused or have expired: renew them, then run it again: it continues.",
    403: "docs/kubernetes.md has the role that a deploy needs.",
    404: "Create the namespace, or correct the target's.",
    422: "Correct the setting that the message names.",
}
_DENIED = "Ask whoever runs the cluster: a quota or a policy does not admit this."
_JSON = "application/json"
_APPLY, _JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"


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

    def apply(self, wanted: Json, manager: str, *, dry_run: bool = False) -> None:
        """Create an object, or bring its managed fields to what is wanted (server-side apply).

        What else the object has stays. A field that another manager has changed is taken back.

        Args:
            wanted: all fields that the manager manages: those that it managed before and that are not here are removed.
            manager: the field manager.
            dry_run: only check whether the API server would accept it.
        """
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        query = f"?fieldManager={manager}&force=true{'&dryRun=All' if dry_run else ''}"
        response = self._send("PATCH", kind, name, query=query, body=wanted, form=_APPLY)
        self._settled("PATCH", kind, response)

    def replace_managers(self, found: Json, managed: list[Json]) -> None:
        """Replace the record of an object's field managers; refused if the object has changed since it was read."""
        version = found["metadata"]["resourceVersion"]
        change = [
            {"op": "replace", "path": "/metadata/managedFields", "value": managed},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        kind = found["kind"]
        response = self._send("PATCH", kind, found["metadata"]["name"], body=change, form=_JSON_PATCH)
        self._settled("PATCH", kind, response)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object; one that is gone already is fine."""
        response = self._send("DELETE", kind, name)
        if response.status != 404:
            self._settled("DELETE", kind, response)

    def check_namespace(self) -> None:
        """Raise `UsageError` if there is no such namespace; a role that may not read it exists in one."""
        response = self._send("GET", "Namespace", self._namespace)
        if response.status == 404:
            raise UsageError(
                f"there is no namespace {self._namespace!r}",
                where=self._access.url,
                remedy=f"Correct the target's namespace, or run `kubectl create namespace {self._namespace}`.",
            )
        if response.status != 403:
            self._settled("GET", "Namespace", response)

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
        message = _message(response)
        what = f"Kubernetes answered {method} {kind} with {response.status}: {message}"
        where = f"{self._access.url}, namespace {self._namespace}"
        if response.status >= 500 or response.status in _PASSING:
            raise OutsideError(what, where=where, remedy="Try again.")
        # A 403 of the authorizer names the user that may not; any other is an admission plugin's.
        denied = response.status == 403 and " cannot " not in message
        raise RefusedError(what, where=where, remedy=_DENIED if denied else _REMEDIES.get(response.status))

    def _send(
        self, method: str, kind: str, name: str = "", *, query: str = "", body: Any = None, form: str = _JSON
    ) -> Response:
        """Send a request; all of ours may be done twice."""
        path = _PATHS[kind].format(self._namespace)
        address = f"{self._access.url}/{path}{'/' if name else ''}{name}{query}"
        data = None if body is None else json.dumps(body).encode()
        return self._client.send(method, address, headers={"Content-Type": form}, body=data, repeatable=True)


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
