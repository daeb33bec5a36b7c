"""The twelve checks in pandera, on a polars data frame: of a lazy one it checks the schema alone.

python bench/check_data_peers/with_pandera.py DATA.parquet COLUMN,COLUMN,…
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from pandera.api.polars.types import PolarsData

KINDS = {
    **dict.fromkeys(("id", "age"), pl.Int64),
    **dict.fromkeys(("grade", "code", "email"), pl.String),
    "visits": pl.Int32,
    "flag": pl.Boolean,
}
TIMES = ("start", "end", "seen")


def _holds(expression: pl.Expr) -> Callable[[PolarsData], pl.LazyFrame]:
    return lambda data: data.lazyframe.select(expression)


def schema(columns: list[str]) -> pa.DataFrameSchema:
    """The twelve checks; each one's name is its check's, or pandera's own name of what it checks."""
    check = pa.Check
    checks = {
        "age": [check.in_range(18, 100, name="age_range")],
        "amount": [check.in_range(0, 10_000, name="amount_range")],
        "grade": [check.isin(["A", "B", "C", "D"], name="grade_set")],
        "code": [check.str_matches(r"^[A-Z]{2}\d{6}$", name="code_regex")],
        "x0": [check(_holds(pl.col("x0").mean().is_between(-0.1, 0.1)), name="x0_mean")],
        "x1": [check(_holds(pl.col("x1").median().is_between(-0.1, 0.1)), name="x1_median")],
    }
    wide = [
        check(_holds(pl.col("email").is_null().mean() <= 0.02), name="email_missing"),
        check(_holds(pl.len().is_between(1, 10_000_000)), name="rows"),
        check(_holds(pl.col("end") >= pl.col("start")), name="end_after_start"),
    ]
    parts = {
        name: pa.Column(
            pl.Datetime("us") if name in TIMES else KINDS.get(name, pl.Float64),
            checks.get(name, []),
            nullable=name == "email",
            unique=name == "id",
        )
        for name in columns
    }
    return pa.DataFrameSchema(parts, checks=wide, strict=True, ordered=True)


def main(path: str, columns: list[str]) -> None:
    """Print what broke, by check."""
    broken: dict[str, int] = {}
    try:
        schema(columns).validate(pl.read_parquet(path), lazy=True)
    except SchemaErrors as refused:
        for error in refused.schema_errors:
            named = {"field_uniqueness": "id_unique", "not_nullable": "id_present"}
            check = getattr(error.check, "name", None) or named.get(str(error.check), str(error.check))
            broken[check] = 1 if error.failure_cases is None else len(error.failure_cases)
    print(json.dumps(broken))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","))
