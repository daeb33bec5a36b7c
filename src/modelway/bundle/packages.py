"""The packages that a bundle takes to be loaded, as they are installed where it was made."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from typing import TYPE_CHECKING

import modelway

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.features import FeatureSpec
    from modelway.records.fit import ModelInfo

OURS = "modelway"
_CORE = ("numpy", "pydantic", "PyYAML", "rich")
_BY_FORMAT = {"onnx": ("onnxruntime",), "skops": ("skops", "scikit-learn", "threadpoolctl")}


def needed_packages(info: ModelInfo, spec: FeatureSpec, form: str) -> dict[str, str]:
    """The version of each package by its name, with all that they need in turn; sorted, modelway itself first.

    Args:
        info: the model's; its trusted types name the user's packages.
        spec: its features; the user's functions among them take pyarrow's tables.
        form: onnx or skops.
    """
    roots = [*_CORE, *_BY_FORMAT[form]]
    functions = [feature.function for feature in spec.features if feature.kind == "custom"]
    if functions:
        roots.append("pyarrow")
    modules = [name.partition(":")[0] for name in functions]
    if form == "skops":
        modules += [*info.trusted, "lightgbm"]
    known = packages_distributions() if modules else {}  # reads the files of all that is installed
    for module in modules:
        roots += known.get(module.partition(".")[0], [])
    return {OURS: modelway.__version__, **_closure(roots)}


def requirement_lines(packages: dict[str, str]) -> list[str]:
    """The lines of `requirements.txt`."""
    return [f"{name}=={version}" for name, version in packages.items()]


def _closure(roots: Sequence[str]) -> dict[str, str]:
    """What is installed of these packages and of all that they need without extras."""
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = _normal(waiting.pop())
        if name in found or name == OURS:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = package.version
        needs = [Requirement(line) for line in package.requires or ()]
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return dict(sorted(found.items()))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
