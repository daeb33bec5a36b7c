"""Estimators behind one face: a feature matrix in, probabilities or values out."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from modelway.bundle.onnx_guard import refuse_outside
from modelway.errors import InputError
from modelway.records.data import Task

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from modelway.records.fit import ModelInfo


class Estimator(Protocol):
    """What scores a matrix."""

    def output(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities, shape (rows, classes), or values of the (transformed) target, shape (rows,)."""


class FittedEstimator:
    """An estimator of scikit-learn's kind, or a LightGBM booster.

    Args:
        info: what the model predicts.
        estimator: fitted.
    """

    def __init__(self, info: ModelInfo, estimator: Any) -> None:
        self._classes = len(info.classes)
        self._classifies = info.task is Task.CLASSIFICATION
        self._estimator = estimator

    def output(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """As `Estimator.output`; a class that the estimator never saw has probability 0."""
        with self._one_thread():
            if not self._classifies:
                values: NDArray[np.float64] = self._estimator.predict(matrix)
                return values
            if hasattr(self._estimator, "predict_proba"):
                probability = np.zeros((len(matrix), self._classes))
                probability[:, self._estimator.classes_] = self._estimator.predict_proba(matrix)
                return probability
            found: NDArray[np.float64] = self._estimator.predict(matrix)  # a LightGBM booster
        return found if found.ndim == 2 else np.column_stack([1 - found, found])

    def _one_thread(self) -> AbstractContextManager[Any]:
        """Linear algebra on one thread: with more of them the last bits differ. Trees are the same on any number."""
        return nullcontext() if self._is_booster else self._thread_pools.limit(limits=1, user_api="blas")

    @property
    def _is_booster(self) -> bool:
        return type(self._estimator).__module__ == "lightgbm.basic"

    @cached_property
    def _thread_pools(self) -> Any:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]

        return ThreadpoolController()


class OnnxEstimator:
    """An ONNX model, run by onnxruntime on one thread: a server has a process a core.

    Args:
        info: what the model predicts.
        content: the model. It has one input, float (rows, features), and one output: (rows, classes) or, of two
            classes, the positive one's probability alone; for regression (rows,) or (rows, 1).
        where: names it in errors.

    Raises:
        InputError: it can't be loaded, needs other files or libraries, or has other inputs and outputs.
    """

    def __init__(self, info: ModelInfo, content: bytes, where: str) -> None:
        refuse_outside(content, where)
        # From 1.29 on it tells Microsoft of every session unless this is set before it is imported.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what it prints holds the model's own names; exceptions say the same
        # Memory is planned for one shape, and requests have any number of rows.
        options.enable_mem_pattern = False
        options.enable_cpu_mem_arena = False
        # What was checked is ONNX; bytes that begin as onnxruntime's own format would be read as that.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise InputError(f"onnxruntime can't load the model: {error}", where=where) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise InputError(
                f"the model has {len(inputs)} inputs and {len(outputs)} outputs; it has to have one each", where=where
            )
        self._input = inputs[0].name
        self._classes = len(info.classes)
        self._where = where

    def output(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """As `Estimator.output`."""
        found: NDArray[Any] = self._session.run(None, {self._input: matrix})[0]
        if not self._classes:
            wanted: tuple[int, ...] = (len(matrix),)
            values = found.reshape(-1)
        elif self._classes == 2 and found.size == len(matrix):
            wanted = (len(matrix), 2)
            positive = found.reshape(-1)
            values = np.column_stack([1 - positive, positive])
        else:
            wanted, values = (len(matrix), self._classes), found
        if values.shape != wanted:
            raise InputError(f"the model gives shape {found.shape}; {wanted} is wanted", where=self._where)
        return values.astype(np.float64, copy=False)
