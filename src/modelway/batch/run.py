"""One run of batch inference, from its plan to `_SUCCESS`; started again, it goes on where it was."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.atomic import scratch_directory
from modelway.batch.cutting import cut
from modelway.batch.finishing import (
    is_published,
    publish,
    read_latest,
    read_summary,
    settle,
    summarize,
    time_parts,
    withdraw,
)
from modelway.batch.local_engine import run_locally, worker_count
from modelway.batch.place import STATE, Place, join
from modelway.batch.planning import find_input, keep_plan, key_types
from modelway.bundle import open_bundle
from modelway.bundle.layout import BASELINE
from modelway.errors import InputError, ModelwayError
from modelway.locks import locked
from modelway.records.batch import BatchPlan, BatchResult, PartitionSetup, PartRecord
from modelway.records.observe import Baseline
from modelway.records.progress import Progress, silent
from modelway.records.trust import Trust
from modelway.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelway.bundle import Bundle
    from modelway.records.batch import BatchOptions, BatchSummary
    from modelway.records.data import Column, DataOptions, S3Options

_LOCK = f"{STATE}/lock"
_LOCK_SECONDS = 2.0


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        options: how to do it.
        source: what is scored.
        bundle: directory of the model.
        output: where runs have their folders.
        run: this one's name.
        now: when it begins, unless it has begun already; ISO 8601, UTC.
        declared: what the settings say of columns.
        keys: columns beside each prediction; file and row when empty.
        s3: where `s3://` leads.
        trust: what the bundle may use, and who has to have signed it.
        modules: where the user's own modules are looked up.
    """

    options: BatchOptions
    source: DataOptions
    bundle: Path
    output: str
    run: str
    now: str
    keys: tuple[str, ...]
    s3: S3Options
    declared: dict[str, Column] = field(default_factory=dict)
    trust: Trust = field(default_factory=Trust)
    modules: tuple[str, ...] = ()


@dataclass
class Outcome:
    """How far a run came, also where it failed.

    Attributes:
        result: what it came to.
        error: why it failed.
        fresh: whether this start scored anything, and it was not all there.
    """

    result: BatchResult
    error: ModelwayError | None = None
    fresh: bool = True


def run_batch(request: Request, progress: Progress = silent) -> Outcome:
    """Score a data set into a folder of its own.

    Raises:
        InputError: the bundle does not verify, or there is nothing to score.
        OutsideError: another process holds the run; S3 or the file system fails before anything was done.
        UsageError: the run was begun with something else; memory is too little.
    """
    bundle = open_bundle(request.bundle, request.trust)
    workers = worker_count(request.options.workers, request.options.memory)
    runs, place = Place(request.output, request.s3), Place(join(request.output, request.run), request.s3)
    wanted = _plan(request, bundle, runs)
    with _alone(place):
        plan = keep_plan(place, wanted)
        if is_published(place):
            summary = read_summary(place)
            if summary is None:
                raise InputError(
                    "the summary of the run can't be read", where=place.uri, remedy="Choose another --run."
                )
            settle(place, runs, plan)
            return Outcome(BatchResult(output=place.uri, summary=summary), fresh=False)
        return _Run(request, bundle, plan, place, runs).go(workers, progress)


