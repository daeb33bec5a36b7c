"""The world of the `kubernetes` target: kmock's API over HTTP, and a Deployment controller beside it."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.deploy.target import Place, Target, open_target
from modelway.records.deploy import Release
from modelway.records.kubernetes import KubernetesOptions

sys.path.insert(0, str(Path(__file__).parents[2] / "kubernetes"))
from kubernetes_places import place_of, release_of
from kubernetes_stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class KubernetesWorld:
    stand_in: StandIn
    root: Path
    kubeconfig: Path

    def place(self, secrets: dict[str, str], **target: Any) -> Place:
        options = KubernetesOptions(kind="kubernetes", namespace="models", **target)
        return place_of(self.root, options, secrets)

    def open(self, **target: Any) -> Target:
        return open_target(self.place({"KUBECONFIG": str(self.kubeconfig)}, **target))

    def open_without_secrets(self) -> Target:
        return open_target(self.place({}))

    def release(self, number: int) -> Release:
        return release_of(number)

    def broken(self) -> Release:
        release = self.release(666)
        self.stand_in.controller.broken[str(release.image)] = "the bundle does not verify"
        return release


def kubeconfig(url: str, user: dict[str, Any]) -> str:
    """A kubeconfig with one context."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me"}}],
            "clusters": [{"name": "one", "cluster": {"server": url}}],
            "users": [{"name": "me", "user": user}],
        }
    )


@contextmanager
def world(request: Any, root: Path, secret: str) -> Iterator[KubernetesWorld]:
    # A kubeconfig holds secrets by its nature, so it lies outside of what is searched for them.
    with StandIn(secret) as stand_in, tempfile.TemporaryDirectory() as home:
        path = Path(home) / "config"
        path.write_text(kubeconfig(stand_in.url, {"token": secret}))
        yield KubernetesWorld(stand_in, root, path)
