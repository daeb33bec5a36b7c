"""The process that scores units: they come as JSON, one a line, and records of parts go back the same way.

An empty line says that no more come. Where the lines end without it, the pipe broke, and that is told. The process has
one thread for linear algebra, and it dies with whoever started it: when the pipe that only the parent can write to is
closed, the process ends at once, whatever it is doing.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from modelway.errors import ModelwayError, OutsideError
from modelway.escaping import guard_streams

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from modelway.batch.cutting import Piece
    from modelway.records.batch import Unit


def main() -> int:
    """Score what comes until nothing comes any more."""
    threading.Thread(target=_die_with_parent, args=(int(sys.argv[1]),), daemon=True).start()
    # What the user's own code prints must not get between the records.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    guard_streams()
    try:
        _work(sys.stdin, answers)
    except KeyboardInterrupt:
        return 130
    except ModelwayError as error:
        _say(answers, error=_told(error))
        return error.exit_code
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent has to hear of it
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = ModelwayError(
            f"this is a bug in modelway: {type(error).__name__}: {error}",
            where=f"{Path(last.filename).name}:{last.lineno}",
        )
        traceback.print_exc()
        _say(answers, error=_told(told))
        return told.exit_code
    return 0


def _work(questions: IO[str], answers: IO[str]) -> None:
    from modelway.batch.partition import Partition
    from modelway.bundle import open_bundle
    from modelway.records.batch import PartitionSetup

    setup = PartitionSetup.from_json(questions.readline())
    sys.path[:0] = [module for module in setup.modules if module not in sys.path]
    bundle = open_bundle(Path(setup.bundle), setup.trust, digest=setup.plan.bundle_digest)
    import pyarrow as pa

    pa.set_cpu_count(1)
    partition = Partition(setup, bundle)
    _say(answers, ready=True)
    try:
        # A unit's objects are fetched as soon as it is known, while rows of the one before are scored.
        with ThreadPoolExecutor(1) as pool:
            waiting: queue.Queue[tuple[Unit, Future[list[Piece]]] | BaseException | None] = queue.Queue()

            def read() -> None:
                try:
                    for unit in _units(questions):
                        waiting.put((unit, pool.submit(partition.fetch, unit)))
                    waiting.put(None)
                except BaseException as error:  # noqa: BLE001 - raised again in the thread that scores
                    waiting.put(error)

            threading.Thread(target=read, daemon=True).start()
            while (found := waiting.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                unit, pieces = found
                record = partition.run(unit, pieces.result())
                _say(answers, record=record.model_dump(mode="json"))
    finally:
        partition.close()


def _units(questions: IO[str]) -> Iterator[Unit]:
    from modelway.records.batch import Unit

    while line := questions.readline():
        if not line.strip():
            return
        yield Unit.from_json(line)
    raise OutsideError(
        "a worker's pipe was closed before it was told to end",
        remedy="Something else in the process that runs the batch closed a file that was not its own, as code of a "
        "library or of yours may do. Start the run again with the same --run: it goes on.",
    )


def _say(answers: IO[str], **told: Any) -> None:
    answers.write(json.dumps(told) + "\n")
    answers.flush()


def _told(error: ModelwayError) -> dict[str, Any]:
    return {"exit_code": error.exit_code, "what": error.what, "where": error.where, "remedy": error.remedy}


def _die_with_parent(lifeline: int) -> None:
    """Nobody ever writes to the pipe: reading from it ends when its last writer, the parent, is gone."""
    os.read(lifeline, 1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
