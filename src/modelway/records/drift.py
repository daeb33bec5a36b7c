"""`drift_report.json`: how far inputs and outputs have moved away from a baseline."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from modelway.records.base import Record
from modelway.records.data import ColumnType
from modelway.records.verdict import Verdict


class Role(StrEnum):
    """What a column is to the model."""

    FEATURE = "feature"
    TARGET = "target"
    PREDICTION = "prediction"
    LABEL = "predicted class"
    SCORE = "score"


class State(StrEnum):
    """What is said of a column."""

    STILL = "still"
    """It has not moved further than chance or the least effect that matters."""
    MOVED = "moved"
    ONCE = "once"
    """It has moved, but in too few windows."""
    UNJUDGED = "unjudged"
    """It was measured, and is only shown."""


class Shift(Record):
    """How two distributions differ."""

    statistic: str
    """ks (numbers), chi_square (categories), or mean (where the baseline has mean and deviation alone)."""
    value: float
    """The test's statistic."""
    p_value: float
    effect: float
    """The greatest difference of the distribution functions, or half the sum of the differences of the shares."""
    noise: float
    """What the effect would be on average, with these numbers of rows, if nothing had moved."""
    psi: float | None = None
    """Population stability index over ten parts."""
    jensen_shannon: float | None = None
    """Jensen-Shannon distance over the same parts, to base 2."""
    wasserstein: float | None = None
    """Wasserstein distance, in the baseline's standard deviations (numbers)."""
    missing_before: float
    missing_now: float
    """Shares of missing values."""
    missing_p: float
    """The p-value of their difference."""
    missing_noise: float
    """As `noise`, for that difference."""
    unseen: float | None = None
    """The share of values that the baseline does not have: categories, numbers beyond its range."""


class Picture(Record):
    """The shares of a column's values then and now, in a few cells."""

    cells: tuple[str, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]


class ColumnDrift(Record):
    """What is said of one column."""

    name: str
    role: Role
    type: ColumnType
    importance: float | None = None
    """Its share in the model's decisions; None where that does not apply."""
    rows: int
    """Rows that were looked at."""
    state: State
    reason: str
    """One sentence with the numbers that decided."""
    shift: Shift
    q_value: float | None = None
    """The least rate of false discoveries at which it counts as moved; None where it was not judged."""
    windows: tuple[float | None, ...] = ()
    """How far it had moved in each window, less noise; None where there were too few rows."""
    picture: Picture | None = None


class SliceDrift(Record):
    """A column that moved within the rows with one value of another."""

    column: str
    value: str
    rows: int
    moved: str
    """The column that moved; empty for the predictions."""
    effect: float
    """How far, less noise."""
    whole: float
    """How far the same column has moved over all rows, less noise."""
    q_value: float
    alone: bool
    """Whether it has not moved over all rows."""


class DriftWindow(Record):
    """One stretch of time."""

    start: str
    """ISO 8601, UTC; empty where the rows have no time."""
    rows: int
    judged: bool
    """Whether it has rows enough to have a say."""


class DriftReport(Record):
    """`drift_report.json`."""

    schema_version: Literal[1] = 1
    verdict: Verdict
    reason: str
    exit_code: int
    score: float | None
    """The share of the features that moved, weighted by importance; at least `drift.outputs` where outputs moved."""
    threshold: float
    measured: float
    """The share of the importance that was measured."""
    rows: int
    since: str | None = None
    until: str | None = None
    baseline: str
    """Where the baseline came from."""
    baseline_digest: str
    """SHA-256 of it; of a data set, over its files' names and sizes."""
    baseline_rows: int | None
    current: str
    """What was compared with it."""
    versions: dict[str, int] = {}
    """Rows by the version that answered."""
    files: int
    unreadable: tuple[str, ...] = ()
    """Files that could not be read, with the reason."""
    windows: tuple[DriftWindow, ...] = ()
    columns: tuple[ColumnDrift, ...] = ()
    """The moved ones first, then by effect."""
    slices: tuple[SliceDrift, ...] = ()
    """What moved in slices, the farthest first."""
    slices_tested: int = 0
    unmeasured: dict[str, str] = {}
    """What was not measured, with the reason; that is no verdict on it."""
