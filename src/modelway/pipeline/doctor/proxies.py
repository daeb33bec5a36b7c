"""The proxies in effect, whether they are there, and who goes around them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from modelway.errors import OutsideError, UsageError
from modelway.pipeline.doctor.findings import failed, not_checked, ok
from modelway.records.ecs import EcsOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding

KINDS = ("https", "http", "all")
_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}


def check_proxies(scene: Scene) -> Iterator[Finding]:
    """One finding for each proxy that is set."""
    found = {kind: proxy_of(scene.secrets, kind) for kind in KINDS}
    if not any(found.values()):
        yield not_checked("proxies", "none is set: addresses are asked directly")
        return
    for kind, proxy in found.items():
        name = f"{kind.upper()}_PROXY"
        if both := _disagreement(scene.secrets, kind):
            yield failed(f"proxies: {name}", UsageError(both, remedy="Set both to the same, or unset one."))
        elif proxy:
            yield _asked(name, proxy)
    yield _bypassed(scene)


def proxy_of(secrets: Mapping[str, str], kind: str) -> str:
    """The proxy for a kind of address; the name in small letters counts first, as for most programs."""
    return secrets.get(f"{kind}_proxy") or secrets.get(f"{kind.upper()}_PROXY") or ""


def _disagreement(secrets: Mapping[str, str], kind: str) -> str | None:
    small, large = (secrets.get(name) for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY"))
    if small and large and small != large:
        return f"{kind}_proxy and {kind.upper()}_PROXY differ, and programs disagree on which counts"
    return None


def _asked(name: str, proxy: str) -> Finding:
    """Whether something listens at a proxy's address."""
    try:
        parts = _split(proxy)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 1080)
    except ValueError:
        host, port = "", 0
    if not host:
        error = UsageError("this is no address of a proxy", remedy="Write http://HOST:PORT.")
        return failed(f"proxies: {name}", error)
    try:
        socket.create_connection((host, port), timeout=_SECONDS).close()
    except OSError as error:
        away = OutsideError(
            f"{host}:{port} does not answer: {error.strerror or type(error).__name__}",
            remedy="See that the proxy runs, or unset the variable.",
        )
        return failed(f"proxies: {name}", away)
    return ok(f"proxies: {name}", f"{host}:{port}{', with a user' if parts.username else ''}")


def _split(address: str) -> SplitResult:
    return urlsplit(address if "://" in address else f"http://{address}")


def _bypassed(scene: Scene) -> Finding:
    """Which of the hosts that are asked go around the proxies."""
    around = scene.secrets.get("no_proxy") or scene.secrets.get("NO_PROXY") or ""
    hosts = dict.fromkeys(filter(None, (_split(address).netloc.rpartition("@")[2] for address in _addresses(scene))))
    direct = [host for host in hosts if goes_around(host, around)]
    through = [host for host in hosts if host not in direct]
    words = f"through a proxy: {', '.join(through) or 'none'}; around it: {', '.join(direct) or 'none'}"
    return ok("proxies: NO_PROXY", words)


def goes_around(host: str, around: str) -> bool:
    """Whether a host, with its port or without, is one that NO_PROXY names: by itself, as a domain, or `*`."""
    name = host.partition(":")[0].lower()
    for entry in around.lower().split(","):
        wanted = entry.strip().lstrip(".")
        if wanted == "*" or (wanted and (wanted in {host.lower(), name} or name.endswith(f".{wanted}"))):
            return True
    return False


def _addresses(scene: Scene) -> Iterator[str]:
    """The addresses of the settings that speak HTTP; AWS's own are not among them."""
    uri = scene.settings.register_.tracking_uri
    yield uri if uri.startswith(("http://", "https://")) else ""
    yield scene.api_url if scene.repository else ""
    if scene.settings.prepare is not None:
        yield scene.settings.prepare.s3.endpoint_url or ""
    if scene.environment is not None:
        options = scene.environment.place.options
        yield options.s3.endpoint_url or ""
        yield options.image.repository.partition("/")[0] if options.image else ""
        yield options.target.endpoint_url or "" if isinstance(options.target, EcsOptions) else ""
