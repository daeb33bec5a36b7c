"""A login, sent from a step to the function that called it: the engine keeps what steps print, not what they send."""

from __future__ import annotations

import socket

from modelway.errors import OutsideError, UsageError

_SECONDS = 30.0


def hand_over(text: str, address: str) -> None:
    """Send a text to `modelway_ci.handover`.

    Args:
        text: what is secret.
        address: where it is awaited, and the key that proves who sends it: `HOST:PORT:KEY`.

    Raises:
        OutsideError: no one took it.
        UsageError: the address has another form.
    """
    host, _, rest = address.partition(":")
    port, _, key = rest.partition(":")
    if not (host and port.isdecimal() and key):
        raise UsageError("expected HOST:PORT:KEY", where="MODELWAY_HANDOVER")
    try:
        with socket.create_connection((host, int(port)), timeout=_SECONDS) as end:
            end.sendall(f"{key}\n{text}".encode())
            end.shutdown(socket.SHUT_WR)
            taken = end.recv(2) == b"OK"
    except OSError as error:
        raise OutsideError(
            f"the registry's login could not be handed over: {error.strerror or error}",
            where=f"{host}:{port}",
            remedy="Run the call again; if it fails each time, steps of this engine cannot reach its functions.",
        ) from error
    if not taken:
        raise OutsideError("the registry's login was not taken", where=f"{host}:{port}", remedy="Run the call again.")
