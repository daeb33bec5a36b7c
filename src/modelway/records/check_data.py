"""Options of `check-data`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelway.records.base import Record
from modelway.records.data import Column, DataOptions, S3Options
from modelway.records.suite import Check


class CheckDataOptions(Record):
    """What a data set must be like. What is left out comes from `prepare`, so that its columns are checked as well."""

    data: DataOptions | None = None
    """Where the data set lies; `prepare.data` when absent; also as --data."""
    s3: S3Options | None = None
    """Where `s3://` addresses lead; `prepare.s3` when absent."""
    columns: dict[str, Column] | None = None
    """What each column must hold; `prepare.columns` when absent. Each of it is a check."""
    ignore: tuple[str, ...] | None = None
    """Columns that may stand in the data besides; `prepare.ignore` when absent."""
    order: bool = False
    """Whether the columns have to stand in the order in which they are declared."""
    checks: tuple[Check, ...] = ()
    """What must hold besides."""
    expectations: tuple[str, ...] = ()
    """Suites of Great Expectations (1.x, JSON) to take over; paths relative to the settings file."""
    baseline: str | None = None
    """The `profile.json` that `baseline` checks compare with; relative to the settings file; also as --baseline."""
    profile: Literal["all", "checked"] = "all"
    """Which columns are read: all of them, or those alone that a check names. What is not read is in neither the
    profile nor `failed_rows.parquet`; of Parquet it saves the time it would take."""
    samples: Annotated[int, Field(ge=0, le=1000)] = 20
    """Of each check, so many of the first rows that broke it are shown."""
    failed_rows: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000
    """So many rows that broke a check go to `failed_rows.parquet`, all checks together."""

    @model_validator(mode="after")
    def _names_each_check_once(self) -> CheckDataOptions:
        names = [check.name for check in self.checks if check.name is not None]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"check_data.checks names two checks {doubled[0]!r}")
        return self
