"""One deploy over another on Kubernetes, with a fault of its API in it; for the suite and bench/."""

from __future__ import annotations

import importlib.util
import json
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from faulty_api import Fault, FaultyApi
from kubernetes_stand_in import StandIn

from modelway.deploy.flow import Flow
from modelway.deploy.state import EnvironmentState
from modelway.deploy.target import Place, open_target
from modelway.errors import ModelwayError
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, LiveState, Release
from modelway.records.environment import EnvironmentOptions, WaitOptions
from modelway.records.kubernetes import KubernetesOptions
from modelway.records.serve import ServeOptions
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict

READS, WRITES = ("GET",), ("POST", "PUT", "PATCH", "DELETE")
FAULTS = ("none", "failed", "down", "conflict", "lost", "slow", "expired")
"""500s that pass and that stay, conflicts, answers that are lost or late, a token that expires in the middle of it."""
_SECONDS, _DOWN_SECONDS = 60.0, 2.0
"""How long a deploy waits for a rollout; less where all that it could do is wait."""
_PLACES = 8
"""Requests of a deploy at which a fault may strike first."""


@dataclass(frozen=True)
class Api:
    """An API server, and who we are there."""

    url: str
    token: str
    namespace: str
    context: ssl.SSLContext | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a deploy.

    Attributes:
        code: its exit code.
        serves: the version that serves after it, alone; 0 where none does.
        again: the exit code of the same deploy, run again without the fault.
        then: the version that serves after that.
        struck: requests that the fault happened to.
    """

    code: int
    serves: int
    again: int
    then: int
    struck: int

    def wrong(self, fault: str) -> str:
        """What is not as it has to be; empty where all is."""
        told = {0: 2, 7: 1}
        if self.code in told and self.serves != told[self.code]:
            return f"exit code {self.code}, and version {self.serves} serves"
        if self.serves not in {1, 2}:
            return f"version {self.serves} serves"
        # What stays broken ends as a failure outside; a conflict may, too, for whoever runs it again.
        known = {"down": {6, 7}, "expired": {6, 7}, "conflict": {0, 6, 7}}
        if self.code not in (known.get(fault, {0}) if self.struck else {0}):
            return f"exit code {self.code}"
        return "" if (self.again, self.then) == (0, 2) else f"run again: {self.again}, version {self.then} serves"


@contextmanager
def stand_in() -> Iterator[Api]:
    """The API of a stand-in with a namespace of its own."""
    with StandIn("drill") as server:
        yield Api(server.url, "drill", "models")


@contextmanager
def real_cluster() -> Iterator[Api]:
    """A new namespace of the real API server that the suite starts."""
    servers: Any = importlib.import_module("real_cluster.servers")
    cluster = servers.shared_cluster()
    with tempfile.TemporaryDirectory() as home:
        config = json.loads(cluster.kubeconfig(Path(home) / "config", servers.CANARY).read_text())
    certificate = config["clusters"][0]["cluster"]["certificate-authority"]
    yield Api(cluster.url, servers.CANARY, cluster.namespace(), ssl.create_default_context(cafile=certificate))


def no_real_cluster() -> str | None:
    """Why there is no real API server here; None where there is one."""
    if importlib.util.find_spec("real_cluster") is None:
        return "the suite starts no real API server"
    reason: str | None = importlib.import_module("real_cluster.servers").reason_to_skip()
    return reason


def release(version: int) -> Release:
    digest = f"{version:064x}"
    image = f"ghcr.io/octocat/loans@sha256:{digest}"
    return Release(name="loans", champion=BundleRef(version=version, digest=digest), image=image)


def drill(fault: str, number: int, cluster: Callable[[], AbstractContextManager[Api]] = stand_in) -> Outcome:
    """Deploy version 1, then 2 with a fault; `number` chooses where it strikes.

    Args:
        fault: one of `FAULTS`.
        number: any.
        cluster: opens an API with an empty namespace.
    """
    with tempfile.TemporaryDirectory() as root, cluster() as api, FaultyApi(api.url, api.context) as proxy:
        flow = _flow(api, proxy.url, Path(root))
        flow.deploy(release(1))
        proxy.faults = planted(fault, number)
        patience = _DOWN_SECONDS if fault == "down" else _SECONDS
        code = _run(_flow(api, proxy.url, Path(root), patience), release(2))
        proxy.faults = []
        struck, serves = proxy.struck, _settle(flow)
        again = _run(_flow(api, proxy.url, Path(root)), release(2))
        return Outcome(code, serves, again, _settle(flow), struck)


def planted(fault: str, number: int) -> list[Fault]:
    """A fault at one of the first requests, reads and writes by turns."""
    after, methods = number // 2 % _PLACES, (READS, WRITES)[number % 2]
    faults = {
        "none": [],
        "failed": [Fault("failed", methods, after, 2)],
        "down": [Fault("failed", (), number % (2 * _PLACES), None)],
        "conflict": [Fault("conflict", WRITES, number % _PLACES, 1)],
        "lost": [Fault("lost", methods, after, 1)],
        "slow": [Fault("slow", (), 0, None)],
        "expired": [Fault("expired", (), number % (2 * _PLACES), None)],
    }
    return faults[fault]


def _flow(api: Api, url: str, root: Path, patience: float = _SECONDS) -> Flow:
    target = KubernetesOptions(kind="kubernetes", namespace=api.namespace, replicas=2)
    wait = WaitOptions(stable_seconds=patience, poll_seconds=0.02)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me"}}],
        "clusters": [{"name": "one", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": api.token}}],
    }
    (root / "kubeconfig").write_text(json.dumps(config))
    place = Place(
        environment="staging",
        model="loans",
        options=EnvironmentOptions(target=target, wait=wait, url="http://loans.example"),
        serve=ServeOptions(),
        root=root,
        state=root / "env",
        bundles=root / "bundles",
        flags="s3://models/flags.json",
        log="s3://models/log",
        secrets={"KUBECONFIG": str(root / "kubeconfig")},
    )

    def ask(asked: Release, url: str) -> SmokeReport:
        check = SmokeCheck(name="version", verdict=Verdict.PASS, detail="")
        return SmokeReport(endpoint=url, versions=(str(asked.champion.version),), checks=(check,))

    state = EnvironmentState(str(root / "env"), S3Options())
    # What the pods are told is an address on S3; this process needs none.
    here = replace(place, flags=str(root / "flags.json"))
    return Flow(here, open_target(place), state, ask, lambda _: None, "drill")


def _run(flow: Flow, wanted: Release) -> int:
    try:
        flow.deploy(wanted)
    except ModelwayError as error:
        return error.exit_code
    return 0


def _settle(flow: Flow) -> int:
    """Look until one version serves alone; which one (0 where none does)."""
    known = {release(version).id: version for version in (1, 2)}
    for _ in range(200):
        live = flow.target.inspect()
        if live.state is LiveState.STABLE:
            return known.get(live.release or "", 0)
    return 0
