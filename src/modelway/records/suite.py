"""The checks that a suite for a data set can hold, each a record of its own kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelway.records.check_parts import Bound, Condition, LeftOut, Scalar, Share, parse_age
from modelway.records.row_checks import (
    AllowedCheck,
    CompareCheck,
    DateFormatCheck,
    ForbiddenCheck,
    LengthCheck,
    MissingCheck,
    OrderCheck,
    RangeCheck,
    RegexCheck,
)
from modelway.records.whole_checks import (
    BaselineCheck,
    CategoryShareCheck,
    ColumnsCheck,
    CountCheck,
    DistinctCountCheck,
    DistinctShareCheck,
    DuplicatesCheck,
    FreshnessCheck,
    QuantileCheck,
    RequiredCheck,
    StatisticCheck,
    TypeCheck,
    UniqueCheck,
)

__all__ = [
    "AllowedCheck",
    "BaselineCheck",
    "Bound",
    "CategoryShareCheck",
    "Check",
    "ColumnsCheck",
    "CompareCheck",
    "Condition",
    "CountCheck",
    "DateFormatCheck",
    "DistinctCountCheck",
    "DistinctShareCheck",
    "DuplicatesCheck",
    "ForbiddenCheck",
    "FreshnessCheck",
    "LeftOut",
    "LengthCheck",
    "MissingCheck",
    "OrderCheck",
    "QuantileCheck",
    "RangeCheck",
    "RegexCheck",
    "RequiredCheck",
    "Scalar",
    "Share",
    "StatisticCheck",
    "TypeCheck",
    "UniqueCheck",
    "parse_age",
]

Check = Annotated[
    RangeCheck
    | AllowedCheck
    | ForbiddenCheck
    | RegexCheck
    | LengthCheck
    | DateFormatCheck
    | OrderCheck
    | CompareCheck
    | MissingCheck
    | UniqueCheck
    | DuplicatesCheck
    | StatisticCheck
    | QuantileCheck
    | DistinctCountCheck
    | DistinctShareCheck
    | RequiredCheck
    | CategoryShareCheck
    | CountCheck
    | ColumnsCheck
    | TypeCheck
    | FreshnessCheck
    | BaselineCheck,
    Field(discriminator="check"),
]
