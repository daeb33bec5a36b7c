"""A login that passes through a step whose output is kept: sealed with a key that only the call itself knows.

The engine that builds an image keeps what its steps write, and a registry's token must not be in there. The key stream
is HMAC-SHA256 of a counter under a random key that is used for one text alone, so that nothing is learnt from two of
them; `ci/` opens it (`modelway_ci.seal`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from modelway.errors import UsageError

_LEAST = 32


def seal(text: str, key: str) -> str:
    """The text, unreadable without the key; base64.

    Args:
        text: what is secret.
        key: at least 32 characters that nobody can guess, used for nothing else.

    Raises:
        UsageError: the key is too short.
    """
    if len(key) < _LEAST:
        raise UsageError(f"the key to seal with is shorter than {_LEAST} characters")
    content = text.encode()
    return base64.b64encode(bytes(a ^ b for a, b in zip(content, _stream(key, len(content)), strict=True))).decode()


def _stream(key: str, length: int) -> bytes:
    blocks = range(length // hashlib.sha256().digest_size + 1)
    return b"".join(hmac.digest(key.encode(), block.to_bytes(8, "big"), "sha256") for block in blocks)[:length]
