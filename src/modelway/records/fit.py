"""Options and records of the `fit` stage."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from modelway.records.base import Record
from modelway.records.data import ColumnType, Task

_Positive = Annotated[int, Field(ge=1)]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""A function of the user's, as `module:function`, looked up beside the settings file."""


class DatePart(StrEnum):
    """A number taken from a date."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    DAY_OF_WEEK = "day_of_week"
    DAY_OF_YEAR = "day_of_year"
    HOUR = "hour"
    ELAPSED_DAYS = "elapsed_days"


class ColumnFeatures(Record):
    """How one column becomes features; what is absent takes the default of the column's type."""

    impute: Literal["median", "mean", "zero", "keep"] | None = None
    """What replaces a missing number; `keep` leaves it missing, for trees (integer, number)."""
    scale: Literal["standard", "minmax", "none"] | None = None
    """How numbers are scaled (integer, number)."""
    indicator: bool | None = None
    """Whether a further feature says that the value was missing; by default where one was."""
    encode: Literal["onehot", "ordinal"] | None = None
    """One feature a category, or one feature that holds its number (category)."""
    max_categories: _Positive | None = None
    """A column with more categories is refused (category)."""
    min_count: _Positive | None = None
    """Categories with fewer training rows count as unseen (category)."""
    parts: tuple[DatePart, ...] | None = None
    """The numbers to take from a date (date)."""
    cyclic: bool | None = None
    """Whether month, day of week, day of year and hour become sine and cosine (date)."""
    hash_size: _Positive | None = None
    """How many features the words of a text are hashed into (text)."""
    ngrams: Annotated[int, Field(ge=1, le=3)] | None = None
    """The longest run of words that is hashed (text)."""


class CustomFeatures(Record):
    """Features computed by a function of the user's."""

    function: Reference
    """`module:function`; takes a pyarrow.Table of `columns`, gives an array of shape (rows, features)."""
    columns: tuple[str, ...]
    """The columns that the function sees."""


class FeatureOptions(Record):
    """Which features are made, and how."""

    drop: tuple[str, ...] = ()
    """Columns that stay in the data set (for slices, bias, the split) but give no feature."""
    columns: dict[str, ColumnFeatures] = {}
    """Columns that want another treatment than their type's default."""
    custom: tuple[CustomFeatures, ...] = ()
    """The user's own features."""


class _Estimator(Record):
    epochs: _Positive = 100
    """Passes over the training rows; rounds of boosting for trees."""
    patience: _Positive | None = 10
    """Stop after so many epochs without a better validation loss; never when absent."""


class _MiniBatch(_Estimator):
    batch_size: _Positive = 32
    """Rows in each step of the optimiser."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.001
    """Step size of the Adam optimiser."""
    l2: Annotated[float, Field(ge=0)] = 0.0001
    """Weight of the squared penalty."""


class LinearOptions(_MiniBatch):
    """Logistic or linear regression, trained in mini-batches."""

    kind: Literal["linear"]


class NeuralNetworkOptions(_MiniBatch):
    """A multilayer perceptron, trained in mini-batches."""

    kind: Literal["neural_network"]
    hidden: tuple[_Positive, ...] = (64, 32)
    """Units of each hidden layer."""


class BoostedTreesOptions(_Estimator):
    """LightGBM's gradient-boosted trees; epochs are rounds."""

    kind: Literal["boosted_trees"] = "boosted_trees"

    @model_validator(mode="before")
    @classmethod
    def _has_no_batches(cls, values: Any) -> Any:
        if isinstance(values, dict) and "batch_size" in values:
            raise ValueError("batch_size is for linear and neural_network; each round of boosted trees sees all rows")
        return values

    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    """Shrinkage of each tree."""
    num_leaves: Annotated[int, Field(ge=2)] = 31
    """Leaves of a tree."""
    min_child_samples: _Positive = 20
    """Training rows in a leaf, at the least."""
    subsample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of the rows for each tree."""
    colsample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of the features for each tree."""
    l1: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the absolute penalty."""
    l2: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the squared penalty."""


class CustomEstimatorOptions(Record):
    """Any estimator with scikit-learn's interface."""

    kind: Literal["custom"]
    function: Reference
    """`module:function`; takes `params` as keyword arguments, gives an unfitted estimator."""
    params: dict[str, Any] = {}
    """Arguments of the function."""
    trusted: tuple[str, ...] = ()
    """Types that the saved model may hold, by full name, in addition to those that skops and modelway trust."""


