"""A small world of held-out rows and scores, and the table of faults that the gates have to refuse."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


def _load(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"evaluate_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_WORLD = _load("world")
_FAULTS = _load("fault_table")
for _name in ("faults_of_gates", "faults_of_comparison", "faults_of_data"):
    _load(_name)


def room(package: str) -> SimpleNamespace:
    """The modules of the room, or of a mutant of it."""
    names = ("stage", "gates", "compare", "measure", "leakage", "bias", "checks", "rows", "groups")
    return SimpleNamespace(**{name: importlib.import_module(f"{package}.{name}") for name in names})


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The matrices here are small: more threads only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def world() -> Any:
    return _WORLD


@pytest.fixture(scope="session")
def fault_cases() -> dict[str, Any]:
    return _FAULTS.CASES


@pytest.fixture(scope="session")
def gate_cases() -> dict[str, Any]:
    return _FAULTS.GATE_CASES


@pytest.fixture(scope="session")
def load_room() -> Any:
    return room


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_name" in metafunc.fixturenames:
        metafunc.parametrize("fault_name", list(_FAULTS.CASES))
