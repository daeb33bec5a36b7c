"""The script that somebody without modelway writes: read, split, fit, score, with the same libraries.

python bench/bare_train.py DATA.csv
"""

from __future__ import annotations

import sys

import lightgbm
import numpy as np
import pyarrow.csv
from sklearn import metrics

ROUNDS, LEARNING_RATE, LEAVES = 100, 0.1, 31


def main(path: str) -> None:
    """Train on 80% of the rows and print the scores of the others."""
    table = pyarrow.csv.read_csv(path)
    target = (table.column("target").to_numpy() == "yes").astype(int)
    names = [name for name in table.column_names if name != "target"]
    matrix = np.column_stack([table.column(name).to_numpy() for name in names])
    held_out = np.random.default_rng(0).random(len(target)) < 0.2
    model = lightgbm.LGBMClassifier(n_estimators=ROUNDS, learning_rate=LEARNING_RATE, num_leaves=LEAVES, verbosity=-1)
    model.fit(matrix[~held_out], target[~held_out])
    probability = model.predict_proba(matrix[held_out])[:, 1]
    truth = target[held_out]
    print(
        {
            "roc_auc": metrics.roc_auc_score(truth, probability),
            "average_precision": metrics.average_precision_score(truth, probability),
            "log_loss": metrics.log_loss(truth, probability),
            "brier": metrics.brier_score_loss(truth, probability),
            "accuracy": metrics.accuracy_score(truth, probability > 0.5),
            "f1": metrics.f1_score(truth, probability > 0.5),
        }
    )


if __name__ == "__main__":
    main(sys.argv[1])
