"""The modules of bench/, which is no package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
MODULES = ("records", "series", "benchmarks", "scorecard_charts", "scorecard", "run", "help", "first_prediction")


@pytest.fixture(scope="session")
def modules() -> Iterator[SimpleNamespace]:
    """Those that cost little to import; whatever is called like them elsewhere is not in their way, nor they in its."""
    hidden = {name: sys.modules.pop(name) for name in (*MODULES, "measure") if name in sys.modules}
    sys.path.insert(0, str(BENCH))
    try:
        found = SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(str(BENCH))
    yield found
    for name in (*MODULES, "measure"):
        sys.modules.pop(name, None)
    sys.modules.update(hidden)


@pytest.fixture
def bench(modules: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules, with records in a folder of the test's own."""
    monkeypatch.setenv("MODELWAY_BENCH_RECORDS", str(tmp_path / "records"))
    monkeypatch.setattr(sys, "argv", ["bench/tried.py", "5"])
    return modules
