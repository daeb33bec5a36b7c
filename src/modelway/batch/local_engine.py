"""Units scored by processes of this machine, one a core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from modelway.batch.partition import Partition
from modelway.errors import InputError, ModelwayError, OutsideError, UsageError
from modelway.parsing import parse_json
from modelway.processes import cores
from modelway.records.batch import PartRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelway.bundle import Bundle
    from modelway.records.batch import PartitionSetup, Unit

_PARENT_MB = 150
"""What this process holds: the plan and the records."""
_WORKER_MB = 330
"""What a process that scores holds at its peak: libraries and model, and a few blocks on their way."""
_ASKED = 2
"""Units that a worker knows of: it fetches the next while it scores one."""
_NO_MORE = ""
"""What a worker is told in the end: without it, the end of what it hears is a broken pipe."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
"""The environment of a process that scores: there is one a core."""


def worker_count(wanted: int | None, memory: str) -> int:
    """How many processes score: as many as are wanted, or one a core, where memory has room for them.

    Raises:
        UsageError: there is no room for one.
    """
    megabytes = float(memory[:-2]) * (1000 if memory.endswith("GB") else 1)
    room = int((megabytes - _PARENT_MB) // _WORKER_MB)
    if room < 1:
        raise UsageError(
            f"{memory} is too little: a run needs {_PARENT_MB + _WORKER_MB}MB with one worker",
            where="--memory",
            remedy=f"Give --memory {_PARENT_MB + _WORKER_MB}MB or more.",
        )
    return min(wanted or cores(), room)


def run_locally(
    setup: PartitionSetup, bundle: Bundle, units: Iterator[Unit], workers: int, done: Callable[[PartRecord], None]
) -> None:
    """Score units until there are no more; a single one in this process, as it would end before another one starts.

    Args:
        setup: what is scored, by what, and where it goes.
        bundle: the model, loaded.
        units: made as they are asked for.
        workers: how many processes.
        done: told of each part, in this thread's stead; it may raise to end the run.

    Raises:
        InputError, OutsideError: as a worker says; or a worker is killed.
    """
    first = list(islice(units, 2))
    if len(first) < 2:
        partition = Partition(setup, bundle)
        for unit in first:
            done(partition.run(unit))
        return
    crew = _Crew(setup, chain(first, units), done)
    try:
        crew.run(workers)
    finally:
        crew.end()


class _Crew:
    """Threads that each talk to a process.

    The first error ends all of them.
    """

    def __init__(self, setup: PartitionSetup, units: Iterator[Unit], done: Callable[[PartRecord], None]) -> None:
        self._setup = setup
        self._units = units
        self._done = done
        self._lock = threading.Lock()
        self._failed: BaseException | None = None
        self._ended_well = False
        self._processes: list[subprocess.Popen[str]] = []
        # Nobody writes to this pipe. It closes when this process ends, however it ends, and with it every worker.
        self._lifeline, self._held = os.pipe()

    def run(self, workers: int) -> None:
        """Keep so many processes busy until all units are scored."""
        threads = []
        for number in range(workers):
            thread = threading.Thread(target=self._drive, args=(self._start(),), name=f"modelway-worker-{number}")
            thread.start()
            threads.append(thread)
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # not for good: a signal is seen between two of these
        if self._failed is not None:
            raise self._failed
        self._ended_well = True

    def end(self) -> None:
        """End what still runs."""
        self._failed = self._failed or KeyboardInterrupt()
        for process in self._processes:
            if not self._ended_well:
                process.kill()
            with suppress(OSError):
                process.communicate()
        os.close(self._held)
        os.close(self._lifeline)

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "modelway.batch.worker", str(self._lifeline)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self._lifeline,),
            text=True,
            encoding="utf-8",
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._processes.append(process)
        return process

    def _next(self) -> Unit | None:
        with self._lock:
            return None if self._failed is not None else next(self._units, None)

    def _drive(self, process: subprocess.Popen[str]) -> None:
        """Keep one process busy."""
        try:
            self._tell(process, self._setup.model_dump_json())
            self._hear(process)  # that it is ready
            asked = 0
            while True:
                while asked < _ASKED and (unit := self._next()) is not None:
                    self._tell(process, unit.model_dump_json())
                    asked += 1
                if not asked:
                    self._tell(process, _NO_MORE)
                    return
                record = PartRecord.from_json(json.dumps(self._hear(process)["record"]))
                asked -= 1
                with self._lock:
                    if self._failed is None:
                        self._done(record)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._failed is None:
                self._failed = error
        for process in self._processes:
            process.kill()

    def _tell(self, process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except OSError:
            self._hear(process)  # tells why it is gone
            raise

    def _hear(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        line = process.stdout.readline()
        if not line:
            raise OutsideError(
                _end_of(process.wait()),
                remedy="Start the run again with the same --run: it goes on. Most often memory was short.",
            )
        told: dict[str, Any] = parse_json(line)
        if "error" in told:
            raise as_error(told["error"])
        return told


def _end_of(code: int) -> str:
    """How a worker ended that was not told to."""
    if code < 0:
        return f"a worker was ended by signal {-code}"
    if code:
        return f"a worker ended with exit code {code}"
    # It ends with 0 only when it is told to. Python says 0, too, where another part of this process waited for it.
    return "a worker is gone; how it ended was told to another part of this process"


def as_error(told: dict[str, Any]) -> ModelwayError:
    """The worker's error, as this process's own."""
    kinds: dict[int, type[ModelwayError]] = {2: UsageError, 3: InputError, 6: OutsideError}
    kind = kinds.get(told["exit_code"], ModelwayError)
    return kind(told["what"], where=told["where"], remedy=told["remedy"])
