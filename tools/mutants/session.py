"""A resumable run over faults: results are appended to a file of JSON lines as they come."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tools.mutants.running import faulty, run_near
from tools.mutants.scratch import Copy, copies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tools.mutants.choosing import Chooser
    from tools.mutants.faults import Fault


@dataclass(frozen=True)
class Result:
    """What the tests near a fault said about it."""

    key: str
    id: str
    capability: str
    file: str
    verdict: str
    by: str
    tests: int
    cut: int
    reason: str
    seconds: float
    diff: str
    # The tests and the limit by which a fault counts as unseen.
    basis: str


class Session:
    """Results of earlier runs, and the runs of what is missing."""

    def __init__(self, state: Path, chooser: Chooser, limit: float, basis: str) -> None:
        self._state, self._chooser, self._limit, self._basis = state, chooser, limit, basis
        self._known: dict[str, Result] = {}
        if state.exists():
            for line in state.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError, TypeError):  # the last line of a killed run
                    result = Result(**json.loads(line))
                    self._known[result.key] = result

    def known(self, fault: Fault) -> Result | None:
        """Return an earlier result that still holds.

        A fault that was seen stays seen while its file is the same; an unseen one is tried again when the tests change.
        """
        result = self._known.get(fault.key)
        return result if result and (result.verdict == "seen" or result.basis == self._basis) else None

    def run(self, root: Path, faults: Sequence[Fault], jobs: int) -> Iterator[tuple[Fault, Result]]:
        """Yield each fault with its result as it comes, the known ones first."""
        missing = []
        for fault in faults:
            result = self.known(fault)
            if result:
                yield fault, result
            else:
                missing.append(fault)
        if not missing:
            return
        self._state.parent.mkdir(parents=True, exist_ok=True)
        jobs = min(jobs, len(missing))
        with copies(root, jobs) as made, ThreadPoolExecutor(jobs) as pool:
            free: SimpleQueue[Copy] = SimpleQueue()
            for copy in made:
                free.put(copy)
            running = {pool.submit(self._one, free, fault): fault for fault in missing}
            try:
                for future in as_completed(running):
                    result = future.result()
                    with self._state.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(result)) + "\n")
                    yield running[future], result
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, free: SimpleQueue[Copy], fault: Fault) -> Result:
        chosen = self._chooser.near(fault.file, fault.lines, self._limit)
        copy = free.get()
        try:
            with faulty(copy, fault.file, fault.after):
                outcome = run_near(copy, chosen)
        finally:
            free.put(copy)
        return Result(
            key=fault.key, id=fault.id, capability=fault.capability, file=fault.file,
            verdict=outcome.verdict, by=outcome.by, tests=len(chosen.tests), cut=chosen.cut, reason=chosen.reason,
            seconds=round(outcome.seconds, 1), diff=fault.diff, basis=self._basis,
        )  # fmt: skip
