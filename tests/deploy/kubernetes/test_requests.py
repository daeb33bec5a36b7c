"""What is sent to the API server, request by request, and what its answers mean; no server is needed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.deploy.kubernetes.access import Access
from modelway.deploy.kubernetes.cluster import Cluster
from modelway.errors import OutsideError, RefusedError, UsageError
from modelway.http.response import Response

OBJECT = {"kind": "Deployment", "metadata": {"name": "loans", "resourceVersion": "7"}, "spec": {"replicas": 2}}
URL = "https://api:6443"
DEPLOYMENTS = f"{URL}/apis/apps/v1/namespaces/models/deployments"
APPLY, PATCH, JSON = "application/apply-patch+yaml", "application/json-patch+json", "application/json"


def _answer(status: int = 200, body: Any = OBJECT) -> Response:
    return Response(status, {"Content-Type": "application/json"}, json.dumps(body).encode(), "Kubernetes", URL, 0.0)


@pytest.fixture
def cluster() -> Any:
    """A cluster whose client keeps what it is to send, and answers by its script."""
    made: Any = Cluster(Access(URL, None, None), "models")
    made.sent, made.answers = [], []

    def send(method: str, url: str, *, headers: Any, body: Any, repeatable: bool) -> Response:
        assert repeatable
        content = None if body is None else json.loads(body)
        made.sent.append((method, url, headers["Content-Type"], content))
        return made.answers.pop(0) if made.answers else _answer()

    made._client = SimpleNamespace(send=send)
    return made


class TestRequests:
    @pytest.mark.parametrize("manager", ["modelway", "modelway-scale"])
    def test_apply_that_only_checks_says_so_and_another_does_not(self, cluster: Any, manager: str) -> None:
        cluster.apply(OBJECT, manager, dry_run=True)
        cluster.apply(OBJECT, manager)
        cluster.apply(OBJECT, manager, dry_run=False)
        address = f"{DEPLOYMENTS}/loans?fieldManager={manager}&force=true"
        assert cluster.sent == [
            ("PATCH", f"{address}&dryRun=All", APPLY, OBJECT),
            ("PATCH", address, APPLY, OBJECT),
            ("PATCH", address, APPLY, OBJECT),
        ]

    def test_managers_are_replaced_only_in_the_version_that_was_read(self, cluster: Any) -> None:
        cluster.replace_managers(OBJECT, [{"manager": "modelway"}])
        assert cluster.sent == [
            ("PATCH", f"{DEPLOYMENTS}/loans", PATCH, [
                {"op": "replace", "path": "/metadata/managedFields", "value": [{"manager": "modelway"}]},
                {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
            ]),
        ]  # fmt: skip

    def test_objects_are_found_by_all_of_their_labels(self, cluster: Any) -> None:
        pods = [
            {"metadata": {"name": name, **({} if labels is None else {"labels": labels})}}
            for name, labels in (("a", {"x": "1", "y": "2", "z": "3"}), ("b", {"x": "1"}), ("c", None))
        ]
        cluster.answers = [_answer(body={"items": pods})]
        assert [one["metadata"]["name"] for one in cluster.find("Pod", {"x": "1", "y": "2"})] == ["a"]
        address = f"{URL}/api/v1/namespaces/models/pods?labelSelector=x%3D1%2Cy%3D2"
        assert cluster.sent == [("GET", address, JSON, None)]

    def test_object_that_is_gone_is_neither_found_nor_a_failure_to_delete(self, cluster: Any) -> None:
        cluster.answers = [_answer(404), _answer(404), _answer(), _answer()]
        assert cluster.get("Deployment", "loans") is None
        cluster.delete("Deployment", "loans")
        assert cluster.get("Deployment", "loans") == OBJECT
        cluster.delete("Deployment", "loans")
        assert [method for method, *_ in cluster.sent] == ["GET", "DELETE", "GET", "DELETE"]
        assert {url for _, url, *_ in cluster.sent} == {f"{DEPLOYMENTS}/loans"}

    @pytest.mark.parametrize("status", [{"allowed": True}, {"allowed": False}, {}])
    def test_right_is_what_a_review_allows(self, cluster: Any, status: dict[str, bool]) -> None:
        cluster.answers = [_answer(201, {"status": status})]
        assert cluster.allows("apps", "deployments", "patch") is status.get("allowed", False)
        ((method, url, _, body),) = cluster.sent
        assert (method, url) == ("POST", f"{URL}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        asked = {"namespace": "models", "group": "apps", "resource": "deployments", "verb": "patch"}
        assert body["spec"] == {"resourceAttributes": asked}

    @pytest.mark.parametrize(
        ("status", "raised"), [(200, None), (403, None), (404, UsageError), (401, RefusedError), (500, OutsideError)]
    )
    def test_namespace_is_there_unless_the_server_says_otherwise(self, cluster: Any, status: int, raised: Any) -> None:
        cluster.answers = [_answer(status)]
        if raised is None:
            cluster.check_namespace()
        else:
            with pytest.raises(raised) as found:
                cluster.check_namespace()
            assert type(found.value) is raised
        assert cluster.sent == [("GET", f"{URL}/api/v1/namespaces/models", JSON, None)]


REFUSED: dict[tuple[int, str], tuple[type[Exception], str]] = {
    (400, "bad"): (RefusedError, ""),
    (401, "Unauthorized"): (RefusedError, "renew"),
    (403, 'User "me" cannot patch'): (RefusedError, "docs/kubernetes.md"),
    (403, "exceeded quota"): (RefusedError, "quota or a policy"),
    (404, "namespace"): (RefusedError, "Create the namespace"),
    (408, "late"): (OutsideError, "Try again"),
    (409, "conflict"): (OutsideError, "Try again"),
    (410, "gone"): (RefusedError, ""),
    (422, "invalid"): (RefusedError, "Correct the setting"),
    (429, "busy"): (OutsideError, "Try again"),
    (499, "closed"): (RefusedError, ""),
    (500, "broken"): (OutsideError, "Try again"),
    (503, "away"): (OutsideError, "Try again"),
}


@pytest.mark.parametrize(("status", "message"), REFUSED)
def test_refusal_is_for_good_or_passes(cluster: Any, status: int, message: str) -> None:
    kind, remedy = REFUSED[status, message]
    cluster.answers = [_answer(status, {"message": message})]
    with pytest.raises(OutsideError) as raised:
        cluster.apply(OBJECT, "modelway")
    assert type(raised.value) is kind
    assert f"with {status}: {message}" in raised.value.what
    assert remedy in (raised.value.remedy or "")
    assert "namespace models" in (raised.value.where or "")


@pytest.mark.parametrize("body", [[], {}, {"metadata": 1}, {"metadata": None}, "text", {"items": [{"metadata": 1}]}])
def test_answer_of_another_form_is_not_taken_for_an_object(cluster: Any, body: Any) -> None:
    cluster.answers = [_answer(200, body), _answer(200, body)]
    for ask in (lambda: cluster.get("Deployment", "loans"), lambda: cluster.find("Pod", {})):
        with pytest.raises(OutsideError, match="not what its API gives"):
            ask()
