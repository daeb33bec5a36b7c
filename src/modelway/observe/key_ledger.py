"""The routing keys that a rollout has seen, and those that have failed: millions of 64-bit hashes."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modelway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from modelway.records.rollout_state import Tick

    Keys = NDArray[np.uint64]

NO_KEYS: Keys = np.empty(0, np.uint64)
_DIGITS = 16
_NONE = 255
_VALUES = np.full(256, _NONE, np.uint8)
"""What each character means as a hexadecimal digit."""
for _value, _character in enumerate(b"0123456789abcdef"):
    _VALUES[_character] = _value


@dataclass(frozen=True, slots=True)
class _Runs:
    """A set of keys as sorted arrays, each more than twice as long as the next: adding many times stays cheap."""

    runs: tuple[Keys, ...] = ()

    def has(self, keys: Keys) -> NDArray[np.bool_]:
        found = np.zeros(len(keys), bool)
        for run in self.runs:
            at = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            found |= run[at] == keys
        return found

    def add(self, keys: Keys) -> _Runs:
        fresh = np.unique(keys)
        fresh = fresh[~self.has(fresh)]
        if not len(fresh):
            return self
        runs = list(self.runs)
        while runs and len(runs[-1]) <= 2 * len(fresh):
            fresh = np.sort(np.concatenate([runs.pop(), fresh]), kind="stable")
        return _Runs((*runs, fresh))

    def __len__(self) -> int:
        return sum(map(len, self.runs))


@dataclass(frozen=True, slots=True)
class KeyLedger:
    """Which keys a rollout has seen, and which of them have failed; it never changes, `add` makes a new one."""

    _seen: _Runs = field(default_factory=_Runs)
    _failed: _Runs = field(default_factory=_Runs)

    @classmethod
    def of(cls, ticks: Iterable[Tick]) -> KeyLedger:
        """That of all ticks of a rollout.

        Raises:
            InputError: a tick's keys are torn.
        """
        told = [(decode_keys(tick.seen_keys), decode_keys(tick.failed_keys)) for tick in ticks]
        seen, failed = ([keys[at] for keys in told] for at in (0, 1))
        return cls().add(np.concatenate([NO_KEYS, *seen]), np.concatenate([NO_KEYS, *failed]))

    def add(self, seen: Keys, failed: Keys) -> KeyLedger:
        """With more keys; what failed was seen too."""
        return KeyLedger(self._seen.add(np.concatenate([seen, failed])), self._failed.add(failed))

    def has_seen(self, keys: Keys) -> NDArray[np.bool_]:
        """Whether each was seen, shape (keys,)."""
        return self._seen.has(keys)

    def has_failed(self, keys: Keys) -> NDArray[np.bool_]:
        """Whether each has failed, shape (keys,)."""
        return self._failed.has(keys)

    def __len__(self) -> int:
        """How many were seen."""
        return len(self._seen)


def encode_keys(keys: Keys) -> str:
    """Keys as `Tick` has them: little-endian, in Base64."""
    return base64.b64encode(keys.astype("<u8").tobytes()).decode()


def decode_keys(text: str) -> Keys:
    """Keys from how `Tick` has them.

    Raises:
        InputError: the text is torn.
    """
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<u8").astype(np.uint64)
    except (binascii.Error, ValueError) as error:
        raise InputError(
            f"the keys of a tick are torn: {error}", remedy="Abort the rollout, and begin another."
        ) from error


def keys_of_texts(texts: pa.Array) -> Keys:
    """The log's keys as numbers.

    Args:
        texts: 16 hexadecimal digits each; none is null.

    Raises:
        pa.ArrowInvalid: a text is something else.
    """
    if not len(texts):
        return NO_KEYS
    _, bounds, content = texts.cast(pa.string()).buffers()
    ends = np.frombuffer(bounds, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if content is None or np.any(np.diff(ends) != _DIGITS):
        raise pa.ArrowInvalid(f"a key is no text of {_DIGITS} hexadecimal digits")
    digits = _VALUES[np.frombuffer(content, np.uint8)[ends[0] : ends[-1]].reshape(-1, _DIGITS)]
    if np.any(digits == _NONE):
        raise pa.ArrowInvalid(f"a key is no text of {_DIGITS} hexadecimal digits")
    return (digits[:, 0::2] << 4 | digits[:, 1::2]).view(">u8").ravel().astype(np.uint64)
