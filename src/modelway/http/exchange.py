"""One request and its response on a connection of their own, by urllib3."""

from __future__ import annotations

import logging
import socket
import ssl
import time
import warnings
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from http.client import HTTPException, IncompleteRead
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3 import exceptions
from urllib3.util import Timeout, make_headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LARGEST = 32 << 20
"""Bytes of a response's body."""
_CONNECT_SECONDS = 10.0
"""How long each of a host's addresses has to accept a connection."""
_UNCONNECTED = "no connection"
_PIECE = 1 << 16
_PROXY = "Check the proxy that HTTPS_PROXY or HTTP_PROXY names."
_TLS = "Check whether the address has to begin with http:// or https://."
_TRUST = "Name the file (PEM) of its certificate authority in SSL_CERT_FILE."

# Its warnings quote whole addresses, and those of webhooks are secrets. What matters of them comes as an error.
logging.getLogger("urllib3").setLevel(logging.ERROR)
# Whoever switched verification off in a kubeconfig knows.
warnings.filterwarnings("ignore", category=exceptions.InsecureRequestWarning)


class TooLargeError(Exception):
    """A response's body is larger than anything modelway asks for."""


@dataclass(frozen=True)
class Fault:
    """Why no response came; see `NoAnswerError`."""

    reason: str
    unsent: bool = False
    hopeless: bool = False
    remedy: str | None = None


class Exchange:
    """A request; used once.

    Args:
        method: the HTTP method.
        url: an http:// or https:// address.
        headers: all headers but Content-Length.
        body: what is sent, or the file that is.
        tls: certificates to trust and to show; None for those of the system.
    """

    failures: ClassVar = (exceptions.HTTPError, OSError, ValueError, TooLargeError)
    """What `perform` raises."""

    def __init__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Path | None, tls: ssl.SSLContext | None
    ) -> None:
        self._method, self._url, self._headers, self._body, self._tls = method, url, dict(headers), body, tls
        if body is not None:
            size = len(body) if isinstance(body, bytes) else body.stat().st_size
            self._headers["Content-Length"] = str(size)
        self._connection: Any = None
        self._response: Any = None
        self._connect_seconds = _CONNECT_SECONDS
        self.began = False
        """Whether there was a connection: the server may have got something of the request."""

    def perform(self, read: float) -> tuple[int, Mapping[str, str], bytes, float]:
        """Return status, headers, body and the seconds that it took.

        Args:
            read: how long to wait for the next bytes.
        """
        self._connect_seconds = min(_CONNECT_SECONDS, read)
        with ExitStack() as stack:
            manager = stack.enter_context(_manager(self._url, self._tls))
            pool: Any = manager.connection_from_url(self._url)
            made = pool.ConnectionCls
            pool.ConnectionCls = lambda *args, **options: self._keep(made(*args, **options))
            body: Any = self._body
            if body is not None and not isinstance(body, bytes):
                body = stack.enter_context(body.open("rb"))
            started = time.perf_counter()
            self._response = response = manager.urlopen(
                self._method,
                self._url,
                body=body,
                headers=self._headers,
                timeout=Timeout(connect=self._connect_seconds, read=read),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
            stack.callback(response.close)
            content = bytearray()
            for piece in response.stream(_PIECE, decode_content=False):
                content += piece
                if len(content) > LARGEST:
                    raise TooLargeError
            return response.status, response.headers, bytes(content), time.perf_counter() - started

    def cancel(self) -> None:
        """End the connection, so that the thread that reads from it ends."""
        with suppress(Exception):
            self._response.shutdown()
        with suppress(Exception):
            self._connection.sock.shutdown(socket.SHUT_RDWR)

    def _keep(self, connection: Any) -> Any:
        connect = connection.connect

        def connected() -> None:
            connect()
            self.began = True

        connection.connect = connected
        self._connection = connection
        return connection

    def fault_of(self, error: Exception) -> Fault:
        """Return what one of `failures` means, without any part of the address."""
        inner = error.original_error if isinstance(error, exceptions.ProxyError) else error
        fault = replace(_fault(inner), unsent=not self.began)
        if fault.reason == _UNCONNECTED:
            fault = replace(fault, reason=f"{_UNCONNECTED} within {round(self._connect_seconds, 1):g} s")
        if inner is error:
            return fault
        return replace(fault, reason=f"the proxy failed: {fault.reason}", remedy=_PROXY)


_FAULTS: tuple[tuple[type[BaseException], Fault], ...] = (
    (TooLargeError, Fault(f"it sent more than {LARGEST >> 20} MiB", hopeless=True)),
    (
        exceptions.ProxySchemeUnknown,
        Fault("a proxy's address has to begin with http:// or https://", hopeless=True, remedy=_PROXY),
    ),
    (exceptions.NameResolutionError, Fault("its name can't be resolved")),
    (exceptions.ReadTimeoutError, Fault("it sent nothing for too long")),
    (ValueError, Fault("the address can't be used", hopeless=True)),
    (ConnectionError, Fault("it closed the connection before the answer was complete")),
    (IncompleteRead, Fault("it closed the connection before the answer was complete")),
    (HTTPException, Fault("what it sent is not HTTP")),
    (exceptions.ConnectTimeoutError, Fault(_UNCONNECTED)),
    (exceptions.HTTPError, Fault("what it sent is not HTTP")),
)
"""Of the kinds that an error, or what caused it, is of, the first one decides."""


def _fault(error: BaseException) -> Fault:
    """Return why no response came."""
    inner = error.__cause__ or next((one for one in reversed(error.args) if isinstance(one, BaseException)), None)
    for one in (error, inner):
        if isinstance(one, ssl.SSLCertVerificationError):
            return Fault(f"its certificate is not valid: {one.verify_message}", hopeless=True, remedy=_TRUST)
        if isinstance(one, ssl.SSLError):
            words = str(one.reason or type(one).__name__).lower().replace("_", " ")
            return Fault(f"TLS failed ({words})", hopeless=True, remedy=_TLS)
    named = isinstance(error, exceptions.NewConnectionError) and not isinstance(error, exceptions.NameResolutionError)
    if (named or isinstance(error, OSError)) and (told := getattr(inner or error, "strerror", "")):
        return Fault(str(told).lower())
    kinds = (error,) if isinstance(error, exceptions.PoolError | ValueError) else (inner, error)
    return next((fault for one in kinds for kind, fault in _FAULTS if isinstance(one, kind)), Fault("it failed"))


def _manager(url: str, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    proxy = proxy_of(url)
    if proxy is None:
        return urllib3.PoolManager(num_pools=1, ssl_context=tls)
    parts = urlsplit(proxy)
    login = ":".join(unquote(one or "") for one in (parts.username, parts.password))
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    headers = make_headers(proxy_basic_auth=login) if parts.username else None
    return urllib3.ProxyManager(address, num_pools=1, proxy_headers=headers, ssl_context=tls)


def proxy_of(url: str) -> str | None:
    """Return the address of the proxy that the environment names for a URL; None for this machine itself."""
    parts = urlsplit(url)
    named = getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if not proxy or is_local(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_local(host: str) -> bool:
    """Whether a host is this machine, by its name alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