class _Run:
    def __init__(self, request: Request, bundle: Bundle, plan: BatchPlan, place: Place, runs: Place) -> None:
        self._request = request
        self._bundle = bundle
        self._plan = plan
        self._place = place
        self._runs = runs
        self._records: dict[int, PartRecord] = {}
        self._known = _read_baseline(bundle)
        self._baseline = self._known.predictions if self._known else None

    def go(self, workers: int, progress: Progress) -> Outcome:
        """Score what is not there yet, and publish."""
        begin = time.perf_counter()
        sizes = self._place.sizes()
        self._place.clean(sizes)
        self._records = _read_records(self._place, sizes)
        kept = frozenset(self._records)
        error: ModelwayError | None = None
        try:
            self._score(workers, self._watch(progress))
            self._judge(final=True)
        except ModelwayError as found:
            error = found
        records = [self._records[number] for number in sorted(self._records)]
        summary = summarize(self._plan, self._bundle.signature, records, self._known, self._previous())
        fresh = [record for record in records if record.unit.number not in kept]
        timings = time_parts(time.perf_counter() - begin, workers, fresh)
        try:
            if error is None:
                publish(self._place, summary, records, timings)
                settle(self._place, self._runs, self._plan)
            elif isinstance(error, _TooManyRejectsError):
                withdraw(self._place)
        except ModelwayError as found:
            error = found
        return Outcome(BatchResult(output=self._place.uri, summary=summary, timings=timings), error)

    def _score(self, workers: int, done: Callable[[PartRecord], None]) -> None:
        plan, s3, options = self._plan, self._request.s3, self._request.options
        units = cut(plan.files, plan.source, s3, dict(self._records))
        if options.engine == "ray":
            from modelway.batch.ray_engine import run_on_ray

            run_on_ray(self._setup(None), units, self._request.bundle, options, done)
            return
        with scratch_directory() as spool:
            run_locally(self._setup(str(spool)), self._bundle, units, workers, done)

    def _setup(self, spool: str | None) -> PartitionSetup:
        return PartitionSetup(
            plan=self._plan,
            bundle=str(self._request.bundle.absolute()),
            output=self._place.uri,
            s3=self._request.s3,
            edges=self._baseline.edges if self._baseline else (),
            trust=self._request.trust,
            spool=spool,
            modules=self._request.modules,
        )

    def _watch(self, progress: Progress) -> Callable[[PartRecord], None]:
        total = sum(file.size for file in self._plan.files)
        sizes = [file.size for file in self._plan.files]

        def done(record: PartRecord) -> None:
            self._records[record.unit.number] = record
            self._judge(final=False)
            last = max(self._records)
            end = self._records[last].unit.end
            # How far the last part reaches; a Parquet file counts when it is done.
            progress("batch", min(total, sum(sizes[: end.file]) + end.offset), total, f"{self._rows():,} rows")

        return done

    def _rows(self) -> int:
        return sum(record.rows for record in self._records.values())

    def _judge(self, *, final: bool) -> None:
        """Raise where more rows were refused than may be; of a share that is known in the end alone."""
        most, rejects, rows = self._request.options.max_rejects, self._rejects(), self._rows()
        if final and not rows:
            raise InputError("there is no row to score", where=self._plan.input, remedy="Check how it was written.")
        # Divided, as 0.29 * 100 is less than 29.
        too_many = (final and rejects / rows > most) if 0 < most < 1 else rejects > most
        if too_many:
            said = f"{most:.4g} of all rows" if 0 < most < 1 else f"{most:g}"
            raise _TooManyRejectsError(
                f"{rejects:,} of {rows:,} rows were refused; {said} may be",
                where=self._plan.input,
                remedy=f"Look at {join(self._place.uri, 'rejects')}, and correct the rows or give a higher "
                "--max-rejects. Nothing was published.",
            )

    def _rejects(self) -> int:
        return sum(record.rejects for record in self._records.values())

    def _previous(self) -> BatchSummary | None:
        name = self._plan.previous
        return read_summary(Place(join(self._request.output, name), self._request.s3)) if name else None


class _TooManyRejectsError(InputError):
    """More rows were refused than may be."""


def _plan(request: Request, bundle: Bundle, runs: Place) -> BatchPlan:
    files = find_input(request.source, request.s3)
    latest = read_latest(runs)
    return BatchPlan(
        run=request.run,
        started=request.now,
        previous=latest.run if latest and latest.run != request.run else None,
        model=bundle.info,
        bundle_digest=bundle.digest,
        input=request.source.uri,
        source=request.source,
        files=files,
        keys=key_types(request.keys, request.declared, files, request.s3),
        slices=request.options.slices,
        batch_size=request.options.batch_size,
    )


def _read_records(place: Place, sizes: dict[str, int]) -> dict[int, PartRecord]:
    """The records of parts that are there, each with its files, from the first one without a gap in between or not."""
    found = {}
    for name in sizes:
        if not name.startswith(f"{STATE}/part-"):
            continue
        try:
            record = PartRecord.from_json(place.read(name) or b"")
        except ValidationError:
            continue
        if all(place.holds(file, sizes) for file in record.files):
            found[record.unit.number] = record
    return found


def _read_baseline(bundle: Bundle) -> Baseline | None:
    try:
        return Baseline.from_json(bundle.files[BASELINE])
    except (KeyError, ValidationError):
        return None


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """One process a run, where that can be told: on S3 two processes write the same bytes twice."""
    if is_s3(place.uri):
        yield
        return
    with locked(Path(place.uri) / _LOCK, f"the run {place.uri}", _LOCK_SECONDS):
        yield
