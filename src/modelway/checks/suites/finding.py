"""Whether a project has tests, or says of its own where they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.checks.files import holds

if TYPE_CHECKING:
    from pathlib import Path

_TEST = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py")
"""What pytest collects unless it is configured otherwise, and what only tests have."""
_CONFIGURATION = {
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
"""Files of pytest's own configuration, and the section that makes them one."""


def has_tests(root: Path) -> bool:
    """Whether a project has a file that pytest collects, or configures pytest, which may then collect anything."""
    configured = any(
        (root / name).is_file() and section in (root / name).read_text(encoding="utf-8", errors="replace")
        for name, section in _CONFIGURATION.items()
    )
    return configured or holds(root, lambda name: _TEST.fullmatch(name) is not None)
