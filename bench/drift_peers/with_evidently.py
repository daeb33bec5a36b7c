"""Evidently's data drift preset with its defaults; prints the columns that it says drifted."""

import json
import sys

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

reference, current = (pd.read_parquet(f"{sys.argv[1]}/{name}.parquet") for name in ("reference", "current"))
result = Report([DataDriftPreset()]).run(current, reference).dict()
drifted = []
for metric in result["metrics"]:
    found = metric.get("config") or metric
    column = found.get("column")
    if column is None or not isinstance(metric["value"], (int, float)):
        continue
    method = str(found.get("method", ""))
    threshold = found.get("threshold", 0.1)
    moved = metric["value"] < threshold if "p_value" in method else metric["value"] >= threshold
    drifted += [column] if moved else []
print(json.dumps(drifted))
