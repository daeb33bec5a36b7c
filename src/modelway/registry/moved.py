"""An embedded registry whose directory was moved, copied, or is mounted elsewhere.

MLflow keeps the files' places as absolute addresses. Without this, a copied project would write into the one it was
copied from, and a moved one would not find its champion.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from modelway.registry.location import BUSY_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

ROOT_TAG = "modelway.root"
"""The tag of an experiment that tells where the registry's directory was when addresses were last written."""
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow_move(database: Path, root: str) -> None:
    """Rewrite the addresses below the directory's former place, all in one transaction.

    Args:
        database: the SQLite file.
        root: the directory's address now, as a `file://` URI.
    """
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection, connection:
        select = "SELECT DISTINCT value FROM experiment_tags WHERE key = ? AND value <> ?"
        for (former,) in connection.execute(select, (ROOT_TAG, root)).fetchall():
            for table, column in _ADDRESSES:
                # The names are ours, from the list above; the values are bound.
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608
                    (root, len(former) + 1, len(former) + 1, f"{former}/"),
                )
            connection.execute(
                "UPDATE experiment_tags SET value = ? WHERE key = ? AND value = ?", (root, ROOT_TAG, former)
            )
