"""The `drift` part of `monitor`: rows of a log or data set against a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from modelway.errors import GateError, InconclusiveError, InputError
from modelway.observe.data_rows import data_files, pieces
from modelway.observe.drift import Judged, judge_columns
from modelway.observe.log_hours import LogPlace, is_log
from modelway.observe.log_rows import LogRows, features_of, windows_of
from modelway.observe.profile import PREDICTIONS
from modelway.observe.slice_drift import judge_slices
from modelway.observe.watch import LABEL, SCORE, Watch, Watched
from modelway.records.data import ColumnType, Task
from modelway.records.drift import DriftReport, State
from modelway.records.progress import Progress, silent
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from modelway.pipeline.baselines import Reference
    from modelway.records.data import S3Options
    from modelway.records.drift import ColumnDrift
    from modelway.records.monitor import DriftOptions
    from modelway.records.observe import Baseline

EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.FAIL: GateError.exit_code,
    Verdict.ERROR: InputError.exit_code,
    Verdict.INCONCLUSIVE: InconclusiveError.exit_code,
}
LEAST_MEASURED = 0.5
"""The share of the importance that has to be measured for a pass."""


@dataclass(frozen=True)
class Rows:
    """What is compared with the baseline.

    Attributes:
        uri: a prediction log, or a data set.
        since: of a log, the first moment.
        until: of a log, the end.
        hashed: columns that the log holds hashes of.
        s3: where `s3://` leads.
        cache: where objects are kept.
        is_log: whether it is a log; told by what lies there when None.
    """

    uri: str
    since: datetime
    until: datetime
    s3: S3Options
    cache: Path
    hashed: tuple[str, ...] = ()
    is_log: bool | None = None

    def place(self, progress: Progress = silent) -> LogPlace:
        """The log; its copies are kept apart from those of a rollout, which needs other hours."""
        return LogPlace(self.uri, self.s3, self.cache / "monitor", progress)


def find_drift(options: DriftOptions, reference: Reference, rows: Rows, progress: Progress = silent) -> DriftReport:
    """Say what moved.

    Args:
        options: the settings' `monitor.drift`.
        reference: what to compare with.
        rows: what is compared.
        progress: told of each file.

    Raises:
        InputError: there are no rows, or they can't be read.
        OutsideError: S3 or the file system fails.
    """
    log = rows.is_log if rows.is_log is not None else is_log(rows.uri)
    ignored = (*options.ignore, *(rows.hashed if log else ()))
    watch = Watch(Watched.of(reference.baseline, ignored))
    if log:
        files, unreadable = _count_log(watch, options, rows, progress)
    else:
        files, unreadable = _count_data(watch, rows, progress), ()
    judged = judge_columns(watch, options)
    slices, tested = judge_slices(watch, judged, options)
    count = sum(window.rows for window in judged.windows)
    verdict, reason = _verdict(judged, count, options, reference, rows)
    hashes = dict.fromkeys(rows.hashed, "the log holds hashes of it") if log else {}
    return DriftReport(
        verdict=verdict,
        reason=reason,
        exit_code=EXIT_CODES[verdict],
        score=judged.score,
        threshold=options.threshold,
        measured=judged.measured,
        rows=count,
        since=rows.since.isoformat() if log else None,
        until=rows.until.isoformat() if log else None,
        baseline=reference.where,
        baseline_digest=reference.digest,
        baseline_rows=reference.baseline.rows or None,
        current=rows.uri,
        versions=dict(sorted(watch.versions.items())),
        files=files,
        unreadable=unreadable,
        windows=judged.windows,
        columns=judged.columns,
        slices=slices[:_MOST_SLICES],
        slices_tested=tested,
        unmeasured=_expected(judged.unmeasured, reference, log=log) | hashes,
    )


_MOST_SLICES = 200


def _count_log(watch: Watch, options: DriftOptions, rows: Rows, progress: Progress) -> tuple[int, tuple[str, ...]]:
    baseline = watch.watched.baseline
    kinds = dict(watch.watched.kinds)
    kinds.pop(baseline.target or "", None)
    log = LogRows(kinds, baseline, rows.since, rows.until)
    for table in log.tables(rows.place(progress), "drift"):
        for window, part in windows_of(table, rows.since, options.window_hours):
            asked = part.filter(part["features"].is_valid())
            if asked.num_rows:
                watch.add(window, features_of(asked, kinds), log.outputs(asked) if baseline.task else None)
            for item in asked["version"].value_counts().to_pylist():
                watch.versions[item["values"]] = watch.versions.get(item["values"], 0) + item["counts"]
    return log.files, tuple(log.unreadable)


def _count_data(watch: Watch, rows: Rows, progress: Progress) -> int:
    files = data_files(rows.uri, rows.s3, rows.cache, progress)
    names = _output_columns(watch.watched.baseline)
    kinds = watch.watched.kinds | dict(names.values())
    for at, file in enumerate(files, start=1):
        for piece in pieces([file], kinds):
            if piece.num_rows:
                watch.add("", piece, _outputs(piece, names))
        progress("drift", at, len(files), "files")
    return len(files)


def _output_columns(baseline: Baseline) -> dict[str, tuple[str, ColumnType]]:
    """The columns in which a data set holds a model's outputs, as MLflow and `batch` name them, by their own name."""
    if baseline.task is None:
        return {}
    if baseline.task is Task.REGRESSION:
        return {PREDICTIONS: ("prediction", ColumnType.NUMBER)}
    found = {LABEL: ("prediction", ColumnType.CATEGORY)}
    scores = {name: (f"probability_{name}", ColumnType.NUMBER) for name in baseline.classes}
    if len(baseline.classes) == 2:
        return found | {PREDICTIONS: scores[baseline.classes[1]]}
    return found | {PREDICTIONS: found[LABEL]} | {SCORE + name: place for name, place in scores.items()}


