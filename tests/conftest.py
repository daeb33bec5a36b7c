"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Tests run side by side, one a core; OpenMP teams that share cores wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data sets; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {folder}")
    return folder
