"""The bundle behind MLflow's pyfunc: what MLflow's server and MLServer load."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from modelway.bundle import open_bundle


class Scorer:
    """A bundle that is asked by data frame."""

    def __init__(self, path: str) -> None:
        self._bundle = open_bundle(Path(path))
        self._dates = [column.name for column in self._bundle.signature.columns if column.type == "date"]

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Each row's class and probabilities."""
        columns = {name: frame[name].tolist() for name in frame.columns}
        for name in self._dates:
            columns[name] = pd.to_datetime(frame[name]).to_numpy()
        scores = self._bundle.predict(columns, len(frame))
        classes = self._bundle.signature.classes
        found = {f"probability_{name}": scores.probability[:, place] for place, name in enumerate(classes)}
        return pd.DataFrame({"prediction": [classes[number] for number in scores.prediction], **found})


def _load_pyfunc(path: str) -> Scorer:
    return Scorer(path)


if __name__ == "__main__":
    import mlflow

    mlflow.pyfunc.save_model(
        sys.argv[2], loader_module="pyfunc_of_bundle", data_path=sys.argv[1], code_paths=[__file__], pip_requirements=[]
    )
