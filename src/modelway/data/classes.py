"""The classes of a target, and the target as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.data.refusals import place_in
from modelway.errors import InputError, UsageError
from modelway.records.data import ColumnType, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.data import Dataset, PrepareOptions


def find_classes(options: PrepareOptions, target: pa.ChunkedArray) -> tuple[str, ...]:
    """The classes as text: of two the positive one last, more in sorted order (integers by size); none for regression.

    Raises:
        InputError: there is one class only.
        UsageError: `options.positive` is none of two classes.
    """
    if options.task is Task.REGRESSION:
        return ()
    classes = [class_text(value) for value in sorted(pc.unique(target).to_pylist())]
    if len(classes) < 2:
        raise InputError(
            f"every row is of class {classes[0]!r}",
            where=place_in("prepare.target", None, options.target),
            remedy="Bring rows of another class; there is nothing to learn from one.",
        )
    if options.positive is None:
        return tuple(classes)
    if len(classes) > 2 or options.positive not in classes:
        listed = ", ".join(repr(name) for name in classes[:10])
        raise UsageError(
            f"{options.positive!r} is not one of two classes; the classes are {listed}",
            where="prepare.positive",
            remedy="Name one of two classes, or leave it out.",
        )
    return tuple(sorted(classes, key=lambda name: name == options.positive))


def class_text(value: Any) -> str:
    """A class as text: booleans as false and true, integers in decimal."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def encode_target(dataset: Dataset, table: pa.Table) -> NDArray[np.int64] | NDArray[np.float64]:
    """The target as numbers, shape (rows,): int64 indexes into `dataset.classes`, or float64 for regression.

    Raises:
        InputError: a row has a class that training did not know, or no target.
    """
    target = table[dataset.target]
    if dataset.task is Task.REGRESSION:
        if target.null_count:
            raise _unknown(dataset, target, pc.index(pc.is_null(target), True).as_py())
        return np.asarray(target.to_numpy(), np.float64)
    texts = _as_texts(dataset, target)
    codes = pc.index_in(texts, pa.array(dataset.classes, pa.string()))
    if codes.null_count:
        raise _unknown(dataset, target, pc.index(pc.is_null(codes), True).as_py())
    return np.asarray(codes.to_numpy(), np.int64)


def _as_texts(dataset: Dataset, target: pa.ChunkedArray) -> pa.ChunkedArray:
    if dataset.columns[dataset.target].type is ColumnType.BOOLEAN:
        return pc.if_else(target, "true", "false")
    return target.cast(pa.string())


def _unknown(dataset: Dataset, target: pa.ChunkedArray, index: int) -> InputError:
    value = target[index].as_py()
    listed = ", ".join(repr(name) for name in dataset.classes[:10])
    return InputError(
        "the target is missing"
        if value is None
        else f"the class {class_text(value)!r} is unknown to training: {listed}",
        where=place_in(f"row {index + 1}", None, dataset.target),
        remedy="Remove such rows, or bring such rows for training.",
    )
