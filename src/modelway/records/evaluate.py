"""Options and records of the `evaluate` stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from modelway.records.base import Record
from modelway.records.data import Task
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_Fraction = Annotated[float, Field(gt=0, lt=1)]

TWO_CLASS_METRICS = (
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "expected_calibration_error",
)
SEVERAL_CLASS_METRICS = ("log_loss", "roc_auc", "accuracy", "macro_f1")
REGRESSION_METRICS = ("r2", "rmse", "mae", "median_absolute_error")


def metric_names(task: Task) -> tuple[str, ...]:
    """The metrics that the task knows; which of a classification's apply depends on its number of classes."""
    if task is Task.REGRESSION:
        return REGRESSION_METRICS
    return tuple(dict.fromkeys(TWO_CLASS_METRICS + SEVERAL_CLASS_METRICS))


class GateVerdict(Record):
    """One gate's verdict, with its evidence."""

    gate: str
    """The gate's name, such as `minimum.roc_auc`, `champion`, `bias.sex.demographic_parity`, `trivial`, `leakage`."""
    verdict: Verdict
    reason: str
    """One sentence with the numbers that decided."""
    evidence: dict[str, float | int | str | bool | None] = {}
    waived: bool = False
    """Whether the settings let this inconclusive verdict through (the first model has no champion)."""


class ChampionGate(Record):
    """Not worse than the champion on the same held-out rows, by a paired bootstrap."""

    enabled: bool = True
    """Whether it is asked at all."""
    margin: Annotated[float, Field(ge=0)] = 0.005
    """How much worse the primary metric may be, in its own units, and still count as not worse."""
    confidence: _Fraction = 0.95
    """Confidence level of the one-sided bound."""
    first_model: Literal["allow", "refuse"] = "allow"
    """Whether a model without a champion to compare with is let through."""


class BiasGate(Record):
    """Bounds on the differences between the groups of each sensitive column."""

    enabled: bool = True
    """Whether it is asked at all."""
    demographic_parity: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Greatest difference between groups in the rate of positive predictions."""
    equalized_odds: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Greatest difference between groups in true or false positive rate."""
    worst_group: Annotated[float, Field(ge=0)] = 0.1
    """How much worse than over all rows the primary metric may be in the worst group, in its own units."""
    min_rows: Annotated[int, Field(ge=1)] = 50
    """Groups with fewer test rows are shown but not judged; with fewer than two groups left it is inconclusive."""


class TrivialGate(Record):
    """Better than a predictor that knows nothing but the target's distribution."""

    enabled: bool = True
    """Whether it is asked at all."""
    confidence: _Fraction = 0.95
    """Confidence level of the one-sided bound."""


class LeakageGate(Record):
    """No single column predicts the target almost perfectly."""

    enabled: bool = True
    """Whether it is asked at all."""
    threshold: _Fraction = 0.99
    """ROC AUC (classification) or R² (regression) of a single column from which on it leaks."""


class GateOptions(Record):
    """What decides whether a model may be registered."""

    minimum: dict[str, float] = {}
    """The least value of a metric."""
    maximum: dict[str, float] = {}
    """The greatest value of a metric."""
    champion: ChampionGate = ChampionGate()
    """Not worse than the champion."""
    bias: BiasGate = BiasGate()
    """The groups of each sensitive column are treated alike."""
    trivial: TrivialGate = TrivialGate()
    """Better than knowing nothing."""
    leakage: LeakageGate = LeakageGate()
    """No column gives the target away."""


class EvaluateOptions(Record):
    """The `evaluate` section of the settings: what is measured and what must hold."""

    metrics: tuple[str, ...] = ()
    """Metrics to compute; all of the task's when empty."""
    primary: str | None = None
    """The metric that comparisons use; roc_auc (two classes), log_loss (more) or r2 when absent."""
    threshold: _Fraction = 0.5
    """Probability from which on the positive class is predicted (two classes)."""
    confidence: _Fraction = 0.95
    """Confidence level of the intervals."""
    resamples: Annotated[int, Field(ge=100)] = 1000
    """Bootstrap resamples."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of the bootstrap."""
    slices: tuple[str, ...] = ()
    """Columns whose values are measured one by one; numbers are cut at their quartiles."""
    sensitive: tuple[str, ...] = ()
    """Columns whose groups must be treated alike."""
    gates: GateOptions = GateOptions()
    """What must hold before a model may be registered."""


