"""NannyML's realized ROC AUC with its default thresholds, a chunk a window; prints whether each has an alert.

Read from standard input: {"reference": path, "windows": [path, ...]}.
"""

import json
import os
import sys

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import nannyml as nml
import pandas as pd

asked = json.load(sys.stdin)
windows = [pd.read_parquet(path) for path in asked["windows"]]
calculator = nml.PerformanceCalculator(
    metrics=["roc_auc"],
    y_true="y",
    y_pred="said",
    y_pred_proba="p",
    problem_type="classification_binary",
    chunk_size=len(windows[0]),
).fit(pd.read_parquet(asked["reference"]))
found = calculator.calculate(pd.concat(windows, ignore_index=True)).filter(period="analysis").to_df(multilevel=True)
print(json.dumps([bool(alert) for alert in found["roc_auc"]["alert"]]))
