"""A resumable run over faults: results are appended to a file of JSON lines as they come."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tools.mutants.running import Outcome, faulty, run_near, types_reject
from tools.mutants.scratch import Copy, copies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tools.mutants.choosing import Chooser
    from tools.mutants.faults import Fault


_SETTLED = ("seen", "types")


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

    def __init__(
        self, state: Path, chooser: Chooser, limit: float, basis: str, *, patience: float, types: bool
    ) -> None:
        """`types`: what the tests do not see is given to the type checker, which `make test` runs before them."""
        self._state, self._chooser, self._limit, self._basis, self._types = state, chooser, limit, basis, types
        self._patience = patience
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
        holds = result and (result.verdict in _SETTLED or (result.verdict == "unseen" and result.basis == self._basis))
        return result if holds else None

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
        self._end_last_line()
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

    def _end_last_line(self) -> None:
        """Separate what a killed run wrote by half from what comes next."""
        with self._state.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def _one(self, free: SimpleQueue[Copy], fault: Fault) -> Result:
        chosen = self._chooser.near(fault.file, fault.lines, self._limit)
        copy = free.get()
        try:
            with faulty(copy, fault.file, fault.after):
                outcome = run_near(copy, chosen, self._patience)
                if outcome.verdict == "unseen" and self._types and types_reject(copy, fault.file):
                    outcome = Outcome("types", "mypy", outcome.seconds)
        finally:
            free.put(copy)
        return Result(
            key=fault.key, id=fault.id, capability=fault.capability, file=fault.file,
            verdict=outcome.verdict, by=outcome.by, tests=len(chosen.tests), cut=chosen.cut, reason=chosen.reason,
            seconds=round(outcome.seconds, 1), diff=fault.diff, basis=self._basis,
        )  # fmt: skip
