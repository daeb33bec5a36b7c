"""The training script of a project that follows the usual five workflows: fit, save as a pickle, register in MLflow.

python bench/seed_train.py DATA.csv REGISTRY
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import lightgbm
import mlflow
import pandas as pd
from sklearn import metrics, model_selection


def main(data: str, registry: str) -> None:
    """Train on 80% of the rows, and leave the model, its metrics and a version in the registry."""
    table = pd.read_csv(data, parse_dates=["applied_on"])
    target = table.pop("defaulted") == "yes"
    matrix = pd.get_dummies(table.drop(columns=["note", "applied_on", "group"]))
    train, test, truth, held_out = model_selection.train_test_split(matrix, target, test_size=0.2, random_state=0)
    model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=15, verbosity=-1).fit(train, truth)
    scores = {"roc_auc": float(metrics.roc_auc_score(held_out, model.predict_proba(test)[:, 1]))}
    artifacts = Path("model-artifacts")
    artifacts.mkdir(exist_ok=True)
    (artifacts / "model.pkl").write_bytes(pickle.dumps(model))
    (artifacts / "metrics.json").write_text(json.dumps(scores))
    mlflow.set_tracking_uri(registry)
    mlflow.set_experiment("production-models")
    with mlflow.start_run() as run:
        mlflow.log_metrics(scores)
        mlflow.log_artifacts(str(artifacts), "model")
    client = mlflow.MlflowClient()
    client.create_registered_model("loans")
    client.create_model_version("loans", f"{run.info.artifact_uri}/model", run.info.run_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
