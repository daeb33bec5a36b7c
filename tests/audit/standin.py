"""Stand-ins for the advisory services: PyPI's JSON API behind TLS and a proxy, and OSV's query API."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.checks.audit.service import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "pypi.org"

CANARY_ADVISORY = {
    "id": "PYSEC-2019-217",
    "aliases": ["CVE-2019-10906", "GHSA-462w-v97r-4m45"],
    "details": "the sandbox lets str.format_map out",
    "fixed_in": ["2.10.1"],
    "withdrawn": None,
}


@dataclass
class Answers:
    """What the service says.

    Attributes:
        known: the advisories of each package and version it knows.
        mode: `well`, or what is wrong with every answer but the first `spared`.
        spared: how many answers are well, whatever the mode.
        asked: what it was asked.
        wake: ends the waiting of a service that hangs.
    """

    known: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    mode: str = "well"
    spared: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    wake: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.known.setdefault(CANARY, [CANARY_ADVISORY])

    def answer(self, name: str, version: str) -> tuple[int, str]:
        """Status and body for a package."""
        self.asked.append((name, version))
        mode = "well" if len(self.asked) <= self.spared else self.mode
        if mode == "hang":
            self.wake.wait(60)
        if mode == "404" or (mode == "well" and (name, version) not in self.known):
            return 404, json.dumps({"message": "Not Found"})
        if mode == "500":
            return 500, "oh dear"
        if mode == "garbage":
            return 200, "<html>Please log in to this network</html>"
        body: dict[str, Any] = {"info": {"name": name, "version": version}, "urls": []}
        if mode != "mirror":  # many mirrors give all but the vulnerabilities
            body["vulnerabilities"] = self.known[name, version]
        return 200, json.dumps(body)


class _Handler(BaseHTTPRequestHandler):
    answers: Answers

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        if len(parts) == 4 and parts[0] == "pypi" and parts[3] == "json":
            self._say(*self.answers.answer(parts[1], parts[2]))
        else:
            self._say(404, "{}")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, version = asked["package"]["name"], asked["version"]
        status, body = self.answers.answer(name, version)
        if status == 404 and self.answers.mode == "well":
            self._say(200, "{}")  # OSV has nothing against what it does not know
            return
        if self.answers.mode in {"well", "mirror"}:
            vulns = [
                {"id": one["id"], "aliases": one["aliases"], "details": one["details"], "affected": []}
                for one in json.loads(body).get("vulnerabilities", [])
            ]
            body = json.dumps({"vulns": vulns} if vulns else {})
        self._say(status, body)

    def _say(self, status: int, body: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=900, public")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serve_http(answers: Answers) -> Iterator[str]:
    """The address of a service over plain HTTP."""
    handler = type("Handler", (_Handler,), {"answers": answers})
    with _running(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as port:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            answers.wake.set()


@contextmanager
def serve_pypi(answers: Answers, folder: Path) -> Iterator[tuple[str, Path]]:
    """A proxy's address behind which PyPI is this service, and the certificate to trust for it."""
    certificate, key = _make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    inner = type("Handler", (_Handler,), {"answers": answers})

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self.path != f"{HOST}:443":
                self.send_error(502)
                return
            self.send_response(200)
            self.end_headers()
            try:
                with context.wrap_socket(self.connection, server_side=True) as wrapped:
                    inner(wrapped, self.client_address, self.server)
            except (OSError, ssl.SSLError):
                return  # whoever asked was stopped

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                return  # the connection is TLS's, and closed by now

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Proxy)) as port:
        try:
            yield f"http://127.0.0.1:{port}", certificate
        finally:
            answers.wake.set()


@contextmanager
def closed_port() -> Iterator[str]:
    """An address that nobody listens at."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, for PyPI's name, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "pypi.pem", folder / "pypi.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private
