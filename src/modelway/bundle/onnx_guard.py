"""Whether an ONNX model stands alone: no weights in other files, no operators that load a library.

onnxruntime resolves external data against the working directory, and onnx itself is not installed where models are
served. So the few fields that matter are parsed here with protobuf, which onnxruntime needs anyway.

Source: onnx.proto (IR version 13), whose field numbers never change.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from modelway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MESSAGES = {
    "Model": {"graph": (7, "Graph"), "training": (20, "Training"), "functions": (25, "Function")},
    "Training": {"initialization": (1, "Graph"), "algorithm": (2, "Graph")},
    "Graph": {"nodes": (1, "Node"), "initializer": (5, "Tensor"), "sparse_initializer": (15, "Sparse")},
    "Function": {"name": (1, ""), "nodes": (7, "Node"), "domain": (10, ""), "attributes": (11, "Attribute")},
    "Node": {"op_type": (4, ""), "attributes": (5, "Attribute"), "domain": (7, "")},
    "Attribute": {
        "t": (5, "Tensor"),
        "g": (6, "Graph"),
        "tensors": (10, "Tensor"),
        "graphs": (11, "Graph"),
        "sparse": (22, "Sparse"),
        "sparses": (23, "Sparse"),
    },
    "Sparse": {"values": (1, "Tensor"), "indices": (2, "Tensor")},
    "Tensor": {"name": (8, ""), "external_data": (13, "Entry"), "data_location": (14, "number")},
    "Entry": {"key": (1, ""), "value": (2, "")},
}
"""Fields by message: their number, and the message that they hold (or text where empty, or a number)."""
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
_LOADING = frozenset({"EPContext"})
"""Operators of these domains that name a file or a library."""
_REMEDY = "Save the model with all of its weights inside (onnx.save), made of ONNX's own operators."


def refuse_outside(content: bytes, where: str) -> None:
    """Raise `InputError` where an ONNX model is invalid, has data in other files, or has operators of unknown domains.

    Args:
        content: the model.
        where: names it in errors.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]

    try:
        model = _classes()["Model"].FromString(content)
    except DecodeError as error:
        raise InputError(f"this is not an ONNX model: {error}", where=where) from error
    own = {_text(function.domain) for function in model.functions}
    for kind, message in _walk("Model", model):
        if kind == "Tensor" and (message.external_data or message.data_location):
            location = next((_text(one.value) for one in message.external_data if _text(one.key) == "location"), "")
            raise InputError(
                f"the tensor {_text(message.name)!r} has its data in another file, {location!r}",
                where=where,
                remedy=_REMEDY,
            )
        if kind == "Node":
            domain, operator = _text(message.domain), _text(message.op_type)
            if domain not in _DOMAINS | own or operator in _LOADING:
                name = f"{domain}.{operator}" if domain else operator
                raise InputError(f"the operator {name} is not one of ONNX or onnxruntime", where=where, remedy=_REMEDY)


def _walk(kind: str, message: Any) -> Iterator[tuple[str, Any]]:
    """Yield each message below one, with its kind."""
    waiting = [(kind, message)]
    while waiting:
        kind, message = waiting.pop()
        yield kind, message
        for field, (_, below) in _MESSAGES[kind].items():
            if below in _MESSAGES:
                waiting += [(below, part) for part in getattr(message, field)]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


@cache
def _classes() -> dict[str, Any]:
    """Return the messages' classes.

    Every field that holds messages is declared as repeated: protobuf merges what a file gives twice, and so each part
    is seen.
    """
    from google.protobuf import (  # type: ignore[import-untyped,unused-ignore]
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="modelway/onnx.proto", package="modelway.onnx", syntax="proto2")
    for kind, fields in _MESSAGES.items():
        message = file.message_type.add(name=kind)
        for name, (number, below) in fields.items():
            one = message.field.add(name=name, number=number, label=field.LABEL_OPTIONAL, type=field.TYPE_BYTES)
            if below == "number":
                one.type = field.TYPE_INT32
            elif below:
                one.type, one.label, one.type_name = field.TYPE_MESSAGE, field.LABEL_REPEATED, f".modelway.onnx.{below}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {kind: pool.FindMessageTypeByName(f"modelway.onnx.{kind}") for kind in _MESSAGES}
    return {kind: message_factory.GetMessageClass(descriptor) for kind, descriptor in found.items()}
