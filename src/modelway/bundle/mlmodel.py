"""The files that make a bundle an MLflow model, whose own tools then load it through `modelway.bundle.pyfunc`.

Written here and not by mlflow, which would stamp them with the time and a random number. MLflow imports the loader and
the code that an MLmodel file names, so `check_mlmodel` takes none but what is written here.
"""

from __future__ import annotations

import json
import platform
import re
import uuid
from typing import TYPE_CHECKING, Any

import yaml

from modelway.artifacts import digest_of
from modelway.bundle.contents import REMEDY
from modelway.bundle.layout import ENVIRONMENT, INPUT_EXAMPLE, MLMODEL, REQUIREMENTS, SERVING_EXAMPLE
from modelway.bundle.packages import requirement_lines
from modelway.errors import InputError
from modelway.records.data import ColumnType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.bundle.contents import Contents
    from modelway.records.bundle import BundleInfo, Signature, SignatureColumn

_LOADER = "modelway.bundle.pyfunc"
_FLAVOR = {"env": {"virtualenv": ENVIRONMENT}, "loader_module": _LOADER}
_ENVIRONMENT = {"build_dependencies": [], "dependencies": [f"-r {REQUIREMENTS}"]}
_EXAMPLE = {
    "artifact_path": INPUT_EXAMPLE,
    "pandas_orient": "split",
    "serving_input_path": SERVING_EXAMPLE,
    "type": "dataframe",
}
_KEYS = frozenset(
    {"flavors", "metadata", "model_uuid", "run_id", "saved_input_example_info", "signature", "utc_time_created"}
)
_PYTHON = re.compile(r"[0-9]+(\.[0-9]+)*[A-Za-z0-9+]*")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
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
    _dump(directory / ENVIRONMENT, {"python": platform.python_version(), **_ENVIRONMENT})
    inputs = [_input(column) for column in signature.columns]
    types = {"number": "double", "string": "string"}
    outputs = [{"type": types[one.type], "name": one.name, "required": True} for one in signature.outputs]
    model = {
        "flavors": {"python_function": {**_FLAVOR, "python_version": platform.python_version()}},
        "metadata": {"version": info.version, "model_digest": info.model_digest},
        "model_uuid": uuid.uuid5(_NAMESPACE, digest_of({"model": info.to_json()})).hex,
        "run_id": info.run_id,
        "saved_input_example_info": _EXAMPLE,
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
        "utc_time_created": _EPOCH if info.created is None else f"{info.created[:19].replace('T', ' ')}.000000",
    }
    _dump(directory / MLMODEL, model)


def check_mlmodel(contents: Contents) -> None:
    """Check that MLflow would load a bundle with modelway's loader, run no code of its own, and read no other file.

    Raises:
        InputError: the MLmodel file names another loader, code, data or environment, or the requirements are not names
            with versions.
    """
    model = _parsed(contents, MLMODEL)
    flavor = model.get("flavors", {}).get("python_function") if isinstance(model.get("flavors"), dict) else None
    version = flavor.get("python_version") if isinstance(flavor, dict) else None
    expected = {"python_function": {**_FLAVOR, "python_version": version}}
    if model.get("flavors") != expected or not isinstance(version, str):
        raise _foreign(contents, MLMODEL, f"MLflow would load it with something else than {_LOADER}")
    if foreign := sorted(map(str, model.keys() - _KEYS)):
        raise _foreign(contents, MLMODEL, f"it has the key {foreign[0]!r}")
    if model.get("saved_input_example_info") != _EXAMPLE:
        raise _foreign(contents, MLMODEL, "its example is another file")
    environment = _parsed(contents, ENVIRONMENT)
    python = environment.pop("python", None)
    if environment != _ENVIRONMENT or not isinstance(python, str) or not _PYTHON.fullmatch(python):
        raise _foreign(contents, ENVIRONMENT, f"it installs more than {REQUIREMENTS}")
    for line in contents.read(REQUIREMENTS).decode("utf-8", "replace").splitlines():
        if not _REQUIREMENT.fullmatch(line):
            raise _foreign(contents, REQUIREMENTS, f"{line[:100]!r} is not a name with its version")


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a few bytes of them can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has aliases")
        return super().compose_node(parent, index)


def _parsed(contents: Contents, name: str) -> dict[str, Any]:
    try:
        found = yaml.load(contents.read(name), Loader=_PlainLoader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _foreign(contents, name, "it can't be read") from error
    if not isinstance(found, dict):
        raise _foreign(contents, name, "it can't be read")
    return found


def _foreign(contents: Contents, name: str, what: str) -> InputError:
    return InputError(f"modelway did not write this: {what}", where=contents.where(name), remedy=REMEDY)


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
