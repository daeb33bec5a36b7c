"""Malformed bodies, for the tests and for `bench/serve_fuzz.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


def damaged(whole: bytes, values: list[bytes], source: random.Random) -> bytes:
    """A body with bytes flipped, cut, doubled, put in, or with values replaced."""
    body = bytearray(whole)
    for _ in range(source.randint(1, 8)):
        place = source.randrange(len(body)) if body else 0
        kind = source.randrange(5)
        if kind == 0 and body:
            body[place] = source.randrange(256)
        elif kind == 1:
            del body[place : place + source.randint(1, 40)]
        elif kind == 2:
            body[place:place] = body[place : place + source.randint(1, 60)]
        elif kind == 3:
            body[place:place] = source.choice([b"[", b"{", b'"', b"null", b"NaN", b"1e999", b"-", b"\\ud800", b"\xff"])
        else:
            body = body.replace(
                source.choice(values),
                source.choice([b"null", b"[]", b"{}", b'"x"', b"1e308", b"-1", b"9" * 400, b"true", b'"\\u0000"']),
                1,
            )
    return bytes(body)
