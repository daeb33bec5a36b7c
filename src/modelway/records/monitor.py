"""Options of `monitor`: what is watched, how it is judged, and what may be done about it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelway.records.base import Record
from modelway.records.data import S3Options

_Share = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[int, Field(ge=1)]
_Hours = Annotated[float, Field(gt=0)]


class DriftOptions(Record):
    """When inputs and outputs count as drifted."""

    threshold: _Share = 0.6
    """The drift score from which on the check fails: the share of the features that moved, weighted by importance."""
    outputs: _Share = 0.5
    """The score that moved predictions, or a moved target where the rows have it, count as at least."""
    false_discoveries: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    """The share of columns that are said to have moved and have not (Benjamini and Hochberg, 1995)."""
    effect: _Share = 0.03
    """How far a distribution must have moved beyond what the sample's size lets it seem to: the greatest difference of
    two distribution functions (numbers), half the sum of the differences of the shares (categories)."""
    missing: _Share = 0.02
    """By how much the share of missing values must have changed, likewise."""
    min_rows: _Positive = 500
    """Rows below which nothing is judged; windows with fewer have no say in persistence."""
    persistence: _Positive = 2
    """Windows in which a column must have moved, where there are several."""
    window_hours: _Hours = 6.0
    """How long a window of the prediction log is."""
    ignore: tuple[str, ...] = ()
    """Columns that are not looked at."""
    dates: bool = False
    """Whether dates are judged; else they are only shown, because they move on by themselves."""
    slices: tuple[str, ...] | None = None
    """Columns whose values are looked at one by one where the baseline is a data set; a baseline that training wrote
    has its own."""


class PerformanceOptions(Record):
    """When a model performs too badly, by the labels that have come in."""

    metric: str | None = None
    """The metric that is judged; the model's primary one when absent."""
    threshold: float | None = None
    """The metric's least value (its greatest, where less is better); what the model had when it was evaluated, less
    `margin`, when absent."""
    margin: Annotated[float, Field(ge=0)] = 0.05
    """How much worse than at its evaluation the model may be, in the metric's own units."""
    labels: str | None = None
    """Where the labels are: files with the prediction's id or the key, and the target; also as --ground-truth."""
    id_column: str | None = None
    """The column of the labels that holds the prediction's id; `id` or `prediction_id` when absent."""
    key_column: str | None = None
    """The column of the labels that holds the routing key, where they have no prediction's id."""
    label_column: str | None = None
    """The column that holds the label; the target's own name, `label` or `y` when absent."""
    min_labels: _Positive = 200
    """Labels below which nothing is judged."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Confidence level of the intervals; the check fails when the whole interval is beyond the threshold."""
    resamples: Annotated[int, Field(ge=100)] = 400
    """Bootstrap resamples of each interval."""
    window_hours: _Hours = 24.0
    """How long a window of the trend is."""
    slices: tuple[str, ...] = ()
    """Columns whose values are measured one by one; `evaluate.slices` when empty."""


class Action(StrEnum):
    """What may be done, from the least on."""

    NOTHING = "nothing"
    WATCH = "watch"
    RETRAIN = "retrain"
    ROLL_BACK = "roll_back"
    PAGE = "page"


class PolicyOptions(Record):
    """What is done about what was found; `decide/` says how it is weighed."""

    retrain: bool = True
    """Whether retraining may be asked for at all."""
    cool_down_hours: Annotated[float, Field(ge=0)] = 24.0
    """How long after a retraining the next one may be asked for."""
    budget: Annotated[int, Field(ge=0)] = 4
    """Retrainings that may be asked for in `budget_days`."""
    budget_days: Annotated[float, Field(gt=0)] = 30.0
    """The days that `budget` is for."""
    rollback_hours: Annotated[float, Field(ge=0)] = 24.0
    """How long after a release a fall in performance is put down to it and rolled back; 0 never rolls back."""
    error_rate: _Share = 0.05
    """The share of requests that fail (5xx) from which on a person is paged."""


class GitHubActions(Record):
    """What is done on GitHub; the token comes from GITHUB_TOKEN."""

    issue: bool = True
    """Whether an issue is opened, or the open one is brought up to date."""
    labels: tuple[str, ...] = ("monitoring", "model-drift")
    """The issue's labels."""
    workflow: str = "train-model.yml"
    """The workflow that trains again."""
    ref: str = "main"
    """The branch that it runs on."""


class MonitorOptions(Record):
    """The `monitor` section of the settings: the health of a live model."""

    environment: str = "production"
    """The environment that is watched."""
    baseline: str | None = None
    """What to compare with: a baseline.json, a bundle, a train_stats.json or a data set; the live champion's own when
    absent. Also as --baseline."""
    log: str | None = None
    """The prediction log; `serve.log.uri` when absent. Also as --predictions."""
    hours: _Hours = 24.0
    """How far back is looked where --since is absent."""
    compact: bool = True
    """Whether `monitor` first compacts hours of the log that ended more than an hour ago, as `modelway log compact`
    does: reading them again takes seconds instead of minutes. It needs to write to the log."""
    drift: DriftOptions = DriftOptions()
    """Drift of inputs and outputs."""
    performance: PerformanceOptions = PerformanceOptions()
    """Performance by labels."""
    policy: PolicyOptions = PolicyOptions()
    """What is done about it."""
    github: GitHubActions = GitHubActions()
    """Issues and dispatches."""
    s3: S3Options = S3Options()
    """Where `s3://` addresses lead."""
