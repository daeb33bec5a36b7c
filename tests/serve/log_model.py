"""A model of the prediction log: where each accepted record may be, and what the log has to report of it."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant

from modelway.records.serve import LogOptions
from modelway.serve.log import STREAMS
from modelway.serve.log.segments import Segment, segment_of

from .log_steps import Log, World

QUEUE, SPOOL = 1000, 1500
"""Bytes of memory for each stream, and of local disk for each process."""
FLUSH, SEGMENT, LOOK, HOUR = 1.0, 10.0, 60.0, 3600.0
KEPT = 25 * HOUR
REFUSALS, REFUSED_SECONDS = 5, 600.0
_REASONS = ("memory_full", "spool_full", "shutdown", "refused", "unreadable")
_EVENTS = {"log_segment_dropped": "spool_full", "log_segment_given_up": "refused"}


class Process:
    """One process, and what the model knows of it.

    Attributes:
        log: its log.
        memory: the records that it accepted and has written nowhere yet, by stream, with their sizes.
        rotated: when it last closed its segments.
        looked: when it last searched the spool for what ended processes left.
        removed: when it last removed old hours.
    """

    def __init__(self, log: Log, now: float) -> None:
        self.log = log
        self.memory: dict[str, dict[int, int]] = {stream: {} for stream in STREAMS}
        self.rotated = now
        self.looked = self.removed = float("-inf")

    @property
    def held_bytes(self) -> int:
        return sum(segment.size for segment in self.log.delivery.held())

    def free(self, stream: str, *, bulk: bool) -> int:
        """Bytes of the longest line that fits."""
        limit = QUEUE - self.held_bytes
        return (int(limit * 0.5) if bulk else limit) - sum(size + 1 for size in self.memory[stream].values())


class Places(NamedTuple):
    """Where records are: on local disk, in segments in memory, in the store."""

    disk: set[int]
    held: set[int]
    stored: set[int]


class LogModel(RuleBasedStateMachine):
    """What is known of the log of up to two processes that share a spool and a store, and what must hold."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.patch = pytest.MonkeyPatch()
        self.world = World(self.root, self.patch)
        self.options = LogOptions(
            uri=str(self.root / "log"),
            spool=str(self.world.spool),
            queue_bytes=QUEUE,
            spool_bytes=SPOOL,
            flush_seconds=FLUSH,
            segment_seconds=SEGMENT,
            keep_days=1,
        )
        self.processes: list[Process] = []
        self.number = self.started = 0
        self.keeps = False
        self.accepted: dict[str, set[int]] = {stream: set() for stream in STREAMS}
        self.moments: dict[int, float] = {}
        self.handed: Counter[str] = Counter()
        self.untaken: Counter[str] = Counter()
        self.past: Counter[tuple[str, str]] = Counter()
        self.killed: Counter[str] = Counter()
        self.unnoticed: Counter[str] = Counter()
        self.old: set[int] = set()
        self.unseen: set[int] = set()
        self.doubled: set[int] = set()
        self.torn = self.gone = 0

    def _process(self, which: int) -> Process:
        return self.processes[which % len(self.processes)]

    def _bury(self, process: Process) -> None:
        """Keep the counts of a process that has ended; what it left is for others to find."""
        self.past = self._totals([process])
        backlog = process.log.journal.backlog()
        known = Counter(backlog.records)
        known.subtract(backlog.in_memory)
        for path, stream, numbers in self.world.spooled():
            if path.parent in process.log.directories:
                known[stream] -= len(set(numbers) - self.unseen)
                self.unseen |= set(numbers)
        assert min(known.values()) >= 0
        self.unnoticed += known  # it has not seen yet that somebody removed them
        self.gone -= known.total()

    def _totals(self, processes: list[Process] | None = None) -> Counter[tuple[str, str]]:
        """What processes that have ended and these, or all others, have counted."""
        found = self.past.copy()
        for process in self.processes if processes is None else processes:
            counts = process.log.journal.counts()
            for stream in STREAMS:
                found["handed", stream] += counts["handed"][stream]
                found["delivered", stream] += counts["delivered"][stream]
                for reason, number in counts["dropped"][stream].items():
                    found[reason, stream] += number
        return found

    def _count(self, kind: str) -> int:
        totals = self._totals()
        return sum(totals[kind, stream] for stream in STREAMS)

    def _places(self) -> Places:
        disk = {number for _, _, numbers in self.world.spooled() for number in numbers}
        held = {number for process in self.processes for stream in STREAMS for number in process.log.held(stream)}
        stored = [number for stream in STREAMS for number in self.world.stored(stream)]
        assert len(stored) == len(set(stored))
        return Places(disk, held, set(stored))

    def _observe(self, process: Process) -> None:
        places = self._places()
        for stream in STREAMS:
            for number in list(process.memory[stream]):
                if any(number in place for place in places):
                    del process.memory[stream][number]

    def _write(self, process: Process) -> None:
        """Let a log's own thread take its turn: it writes, and closes segments when it is time."""
        before = self._open_of(process).union(*process.memory.values())
        rotates = self.world.clock.now - process.rotated >= SEGMENT
        process.log.writing.take()
        if rotates:
            process.rotated = self.world.clock.now
        if self.world.disk.room is None and not self.gone:
            assert self._open_of(process) == (set() if rotates else before)
        self._observe(process)

    def _open_of(self, process: Process) -> set[int]:
        """The records in segments that a process has not closed."""
        mine = f"~{process.log.name}-"
        paths = [one for one in self.world.spooled() if one[0].name.endswith(".part") and mine in one[0].name]
        return {number for _, _, numbers in paths for number in numbers}

    def _deliver(self, process: Process) -> None:
        """Let a log's delivery take its turn, and check what became of every record."""
        before, counted = self._places(), self._totals()
        files = list(self.world.spooled())
        closed = [found for path, _, _ in files if (found := segment_of(path)) is not None]
        process.log.delivering.take()
        after, added = self._places(), self._totals() - counted
        self._note_look(process, files)
        self._observe(process)
        self._check_retention(process, before, after)
        lost = (before.disk | before.held) - (after.disk | after.held | after.stored)
        full, refused = (sum(added[reason, stream] for stream in STREAMS) for reason in ("spool_full", "refused"))
        assert self.gone or full + refused == len(lost)
        attempts = self.world.store.attempts
        assert not refused or (len(attempts) >= REFUSALS and attempts[-1] - attempts[0] >= REFUSED_SECONDS)
        left = [segment_of(path) for path, _, _ in self.world.spooled() if path.parent in process.log.directories]
        kept = [segment for segment in left if segment is not None]
        size = process.log.journal.backlog().disk_bytes
        assert size <= SPOOL or not kept
        if full and not refused and not self.gone:
            names = {segment.stem for segment in kept}
            dropped = [segment for segment in closed if segment.stem not in names and segment.path is not None]
            youngest = max(
                (one for one in dropped if one.path.parent in process.log.directories), key=_age, default=None
            )
            assert youngest is None or all(_age(segment) > _age(youngest) for segment in kept)
            assert youngest is None or size + 2 * youngest.size > SPOOL

    def _note_look(self, process: Process, files: list[tuple[Path, str, list[int]]]) -> None:
        """After a turn of its delivery: a process has seen what ended ones left, if it was time to look."""
        if self.world.clock.now - process.looked >= LOOK:
            process.looked = self.world.clock.now
            owned = process.log.directories
            self.unseen -= {number for path, _, numbers in files if path.parent in owned for number in numbers}

    def _check_retention(self, process: Process, before: Places, after: Places) -> None:
        log, now = process.log, self.world.clock.now
        due = now - process.removed >= HOUR and log.spool.is_first and not log.delivery.away and not self.keeps
        assert before.stored - after.stored == (self._expired(before.stored) if due else set())
        self.old |= before.stored - after.stored
        if due:
            process.removed = now

    def _expired(self, numbers: set[int]) -> set[int]:
        """Those records whose hour ended so long ago that it is to be removed."""
        return {one for one in numbers if (self.moments[one] // HOUR + 1) * HOUR < self.world.clock.now - KEPT}

    @invariant()
    def accounted(self) -> None:
        places, totals = self._places(), self._totals()
        assert not places.stored & (places.disk | places.held)
        waiting: Counter[str] = Counter()
        on_disk = len(self.unseen)
        for process in self.processes:
            backlog = process.log.journal.backlog()
            waiting.update(backlog.records)
            on_disk += sum(backlog.records.values()) - sum(backlog.in_memory.values())
            self._check_memory(process)
        for stream in STREAMS:
            accepted = self.accepted[stream]
            waiting[stream] += len(self.unseen & accepted)
            dropped = (
                self.killed[stream]
                + self.unnoticed[stream]
                + sum(number for (kind, of), number in totals.items() if of == stream and kind in _REASONS)
            )
            assert totals["handed", stream] == self.handed[stream] == len(accepted) + self.untaken[stream]
            assert self.handed[stream] == totals["delivered", stream] + dropped + waiting[stream]
            safe = len((places.stored | self.old) & accepted) - len(self.doubled & accepted)
            assert safe == totals["delivered", stream], stream
        assert 0 <= on_disk - len(places.disk) <= self.gone
        self.gone = on_disk - len(places.disk)
        if not self.gone:
            files = {
                path: path.stat().st_size for path, _, numbers in self.world.spooled() if not self.unseen & set(numbers)
            }
            assert sum(process.log.journal.backlog().disk_bytes for process in self.processes) == sum(files.values())
        events = self.world.events
        assert events["log_turn_failed"] == 0
        for event, reason in _EVENTS.items():
            assert events[event] == self._count(reason), event

    def _check_memory(self, process: Process) -> None:
        log = process.log
        backlog = log.journal.backlog()
        pending = sum(size + 1 for sizes in process.memory.values() for size in sizes.values())
        assert backlog.memory_bytes == pending + process.held_bytes
        assert log.delivery.held_bytes == process.held_bytes
        for stream in STREAMS:
            assert backlog.in_memory[stream] == len(process.memory[stream]) + len(log.held(stream))
        assert (backlog.oldest is None) == (not +Counter(backlog.records))
        assert backlog.oldest is None or min(self.moments.values()) <= backlog.oldest <= self.world.clock.now


def _age(segment: Segment) -> tuple[str, float, str]:
    return segment.age_key
