"""The loader that a registered model's `MLmodel` file names, so that MLflow's own tools can score with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modelway.bundle.directory import load_model
from modelway.bundle.layout import INFO
from modelway.bundle.opening import open_bundle
from modelway.errors import InputError
from modelway.records.tables import ARROW_TYPES
from modelway.records.trust import TRUST, Trust, read_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd  # type: ignore[import-untyped]

    from modelway.records.data import ColumnType
    from modelway.records.evaluate import Scores


class Scorer:
    """What `mlflow.pyfunc.load_model` wraps.

    Args:
        predict: scores a table.
        inputs: the columns' types.
        classes: none for regression.
        formats: how the dates of a column are written, where that is not as MLflow reads them.
    """

    def __init__(
        self,
        predict: Callable[[pa.Table], Scores],
        inputs: Mapping[str, ColumnType],
        classes: tuple[str, ...],
        formats: Mapping[str, str],
    ) -> None:
        self._predict = predict
        self._inputs = inputs
        self._classes = classes
        self._formats = formats

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

        columns = {name: _column(frame, name, kind, self._formats.get(name)) for name, kind in self._inputs.items()}
        scores = self._predict(pa.table(columns))
        if scores.probability is None:
            return pd.DataFrame({"prediction": scores.prediction})
        predicted = {"prediction": [self._classes[index] for index in scores.prediction]}
        probabilities = {f"probability_{name}": scores.probability[:, at] for at, name in enumerate(self._classes)}
        return pd.DataFrame({**predicted, **probabilities})


def _load_pyfunc(path: str) -> Scorer:
    """Load a bundle or a model directory; MLflow calls this, with the path of the one or of its `data` folder.

    The types and functions that it may use in addition to modelway's own list are those of MODELWAY_TRUST.
    """
    directory = Path(path)
    trusted = read_names(os.environ.get(TRUST, ""), TRUST)
    if (directory / INFO).is_file():
        bundle = open_bundle(directory, Trust(names=trusted))
        columns = bundle.signature.columns
        types = {column.name: column.type for column in columns}
        formats = {column.name: column.format for column in columns if column.format is not None}
        return Scorer(bundle.predict_table, types, bundle.signature.classes, formats)
    model = load_model(directory, trusted)
    return Scorer(model.predict, model.info.inputs, model.info.classes, {})


def _column(frame: pd.DataFrame, name: str, column: ColumnType, form: str | None) -> pa.Array | pa.ChunkedArray:
    kind = ARROW_TYPES[column]
    if name not in frame.columns:
        return pa.nulls(len(frame), kind)
    values = frame[name]
    try:
        if form is not None and pa.types.is_string(pa.array(values, from_pandas=True).type):
            import pandas as pd

            values = pd.to_datetime(values, format=form, utc=True)
        return pa.array(values, type=kind, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        raise InputError(f"the values are no {kind}: {error}", where=name) from error
