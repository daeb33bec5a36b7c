"""The exported model against the fitted one: on held-out rows and on awkward ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modelway.bundle.battery import make_battery
from modelway.bundle.layout import MODEL_INFO, REFERENCE
from modelway.bundle.opening import read_record
from modelway.bundle.reference import parse_reference
from modelway.errors import InputError
from modelway.records.bundle import Comparison
from modelway.records.evaluate import Scores
from modelway.records.fit import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from modelway.bundle.contents import Contents
    from modelway.bundle.model import Model
    from modelway.bundle.opening import Bundle
    from modelway.bundle.reference import Reference

PROBABILITY = 1e-5
"""How far a probability may be off. Trees are off by nothing; networks add floats in another order."""
VALUE = 1e-4
"""How far a value may be off, relative to itself or, where that is more, to the spread of the held-out predictions."""
_SHOWN = 5
_SLACK = 1e-3
"""How far probabilities may sum to something else than 1: single precision, many classes."""
_DISTRUST = "Don't use this bundle: package the version again."


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
    judge.refuse(
        "the exported model is not the fitted one",
        "Correct the export (package.export), or leave it out: the estimator is then kept as it is.",
    )
    return Comparison(held_out_rows=rows, awkward_rows=len(battery.names), largest_difference=judge.largest)


def compare_reference(bundle: Bundle, contents: Contents) -> tuple[int, float]:
    """Compare a bundle's answers to its reference rows with those that it records.

    Args:
        bundle: opened.
        contents: its files.

    Returns:
        How many rows there are, and the largest difference between two probabilities, or two values.

    Raises:
        InputError: they differ, probabilities are not probabilities, or there is no row.
    """
    info = read_record(contents, MODEL_INFO, ModelInfo)
    reference = parse_reference(contents.read(REFERENCE), info, contents.where(REFERENCE))
    rows = reference.table.num_rows
    if not rows:
        raise InputError("there is no reference row", where=contents.where(REFERENCE), remedy=_DISTRUST)
    found = bundle.predict_table(reference.table)
    for scores in (reference.scores, found):
        _check_probabilities(scores, contents)
    judge = _Judge(info.classes, reference.scores)
    judge.compare([f"reference row {row}" for row in range(rows)], reference.scores, found, "recorded")
    judge.refuse("the model does not answer its reference rows as recorded", _DISTRUST)
    return rows, judge.largest


def _check_probabilities(scores: Scores, contents: Contents) -> None:
    """Raise `InputError` where a row's probabilities are not between 0 and 1, or don't sum to 1."""
    if scores.probability is None:
        return
    values = scores.probability
    wrong = (values < -_SLACK) | (values > 1 + _SLACK) | (np.abs(values.sum(axis=1, keepdims=True) - 1) > _SLACK)
    wrong |= ~np.isfinite(values)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise InputError(
            f"the probabilities of reference row {row} are not probabilities: {values[row].tolist()}",
            where=contents.where(REFERENCE),
            remedy=_DISTRUST,
        )


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

    def compare(self, names: list[str], fitted: Scores, exported: Scores, word: str = "fitted") -> None:
        """Compare rows that both models answer."""
        apart, allowed = self._apart(fitted, exported)
        self.largest = max(self.largest, float(apart.max()))
        wrong = (apart > allowed).any(axis=1)
        if self._classes:
            wrong |= fitted.prediction != exported.prediction
        for row in np.flatnonzero(wrong).tolist():
            told = f"{self._told(exported, row)} ({word}: {self._told(fitted, row)})"
            self._faults.append(f"{names[row]}: {told}")

    def compare_one(self, name: str, fitted: Scores | str, exported: Scores | str) -> None:
        """Compare one row that either model may refuse."""
        if isinstance(fitted, Scores) and isinstance(exported, Scores):
            self.compare([name], fitted, exported)
        elif isinstance(fitted, Scores) or isinstance(exported, Scores):
            told = [self._told(one, 0) if isinstance(one, Scores) else f"refused, {one}" for one in (exported, fitted)]
            self._faults.append(f"{name}: {told[0]} (fitted: {told[1]})")

    def refuse(self, what: str, remedy: str) -> None:
        """Raise `InputError` if any row differs."""
        if self._faults:
            more = f"; and {len(self._faults) - _SHOWN} more" if len(self._faults) > _SHOWN else ""
            raise InputError(f"{what}: {'; '.join(self._faults[:_SHOWN])}{more}", remedy=remedy)

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
