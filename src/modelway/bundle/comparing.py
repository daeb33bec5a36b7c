"""The exported model against the fitted one: on held-out rows and on awkward ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modelway.bundle.battery import make_battery
from modelway.errors import InputError
from modelway.records.bundle import Comparison
from modelway.records.evaluate import Scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from modelway.bundle.model import Model
    from modelway.bundle.opening import Bundle
    from modelway.bundle.reference import Reference

PROBABILITY = 1e-5
"""How far a probability may be off. Trees are off by nothing; networks add floats in another order."""
VALUE = 1e-4
"""How far a value may be off, relative to itself or, where that is more, to the spread of the held-out predictions."""
_SHOWN = 5


def compare(bundle: Bundle, model: Model, reference: Reference) -> Comparison:
    """Compare a bundle with the model that it was made from.

    Args:
        bundle: opened.
        model: the fitted model.
        reference: held-out rows with what the model said of them when it was evaluated.

    Raises:
        InputError: they differ, or there is no row to compare on; it names rows, columns and both outputs.
    """
    rows = reference.table.num_rows
    if not rows:
        raise InputError("there is no held-out row to compare the bundle on", where="reference.parquet")
    judge = _Judge(model.info.classes, reference.scores)
    judge.compare(
        [f"held-out row {row}" for row in range(rows)], reference.scores, bundle.predict_table(reference.table)
    )
    battery = make_battery(bundle.signature, reference.table)
    for row, name in enumerate(battery.names):
        table = battery.table.slice(row, 1)
        fitted = _answer(model.predict, table, bundle.signature.threshold)
        # As a server asks: values, not a table.
        exported = _answer(bundle.predict, _values(table), 1)
        judge.compare_one(f"awkward row ({name})", fitted, exported)
    judge.refuse()
    return Comparison(held_out_rows=rows, awkward_rows=len(battery.names), largest_difference=judge.largest)


class _Judge:
    """Collects the rows that differ.

    Args:
        classes: none for regression.
        held_out: what the fitted model said of held-out rows: the measure of its values.
    """

    def __init__(self, classes: tuple[str, ...], held_out: Scores) -> None:
        self.largest = 0.0
        self._classes = classes
        self._spread = float(np.ptp(held_out.prediction)) or 1.0
        self._faults: list[str] = []

    def compare(self, names: list[str], fitted: Scores, exported: Scores) -> None:
        """Compare rows that both models answer."""
        apart, allowed = self._apart(fitted, exported)
        self.largest = max(self.largest, float(apart.max()))
        wrong = (apart > allowed).any(axis=1)
        if self._classes:
            wrong |= fitted.prediction != exported.prediction
        for row in np.flatnonzero(wrong).tolist():
            told = f"{self._told(exported, row)} (fitted: {self._told(fitted, row)})"
            self._faults.append(f"{names[row]}: {told}")

    def compare_one(self, name: str, fitted: Scores | str, exported: Scores | str) -> None:
        """Compare one row that either model may refuse."""
        if isinstance(fitted, Scores) and isinstance(exported, Scores):
            self.compare([name], fitted, exported)
        elif isinstance(fitted, Scores) or isinstance(exported, Scores):
            told = [self._told(one, 0) if isinstance(one, Scores) else f"refused, {one}" for one in (exported, fitted)]
            self._faults.append(f"{name}: {told[0]} (fitted: {told[1]})")

    def refuse(self) -> None:
        """Raise `InputError` if any row differs."""
        if self._faults:
            more = f"; and {len(self._faults) - _SHOWN} more" if len(self._faults) > _SHOWN else ""
            raise InputError(
                f"the exported model is not the fitted one: {'; '.join(self._faults[:_SHOWN])}{more}",
                remedy="Correct the export (package.export), or leave it out: the estimator is then kept as it is.",
            )

    def _apart(self, fitted: Scores, exported: Scores) -> tuple[NDArray[Any], NDArray[Any] | float]:
        """How far the outputs are apart and may be, shape (rows, outputs)."""
        if fitted.probability is not None and exported.probability is not None:
            return np.abs(fitted.probability - exported.probability), PROBABILITY
        allowed = VALUE * np.maximum(np.abs(fitted.prediction), self._spread)
        return np.abs(fitted.prediction - exported.prediction)[:, None], allowed[:, None]

    def _told(self, scores: Scores, row: int) -> str:
        if scores.probability is None:
            return f"prediction {scores.prediction[row]:.9g}"
        name = self._classes[scores.prediction[row]]
        return f"prediction {name}, probability_{name} {scores.probability[row].max():.9g}"


def _answer(ask: Callable[..., Scores], *arguments: Any) -> Scores | str:
    """What a model says, or why it refuses the row."""
    try:
        scores = ask(*arguments)
    except InputError as error:
        return error.what
    told = scores.prediction if scores.probability is None else scores.probability
    return scores if np.isfinite(told).all() else "no finite score"


def _values(table: pa.Table) -> dict[str, list[Any]]:
    """A table's columns as a server has them: dates in microseconds."""
    columns = zip(table.column_names, table.columns, strict=True)
    return {
        name: (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for name, column in columns
    }
