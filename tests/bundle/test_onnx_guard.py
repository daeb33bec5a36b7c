"""ONNX models that need other files or libraries, of every kind that the format has, as onnx itself writes them."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from modelway.cli.main import run
from modelway.errors import InputError

from . import hostile

INPUT = 3
WIDTH = 4
W = (WIDTH, 1)


def _matmul(weights: str = "w"):
    return [helper.make_node("MatMul", ["x", weights], ["z"]), helper.make_node("Sigmoid", ["z"], ["p"])]


def _external(name: str = "w", shape: tuple[int, ...] = W):
    return hostile.external_tensor(name, shape, "weights.bin")


def _in_initializer():
    return hostile.model_of(WIDTH, _matmul(), initializer=[_external()])


def _in_sparse(external: str):
    values = _external("w", (2,)) if external == "values" else numpy_helper.from_array(np.ones(2, np.float32), "w")
    indices = numpy_helper.from_array(np.array([0, 1], np.int64), "i")
    if external == "indices":
        external_data_helper.set_external_data(indices, location="weights.bin")
        indices.ClearField("raw_data")
    return helper.make_sparse_tensor(values, indices, [WIDTH, 1])


def _in_sparse_initializer(external: str):
    return hostile.model_of(WIDTH, _matmul(), sparse_initializer=[_in_sparse(external)])


def _in_constant():
    return hostile.model_of(WIDTH, [helper.make_node("Constant", [], ["w"], value=_external()), *_matmul()])


def _in_sparse_constant():
    node = helper.make_node("Constant", [], ["w"], sparse_value=_in_sparse("values"))
    return hostile.model_of(WIDTH, [node, *_matmul()])


def _in_list_attribute():
    node = helper.make_node("Sigmoid", ["z"], ["p"])
    node.attribute.append(helper.make_attribute("anything", [_external()]))
    return hostile.model_of(WIDTH, [_matmul()[0], node], initializer=[_plain()])


def _plain(name: str = "w"):
    return numpy_helper.from_array(np.zeros(W, np.float32), name)


def _branch(tensor):
    value = helper.make_tensor_value_info("b", TensorProto.FLOAT, W)
    return helper.make_graph([helper.make_node("Identity", ["inner"], ["b"])], "branch", [], [value], [tensor])


def _in_subgraph(depth: int):
    branch = _branch(_external("inner"))
    for _ in range(depth):
        node = helper.make_node("If", ["yes"], ["b"], then_branch=branch, else_branch=_branch(_plain("inner")))
        value = helper.make_tensor_value_info("b", TensorProto.FLOAT, W)
        branch = helper.make_graph([node], "outer", [], [value])
    node = helper.make_node("If", ["yes"], ["w"], then_branch=branch, else_branch=_branch(_plain("inner")))
    yes = numpy_helper.from_array(np.array(True), "yes")
    return hostile.model_of(WIDTH, [node, *_matmul()], initializer=[yes])


def _in_function():
    constant = helper.make_node("Constant", [], ["w"], value=_external())
    nodes = [constant, helper.make_node("MatMul", ["x", "w"], ["z"])]
    function = helper.make_function("own", "Product", ["x"], ["z"], nodes, [helper.make_opsetid("", 17)])
    uses = [helper.make_node("Product", ["x"], ["z"], domain="own"), helper.make_node("Sigmoid", ["z"], ["p"])]
    return hostile.model_of(WIDTH, uses, functions=[function], opsets=[helper.make_opsetid("own", 1)])


def _in_function_default():
    model = _with_own_function()
    attribute = helper.make_attribute("weights", _external())
    model.functions[0].attribute_proto.append(attribute)
    return model


def _with_own_function():
    constant = helper.make_node("Constant", [], ["w"], value=_plain())
    nodes = [constant, helper.make_node("MatMul", ["x", "w"], ["z"])]
    function = helper.make_function("own", "Product", ["x"], ["z"], nodes, [helper.make_opsetid("", 17)])
    uses = [helper.make_node("Product", ["x"], ["z"], domain="own"), helper.make_node("Sigmoid", ["z"], ["p"])]
    return hostile.model_of(WIDTH, uses, functions=[function], opsets=[helper.make_opsetid("own", 1)])


def _in_training():
    model = hostile.model_of(WIDTH, _matmul(), initializer=[_plain()])
    model.training_info.add().algorithm.initializer.append(_external("step"))
    return model


def _with_domain(domain: str, operator: str = "Load"):
    node = helper.make_node(operator, ["z"], ["p"], domain=domain)
    opsets = [helper.make_opsetid(domain, 1)]
    return hostile.model_of(WIDTH, [_matmul()[0], node], initializer=[_plain()], opsets=opsets)


EXTERNAL = {
    "initializer": _in_initializer,
    "values of a sparse initializer": lambda: _in_sparse_initializer("values"),
    "indices of a sparse initializer": lambda: _in_sparse_initializer("indices"),
    "constant": _in_constant,
    "sparse constant": _in_sparse_constant,
    "list of tensors": _in_list_attribute,
    "subgraph": lambda: _in_subgraph(0),
    "subgraph of a subgraph": lambda: _in_subgraph(2),
    "function": _in_function,
    "default of a function's attribute": _in_function_default,
    "training graph": _in_training,
}
LOADING = {
    "onnxruntime-extensions": lambda: _with_domain("ai.onnx.contrib", "PyOp"),
    "a library of the attacker's": lambda: _with_domain("evil.ops"),
    "an execution provider's cache": lambda: _with_domain("com.microsoft", "EPContext"),
    "an operator of PyTorch's": lambda: _with_domain("org.pytorch.aten", "ATen"),
}


@pytest.mark.parametrize("kind", [*EXTERNAL, *LOADING])
def test_refuse_outside_a_model_that_does_not_stand_alone_is_refused(kind):
    from modelway.bundle.onnx_guard import refuse_outside

    model = {**EXTERNAL, **LOADING}[kind]()
    with pytest.raises(InputError, match="another file" if kind in EXTERNAL else "operator"):
        refuse_outside(model.SerializeToString(), "model.onnx")


def test_the_external_kinds_are_those_that_onnx_itself_finds():
    """Onnx's own helper lists the tensors with external data, but for those that it overlooks."""
    found = {
        kind
        for kind, make in EXTERNAL.items()
        if any(map(external_data_helper.uses_external_data, external_data_helper._get_all_tensors(make())))
    }
    assert found >= {"initializer", "constant", "subgraph", "subgraph of a subgraph"}


