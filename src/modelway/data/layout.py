"""What a file has to hold: the declared columns, and those that only the split reads."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from modelway.errors import InputError
from modelway.records.tables import ARROW_TYPES

if TYPE_CHECKING:
    from modelway.records.data import Column, PrepareOptions


@dataclass(frozen=True)
class Layout:
    """The columns of a file."""

    columns: dict[str, Column]
    """The declared ones, in the settings' order."""
    ignore: frozenset[str]
    """Those that may stand in a file besides."""
    keys: tuple[str, ...] = ()
    """Of the ignored ones, those that the split reads; they are read as text."""

    @classmethod
    def of(cls, options: PrepareOptions, keys: tuple[str, ...] = ()) -> Layout:
        """The layout that the settings ask for."""
        return cls(options.columns, frozenset(options.ignore), keys)

    @property
    def names(self) -> list[str]:
        """The columns to read, in the order of the table."""
        return [*self.columns, *self.keys]

    @property
    def schema(self) -> pa.Schema:
        """The schema of the table that a reader gives."""
        kinds = [ARROW_TYPES[column.type] for column in self.columns.values()]
        return pa.schema(list(zip(self.names, [*kinds, *[pa.string()] * len(self.keys)], strict=True)))

    def check_names(self, file: str, found: list[str]) -> None:
        """Refuse a file whose column names are doubled, unlisted or not all there; raises `InputError`."""
        if doubled := sorted({name for name in found if found.count(name) > 1}):
            raise InputError(
                f"the column {doubled[0]!r} stands there {found.count(doubled[0])} times",
                where=file,
                remedy="Give each column a name of its own.",
            )
        missing = [name for name in self.names if name not in found]
        unlisted = [name for name in found if name not in self.columns and name not in self.ignore]
        if missing:
            raise InputError(
                f"the column {missing[0]!r} is missing",
                where=file,
                remedy=_similar(missing[0], unlisted or found) or f"The file has the columns: {_listed(found)}.",
            )
        if unlisted:
            raise InputError(
                f"the column {unlisted[0]!r} is not declared",
                where=file,
                remedy=_similar(unlisted[0], list(self.columns))
                or f"Add {_listed(unlisted)} to the settings' prepare.columns, or to prepare.ignore to leave it out.",
            )


def _similar(name: str, others: list[str]) -> str | None:
    """A remedy that names the most similar name, where one is similar."""
    folded = {other.strip().casefold(): other for other in others}
    close = difflib.get_close_matches(name.strip().casefold(), folded, n=1, cutoff=0.7)
    if not close:
        return None
    return f"Is {folded[close[0]]!r} meant? Otherwise add {name!r} to prepare.columns or prepare.ignore, or correct it."


def _listed(names: list[str], most: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
