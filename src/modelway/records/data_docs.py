"""What the checks of a data set found: `data_checks.json`, `profile.json`, and what the data docs show."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record
from modelway.records.checks import Severity
from modelway.records.data import ColumnType
from modelway.records.verdict import Verdict


class DataFile(Record):
    """One file that was read."""

    name: str
    """Its path below the data's address, with forward slashes."""
    rows: int
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""


class DataHistogram(Record):
    """Rows by value: `counts[i]` of them lie in [edges[i], edges[i + 1]), the last bin holds its upper edge as well."""

    edges: tuple[float, ...]
    """One more than counts; of dates in seconds since 1970-01-01, UTC; of texts in characters."""
    counts: tuple[int, ...]
    sampled: bool = False
    """Whether a sample of the rows was counted, not all."""


class ColumnSummary(Record):
    """What one column holds, all rows together."""

    name: str
    type: ColumnType | None
    """As declared; else as found; None for what is none of them, such as a list."""
    declared: bool
    """Whether the settings declare it."""
    stored: str
    """The type that the files store it in, such as int64, or text."""
    missing: int
    """Rows without a value."""
    unreadable: int = 0
    """Rows whose value is not of the type; they are counted in nothing else here."""
    distinct: int | None = None
    """Different values."""
    distinct_exact: bool = True
    """Whether they were counted; else they are estimated, within about 3 %."""
    min: float | None = None
    """The least value; of dates in seconds since 1970-01-01, UTC; of texts the least length in characters."""
    max: float | None = None
    """The greatest value; likewise."""
    mean: float | None = None
    """Of integers and numbers."""
    std: float | None = None
    """Of integers and numbers, with n - 1."""
    quantiles: dict[str, float] = {}
    """By their q as text: 0.05, 0.25, 0.5, 0.75, 0.95; of integers, numbers and dates."""
    quantile_error: float = 0.0
    """How far the rank of a quantile may be off, as a share of the rows; with 99 % confidence."""
    histogram: DataHistogram | None = None
    top: tuple[tuple[str, int], ...] = ()
    """The most frequent values with their rows, most frequent first (category, boolean; others with few values)."""
    top_exact: bool = True
    """Whether the rows of `top` are counted; else they are those of a sample, scaled up."""


class DataProfile(Record):
    """`profile.json`: what a data set holds; what `check_data.baseline` names."""

    schema_version: Literal[1] = 1
    rows: int
    columns: tuple[ColumnSummary, ...]
    """In the data's order."""


class FailedRow(Record):
    """A row that broke a check."""

    file: str
    """The file's name below the data's address."""
    row: int
    """Of the rows of the file, from 1; the header is none."""
    values: dict[str, str | None]
    """The values of the check's columns, and of its condition's, as text; None where missing."""


class DataCheck(Record):
    """What one check found."""

    name: str
    """Unique, such as `range.age`."""
    check: str
    """Its kind, such as `range`; `expectation` for one of Great Expectations that is not supported."""
    columns: tuple[str, ...]
    """Those that it looks at; empty where it looks at the data set."""
    source: str
    """Where it stands: `columns`, `checks`, or the file of the suite it came from."""
    severity: Severity
    verdict: Verdict
    expected: str
    """What must hold, in words, such as `between 18 and 120 in at least 99 % of the rows`."""
    reason: str
    """One sentence with the numbers that decided."""
    observed: dict[str, float | int | str | None] = {}
    """The numbers that decided, by name, such as `mean`, `baseline`, `missing`, `share`."""
    rows: int | None = None
    """How many rows it looked at; None where it looks at no single rows."""
    failing: int | None = None
    """How many of them broke it."""
    examples: tuple[FailedRow, ...] = ()
    """The first of those."""


class DataChecks(Record):
    """`data_checks.json`: what was checked and what was found."""

    schema_version: Literal[1] = 1
    uri: str
    """The data's address as the settings or the flag gave it."""
    checked_at: str
    """The time that freshness was judged by, ISO 8601, UTC."""
    verdict: Verdict
    """The worst of the checks that are not warnings."""
    files: tuple[DataFile, ...]
    """In the order in which they were read."""
    profile: DataProfile
    baseline: str | None = None
    """The baseline's path as given."""
    checks: tuple[DataCheck, ...]
    """Those of the columns first, then those of the settings, then those of other suites."""
    failed_rows: int = 0
    """Rows in `failed_rows.parquet`."""
    failed_rows_found: int = 0
    """Failures of single rows, all checks together; more than `failed_rows` where the cap was reached."""
