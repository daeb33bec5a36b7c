"""Opens what a step sealed: what steps write is kept by the engine, and a registry's token must not be in there."""

from __future__ import annotations

import base64
import hashlib
import hmac


def unseal(sealed: str, key: str) -> str:
    """The text that `modelway.deploy.image.seal` sealed with this key."""
    content = base64.b64decode(sealed)
    blocks = range(len(content) // hashlib.sha256().digest_size + 1)
    stream = b"".join(hmac.digest(key.encode(), block.to_bytes(8, "big"), "sha256") for block in blocks)
    return bytes(a ^ b for a, b in zip(content, stream, strict=False)).decode()
