"""Every caller of the HTTP client as one function of a server's address; each gives what its user would see."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from modelway.deploy.image import asking as image
from modelway.deploy.kubernetes.access import Access
from modelway.deploy.kubernetes.cluster import Cluster
from modelway.deploy.local import admin
from modelway.deploy.smoke.run import smoke
from modelway.errors import OutsideError
from modelway.github import GitHub
from modelway.notify import slack
from modelway.records.environment import SmokeOptions
from modelway.records.github import Repository
from modelway.records.register import RegisterOptions
from modelway.registry import Registry, session
from modelway.waiting import VARIABLE

SECRET = "canary-7d3f"


def shorten(patch: pytest.MonkeyPatch, seconds: float = 1.0) -> None:
    """Let every caller wait for so long at most."""
    patch.setenv(VARIABLE, str(seconds))
    patch.setattr(image, "_SECONDS", seconds)
    patch.setattr(slack, "_SECONDS", seconds)
    patch.setattr(admin, "_PATIENCE", seconds)
    patch.setattr(session, "REACH_SECONDS", seconds)
    patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    patch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)


def _github(url: str) -> GitHub:
    return GitHub(Repository(owner="octocat", name="loans"), SECRET, url)


def github_get(url: str) -> object:
    from modelway.github.answers import to_release

    return to_release(_github(url).call("GET", "/releases/tags/x"))


def github_issue(url: str) -> object:
    from modelway.github.issues import report_issue

    return report_issue(_github(url), "title", "body", "marker", (), opens=True)


def github_release(url: str) -> object:
    from modelway.github.release import publish
    from modelway.records.github import ReleasePlan

    plan = ReleasePlan(tag="model-v1", title="t", notes="marker", marker="marker")
    return publish(_github(url), plan, [])


def github_rights(url: str) -> object:
    from modelway.github.rights import rights_of

    return rights_of(_github(url))


def _cluster(url: str) -> Cluster:
    return Cluster(Access(url, None, SECRET), "models")


def kubernetes_get(url: str) -> object:
    return _cluster(url).get("Deployment", "loans")


def kubernetes_find(url: str) -> object:
    return _cluster(url).find("Pod", {"app": "loans"})


def kubernetes_apply(url: str) -> object:
    return _cluster(url).apply({"kind": "Service", "metadata": {"name": "loans"}}, "modelway")


def kubernetes_delete(url: str) -> object:
    return _cluster(url).delete("Service", "loans")


def kubernetes_review(url: str) -> object:
    return _cluster(url).allows("apps", "deployments", "get")


def image_registry(url: str) -> object:
    from modelway.deploy.image.login import Login

    host = urlsplit(url).netloc
    return image.ask_registry(host, "octocat/loans", Login(host, "octocat", SECRET))


def slack_message(url: str) -> object:
    fault = slack.post_to_slack(f"{url}/services/{SECRET}", "title", "text", None)
    return None if fault is None else OutsideError(fault)


def smoke_test(url: str) -> object:
    report = smoke(url, [], SmokeOptions(deadline_seconds=1.0, timeout_seconds=1.0, requests=1), token=SECRET)
    return None if report.verdict.value in {"pass", "inconclusive"} else OutsideError(report.reason)


def admin_status(url: str) -> object:
    found = admin.ask(url, SECRET, seconds=1.0)
    return OutsideError("no status") if found is None else found


def admin_reload(url: str) -> object:
    return admin.reload(url, SECRET, "champion", [])


def mlflow_registry(url: str) -> object:
    return Registry(RegisterOptions(tracking_uri=url), "loans", Path("/nonexistent")).versions()


CALLERS = (
    github_get,
    github_issue,
    github_release,
    github_rights,
    kubernetes_get,
    kubernetes_find,
    kubernetes_apply,
    kubernetes_delete,
    kubernetes_review,
    image_registry,
    slack_message,
    smoke_test,
    admin_status,
    admin_reload,
    mlflow_registry,
)
