"""The Dagger module under `ci/`, which is no part of the installed package."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ci" / "src"))
sys.path.insert(0, str(ROOT / "ci"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def workshop() -> SimpleNamespace:
    """What containers are made from, with a package that is only named."""
    from dagger import dag

    from modelway_ci.images import Workshop

    return Workshop(package=dag.directory().directory("package"))
