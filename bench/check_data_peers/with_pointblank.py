"""The twelve checks in pointblank, on a lazy polars frame; its page where a third argument names the file.

python bench/check_data_peers/with_pointblank.py DATA.parquet COLUMN,COLUMN,… [PAGE.html]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pointblank as pb
import polars as pl

CHECKS = (
    "schema",
    "rows",
    "id_present",
    "id_unique",
    "age_range",
    "amount_range",
    "grade_set",
    "code_regex",
    "email_missing",
    "x0_mean",
    "x1_median",
    "end_after_start",
)


def main(path: str, page: str | None) -> None:
    """Print what broke, by check."""
    frame = pl.scan_parquet(path)
    expected = pb.Schema(columns=[(name, str(kind)) for name, kind in frame.collect_schema().items()])
    steps = (
        pb.Validate(frame)
        .col_schema_match(expected)
        .row_count_match(5_000_000, tol=5_000_000)
        .col_vals_not_null("id")
        .rows_distinct("id")
        .col_vals_between("age", 18, 100)
        .col_vals_between("amount", 0, 10_000)
        .col_vals_in_set("grade", ["A", "B", "C", "D"])
        .col_vals_regex("code", r"^[A-Z]{2}\d{6}$")
        .col_vals_not_null("email")
        .col_avg_ge("x0", -0.1)
        .col_vals_expr(pl.col("x1").median().is_between(-0.1, 0.1))
        .col_vals_ge("end", pb.col("start"))
        .interrogate()
    )
    broken = {}
    for check, failed in zip(CHECKS, steps.n_failed().values(), strict=True):
        if failed:
            broken[check] = int(failed)
    if page:
        Path(page).write_text(steps.get_tabular_report().as_raw_html(), encoding="utf-8")
    print(json.dumps(broken))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None)
