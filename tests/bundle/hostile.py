"""Bundles as an attacker makes them: with the public tools of skops, onnx and MLflow, never with modelway's writers."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import skops.io
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from modelway.artifacts import file_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FEATURES = 8
"""Columns of the matrix that the `binary` data set gives."""


def reseal(bundle: Path) -> None:
    """Rewrite manifest, provenance and bill of materials to fit the files: an attacker owns them all."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    files = {path.relative_to(bundle).as_posix(): path for path in bundle.rglob("*") if path.is_file()}
    for name in ("manifest.json", "model.sig"):
        files.pop(name, None)
    estimator = "model.skops" if "model.skops" in files else "model.onnx"
    told = {name: file_digest(files[name]) for name in ("model.json", "features.json", "signature.json", estimator)}
    provenance = json.loads((bundle / "provenance.json").read_text())
    provenance["subject"] = [{"name": name, "digest": {"sha256": digest}} for name, digest in told.items()]
    (bundle / "provenance.json").write_text(json.dumps(provenance))
    sbom = json.loads((bundle / "sbom.cdx.json").read_text())
    others = [one for one in sbom["components"] if one["type"] != "file"]
    components = [
        {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
        for name, digest in told.items()
    ]
    sbom["components"] = [*components, *others]
    (bundle / "sbom.cdx.json").write_text(json.dumps(sbom))
    manifest["files"] = {name: file_digest(path) for name, path in sorted(files.items())}
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def use_skops(bundle: Path, estimator: Any, trusted: tuple[str, ...] = ()) -> None:
    """Put an estimator that skops wrote in the place of the bundle's, and let the bundle trust what it likes."""
    (bundle / "model.onnx").unlink(missing_ok=True)
    (bundle / "model.skops").write_bytes(skops.io.dumps(estimator))
    change_json(bundle / "bundle.json", lambda info: info.update(format="skops"))
    change_json(bundle / "model.json", lambda info: info.update(trusted=list(trusted)))
    reseal(bundle)


def shell_command(command: str) -> Any:
    """An object that skops writes as a call of `posix.system` (ConstructorFromReduceNode)."""

    def reduce(self: Any) -> Any:
        return type(self), (command,)

    return type("system", (), {"__module__": "posix", "__reduce__": reduce})()


def use_onnx(bundle: Path, model: onnx.ModelProto | bytes) -> None:
    """Put an ONNX model in the place of the bundle's."""
    content = model if isinstance(model, bytes) else model.SerializeToString()
    (bundle / "model.onnx").write_bytes(content)
    reseal(bundle)


def width_of(bundle: Path) -> int:
    """Columns of the matrix that the bundle's model takes."""
    return len(json.loads((bundle / "features.json").read_text())["names"])


def linear_model(width: int, weights: TensorProto | None = None, **more: Any) -> onnx.ModelProto:
    """Two classes: the sigmoid of a product; `more` goes into the graph (nodes, initializer, sparse_initializer)."""
    weights = weights or numpy_helper.from_array(np.zeros((width, 1), np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Sigmoid", ["z"], ["p"])]
    return model_of(
        width, [*nodes, *more.pop("nodes", [])], initializer=[weights, *more.pop("initializer", [])], **more
    )


def model_of(width: int, nodes: list[onnx.NodeProto], **more: Any) -> onnx.ModelProto:
    """A model of one float input (rows, width) and one output `p`."""
    functions, opsets = more.pop("functions", []), more.pop("opsets", [])
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 1])],
        **more,
    )
    imports = [helper.make_opsetid("", 17), *opsets]
    return helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=9)


def external_tensor(name: str, shape: tuple[int, ...], location: str) -> TensorProto:
    """A tensor whose bytes onnx's own helper says are in another file."""
    tensor = numpy_helper.from_array(np.zeros(shape, np.float32), name)
    external_data_helper.set_external_data(tensor, location=location, offset=0, length=int(np.prod(shape)) * 4)
    tensor.ClearField("raw_data")
    return tensor


def copied(bundle: Path, target: Path) -> Path:
    """A bundle to be changed."""
    shutil.copytree(bundle, target)
    return target
