"""Options and records of the `prepare` stage."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelway.records.base import Record


class Task(StrEnum):
    """What the model predicts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class ColumnType(StrEnum):
    """What a column of the data set holds."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TEXT = "text"
    DATE = "date"


class Column(Record):
    """What one column must hold."""

    type: ColumnType
    """One of integer, number, boolean, category, text, date."""
    nullable: bool = False
    """Whether values may be missing."""
    min: float | None = None
    """The least value allowed (integer, number)."""
    max: float | None = None
    """The greatest value allowed (integer, number)."""
    values: tuple[str, ...] | None = None
    """The values allowed (category)."""
    format: str | None = None
    """How dates are written, as for strptime; ISO 8601 when absent (date)."""

    @model_validator(mode="after")
    def _fits_type(self) -> Column:
        numeric = self.type in {ColumnType.INTEGER, ColumnType.NUMBER}
        if (self.min is not None or self.max is not None) and not numeric:
            raise ValueError(f"min and max are for integer and number columns, not {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is greater than max {self.max}")
        if self.values is not None and self.type is not ColumnType.CATEGORY:
            raise ValueError(f"values are for category columns, not {self.type}")
        if self.format is not None and self.type is not ColumnType.DATE:
            raise ValueError(f"format is for date columns, not {self.type}")
        return self


class S3Options(Record):
    """Where `s3://` addresses lead; credentials come from the environment, never from here."""

    endpoint_url: str | None = None
    """The server's address, for anything but AWS."""
    region: str | None = None
    """The region; the client's own default when absent."""
    path_style: bool = False
    """Whether the bucket stands in the path instead of the host name, as most servers but AWS want it."""


class DataOptions(Record):
    """Where a data set lies and how its files are written."""

    uri: str
    """A file, a folder, a glob or `s3://bucket/prefix`; relative to the settings file."""
    include: tuple[str, ...] = ()
    """Of a folder or prefix, only the files that match one of these globs; all data files when empty."""
    exclude: tuple[str, ...] = ()
    """Of a folder or prefix, leave out the files that match one of these globs."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What separates the values of a CSV file."""
    encoding: str = "utf-8"
    """How the text of a CSV file is encoded."""
    null_values: tuple[str, ...] = ("", "NA", "NaN", "null")
    """What stands for a missing value in a CSV file."""


_Fraction = Annotated[float, Field(ge=0, lt=1)]


class _Split(Record):
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The held-out fraction."""
    validation: _Fraction = 0.1
    """The fraction for early stopping and the search; the rest is for training."""

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> _Split:
        if self.test + self.validation >= 1:
            raise ValueError(f"test {self.test} and validation {self.validation} leave no row for training")
        return self


class HashSplit(_Split):
    """By a stable hash of each row or its key: data appended later never moves a held-out row."""

    by: Literal["hash"] = "hash"
    key: tuple[str, ...] = ()
    """The columns that identify a row; all columns when empty."""
    seed: int = 0
    """Another seed gives another split."""


class StratifiedSplit(_Split):
    """As `hash`, with exact fractions in each class; rows can move as the data grow."""

    by: Literal["stratified"]
    key: tuple[str, ...] = ()
    """The columns that identify a row; all columns when empty."""
    seed: int = 0
    """Another seed gives another split."""


class GroupSplit(_Split):
    """By a stable hash of one column's value: all rows of a group stay together."""

    by: Literal["group"]
    column: str
    """The column that names the group."""
    seed: int = 0
    """Another seed gives another split."""


class TimeSplit(_Split):
    """By time: the last rows are held out, those before them validate."""

    by: Literal["time"]
    column: str
    """The column to order by (date, integer or number); rows of one instant stay together."""


SplitOptions = Annotated[HashSplit | StratifiedSplit | GroupSplit | TimeSplit, Field(discriminator="by")]


