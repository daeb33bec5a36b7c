"""The first line of a workflow that `init` wrote: by it `upgrade` knows whether anybody edited the rest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from pydantic import ValidationError

from modelway.errors import UsageError
from modelway.records.adopt import Marker, ModuleReference, WorkflowPlace

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEGIN = "# modelway:workflow "


def mark(text: str, version: str, module: ModuleReference, place: WorkflowPlace) -> str:
    """The text with its marker before it."""
    values = {
        "version": version,
        "module": str(module),
        "folder": quote(place.folder),
        "prefix": place.prefix,
        "index": "yes" if place.index else "",
        "name": place.name,
        "commit": module.commit or "",
        "sha256": _digest(text),
    }
    return f"{_BEGIN}{' '.join(f'{name}={value}' for name, value in values.items())}\n{text}"


def read_marker(content: str) -> Marker | None:
    """The marker that a file begins with; None where it has none, or one that can't be read."""
    line, _, _ = content.partition("\n")
    if not line.startswith(_BEGIN):
        return None
    words = dict(word.partition("=")[::2] for word in line.removeprefix(_BEGIN).split())
    try:
        return _parse(words)
    except (KeyError, UsageError, ValidationError):
        return None


def is_edited(content: str, marker: Marker) -> bool:
    """Whether the text is another than the one that was marked; the ends of lines are no matter."""
    _, _, text = content.partition("\n")
    return _digest(text) != marker.digest


def _parse(words: Mapping[str, str]) -> Marker:
    place = WorkflowPlace(
        folder=unquote(words["folder"]),
        prefix=words["prefix"],
        index=words["index"] == "yes",
        name=words.get("name", ""),
    )
    module = ModuleReference.parse(words["module"], words["version"], words.get("commit") or None)
    return Marker(version=words["version"], module=module, place=place, digest=words["sha256"])


def _digest(text: str) -> str:
    # A checkout on Windows may have turned the ends of lines over.
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()