EstimatorOptions = Annotated[
    LinearOptions | NeuralNetworkOptions | BoostedTreesOptions | CustomEstimatorOptions, Field(discriminator="kind")
]


class FloatRange(Record):
    """A number to search between two bounds."""

    low: float
    """The lower bound."""
    high: float
    """The upper bound."""
    log: bool = False
    """Whether orders of magnitude are equally likely."""

    @model_validator(mode="after")
    def _is_a_range(self) -> FloatRange:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is greater than high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError("a range with log: true has to begin above 0")
        return self


class IntRange(FloatRange):
    """A whole number to search between two bounds, both included."""

    low: int
    """The lower bound, included."""
    high: int
    """The upper bound, included."""


class Choice(Record):
    """A value to choose from a list."""

    choices: Annotated[tuple[bool | int | float | str | tuple[int, ...], ...], Field(min_length=1)]
    """The values."""


class SearchOptions(Record):
    """The hyperparameter search."""

    trials: Annotated[int, Field(ge=0)] = 0
    """How many settings of the estimator to try; 0 fits the given ones."""
    timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds after which no new trial begins."""
    workers: _Positive = 1
    """Trials that run side by side, each in a process of its own; more than one gives up reproducibility."""
    pruning: bool = True
    """Whether a trial that falls behind is given up."""
    storage: str | None = None
    """The study's database (an SQLAlchemy address), from which a search resumes; `.modelway/studies.db` by default."""
    space: dict[str, IntRange | FloatRange | Choice] = {}
    """What to search, by the estimator's option; each kind of estimator has a default."""


class FitOptions(Record):
    """The `fit` section of the settings: how the model is made."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Everything random follows from it."""
    features: FeatureOptions = FeatureOptions()
    """What the estimator sees of the columns."""
    target_transform: Literal["none", "log1p"] = "none"
    """A function of the target that is fitted in its place; predictions are turned back (regression)."""
    estimator: EstimatorOptions = BoostedTreesOptions()
    """What is fitted."""
    search: SearchOptions = SearchOptions()
    """How hyperparameters are searched."""
    refit: bool = True
    """Whether the final model is fitted on training and validation rows, for as many epochs as validation chose."""

    @property
    def trusted(self) -> tuple[str, ...]:
        """The types and functions that loading a model of these settings may use."""
        types = self.estimator.trusted if isinstance(self.estimator, CustomEstimatorOptions) else ()
        return (*types, *(custom.function for custom in self.features.custom))

    @property
    def code(self) -> tuple[str, ...]:
        """The types and functions that fitting a model by these settings uses."""
        made_by = (self.estimator.function,) if isinstance(self.estimator, CustomEstimatorOptions) else ()
        return (*self.trusted, *made_by)


class Epoch(Record):
    """The losses after one epoch or round."""

    epoch: int
    """From 1."""
    train_loss: float | None = None
    validation_loss: float | None = None


class Trial(Record):
    """One trial of the search."""

    number: int
    params: dict[str, Any]
    value: float | None = None
    """The validation loss; absent where the trial was pruned or failed."""
    state: Literal["complete", "pruned", "failed"]


class Search(Record):
    """What the search tried."""

    trials: tuple[Trial, ...]
    best: int
    """The number of the best trial."""


class Fit(Record):
    """`fit.json` of a model directory: how the model came to be."""

    estimator: EstimatorOptions
    """The options that were fitted, the search's choice included."""
    seed: int
    epochs: int | None = None
    """Epochs or rounds that the final model was fitted for; absent for custom estimators."""
    loss: str | None = None
    """The name of the loss in `history`."""
    history: tuple[Epoch, ...] = ()
    """The losses of the run that chose the number of epochs."""
    search: Search | None = None
    importance: dict[str, float] = {}
    """Each column's share in the model's decisions (gain of trees, size of weights), summing to 1; empty if unknown."""
    kernel: dict[str, str] = {}
    """CPU kernels that the numeric libraries chose, by library."""
    versions: dict[str, str] = {}
    """Versions of Python and the libraries that decide the result."""


class ModelInfo(Record):
    """`model.json` of a model directory: what a loader has to know."""

    task: Task
    target: str
    classes: tuple[str, ...] = ()
    """The order of the columns of the probabilities; empty for regression."""
    inputs: dict[str, ColumnType]
    """The columns that the model reads."""
    target_transform: Literal["none", "log1p"] = "none"
    trusted: tuple[str, ...] = ()
    """Types that the project trusted when the model was fitted, for information: who reads it decides what may load."""
