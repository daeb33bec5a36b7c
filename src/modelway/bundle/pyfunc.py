"""The loader that a registered model's `MLmodel` file names, so that MLflow's own tools can score with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modelway.bundle.directory import load_model
from modelway.errors import InputError
from modelway.records.data import Task
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from modelway.bundle.model import Model


class Scorer:
    """What `mlflow.pyfunc.load_model` wraps."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Score each row.

        Args:
            frame: the model's columns; one that is not there counts as missing in every row.
            params: none are known; MLflow passes them.

        Returns:
            `prediction` (the class or the value) and, of classes, `probability_CLASS` each.

        Raises:
            InputError: a column holds values of another type.
        """
        import pandas as pd

        info = self._model.info
        table = pa.table({name: _column(frame, name, ARROW_TYPES[kind]) for name, kind in info.inputs.items()})
        scores = self._model.predict(table)
        if info.task is Task.REGRESSION or scores.probability is None:
            return pd.DataFrame({"prediction": scores.prediction})
        columns = {"prediction": [info.classes[index] for index in scores.prediction]}
        probabilities = {f"probability_{name}": scores.probability[:, at] for at, name in enumerate(info.classes)}
        return pd.DataFrame({**columns, **probabilities})


def _load_pyfunc(path: str) -> Scorer:
    """Load a model directory; MLflow calls this, with the path of its `data` folder."""
    return Scorer(load_model(Path(path)))


def _column(frame: pd.DataFrame, name: str, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if name not in frame.columns:
        return pa.nulls(len(frame), kind)
    try:
        return pa.array(frame[name], type=kind, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise InputError(f"the values are no {kind}: {error}", where=name) from error
