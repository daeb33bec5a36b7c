"""The `evaluate` stage: scores in, one record out. It loads no model and does no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.evaluate import gates
from modelway.evaluate.bias import bias_of
from modelway.evaluate.checks import check_options, chosen_metrics, find_flaw, primary_metric
from modelway.evaluate.compare import Contest, against_trivial, comparison_of, contest_of
from modelway.evaluate.curves import confusion_of, curves_of
from modelway.evaluate.leakage import leaks_of
from modelway.evaluate.measure import Measurement, estimates
from modelway.evaluate.resample import Drawer
from modelway.evaluate.rows import Problem, rows_of
from modelway.evaluate.slices import slices_of
from modelway.records.evaluate import Estimate, Evaluation, Part, Scores

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from modelway.evaluate.metrics import Metric
    from modelway.evaluate.resample import Resamples
    from modelway.records.data import Dataset
    from modelway.records.evaluate import Bias, EvaluateOptions, GateVerdict, Leak

MOST_LEAKS = 10
"""Columns that the record names as the best single predictors."""


def evaluate(
    options: EvaluateOptions,
    dataset: Dataset,
    table: pa.Table,
    target: NDArray[Any],
    candidate: Scores,
    champion: Scores | str | None,
    *,
    model_digest: str,
    champion_digest: str | None,
    size_bytes: int,
    inputs: Collection[str] | None = None,
    benchmarks: Mapping[str, tuple[NDArray[Any], Scores]] | None = None,
) -> Evaluation:
    """Measure a model on the held-out rows and let the gates judge it.

    Scores that can't be used (NaN, wrong lengths, probabilities that are none) give a record with the verdict error;
    no held-out row gives one that is inconclusive.

    Args:
        options: what is measured and what must hold.
        dataset: what the data are; gives the task, the classes and the training rows' target distribution.
        table: the held-out rows, all columns.
        target: shape (rows,); class numbers in the order of `dataset.classes`, or values.
        candidate: what the model says of these rows; of two classes the probability and `options.threshold` decide
            which one is predicted.
        champion: what the champion says of the same rows, or why it can say nothing of them (which is an error of
            its gate); None where there is no champion.
        model_digest: names the candidate.
        champion_digest: names the champion.
        size_bytes: size of the model's files.
        inputs: the columns that the model reads, which alone can leak; all but the target when absent.
        benchmarks: target and scores of further data sets, by name.

    Raises:
        SettingsError: the options name an unknown metric or column.
    """
    check_options(options, dataset)
    problem, classes, rows = Problem.of(dataset), len(dataset.classes), table.num_rows
    flaw = find_flaw(problem, classes, rows, target, candidate)
    scores_verdict = gates.judge_scores("scores", flaw, rows)
    drawer = Drawer(options.resamples, options.seed)
    measured: dict[str, Any]
    verdicts: list[GateVerdict] = []
    if flaw is not None or rows == 0:
        metrics = {metric.name: Estimate(value=None) for metric in chosen_metrics(options, problem)}
        measured = {"metrics": metrics}
    else:
        held_out = _HeldOut(options, dataset, table, np.asarray(target), candidate, drawer)
        contest = held_out.against(champion, model_digest, champion_digest)
        columns = set(dataset.columns if inputs is None else inputs) - {dataset.target}
        measured, verdicts = held_out.judge(contest, columns)
    parts, part_verdicts = _benchmarks(options, dataset, benchmarks or {}, drawer)
    all_verdicts = (scores_verdict, *verdicts, *part_verdicts)
    return Evaluation(
        task=dataset.task,
        primary=primary_metric(options, problem).name,
        rows=rows,
        confidence=options.confidence,
        model_digest=model_digest,
        champion_digest=champion_digest,
        classes=dataset.classes,
        benchmarks=parts,
        size_bytes=size_bytes,
        gates=all_verdicts,
        verdict=gates.overall(all_verdicts),
        **measured,
    )


class _HeldOut:
    """Usable scores of at least one held-out row."""

    def __init__(
        self,
        options: EvaluateOptions,
        dataset: Dataset,
        table: pa.Table,
        target: NDArray[Any],
        candidate: Scores,
        drawer: Drawer,
    ) -> None:
        self.options, self.dataset, self.table, self.target = options, dataset, table, target
        self.problem = Problem.of(dataset)
        self.primary: Metric = primary_metric(options, self.problem)
        self.metrics: list[Metric] = chosen_metrics(options, self.problem)
        self.drawer = drawer
        self.resamples: Resamples = drawer.draw(table.num_rows)
        self.rows = rows_of(self.problem, target, candidate, options.threshold)
        self.candidate = Measurement(self.rows, self.resamples)

    def against(self, champion: Scores | str | None, model_digest: str, champion_digest: str | None) -> Contest | None:
        """The contest with the champion; None where there is none."""
        if champion is None and champion_digest is None:
            return None
        flaw = _champion_flaw(self, champion, champion_digest)
        same_model = model_digest == champion_digest
        if flaw is not None or not isinstance(champion, Scores):
            return Contest(self.primary.name, len(self.rows), flaw=flaw, same_model=same_model)
        theirs = Measurement(rows_of(self.problem, self.target, champion, self.options.threshold), self.resamples)
        return contest_of(self.primary, self.candidate, theirs, same_model=same_model)

    def judge(self, contest: Contest | None, columns: Collection[str]) -> tuple[dict[str, Any], list[GateVerdict]]:
        """Everything of the record that is measured on the held-out rows, and the verdicts."""
        options, confidence = self.options, self.options.confidence
        metrics = estimates(self.candidate, self.metrics, confidence)
        bias = {column: self._bias(column) for column in options.sensitive}
        leaks = leaks_of(self.problem, self.table, self.target, columns, options.seed)
        slices = [
            found for column in dict.fromkeys((*options.slices, *options.sensitive)) for found in self._slice(column)
        ]
        measured = {
            "metrics": metrics,
            "comparison": None if contest is None else comparison_of(contest, confidence),
            "slices": tuple(slices),
            "bias": tuple(found for found in bias.values() if found is not None),
            "curves": curves_of(self.rows),
            "confusion": confusion_of(self.rows),
            "leaks": tuple((leaks or [])[:MOST_LEAKS]),
        }
        return measured, self._verdicts(metrics, contest, bias, leaks)

    def _verdicts(
        self,
        metrics: Mapping[str, Estimate],
        contest: Contest | None,
        bias: Mapping[str, Bias | None],
        leaks: list[Leak] | None,
    ) -> list[GateVerdict]:
        wanted = self.options.gates
        verdicts = [gates.judge_minimum(name, metrics.get(name), bound) for name, bound in wanted.minimum.items()]
        verdicts += [gates.judge_maximum(name, metrics.get(name), bound) for name, bound in wanted.maximum.items()]
        if wanted.champion.enabled:
            verdicts.append(gates.judge_champion(wanted.champion, contest))
        if wanted.bias.enabled:
            two_classes = self.problem is Problem.BINARY
            for column, found in bias.items():
                verdicts += gates.judge_bias(wanted.bias, column, found, two_classes=two_classes)
        if wanted.trivial.enabled:
            trivial = against_trivial(self.primary, self.candidate, self.resamples, self.dataset)
            verdicts.append(gates.judge_trivial(wanted.trivial, trivial))
        if wanted.leakage.enabled:
            verdicts.append(gates.judge_leakage(wanted.leakage, leaks, len(self.rows)))
        return verdicts

    def _column(self, name: str) -> pa.ChunkedArray | None:
        return self.table.column(name) if name in self.table.column_names else None

    def _bias(self, column: str) -> Bias | None:
        values = self._column(column)
        if values is None:
            return None
        return bias_of(column, values, self.rows, self.primary, self.options.gates.bias.min_rows)

    def _slice(self, column: str) -> list[Any]:
        return slices_of(
            column, self._column(column), self.rows, self.metrics, self.primary, self.drawer, self.options.confidence
        )


def _champion_flaw(held_out: _HeldOut, champion: Scores | str | None, digest: str | None) -> str | None:
    if champion is None:
        return "there are none"
    if isinstance(champion, str):
        return champion
    if digest is None:
        return "the digest of the champion is not known"
    classes = len(held_out.dataset.classes)
    return find_flaw(held_out.problem, classes, len(held_out.rows), held_out.target, champion)


def _benchmarks(
    options: EvaluateOptions,
    dataset: Dataset,
    benchmarks: Mapping[str, tuple[NDArray[Any], Scores]],
    drawer: Drawer,
) -> tuple[tuple[Part, ...], list[GateVerdict]]:
    """Measure each benchmark; one that can't be measured gets a verdict of its own."""
    problem = Problem.of(dataset)
    metrics = chosen_metrics(options, problem)
    parts, verdicts = [], []
    for name, (target, scores) in benchmarks.items():
        number = len(target)
        flaw = find_flaw(problem, len(dataset.classes), number, target, scores)
        if flaw is None and number > 0:
            rows = rows_of(problem, target, scores, options.threshold)
            found = estimates(Measurement(rows, drawer.draw(number)), metrics, options.confidence)
        else:
            found = {metric.name: Estimate(value=None) for metric in metrics}
            verdicts.append(gates.judge_scores(f"scores.{name}", flaw, number))
        parts.append(Part(name=name, rows=number, metrics=found))
    return tuple(parts), verdicts
