"""Makes the stand-in and the real cluster importable, and opens the world of a real API server."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
WORLDS = Path(__file__).parents[1] / "conformance" / "worlds"


def load_world(kind: str) -> Any:
    """A world of the conformance suite, as a module."""
    name = f"{kind}_world"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, WORLDS / f"{kind}.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def real(request: Any, tmp_path: Path) -> Iterator[Any]:
    """A namespace of a real API server; skipped with the reason where there is none."""
    with load_world("kubernetes_real").world(request, tmp_path, "canary-3f9a1c") as made:
        yield made
