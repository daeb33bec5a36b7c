"""JSON and TOML that others wrote: files, tags, answers of servers, lines of tools."""

from __future__ import annotations

import json
import math
import re
import tomllib
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MOST_DEPTH = 200
"""Arrays and objects within each other, as records (pydantic) allow; far from what Python can walk."""
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(content: bytes | str, *, depth: int = MOST_DEPTH, paths: bool = False) -> Any:
    """Parse JSON (RFC 8259) that holds what every program reads in the same way, and that Python can write again.

    Args:
        content: the document.
        depth: the most arrays and objects within each other.
        paths: whether it may hold paths that are not Unicode, as half surrogate pairs (PEP 383).

    Raises:
        ValueError: it is not JSON in Unicode, is nested too deeply, repeats a key, holds half a surrogate pair, or a
            number that is infinite, not a number, or longer than Python's limit on digits.
    """
    text = content if isinstance(content, str) else content.decode(json.detect_encoding(content))
    try:
        found = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError:
        raise ValueError(f"nested more than {depth} levels deep") from None
    if not text.isascii():
        text.encode(errors="surrogateescape" if paths else "strict")
    if not paths and _HALF_A_PAIR.search(text):
        json.dumps(found, ensure_ascii=False).encode()
    _check_depth(found, depth)
    return found


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raises `ValueError` where it is not, or nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _check_depth(found: Any, most: int) -> None:
    level, depth = [found], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        if depth > most:
            raise ValueError(f"nested more than {most} levels deep")
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"duplicate key {doubled!r}")
    return found


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


MOST_NESTED = 1000
"""The same for JSON Lines that Arrow parses: it overflows its stack, and ends the process, somewhere above 2,000."""
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_BLOCK = 8 << 20
_OTHER = bytes(set(range(256)) - {*_STEPS, ord('"')})
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')


def check_lines(source: bytes | Path) -> None:
    """Refuse JSON Lines that Arrow's parser does not survive; whatever else is wrong with them is Arrow's to say.

    Args:
        source: the text, or the file that holds it.

    Raises:
        pyarrow.ArrowInvalid: it is nested more than `MOST_NESTED` levels deep.
    """
    deepest = 0
    for block in _blocks(source):
        # Between `}` and `{` no level is won, and no string holds a newline.
        deepest += block.count(b"[") + block.count(b"{") - block.count(b"}\n{") - block.count(b"}\r\n{")
    if deepest > MOST_NESTED and _is_deep(_blocks(source)):
        import pyarrow as pa

        raise pa.ArrowInvalid(f"nested more than {MOST_NESTED:,} levels deep")


def _blocks(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as content:
        while block := content.read(_BLOCK):
            yield block


def _is_deep(blocks: Iterable[bytes]) -> bool:
    rest, inside, depth = b"", False, 0
    for block in blocks:
        text = rest + block
        whole = len(text) - (len(text) - len(text.rstrip(b"\\"))) % 2
        text, rest = text[:whole], text[whole:]
        marks = _STRING.sub(b"", b'"' * inside + _ESCAPED.sub(b"", text).translate(None, _OTHER))
        marks, quote, _ = marks.partition(b'"')
        inside = bool(quote)
        for level in accumulate(map(_STEPS.__getitem__, marks), initial=depth):
            depth = level
            if depth > MOST_NESTED:
                return True
    return False
