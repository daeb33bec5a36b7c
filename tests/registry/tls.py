"""TLS before a plain server, with an authority of one's own."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator

_PEM = serialization.Encoding.PEM


def make_authority(folder: Path, name: str, host: str = "127.0.0.1", days: int = 1) -> tuple[Path, Path]:
    """An authority's certificate, and the certificate with the key of a server that it vouches for.

    Args:
        folder: where both are written.
        name: the authority's.
        host: the address of the server.
        days: when the server's certificate ends, from now on.
    """
    now = datetime.datetime.now(datetime.UTC)
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(subject: str, key: ec.EllipticCurvePrivateKey, *, vouches: bool) -> x509.Certificate:
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=3))
            .not_valid_after(now + datetime.timedelta(days=1 if vouches else days))
            .add_extension(x509.BasicConstraints(ca=vouches, path_length=None), critical=True)
        )
        return (builder if vouches else builder.add_extension(address, critical=False)).sign(authority, hashes.SHA256())

    root, both = folder / f"{name}.pem", folder / f"{name}-server.pem"
    root.write_bytes(certificate(name, authority, vouches=True).public_bytes(_PEM))
    key = server.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both.write_bytes(certificate("server", server, vouches=False).public_bytes(_PEM) + key)
    return root, both


@contextmanager
def tls_before(port: int, certificate: Path) -> Iterator[str]:
    """The address of a TLS endpoint that passes all on to a port of this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context, port), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        # A thread that waits in accept() is not woken by close().
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, context, port), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with (
        suppress(OSError),
        client,
        context.wrap_socket(client, server_side=True) as outer,
        socket.create_connection(("127.0.0.1", port)) as inner,
    ):
        back = threading.Thread(target=_pipe, args=(inner, outer), daemon=True)
        back.start()
        _pipe(outer, inner)
        back.join(10)


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
