"""Memory that the workers share: each writes what it counted into its own slot, and anyone adds all of them up."""

from __future__ import annotations

import mmap
import time
from typing import Any

import msgspec

MAXIMA = "maxima"
IN_MEMORY, KILLED = "log_memory", "killed"
"""What a process has not written to disk of each of the log's streams, and why it is lost when the process is gone."""
_SLOT_BYTES = 256 * 1024
_HEAD = 16
"""Bytes before a slot's content: a number that is odd while the slot is written, and the content's length."""
_BEAT_BYTES = 8
_PATIENCE = 0.05
"""Seconds to wait for a slot that is being written; a process that was killed meanwhile never ends it."""


class SharedCounts:
    """Slots in memory that is inherited by fork.

    What lies in them are trees of numbers; the sum of two adds number by number. Below the keys `gauges` and `maxima`
    lies what holds of a living process only; of `maxima` the greatest counts, not the sum.

    Args:
        workers: how many slots; one more keeps what ended processes had counted.
    """

    def __init__(self, workers: int) -> None:
        self._retired = workers
        self._memory = mmap.mmap(-1, (workers + 1) * _SLOT_BYTES + workers * _BEAT_BYTES)

    def write(self, slot: int, pid: int, counts: dict[str, Any]) -> None:
        """Replace a slot's content; only its own process may."""
        self._put(slot, {"pids": [pid], "counts": counts})

    def beat(self, slot: int) -> None:
        """Show that the slot's process is at work."""
        start = self._beat_start(slot)
        self._memory[start : start + _BEAT_BYTES] = (self.beats(slot) + 1).to_bytes(_BEAT_BYTES)

    def beats(self, slot: int) -> int:
        """How often the slot's processes have done so; what matters is that it changes."""
        start = self._beat_start(slot)
        return int.from_bytes(self._memory[start : start + _BEAT_BYTES])

    def _beat_start(self, slot: int) -> int:
        return (self._retired + 1) * _SLOT_BYTES + slot * _BEAT_BYTES

    def retire(self, slot: int) -> None:
        """Keep what an ended process had counted, beyond its slot's next use; only the supervisor may."""
        ended = self._get(slot)
        if ended is not None:
            kept = self._get(self._retired) or {"pids": [], "counts": {}}
            for key in ("gauges", MAXIMA):
                ended["counts"].pop(key, None)
            for stream, records in ended["counts"].pop(IN_MEMORY, {}).items():
                ended["counts"]["log"]["dropped"][stream][KILLED] += records
            merged = {"pids": kept["pids"] + ended["pids"], "counts": add(kept["counts"], ended["counts"])}
            merged["pids"] = merged["pids"][-1000:]
            self._put(self._retired, merged)

    def total(self) -> dict[str, Any]:
        """Return the sum over all processes, each as it last wrote it.

        The caller writes its own counts first. Two callers then never disagree about what has been counted, and no
        counter goes backwards from one to the other: Prometheus takes that for a restart.
        """
        kept = self._get(self._retired) or {"pids": [], "counts": {}}
        sum_: dict[str, Any] = kept["counts"]
        for slot in range(self._retired):
            found = self._get(slot)
            # A process that has just been retired is in two places; it counts once.
            if found is not None and found["pids"][0] not in kept["pids"]:
                sum_ = add(sum_, found["counts"])
        return sum_

    def _put(self, slot: int, content: dict[str, Any]) -> None:
        packed = msgspec.msgpack.encode(content)
        if len(packed) > _SLOT_BYTES - _HEAD:
            return  # too many versions and classes; the last counts stay
        start = slot * _SLOT_BYTES
        number = int.from_bytes(self._memory[start : start + 8]) | 1
        self._memory[start : start + 8] = number.to_bytes(8)
        self._memory[start + 8 : start + _HEAD] = len(packed).to_bytes(8)
        self._memory[start + _HEAD : start + _HEAD + len(packed)] = packed
        self._memory[start : start + 8] = (number + 1).to_bytes(8)

    def _get(self, slot: int) -> dict[str, Any] | None:
        start = slot * _SLOT_BYTES
        deadline = time.monotonic() + _PATIENCE
        while True:
            number = self._memory[start : start + 8]
            size = int.from_bytes(self._memory[start + 8 : start + _HEAD])
            packed = self._memory[start + _HEAD : start + _HEAD + size]
            if int.from_bytes(number) % 2 == 0 and number == self._memory[start : start + 8]:
                found: dict[str, Any] | None = msgspec.msgpack.decode(packed) if size else None
                return found
            if time.monotonic() > deadline:
                return None


def greatest(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """Of each number the greater one."""
    return {key: max(one.get(key, 0.0), other.get(key, 0.0)) for key in {**one, **other}}


def add(one: Any, other: Any) -> Any:
    """The sum of two trees of numbers: of objects key by key, of lists place by place."""
    if isinstance(one, dict):
        return {
            key: (greatest if key == MAXIMA else add)(one[key], other[key])
            if key in one and key in other
            else one.get(key, other.get(key))
            for key in {**one, **other}
        }
    if isinstance(one, list):
        return [add(left, right) for left, right in zip(one, other, strict=True)]
    return one + other
