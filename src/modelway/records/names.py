"""Names that the settings give to checks, which become names of files and of tests in reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PLAIN = re.compile(r"[a-z][a-z0-9_-]{0,49}")


def check_names(key: str, names: Iterable[str], taken: Collection[str]) -> None:
    """Raise `ValueError`, which begins with `key`, where a name is not plain, or is a check's already."""
    for name in names:
        if not _PLAIN.fullmatch(name):
            raise ValueError(f"{key} names {name!r}; names are small letters, digits, hyphens and underscores")
        if name in taken:
            raise ValueError(f"{key} names {name!r}, which is a check of its own")