@dataclass(frozen=True)
class Scores:
    """What a model says of some rows.

    Attributes:
        prediction: shape (rows,); the predicted value (regression) or the index of the predicted class.
        probability: shape (rows, classes); None for regression.
    """

    prediction: NDArray[np.float64] | NDArray[np.int64]
    probability: NDArray[np.float64] | None = None


class Estimate(Record):
    """A metric with its bootstrap confidence interval."""

    value: float | None
    """Absent where the metric is not defined on these rows."""
    low: float | None = None
    high: float | None = None


class Slice(Record):
    """The metrics of the rows with one value of a column."""

    column: str
    value: str
    rows: int
    metrics: dict[str, Estimate]


class BiasGroup(Record):
    """One group of a sensitive column."""

    value: str
    rows: int
    judged: bool
    """Whether it has enough rows for the gate."""
    selection_rate: float | None = None
    """Fraction predicted positive (two classes)."""
    true_positive_rate: float | None = None
    false_positive_rate: float | None = None
    primary: float | None = None
    """The primary metric."""


class Bias(Record):
    """How alike the groups of one sensitive column are treated (fairlearn's definitions)."""

    column: str
    groups: tuple[BiasGroup, ...]
    demographic_parity: float | None = None
    equalized_odds: float | None = None
    worst_group: float | None = None
    """How much worse the primary metric is in the worst group than over all rows; 0 when it is not worse."""


class Curve(Record):
    """Points of a plot, in order."""

    name: str
    """roc (x false, y true positive rate), precision_recall (x recall, y precision), calibration (x mean probability, y
    observed rate), predicted_actual (x predicted, y actual) or residuals (x predicted, y actual less predicted)."""
    x: tuple[float, ...]
    y: tuple[float, ...]
    size: tuple[float, ...] = ()
    """Rows behind each point, where that is told."""


class Comparison(Record):
    """Candidate against champion on the same rows; differences are oriented so that more is better."""

    metric: str
    candidate: float | None
    champion: float | None
    difference: Estimate | None = None
    same_model: bool = False
    """Whether both sides are one model, by digest."""


class Leak(Record):
    """How well a single column predicts the target."""

    column: str
    score: float
    """ROC AUC, at least 0.5 (classification), or R² (regression)."""


class Part(Record):
    """The metrics of one benchmark data set."""

    name: str
    rows: int
    metrics: dict[str, Estimate]


class Evaluation(Record):
    """`metrics.json`: what was measured on the held-out rows, and the gates' verdicts."""

    task: Task
    primary: str
    rows: int
    confidence: float
    metrics: dict[str, Estimate]
    model_digest: str
    champion_digest: str | None = None
    comparison: Comparison | None = None
    slices: tuple[Slice, ...] = ()
    bias: tuple[Bias, ...] = ()
    curves: tuple[Curve, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """Test rows by true class (row) and predicted class (column)."""
    classes: tuple[str, ...] = ()
    leaks: tuple[Leak, ...] = ()
    """The columns that predict best alone, best first."""
    benchmarks: tuple[Part, ...] = ()
    size_bytes: int
    """Size of the model's files."""
    gates: tuple[GateVerdict, ...]
    verdict: Verdict
    """error or fail if any gate says so, else inconclusive if one does that is not waived, else pass."""


class Timings(Record):
    """`timings.json`: everything timed, outside all digests."""

    seconds: dict[str, float]
    """Wall time by step."""
    latency_ms: dict[str, float] = {}
    """Milliseconds of one prediction of one row: p50, p95, p99."""
