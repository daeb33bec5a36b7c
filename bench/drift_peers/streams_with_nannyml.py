"""NannyML's univariate drift and missing values with their defaults, a chunk a window; prints what it says as JSON.

Read from standard input: {"reference": path, "windows": [path, ...]}. It has no verdict on the whole data set.
"""

import json
import os
import sys

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import nannyml as nml
import pandas as pd

asked = json.load(sys.stdin)
reference = pd.read_parquet(asked["reference"])
windows = [pd.read_parquet(path) for path in asked["windows"]]
columns, size = list(reference.columns), len(windows[0])
drift = nml.UnivariateDriftCalculator(column_names=columns, chunk_size=size).fit(reference)
missing = nml.MissingValuesCalculator(column_names=columns, chunk_size=size).fit(reference)
current = pd.concat(windows, ignore_index=True)
moved = drift.calculate(current).filter(period="analysis").to_df(multilevel=True)
gone = missing.calculate(current).filter(period="analysis").to_df(multilevel=True)
found = [set() for _ in windows]
for name in columns:
    alerts = [moved[name][method]["alert"] for method in moved[name].columns.get_level_values(0).unique()]
    alerts.append(gone[name]["alert"])
    for at, named in enumerate(found):
        if any(bool(alert.iloc[at]) for alert in alerts):
            named.add(name)
print(json.dumps([{"columns": sorted(named), "whole": False} for named in found]))
