"""What every exported graph has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import TensorProto, checker, helper, numpy_helper

import modelway

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

INPUT, OUTPUT = "features", "output"
_OPSET, _ML_OPSET, _IR = 21, 5, 10
"""The oldest that have a tree ensemble in doubles, so that older runtimes and other languages can load the model."""


class Graph:
    """Nodes and weights in the order they are added."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._weights: list[Any] = []

    def add(self, operator: str, *inputs: str, domain: str = "", output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output; gives the output's name."""
        name = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name, domain=domain, **attributes))
        return name

    def weight(self, values: NDArray[Any]) -> str:
        """Add a constant; gives its name."""
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def as_double(self, value: str) -> str:
        """Add a cast."""
        return self.add("Cast", value, to=TensorProto.DOUBLE)

    def model(self, features: int, width: int | None, kind: np.dtype[Any]) -> ModelProto:
        """The finished model: `features`, float (rows, features), in; `output` out.

        Args:
            features: how many.
            width: columns of the output; None where it has rows alone.
            kind: the output's type.
        """
        given = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", features])
        shape: Sequence[str | int] = ["rows"] if width is None else ["rows", width]
        code = helper.np_dtype_to_tensor_dtype(kind)
        found = helper.make_tensor_value_info(OUTPUT, code, list(shape))
        graph = helper.make_graph(self._nodes, "estimator", [given], [found], self._weights)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)],
            ir_version=_IR,
            producer_name="modelway",
            producer_version=modelway.__version__,
        )
        checker.check_model(model)
        return model
