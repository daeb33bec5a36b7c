"""The twelve checks written by hand: one pass over the file with polars.

python bench/check_data_peers/scan.py DATA.parquet
"""

from __future__ import annotations

import json
import sys

import polars as pl

AGES, AMOUNTS = (18, 100), (0, 10_000)
GRADES = ["A", "B", "C", "D"]


def main(path: str, columns: list[str]) -> None:
    """Print what broke, by check."""
    scan = pl.scan_parquet(path)
    schema = scan.collect_schema()
    col = pl.col
    found = (
        scan.select(
            rows=pl.len(),
            id_present=col("id").null_count(),
            id_distinct=col("id").n_unique(),
            age_range=(~col("age").is_between(*AGES)).sum(),
            amount_range=(~col("amount").is_between(*AMOUNTS)).sum(),
            grade_set=(~col("grade").is_in(GRADES)).sum(),
            code_regex=(~col("code").str.contains(r"^[A-Z]{2}\d{6}$")).sum(),
            email_missing=col("email").null_count(),
            x0_mean=col("x0").mean(),
            x1_median=col("x1").median(),
            end_after_start=(col("end") < col("start")).sum(),
        )
        .collect(engine="streaming")
        .to_dicts()[0]
    )
    broken = {
        "schema": int(schema.names() != columns or schema["id"] != pl.Int64),
        "rows": int(not 1 <= found["rows"] <= 10_000_000),
        "id_unique": found["rows"] - found["id_distinct"],
        "email_missing": found["email_missing"] if found["email_missing"] > 0.02 * found["rows"] else 0,
        "x0_mean": int(not -0.1 <= found["x0_mean"] <= 0.1),
        "x1_median": int(not -0.1 <= found["x1_median"] <= 0.1),
        **{key: found[key] for key in ("id_present", "age_range", "amount_range", "grade_set", "code_regex")},
        "end_after_start": found["end_after_start"],
    }
    print(json.dumps({check: count for check, count in broken.items() if count}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","))
