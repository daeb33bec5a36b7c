"""The `performance` part of `monitor`: what the model said, against the labels that came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.errors import GateError, InconclusiveError, UsageError
from modelway.evaluate.measure import Measurement, estimates
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.resample import Drawer
from modelway.evaluate.rows import Problem, rows_of
from modelway.evaluate.slices import slices_of
from modelway.observe.labels import join_labels, read_labels
from modelway.observe.log_rows import LogRows, windows_of
from modelway.observe.log_tables import field_of
from modelway.records.data import Task
from modelway.records.evaluate import Estimate, Scores
from modelway.records.performance import LabelledPart, PerformanceReport
from modelway.records.progress import Progress, silent
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from modelway.evaluate.metrics import Metric
    from modelway.evaluate.rows import Rows as ScoredRows
    from modelway.pipeline.baselines import Reference
    from modelway.pipeline.drift import Rows
    from modelway.records.evaluate import Slice
    from modelway.records.monitor import PerformanceOptions
    from modelway.records.observe import Baseline

SEED = 0
_THRESHOLD = 0.5
"""The probability from which on the log's positive class counts as predicted, for metrics that need one."""


def check_performance(
    options: PerformanceOptions,
    reference: Reference,
    rows: Rows,
    labels: str | None,
    *,
    strict: bool,
    slices: tuple[str, ...] = (),
    progress: Progress = silent,
) -> PerformanceReport:
    """Measure the live model.

    Args:
        options: the settings' `monitor.performance`.
        reference: the live model's baseline: its task, its classes, what it was when it was evaluated.
        rows: its prediction log.
        labels: where the labels are; None where nobody said.
        strict: whether an inconclusive check ends with 5.
        slices: columns whose values are measured one by one.
        progress: told of each file.

    Raises:
        InputError: the labels or the log can't be read.
        OutsideError: S3 or the file system fails.
        UsageError: there is no such metric, or the baseline does not know what the model predicts.
    """
    judge = _Judge.of(options, reference.baseline)
    answers, unreadable = _answers(reference.baseline, rows, slices, progress)
    joined = _joined(answers, options, reference.baseline, rows, labels, progress)
    live = joined.filter(pc.equal(joined["variant"], "champion"))
    scored = judge.scored(live)
    found = judge.measure(scored)
    verdict, reason = judge.verdict(found, len(scored), labels)
    code = {Verdict.FAIL: GateError.exit_code, Verdict.INCONCLUSIVE: InconclusiveError.exit_code if strict else 0}
    return PerformanceReport(
        verdict=verdict,
        reason=reason,
        exit_code=code.get(verdict, 0),
        metric=judge.metric.name,
        threshold=judge.bound,
        higher_is_better=judge.metric.higher_is_better,
        at_evaluation=judge.before,
        predictions=live.num_rows,
        labels=len(scored),
        unknown=live["label"].length() - live["label"].null_count - len(scored),
        since=rows.since.isoformat(),
        until=rows.until.isoformat(),
        metrics=found,
        windows=tuple(judge.part(name, part) for name, part in windows_of(live, rows.since, options.window_hours)),
        versions=tuple(
            judge.part(version, joined.filter(pc.equal(joined["version"], version)))
            for version in sorted(pc.unique(joined["version"]).to_pylist())
        ),
        slices=tuple(one for name in slices for one in judge.slices(name, live)),
        unreadable=unreadable,
    )


