"""scikit-learn's multilayer perceptrons as ONNX, layer by layer in its own types; linear models have no hidden one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from modelway.bundle.export.graph import INPUT, OUTPUT, Graph

if TYPE_CHECKING:
    from onnx import ModelProto

_ACTIVATIONS = {"identity": None, "relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def export_network(network: Any, classes: int) -> ModelProto:
    """A fitted MLPClassifier or MLPRegressor; raises `NotImplementedError` for one that this room does not fit itself.

    Args:
        network: fitted.
        classes: how many there are; 0 for regression.
    """
    expected = "identity" if not classes else "logistic" if classes == 2 else "softmax"
    if network.out_activation_ != expected or network.activation not in _ACTIVATIONS:
        raise NotImplementedError(f"{network.activation} layers with the output {network.out_activation_}")
    graph = Graph()
    value, kind = INPUT, np.dtype(np.float32)
    for number, (weights, intercepts) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        if number and (activation := _ACTIVATIONS[network.activation]):
            value = graph.add(activation, value)
        # As numpy: a layer of doubles makes all that follows doubles.
        if weights.dtype != kind:
            value, kind = graph.as_double(value), weights.dtype
        value = graph.add("MatMul", value, graph.weight(weights))
        value = graph.add("Add", value, graph.weight(intercepts.astype(kind)))
    if not classes:
        graph.add("Squeeze", value, graph.weight(np.array([1])), output=OUTPUT)
        return graph.model(network.n_features_in_, None, kind)
    if classes == 2:
        positive = graph.add("Sigmoid", value)
        # 1 - p in doubles, as small probabilities of the other class would be lost in floats.
        doubles = graph.add("Cast", positive, to=TensorProto.DOUBLE)
        negative = graph.add("Sub", graph.weight(np.array([[1.0]])), doubles)
        graph.add("Concat", negative, doubles, axis=1, output=OUTPUT)
        return graph.model(network.n_features_in_, classes, np.dtype(np.float64))
    graph.add("Softmax", value, axis=1, output=OUTPUT)
    return graph.model(network.n_features_in_, classes, kind)
