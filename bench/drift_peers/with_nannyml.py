"""NannyML's univariate drift with its defaults, one chunk; prints the columns with an alert in it."""

import json
import os
import sys

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import nannyml as nml
import pandas as pd

reference, current = (pd.read_parquet(f"{sys.argv[1]}/{name}.parquet") for name in ("reference", "current"))
columns = list(reference.columns)
calculator = nml.UnivariateDriftCalculator(column_names=columns, chunk_number=10)
found = calculator.fit(reference).calculate(current).filter(period="analysis").to_df(multilevel=True)
drifted = [
    name
    for name in columns
    if any(found[name][method]["alert"].mean() > 0.5 for method in found[name].columns.get_level_values(0).unique())
]
print(json.dumps(drifted))