@dataclass(frozen=True)
class _Judge:
    """What is measured, and by which bound."""

    options: PerformanceOptions
    baseline: Baseline
    problem: Problem
    metric: Metric
    bound: float | None
    before: float | None
    drawer: Drawer

    @classmethod
    def of(cls, options: PerformanceOptions, baseline: Baseline) -> _Judge:
        if baseline.task is None:
            raise UsageError(
                "the baseline does not know what the model predicts",
                remedy="Name the baseline.json that `train` wrote.",
            )
        problem = Problem.REGRESSION
        if baseline.task is not Task.REGRESSION:
            problem = Problem.BINARY if len(baseline.classes) == 2 else Problem.MULTICLASS
        known = METRICS[problem]
        name = options.metric or next(iter(known))
        if name not in known:
            raise UsageError(
                f"there is no metric {name!r} here", where="--metric", remedy=f"Known: {', '.join(known)}."
            )
        metric, before = known[name], baseline.metrics.get(name)
        bound = options.threshold
        if bound is None and before is not None:
            bound = before - metric.orient(options.margin)
        return cls(options, baseline, problem, metric, bound, before, Drawer(options.resamples, SEED))

    def scored(self, table: pa.Table) -> ScoredRows:
        """The labelled rows with their scores."""
        return self._scored(table)[0]

    def _scored(self, table: pa.Table) -> tuple[ScoredRows, pa.Table]:
        target, kept = self._target(table)
        table = table.filter(kept)
        if self.problem is Problem.REGRESSION:
            scores = Scores(table["prediction"].to_numpy().astype(np.float64))
        else:
            columns = [field_of(table["probabilities"], name).to_numpy() for name in self.baseline.classes]
            probability = np.stack(columns, axis=1).astype(np.float64) if columns else np.empty((0, 0))
            codes = pc.index_in(table["prediction"], value_set=pa.array(self.baseline.classes, pa.string()))
            scores = Scores(pc.fill_null(codes, 0).to_numpy().astype(np.int64), probability)
        return rows_of(self.problem, target[kept.to_numpy(zero_copy_only=False)], scores, _THRESHOLD), table

    def _target(self, table: pa.Table) -> tuple[np.ndarray, pa.Array]:
        """The target as numbers, and which rows have one."""
        labels = table["label"].combine_chunks()
        if self.problem is Problem.REGRESSION:
            numbers = labels.cast(pa.float64())
            return pc.fill_null(numbers, 0.0).to_numpy(zero_copy_only=False), pc.is_valid(numbers)
        codes = pc.index_in(labels, value_set=pa.array(self.baseline.classes, pa.string()), skip_nulls=True)
        return pc.fill_null(codes, 0).to_numpy(zero_copy_only=False), pc.is_valid(codes)

    def measure(self, rows: ScoredRows) -> dict[str, Estimate]:
        """Every metric with its interval."""
        if not len(rows):
            return {}
        return estimates(
            Measurement(rows, self.drawer.draw(len(rows))), METRICS[self.problem].values(), self.options.confidence
        )

    def part(self, name: str, table: pa.Table) -> LabelledPart:
        """The metric of some of the rows."""
        rows = self.scored(table)
        metric = Estimate(value=None)
        if len(rows):
            measured = Measurement(rows, self.drawer.draw(len(rows)))
            metric = measured.estimate(self.metric, self.options.confidence)
        return LabelledPart(name=name, predictions=table.num_rows, labels=len(rows), metric=metric)

    def slices(self, column: str, table: pa.Table) -> list[Slice]:
        """The metric by the values of a column."""
        rows, kept = self._scored(table)
        values = kept[f"slice {column}"] if len(rows) else None
        return slices_of(column, values, rows, [self.metric], self.metric, self.drawer, self.options.confidence)

    def verdict(self, found: dict[str, Estimate], labels: int, given: str | None) -> tuple[Verdict, str]:
        """What the labels say."""
        if given is None:
            return Verdict.INCONCLUSIVE, "nobody said where the labels are"
        if labels < self.options.min_labels:
            return Verdict.INCONCLUSIVE, f"{labels:,} labels are too few; {self.options.min_labels:,} are asked for"
        metric = found[self.metric.name]
        if metric.value is None or metric.low is None or metric.high is None:
            return Verdict.INCONCLUSIVE, f"{self.metric.name} is not defined on these labels"
        if self.bound is None:
            return Verdict.INCONCLUSIVE, f"there is no bound for {self.metric.name}"
        return self._against_bound(metric, metric.low, metric.high, self.bound)

    def _against_bound(self, metric: Estimate, low: float, high: float, bound: float) -> tuple[Verdict, str]:
        assert metric.value is not None  # noqa: S101 - the caller asks
        told = f"{self.metric.name} is {metric.value:.4g} ({low:.4g} to {high:.4g})"
        better = self.metric.higher_is_better
        worst, best = (low, high) if better else (high, low)
        named = f"the bound of {bound:.4g}"
        if self.metric.orient(best - bound) < 0:
            return Verdict.FAIL, f"{told}, all of it worse than {named}"
        if self.metric.orient(metric.value - bound) < 0:
            return Verdict.INCONCLUSIVE, f"{told}, worse than {named}, but not beyond doubt"
        sure = "" if self.metric.orient(worst - bound) >= 0 else ", though not beyond doubt"
        return Verdict.PASS, f"{told}, as good as {named}{sure}"


def _answers(
    baseline: Baseline, rows: Rows, slices: tuple[str, ...], progress: Progress
) -> tuple[pa.Table, tuple[str, ...]]:
    """The answers of the log, with what joining and slicing needs."""
    kinds = {
        name: baseline.columns[name].type for name in slices if name in baseline.columns and name not in rows.hashed
    }
    log = LogRows(kinds, baseline, rows.since, rows.until)
    parts = []
    for table in log.tables(rows.place(progress), "performance"):
        answered = table.filter(pc.is_valid(table["prediction"]))
        kept = {name: answered[name] for name in ("id", "key", "time", "variant", "version", "prediction")}
        if baseline.classes:
            kept["probabilities"] = answered["probabilities"]
        for name in slices:
            known = name in kinds
            kept[f"slice {name}"] = (
                field_of(answered["features"], name) if known else pa.nulls(answered.num_rows, pa.string())
            )
        parts.append(pa.table(kept))
    return (pa.concat_tables(parts) if parts else _nothing(baseline, slices)), tuple(log.unreadable)


def _nothing(baseline: Baseline, slices: tuple[str, ...]) -> pa.Table:
    number = baseline.task is Task.REGRESSION
    fields = [(name, pa.string()) for name in ("id", "key", "variant", "version", *(f"slice {one}" for one in slices))]
    fields += [("time", pa.timestamp("us", tz="UTC")), ("prediction", pa.float64() if number else pa.string())]
    if baseline.classes:
        fields.append(("probabilities", pa.struct([(name, pa.float64()) for name in baseline.classes])))
    return pa.schema(fields).empty_table()


def _joined(
    answers: pa.Table,
    options: PerformanceOptions,
    baseline: Baseline,
    rows: Rows,
    labels: str | None,
    progress: Progress,
) -> pa.Table:
    if labels is None:
        return answers.append_column("label", pa.nulls(answers.num_rows, pa.string()))
    table, by = read_labels(labels, options, baseline.target, rows.s3, rows.cache, progress)
    return answers.append_column("label", join_labels(answers[by], table))