def _outputs(piece: pa.RecordBatch, names: dict[str, tuple[str, ColumnType]]) -> pa.Table | None:
    there = {own: piece.column(column) for own, (column, _) in names.items() if column in piece.schema.names}
    return pa.table(there) if there else None


def _verdict(
    judged: Judged, count: int, options: DriftOptions, reference: Reference, rows: Rows
) -> tuple[Verdict, str]:
    if (lack := _lack(count, options, reference, rows)) or judged.score is None:
        return Verdict.INCONCLUSIVE, lack or "no feature could be measured"
    told = _told(judged.columns)
    if judged.score >= options.threshold:
        return Verdict.FAIL, f"the drift score is {judged.score:.2f}, the threshold {options.threshold:g}: {told}"
    if judged.measured < LEAST_MEASURED:
        return Verdict.INCONCLUSIVE, f"features with {judged.measured:.0%} of the importance alone were measured"
    return Verdict.PASS, f"the drift score is {judged.score:.2f}, below the threshold {options.threshold:g}: {told}"


def _lack(count: int, options: DriftOptions, reference: Reference, rows: Rows) -> str | None:
    """Why there is not enough evidence for any verdict."""
    if not count:
        return "there was no row to look at"
    if reference.where == rows.uri:
        return "the rows are the baseline itself"
    if count < options.min_rows:
        return f"{count:,} rows are too few; {options.min_rows:,} are asked for"
    if 0 < reference.baseline.rows < options.min_rows:
        return f"the baseline has {reference.baseline.rows:,} rows, too few to compare with"
    return None


def _told(columns: tuple[ColumnDrift, ...]) -> str:
    moved = [one.name for one in columns if one.state is State.MOVED]
    if not moved:
        return "nothing moved"
    return f"{', '.join(moved[:5])}{f' and {len(moved) - 5} more' if len(moved) > 5 else ''} moved"


def _expected(unmeasured: dict[str, str], reference: Reference, *, log: bool) -> dict[str, str]:
    """What was not measured; that a log has no target is no news."""
    if log:
        return {name: why for name, why in unmeasured.items() if name != reference.baseline.target}
    return unmeasured
