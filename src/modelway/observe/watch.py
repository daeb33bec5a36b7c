"""Rows as they come, counted by window: what drift is judged by, in memory that does not grow with the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway.observe.cells import Cells
from modelway.observe.profile import PREDICTIONS, Profile, Slices
from modelway.records.drift import Role

if TYPE_CHECKING:
    import pyarrow as pa

    from modelway.records.data import ColumnType
    from modelway.records.observe import Baseline, Distribution

LABEL = "predicted class"
SCORE = "score of "


@dataclass(frozen=True)
class Watched:
    """What is compared: the baseline's columns and outputs, by the names they have in a report.

    Attributes:
        columns: the distributions of features and target.
        outputs: those of predictions, predicted classes and scores.
        roles: what each is to the model.
        slices: rows by value of some columns.
    """

    columns: dict[str, Distribution]
    outputs: dict[str, Distribution]
    roles: dict[str, Role]
    baseline: Baseline

    @classmethod
    def of(cls, baseline: Baseline, ignore: tuple[str, ...] = ()) -> Watched:
        """Everything that a baseline knows, but for the columns to ignore."""
        columns = {name: found for name, found in baseline.columns.items() if name not in ignore}
        roles = {name: _role(name, baseline.target) for name in columns}
        outputs: dict[str, Distribution] = {}
        if baseline.predictions is not None:
            outputs[PREDICTIONS] = baseline.predictions
            roles[PREDICTIONS] = Role.PREDICTION
        if baseline.labels is not None and baseline.labels != baseline.predictions:
            outputs[LABEL] = baseline.labels
            roles[LABEL] = Role.LABEL
        for name, found in baseline.scores.items():
            outputs[SCORE + name] = found
            roles[SCORE + name] = Role.SCORE
        return cls(columns, outputs, roles, baseline)

    def distribution(self, name: str) -> Distribution:
        """The baseline's distribution of a column or output."""
        return self.outputs[name] if name in self.outputs else self.columns[name]

    @property
    def kinds(self) -> dict[str, ColumnType]:
        """The types of the columns."""
        return {name: found.type for name, found in self.columns.items()}

    def empty(self) -> Counted:
        """Nothing counted yet."""
        return Counted(
            Profile(self.kinds, self.columns),
            Profile({name: found.type for name, found in self.outputs.items()}, self.outputs),
        )

    def empty_slices(self) -> Slices:
        """The baseline's slices, nothing counted yet."""
        values: dict[str, list[str]] = {}
        for one in self.baseline.slices:
            values.setdefault(one.column, []).append(one.value)
        whole = {**self.columns, **({PREDICTIONS: self.outputs[PREDICTIONS]} if PREDICTIONS in self.outputs else {})}
        kept = {column: tuple(found) for column, found in values.items() if column in whole}
        return Slices(kept, {name: Cells.of(found) for name, found in whole.items()})


def _role(name: str, target: str | None) -> Role:
    """What a column is; outputs stand in a data set under the names that MLflow and `batch` give them."""
    if name == target:
        return Role.TARGET
    if name == "prediction":
        return Role.PREDICTION
    return Role.SCORE if name.startswith("probability_") else Role.FEATURE


@dataclass
class Counted:
    """The rows of one window."""

    columns: Profile
    outputs: Profile
    rows: int = 0

    def add(self, rows: pa.Table | pa.RecordBatch, outputs: pa.Table | None) -> None:
        """Count rows; their outputs are fewer where some got no answer from the model that is watched."""
        self.columns.add(rows)
        self.rows += rows.num_rows
        if outputs is not None:
            self.outputs.add(outputs)

    def merge(self, other: Counted) -> None:
        """Take what another window counted."""
        self.columns.merge(other.columns)
        self.outputs.merge(other.outputs)
        self.rows += other.rows

    def finish(self) -> dict[str, Distribution]:
        """All distributions by name."""
        return self.columns.finish() | self.outputs.finish()


@dataclass
class Watch:
    """Counts rows, window by window."""

    watched: Watched
    windows: dict[str, Counted] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    slices: Slices = field(init=False)

    def __post_init__(self) -> None:
        self.slices = self.watched.empty_slices()

    def add(self, window: str, rows: pa.Table | pa.RecordBatch, outputs: pa.Table | None = None) -> None:
        """Count rows of one window; `outputs` has a line for each row, null where there is no answer."""
        if window not in self.windows:
            self.windows[window] = self.watched.empty()
        answered = outputs
        predictions = None
        if outputs is not None and PREDICTIONS in outputs.schema.names:
            predictions = outputs.column(PREDICTIONS)
            answered = outputs.filter(predictions.is_valid())
        self.windows[window].add(rows, answered)
        self.slices.add(rows, predictions)

    def whole(self) -> Counted:
        """All windows as one."""
        total = self.watched.empty()
        for counted in self.windows.values():
            total.merge(counted)
        return total
