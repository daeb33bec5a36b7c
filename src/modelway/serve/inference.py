"""The Open Inference Protocol, version 2 (github.com/kserve/open-inference-protocol, REST): one tensor a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from modelway.records.data import ColumnType, Task
from modelway.serve import tensors
from modelway.serve.answers import to_json
from modelway.serve.decoding import LARGE_BYTES, Json
from modelway.serve.refusals import Fault, shown, unfit

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
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class InferenceRequest(msgspec.Struct):
    """The JSON of an infer request."""

    inputs: list[_Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[_Output] | None = None

    def is_binary(self, output: str) -> bool:
        """Whether an output is wanted in binary."""
        for wanted in self.outputs or ():
            if wanted.name == output and tensors.WANTED in (wanted.parameters or {}):
                return bool((wanted.parameters or {})[tensors.WANTED])
        return bool((self.parameters or {}).get(tensors.ALL_WANTED))


class _CutTensor(msgspec.Struct):
    name: str
    shape: msgspec.Raw
    datatype: str
    data: msgspec.Raw = msgspec.Raw()
    parameters: msgspec.Raw = msgspec.Raw(b"null")


class _CutRequest(msgspec.Struct):
    """The same, to be decoded in parts."""

    inputs: msgspec.Raw
    id: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"null")
    outputs: msgspec.Raw = msgspec.Raw(b"null")


_REQUEST = msgspec.json.Decoder(InferenceRequest)
_CUT_REQUEST = msgspec.json.Decoder(_CutRequest)
_CUT_TENSORS = msgspec.json.Decoder(list[_CutTensor])
_SHAPE = msgspec.json.Decoder(list[int])
_VALUES = msgspec.json.Decoder(list[Any])
_PARAMETERS = msgspec.json.Decoder(dict[str, Any] | None)
_OUTPUTS = msgspec.json.Decoder(list[_Output] | None)


def read_inference(body: bytes, head_length: bytes | None, validator: Validator) -> tuple[InferenceRequest, Question]:
    """Read an infer request and check its columns.

    Args:
        body: JSON, followed by the tensors' bytes where there is a `head_length`.
        head_length: the header `Inference-Header-Content-Length`: how long the JSON is.
        validator: the model's.

    Raises:
        RefusedError: it does not fit (400, 413, 422).
    """
    content, rest = (body, memoryview(b"")) if head_length is None else tensors.split_body(body, head_length)
    source = Json(content, validator.most_values, validator.most_rows)
    large = len(content) > LARGE_BYTES
    request: InferenceRequest = _decode_in_parts(source) if large else source.decode(_REQUEST)
    given: dict[str, list[Any]] = {}
    rows = request.inputs[0].shape[0] if request.inputs and request.inputs[0].shape else 0
    if rows > 0:
        validator.check_rows(rows)
    for tensor in request.inputs:
        name = tensor.name[:80]
        if tensor.name in given:
            raise unfit(Fault(name, "one tensor for each column", "two"))
        _check_tensor(tensor, rows, validator)
        values, rest = _values(tensor, rows, rest)
        if len(values) != rows:
            raise unfit(Fault(name, f"{rows} values", f"{len(values)} values"))
        given[tensor.name] = values
    if rest:
        raise unfit(Fault("body", "no more bytes than the tensors have", f"{len(rest)} more"))
    for wanted in request.outputs or []:
        if wanted.name not in {"prediction", "probability"}:
            raise unfit(Fault("outputs", "prediction or probability", shown(wanted.name)))
    return request, validator.check_columns(given, rows)


def write_inference(
    request: InferenceRequest, model: ServedModel, answer: Answer
) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The body of the answer to an infer request, and its headers."""
    rows = len(answer.predictions)
    datatype = "BYTES" if model.task is Task.CLASSIFICATION else "FP64"
    found: list[tuple[str, list[int], str, list[Any]]] = [("prediction", [rows], datatype, answer.predictions)]
    if answer.probabilities is not None:
        flat = [value for row in answer.probabilities for value in row]
        found.append(("probability", [rows, len(model.classes)], "FP64", flat))
    names = {wanted.name for wanted in request.outputs or ()}
    outputs, binary = [], b""
    for name, shape, datatype, values in found:
        if names and name not in names:
            continue
        output: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype}
        if request.is_binary(name):
            content = tensors.write_tensor(datatype, values)
            output["parameters"] = {tensors.SIZE: len(content)}
            binary += content
        else:
            output["data"] = values
        outputs.append(output)
    body = {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    head = to_json({"id": request.id, **body} if request.id is not None else body)
    if not any("parameters" in output for output in outputs):
        return head, [(b"content-type", b"application/json")]
    length = b"%d" % len(head)
    return head + binary, [(b"content-type", b"application/octet-stream"), (tensors.HEADER, length)]


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


def _decode_in_parts(source: Json) -> InferenceRequest:
    cut: _CutRequest = source.decode(_CUT_REQUEST)
    return InferenceRequest(
        inputs=[
            _Tensor(
                tensor.name,
                source.part(tensor.shape, _SHAPE, "shape"),
                tensor.datatype,
                source.array(tensor.data, _VALUES, "data") if tensor.data else None,
                source.part(tensor.parameters, _PARAMETERS, "parameters"),
            )
            for tensor in source.cut(cut.inputs, _CUT_TENSORS, "inputs")
        ],
        id=cut.id,
        parameters=source.part(cut.parameters, _PARAMETERS, "parameters"),
        outputs=source.part(cut.outputs, _OUTPUTS, "outputs"),
    )


def _check_tensor(tensor: _Tensor, rows: int, validator: Validator) -> None:
    name = tensor.name[:80]
    first, *others = tensor.shape or [-1]
    if first != rows or len(others) > 1 or others not in ([], [1]):
        found = str(tensor.shape)[:80] if len(tensor.shape) <= 8 else f"{len(tensor.shape)} dimensions"
        raise unfit(Fault(name, f"the shape [{rows}] or [{rows}, 1]", found))
    kind = validator.types.get(tensor.name)
    if kind is not None and tensor.datatype not in _ACCEPTED[kind]:
        raise unfit(Fault(name, f"the datatype {DATATYPES[kind]}", shown(tensor.datatype)))


def _values(tensor: _Tensor, rows: int, rest: memoryview) -> tuple[list[Any], memoryview]:
    """A tensor's values, from the JSON or from the bytes behind it; and the bytes behind those."""
    name = tensor.name[:80]
    size = (tensor.parameters or {}).get(tensors.SIZE)
    if size is not None:
        if type(size) is not int or not 0 <= size <= len(rest) or tensor.data is not None:
            raise unfit(Fault(name, f"a {tensors.SIZE} of bytes that follow the JSON, and no data", shown(size)))
        return tensors.read_tensor(name, tensor.datatype, rows, rest[:size]), rest[size:]
    if tensor.data is None:
        raise unfit(Fault(name, f"data, or a {tensors.SIZE} with Inference-Header-Content-Length", "neither"))
    values = tensor.data
    if values and type(values[0]) is list:
        values = [value for row in values for value in (row if type(row) is list else [row])]
    return values, rest
