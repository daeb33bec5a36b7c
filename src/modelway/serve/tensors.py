"""The binary tensor data extension of the Open Inference Protocol, as Triton's client speaks it.

A body is JSON and then the tensors' bytes, little-endian, in the order of the tensors: protocol_binary_data in
github.com/triton-inference-server/server/tree/main/docs/protocol. BYTES elements have their length before them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.serve.refusals import Fault, unfit, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = b"inference-header-content-length"
"""The header that says how long the JSON before the tensors is."""
SIZE, WANTED, ALL_WANTED = "binary_data_size", "binary_data", "binary_data_output"
"""Parameters: of a tensor its bytes, of an output whether it is wanted so, of a request whether all outputs are."""
_DTYPES = {
    "BOOL": "?",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_LENGTH = struct.Struct("<I")


def split_body(body: bytes, length: bytes) -> tuple[bytes, memoryview]:
    """The JSON and the tensors' bytes; raises `RefusedError` (400)."""
    if not length.isdigit() or len(length) > 10 or int(length) > len(body):
        raise unreadable("Inference-Header-Content-Length is not the length of the JSON in the body")
    return body[: int(length)], memoryview(body)[int(length) :]


def read_tensor(name: str, datatype: str, rows: int, content: memoryview) -> list[Any]:
    """A tensor's values.

    Raises:
        RefusedError: it does not have `rows` of them (422).
    """
    if datatype == "BYTES":
        return _read_texts(name, rows, content)
    if datatype not in _DTYPES:
        raise unfit(Fault(name, "a known datatype", datatype[:80]))
    dtype = np.dtype(_DTYPES[datatype])
    if len(content) != rows * dtype.itemsize:
        raise unfit(Fault(name, f"{rows * dtype.itemsize} bytes", f"{len(content)} bytes"))
    values: list[Any] = np.frombuffer(content, dtype).tolist()
    return values


def write_tensor(datatype: str, values: Sequence[Any]) -> bytes:
    """A tensor's bytes."""
    if datatype != "BYTES":
        return np.asarray(values, _DTYPES[datatype]).tobytes()
    texts = [str(value).encode() for value in values]
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)


def _read_texts(name: str, rows: int, content: memoryview) -> list[Any]:
    texts: list[Any] = []
    start = 0
    while start + _LENGTH.size <= len(content) and len(texts) < rows:
        end = start + _LENGTH.size + _LENGTH.unpack_from(content, start)[0]
        if end > len(content):
            break
        try:
            texts.append(str(content[start + _LENGTH.size : end], "utf-8"))
        except UnicodeDecodeError as error:
            raise unfit(Fault(name, "text in UTF-8", "other bytes", len(texts))) from error
        start = end
    if len(texts) != rows or start != len(content):
        raise unfit(Fault(name, f"{rows} texts, each after its length", f"{len(content)} bytes"))
    return texts
