"""The columns of a file against those that are wanted."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from modelway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.batch.blocks import Wanted


def check_names(file: str, found: Sequence[str], wanted: Wanted, remedy: str = "") -> tuple[str, ...]:
    """The columns of a file that are not wanted.

    Raises:
        InputError: one that is needed is missing, or one that is wanted is there twice.
    """
    if missing := [name for name in wanted.columns if name in wanted.needed and name not in found]:
        close = difflib.get_close_matches(missing[0], found, n=1)
        advice = f"Is {close[0]!r} meant? Rename it." if close else f"The file has: {_listed(found)}. {remedy}".strip()
        raise InputError(f"the column {missing[0]!r} is missing", where=file, remedy=advice)
    if doubled := [name for name in wanted.columns if list(found).count(name) > 1]:
        raise InputError(
            f"the column {doubled[0]!r} stands there {list(found).count(doubled[0])} times",
            where=file,
            remedy="Give each column a name of its own.",
        )
    return tuple(dict.fromkeys(name for name in found if name not in wanted.columns))


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
