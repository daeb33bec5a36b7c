"""The prediction log under any order of events, against a model: each accepted record is stored once or counted."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from modelway.serve.log import STREAMS
from modelway.serve.log.segments import read_segment, segment_of

from .log_model import FLUSH, HOUR, KEPT, REFUSALS, SEGMENT, LogModel, Process
from .log_steps import Log, line

FAILS = st.sampled_from(["", "store", "disk", "store, disk"])
STREAM, WHICH, SIZE, AGO = st.sampled_from(STREAMS), st.integers(0, 1), st.integers(20, 400), st.sampled_from([0, HOUR])


class LogMachine(LogModel):
    """Up to two processes share a spool and a store, as the workers of a server do."""

    def __init__(self) -> None:
        super().__init__()
        self.open()

    @precondition(lambda self: len(self.processes) < 2)
    @rule()
    def open(self) -> None:
        self.started += 1
        log = Log(self.world, f"w{self.started}", self.options, lambda: self.keeps)
        self.processes.append(Process(log, self.world.clock.now))

    def _append(self, process: Process, stream: str, size: int, *, bulk: bool = False, ago: float = 0) -> bool:
        content = line(self.number, size)
        self.moments[self.number] = moment = self.world.clock.now - ago
        free = process.free(stream, bulk=bulk)
        taken = process.log.journal.append(stream, content, moment, bulk=bulk)
        self.handed[stream] += 1
        assert taken == (len(content) <= free)
        if taken:
            process.memory[stream][self.number] = len(content)
            self.accepted[stream].add(self.number)
        else:
            self.untaken[stream] += 1
        self.number += 1
        return taken

    @precondition(lambda self: self.processes)
    @rule(which=WHICH, stream=STREAM, sizes=st.lists(SIZE, min_size=1, max_size=6), bulk=st.booleans(), ago=AGO)
    def append(self, which: int, stream: str, sizes: list[int], bulk: bool, ago: float) -> None:
        for size in sizes:
            self._append(self._process(which), stream, size, bulk=bulk, ago=ago)

    @precondition(lambda self: self.processes)
    @rule(which=WHICH, rounds=st.integers(1, 6), seconds=st.sampled_from([1.7, 10.9, 61.3]), fails=FAILS)
    def rush(self, which: int, rounds: int, seconds: float, fails: str) -> None:
        """Append as much as memory takes, again and again, while disk and store take nothing."""
        self.world.store.away |= "store" in fails
        if "disk" in fails:
            self.world.disk.room = 0
        for _ in range(rounds):
            for stream in STREAMS:
                while self._append(self._process(which), stream, 240):
                    pass
            self._wait(seconds)
            self.accounted()

    @precondition(lambda self: self.processes)
    @rule(which=WHICH, stream=STREAM, bulk=st.booleans())
    def fill(self, which: int, stream: str, bulk: bool) -> None:
        """Append what fits to the byte, and not a byte more."""
        process = self._process(which)
        if (free := process.free(stream, bulk=bulk)) > 20:
            assert not self._append(process, stream, free + 1, bulk=bulk)
            assert self._append(process, stream, free, bulk=bulk)

    @precondition(lambda self: self.processes)
    @rule(seconds=st.sampled_from([0.37, 1.7, 10.9, 61.3, 701.1]))
    def wait(self, seconds: float) -> None:
        self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        self.world.clock.now += seconds
        for process in self.processes:
            if process.log.writing.is_due:
                self._write(process)
            if process.log.delivering.is_due:
                self._deliver(process)
        for process in self.processes:
            log, store = process.log, self.world.store
            if seconds > FLUSH and self.world.disk.room is None:
                assert not any(process.memory.values())
                if seconds > SEGMENT and not store.away and store.refused is None:
                    assert not +Counter(log.journal.backlog().records)

    @rule(away=st.sampled_from([True, True, False]))
    def store(self, away: bool) -> None:
        self.world.store.away = away

    @rule(room=st.sampled_from([None, None, 0, 1, 30, 150, 600]))
    def disk(self, room: int | None) -> None:
        self.world.disk.room = room

    @rule(keeps=st.booleans())
    def keep(self, keeps: bool) -> None:
        self.keeps = keeps

    @precondition(lambda self: not self.unseen and self.torn == self._count("cut_off"))
    @rule()
    def remove(self) -> None:
        """Remove the spool, as a person or a clean-up job may; what lay there is lost, and is to be counted."""
        self.gone += len(self._places().disk)
        shutil.rmtree(self.world.spool, ignore_errors=True)

    @precondition(lambda self: self.processes)
    @rule(which=WHICH, tear=st.sampled_from(["", "half a line", "work file", "both forms", "stored"]))
    def kill(self, which: int, tear: str) -> None:
        """Kill a process; in the middle of what it does, where a trace of that is left."""
        if tear:
            self._fill_disk(1)
        process = self.processes.pop(which % len(self.processes))
        self.killed.update(process.log.journal.backlog().in_memory)
        self._bury(process)
        process.log.kill()
        for path, stream, _ in list(self.world.spooled()):
            if path.parent not in process.log.directories:
                continue
            content, segment = path.read_bytes(), segment_of(path)
            if tear == "half a line" and path.name.endswith(".part") and content.endswith(b"\n"):
                path.write_bytes(content + b'{"n":')
                self.torn += 1
            elif tear == "work file":
                path.with_name(f".{stream}~2023-11-14T22~w0-1~1.tmp").write_bytes(b"x")
            elif tear == "both forms" and path.name.endswith(".jsonl") and segment is not None:
                path.with_name(f"{path.name}.gz").write_bytes(read_segment(segment)[0])
            elif tear == "stored" and segment is not None:
                place = self.root / "log" / segment.address
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(read_segment(segment)[0])
        if tear == "stored":
            self.settle()

    @precondition(lambda self: self.processes)
    @rule(which=WHICH, hangs=st.booleans(), size=st.integers(20, 400))
    def close(self, which: int, hangs: bool, size: int) -> None:
        """End a process as a server ends; the store may answer its last write only when the log has given it up."""
        process = self.processes.pop(which % len(self.processes))
        log, store, before = process.log, self.world.store, self._count("shutdown")
        stored, files = self._places().stored, list(self.world.spooled())
        may_lose = self.world.disk.room is not None and (hangs or store.away or store.refused is not None)
        if hangs:
            log.hang()
        log.journal.settle(60)
        self._note_look(process, files)
        process.memory = {stream: {} for stream in STREAMS}
        self.processes.append(process)
        self._append_late(process, "predictions")
        self._append(process, "statistics", size)
        log.journal.close(60)
        for stream in STREAMS:
            self._append_late(process, stream)
        backlog = log.journal.backlog()
        assert (sum(backlog.in_memory.values()), backlog.memory_bytes) == (0, 0)
        on_the_way = store.on_the_way - self._places().disk
        assert may_lose or self._count("shutdown") == before + len(STREAMS) + 1
        self.processes.remove(process)
        log.end()
        self.doubled |= on_the_way & self._places().stored
        removed = stored - self._places().stored
        assert removed <= self._expired(stored)
        self.old |= removed
        store.on_the_way = set()
        self._bury(process)

    def _append_late(self, process: Process, stream: str) -> None:
        assert not process.log.journal.append(stream, b"{}", self.world.clock.now)
        self.handed[stream] += 1
        self.untaken[stream] += 1

    @precondition(lambda self: self.processes)
    @rule(which=st.integers(0, 9), insists=st.booleans())
    def refuse(self, which: int, insists: bool) -> None:
        """Let the store refuse one segment for good; others get through, so it is given up, counted and set aside."""
        store = self.world.store
        self._fill_disk(3)
        closed = [found for path, _, _ in self.world.spooled() if (found := segment_of(path)) is not None]
        if not closed:
            return
        address = f"{self.root}/log/{closed[which % len(closed)].address}"
        if store.refused != address:
            store.refused, store.attempts = address, []
        store.away = False
        for _ in range(REFUSALS + 7 if insists else 2):
            for process in self.processes:
                self._append(process, "statistics", 20)
            self._wait(101.3)
            self.accounted()
        if insists and self.world.disk.room is None:
            refused = Path(store.refused).name.removesuffix(".jsonl.gz")
            assert not [path for path, _, _ in self.world.spooled() if refused in path.name]
            store.refused = None

    def _fill_disk(self, rounds: int) -> None:
        """Let closed and open segments lie on local disk."""
        self.world.store.away = True
        for stream in STREAMS * rounds:
            for process in self.processes:
                self._append(process, stream, 100)
            self._wait(10.9)
        for process in self.processes:
            self._append(process, stream, 30)
        self._wait(1.7)

    @precondition(lambda self: self.processes)
    @rule()
    def age(self) -> None:
        """Let more than a day pass over what is stored."""
        self.settle()
        self.world.clock.now += 4 * KEPT
        self._wait(61.3)

    @rule()
    def settle(self) -> None:
        """Let store and disk be well: soon everything is delivered, and nothing is left."""
        store = self.world.store
        store.away, store.refused, self.world.disk.room = False, None, None
        if not self.processes:
            self.open()
        for _ in range(2):
            self._append(self.processes[0], "predictions", 20)
            self._wait(61.3)
            self.accounted()
        assert (self.unseen, self._places().disk, self._places().held) == (set(), set(), set())
        assert not [path for path in self.world.spool.rglob("*~*") if not path.name.endswith(".failed")]
        assert self._count("cut_off") == self.torn
        assert not self.processes[0].log.journal.away
        assert [process.log.journal.backlog().disk_bytes for process in self.processes] == [0] * len(self.processes)

    def teardown(self) -> None:
        try:
            self.settle()
            while self.processes:
                self.close(0, False, 20)
                self.accounted()
            assert not [path for path in self.world.spool.rglob("*~*") if not path.name.endswith(".failed")]
        finally:
            for process in self.processes:
                process.log.kill()
            self.patch.undo()
            shutil.rmtree(self.root)


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(settings.get_profile("machine"), max_examples=40, stateful_step_count=40)
