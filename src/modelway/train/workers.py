"""Trials side by side, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import signal
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from modelway.atomic import scratch_directory
from modelway.errors import ModelwayError, OutsideError
from modelway.escaping import guard_streams
from modelway.train.problem import Sample
from modelway.train.space import search_space
from modelway.train.study import open_study, run_trial, study_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from modelway.records.fit import FitOptions
    from modelway.train.problem import Problem

_ARRAYS = ("train_matrix", "train_target", "validation_matrix", "validation_target")


@dataclass(frozen=True)
class Job:
    """What each worker has to know.

    Attributes:
        deadline: on the monotonic clock, which all processes of a machine share.
    """

    options: FitOptions
    problem: Problem
    address: str | None
    name: str
    deadline: float


@dataclass(frozen=True)
class _Failure:
    """An error on its way between processes; exceptions with keyword arguments can't be sent."""

    kind: type[ModelwayError]
    what: str
    where: str | None
    remedy: str | None


def run_in_workers(job: Job, trials: int, train: Sample, validation: Sample) -> Iterator[None]:
    """Run `trials` trials in `options.search.workers` processes, and yield after each of them.

    The samples pass through files that the processes map into memory, so there is one copy of them for all.

    Raises:
        ModelwayError: that of a trial.
        OutsideError: a worker died.
    """
    # Not fork: the threads of LightGBM and of the database do not survive it.
    context = multiprocessing.get_context("spawn")
    tickets = context.Value("i", trials)
    running: dict[Any, BaseProcess] = {}
    with scratch_directory() as folder:
        for name, array in zip(
            _ARRAYS, (train.matrix, train.target, validation.matrix, validation.target), strict=True
        ):
            np.save(folder / f"{name}.npy", array)
        try:
            for _ in range(min(job.options.search.workers, trials)):
                receiver, sender = context.Pipe(duplex=False)
                process: BaseProcess = context.Process(target=_work, args=(job, folder, tickets, sender), daemon=True)
                process.start()
                sender.close()
                running[receiver] = process
            yield from _follow(dict(running))
        finally:
            for process in running.values():
                process.terminate()
                process.join()


def _follow(running: dict[Any, BaseProcess]) -> Iterator[None]:
    """Yield whenever a worker has ended a trial, until all have ended."""
    while running:
        ready: list[Any] = wait(list(running))
        for receiver in ready:
            try:
                failure: _Failure | None = receiver.recv()
            except EOFError:
                process = running.pop(receiver)
                process.join()
                if process.exitcode:
                    raise OutsideError(
                        f"a worker of the search ended with code {process.exitcode}",
                        remedy="Look above for its error; without one, memory may have run out: use fewer workers.",
                    ) from None
                continue
            if failure is not None:
                raise failure.kind(failure.what, where=failure.where, remedy=failure.remedy)
            yield


def _work(job: Job, folder: Path, tickets: Any, sender: Connection) -> None:
    """Run trials while there are tickets, time and a parent. Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard_streams()
    try:
        with threadpool_limits(limits=1), study_errors(job.address):
            arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS]
            train, validation = Sample(arrays[0], arrays[1]), Sample(arrays[2], arrays[3])
            study, space = open_study(job.options, job.address, job.name), search_space(job.options)
            while time.monotonic() < job.deadline and _take(tickets) and _parent_lives():
                run_trial(study, job.options, space, replace(job.problem, threads=1), train, validation)
                sender.send(None)
    except ModelwayError as error:
        sender.send(_Failure(type(error), error.what, error.where, error.remedy))


def _take(tickets: Any) -> bool:
    with tickets.get_lock():
        tickets.value -= 1
        return bool(tickets.value >= 0)


def _parent_lives() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and parent.is_alive()
