"""Who we are in which cluster: a kubeconfig's context, or the cluster that we run in."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from modelway.atomic import scratch_directory
from modelway.errors import OutsideError, UsageError
from modelway.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

KUBECONFIG, HOST, PORT = "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_EXEC_SECONDS = 60


@dataclass(frozen=True)
class Access:
    """Where a cluster's API is, and how it is asked."""

    url: str
    tls: ssl.SSLContext | None = field(repr=False)
    token: str | None = field(repr=False)


def config_path(secrets: Mapping[str, str]) -> Path | None:
    """The kubeconfig's path; None where there is none."""
    given = secrets.get(KUBECONFIG, "").split(os.pathsep)[0]
    path = Path(given) if given else Path(secrets.get("HOME", "/nonexistent")) / ".kube" / "config"
    return path if given or path.is_file() else None


def in_cluster(secrets: Mapping[str, str]) -> bool:
    """Whether this is a pod with a ServiceAccount."""
    return bool(secrets.get(HOST)) and (IN_CLUSTER / "token").is_file()


def find_access(secrets: Mapping[str, str], context: str | None) -> Access:
    """The kubeconfig's context, or else the cluster around us.

    Raises:
        UsageError: neither is there, or the kubeconfig lacks what it names.
        OutsideError: a program that gives credentials failed.
    """
    path = config_path(secrets)
    if path is not None:
        return _from_config(path, secrets, context)
    if not in_cluster(secrets):
        raise UsageError("there is no kubeconfig", where=KUBECONFIG, remedy="Set KUBECONFIG to its path.")
    token = (IN_CLUSTER / "token").read_text(encoding="ascii").strip()
    url = f"https://{secrets[HOST]}:{secrets.get(PORT, '443')}"
    return Access(url, ssl.create_default_context(cafile=str(IN_CLUSTER / "ca.crt")), token)


def _from_config(path: Path, secrets: Mapping[str, str], context: str | None) -> Access:
    try:
        told: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        chosen = context or told["current-context"]
        names = _named(told, "contexts", chosen, "context")
        cluster = _named(told, "clusters", names["cluster"], "cluster")
        user = _named(told, "users", names["user"], "user") if names.get("user") else {}
        url = str(cluster["server"]).rstrip("/")
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        # The content holds secrets: no word of it gets into the message.
        what = f"it lacks {error}" if isinstance(error, KeyError) else type(error).__name__
        raise UsageError(
            f"the kubeconfig can't be used: {what}",
            where=str(path),
            remedy="`kubectl config view` shows what it holds.",
        ) from None
    given = _run_plugin(user["exec"], secrets) if "exec" in user else {}
    token = given.get("token") or user.get("token")
    if not token and user.get("tokenFile"):
        token = (path.parent / user["tokenFile"]).read_text(encoding="ascii").strip()
    tls = _tls(cluster, user, given, path.parent) if url.startswith("https:") else None
    return Access(url, tls, token)


def _named(told: Any, kind: str, name: str, key: str) -> Any:
    found = [one[key] for one in told.get(kind) or [] if one["name"] == name]
    if not found:
        raise KeyError(f"{key} {name}")
    return found[0]


def _run_plugin(plugin: Any, secrets: Mapping[str, str]) -> Any:
    """The credentials that a program prints, as clusters in clouds have them; they stay in memory."""
    more = {one["name"]: one["value"] for one in plugin.get("env") or []}
    asked = {"apiVersion": plugin["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    environment = {**secrets, **more, "KUBERNETES_EXEC_INFO": json.dumps(asked)}
    argv = [plugin["command"], *(plugin.get("args") or [])]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own kubeconfig names it
            argv, env=environment, capture_output=True, check=True, timeout=_EXEC_SECONDS, stdin=subprocess.DEVNULL
        )
        return parse_json(done.stdout)["status"]
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
        raise OutsideError(
            f"{plugin['command']} gave no credentials: {type(error).__name__}",
            where="kubeconfig",
            remedy="Run it by hand: it says why.",
        ) from None


def _tls(cluster: Any, user: Any, given: Any, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif cluster.get("certificate-authority-data"):
        context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    elif cluster.get("certificate-authority"):
        context.load_verify_locations(cafile=str(folder / cluster["certificate-authority"]))
    certificate = _pem(user, given, "client-certificate", "clientCertificateData", folder)
    key = _pem(user, given, "client-key", "clientKeyData", folder)
    if certificate and key:
        # Python reads them from files alone; this one is ours, and gone at once.
        with scratch_directory() as own:
            both = own / "both.pem"
            both.write_bytes(certificate + b"\n" + key)
            context.load_cert_chain(both)
    return context


def _pem(user: Any, given: Any, key: str, plugin_key: str, folder: Path) -> bytes | None:
    if given.get(plugin_key):
        return str(given[plugin_key]).encode()
    if user.get(f"{key}-data"):
        return base64.b64decode(user[f"{key}-data"])
    return (folder / user[key]).read_bytes() if user.get(key) else None
