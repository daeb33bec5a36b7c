"""What the reader of a model allows and demands. Nothing in it ever comes from the model that is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.errors import UsageError
from modelway.records.base import Record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TRUST = "MODELWAY_TRUST"
"""The environment variable that lists further names, separated by spaces or commas."""
_NAME = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?")


class Trust(Record):
    """What may be loaded."""

    names: tuple[str, ...] = ()
    """Types (`module.Class`) and functions (`module:function`) that a model may use, in addition to those that modelway
    trusts itself."""
    public_key: str | None = None
    """The public key (PEM) that signatures are checked with: its file's path, or its text."""
    require_signature: bool = False
    """Whether a bundle without a valid signature is refused."""

    def with_names(self, *more: Iterable[str]) -> Trust:
        """Return the same policy with further names."""
        return self.model_copy(update={"names": join_names(self.names, *more)})


def is_pem(key: str) -> bool:
    """Whether this is the text of a key (RFC 7468), not the path of its file."""
    return key.lstrip().startswith("-----BEGIN ")


def locate_key(key: str | None, root: Path) -> str | None:
    """Return a key of the settings as `Trust` holds it: a path from the settings' directory on, a text as it is."""
    return key if key is None or is_pem(key) else str(root / key)


def join_names(*parts: Iterable[str]) -> tuple[str, ...]:
    """Return all names, each once, sorted."""
    return tuple(sorted({name for part in parts for name in part}))


def read_names(text: str, where: str) -> tuple[str, ...]:
    """Read a list of names.

    Args:
        text: names, separated by spaces or commas.
        where: names the list in errors.

    Raises:
        UsageError: one of them is not the name of a type or function.
    """
    names = text.replace(",", " ").split()
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is not the name of a type or function",
                where=where,
                remedy="Write module.Class or module:function.",
            )
    return join_names(names)
