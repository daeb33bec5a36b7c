"""One flag's rule: a routing key in, the flag's value out.

The usual rules are compiled, so that a request costs a hash; whatever else flagd's targeting can say is left to the
reference implementation. Both give every key the same value.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import mmh3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openfeature.contrib.tools.flagd.core import FlagdCore

_SHORTEST_LONG_TEXT = 24
"""Bytes from which on CBOR (RFC 8949, section 3) no longer writes a text's length into the head itself."""


class Rule(Protocol):
    """What decides a flag's value."""

    @property
    def values(self) -> tuple[Any, ...]:
        """Every value that some key might get."""
        ...

    def value(self, key: str) -> Any:
        """The flag's value for a routing key."""
        ...


@dataclass(frozen=True)
class Fixed:
    """The same value for every key."""

    only: Any

    @property
    def values(self) -> tuple[Any, ...]:
        """The one value."""
        return (self.only,)

    def value(self, key: str) -> Any:  # noqa: ARG002 - the protocol's
        """The one value."""
        return self.only


@dataclass(frozen=True)
class Split:
    """flagd's `fractional`: the hash of flag and key falls into one of several shares.

    Args:
        flag: the flag's name; it is hashed with the key, so that two flags split independently.
        ends: where each share ends, in units of weight; the last is the total weight.
        values: the value of each share.
    """

    flag: str
    ends: tuple[int, ...]
    values: tuple[Any, ...]

    def value(self, key: str) -> Any:
        """The value of the share that the key falls into."""
        place = (hash_key(self.flag, key) * self.ends[-1]) >> 32
        return self.values[bisect_right(self.ends, place)]


@dataclass(frozen=True)
class Targeted:
    """Any other targeting, evaluated by flagd's own code.

    Args:
        core: holds the document.
        flag: the flag's name.
        values: the values of all its variants.
        default: the value where the targeting fails for a key.
    """

    core: FlagdCore
    flag: str
    values: tuple[Any, ...]
    default: Any

    def value(self, key: str) -> Any:
        """The value that flagd gives the key; the default where its targeting fails."""
        from openfeature.evaluation_context import EvaluationContext

        context = EvaluationContext(targeting_key=key)
        try:
            if isinstance(self.default, bool):
                return self.core.resolve_boolean_value(self.flag, self.default, context).value
            return self.core.resolve_string_value(self.flag, self.default, context).value
        except Exception:  # noqa: BLE001 - a rule may fail for a key in any way, and the request is answered all the same
            return self.default


def hash_key(flag: str, key: str) -> int:
    """The bucketing hash of flagd: 32 bits of MurmurHash3 over the CBOR of [flag, key], as its `fractional` has it."""
    hashed: int = mmh3.hash(b"\x82" + _cbor_text(flag) + _cbor_text(key), signed=False)
    return hashed


def compile_split(flag: str, targeting: Any, variants: Mapping[str, Any]) -> Split | None:
    """The compiled form of a plain `fractional` over the targeting key; None for any other targeting."""
    arms = targeting.get("fractional") if isinstance(targeting, dict) and len(targeting) == 1 else None
    if not isinstance(arms, list) or not arms:
        return None
    ends: list[int] = []
    values: list[Any] = []
    for arm in arms:
        if not _is_plain(arm) or arm[0] not in variants:
            return None
        if arm[1] > 0:
            ends.append((ends[-1] if ends else 0) + arm[1])
            values.append(variants[arm[0]])
    return Split(flag, tuple(ends), tuple(values)) if ends and ends[-1] < 2**31 else None


def _is_plain(arm: Any) -> bool:
    return isinstance(arm, list) and len(arm) == 2 and isinstance(arm[0], str) and type(arm[1]) is int


def _cbor_text(text: str) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    size = len(content)
    if size < _SHORTEST_LONG_TEXT:
        return bytes((0x60 | size,)) + content
    if size < 2**8:
        return bytes((0x78, size)) + content
    if size < 2**16:
        return b"\x79" + size.to_bytes(2) + content
    return b"\x7a" + size.to_bytes(4) + content
