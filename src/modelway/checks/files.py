"""Whether a project holds files of some kind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SKIPPED = ("__pycache__", "node_modules", "site-packages")


def holds(place: Path, wanted: Callable[[str], bool]) -> bool:
    """Whether a file is wanted by its name, or a folder holds one that is; hidden folders and environments are skipped.

    Args:
        place: a file or folder.
        wanted: decides by a file's name.
    """
    if place.is_file():
        return wanted(place.name)
    for folder, folders, files in os.walk(place):
        if any(map(wanted, files)):
            return True
        folders[:] = _looked_into(folder, folders)
    return False


def _looked_into(folder: str, folders: Iterable[str]) -> list[str]:
    return [
        name
        for name in folders
        if not name.startswith(".") and name not in _SKIPPED and not Path(folder, name, "pyvenv.cfg").is_file()
    ]
