"""The parts of a run put together: what they come to, and the files that say that the run is whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.artifacts import digest_of
from modelway.batch.place import LATEST, MANIFEST, PREDICTIONS, STATE, SUCCESS, SUMMARY, TIMINGS, Place
from modelway.batch.tallies import comparable, merge, merge_slices, shift
from modelway.records.artifacts import Manifest
from modelway.records.base import Record
from modelway.records.batch import BatchSummary, BatchTimings, PartTime, SliceCount
from modelway.records.data import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.batch import BatchPlan, PartRecord, Tally
    from modelway.records.bundle import Signature
    from modelway.records.observe import Baseline
    from modelway.storage import Document

KIND = "predictions"
_EXAMPLES = 20
_SLOWEST = 20


class Latest(Record):
    """`_latest.json`: which run was published last."""

    run: str
    started: str


def summarize(
    plan: BatchPlan,
    signature: Signature,
    records: Sequence[PartRecord],
    known: Baseline | None,
    previous: BatchSummary | None,
) -> BatchSummary:
    """What parts come to, in their order."""
    baseline = known.predictions if known else None
    predictions = merge(record.predictions for record in records)
    reasons: dict[str, int] = {}
    for record in records:
        for reason, rows in record.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + rows
    rows, rejects = sum(record.rows for record in records), sum(record.rejects for record in records)
    before = previous.predictions if previous and _same_bins(previous, plan, signature) else None
    return BatchSummary(
        plan=plan,
        rows=rows,
        predicted=rows - rejects,
        rejects=rejects,
        parts=len(records),
        classes=signature.classes,
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        examples=tuple(example for record in records for example in record.examples)[:_EXAMPLES],
        ignored=tuple(sorted({name for record in records for name in record.ignored})),
        predictions=predictions,
        baseline=baseline,
        baseline_labels=known.labels if known else None,
        shift=shift(*comparable(baseline, predictions)) if baseline else None,
        previous=before,
        previous_shift=_shift_since(before, predictions) if before else None,
        slices=_slices(plan, signature, records),
    )


def read_summary(place: Place) -> BatchSummary | None:
    """The summary of a run that is published; None where there is none that can be read."""
    content = place.read(SUMMARY)
    if content is None:
        return None
    try:
        return BatchSummary.from_json(content)
    except ValidationError:
        return None


def read_latest(runs: Place) -> Latest | None:
    """Which run was published last."""
    return _latest(runs).read()


def publish(place: Place, summary: BatchSummary, records: Sequence[PartRecord], timings: BatchTimings) -> None:
    """Write what makes a run whole; `_SUCCESS` comes last."""
    plan = summary.plan
    files = {file.name: file.sha256 for record in records for file in record.files}
    told = place.write(SUMMARY, summary.to_json().encode())
    files[told.name] = told.sha256
    place.write(TIMINGS, timings.to_json().encode())
    inputs = {
        "bundle": plan.bundle_digest,
        "data": digest_of({file.name: file.identity for file in plan.files}),
    }
    manifest = Manifest(kind=KIND, files=dict(sorted(files.items())), inputs=inputs)
    place.write(MANIFEST, manifest.to_json().encode())
    place.write(SUCCESS, json.dumps({"run": plan.run, "rows": summary.rows, "rejects": summary.rejects}).encode())


def is_published(place: Place) -> bool:
    """Whether a run is whole."""
    return place.read(SUCCESS) is not None


def settle(place: Place, runs: Place, plan: BatchPlan) -> None:
    """What follows on a published run: it is the latest, unless a later one is; and its working files go."""
    ours = Latest(run=plan.run, started=plan.started)

    def change(found: Latest | None) -> Latest | None:
        return ours if found is None or (found.started, found.run) < (ours.started, ours.run) else None

    _latest(runs).change(change)
    place.remove(name for name in place.sizes() if name.startswith(f"{STATE}/part-"))


def _latest(runs: Place) -> Document[Latest | None]:
    def parse(content: bytes | None) -> Latest | None:
        try:
            return Latest.from_json(content) if content is not None else None
        except ValidationError:
            return None

    return runs.document(LATEST, parse, Latest.to_json)


def withdraw(place: Place) -> None:
    """Remove the predictions of a run that is not to be published; refused rows stay, for people to look at."""
    place.remove(name for name in place.sizes() if name.startswith((f"{PREDICTIONS}/", f"{STATE}/part-")))


def time_parts(seconds: float, workers: int, fresh: Sequence[PartRecord]) -> BatchTimings:
    """How long this start took; only of parts that it made itself."""
    slowest = sorted(fresh, key=lambda record: -record.seconds.whole)[:_SLOWEST]
    return BatchTimings(
        seconds=seconds,
        workers=workers,
        scored_rows=sum(record.rows for record in fresh),
        parts=tuple(PartTime(part=one.unit.number, rows=one.rows, seconds=one.seconds) for one in slowest),
    )


def _same_bins(previous: BatchSummary, plan: BatchPlan, signature: Signature) -> bool:
    """Bins are cut where the bundle's baseline says; classes are the same for every version of a model."""
    if previous.classes != signature.classes:
        return False
    return len(signature.classes) > 2 or previous.plan.bundle_digest == plan.bundle_digest


def _shift_since(before: Tally, predictions: Tally) -> float | None:
    if before.counts and predictions.counts:
        return shift(before.counts, predictions.counts)
    names = sorted({*before.categories, *predictions.categories})
    found = [[one.categories.get(name, 0) for name in names] for one in (before, predictions)]
    return shift(found[0], found[1])


def _slices(plan: BatchPlan, signature: Signature, records: Sequence[PartRecord]) -> tuple[SliceCount, ...]:
    has_mean = signature.task is Task.REGRESSION or len(signature.classes) == 2
    found = []
    for column in plan.slices:
        merged = merge_slices(record.slices.get(column, {}) for record in records)
        for value, one in merged.items():
            mean = one.total / one.rows if has_mean and one.rows else None
            found.append(SliceCount(column=column, value=value, rows=one.rows, mean=mean))
    return tuple(found)
