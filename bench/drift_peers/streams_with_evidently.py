"""Evidently's data drift preset with its defaults, window by window; prints what it says of each as JSON.

Read from standard input: {"reference": path, "windows": [path, ...]}.
"""

import json
import sys

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset


def said(result: dict) -> dict:
    """The columns that drifted, and whether the data set did: its share of them is half or more."""
    columns, whole = [], False
    for metric in result["metrics"]:
        found, value = metric.get("config") or metric, metric["value"]
        if isinstance(value, dict) and "share" in value:
            whole = value["share"] >= 0.5
        column = found.get("column")
        if column is None or not isinstance(value, (int, float)):
            continue
        threshold = found.get("threshold", 0.1)
        columns += (
            [column] if (value < threshold if "p_value" in str(found.get("method")) else value >= threshold) else []
        )
    return {"columns": columns, "whole": whole}


asked = json.load(sys.stdin)
reference = pd.read_parquet(asked["reference"])
report = Report([DataDriftPreset()])
print(json.dumps([said(report.run(pd.read_parquet(path), reference).dict()) for path in asked["windows"]]))
