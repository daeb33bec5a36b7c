"""A small world of held-out rows and scores, and the table of faults that the gates have to refuse."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from threadpoolctl import threadpool_limits

from . import fault_table, faults_of_comparison, faults_of_data, faults_of_gates
from . import world as small_world

if TYPE_CHECKING:
    from collections.abc import Iterator

assert all((faults_of_comparison, faults_of_data, faults_of_gates)), "importing them fills the table"


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
    return small_world


@pytest.fixture(scope="session")
def fault_cases() -> dict[str, Any]:
    return fault_table.CASES


@pytest.fixture(scope="session")
def gate_cases() -> dict[str, Any]:
    return fault_table.GATE_CASES


@pytest.fixture(scope="session")
def load_room() -> Any:
    return room


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_name" in metafunc.fixturenames:
        metafunc.parametrize("fault_name", list(fault_table.CASES))
