"""How many workers a server has, by what its container may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelway.records.serve import ServeOptions

PROCESS_BYTES = 64 * 1024 * 1024
"""Memory of one process without models, uploads and records: measured, 60 MB for the supervisor, 27 MB of its own for a
worker that answers nothing yet, and room for what it allocates while it does."""
_COPIES = 4
"""A model in memory takes up to twice its files, and during a reload there are two releases."""


@dataclass(frozen=True)
class Size:
    """How many workers, and why.

    Attributes:
        workers: how many.
        reason: what decided, for people.
        fitting: how many the memory holds at their worst; None if the memory is unknown.
    """

    workers: int
    reason: str
    fitting: int | None

    @property
    def fits(self) -> bool:
        """Whether the memory holds them all at their worst, or there is only one anyway."""
        return self.fitting is None or self.workers <= max(self.fitting, 1)


def size_server(options: ServeOptions, bundles: Sequence[Path], cores: int, memory: int | None) -> Size:
    """Return how many workers a server has.

    Args:
        options: how it serves.
        bundles: the champion's directory and, after it, the challengers'.
        cores: the cores that it may use.
        memory: the bytes that it may use; None if that is unknown.
    """
    fitting = None if memory is None else max(0, memory - PROCESS_BYTES) // worker_bytes(options, bundles)
    if options.workers.count is not None:
        return Size(options.workers.count, "serve.workers.count", fitting)
    if fitting is None or cores <= fitting:
        return Size(cores, f"{cores} cores", fitting)
    return Size(max(1, fitting), f"{(memory or 0) / 2**20:.0f} MiB of memory", fitting)


def worker_bytes(options: ServeOptions, bundles: Sequence[Path]) -> int:
    """Return the memory that one worker may take at worst, its shadow included, in bytes."""
    processes = 1 if len(bundles) == 1 else 2
    models = sum(path.stat().st_size for bundle in bundles for path in bundle.rglob("*") if path.is_file())
    uploads = max(options.workers.upload_bytes, 2 * options.input.max_bytes)
    records = options.log.queue_bytes if options.log.enabled else 0
    return processes * (PROCESS_BYTES + _COPIES * models) + uploads + records
