"""Starts the servers on loopback, with their files in a temporary directory, and ends them with this process."""

from __future__ import annotations

import atexit
import itertools
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from real_cluster.kubelet import Kubelet

Json = dict[str, Any]
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
ADMIN, CANARY, DEPLOYER, STRANGER = "admin-5d21", "canary-3f9a1c", "deployer-9c40", "stranger-1f7b"
"""Tokens: two that may do everything, what the documented Role allows in its namespace, nothing."""
_SECONDS = 120
_CONTROLLERS = (
    "deployment-controller,replicaset-controller,serviceaccount-controller,namespace-controller,disruption-controller,"
    "garbage-collector-controller,resourcequota-controller,horizontal-pod-autoscaler-controller,"
    "endpointslice-controller"
)


def reason_to_skip() -> str | None:
    """Which programs are missing; None if all are there."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"no real Kubernetes API server: {', '.join(missing)} not on the PATH" if missing else None


@cache
def shared_cluster() -> RealCluster:
    """The one cluster of this process: tests keep apart by namespaces."""
    cluster = RealCluster()
    atexit.register(cluster.stop)
    return cluster


class RealCluster:
    """A control plane, with a kubelet that pretends.

    Attributes:
        url: where its API is.
        kubelet: what becomes of pods.
    """

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="kube-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._numbers = itertools.count(1)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all of it at once: nothing is kept, and a test's process that ends does not wait for a graceful end."""
        if hasattr(self, "kubelet"):
            self.kubelet.stop()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def namespace(self, name: str = "models") -> str:
        """Create a namespace in which pods can be created."""
        made = f"{name}-{os.getpid()}-{next(self._numbers)}"
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": made}})
        deadline = time.monotonic() + _SECONDS
        while self.call("GET", f"/api/v1/namespaces/{made}/serviceaccounts/default", allowed=(404,)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return made

    def kubeconfig(self, path: Path, token: str) -> Path:
        """Write a kubeconfig with one context."""
        cluster = {"server": self.url, "certificate-authority": str(self._home / "certs" / "apiserver.crt")}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me"}}],
            "clusters": [{"name": "one", "cluster": cluster}],
            "users": [{"name": "me", "user": {"token": token}}],
        }
        path.write_text(json.dumps(content))
        return path

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        form: str = "application/json",
        allowed: tuple[int, ...] = (),
        agent: str = "someone-else",
    ) -> Any:
        """Ask as an administrator; None for a status that is allowed."""
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": form, "User-Agent": agent}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode()
            if error.code in allowed:
                return None
            raise AssertionError(f"{method} {path}: {error.code} {said}") from None

    def _start(self) -> None:
        ports = _free_ports(4)
        home, here = self._home, "127.0.0.1"
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = serialization.PrivateFormat.TraditionalOpenSSL
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (home / "accounts.key").write_bytes(pem)
        (home / "tokens.csv").write_text(
            f'{ADMIN},admin,1,"system:masters"\n{CANARY},canary,4,"system:masters"\n'
            f"{DEPLOYER},deployer,2\n{STRANGER},stranger,3\n"
        )
        store, peers = f"http://{here}:{ports[0]}", f"http://{here}:{ports[1]}"
        self._run(
            "etcd", "--data-dir", str(home / "etcd"), "--listen-client-urls", store, "--advertise-client-urls", store,
            "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster",
            f"default={peers}",
        )  # fmt: skip
        self._run(
            "kube-apiserver", "--etcd-servers", store, "--bind-address", here, "--advertise-address", here,
            "--secure-port", str(ports[2]), "--cert-dir", str(home / "certs"), "--token-auth-file",
            str(home / "tokens.csv"), "--authorization-mode", "RBAC", "--service-account-issuer", "https://here",
            "--service-account-key-file", str(home / "accounts.key"), "--service-account-signing-key-file",
            str(home / "accounts.key"), "--service-cluster-ip-range", "10.0.0.0/24", "--endpoint-reconciler-type",
            "none",
        )  # fmt: skip
        self.url = f"https://{here}:{ports[2]}"
        self._await_api()
        self._run(
            "kube-controller-manager", "--kubeconfig", str(self.kubeconfig(home / "config", ADMIN)), "--controllers",
            _CONTROLLERS, "--leader-elect=false", "--secure-port", str(ports[3]), "--bind-address", here, "--cert-dir",
            str(home / "certs-manager"), "--concurrent-resource-quota-syncs", "5", "--resource-quota-sync-period", "1s",
        )  # fmt: skip
        self.kubelet = Kubelet(self.call)

    def _run(self, program: str, *arguments: str) -> None:
        with (self._home / f"{program}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(shutil.which(program)), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)

    def _await_api(self) -> None:
        """Wait for its certificate, and until it is ready."""
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                self._tls = ssl.create_default_context(cafile=str(self._home / "certs" / "apiserver.crt"))
                self.call("GET", "/api/v1/namespaces/default")
            except (OSError, AssertionError) as error:
                ended = [process.args for process in self._processes if process.poll() is not None]
                logs = "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in self._home.glob("*.log"))
                if ended or time.monotonic() > deadline:
                    raise AssertionError(logs) from error
                time.sleep(0.1)
            else:
                return


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
