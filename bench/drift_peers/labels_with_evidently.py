"""Evidently's classification preset with the tests it makes of a reference; prints whether ROC AUC's failed in each.

Read from standard input: {"reference": path, "windows": [path, ...]}.
"""

import json
import sys

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset

asked = json.load(sys.stdin)
what = BinaryClassification(target="y", prediction_labels="said", prediction_probas="p")
definition = DataDefinition(classification=[what])


def read(path: str) -> Dataset:
    """A window as Evidently has it."""
    return Dataset.from_pandas(pd.read_parquet(path), data_definition=definition)


reference, report = read(asked["reference"]), Report([ClassificationPreset()], include_tests=True)
failed = []
for path in asked["windows"]:
    tests = report.run(read(path), reference).dict()["tests"]
    failed.append(any("RocAuc" in test["name"] and "FAIL" in str(test["status"]) for test in tests))
print(json.dumps(failed))
