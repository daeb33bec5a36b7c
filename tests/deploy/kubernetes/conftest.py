"""Makes the stand-in and the real cluster importable, and opens the world of a real API server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def real(request: Any, tmp_path: Path, load_world: Any) -> Iterator[Any]:
    """A namespace of a real API server; skipped with the reason where there is none."""
    with load_world("kubernetes_real").world(request, tmp_path, "canary-3f9a1c") as made:
        yield made
