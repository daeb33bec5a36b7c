"""The files that make a bundle an MLflow model, whose own tools then load it through `modelway.bundle.pyfunc`.

Written here and not by mlflow, which would stamp them with the time and a random number.
"""

from __future__ import annotations

import json
import platform
import uuid
from typing import TYPE_CHECKING, Any

import yaml

from modelway.artifacts import digest_of
from modelway.bundle.layout import ENVIRONMENT, INPUT_EXAMPLE, MLMODEL, REQUIREMENTS, SERVING_EXAMPLE
from modelway.bundle.packages import requirement_lines
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.records.bundle import BundleInfo, Signature, SignatureColumn

_LOADER = "modelway.bundle.pyfunc"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:modelway:mlmodel")
_EPOCH = "1970-01-01 00:00:00.000000"
_TYPES = {
    ColumnType.INTEGER: "long",
    ColumnType.NUMBER: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.CATEGORY: "string",
    ColumnType.TEXT: "string",
    ColumnType.DATE: "datetime",
}


def write_mlmodel(directory: Path, info: BundleInfo, signature: Signature, packages: Mapping[str, str]) -> None:
    """Write MLmodel, requirements.txt and python_env.yaml into a bundle.

    Args:
        directory: the bundle.
        info: which model this is.
        signature: what it takes and gives.
        packages: the version of each package that loads it, by name.
    """
    (directory / REQUIREMENTS).write_text("\n".join(requirement_lines(dict(packages))) + "\n", encoding="utf-8")
    environment = {
        "python": platform.python_version(),
        "build_dependencies": [],
        "dependencies": [f"-r {REQUIREMENTS}"],
    }
    _dump(directory / ENVIRONMENT, environment)
    inputs = [_input(column) for column in signature.columns]
    types = {"number": "double", "string": "string"}
    outputs = [{"type": types[one.type], "name": one.name, "required": True} for one in signature.outputs]
    model = {
        "flavors": {
            "python_function": {
                "env": {"virtualenv": ENVIRONMENT},
                "loader_module": _LOADER,
                "python_version": platform.python_version(),
            }
        },
        "metadata": {"version": info.version, "model_digest": info.model_digest},
        "model_uuid": uuid.uuid5(_NAMESPACE, digest_of({"model": info.to_json()})).hex,
        "run_id": info.run_id,
        "saved_input_example_info": {
            "artifact_path": INPUT_EXAMPLE,
            "pandas_orient": "split",
            "serving_input_path": SERVING_EXAMPLE,
            "type": "dataframe",
        },
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
        "utc_time_created": _EPOCH if info.created is None else f"{info.created[:19].replace('T', ' ')}.000000",
    }
    _dump(directory / MLMODEL, model)


def _input(column: SignatureColumn) -> dict[str, Any]:
    """MLflow has no missing whole numbers, and reads dates in ISO 8601 alone; its other forms leave that to us."""
    kind = _TYPES[column.type]
    if column.nullable and column.type is ColumnType.INTEGER:
        kind = "double"
    elif column.format is not None:
        kind = "string"
    return {"type": kind, "name": column.name, "required": not column.nullable}


def _dump(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=True, allow_unicode=True), encoding="utf-8")
