"""`features.json`: columns in, matrix out, fitted once and applied everywhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelway.records.base import Record
from modelway.records.fit import DatePart


class NumberFeature(Record):
    """(value or `fill`) minus `center`, divided by `divisor`; then, where asked, whether it was missing."""

    kind: Literal["number"]
    column: str
    fill: float | None
    """Replaces a missing value; absent, it stays missing (NaN)."""
    center: float = 0.0
    divisor: float = 1.0
    indicator: bool = False


class BooleanFeature(Record):
    """1 for true, 0 for false and for missing; then, where asked, whether it was missing."""

    kind: Literal["boolean"]
    column: str
    indicator: bool = False


class CategoryFeature(Record):
    """One feature a category (all 0 for an unseen one), or the category's number (-1 for an unseen one)."""

    kind: Literal["category"]
    column: str
    encode: Literal["onehot", "ordinal"]
    categories: tuple[str, ...]
    indicator: bool = False


class DateFeature(Record):
    """Numbers taken from a date, in UTC; a missing date gives `fill` for each of them."""

    kind: Literal["date"]
    column: str
    parts: tuple[DatePart, ...]
    cyclic: bool
    origin: float
    """Where elapsed days count from, in days since 1970-01-01."""
    center: tuple[float, ...]
    """Subtracted from each resulting number."""
    divisor: tuple[float, ...]
    """Then divides it."""
    fill: tuple[float, ...]
    """Each number where the date is missing, before scaling."""
    indicator: bool = False


class TextFeature(Record):
    """Counts of the words, hashed by CRC-32 of their UTF-8 bytes; rows are scaled to length 1."""

    kind: Literal["text"]
    column: str
    hash_size: int
    ngrams: int
    indicator: bool = False


class CustomFeature(Record):
    """What a function of the user's returns for these columns."""

    kind: Literal["custom"]
    function: str
    columns: tuple[str, ...]
    width: int
    """Features it gave when fitted; another number is refused."""


Feature = Annotated[
    NumberFeature | BooleanFeature | CategoryFeature | DateFeature | TextFeature | CustomFeature,
    Field(discriminator="kind"),
]


class FeatureSpec(Record):
    """Everything that turns a table into the matrix that the estimator sees."""

    features: tuple[Feature, ...]
    names: tuple[str, ...]
    """The name of each column of the matrix."""
