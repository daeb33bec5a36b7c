"""Makes the misbehaving servers, the callers, and the certificates of the registry's tests importable."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "registry")]