@pytest.mark.parametrize("make", [lambda: hostile.linear_model(WIDTH), _with_own_function])
def test_refuse_outside_a_model_that_stands_alone_passes(make):
    from modelway.bundle.onnx_guard import refuse_outside

    content = make().SerializeToString()
    refuse_outside(content, "model.onnx")
    onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x00\x00\x00ORTM" + bytes(64)])
def test_what_is_no_onnx_model_is_refused(content):
    from modelway.bundle.estimators import OnnxEstimator
    from modelway.records.fit import ModelInfo

    info = ModelInfo.from_json('{"task": "classification", "target": "y", "classes": ["no", "yes"], "inputs": {}}')
    with pytest.raises(InputError):
        OnnxEstimator(info, content, "model.onnx")


def test_verify_weights_of_a_file_in_the_working_directory_are_refused(pack, tmp_path, monkeypatch, capsys):
    bundle = hostile.copied(pack("binary", "linear").bundle, tmp_path / "bundle")
    width = hostile.width_of(bundle)
    monkeypatch.chdir(tmp_path)
    # As wide as it has to be for onnxruntime to read the file without a model's path.
    (tmp_path / "mlflow.db").write_bytes(np.ones(width * 200, np.float32).tobytes())
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("ReduceMean", ["z"], ["m"], axes=[1]),
        helper.make_node("Sigmoid", ["m"], ["p"]),
    ]
    weights = hostile.external_tensor("w", (width, 200), "mlflow.db")
    model = hostile.model_of(width, nodes, initializer=[weights])
    hostile.use_onnx(bundle, model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.ones((1, width), np.float32)})[0] > 0.9, "onnxruntime alone reads it"
    assert run(["verify", str(bundle)]) == INPUT
    assert "mlflow.db" in capsys.readouterr().err


def test_export_by_hook_external_data_are_refused():
    from modelway.bundle.export import export_by_hook

    with pytest.raises(InputError, match="another file"):
        export_by_hook(f"{__name__}:exported", None, WIDTH)


def exported(estimator, features) -> onnx.ModelProto:
    return _in_initializer()
