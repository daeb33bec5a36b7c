"""`dagger.json`: a project of the user's own that depends on modelway's module, for functions that call it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelway.errors import InputError
from modelway.parsing import parse_json

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.adopt import ModuleReference

FILE = "dagger.json"
DEPENDENCY = "modelway"
ENGINE = "v0.21.8"
"""The engine that modelway's module is made for; its own dagger.json says the same."""


def dagger_json(name: str, module: ModuleReference) -> str:
    """The file of a module that has no code yet, as `dagger init` and `dagger install` leave it."""
    return _dump({"name": name, "engineVersion": ENGINE, "dependencies": [_dependency(module)]})


def dependency_in(path: Path) -> str | None:
    """What a project's file says that modelway's module is; None where it does not depend on it.

    Raises:
        InputError: the file is no JSON object.
    """
    found = _find(_read(path))
    return str(found.get("source")) if found is not None else None


def with_dependency(path: Path, module: ModuleReference) -> str:
    """A project's file with another version of modelway's module."""
    values = _read(path)
    found = _find(values)
    if found is not None:
        found.pop("pin", None)
        found.update(_dependency(module))
    return _dump(values)


def _dependency(module: ModuleReference) -> dict[str, str]:
    pin = {"pin": module.commit} if module.commit else {}
    return {"name": DEPENDENCY, "source": str(module), **pin}


def _find(values: dict[str, Any]) -> dict[str, Any] | None:
    listed = values.get("dependencies")
    named = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return next((one for one in named if one.get("name") == DEPENDENCY), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"this is no JSON: {error}", where=str(path), remedy="Correct the file.") from error
    if not isinstance(values, dict):
        raise InputError("this is no JSON object", where=str(path), remedy="Correct the file.")
    return values


def _dump(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
