"""The twelve checks in Great Expectations, on a pandas data frame.

python bench/check_data_peers/with_great_expectations.py DATA.parquet COLUMN,COLUMN,…
"""

from __future__ import annotations

import json
import sys

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd


def expectations(columns: list[str]) -> dict[str, list[gxe.Expectation]]:
    """The expectations that make up each check."""
    return {
        "schema": [
            gxe.ExpectTableColumnsToMatchOrderedList(column_list=columns),
            gxe.ExpectColumnValuesToBeOfType(column="id", type_="int64"),
        ],
        "rows": [gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=10_000_000)],
        "id_present": [gxe.ExpectColumnValuesToNotBeNull(column="id")],
        "id_unique": [gxe.ExpectColumnValuesToBeUnique(column="id")],
        "age_range": [gxe.ExpectColumnValuesToBeBetween(column="age", min_value=18, max_value=100)],
        "amount_range": [gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=10_000)],
        "grade_set": [gxe.ExpectColumnValuesToBeInSet(column="grade", value_set=["A", "B", "C", "D"])],
        "code_regex": [gxe.ExpectColumnValuesToMatchRegex(column="code", regex=r"^[A-Z]{2}\d{6}$")],
        "email_missing": [gxe.ExpectColumnValuesToNotBeNull(column="email", mostly=0.98)],
        "x0_mean": [gxe.ExpectColumnMeanToBeBetween(column="x0", min_value=-0.1, max_value=0.1)],
        "x1_median": [gxe.ExpectColumnMedianToBeBetween(column="x1", min_value=-0.1, max_value=0.1)],
        "end_after_start": [
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="end", column_B="start", or_equal=True)
        ],
    }


def main(path: str, columns: list[str]) -> None:
    """Print what broke, by check."""
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("bench").add_dataframe_asset("bench")
    suite = context.suites.add(gx.ExpectationSuite("bench"))
    for check, group in expectations(columns).items():
        for expectation in group:
            expectation.meta = {"check": check}
            suite.add_expectation(expectation)
    batch = asset.add_batch_definition_whole_dataframe("bench").get_batch({"dataframe": pd.read_parquet(path)})
    broken = {}
    for result in batch.validate(suite).results:
        if not result.success:
            broken[result.expectation_config.meta["check"]] = int(result.result.get("unexpected_count", 1))
    print(json.dumps(broken))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","))