_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class PrepareOptions(Record):
    """The `prepare` section of the settings: what the data set is and how it is split."""

    task: Task
    """classification or regression."""
    target: str
    """The column to predict."""
    positive: str | None = None
    """Of two classes, the one whose probability is meant; the last in sorted order when absent."""
    data: DataOptions
    """Where the data set lies."""
    columns: dict[str, Column]
    """Every column to use, the target among them."""
    ignore: tuple[str, ...] = ()
    """Columns of the file that are left out; a column that is neither here nor in `columns` is refused."""
    sample: Annotated[int, Field(ge=1)] | None = None
    """Use no more than about so many rows, a fixed sample by hash; all rows when absent."""
    split: SplitOptions = HashSplit()
    """How rows are held out."""
    benchmarks: dict[_FileName, DataOptions] = {}
    """Further data sets with the same columns, by name, that `evaluate` scores besides."""
    s3: S3Options = S3Options()
    """Where `s3://` addresses lead."""

    @model_validator(mode="after")
    def _names_known_columns(self) -> PrepareOptions:
        if self.target not in self.columns:
            raise ValueError(f"target {self.target!r} is not among the columns")
        kind = self.columns[self.target].type
        fitting = {
            Task.CLASSIFICATION: {ColumnType.CATEGORY, ColumnType.BOOLEAN, ColumnType.INTEGER},
            Task.REGRESSION: {ColumnType.INTEGER, ColumnType.NUMBER},
        }[self.task]
        if kind not in fitting:
            raise ValueError(f"target {self.target!r} is of type {kind}, which is nothing for {self.task}")
        if self.positive is not None and self.task is Task.REGRESSION:
            raise ValueError("positive is for classification")
        if both := sorted(set(self.ignore) & set(self.columns)):
            raise ValueError(f"{both[0]!r} stands in both columns and ignore")
        named = self.split.key if isinstance(self.split, HashSplit | StratifiedSplit) else (self.split.column,)
        for column in named:
            if column not in self.columns and column not in self.ignore:
                raise ValueError(f"split names {column!r}, which is neither in columns nor in ignore")
        if isinstance(self.split, StratifiedSplit) and self.task is Task.REGRESSION:
            raise ValueError("a stratified split is for classification")
        return self


class ColumnProfile(Record):
    """What the rows of one column hold."""

    name: str
    type: ColumnType
    missing: int
    """Rows without a value."""
    distinct: int | None = None
    """Different values; absent where they were not counted."""
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    """The least value; of dates in seconds since 1970-01-01, UTC."""
    max: float | None = None
    """The greatest value; of dates likewise."""
    top: tuple[tuple[str, int], ...] = ()
    """The most frequent values with their counts, most frequent first (category, boolean)."""
    histogram: tuple[int, ...] = ()
    """Rows in each of equally wide bins between min and max (integer, number)."""


class Duplicates(Record):
    """Test rows whose features and target also stand among the training or validation rows."""

    rows: int
    """How many test rows."""
    examples: tuple[int, ...] = ()
    """Row numbers of the first ones in the test set, from 0."""


class Dataset(Record):
    """`dataset.json` of a prepared directory: everything about the data that the later stages need."""

    task: Task
    target: str
    classes: tuple[str, ...] = ()
    """The classes as text; for two classes the positive one is last; empty for regression."""
    columns: dict[str, Column]
    """The columns of the prepared tables, the target among them, in the settings' order."""
    split: SplitOptions
    rows: dict[str, int]
    """Rows by part: train, validation, test, and `benchmarks/NAME`."""
    target_rates: dict[str, float] = {}
    """Of the training rows, each class's fraction (classification)."""
    target_mean: float | None = None
    """The mean of the target over the training rows (regression)."""
    duplicates: Duplicates
    profile: tuple[ColumnProfile, ...]
    """The training rows, column by column."""
    source: dict[str, str]
    """SHA-256 of each file that was read, by its name below the data's address."""
