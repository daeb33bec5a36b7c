"""The Open Inference Protocol, version 2 (github.com/kserve/open-inference-protocol, REST): one tensor a column."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import msgspec

from modelway.records.data import ColumnType, Task
from modelway.serve.refusals import Fault, shown, unfit
from modelway.serve.scoring import decode

if TYPE_CHECKING:
    from modelway.serve.answers import Answer
    from modelway.serve.release import ServedModel
    from modelway.serve.validation import Question, Validator

DATATYPES = {
    ColumnType.INTEGER: "INT64",
    ColumnType.NUMBER: "FP64",
    ColumnType.BOOLEAN: "BOOL",
    ColumnType.CATEGORY: "BYTES",
    ColumnType.TEXT: "BYTES",
    ColumnType.DATE: "BYTES",
}
"""The datatype by which each type of column is described."""
_WHOLE = frozenset({"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"})
_ACCEPTED = {
    ColumnType.INTEGER: _WHOLE,
    ColumnType.NUMBER: _WHOLE | {"FP16", "FP32", "FP64"},
    ColumnType.BOOLEAN: frozenset({"BOOL"}),
    ColumnType.CATEGORY: frozenset({"BYTES"}),
    ColumnType.TEXT: frozenset({"BYTES"}),
    ColumnType.DATE: frozenset({"BYTES"}),
}


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | None = None


class _Wanted(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class InferenceRequest(msgspec.Struct):
    """The body of an infer request; binary tensors are an extension that is not spoken here."""

    inputs: list[_Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[_Wanted] | None = None


_DECODER = msgspec.json.Decoder(InferenceRequest)


def read_inference(body: bytes, validator: Validator) -> tuple[InferenceRequest, Question]:
    """An infer request, and its columns checked; raises `RefusedError` (400, 413, 422)."""
    request: InferenceRequest = decode(body, _DECODER)
    given: dict[str, list[Any]] = {}
    rows = request.inputs[0].shape[0] if request.inputs and request.inputs[0].shape else 0
    for tensor in request.inputs:
        if tensor.name in given:
            raise unfit(Fault(tensor.name[:80], "one tensor for each column", "two"))
        _check_tensor(tensor, rows, validator)
        values = tensor.data
        if values and type(values[0]) is list:
            values = [value for row in values for value in (row if type(row) is list else [row])]
        if len(values) != rows:
            raise unfit(Fault(tensor.name[:80], f"{rows} values", f"{len(values)} values"))
        given[tensor.name] = values
    for wanted in request.outputs or []:
        if wanted.name not in {"prediction", "probability"}:
            raise unfit(Fault("outputs", "prediction or probability", shown(wanted.name)))
    return request, validator.check_columns(given, rows)


def write_inference(request: InferenceRequest, model: ServedModel, answer: Answer) -> dict[str, Any]:
    """The body of the answer to an infer request."""
    rows = len(answer.predictions)
    classifies = model.task is Task.CLASSIFICATION
    outputs: list[dict[str, Any]] = [
        {
            "name": "prediction",
            "shape": [rows],
            "datatype": "BYTES" if classifies else "FP64",
            "data": answer.predictions,
        }
    ]
    if answer.probabilities is not None:
        flat = [value for row in answer.probabilities for value in row]
        shape = [rows, len(model.classes)]
        outputs.append({"name": "probability", "shape": shape, "datatype": "FP64", "data": flat})
    if request.outputs:
        names = {wanted.name for wanted in request.outputs}
        outputs = [output for output in outputs if output["name"] in names]
    body = {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    return {"id": request.id, **body} if request.id is not None else body


def model_metadata(model: ServedModel, versions: list[str]) -> dict[str, Any]:
    """What `/v2/models/NAME` tells: the tensors in and out."""
    inputs = [
        {"name": column.name, "datatype": DATATYPES[column.type], "shape": [-1]} for column in model.signature.columns
    ]
    classifies = model.task is Task.CLASSIFICATION
    outputs: list[dict[str, Any]] = [
        {"name": "prediction", "datatype": "BYTES" if classifies else "FP64", "shape": [-1]}
    ]
    if classifies:
        outputs.append({"name": "probability", "datatype": "FP64", "shape": [-1, len(model.classes)]})
    platform = "onnxruntime_onnx" if model.bundle.info.format == "onnx" else "sklearn_skops"
    return {"name": model.name, "versions": versions, "platform": platform, "inputs": inputs, "outputs": outputs}


def _check_tensor(tensor: _Tensor, rows: int, validator: Validator) -> None:
    name = tensor.name[:80]
    if not tensor.shape or tensor.shape[0] != rows or prod(tensor.shape) != rows:
        raise unfit(Fault(name, f"the shape [{rows}] or [{rows}, 1]", str(tensor.shape)[:80]))
    kind = validator.types.get(tensor.name)
    if kind is not None and tensor.datatype not in _ACCEPTED[kind]:
        raise unfit(Fault(name, f"the datatype {DATATYPES[kind]}", shown(tensor.datatype)))
