"""The report of one training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelway.records.verdict import Verdict
from modelway.report.charts import Axis, Bars, Mark, Rule, axis_over, draw
from modelway.report.formats import number, shorten, signed
from modelway.report.page import render
from modelway.report.plots import curve_charts, learning_chart, search_chart, slices_axis
from modelway.report.rows import Row, draw_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.data import Dataset
    from modelway.records.evaluate import Bias, Estimate, Evaluation, GateVerdict, Slice, Timings
    from modelway.records.fit import Fit, Search, Trial
    from modelway.report.svg import Chart

_SEVERITY = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
_WITHIN_ONE = frozenset(
    [
        "roc_auc",
        "average_precision",
        "brier",
        "accuracy",
        "precision",
        "recall",
        "f1",
        "macro_f1",
        "expected_calibration_error",
        "r2",
    ]
)
_LOWER_IS_BETTER = frozenset(
    ["log_loss", "brier", "expected_calibration_error", "rmse", "mae", "median_absolute_error"]
)
_CRITERIA = ("demographic_parity", "equalized_odds", "worst_group")
_STATES = ("complete", "pruned", "failed")
_BEST_TRIALS = 10
_MOST_SLICES = 300


def render_training(
    name: str,
    dataset: Dataset,
    fit: Fit,
    evaluation: Evaluation,
    timings: Timings | None,
    provenance: Mapping[str, str],
) -> str:
    """The report of a training as one HTML page that loads nothing.

    Args:
        name: the model's name.
        dataset: what it was trained on.
        fit: how it came to be.
        evaluation: what was measured, and the verdicts.
        timings: wall times; the sections that show them are left out without.
        provenance: further facts by name, such as commit and digests.
    """
    gates = {gate.gate: gate for gate in evaluation.gates}
    return render(
        "training.html",
        name=name,
        dataset=dataset,
        fit=fit,
        evaluation=evaluation,
        timings=timings,
        provenance=provenance,
        headline=_headline(evaluation),
        gates=sorted(evaluation.gates, key=_severity),
        metrics=_primary_first(evaluation.primary, evaluation.metrics),
        within_one=_WITHIN_ONE,
        lower_is_better=_LOWER_IS_BETTER,
        difference=_difference_chart(evaluation, gates.get("champion")),
        curves=curve_charts(evaluation),
        slices=_by_column(evaluation),
        sliced_metrics=_sliced_metrics(evaluation),
        slices_axis=slices_axis(evaluation),
        biases=[(bias, _criteria(bias, gates)) for bias in evaluation.bias],
        learning=learning_chart(fit),
        trials=_Trials.of(fit.search) if fit.search else None,
        importance=sorted(fit.importance.items(), key=lambda item: -item[1]),
        leak_bound=_evidence(gates.get("leakage"), "threshold"),
        target=_target_chart(dataset),
    )


@dataclass(frozen=True)
class _Headline:
    sentence: str
    deciding: tuple[GateVerdict, ...]


def _severity(gate: GateVerdict) -> tuple[int, bool]:
    return _SEVERITY.index(gate.verdict), gate.waived


def _headline(evaluation: Evaluation) -> _Headline:
    open_gates = [gate for gate in sorted(evaluation.gates, key=_severity) if not gate.waived]
    deciding = tuple(gate for gate in open_gates if gate.verdict is not Verdict.PASS)
    waived = tuple(gate for gate in evaluation.gates if gate.waived)
    total = len(evaluation.gates)
    if not total:
        return _Headline("No gate was judged.", ())
    parts = [
        f"{sum(gate.verdict is verdict for gate in open_gates)} {said}"
        for verdict, said in (
            (Verdict.ERROR, "could not be judged for an error"),
            (Verdict.FAIL, "failed"),
            (Verdict.INCONCLUSIVE, "inconclusive"),
            (Verdict.PASS, "passed"),
        )
        if any(gate.verdict is verdict for gate in open_gates)
    ]
    parts += [f"{len(waived)} inconclusive and waived by the settings"] if waived else []
    if len(parts) == 1 and not deciding and not waived:
        return _Headline("The only gate passed." if total == 1 else f"All {total} gates passed.", ())
    return _Headline(f"Of {total} gate{'' if total == 1 else 's'}: {', '.join(parts)}.", deciding or waived)


def _primary_first(primary: str, metrics: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return dict(sorted(metrics.items(), key=lambda item: item[0] != primary))


def _evidence(gate: GateVerdict | None, key: str) -> float | None:
    """A number of a gate's evidence."""
    found = gate.evidence.get(key) if gate else None
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def _difference_chart(evaluation: Evaluation, gate: GateVerdict | None) -> Chart | None:
    """Candidate minus champion with its interval, against 0 and the margin that is allowed."""
    comparison = evaluation.comparison
    if not comparison or not comparison.difference or comparison.difference.value is None:
        return None
    given = comparison.difference
    floor = _evidence(gate, "floor")
    references = [("equal", 0.0), *([("margin", floor)] if floor else [])]
    known = [part for part in (given.value, given.low, given.high) if part is not None]
    axis = axis_over(
        "Candidate \N{MINUS SIGN} champion (to the right is better)", [*known, *(at for _, at in references)]
    )
    return draw_rows(
        "Candidate against champion",
        f"The difference is {signed(given.value)}.",
        replace(axis, show=signed),
        [Row("", given.value, given.low, given.high)],
        references=references,
    )


