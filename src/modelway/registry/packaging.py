"""A model directory as an MLflow model, without pickle: an `MLmodel` file that names our loader.

MLflow's own `save_model` does the same, but looks through every installed package first (half a second).
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from modelway.records.data import ColumnType, Task

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow.models import ModelSignature

    from modelway.records.fit import ModelInfo
    from modelway.records.observe import Baseline
    from modelway.registry.candidate import Candidate

LOADER = "modelway.bundle.pyfunc"
DATA = "data"
"""Where the model's own files lie in the MLflow model."""
_REQUIRED = ("modelway", "scikit-learn", "lightgbm", "skops", "numpy", "pyarrow")
_MLFLOW_TYPES = {
    ColumnType.INTEGER: "long",
    ColumnType.NUMBER: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.CATEGORY: "string",
    ColumnType.TEXT: "string",
    ColumnType.DATE: "datetime",
}


def write_mlflow_model(candidate: Candidate, directory: Path) -> None:
    """Write everything of the MLflow model but the model's own files, which go into `data/` beside it."""
    import mlflow.pyfunc
    from mlflow.models import Model

    example = candidate.baseline.example_row(candidate.info.inputs)
    _write_example(example, directory)
    requirements = [*requirement_lines(), f"mlflow=={version('mlflow')}"]
    (directory / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    # YAML takes JSON as it is.
    environment = {
        "python": platform.python_version(),
        "build_dependencies": [],
        "dependencies": ["-r requirements.txt"],
    }
    (directory / "python_env.yaml").write_text(json.dumps(environment, indent=2) + "\n", encoding="utf-8")
    model = Model(
        signature=signature(candidate.info, candidate.baseline),
        saved_input_example_info={
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        },
    )
    mlflow.pyfunc.add_to_model(model, loader_module=LOADER, data=DATA, python_env="python_env.yaml")
    model.model_size_bytes = candidate.evaluation.size_bytes
    model.save(str(directory / "MLmodel"))


def requirement_lines() -> list[str]:
    """The packages that loading the model takes, as they are installed here."""
    lines = []
    for name in _REQUIRED:
        try:
            lines.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return lines


def signature(info: ModelInfo, baseline: Baseline) -> ModelSignature:
    """Which columns the model takes and gives.

    A column that had missing values when the model was fitted may be left out. MLflow has no missing whole numbers,
    so that such a column counts as `double`.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = []
    for name, kind in info.inputs.items():
        optional = _may_miss(baseline, name)
        mlflow_type = "double" if optional and kind is ColumnType.INTEGER else _MLFLOW_TYPES[kind]
        inputs.append(ColSpec(mlflow_type, name, required=not optional))
    if info.task is Task.REGRESSION:
        outputs: list[ColSpec | TensorSpec] = [ColSpec("double", "prediction")]
    else:
        probabilities = [ColSpec("double", f"probability_{name}") for name in info.classes]
        outputs = [ColSpec("string", "prediction"), *probabilities]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _may_miss(baseline: Baseline, column: str) -> bool:
    distribution = baseline.columns.get(column)
    return distribution is not None and distribution.missing > 0


def _write_example(row: dict[str, Any], directory: Path) -> None:
    """The example as a table in pandas' "split" form, alone and as a request to a scoring server."""
    table = {"columns": list(row), "data": [list(row.values())]}
    (directory / "input_example.json").write_text(json.dumps(table), encoding="utf-8")
    request = json.dumps({"dataframe_split": table}, indent=2)
    (directory / "serving_input_example.json").write_text(request, encoding="utf-8")
