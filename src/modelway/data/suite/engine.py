"""Check a data set: one pass over its files, then the verdicts."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from modelway.atomic import scratch_directory
from modelway.data.ahead import Behind
from modelway.data.suite.batches import read_batches
from modelway.data.suite.key_rows import KeyCounter
from modelway.data.suite.outcome import Facts
from modelway.data.suite.profile import summarize
from modelway.data.suite.sample import RowSample
from modelway.data.suite.tally import ColumnTally
from modelway.errors import InputError
from modelway.records.data_docs import DataFile, DataProfile
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import polars as pl

    from modelway.data.suite.batches import Batch
    from modelway.data.suite.failures import Failures
    from modelway.data.suite.key_rows import Key, KeyFacts
    from modelway.data.suite.kinds import Kind
    from modelway.data.suite.plan import Plan
    from modelway.data.suite.survey import SourceFile
    from modelway.records.data import DataOptions


_BLOCK = 1 << 18


@dataclass(frozen=True)
class Scanned:
    """What the pass over the files gave."""

    facts: Facts
    files: tuple[DataFile, ...]
    failures: Failures


class Scan:
    """One pass over the files of a data set.

    Args:
        files: what to read.
        source: how CSV files are written.
        kinds: the columns.
        read: those of them that are looked at.
        plan: what to watch for.
        failures: where broken rows are kept.
    """

    def __init__(
        self,
        files: Sequence[SourceFile],
        source: DataOptions,
        kinds: Mapping[str, Kind],
        read: Mapping[str, Kind],
        plan: Plan,
        failures: Failures,
    ) -> None:
        self._files, self._source, self._kinds = files, source, read
        self._columns = None if len(read) == len(kinds) else tuple(read)
        self._plan, self._failures = plan, failures
        self._tallies = {name: ColumnTally(name, kind, quantiles=name in plan.sketched) for name, kind in read.items()}
        self._sample = RowSample(of=_told(files))
        self._rows = dict.fromkeys((file.name for file in files), 0)
        self._names = dict.fromkeys(kinds)

    def run(self, now: datetime, baseline: DataProfile | None, progress: Progress = silent) -> Scanned:
        """Read everything once, and the rows of repeated keys once more.

        Args:
            now: what freshness is judged by.
            baseline: the profile to compare with.
            progress: told after each piece.

        Raises:
            InputError: a file can't be read as what it should be, or there is no row at all.
            OutsideError: the file system fails.
        """
        with scratch_directory() as place, _digests(self._files) as digests:
            counters = self._counters(place)
            self._read(counters, progress)
            if not sum(self._rows.values()):
                raise InputError(
                    "the data set has no row", where=self._files[0].name, remedy="Check how the files were written."
                )
            keys = {key: self._finish(counter) for key, counter in counters.items()}
            found = [
                DataFile(name=file.name, rows=self._rows[file.name], size=file.size, sha256=digest)
                for file, digest in zip(self._files, digests, strict=True)
            ]
        return Scanned(self._facts(keys, now, baseline), tuple(found), self._failures)

    def read(self, columns: Sequence[str] | None, only: Mapping[str, Sequence[int]] | None = None) -> Iterator[Batch]:
        """The rows once more: some columns of all, or all that are looked at of about some."""
        return read_batches(self._files, self._source, self._kinds, columns or self._columns, only)

    def _counters(self, place: Path) -> dict[Key, KeyCounter]:
        counters: dict[Key, KeyCounter] = {}
        for check in self._plan.checks:
            if check.key is not None and check.key not in counters:
                directory = place / str(len(counters))
                directory.mkdir()
                counters[check.key] = KeyCounter(check.key, self._kinds, directory)
        return counters

    def _finish(self, counter: KeyCounter) -> KeyFacts:
        return counter.finish(partial(self.read, counter.columns), self._failures.wanted(0))

    def _read(self, counters: Mapping[Key, KeyCounter], progress: Progress) -> None:
        total = sum(file.size for file in self._files)
        before = 0
        current = self._files[0]

        def collect(batch: Batch) -> None:
            self._sample.add(batch.frame.select(list(self._kinds)))
            for counter in counters.values():
                counter.add(batch)

        # Reading, asking and collecting are each about a third of the work: three threads.
        behind = Behind(collect)
        try:
            for batch in self.read(None):
                if batch.file is not current:
                    before = sum(file.size for file in self._files[: self._files.index(batch.file)])
                    current = batch.file
                behind.put(batch)
                self._look_at(batch)
                self._rows[batch.file.name] += len(batch.frame)
                rows = sum(self._rows.values())
                progress("check", _position(batch, before) >> 20, max(total >> 20, 1), f"{rows:,} rows")
        finally:
            behind.close()
        progress("check", max(total >> 20, 1), max(total >> 20, 1), f"{sum(self._rows.values()):,} rows")

    def _look_at(self, batch: Batch) -> None:
        """Ask a piece all questions at once, and give each asker its answers."""
        tallies = list(self._tallies.values())
        numbers = _answers(batch.frame, [tally.expressions(batch) for tally in tallies])
        for tally, found in zip(tallies, numbers, strict=True):
            tally.add(batch, [column[0] for column in found])
        probes = [check.probe for check in self._plan.checks if check.probe is not None]
        masks = _answers(batch.frame, [probe.masks(batch) for probe in probes])
        for probe, found in zip(probes, masks, strict=True):
            probe.update(batch, found, self._failures)
        self._names |= dict.fromkeys(batch.raw.column_names)

    def _facts(
        self,
        keys: Mapping[Key, KeyFacts],
        now: datetime,
        baseline: DataProfile | None,
    ) -> Facts:
        rows = sum(self._rows.values())
        sample = self._sample.rows()
        summaries = [summarize(tally, sample, rows, whole=self._sample.whole) for tally in self._tallies.values()]
        return Facts(
            rows=rows,
            files=self._files,
            columns=tuple(self._names),
            kinds=self._kinds,
            tallies=self._tallies,
            keys=keys,
            now=now,
            baseline=baseline,
            profile=DataProfile(rows=rows, columns=tuple(summaries)),
        )


def _answers(frame: pl.DataFrame, questions: list[list[pl.Expr]]) -> list[list[pl.Series]]:
    """The answers to each asker's questions, all worked out together; either all or none of them are one value long."""
    numbered = enumerate(chain.from_iterable(questions))
    columns = frame.select(question.alias(str(number)) for number, question in numbered).get_columns()
    ends = accumulate(map(len, questions), initial=0)
    return [columns[start:end] for start, end in pairwise(ends)]


def _told(files: Sequence[SourceFile]) -> int | None:
    """How many rows all files have; None where one of them does not tell without being read."""
    rows = [file.rows for file in files if file.rows is not None]
    return sum(rows) if len(rows) == len(files) else None


@contextmanager
def _digests(files: Sequence[SourceFile]) -> Iterator[Iterator[str]]:
    """SHA-256 of each file, worked out beside the scan; leaving ends the work."""
    stopped = threading.Event()

    def digest(file: SourceFile) -> str:
        found = hashlib.sha256()
        block = memoryview(bytearray(_BLOCK))
        with file.path.open("rb", buffering=0) as content:
            while not stopped.is_set() and (size := content.readinto(block)):
                found.update(block[:size])
        return found.hexdigest()

    with ThreadPoolExecutor(1, thread_name_prefix="modelway-digest") as pool:
        try:
            yield pool.map(digest, files)
        finally:
            stopped.set()


def _position(batch: Batch, before: int) -> int:
    """About how many bytes were read up to a piece's end."""
    if batch.file.rows:
        return before + batch.file.size * (batch.start + len(batch.frame)) // batch.file.rows
    return before