def _sliced_metrics(evaluation: Evaluation) -> set[str]:
    """The metrics besides the primary one that any slice has."""
    return {name for one in evaluation.slices for name in one.metrics} - {evaluation.primary}


def _by_column(evaluation: Evaluation) -> dict[str, list[Slice]]:
    slices: dict[str, list[Slice]] = {}
    for one in evaluation.slices[:_MOST_SLICES]:
        slices.setdefault(one.column, []).append(one)
    return slices


@dataclass(frozen=True)
class _Criterion:
    name: str
    value: float | None
    bound: float | None
    gate: GateVerdict | None


def _criteria(bias: Bias, gates: Mapping[str, GateVerdict]) -> list[_Criterion]:
    criteria = []
    for name in _CRITERIA:
        gate = gates.get(f"bias.{bias.column}.{name}")
        criteria.append(_Criterion(name, getattr(bias, name), _evidence(gate, "bound"), gate))
    return [one for one in criteria if one.gate or one.value is not None]


@dataclass(frozen=True)
class _Trials:
    """What the report tells of a search."""

    chart: Chart | None
    counts: dict[str, int]
    best: list[Trial]
    params: list[str]

    @classmethod
    def of(cls, search: Search) -> _Trials:
        done = sorted((trial for trial in search.trials if trial.value is not None), key=_by_value)
        counts = {state: sum(trial.state == state for trial in search.trials) for state in _STATES}
        best = done[:_BEST_TRIALS]
        return cls(
            search_chart(search), counts, best, list(dict.fromkeys(name for trial in best for name in trial.params))
        )


def _by_value(trial: Trial) -> tuple[float, int]:
    return trial.value or 0.0, trial.number


def _target_chart(dataset: Dataset) -> Chart | None:
    """The histogram of the target over the training rows, for regression."""
    profile = next((one for one in dataset.profile if one.name == dataset.target), None)
    if dataset.classes or not profile or not any(profile.histogram):
        return None
    if profile.min is None or profile.max is None or profile.min >= profile.max:
        return None
    marks: list[Mark] = [Bars(profile.histogram)]
    if dataset.target_mean is not None:
        marks.append(Rule(f"mean {number(dataset.target_mean)}", x=dataset.target_mean))
    alternative = f"From {number(profile.min)} to {number(profile.max)}, mean {number(dataset.target_mean)}."
    values = Axis(shorten(dataset.target, 40), profile.min, profile.max)
    return draw("The target in training", alternative, values, Axis("Rows", 0, 1.08 * max(profile.histogram)), marks)
